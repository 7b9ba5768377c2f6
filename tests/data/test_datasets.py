"""Datasets: bad files among good ones, printing, slicing."""

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from hmax_cnn.analysis.study.provenance import content_of
from hmax_cnn.data import (
    DatasetWarning,
    ImageError,
    SkippedImagesWarning,
    digits,
    read_folder,
)
from hmax_cnn.data.files import ReadFile
from hmax_cnn.extraction.digests import picture_digests

pytestmark = pytest.mark.quick


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


def test_a_dataset_is_short_to_print_and_sliced():
    assert repr(digits()) == "Dataset(1797 images from '0000' to '1796', 10 classes)"
    assert digits()[10:13].names == ["0010", "0011", "0012"]
    assert list(digits()[np.array([3, 1])].labels) == ["3", "1"]


def test_a_column_divides_images(tmp_path):
    """Images with a value train, all others test; other columns and values are refused."""
    from PIL import Image

    from hmax_cnn.data import open_dataset

    lines = ["file,label,kind"]
    for number in range(6):
        Image.fromarray(np.full((8, 8), 30 * number, np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'ab'[number % 2]},{('edges', 'filled')[number // 3]}")
    (tmp_path / "index.csv").write_text("\n".join(lines) + "\n")
    found = open_dataset(tmp_path / "index.csv")
    divided = found.divided("kind", "edges")
    train, test = divided.given_split
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [3, 4, 5])
    with pytest.raises(ValueError, match=r"`column` must be a column of the index, .*got 'shape'"):
        found.divided("shape", "edges")
    with pytest.raises(ValueError, match="it holds edges, filled, got 'outlines'"):
        found.divided("kind", "outlines")


def test_files_that_were_read_are_the_same_pictures(tmp_path):
    """In each format; later changes of the file do not reach them."""
    rng = np.random.default_rng(0)
    for number, ending in enumerate(["png", "bmp", "tif", "ppm", "gif", "jpg", "webp"]):
        values = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / f"{number}.{ending}")
    deep = rng.integers(0, 2**16, (20, 24, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "8.tif", deep, photometric="rgb")
    dataset = read_folder(tmp_path).framed("stretch:10x12")
    pictures, content = [picture.copy() for picture in dataset], content_of(dataset)
    read, digests = dataset.read(2**20), picture_digests(dataset).tolist()
    assert all(isinstance(item, ReadFile) for item in read.source)
    for path in dataset.source:
        path.write_bytes(b"changed")
    for now, before in zip(read, pictures, strict=True):
        np.testing.assert_array_equal(now, before)
    assert content_of(read) == content_of(read.subset(range(len(read)))) == content
    assert content_of(dataset) != content
    assert picture_digests(read).tolist() == digests != picture_digests(dataset).tolist()


def test_files_are_read_as_far_as_there_is_room(tmp_path):
    for number in range(4):
        Image.new("L", (9, 9), number).save(tmp_path / f"{number}.bmp")  # each of one size
    dataset = read_folder(tmp_path)
    (tmp_path / "1.bmp").unlink()
    os.mkfifo(tmp_path / "1.bmp")  # to read it would never end
    (tmp_path / "3.bmp").unlink()
    size = (tmp_path / "0.bmp").stat().st_size
    read = dataset.read(2 * size)
    assert [isinstance(item, ReadFile) for item in read.source] == [True, False, True, False]
    assert [isinstance(item, ReadFile) for item in dataset.read(size).source] == [True] + 3 * [
        False
    ]
    with pytest.raises(ImageError, match=r"1\.bmp: is no regular file"):
        read[1]
    with pytest.raises(ImageError, match=r"3\.bmp: there is no such file"):
        read[3]


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "ppm", "gif", "jpg", "webp"])
def test_a_damaged_file_that_was_read_is_named(tmp_path, ending):
    """In the words that are said where it is read anew."""
    values, path = np.random.default_rng(0).integers(0, 256, (20, 20, 3)), tmp_path / f"a.{ending}"
    Image.fromarray(values.astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    said = []
    for dataset in (read_folder(tmp_path), read_folder(tmp_path).read(2**20)):
        with pytest.raises(ImageError, match=f"a.{ending}: is corrupt") as told:
            dataset[0]
        said.append(str(told.value))
    assert said[0] == said[1]


def test_a_file_of_no_known_format_that_was_read(tmp_path):
    """What is said is of the bytes that were read, whatever lies there now."""
    (tmp_path / "a.png").write_bytes(b"\x89PNG and then no picture")
    read = read_folder(tmp_path).read(2**20)
    (tmp_path / "a.png").unlink()
    with pytest.raises(ImageError, match=r"a\.png: is empty or not a picture"):
        read[0]


def test_shared_pictures_are_told_of_files_that_were_read(tmp_path):
    """Also where some of them were not; a link to the same file is another matter."""
    for name in ("train/x/1.png", "test/x/2.png", "test/x/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 9)).save(tmp_path / name)
    (tmp_path / "test/x/2.png").unlink()
    (tmp_path / "test/x/2.png").hardlink_to(tmp_path / "train/x/1.png")
    with pytest.warns(DatasetWarning):
        dataset = read_folder(tmp_path)
    size = (tmp_path / "test/x/3.png").stat().st_size
    for room in (0, size, 3 * size):
        with pytest.warns(DatasetWarning, match="1 of 2 held-out pictures have the same content"):
            dataset.read(room).checked()
