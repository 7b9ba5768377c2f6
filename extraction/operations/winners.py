"""The way back from best matches: to the windows that won, and to their prototypes."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays import Array, namespace
from ..fields import Window
from .windows import Pullback, add_windows, sums_at, windows_at


def way_back_from_winners(
    bands: Sequence[Array],
    prototypes: Array,
    windows: Sequence[Window],
    distances: Array,
    band: Array,
    place: Array,
) -> Pullback:
    """From a gradient of the smallest distances to the windows that won, and to prototypes.

    Parameters
    ----------
    bands : sequence of arrays of shape (n_images, n_features, height, width)
    prototypes : array of shape (n_prototypes, n_features, size, size)
        Where an element is NaN it does not count.
    windows : sequence of Window
        One for each band.
    distances, band, place : array of shape (n_images, n_prototypes)

    Returns
    -------
    callable
        To `(bands, prototypes)`, the former a list.
    """
    xp = namespace(prototypes)

    def pullback(gradient: Array) -> tuple[list[Array], Array]:
        # The distance has no slope where it is zero: none is taken.
        slopes = xp.where(distances > 0, gradient / xp.where(distances > 0, distances, 1), 0)
        to_bands, to_prototypes = [], xp.zeros_like(prototypes)
        for number, (values, window) in enumerate(zip(bands, windows, strict=True)):
            # The gradient goes to the winner alone.
            images, winners = xp.nonzero((slopes != 0) & (band == number))
            n_columns = window.count(*values.shape[2:])[1]
            rows, cols = xp.divmod(place[images, winners], n_columns)
            off = windows_at(values, window, images, rows, cols) - prototypes[winners]
            off = xp.where(xp.isnan(off), 0, off)
            parts = off * slopes[images, winners][:, None, None, None]
            to_bands.append(add_windows(parts, images, rows, cols, values.shape, window))
            element = xp.arange(prototypes[0].size).reshape(prototypes.shape[1:])
            index = winners[:, None, None, None] * prototypes[0].size + element
            to_prototypes = to_prototypes - sums_at(index, parts, prototypes.shape)
        return to_bands, to_prototypes

    return pullback
