"""What a study leaves in its folder."""

import json

import numpy as np
import pytest
from small_study import written

from hmax_cnn.analysis.study import read_study, run_study
from hmax_cnn.analysis.study.cells import cells_of
from hmax_cnn.analysis.study.outputs import FigureError

N_CELLS = 2 + 2 + 3  # similarity of two models; accuracy of two; three pairs of two models


def test_what_it_leaves(ran):
    """All that a paper needs is there, and the manifest knows every file."""
    _, out, done = ran
    assert (done.n_cells, done.n_made) == (N_CELLS, N_CELLS)
    names = {path.relative_to(out).as_posix() for path in done.files}
    assert {"study.toml", "report.html", "manifest.json", "methods.txt", "references.bib"} <= names
    assert {
        f"figures/{name}.{ending}"
        for name in ("invariance", "accuracy")
        for ending in ("pdf", "svg", "png", "csv", "txt")
    } <= names
    assert {
        "tables/similarity.csv",
        "tables/accuracy.layer_label_predicted.csv",
        "tables/not_significant_or_undefined.csv",
    } <= names
    assert "results/alignment/pixels~filters/shapes/seed0.nc" in names
    assert "models/linear-seed0.npz" not in names  # it is learned in folds only
    assert not (out / "responses").exists()
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest["sha256"]) == names - {"manifest.json"}
    assert manifest["images"]["shapes"] == {
        "n": 6,
        "shape": [32, 32],
        "sha256": manifest["images"]["shapes"]["sha256"],
    }
    assert set(manifest["seconds"]["cells"]) == {
        str(cell) for cell in cells_of(read_study(out / "study.toml"))
    }
    assert manifest["versions"]["numpy"] == np.__version__


FAILS_AT_THE_END = """\
from pathlib import Path

from matplotlib.figure import Figure

from hmax_cnn import figure


@figure(draws="table", seeds="mean", given=())
def fussy(table):
    if Path({out!r}).exists():
        raise ValueError("these are real results")
    return Figure()
"""


def test_a_figure_that_fails(tmp_path):
    """Everything else is there all the same, and the figure is named: one that could be drawn of
    random results before the study ran."""
    out = tmp_path / "out"
    (tmp_path / "fails_at_the_end.py").write_text(FAILS_AT_THE_END.format(out=str(out)))
    own = 'figure = "fails_at_the_end:fussy"'
    path = written(tmp_path, ('figure = "invariance"', own))
    with pytest.raises(
        FigureError,
        match=r"The figure 'invariance' .*cannot be drawn: ValueError: these are real results",
    ):
        run_study(path, out, jobs=1, progress=False)
    assert {path.name for path in (tmp_path / "out").rglob("*")} >= {
        "similarity.csv",
        "accuracy.pdf",
        "report.html",
        "manifest.json",
        "methods.txt",
    }
