"""Fourier spectra of pictures: phases mixed with random ones, amplitudes imposed."""

from __future__ import annotations

import numpy as np


def random_phases(picture: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A picture with its phases turned by random angles of at most `share` of half a turn.

    Amplitudes are kept.

    The same angles are used for every colour, so that relations between colours stay.
    """
    height, width = picture.shape[:2]
    # Phases of real noise: they have the symmetry that keeps the picture real.
    noise = np.angle(np.fft.rfft2(rng.standard_normal((height, width))))
    turned = np.exp(
        1j * share * np.where(np.abs(np.sin(noise)) > 1e-9, noise, 0.0)
    )  # frequencies that must stay real do
    spectrum = np.fft.rfft2(picture, axes=(0, 1))
    return np.fft.irfft2(
        spectrum * (turned if picture.ndim == 2 else turned[..., None]),
        s=(height, width),
        axes=(0, 1),
    )


def with_spectrum(picture: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """A picture of shape (height, width) with its own phases and these amplitudes."""
    spectrum = np.fft.rfft2(picture)
    # A frequency that is not there has no phase: it stays zero.
    size = np.abs(spectrum)
    return np.fft.irfft2(amplitude * spectrum / np.where(size > 0, size, 1), s=picture.shape)
