"""Pooling against slow loops."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance

from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.fields import Window
from hmax_cnn.extraction.operations.pooling import box_sum
from hmax_cnn.extraction.operations.windows import window_views

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(5)


VALUES = RNG.random((2, 3, 9, 8)) + 0.1


def test_pooling_agrees_with_slow_loops():
    window = Window((3, 2), (2, 1), ((1, 0), (1, 2)), (1, 2))  # as the options below
    views = window_views(VALUES, window)
    lost = window_views(VALUES, window, fill=-np.inf)
    options = {"window": (3, 2), "stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2)}
    np.testing.assert_array_equal(ops.max_pool(VALUES, **options)[0], lost.max(axis=(4, 5)))
    np.testing.assert_allclose(
        ops.l2_pool(VALUES, **options)[0], np.sqrt((views**2).sum(axis=(4, 5))), rtol=1e-13
    )
    np.testing.assert_allclose(
        ops.average_pool(VALUES, **options, count_padding=True)[0],
        views.mean(axis=(4, 5)),
        rtol=1e-13,
    )
    inside = np.isfinite(lost).sum(axis=(4, 5))
    np.testing.assert_allclose(
        ops.average_pool(VALUES, **options)[0], views.sum(axis=(4, 5)) / inside, rtol=1e-13
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_box_sum_agrees_with_slow_loops(size):
    window = Window(size, dilation=1 if size > 4 else 2)
    np.testing.assert_allclose(
        box_sum(VALUES[:, :, :, :] + 0, window),
        window_views(VALUES, window).sum(axis=(4, 5)),
        rtol=1e-13,
    )


def test_box_sum_of_darkness_is_zero():
    values = np.zeros((1, 1, 20, 20), np.float32)
    values[..., :5, :5] = 255
    assert (box_sum(values, Window(7))[0, 0, 5:, 5:] == 0).all()


def test_maximum_agrees_with_scipy_filter():
    expected = scipy.ndimage.maximum_filter(VALUES[0, 0], size=3)[1:-1, 1:-1]
    np.testing.assert_array_equal(ops.max_pool(VALUES, 3)[0][0, 0], expected)


def test_soft_maximum_goes_from_mean_to_maximum():
    values = 1 + VALUES
    mean, most = (ops.softmax_pool(values, 3, exponent=exponent)[0] for exponent in (0.0, 300.0))
    np.testing.assert_allclose(mean, ops.average_pool(values, 3)[0], rtol=1e-6)
    np.testing.assert_allclose(most, ops.max_pool(values, 3)[0], rtol=5e-3)
