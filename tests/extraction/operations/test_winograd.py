"""Winograd's tiles against the direct way."""

from unittest import mock

import numpy as np
import pytest

from hmax_cnn.extraction import Window
from hmax_cnn.extraction.operations import correlate
from hmax_cnn.extraction.operations.winograd import correlate_3x3, gradient_3x3, suits

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


def directly(values, weights, window):
    """The same by windows as columns."""
    with mock.patch("hmax_cnn.extraction.operations.correlation.suits", return_value=False):
        matches, pullback = correlate(values, weights, padding=window.padding)

    def back(gradient):
        with mock.patch("hmax_cnn.extraction.operations.correlation.suits", return_value=False):
            return pullback(gradient)

    return matches, back


@pytest.mark.parametrize(
    ("height", "width", "padding"),
    [(8, 8, 1), (5, 14, 0), (7, 3, 2), (4, 9, ((0, 1), (2, 1))), (3, 3, 1)],
)
def test_winograd_agrees_with_direct(height, width, padding):
    """In float64 to rounding; in float32 to 3e-5 of the largest value (seen: 1.3e-5 at 512
    features)."""
    values, weights = (
        RNG.standard_normal((24, 16, height, width)),
        RNG.standard_normal((17, 16, 3, 3)),
    )
    window = Window(3, padding=padding)
    assert suits(window, values.shape, 17)
    # The filters' own transforms are not worth it for a few tiles.
    assert not suits(window, (1, 16, 14, 14), 17)
    matches = correlate_3x3(values, weights, window.padding)
    direct, back = directly(values, weights, window)
    np.testing.assert_allclose(matches, direct, atol=1e-11)
    gradient = RNG.standard_normal(direct.shape)
    np.testing.assert_allclose(
        gradient_3x3(values, gradient, window.padding), back(gradient)[1], atol=1e-11
    )
    np.testing.assert_allclose(
        correlate(values, weights, padding=window.padding)[1](gradient)[0],
        back(gradient)[0],
        atol=1e-11,
    )
    single = correlate_3x3(values.astype(np.float32), weights.astype(np.float32), window.padding)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, direct, atol=3e-5 * np.abs(direct).max())
