"""Batches, and pixel values that are out of range."""

import numpy as np
import pytest

from hmax_cnn.extraction import InputWarning
from hmax_cnn.hmax import HMAX


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda images: images / 255, "multiply by 255"),
        (lambda images: (images - images.mean()) / images.std(), "z-scores"),
        (lambda images: images * 257.0, "Divide by"),
    ],
)
def test_unexpected_range_is_warned_of(images, change, text):
    with pytest.warns(InputWarning, match=text):
        HMAX(layer="c1").transform(change(images))


@pytest.mark.parametrize("images_like", [np.uint8, np.float32, np.float64, np.int64, np.float16])
def test_expected_range_is_not(images, images_like):
    HMAX(layer="c1").transform(images.astype(images_like))
    HMAX(layer="c1").transform(np.zeros((1, 64, 64), images_like))
