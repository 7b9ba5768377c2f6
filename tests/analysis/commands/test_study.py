"""hmax-cnn study: new, check, list, plan and run."""

import json
from pathlib import Path

import pytest
import small_study
from command_line import invoke


@pytest.mark.slow
def test_study_new_checks_and_plans(tmp_path):
    """The study to start from is one that can be run; its plan says what it takes and writes
    nothing; it is never written over."""
    assert invoke("study", "new", tmp_path / "mine.toml").exit_code == 0
    assert (
        "is a study of 4 cells and 2 figures"
        in invoke("study", "check", tmp_path / "mine.toml").stdout
    )
    assert "is there already" in invoke("study", "new", tmp_path / "mine.toml").stderr
    planned = invoke("study", "run", tmp_path / "mine.toml", "--output", tmp_path / "out", "--plan")
    assert "4 cells, 192 images to answer, 2 figures; about " in planned.stdout
    assert not (tmp_path / "out").exists()
    facts = json.loads(
        invoke(
            "study",
            "run",
            tmp_path / "mine.toml",
            "--output",
            tmp_path / "out",
            "--plan",
            "--json",
            "--jobs",
            1,
        ).stdout
    )
    assert (facts["cells"], facts["jobs"]) == (4, 1)
    assert facts["seconds"] > 0
    assert sum(row["n_images"] for row in facts["rows"]) == 192


def test_study_check_says_what_is_wrong(tmp_path):
    """With status 1, as text and as JSON."""
    path = small_study.written(tmp_path, ("grid = [8, 8]", "gird = [8, 8]"))
    done = invoke("study", "check", path)
    assert done.exit_code == 1
    assert (
        f"Error: {path}:16: [models.pixels] Pixels has no parameter 'gird'. Did you mean 'grid'?"
        in done.stderr
    )
    done = invoke("study", "check", path, "--json")
    assert done.exit_code == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["line"], problem["place"]) == (16, "models.pixels")
    assert invoke("study", "run", path, "--output", tmp_path / "out").exit_code == 1
    assert not (tmp_path / "out").exists()


def test_study_run_says_what_it_made(small):
    path, out, facts = small
    assert (facts["cells"], facts["made_now"]) == (7, 7)
    assert "report.html" in facts["files"]
    again = invoke("study", "run", path, "--output", out, "--resume")
    assert "7 cells, 0 of them made now" in again.stderr
    assert invoke("study", "run", path, "--output", out, "--resume", "--quiet").output == ""
    assert invoke("study", "run", path, "--output", out).exit_code == 1
    assert invoke("study", "run", path).exit_code == 2


@pytest.mark.parametrize("name", ["quickstart", "tuning"])
def test_shipped_studies_that_need_no_sets(name):
    done = invoke("study", "check", Path(__file__).parents[3] / "examples" / f"{name}.toml")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["brain", "fields", "invariance", "svm"])
def test_shipped_studies(name, shared, monkeypatch):
    monkeypatch.setenv("HMAX_CNN_DATA", str(shared))
    done = invoke("study", "check", Path(__file__).parents[3] / "examples" / f"{name}.toml")
    assert done.exit_code == 0, done.output


REPRODUCTIONS = sorted((Path(__file__).parents[3] / "examples" / "reproductions").glob("*.toml"))


@pytest.mark.slow
@pytest.mark.parametrize("study", REPRODUCTIONS, ids=lambda path: path.stem)
def test_reproductions_are_studies_with_a_page(study, shared, monkeypatch):
    """Every figure is drawn of random results; each study has its page, which the summary names."""
    monkeypatch.setenv("HMAX_CNN_DATA", str(shared))
    done = invoke("study", "check", study)
    assert done.exit_code == 0, done.output
    pages = Path(__file__).parents[3] / "docs"
    page = pages / "reproductions" / f"{study.stem}.md"
    assert f"examples/reproductions/{study.name}" in page.read_text()
    assert f"reproductions/{page.name}" in (pages / "reproductions.md").read_text()
