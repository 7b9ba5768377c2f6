"""What a study leaves in its folder."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from small_study import without_figures, written

from hmax_cnn.analysis.study import read_study, run_study
from hmax_cnn.analysis.study.cells import cells_of
from hmax_cnn.analysis.study.outputs import FigureError
from hmax_cnn.analysis.study.problems import StudyError
from hmax_cnn.analysis.study.toml_reading import read_kept_study

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


def test_a_look_in_a_study(tmp_path):
    """Of all figures, and of one, whose words go before; models and layers in the figure's order.
    What a look cannot have is refused with its line."""
    changes = (
        ("units = 20\n", 'units = 20\nlook = { labels = { pixels = "Pixels" }, font_size = 7 }\n'),
        (
            'measures = ["accuracy"]\nwidth',
            'measures = ["accuracy"]\nmodels = ["linear", "pixels"]\n'
            'look = { labels = { "linear, learned" = "Linear" }, x_limits = [0, 100] }\nwidth',
        ),
    )
    path = written(tmp_path, *changes)
    study = read_study(path)
    run_study(path, tmp_path / "out", jobs=1, progress=False)
    svg = (tmp_path / "out" / "figures" / "accuracy.svg").read_text()
    assert svg.index(">Linear<") < svg.index(">Pixels<")
    assert "linear, learned" not in svg
    assert ">Pixels<" in (tmp_path / "out" / "figures" / "invariance.svg").read_text()
    again = read_kept_study(tmp_path / "out")
    assert (again.look, again.figures) == (study.look, study.figures)
    wrong = (
        ("font_size = 7", "font_sise = 7", "`look` has no 'font_sise'. Did you mean 'font_size'"),
        ("x_limits = [0, 100]", "x_limits = [1, 1]", "`x_limits` must be two different numbers"),
        ("x_limits = [0, 100]", 'models = ["pixels"]', "`look` does not choose models"),
    )
    for old, new, message in wrong:
        text = path.read_text().replace(old, new)
        (tmp_path / "wrong.toml").write_text(text)
        with pytest.raises(StudyError, match=re.escape(message)) as refused:
            read_study(tmp_path / "wrong.toml")
        assert refused.value.problems[0].line == text[: text.index(new)].count("\n") + 1


def test_layers_of_a_measure_of_ones_own_stand_from_the_image_upward(tmp_path):
    """`groupby` sorts layers by the alphabet: c1 before s1."""
    (tmp_path / "my_own.py").write_text(
        "from hmax_cnn import measure\n\n\n"
        '@measure(takes="responses")\n'
        "def spread(responses):\n"
        '    """Spread."""\n'
        '    value = responses.std("image").groupby("layer").mean("unit")\n'
        '    return value.to_dataset(name="layer_value")\n\n\n'
        '@measure(takes="responses")\n'
        "def rows(responses):\n"
        '    """The same as a table."""\n'
        '    return spread(responses)["layer_value"].to_dataframe("value").reset_index()\n'
    )
    path = without_figures(
        tmp_path,
        (
            '[models.filters]\nlabel = "classical filters"\nmodel = "extraction:FilterBank"\n',
            '[models.filters]\nmodel = "hmax:HMAX"\nlayers = ["s1", "c1"]\n'
            "parameters = { bands = 1 }\n",
        ),
        (
            "[measures.alignment]",
            '[measures.spread]\nmeasure = "my_own:spread"\nmodels = ["filters"]\n'
            'images = ["shapes"]\n\n[measures.rows]\nmeasure = "my_own:rows"\n'
            'models = ["filters"]\nimages = ["shapes"]\n\n[measures.alignment]',
        ),
    )
    run_study(path, tmp_path / "out", jobs=1, progress=False)
    for name in ("spread", "rows"):
        table = pd.read_csv(tmp_path / "out" / "tables" / f"{name}.csv")
        assert table["layer"].tolist() == ["s1", "c1"]
