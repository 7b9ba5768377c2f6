"""The classical filters answer as they should."""

import numpy as np
import pytest

from hmax_cnn.extraction import FilterBank

pytestmark = pytest.mark.quick


def test_filters_answer_as_they_should():
    """A plane: its mean, slope and direction, no curvature; a parabola: its curvature; the Gaussian
    against SciPy."""
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:16, :16].astype(float)
    values = FilterBank(size=5, step=1).activations(
        np.stack([3 * x - 4 * y + 100, x**2]), ["filters"]
    )["filters"]
    sobel = values["sobel"]["response"].values
    np.testing.assert_allclose(sobel[0, 0], 5, rtol=1e-5)
    np.testing.assert_allclose(sobel[0, 1], np.degrees(np.arctan2(4, 3)), rtol=1e-4)
    np.testing.assert_allclose(values["laplace"]["response"].values[:, 0, 3, 3], [0, 2], atol=1e-4)
    np.testing.assert_allclose(
        values["mean"]["response"].values[0, 0], (3 * x - 4 * y + 100)[2:-2, 2:-2], rtol=1e-5
    )
    noise = np.random.default_rng(0).random((1, 16, 16))
    smooth = (
        FilterBank(size=9, sigma=1.0, step=1)
        .activations(noise)["filters/gaussian"]["response"]
        .values[0, 0]
    )
    np.testing.assert_allclose(
        smooth, gaussian_filter(noise[0], 1.0, truncate=4)[4:-4, 4:-4], rtol=1e-5
    )
    leftward = np.tile(np.linspace(200, 10, 40, dtype=np.float32), (1, 40, 1))
    direction = (
        FilterBank(size=3, step=2)
        .activations(leftward, ["filters"])["filters/sobel"]["response"]
        .values[0, 1]
    )
    np.testing.assert_array_equal(direction, 180)
    even = (
        FilterBank(step=1)
        .activations(np.full((1, 16, 16), 100 / 3), ["filters"])["filters/sobel"]["response"]
        .values
    )
    assert not even.any()
    with pytest.raises(ValueError, match="`size` must be an odd number"):
        FilterBank(size=4).transform(noise)
