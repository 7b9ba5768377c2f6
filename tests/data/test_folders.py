"""Folders and indices."""

import numpy as np
import pytest

from hmax_cnn.data import (
    open_dataset,
    read_folder,
    read_index,
)

pytestmark = pytest.mark.quick


def test_classes_and_split_of_a_folder(folder):
    found = read_folder(folder)
    assert found.names == [
        "test/dog/d.png",
        "train/cat/a.PNG",
        "train/cat/b.png",
        "train/dog/c.jpg",
    ]
    assert found.labels.tolist() == ["dog", "cat", "cat", "dog"]
    assert found.split.tolist() == ["test", "train", "train", "train"]
    assert found[1].shape == (10, 13)
    inner = read_folder(folder / "train")
    assert (inner.split, inner.labels.tolist()) == (None, ["cat", "cat", "dog"])
    flat = read_folder(folder / "train" / "cat")
    assert (flat.split, flat.labels) == (None, None)


def test_index(folder):
    (folder / "index.csv").write_text(
        "path,label,split\ntrain/cat/b.png,kitten,train\ntest/dog/d.png,puppy,test\n"
    )
    found = open_dataset(folder / "index.csv")
    assert (found.names, found.labels.tolist(), found.split.tolist()) == (
        ["train/cat/b.png", "test/dog/d.png"],
        ["kitten", "puppy"],
        ["train", "test"],
    )
    assert found.framed("stretch:5x6")[1].shape == (5, 6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,label\na,b\n", "column `path`"),
        ("path\n", "at least one row"),
        ("path,label\na.png,\n", "line 2: `label` is empty"),
        ("path\na.png\na.png\n", r"a\.png twice"),
        ("path,label\n,cat\n", "line 2: `path` is empty"),
        ("path, label\na.png\n", "line 2: `label` is empty"),
        ("path,split\na.png,dev\n", "line 2: `split` must be one of train, .*, got 'dev'"),
        ("path,label\na.png,  \n", "line 2: `label` is empty"),
        ("path\na.png\n./a.png\n", r"a\.png twice"),
        ("path,label\na.png,cat,large\n", "line 2, has 3 cells for 2 columns"),
        ("path|label\na.png|cat\n", "column `path`"),
    ],
)
def test_bad_index(tmp_path, text, reason):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_index(tmp_path / "index.csv")


@pytest.mark.parametrize(
    ("name", "n_images", "n_classes"), [("caltech101", 550, 11), ("scenes15", 900, 15)]
)
def test_shared_sets(shared, name, n_images, n_classes):
    by_folder, by_index = read_folder(shared / name), read_index(shared / name / "index.csv")
    assert (len(by_folder), len(by_index), len(set(by_folder.labels))) == (
        n_images,
        n_images,
        n_classes,
    )
    assert dict(
        zip(by_folder.names, zip(by_folder.labels, by_folder.split, strict=True), strict=True)
    ) == dict(zip(by_index.names, zip(by_index.labels, by_index.split, strict=True), strict=True))


def test_further_columns_are_numbers_only_where_they_are(tmp_path):
    """Angles become numbers, empty ones NaN; 001 and 1e5 are names; they follow a subset; a column
    twice is refused."""
    index = tmp_path / "index.csv"
    index.write_text("path,angle,subject,code\na.png,10,001,1e5\nb.png,,01,2\nc.png,-2.5,1,3\n")
    found = open_dataset(index).columns
    np.testing.assert_array_equal(found["angle"], [10, np.nan, -2.5])
    assert found["subject"].tolist() == ["001", "01", "1"]
    assert found["code"].tolist() == ["1e5", "2", "3"]
    assert open_dataset(index).subset([2]).columns["angle"].tolist() == [-2.5]
    index.write_text("path,angle,angle\na.png,1,2\n")
    with pytest.raises(ValueError, match="has the column 'angle' twice"):
        open_dataset(index)
