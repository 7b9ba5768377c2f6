"""hmax-cnn figure and report."""

import json
import re
from pathlib import Path

import pytest
from command_line import invoke


def test_figure_of_a_study(small, tmp_path, monkeypatch):
    """From the folder, another measure of it, a table, and a result; width and formats as asked."""
    _, out, _ = small
    monkeypatch.chdir(tmp_path)
    done = invoke("figure", "invariance", out, "--width", "85mm", "--format", "pdf", "--json")
    assert [Path(file).name for file in json.loads(done.stdout)["files"]] == [
        "invariance.pdf",
        "invariance.csv",
        "invariance.txt",
    ]
    box = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+)", (tmp_path / "invariance.pdf").read_bytes())
    assert float(box[1]) == pytest.approx(85 / 25.4 * 72, abs=0.1)
    assert (
        invoke(
            "figure", "layers", out, "--measure", "accuracy", "--format", "svg", "--output", "other"
        ).exit_code
        == 0
    )
    assert "linear, learned" in (tmp_path / "other.svg").read_text()
    assert (
        invoke(
            "figure",
            "invariance",
            out / "tables" / "similarity.csv",
            "--format",
            "svg",
            "--output",
            "table",
        ).exit_code
        == 0
    )
    assert (tmp_path / "table.svg").is_file()
    assert (
        "Intervals are 95 % (jackknife, Student's t, over images and units)."
        in (tmp_path / "invariance.txt").read_text()
    )
    result = next((out / "results" / "accuracy").rglob("*.nc"))
    assert (
        invoke("figure", "confusion", result, "--format", "png", "--output", "result").exit_code
        == 0
    )
    assert {path.suffix for path in tmp_path.glob("result.*")} == {".png", ".csv"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["invarience", "OUT"],
            (
                "has no figure 'invarience', but invariance, accuracy. Did you mean "
                "'invariance'? To draw one of ours, add --measure."
            ),
        ),
        (["layers", "OUT", "--measure", "acuracy"], "Did you mean 'accuracy'?"),
        (["invariance", "OUT", "--width", "3in"], "`width` must be 'single' (85 mm)"),
        (
            ["confusion", "OUT", "--measure", "similarity"],
            "it takes a 'layer_label_predicted_table'",
        ),
        (["nothing", "OUT/tables/similarity.csv"], "`figure` must be one of accuracy"),
        (["winners", "OUT/tables/similarity.csv"], "draws results: give a study's folder"),
        (
            ["accuracy", "OUT/tables/similarity.csv"],
            "must have one number for each layer, got values over a transformation",
        ),
        (["invariance", "OUT/tables/accuracy.csv"], "`table` must have the column 'amount'"),
        (["invariance", "OUT/nothing.csv"], "There is no file or folder"),
        (["invariance", "OUT/study.toml"], "RESULTS must be a folder, a .csv or a .nc"),
        (["invariance", "OUT/tables"], "holds no study"),
        (["invariance", "OUT", "--output", "no/such/folder/x"], "there is no folder"),
    ],
)
def test_figures_that_cannot_be_drawn(small, tmp_path, monkeypatch, arguments, text):
    _, out, _ = small
    monkeypatch.chdir(tmp_path)
    done = invoke("figure", *[argument.replace("OUT", str(out)) for argument in arguments])
    assert done.exit_code == 1
    assert text in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_figures_and_report_and_completion(small):
    """The list has every figure; the report is written again; shells get something to evaluate; a
    missing name is a wrong command."""
    _, out, _ = small
    listed = json.loads(invoke("figure", "--list", "--json").stdout)
    assert {row["figure"] for row in listed} >= {"accuracy", "invariance", "overview", "winners"}
    assert all(row["shows"] and row["draws"] for row in listed)
    assert json.loads(invoke("report", out, "--json").stdout) == {
        "report": str(out / "report.html")
    }
    assert "holds no study" in invoke("report", out / "tables").stderr
    assert "_hmax_cnn_completion" in invoke("completion", "bash").stdout
    assert "#compdef hmax-cnn" in invoke("completion", "zsh").stdout
    assert invoke("figure").exit_code == 2
    parts = json.loads(invoke("study", "list", "--json").stdout)
    assert {row["kind"] for row in parts} == {"stimuli", "transformations", "measures"}
    assert "analysis.measures.populations:population_similarity" in {
        row["path"] for row in parts if row["needs"] == "transformation"
    }
    assert all(row["about"] for row in parts)
    assert "analysis.measures.tuning:phase_tuning" in invoke("study", "list").stdout


def test_a_look_from_the_command_line(small, tmp_path, monkeypatch):
    """Parameters and fields of the look, of a folder and of a table; models by label or name."""
    _, out, _ = small
    monkeypatch.chdir(tmp_path)
    settings = ["--set", "models=['classical filters']", "--set", "y_limits=(0, 2)"]
    settings += ["--set", "labels={'classical filters': 'Gabors'}", "--set", "bands=none"]
    for number, source in enumerate((out, out / "tables" / "similarity.csv")):
        done = invoke("figure", "invariance", source, *settings, "--output", f"look{number}")
        assert done.exit_code == 0, done.stderr
        svg = (tmp_path / f"look{number}.svg").read_text()
        assert ">Gabors<" in svg
        assert "pixels<" not in svg.replace("(pixels)<", "")
        assert ">2.0<" in svg
    assert "interval" not in (tmp_path / "look0.txt").read_text()
    for setting, message in (
        ("y_limit=3", "no parameter 'y_limit'. Did you mean 'y_limits'"),
        ("models=['pixel']", "Did you mean 'pixels'"),
        ("y_scale=log", "`y_scale` must be one of 'linear', 'log2', 'log10'"),
    ):
        done = invoke("figure", "invariance", out, "--set", setting, "--output", "wrong")
        assert done.exit_code == 1
        assert message in done.stderr
        assert not (tmp_path / "wrong.svg").exists()
