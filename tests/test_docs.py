"""README and docs, run block by block from a fresh folder, as written.

A page finds what its reader has: the examples, a folder `pictures` with two classes, and, where
they are on this machine, the image sets that HMAX_CNN_DATA names. `python -m pytest -m docs`.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hmax_cnn.data import digits

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("HMAX_CNN_DATA", ROOT.parent / "shared" / "data"))
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
NEEDS_DATA = ("docs/measures.md",)


@pytest.fixture
def folder(tmp_path):
    """What a reader of the docs has in the working folder."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    images = digits()
    for side, start in (("train", 0), ("test", 20)):
        for number in range(start, start + 20):
            label = "even" if int(images.labels[number]) % 2 == 0 else "odd"
            place = tmp_path / "pictures" / side / label
            place.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(np.asarray(images[number])).resize((150, 150))
            picture.save(place / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(page, folder):
    if page in NEEDS_DATA and not DATA.is_dir():
        pytest.skip(f"needs the image sets in {DATA}")
    if page in ("docs/learned_models.md",):
        pytest.importorskip("torch")
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "MPLBACKEND": "Agg",
        "HMAX_CNN_DATA": str(DATA),
    }
    command = [sys.executable, "-P", str(Path(__file__).with_name("docs_page.py")), ROOT / page]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_a_four_panel_figure_in_a_notebook(folder):
    """To a journal's instructions: 85 mm, four panels, in at most 25 lines."""
    import nbformat
    from nbclient import NotebookClient

    for ending in ("ipynb", "toml"):
        source = ROOT / "examples" / f"four_panels.{ending}"
        (folder / source.name).write_bytes(source.read_bytes())
    notebook = nbformat.read(folder / "four_panels.ipynb", 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lines = [line for cell in cells for line in cell.source.split("\n") if line.strip()]
    assert len(lines) <= 25
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    shown = [output for output in cells[-1].outputs if "image/png" in output.get("data", {})]
    assert len(shown) == 1
    written = (folder / "figure1.pdf").read_bytes()
    width = float(written.partition(b"/MediaBox [ 0 0 ")[2].split()[0]) / 72 * 25.4
    assert width == pytest.approx(85, abs=0.2)
    assert b"/Subtype /Type3" not in written
