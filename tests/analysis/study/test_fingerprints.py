"""What a result depends on: files, modules, an index."""

import numpy as np
import pandas as pd
import pytest
from small_study import written

from hmax_cnn.analysis.study import run_study

N_CELLS = 2 + 2 + 3  # similarity of two models; accuracy of two; three pairs of two models


READS = """
import pandas as pd
from pathlib import Path
from the_other import FACTOR

from hmax_cnn import measure

@measure(takes="responses")
def reads(responses, table):
    return pd.DataFrame({"layer": ["all"], "value": [FACTOR * float(Path(table).read_text())]})
"""


def test_files_and_imported_modules_count(tmp_path):
    """A cell is made again when a file in its parameters, or a module that its module imports, has
    changed; so it is in one process, too."""
    (tmp_path / "reading_measure.py").write_text(READS)
    (tmp_path / "the_other.py").write_text("FACTOR = 1\n")
    (tmp_path / "number.txt").write_text("7")
    own = 'measure = "reading_measure:reads"\nparameters = { table = "number.txt" }'
    path = written(tmp_path, ('measure = "analysis.measures.alignment:cka"', own))

    def run(resume=True):
        done = run_study(path, tmp_path / "out", resume=resume, jobs=1, progress=False)
        return done.n_made, pd.read_csv(tmp_path / "out" / "tables" / "alignment.csv")[
            "value"
        ].tolist()

    assert run(False) == (6, [7.0, 7.0])
    (tmp_path / "number.txt").write_text("8")
    assert run() == (2, [8.0, 8.0])
    (tmp_path / "the_other.py").write_text("FACTOR = 10\n")
    assert run() == (2, [80.0, 80.0])
    assert {path.name for path in (tmp_path / "out" / "code").iterdir()} == {
        "reading_measure.py",
        "the_other.py",
    }


def test_what_an_index_says_counts(tmp_path):
    """Angles are no pixels, but they are what a view is: changed in the index, the cell is made
    again."""
    from PIL import Image

    rng = np.random.default_rng(0)
    rows = [(f"{thing}{angle}.png", thing, angle) for thing in "abc" for angle in (0, 30, 60)]
    for name, *_ in rows:
        Image.fromarray(rng.integers(0, 255, (32, 32), dtype=np.uint8)).save(tmp_path / name)

    def index(angles):
        lines = [f"{name},{thing},{angles[angle]}" for name, thing, angle in rows]
        (tmp_path / "index.csv").write_text("\n".join(["path,label,angle", *lines]) + "\n")

    turned = 'views = { object = "label", angle = "angle" }'
    path = written(
        tmp_path,
        (
            (
                'source = "data.stimuli:fourier_shapes"\nparameters = { screen = [32, 32], '
                "n_shapes = 6, sizes = [16] }"
            ),
            'source = "index.csv"',
        ),
        (
            'transformation = "data.transformations:shift"\nvalues = [-4, 0, 4]\nunit = "pixels"',
            turned,
        ),
    )
    index({0: 0, 30: 30, 60: 60})
    assert run_study(path, tmp_path / "out", jobs=1, progress=False).n_made == N_CELLS
    before = pd.read_csv(tmp_path / "out" / "tables" / "similarity.csv")
    index({0: 0, 30: 60, 60: 30})
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 2 + 3
    after = pd.read_csv(tmp_path / "out" / "tables" / "similarity.csv")
    assert after.loc[after["amount"] == 60, "value"].tolist() == pytest.approx(
        before.loc[before["amount"] == 30, "value"].tolist(), abs=1e-12
    )
