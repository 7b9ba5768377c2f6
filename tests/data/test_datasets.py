"""Datasets: bad files among good ones, printing, slicing."""

import numpy as np
import pytest

from hmax_cnn.data import (
    ImageError,
    SkippedImagesWarning,
    digits,
    read_folder,
)

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
