"""Correlation through the Fourier transform."""

import numpy as np
import pytest
from operation_arrays import spectral

from hmax_cnn.extraction import operations as ops

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("n_filters", [1, 2, 5])
def test_spectrum_agrees_with_direct(n_filters):
    values, weights = RNG.random((2, 1, 31, 23)) * 255, RNG.standard_normal((n_filters, 1, 9, 7))
    np.testing.assert_allclose(
        spectral(values, weights)[0], ops.correlate(values, weights)[0], atol=1e-11
    )


def test_spectrum_keeps_dark_places_exact():
    """Beside a bright half, a dark one of a millionth of its luminance: float32 transforms would
    lose it."""
    values = RNG.random((1, 1, 40, 40)).astype(np.float32)
    values[..., :20] *= 1e-6
    weights = RNG.standard_normal((2, 1, 7, 7))
    direct = ops.correlate(values.astype(float), weights)[0][..., :14]
    np.testing.assert_allclose(
        spectral(values, weights)[0][..., :14], direct, atol=1e-6 * np.abs(direct).max()
    )
