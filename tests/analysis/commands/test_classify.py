"""hmax-cnn classify: accuracy of a readout, by whole processes."""

import json
import os
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from command_line import inside, run

HMAX_CNN = [sys.executable, "-m", "hmax_cnn"]


SMALL = ["--set", "prototypes=photographs", "--set", "bands=2", "--set", "n_prototypes=4"]


def test_classify_by_cross_validation(pictures, tmp_path):
    done = run(
        "classify",
        pictures,
        "--set",
        "prototype_sizes=(2, 4)",
        "--set",
        "n_prototypes=20",
        "--set",
        "bands=3",
        "--folds",
        3,
        "--format",
        "json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["features"] for row in rows] == ["pixels", "HMAX c2"]
    assert rows[1]["accuracy"] > 0.9
    assert rows[1]["low"] < rows[1]["accuracy"] <= rows[1]["high"]
    folder = tmp_path / "hmax-cnn-classify"
    assert {path.name for path in folder.iterdir()} == {
        "accuracy.csv",
        "predictions.csv",
        "run.json",
    } | {f"confusion.{e}" for e in ("pdf", "svg", "png", "csv")}
    table = pd.read_csv(folder / "predictions.csv")
    assert len(table) == 72
    assert pd.read_csv(folder / "confusion.csv")["n_pictures"].sum() == 36
    assert "<text" in (folder / "confusion.svg").read_text()
    assert json.loads((folder / "run.json").read_text())["complete"] is True


def test_classify_by_the_given_split(pictures, tmp_path):
    rows = [
        f"{label}/{i:02d}.png,{label},{'train' if i < 8 else 'test'}"
        for label in ("level", "slanted", "upright")
        for i in range(12)
    ]
    (pictures / "index.csv").write_text("\n".join(["path,label,split", *rows]))
    done = inside(
        "classify",
        pictures / "index.csv",
        *SMALL,
        "--no-baseline",
        "--output",
        tmp_path / "out",
        "--format",
        "csv",
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "features,accuracy,low,high,n_test,folds,C"
    assert done.stdout.splitlines()[1].split(",")[4:6] == ["12", "1"]


def test_nothing_of_the_test_images_is_learned(pictures):
    """Swapping the test images for noise changes neither prototypes nor predictions for the
    others."""
    from hmax_cnn.analysis.readout import classify
    from hmax_cnn.data import read_folder
    from hmax_cnn.hmax import HMAX

    whole = read_folder(pictures)
    split = np.where(np.arange(36) % 3 == 0, "test", "train")
    rng = np.random.default_rng(1)
    arrays = np.stack([whole[i] for i in range(36)])
    noisy = arrays.copy()
    noisy[split == "test"] = rng.integers(0, 256, noisy[split == "test"].shape)
    noisy[0] = arrays[0]
    model = HMAX(prototype_sizes=(2,), n_prototypes=10, bands=2)
    results = [
        next(classify(model, replace(whole, source=source, split=split), "HMAX"))
        for source in (arrays, noisy)
    ]
    assert results[0].table["predicted"][0] == results[1].table["predicted"][0]
    assert results[0].best_c == results[1].best_c


def test_classify_with_a_network_learned_in_each_fold(tmp_path):
    done = inside(
        "classify",
        "digits",
        "--resize",
        "stretch:28x28",
        "--model",
        "cnn:CNN",
        "--set",
        "epochs=1",
        "--set",
        "batch_size=32",
        "--folds",
        "2",
        "--no-baseline",
        "--output",
        tmp_path / "results",
        "--format",
        "csv",
    )
    assert float(done.stdout.splitlines()[1].split(",")[1]) > 0.7


@pytest.mark.slow
def test_classify_with_groups(tmp_path):
    """Pictures of one object stay in one fold; without --groups the column is warned of; a column
    that is not there is refused."""
    from PIL import Image

    rng, rows = np.random.default_rng(0), ["path,label,object"]
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(
            tmp_path / f"{number}.png"
        )
        rows.append(f"{number}.png,{'ab'[number // 4 % 2]},o{number // 4}")
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    command = ["classify", tmp_path / "index.csv", "--model", "extraction:Pixels", "--no-baseline"]
    command += ["--set", "grid=(16, 16)", "--output", tmp_path / "out"]
    done = inside(*command, "--groups", "object", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_csv(tmp_path / "out" / "predictions.csv").merge(
        pd.read_csv(tmp_path / "index.csv"), left_on="image", right_on="path"
    )
    assert (table.groupby("object")["fold"].nunique() == 1).all()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["groups"] == "object"
    again = inside(*command, "--quiet")
    assert again.returncode == 1
    assert "holds the results of an earlier run" in again.stderr
    run_file = tmp_path / "out" / "run.json"
    run_file.write_text(run_file.read_text().replace('"complete": true', '"complete": false'))
    interrupted = run(*command, "--groups", "object", "--quiet")
    assert interrupted.returncode == 0, interrupted.stderr
    command.append("--overwrite")
    torn = run(*command, "--quiet")
    assert "Warning: The images have a column 'object'" in torn.stderr
    wrong = inside(*command, "--groups", "subject")
    assert wrong.returncode == 1
    assert "`groups` must be a column of the index, 'object', got 'subject'" in wrong.stderr


def test_the_backend_of_a_notebook_costs_no_folds(pictures, tmp_path):
    """MPLBACKEND of a notebook's shell: figures are drawn into files all the same."""
    environment = os.environ | {"MPLBACKEND": "module://nowhere.backend_inline"}
    done = run(
        "classify",
        pictures,
        "--model",
        "extraction:Pixels",
        "--no-baseline",
        "--folds",
        "2",
        "--output",
        tmp_path / "out",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "confusion.pdf").is_file()
