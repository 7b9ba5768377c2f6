"""Transformed sets."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hmax_cnn.data import transformations as t
from hmax_cnn.data.stimuli import placed_digits
from hmax_cnn.data.transformed import transformed

pytestmark = pytest.mark.quick

SMOOTH = gaussian_filter(np.random.default_rng(0).standard_normal((64, 64)), 3) * 400 + 128


def test_a_transformed_set_is_a_sequence():
    """Image by value, labelled; an image is changed alike however many there are and whatever else
    is asked."""
    pictures = np.stack([SMOOTH, SMOOTH[::-1], SMOOTH.T])
    found = transformed(pictures, t.noise(), (0, 5, 10), labels=["a", "b", "c"])
    assert len(found) == 9
    np.testing.assert_array_equal(found[3], pictures[1].astype(np.float32))
    part = found.subset([1, 2])
    assert (list(part.names), list(part.labels)) == ([1, 2], ["b", "c"])
    np.testing.assert_array_equal(part[2], found[5])
    np.testing.assert_array_equal(transformed(pictures[:2], t.noise(), (0, 5, 10))[5], found[5])
    assert found.attributes["border"] == "none"
    assert (
        transformed(pictures, t.shift(), np.arange(-0.3, 0.4, 0.1)).values[3] == 0
    )  # 5.6e-17 without help
    assert list(transformed(placed_digits((16, 16), 3), t.shift(), (0, 1)).labels) == [
        "0",
        "1",
        "2",
    ]
