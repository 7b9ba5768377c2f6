"""Gabor filters and derivatives of Gaussians: the tuning of simple cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


def gabor(
    size: int,
    wavelength: float,
    orientation: float,
    sigma: float | None = None,
    phase: float = 0.0,
    aspect_ratio: float = 0.3,
) -> np.ndarray:
    """A Gabor filter with zero mean and unit norm, cut to a disc.

    Parameters
    ----------
    size : int
        Side of the filter, in pixels; odd.
    wavelength : float
        Period of the grating, in pixels.
    orientation : float
        In degrees; 0 is a grating whose luminance changes from left to right.
    sigma : float or None
        Standard deviation of the envelope across the grating, in pixels; None is 0.8 wavelengths.
    phase : float
        Of the grating at the centre, in degrees: 0 is even, 90 is odd.
    aspect_ratio : float
        Width over length of the envelope; positive.

    Returns
    -------
    array of shape (size, size), float64

    Raises
    ------
    ValueError
        If the filter would be empty, constant or not centred on a pixel.

    References
    ----------
    Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007, equation 1,
    and its authors' code, which subtracts the mean over the whole square, so that the corners
    outside the disc end slightly above or below zero.

    Examples
    --------
    >>> bar = gabor(7, wavelength=3.5, orientation=0)
    >>> bool(abs(bar.sum()) < 1e-12), round(float(np.linalg.norm(bar)), 12)
    (True, 1.0)
    """
    if sigma is None:
        sigma = 0.8 * wavelength
    _check_side(size)
    if min(wavelength, sigma, aspect_ratio) <= 0:
        msg = (
            f"`wavelengths`, `sigmas` and `aspect_ratio` must be positive, got {wavelength}, "
            f"{sigma} and {aspect_ratio}."
        )
        raise ValueError(msg)
    across, along = _turned(size, orientation)
    envelope = np.exp(-(across**2 + (aspect_ratio * along) ** 2) / (2 * sigma**2))
    values = envelope * np.cos(2 * np.pi * across / wavelength + np.deg2rad(phase))
    # Serre et al. cut filters to a disc, then take off the mean, then scale: in this order.
    values[np.hypot(across, along) > size / 2] = 0
    values -= values.mean()
    norm = np.linalg.norm(values)
    if norm < 1e-9:
        msg = (
            f"A filter of {size} px with a `wavelength` of {wavelength} px is constant. Use a "
            "shorter wavelength or a larger filter."
        )
        raise ValueError(msg)
    return values / norm


def gaussian_derivative(size: int, orientation: float, sigma: float | None = None) -> np.ndarray:
    """The second derivative of a round Gaussian across a bar, with zero mean and unit norm.

    Parameters
    ----------
    size : int
        Side of the filter, in pixels; odd.
    orientation : float
        In degrees, as in `gabor`.
    sigma : float or None
        Of the Gaussian, in pixels; None is a quarter of `size`.

    Returns
    -------
    array of shape (size, size), float64
        Positive in the middle, as an even Gabor filter is.

    Raises
    ------
    ValueError
        If the filter would not be centred on a pixel.

    References
    ----------
    Riesenhuber & Poggio, Nature Neuroscience 1999; their Methods say first derivative, and the
    notes with their code correct it.

    Examples
    --------
    >>> bar = gaussian_derivative(7, orientation=90)
    >>> bool(abs(bar.sum()) < 1e-12), round(float(np.linalg.norm(bar)), 12)
    (True, 1.0)
    """
    _check_side(size)
    if sigma is None:
        sigma = size / 4
    if not sigma > 0:
        msg = f"`sigmas` must be positive, got {sigma}."
        raise ValueError(msg)
    across, along = _turned(size, orientation)
    values = (1 - (across / sigma) ** 2) * np.exp(-(across**2 + along**2) / (2 * sigma**2))
    values -= values.mean()
    norm = np.linalg.norm(values)
    if norm < 1e-9:
        msg = (
            f"A filter of {size} px with a `sigma` of {sigma} px is constant. Use a narrower one, "
            "or a larger filter."
        )
        raise ValueError(msg)
    return values / norm


def _check_side(size: int) -> None:
    if size < 3 or size % 2 == 0:
        msg = (
            "`filter_sizes` must be odd and at least 3 pixels, so that a filter is centred on a "
            f"pixel, got {size}."
        )
        raise ValueError(msg)


def _turned(size: int, orientation: float) -> tuple[np.ndarray, np.ndarray]:
    """Places across and along a bar, in pixels from the middle."""
    # Rows run downward, orientations counterclockwise: hence the sign of `row`.
    angle = np.deg2rad(orientation)
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    across = column * np.cos(angle) - row * np.sin(angle)
    along = column * np.sin(angle) + row * np.cos(angle)
    return across, along


def gabor_bank(
    size: int,
    wavelength: float,
    orientations: Sequence[float],
    sigma: float | None = None,
    phases: Sequence[float] = (0.0,),
    aspect_ratio: float = 0.3,
) -> np.ndarray:
    """Gabor filters of one size at all orientations and phases.

    The phases of one orientation are neighbours.

    Parameters
    ----------
    orientations, phases : sequence of float
        In degrees.
    size, wavelength, sigma, aspect_ratio
        As in `gabor`.

    Returns
    -------
    array of shape (n_orientations * n_phases, size, size), float64

    Examples
    --------
    >>> gabor_bank(11, 5.64, orientations=[0, 45, 90, 135], phases=[0, 90]).shape
    (8, 11, 11)
    """
    return _bank(size, wavelength, tuple(orientations), sigma, tuple(phases), aspect_ratio).copy()


# Made anew, the 16 banks of the georgetown preset would cost every call of `transform` 3 ms.
@lru_cache(maxsize=64)
def _bank(
    size: int,
    wavelength: float,
    orientations: tuple[float, ...],
    sigma: float | None,
    phases: tuple[float, ...],
    aspect_ratio: float,
) -> np.ndarray:
    return np.stack(
        [
            gabor(size, wavelength, angle, sigma, phase, aspect_ratio)
            for angle in orientations
            for phase in phases
        ]
    )
