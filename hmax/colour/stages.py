"""Single- and double-opponent simple cells. Arrays are (image, channel, orientation, y, x)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.operations import Spectrum, copied_border, correlate_spectrum

from .filters import SIGNS, half_filters, whole_filters

_half_filters = lru_cache(maxsize=32)(half_filters)
_whole_filters = lru_cache(maxsize=32)(whole_filters)


def with_borders(values: Array, largest: int) -> Spectrum:
    """The transform of maps with their borders repeated, for filters of up to a size.

    Parameters
    ----------
    values : array of shape (n_maps, height, width)
    largest : int
        Side of the largest filter, in pixels.

    Returns
    -------
    Spectrum
    """
    return Spectrum.of(copied_border(values[:, None], largest // 2)[0])


def _filtered(spectrum: Spectrum, filters: np.ndarray, largest: int) -> Array:
    """Correlations at every place that was not a border: (n_maps, n_filters, height, width)."""
    found, _ = correlate_spectrum(spectrum, filters[:, None])
    beyond = largest // 2 - filters.shape[-1] // 2
    height, width = (side - 2 * beyond for side in found.shape[2:])
    return found[:, :, beyond : beyond + height, beyond : beyond + width]


def single_opponent(
    planes: Spectrum, n_images: int, size: int, orientations: tuple[float, ...], largest: int
) -> Array:
    """Single-opponent responses before they are normalised, rectified, silent at the border.

    Parameters
    ----------
    planes : Spectrum
        Of red, green and blue from -1 to 1, in the order (image, plane), with borders.
    n_images : int
    size, largest : int
        Of these and of the largest filters, in pixels.
    orientations : tuple of float
        In degrees.

    Returns
    -------
    array of shape (n_images, 8, n_orientations, height, width)

    References
    ----------
    Zhang, Barhomi & Serre, "A new biologically inspired color image descriptor", ECCV 2012.
    """
    xp, n_orientations = namespace(planes.values), len(orientations)
    halves = _half_filters(size, orientations)
    seen = _filtered(planes, halves.reshape(-1, size, size), largest)
    seen = seen.reshape(n_images, 3, n_orientations, 2, *seen.shape[2:])
    channels = [sum(_plane(seen, i, sign) for i, sign in _seen(signs)) for signs in SIGNS.values()]
    responses = xp.maximum(xp.stack(channels, axis=1), 0)
    before, after = (size + 1) // 2, (size - 1) // 2
    responses[..., :before, :] = 0
    responses[..., :before] = 0
    responses[..., responses.shape[3] - after :, :] = 0
    responses[..., responses.shape[4] - after :] = 0
    return responses


def _seen(signs: Sequence[int]) -> list[tuple[int, int]]:
    """Number and sign of the planes that a channel sees."""
    return [(plane, sign) for plane, sign in enumerate(signs) if sign]


def _plane(seen: Array, plane: int, sign: int) -> Array:
    """A plane through the positive or the negative part of the filters."""
    return seen[:, plane, :, 0 if sign > 0 else 1]


def normalised(responses: Array, axis: int, semi_saturation: float) -> Array:
    """Responses over the root of their mean square along an axis, and a constant.

    Parameters
    ----------
    responses : array
        At least 0.
    axis : int
        1 is over channels, as single-opponent cells; 2 over orientations, before double-opponent
        ones.
    semi_saturation : float

    Returns
    -------
    array of the same shape
    """
    xp, squares = namespace(responses), responses * responses
    pool = squares.mean(axis=axis, keepdims=True)
    return xp.sqrt(squares / (semi_saturation**2 + pool))


def double_opponent(
    responses: Array, size: int, orientations: tuple[float, ...], semi_saturation: float
) -> Array:
    """Double-opponent responses of the eight channels.

    Parameters
    ----------
    responses : array of shape (n_images, 8, n_orientations, height, width)
        Of `single_opponent`.
    size : int
        In pixels.
    orientations : tuple of float
        In degrees.
    semi_saturation : float

    Returns
    -------
    array of the same shape
    """
    xp, whole = namespace(responses), _whole_filters(size, orientations)
    shares = normalised(responses, 2, semi_saturation)
    n_images, n_channels = shares.shape[:2]
    found = []
    for number in range(len(orientations)):
        of_angle = shares[:, :, number].reshape(n_images * n_channels, *shares.shape[3:])
        matches = _filtered(with_borders(of_angle, size), whole[number : number + 1], size)
        found.append(matches.reshape(n_images, n_channels, *shares.shape[3:]))
    return xp.maximum(xp.stack(found, axis=2), 0)


def joined_pairs(responses: Array) -> Array:
    """The root of the sum of squares of a channel and its negative.

    Parameters
    ----------
    responses : array of shape (n_images, 8, n_orientations, height, width)

    Returns
    -------
    array of shape (n_images, 4, n_orientations, height, width)
    """
    half = responses.shape[1] // 2
    return namespace(responses).hypot(responses[:, :half], responses[:, half:])
