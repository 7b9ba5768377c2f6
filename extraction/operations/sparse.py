"""Distances to prototypes of which only some elements count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays import Array, namespace
from ..fields import Window
from .correlation import correlate
from .windows import Pullback, padded, window_of


def sparse_distance(values: Array, prototypes: Array, padding: Any = 0) -> tuple[Array, Pullback]:
    """Distances between the windows of a map and prototypes, over the elements that count.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    prototypes : array of shape (n_prototypes, n_features, window_height, window_width)
        On the same device as `values`; NaN where an element does not count.
    padding : int, (int, int) or ((int, int), (int, int))
        Zeros around the map, which are compared like any other value.

    Returns
    -------
    distances : array of shape (n_images, n_prototypes, height', width')
    pullback : callable
        Carries a gradient back to `(values, prototypes)`; where a distance is 0 it has no slope and
        passes nothing on.

    Raises
    ------
    ValueError
        If the features differ, or the window does not fit.

    References
    ----------
    Mutch & Lowe, IJCV 2008, section 3.2: only the strongest orientation at each place counts.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[[[0.0, 3.0], [4.0, 0.0]]]])
    >>> sparse_distance(image, np.array([[[[np.nan, 1.0], [np.nan, 0.0]]]]))[0].item()
    2.0
    """
    xp, window = namespace(values), window_of(values, prototypes, "prototypes", padding=padding)
    counts = ~xp.isnan(prototypes)
    # Around the mean of what counts, the norms and so their rounding errors are smaller.
    mean = xp.nanmean(prototypes)
    wanted = xp.where(counts, prototypes - mean, 0)
    around = padded(values, window) - mean
    # Of x^2 - 2 x w + w^2, the first two are one product of matrices.
    both = xp.concatenate([around * around, around], axis=1)
    weights = xp.concatenate([counts.astype(values.dtype), -2 * wanted], axis=1)
    squares, back = correlate(both, weights)
    squares = squares + (wanted * wanted).sum(axis=(1, 2, 3))[:, None, None]
    distances = xp.sqrt(xp.maximum(squares, 0))

    def pullback(gradient: Array) -> tuple[Array, Array]:
        slopes = xp.where(distances > 0, gradient / xp.where(distances > 0, 2 * distances, 1), 0)
        to_both, to_weights = back(slopes)
        n_features = values.shape[1]
        to_around = 2 * around * to_both[:, :n_features] + to_both[:, n_features:]
        to_wanted = -2 * to_weights[:, n_features:]
        to_wanted = to_wanted + 2 * wanted * slopes.sum(axis=(0, 2, 3))[:, None, None, None]
        return _inside(to_around, values, window), xp.where(counts, to_wanted, 0)

    return distances, pullback


def _inside(around: Array, values: Array, window: Window) -> Array:
    """Without the padding."""
    (top, _), (left, _) = window.padding
    height, width = values.shape[2:]
    return around[:, :, top : top + height, left : left + width]


def nearest_sparse(
    bands: Sequence[Array], prototypes: Array, padding: Any = 0
) -> tuple[Array, Array, Array, Callable[[Array], tuple[list[Array], Array]]]:
    """The smallest `sparse_distance` of each prototype over all places of several maps.

    Parameters
    ----------
    bands : sequence of arrays of shape (n_images, n_features, height, width)
        Heights and widths may differ.
    prototypes, padding
        As in `sparse_distance`.

    Returns
    -------
    distances : array of shape (n_images, n_prototypes)
    band, place : integer arrays of shape (n_images, n_prototypes)
        As `nearest_distance` returns them.
    pullback : callable
        Carries a gradient with the shape of `distances` back to `(bands, prototypes)`, the former a
        list.
    """
    xp = namespace(prototypes)
    found = [sparse_distance(values, prototypes, padding) for values in bands]
    flat = [own.reshape(*own.shape[:2], int(np.prod(own.shape[2:]))) for own, _ in found]
    best = xp.stack([own.min(axis=2) for own in flat])
    places = xp.stack([own.argmin(axis=2) for own in flat])
    band = best.argmin(axis=0)
    place = xp.take_along_axis(places, band[None], axis=0)[0]

    def pullback(gradient: Array) -> tuple[list[Array], Array]:
        to_bands, to_prototypes = [], xp.zeros_like(prototypes)
        for number, (distances, back) in enumerate(found):
            # The gradient goes to the winner alone.
            winner = xp.arange(flat[number].shape[2]) == place[:, :, None]
            slopes = xp.where(winner & (band == number)[:, :, None], gradient[:, :, None], 0)
            to_band, to_patches = back(slopes.reshape(distances.shape))
            to_bands.append(to_band)
            to_prototypes = to_prototypes + to_patches
        return to_bands, to_prototypes

    return best.min(axis=0), band, place, pullback
