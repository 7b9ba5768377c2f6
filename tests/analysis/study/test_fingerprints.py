"""What a result depends on: files, modules, an index."""

import json
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from small_study import without_figures

from hmax_cnn.analysis.study import fingerprints, read_study, run_study
from hmax_cnn.analysis.study.building import Places
from hmax_cnn.analysis.study.cells import cells_of
from hmax_cnn.analysis.study.fingerprints import fingerprint, forget_code
from hmax_cnn.analysis.study.work import Work

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


@pytest.mark.slow
def test_files_and_imported_modules_count(tmp_path):
    """A cell is made again when a file in its parameters, or a module that its module imports, has
    changed; so it is in one process, too."""
    (tmp_path / "reading_measure.py").write_text(READS)
    (tmp_path / "the_other.py").write_text("FACTOR = 1\n")
    (tmp_path / "number.txt").write_text("7")
    own = 'measure = "reading_measure:reads"\nparameters = { table = "number.txt" }'
    path = without_figures(tmp_path, ('measure = "analysis.measures.alignment:cka"', own))

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


@pytest.mark.slow
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
    path = without_figures(
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


STUDY = """\
title = "Everything that a number can depend on"
units = 5
resamples = 4

[images.pictures]
source = "index.csv"
resize = "stretch:16x16"

[models.network]
model = "cnn:CNN"
learns_from = "pictures"
parameters = { architecture = "own_network:net", epochs = 1 }

[models.filters]
model = "extraction:FilterBank"

[models.classes]
model = "own_models:Scaled"
parameters = { weights = "weights.txt" }

[transformations.own]
transformation = "own_transformation:darker"
values = [0, 1]

[measures.dimensionality]
measure = "analysis.measures.selectivity:dimensionality"
models = ["network", "filters", "classes"]

[measures.own]
measure = "own_measures:own"
models = ["filters"]
parameters = { by = { how = ["own_rules:rule"] } }

[measures.changed]
measure = "analysis.measures.invariance:separability"
models = ["filters"]
transformations = ["own"]
"""
FILES = {
    "own_network.py": """
from own_helper import N
from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.layers import Conv, Dense

def net(image_shape=(16, 16), n_classes=2, **others) -> Graph:
    graph = Graph(1, (16, 16))
    graph.add("conv", Conv(N, 3))
    graph.outputs[graph.add("scores", Dense(2))] = 1.0
    return graph
""",
    "own_helper.py": "N = 3\n",
    "own_models.py": """
from pathlib import Path
from hmax_cnn import Pixels

class Scaled(Pixels):
    def __init__(self, grid=(4, 4), weights=None, **others):
        super().__init__(grid, **others)
        self.weights = weights

    def held(self):
        import numpy as np
        return {"table": np.loadtxt(Path(__file__).with_name("table.txt"))}
""",
    "own_transformation.py": """
from hmax_cnn.data.transformations import contrast
from hmax_cnn.data.transformed import Transformation

def darker() -> Transformation:
    return contrast()
""",
    "own_measures.py": """
import pandas as pd
from pathlib import Path
from hmax_cnn import measure

@measure(takes="responses")
def own(responses, by=None):
    here = Path(__file__).with_name("known.txt").read_text()
    return pd.DataFrame({"layer": ["all"], "value": [float(here)]})
""",
    "own_rules.py": "rule = None\n",
    "known.txt": "1",
    "weights.txt": "1",
    "table.txt": "1",
}
# What is changed, how, and the cells whose numbers may change by it.
NETWORK, FILTERS = "dimensionality/network", "dimensionality/filters"
CLASSES, OWN, CHANGED = "dimensionality/classes", "own/filters", "changed/filters"
EVERY = {NETWORK, FILTERS, CLASSES, OWN, CHANGED}
MUTATIONS = {
    "an architecture of the user's own": ("own_network.py", "Conv(N, 3)", "Conv(N, 5)", {NETWORK}),
    "what it imports": ("own_helper.py", "3", "4", {NETWORK}),
    "a model of the user's own": ("own_models.py", "(4, 4)", "(3, 3)", {CLASSES}),
    "a file in its parameters": ("weights.txt", "1", "2", {CLASSES}),
    "what it holds": ("table.txt", "1", "2", {CLASSES}),
    "a transformation": ("own_transformation.py", "contrast()", "contrast( )", {CHANGED}),
    "a measure": ("own_measures.py", "float(here)", "2 * float(here)", {OWN}),
    "an object deep in its parameters": ("own_rules.py", "None", "1", {OWN}),
    "a file that its code names": ("known.txt", "1", "2", {OWN}),
    "a picture": ("p0.png", None, None, EVERY),
    "a label": ("index.csv", "p0.png,a", "p0.png,b", EVERY),
    "a parameter of a model": ("study.toml", "epochs = 1", "epochs = 2", {NETWORK}),
    "what a model learns from": (
        "study.toml",
        'resize = "stretch:16x16"',
        'resize = "stretch:16x16"\nskip = 1',
        EVERY,
    ),
    "values of a transformation": ("study.toml", "[0, 1]", "[0.5, 1]", {CHANGED}),
    "the number of resamples": ("study.toml", "resamples = 4", "resamples = 5", EVERY),
    "the number of units": ("study.toml", "units = 5", "units = 6", EVERY),
    "the level": ("study.toml", "units = 5", "units = 5\nlevel = 0.9", EVERY),
    "a title": ("study.toml", "Everything", "All", set()),
    "a comment beside the study": ("notes.txt", None, None, set()),
}


def mutated_study(folder):
    from PIL import Image

    rng = np.random.default_rng(0)
    rows = ["path,label", *(f"p{number}.png,{'ab'[number % 2]}" for number in range(6))]
    for number in range(6):
        picture = rng.integers(0, 255, (16, 16), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"p{number}.png")
    for name, text in (FILES | {"study.toml": STUDY, "index.csv": "\n".join(rows)}).items():
        (folder / name).write_text(text)
    return folder / "study.toml"


def keys_of(path):
    """The key of every cell, as a new process would find it."""
    forget_code()
    places = Places(path.parent)
    places.forget_modules()
    study = read_study(path)
    work = Work(study, places, path.parent / "out", {})
    for name in study.images:
        work.fingerprints[name] = fingerprint(work.images(name), name)
    return {str(cell).rpartition("/pictures")[0]: work.key(cell) for cell in cells_of(study)}


@pytest.mark.parametrize("what", MUTATIONS)
def test_whatever_shapes_a_number_is_in_its_key(what, tmp_path):
    """Each part that a number can depend on, changed by itself: the keys of the cells that depend
    on it change, and those of no other cell."""
    name, old, new, cells = MUTATIONS[what]
    path = mutated_study(tmp_path)
    before = keys_of(path)
    assert set(before) == EVERY
    file = tmp_path / name
    if old is None:
        from PIL import Image

        picture = np.zeros((16, 16), np.uint8)
        Image.fromarray(picture).save(file.with_suffix(".png"))
    else:
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
    after = keys_of(path)
    assert {cell for cell in EVERY if before[cell] != after[cell]} == cells


@pytest.mark.parametrize("library", ["hmax-cnn", "numpy", "scipy", "scikit-learn"])
def test_a_version_is_in_every_key(library, tmp_path, monkeypatch):
    path = mutated_study(tmp_path)
    before = keys_of(path)
    known = fingerprints.version
    monkeypatch.setattr(
        fingerprints, "version", lambda name: "99" if name == library else known(name)
    )
    assert not {*before.values()} & {*keys_of(path).values()}


MADE = """
import torch

def made() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, {n}, 3), torch.nn.ReLU())
"""


@pytest.mark.slow
def test_a_network_of_the_users_own_is_never_stale(tmp_path):
    """The module that makes a PyTorch network changes, in one process: its cells are made again
    and say what the new code gives; the manifest has the module and a digest of the weights, the
    folder its code, and the methods name PyTorch."""
    torch = pytest.importorskip("torch")
    (tmp_path / "made_networks.py").write_text(MADE.format(n=4))
    dimensionality = """[measures.dimensionality]
measure = "analysis.measures.selectivity:dimensionality"
models = ["network"]
images = ["digits"]

[measures.accuracy]"""
    network = """[models.network]
model = "cnn.pytorch:TorchExtractor"
layers = ["1"]
parameters = { module = "made_networks:made", natural_shape = [16, 16] }

[models.pixels]"""
    path = without_figures(
        tmp_path, ("[measures.accuracy]", dimensionality), ("[models.pixels]", network)
    )
    done = run_study(path, tmp_path / "out", jobs=1, progress=False)
    table = tmp_path / "out" / "tables" / "dimensionality.csv"
    before = pd.read_csv(table)["value"].item()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["modules"]) == {"made_networks.py"}
    assert len(manifest["models"]["network"]["0"]["weights"]) == 64
    assert manifest["versions"]["torch"] == version("torch")
    assert (tmp_path / "out" / "code" / "made_networks.py").is_file()
    assert f"PyTorch {version('torch')}" in (tmp_path / "out" / "methods.txt").read_text()
    assert "paszke2019" in (tmp_path / "out" / "references.bib").read_text()
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 0
    (tmp_path / "made_networks.py").write_text(MADE.format(n=1))
    again = run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False)
    assert (done.n_cells, again.n_made) == (N_CELLS + 1, 1)
    after = pd.read_csv(table)["value"].item()
    assert after < before
    run_study(path, tmp_path / "fresh", jobs=1, progress=False)
    fresh = pd.read_csv(tmp_path / "fresh" / "tables" / "dimensionality.csv")["value"].item()
    assert after == fresh
    assert torch.is_grad_enabled()
