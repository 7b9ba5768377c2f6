"""Opponent filters: a Gabor whose positive and negative parts look at different colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..anatomy import wavelength_of
from ..gabor import gabor

# Signs of red, green and blue. The second half are the negatives of the first.
SIGNS = {
    "rg": (1, -1, 0),
    "rc": (1, -1, -1),
    "yb": (1, 1, -1),
    "wh": (1, 1, 1),
    "gr": (-1, 1, 0),
    "cr": (-1, 1, 1),
    "by": (-1, -1, 1),
    "bl": (-1, -1, -1),
}
PAIRS = ("rg_gr", "rc_cr", "yb_by", "wh_bl")


def whole_filters(size: int, orientations: Sequence[float]) -> np.ndarray:
    """Gabors of one size, each divided by its standard deviation.

    Parameters
    ----------
    size : int
        In pixels.
    orientations : sequence of float
        In degrees.

    Returns
    -------
    array of shape (n_orientations, size, size), float64
    """
    # Not by its norm, so that double-opponent responses grow with the size: the authors' choice.
    deviation = np.sqrt(size * size - 1)
    found = [gabor(size, wavelength_of(size), angle) * deviation for angle in orientations]
    return np.stack(found)


def half_filters(size: int, orientations: Sequence[float]) -> np.ndarray:
    """The positive and the negative part of each Gabor, each over its largest singular value.

    Parameters
    ----------
    size : int
        In pixels.
    orientations : sequence of float
        In degrees.

    Returns
    -------
    array of shape (n_orientations, 2, size, size), float64

    References
    ----------
    The code of Zhang, Barhomi & Serre, ECCV 2012, which takes MATLAB's norm of a matrix: it cancels
    the weights of the planes that the paper has.
    """
    whole = whole_filters(size, orientations)
    parts = np.stack([np.maximum(whole, 0), np.minimum(whole, 0)], axis=1)
    return parts / np.linalg.norm(parts, ord=2, axis=(2, 3), keepdims=True)


def opponent_filters(size: int, orientations: Sequence[float]) -> np.ndarray:
    """What each channel lays over red, green and blue.

    Parameters
    ----------
    size : int
        In pixels.
    orientations : sequence of float
        In degrees.

    Returns
    -------
    array of shape (8, 3, n_orientations, size, size), float64
        By channel and plane; zeros where a channel does not see a plane.
    """
    halves = half_filters(size, orientations)
    blank = np.zeros_like(halves[:, 0])
    by_sign = {1: halves[:, 0], -1: halves[:, 1], 0: blank}
    return np.stack([np.stack([by_sign[sign] for sign in signs]) for signs in SIGNS.values()])
