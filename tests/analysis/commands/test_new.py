"""hmax-cnn model new, hmax-cnn measure new: files that work as they are written."""

import numpy as np
import pytest
from command_line import invoke, run

STUDY = """
title = "Mine"

[images.digits]
source = "digits"
resize = "stretch:16x16"
per_class = 2

[models.energy]
model = "my_lab:Energy"

[measures.spread]
measure = "my_measure:spread"

[figures.spread]
figure = "my_measure:bars"
measures = ["spread"]
"""


@pytest.mark.slow
def test_they_work(tmp_path, monkeypatch):
    """Features and fields of the model; a study with the measure and its figure."""
    monkeypatch.chdir(tmp_path)
    assert invoke("model", "new", "my_lab.py").exit_code == 0
    assert invoke("measure", "new", "my_measure.py").exit_code == 0
    done = run("extract", "digits", "--model", "my_lab:Energy", "--output", "features.npz")
    assert done.returncode == 0, done.stderr
    with np.load("features.npz") as saved:
        assert saved["features"].shape == (1797, 9)
    (tmp_path / "mine.toml").write_text(STUDY)
    done = run("study", "run", "mine.toml", "--output", "mine", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "Spread of responses" in (tmp_path / "mine" / "figures" / "spread.svg").read_text()
    assert "energy" in (tmp_path / "mine" / "tables" / "spread.csv").read_text()


@pytest.mark.parametrize("name", ["my lab.py", "my_lab.txt", "2.py"])
def test_names_that_are_no_module(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("model", "new", name)
    assert done.exit_code == 1
    assert "FILE must be a module, such as my_lab.py" in done.stderr


def test_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("kept")
    done = invoke("measure", "new", "mine.py")
    assert "mine.py is there already. Give another name." in done.stderr
    assert (tmp_path / "mine.py").read_text() == "kept"


@pytest.mark.parametrize("command", [["models"], ["figure", "--list"]])
def test_lists_fit_eighty_columns(command):
    """Left-aligned: a name at the margin, what it is below it."""
    lines = invoke(*command).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("    ") for line in lines)
    names = [line for line in lines if not line.startswith(" ")]
    assert len(names) > 5
    assert all(line.strip() == line for line in names)
