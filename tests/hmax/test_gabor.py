"""Gabor filters."""

import numpy as np
import pytest

from hmax_cnn.hmax import PRESETS, gabor, gabor_bank

pytestmark = pytest.mark.quick


def test_filters(reference):
    preset = PRESETS["georgetown"]
    with np.load(reference / "gabor_filters.npz") as expected:
        for sizes, wavelengths, sigmas in zip(
            preset.filter_sizes, preset.wavelengths, preset.sigmas, strict=True
        ):
            for size, wavelength, sigma in zip(sizes, wavelengths, sigmas, strict=True):
                bank = gabor_bank(size, wavelength, preset.orientations, sigma)
                np.testing.assert_allclose(bank, expected[f"filter_{size:02d}"], atol=1e-12)


def test_quadrature_filters():
    even, odd = gabor(21, 9, 30, phase=0), gabor(21, 9, 30, phase=90)
    np.testing.assert_allclose(even, even[::-1, ::-1], atol=1e-15)
    np.testing.assert_allclose(odd, -odd[::-1, ::-1], atol=1e-15)
    assert abs((even * odd).sum()) < 1e-12
