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
