"""Tuning functions against formulas."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance

from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.fields import Window
from hmax_cnn.extraction.operations.windows import window_views

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(5)


VALUES = RNG.random((2, 3, 9, 8)) + 0.1


WEIGHTS = RNG.standard_normal((4, 3, 3, 2))


def test_distances_agree_with_scipy():
    distances, _ = ops.euclidean_distance(VALUES, WEIGHTS)
    windows = window_views(VALUES, Window((3, 2)))[1].transpose(1, 2, 0, 3, 4).reshape(-1, 18)
    expected = scipy.spatial.distance.cdist(WEIGHTS.reshape(4, -1), windows)
    np.testing.assert_allclose(distances[1].reshape(4, -1), expected, rtol=1e-12)


def test_distance_to_itself_is_zero_in_single_precision():
    """|x|^2 - 2 x.w + |w|^2 alone would leave up to 0.02 here."""
    values = (0.5 + 0.3 * RNG.random((1, 4, 30, 30))).astype(np.float32)
    prototypes = np.stack([values[0, :, i : i + 16, i : i + 16] for i in range(5)])
    distances, _ = ops.euclidean_distance(values, prototypes)
    assert max(distances[0, i, i, i] for i in range(5)) < 1e-6


def test_normalised_dot_product_against_formula():
    windows = window_views(VALUES, Window((3, 2)))
    products = np.einsum("nfyxij,mfij->nmyx", windows, WEIGHTS)
    norm = np.sqrt((windows**2).sum(axis=(1, 4, 5)))[:, None]
    expected = 1 / (1 + np.exp(-2 * (products / (0.3 + norm) - 0.1)))
    np.testing.assert_allclose(
        ops.normalised_dot_product(VALUES, WEIGHTS, slope=2, threshold=0.1, offset=0.3)[0],
        expected,
        rtol=1e-12,
    )
