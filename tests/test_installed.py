"""Installed, all is one import package: files of the user's own with our old names disturb nothing.

A wheel and an editable install, each in an environment of its own, are used from a folder that has
data.py, analysis.py, cnn.py and hmax.py: by a script, a notebook, the command line and a study.
"""

import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from small_study import written

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
OWN = {
    "data.py": '''
from hmax_cnn.data.stimuli import Stimuli, fourier_shapes

def my_shapes() -> Stimuli:
    """Three shapes."""
    return fourier_shapes((32, 32), n_shapes=3, sizes=(16,))
''',
    "analysis.py": '''
import pandas as pd
from hmax_cnn import measure

@measure(takes="responses")
def largest(responses):
    """The largest response."""
    layer = str(responses["layer"].values[0])
    row = {"layer": layer, "value": float(responses.max()), "low": 0.0, "high": 1e9}
    return pd.DataFrame([row])
''',
    "cnn.py": '''
from hmax_cnn import FeatureExtractor, Maps

class Mine(FeatureExtractor):
    """Luminance."""

    layer_names = ("mine",)

    def __init__(self, layer="mine", image_shape=None, device="cpu", batch_memory=256,
                 n_threads=None, progress=None):
        self.layer, self.image_shape, self.device = layer, image_shape, device
        self.batch_memory, self.n_threads, self.progress = batch_memory, n_threads, progress

    def learn(self, images, labels):
        pass

    def walk(self, retina, wanted):
        yield "mine", [Maps(retina.values, retina.field)], lambda gradients: gradients[0]
''',
    "hmax.py": "mine = 1\n",
    "extraction.py": "mine = 2\n",
}
SCRIPT = """
import pickle
import numpy as np
import analysis, cnn, data, extraction, hmax
from hmax_cnn import HMAX, Pixels, responses
assert hmax.mine == 1 and extraction.mine == 2 and hasattr(cnn, "Mine")
images = np.random.default_rng(0).integers(0, 256, (2, 64, 64))
features = HMAX(prototypes="photographs", bands=2).transform(images)
assert features.shape == (2, 800)
content = pickle.dumps(HMAX())
assert b"hmax_cnn.hmax.model" in content
assert isinstance(pickle.loads(content), HMAX)
assert responses(Pixels(grid=(4, 4)), images).attrs["model"] == "hmax_cnn.extraction:Pixels"
assert cnn.Mine().image_gradient(images, "mine", 5).sum() == 2
print("done")
"""


def environment(folder, *arguments):
    """An environment with the dependencies of this one, and our package as pip installs it."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--ignore-installed", *arguments],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    return python


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request, tmp_path_factory):
    """The environment's Python, and a folder with files of the user's own."""
    folder = tmp_path_factory.mktemp(request.param)
    checkout = folder / "checkout"
    kept = shutil.ignore_patterns(".git", ".venv", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, checkout, ignore=kept)
    if request.param == "editable":
        arguments = ["-e", str(checkout)]
    else:
        arguments = [str(checkout)]
    python = environment(folder / "venv", *arguments)
    work = folder / "work"
    work.mkdir()
    for name, text in OWN.items():
        (work / name).write_text(text)
    return python, work


def run(python, work, *arguments):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, cwd=work, env=clean, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("installed", ["wheel"], indirect=True)
def test_script(installed):
    python, work = installed
    (work / "script.py").write_text(SCRIPT)
    assert run(python, work, "script.py") == "done\n"
    where = run(python, work, "-c", "import hmax_cnn.analysis; print(hmax_cnn.analysis.__file__)")
    assert Path(where.strip()).is_relative_to(work.parent)


def test_notebook(installed, tmp_path):
    """Executed in a kernel of the environment, in the folder of the user's own files."""
    python, work = installed
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SCRIPT)])
    kernels = tmp_path / "kernels" / "ours"
    kernels.mkdir(parents=True)
    arguments = f'["{python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    kernel = f'{{"argv": {arguments}, "display_name": "ours", "language": "python"}}'
    (kernels / "kernel.json").write_text(kernel)
    client = NotebookClient(notebook, timeout=120, kernel_name="ours")
    client.create_kernel_manager().kernel_spec_manager.kernel_dirs.insert(0, str(kernels.parent))
    client.resources = {"metadata": {"path": str(work)}}
    client.execute()
    printed = [out["text"] for out in notebook.cells[0].outputs if out.get("name") == "stdout"]
    assert "".join(printed) == "done\n"


def test_command_line(installed):
    """Ours by the short name, and the user's own class in a cnn.py."""
    python, work = installed
    main = ("-m", "hmax_cnn")
    for model, n_units in (("hmax:HMAX", 800), ("cnn:Mine", 64)):
        if n_units == 800:
            settings = ("--set", "prototypes=photographs")
        else:
            settings = ()
        if n_units == 800:
            resize = "height:140"
        else:
            resize = "stretch:8x8"
        output = ("--resize", resize, "--output", "features.npz", "--quiet")
        run(python, work, *main, "extract", "photographs", "--model", model, *settings, *output)
        assert np.load(work / "features.npz")["features"].shape == (2, n_units)


@pytest.mark.parametrize("installed", ["wheel"], indirect=True)
def test_study(installed):
    """The user's data.py, analysis.py and cnn.py are named in a study beside our own packages."""
    python, work = installed
    shapes = (
        'source = "data.stimuli:fourier_shapes"\nparameters = { screen = [32, 32], n_shapes = 6, '
        "sizes = [16] }"
    )
    study = written(
        work,
        (shapes, 'source = "data:my_shapes"'),
        ('model = "extraction:FilterBank"', 'model = "cnn:Mine"'),
        ('measure = "analysis.measures.alignment:cka"', 'measure = "analysis:largest"'),
    )
    shutil.rmtree(work / "out", ignore_errors=True)
    main = ("-m", "hmax_cnn")
    run(python, work, *main, "study", "run", str(study), "--output", "out", "--quiet")
    table = pd.read_csv(work / "out" / "tables" / "alignment.csv")
    assert table["layer"].tolist() == ["pixels", "mine"]
    assert sorted(path.name for path in (work / "out" / "code").iterdir()) == [
        "analysis.py",
        "cnn.py",
        "data.py",
    ]
