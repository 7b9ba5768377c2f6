"""Opening a set by its name."""

import numpy as np
import pytest
from PIL import Image

from hmax_cnn.data import (
    digits,
    open_dataset,
    photographs,
)

pytestmark = pytest.mark.quick


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


def test_nothing_there(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match="Give one, or one of the sets that need no file: digits, photographs",
    ):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no pictures"):
        open_dataset(tmp_path)


def test_the_folder_of_image_sets(tmp_path, monkeypatch):
    """What is not in the working folder is looked for where HMAX_CNN_DATA says; what is, goes
    before; the message names both."""
    for root, n_images in (("data", 2), ("here", 1)):
        folder = tmp_path / root / "set"
        folder.mkdir(parents=True)
        for number in range(n_images):
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / f"{number}.png")
    monkeypatch.setenv("HMAX_CNN_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset("set")) == 2
    monkeypatch.chdir(tmp_path / "here")
    assert len(open_dataset("set")) == 1
    with pytest.raises(FileNotFoundError, match=r"HMAX_CNN_DATA names \(.*data\)"):
        open_dataset("other")
    monkeypatch.delenv("HMAX_CNN_DATA")
    with pytest.raises(FileNotFoundError, match="HMAX_CNN_DATA names, which is not set"):
        open_dataset("other")
