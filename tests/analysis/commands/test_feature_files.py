"""Files of features: numbers of classes, text that spreadsheets would run, sets of files."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest
from command_line import invoke
from PIL import Image
from scipy.io import loadmat
from sklearn.datasets import load_svmlight_file

from hmax_cnn.analysis.commands.class_numbers import numbered
from hmax_cnn.analysis.commands.feature_files import check_size

PIXELS = ["--model", "extraction:Pixels", "--set", "grid=(2, 2)", "--quiet"]


def folder(root, *classes):
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        Image.fromarray(np.full((4, 4), 20 * number, np.uint8)).save(root / name / "one.png")
    return root


def codes(images, output):
    done = invoke("extract", images, *PIXELS, "--output", output)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(f"{output}.csv", dtype=str)
    return dict(zip(table["label"], load_svmlight_file(str(output))[1].astype(int), strict=True))


def test_labels_that_are_integers_are_their_own_numbers(tmp_path):
    images = folder(tmp_path / "set", *map(str, range(1, 12)))
    assert codes(images, tmp_path / "f.svmlight") == {str(n): n for n in range(1, 12)}
    assert not (tmp_path / "svmlight-classes.txt").exists()


def test_other_labels_keep_their_numbers_from_file_to_file(tmp_path):
    training = codes(folder(tmp_path / "train", "cat", "dog", "emu"), tmp_path / "train.svmlight")
    assert training == {"cat": 0, "dog": 1, "emu": 2}
    testing = codes(folder(tmp_path / "test", "ant", "emu"), tmp_path / "test.svmlight")
    assert testing == {"emu": 2, "ant": 3}
    assert (tmp_path / "svmlight-classes.txt").read_text() == "cat\ndog\nemu\nant\n"


def test_two_forms_of_one_integer_are_two_classes(tmp_path):
    found = codes(folder(tmp_path / "set", "1", "01"), tmp_path / "f.svmlight")
    assert sorted(found.values()) == [0, 1]


def test_a_list_of_classes_that_was_cut_off_or_written_twice(tmp_path):
    listed = tmp_path / "svmlight-classes.txt"
    listed.write_text("cat\ndog\ncat\nem")
    assert numbered(listed, ["cat", "emu"]) == {"cat": 0, "dog": 1, "em": 3, "emu": 4}
    listed.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="no list of classes in UTF-8"):
        numbered(listed, ["cat"])


def test_text_that_a_spreadsheet_would_run(tmp_path):
    images = folder(tmp_path / "set", "=cmd|'calc'!A0", "-30 degrees", "@SUM(1+1)", "+1")
    done = invoke("extract", images, *PIXELS, "--output", tmp_path / "f.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "f.csv").open(newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert sorted(labels) == ["'=cmd|'calc'!A0", "'@SUM(1+1)", "+1", "-30 degrees"]


def test_a_set_of_files_is_there_as_a_whole_or_not_at_all(tmp_path):
    images = folder(tmp_path / "set", "cat", "dog")
    (tmp_path / "f.svmlight.csv").mkdir()  # in the way of the second file
    done = invoke("extract", images, *PIXELS, "--output", tmp_path / "f.svmlight")
    assert done.exit_code == 1
    assert "it is a folder" in done.output
    assert not (tmp_path / "f.svmlight").exists()
    # What was done is kept: the same command goes on when the way is free.
    (tmp_path / "f.svmlight.csv").rmdir()
    again = invoke("extract", images, *PIXELS, "--output", tmp_path / "f.svmlight")
    assert again.exit_code == 0
    assert not list(tmp_path.glob(".*"))


def test_parquet_and_mat_say_the_same(tmp_path):
    """As read by pandas and by SciPy: numbers, images, classes, units, and what made them."""
    import pyarrow.parquet as parquet

    for ending in ("parquet", "mat", "npz"):
        done = invoke(
            *("extract", "digits", "--model", "extraction:Pixels", "--set", "grid=(2, 2)"),
            *("--output", tmp_path / f"f.{ending}"),
        )
        assert done.exit_code == 0, done.stderr
    with np.load(tmp_path / "f.npz") as saved:
        values, images, labels, units = (
            saved[name] for name in ("features", "images", "labels", "units")
        )
        about = json.loads(str(saved["attributes"]))
    table = pd.read_parquet(tmp_path / "f.parquet")
    np.testing.assert_array_equal(table[list(units)].to_numpy(), values)
    assert table["image"].tolist() == images.tolist()
    assert table["label"].tolist() == labels.tolist()
    known = parquet.read_schema(tmp_path / "f.parquet").metadata
    assert known[b"model"].decode() == about["model"]
    matlab = loadmat(tmp_path / "f.mat", simplify_cells=True)
    np.testing.assert_array_equal(matlab["features"], values)
    assert matlab["image"].tolist() == images.tolist()
    assert matlab["label"].tolist() == labels.tolist()
    assert matlab["unit"].tolist() == units.tolist()
    assert matlab["attributes"]["model"] == about["model"]


def test_what_a_mat_file_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r"holds at most 2 GiB in a variable\. Write \.nc"):
        check_size(tmp_path / "f.mat", 10**6, 1000)
    check_size(tmp_path / "f.nc", 10**6, 1000)


def test_names_that_matlab_and_parquet_take(tmp_path):
    """Parquet has names as they are; MATLAB none of other letters, none cut to the same, none
    that is another's."""
    long = "a_column_whose_name_is_longer_than_matlab"
    (tmp_path / "p").mkdir()
    for name in ("=1+1", "b"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "p" / f"{name}.png")
    head = ["path", "größe", f"{long}_1", f"{long}_2", "unit_layer"]
    rows = [["=1+1.png", 1, 2, 3, "x"], ["b.png", 4, 5, 6, "y"]]
    pd.DataFrame(rows, columns=head).to_csv(tmp_path / "p" / "index.csv", index=False)
    for ending in ("parquet", "mat"):
        index, output = tmp_path / "p" / "index.csv", tmp_path / f"f.{ending}"
        done = invoke("extract", index, *PIXELS, "--output", output)
        assert done.exit_code == 0, done.stderr
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert table["image"].tolist() == ["=1+1.png", "b.png"]
    found = loadmat(tmp_path / "f.mat", simplify_cells=True)
    columns = [name for name in found if not name.startswith("__")]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", name) for name in columns)
    seen = [list(found[name]) for name in columns if np.ndim(found[name]) == 1]
    for column in ([1, 4], [2, 5], [3, 6], ["x", "y"]):
        assert column in seen
