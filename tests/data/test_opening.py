"""Opening a set by its name."""

import pytest

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
