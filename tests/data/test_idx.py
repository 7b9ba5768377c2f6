"""The idx format of MNIST."""

import gzip

import numpy as np
import pytest

from hmax_cnn.data import (
    open_dataset,
    read_idx,
)

pytestmark = pytest.mark.quick


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


def test_a_file_without_images(tmp_path):
    (tmp_path / "none.idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + bytes(12))
    with pytest.raises(ValueError, match=r"holds no images: its shape is \(0, 0, 0\)"):
        read_idx(tmp_path / "none.idx3-ubyte")
