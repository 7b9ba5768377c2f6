"""Sets of images: folders, index files, idx files, what scikit-learn ships."""

import gzip

import numpy as np
import pytest
from PIL import Image

from hmax_cnn.data import (
    ImageError,
    SkippedImagesWarning,
    digits,
    open_dataset,
    photographs,
    read_folder,
    read_idx,
    read_index,
)

pytestmark = pytest.mark.quick


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(
        [
            "train/cat/b.png",
            "train/cat/a.PNG",
            "train/dog/c.jpg",
            "test/dog/d.png",
            ".hidden/x.png",
            "train/cat/notes.txt",
        ]
    ):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((10, 12 + index), 40 * index, np.uint8)).save(path, format="PNG")
    return tmp_path / "set"


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


def test_what_is_neither_train_nor_test(folder):
    (folder / "val" / "cat").mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "val" / "cat" / "e.png")
    with pytest.raises(ValueError, match=r"has train and test, but also val/cat/e\.png"):
        read_folder(folder)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "train" / "stray.png")
    with pytest.raises(ValueError, match=r"a folder per class, but stray\.png lies in none"):
        read_folder(folder / "train")


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
        ("path,split\na.png,dev\n", "'train' or 'test', got 'dev'"),
    ],
)
def test_bad_index(tmp_path, text, reason):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_index(tmp_path / "index.csv")


def idx(array, kind=8):
    head = bytes([0, 0, kind, array.ndim]) + b"".join(
        int(n).to_bytes(4, "big") for n in array.shape
    )
    return head + array.astype({8: ">u1", 11: ">i2", 14: ">f8"}[kind]).tobytes()


def test_idx(tmp_path):
    pixels, labels = np.arange(24).reshape(2, 3, 4), np.array([7, 3])
    (tmp_path / "t-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
    (tmp_path / "t-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    found = open_dataset(tmp_path / "t-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(found[1], pixels[1])
    assert found.labels.tolist() == ["7", "3"]
    (tmp_path / "wide").write_bytes(idx(pixels * 100, 11))
    np.testing.assert_array_equal(read_idx(tmp_path / "wide")[1], pixels[1] * 100)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not an idx file"),
        (b"PK\x03\x04rest", "is not an idx file"),
        (idx(np.zeros((2, 3, 4)))[:-1], "but has only 23"),
        (idx(np.zeros((2, 3, 4))) + b"x", "but has more than 24"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "more than 2 GiB"),
        (idx(np.zeros(5)), "must hold images"),
    ],
)
def test_bad_idx(tmp_path, content, reason):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_idx(tmp_path / "bad")


def test_bad_gzip_and_swapped_labels(tmp_path):
    (tmp_path / "bad.gz").write_bytes(b"not packed")
    with pytest.raises(ValueError, match="not a readable gzip file"):
        read_idx(tmp_path / "bad.gz")
    (tmp_path / "images").write_bytes(idx(np.zeros((2, 3, 4))))
    (tmp_path / "labels").write_bytes(idx(np.zeros(3)))
    with pytest.raises(ValueError, match="one label for each of the 2 images"):
        read_idx(tmp_path / "images", tmp_path / "labels")


def test_mnist(shared):
    found = open_dataset(shared / "mnist" / "t10k-images-idx3-ubyte.gz")
    assert (len(found), found[0].shape, found.labels[:5].tolist()) == (
        10000,
        (28, 28),
        ["7", "2", "1", "0", "4"],
    )


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


def test_what_scikit_learn_ships():
    numbers = digits()
    assert (len(numbers), numbers[0].shape, numbers[0].max(), len(set(numbers.labels))) == (
        1797,
        (8, 8),
        239,
        10,
    )
    assert numbers.framed("stretch:32x32")[0].shape == (32, 32)
    pictures = photographs()
    assert (pictures.names, pictures[0].shape) == (["china", "flower"], (427, 640, 3))


def test_one_bad_file_among_many(folder):
    (folder / "train" / "cat" / "broken.png").write_text("no picture")
    found = read_folder(folder)
    with pytest.raises(
        ImageError,
        match=(
            r"1 of 5 pictures cannot be read:\n.*broken\.png: is empty or not a "
            r"picture(.|\n)*--skip-bad"
        ),
    ):
        found.checked()
    with pytest.warns(SkippedImagesWarning, match=r"1 of 5 pictures were left out:\n.*broken\.png"):
        kept = found.checked(skip_bad=True)
    assert (len(kept), len(kept.skipped)) == (4, 1)
    assert kept.labels.tolist() == ["dog", "cat", "cat", "dog"]


def test_nothing_there(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match="Give one, or one of the sets that need no file: digits, photographs",
    ):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no pictures"):
        open_dataset(tmp_path)


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


def test_a_dataset_is_short_to_print_and_sliced():
    assert repr(digits()) == "Dataset(1797 images from '0000' to '1796', 10 classes)"
    assert digits()[10:13].names == ["0010", "0011", "0012"]
    assert list(digits()[np.array([3, 1])].labels) == ["3", "1"]
