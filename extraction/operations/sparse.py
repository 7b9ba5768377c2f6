"""Distances to prototypes of which only some elements count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, namespace, step_bytes, tiles, to_host
from ..fields import Window
from .correlation import correlate
from .windows import Pullback, padded, window_of
from .winners import way_back_from_winners


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
    counts, mean, wanted = _counted(prototypes)
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


def _counted(prototypes: Array) -> tuple[Array, Array, Array]:
    """Which elements count, their mean, and what they are around it, 0 where they do not."""
    xp = namespace(prototypes)
    counts = ~xp.isnan(prototypes)
    # Around the mean the norms, and so their rounding errors, are smaller.
    mean = xp.nanmean(prototypes)
    return counts, mean, xp.where(counts, prototypes - mean, 0)


def _inside(around: Array, values: Array, window: Window) -> Array:
    """Without the padding."""
    (top, _), (left, _) = window.padding
    height, width = values.shape[2:]
    return around[:, :, top : top + height, left : left + width]


def nearest_sparse(
    bands: Sequence[Array], prototypes: Array, padding: Any = 0
) -> tuple[Array, Array, Array, Pullback]:
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
    windows = [window_of(v, prototypes, "prototypes", padding=padding) for v in bands]
    search = _Search.of(prototypes)
    found = [
        search.best(padded(values, window), window.count(*values.shape[2:]))
        for window, values in zip(windows, bands, strict=True)
    ]
    best = xp.stack([squares for squares, _ in found])
    places = xp.stack([place for _, place in found])
    band = best.argmin(axis=0)
    place = xp.take_along_axis(places, band[None], axis=0)[0]
    distances = xp.sqrt(xp.maximum(best.min(axis=0), 0))

    pullback = way_back_from_winners(bands, prototypes, windows, distances, band, place)
    return distances, band, place, pullback


@dataclass(frozen=True)
class _Search:
    """Elements that count in any prototype, and what is multiplied with their squares and values.

    Of an arrangement of four cells these are 16 of 36: the others are never looked at.
    """

    mean: Array
    elements: list[tuple[int, int, int]]
    weights: Array
    constants: Array

    @classmethod
    def of(cls, prototypes: Array) -> _Search:
        xp = namespace(prototypes)
        counts, mean, wanted = _counted(prototypes)
        seen = to_host(counts.any(axis=0))
        elements = [(int(f), int(y), int(x)) for f, y, x in np.argwhere(seen)]
        both = [counts.astype(prototypes.dtype), -2 * wanted]
        weights = xp.concatenate([part[:, xp.asarray(seen)] for part in both], axis=1)
        return cls(mean, elements, weights, (wanted * wanted).sum(axis=(1, 2, 3)))

    def best(self, around: Array, sides: tuple[int, int]) -> tuple[Array, Array]:
        """Smallest squared distances (image, prototype) to windows of a map, and their places."""
        xp, (height, width) = namespace(around), sides
        shape = (len(around), len(self.weights))
        smallest = xp.full(shape, np.inf, around.dtype)
        places = xp.zeros(shape, np.int64)
        row_bytes = (self.weights.shape[1] + len(self.weights)) * width * around.itemsize
        # A few rows at a time, which stay in the cache.
        for images, rows in tiles(len(around), height, row_bytes, step_bytes(xp)):
            first, count = rows.start, rows.stop - rows.start
            seen = xp.stack(
                [
                    around[images, f, first + y : first + y + count, x : x + width]
                    for f, y, x in self.elements
                ],
                axis=1,
            ).reshape(images.stop - images.start, len(self.elements), count * width)
            seen = seen - self.mean
            squares = xp.matmul(self.weights, xp.concatenate([seen * seen, seen], axis=1))
            where = squares.argmin(axis=2)
            lowest = xp.take_along_axis(squares, where[:, :, None], axis=2)[:, :, 0]
            # The first of equals wins, as in one pass over the whole map.
            is_less = lowest < smallest[images]
            smallest[images] = xp.where(is_less, lowest, smallest[images])
            places[images] = xp.where(is_less, where + first * width, places[images])
        return smallest + self.constants, places
