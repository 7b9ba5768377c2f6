"""Ways back for gradients through the stages of a pyramid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

# From a gradient of a layer's values at one scale to one of the retina.
ToRetina = Callable[[Array], Array]

_RANGE = np.float32(255)  # of the pixels of the retina; the pyramid is from 0 to 1


class _Traced(Protocol):
    """A layer at one scale, that may know its way back."""

    @property
    def to_retina(self) -> ToRetina | None:
        """From a gradient of its values."""


def from_scales(scales: Sequence[_Traced], maps: Sequence[Maps]) -> BandsPullback | None:
    """From gradients of the maps of a layer, in the order of scales, to one of the retina.

    Parameters
    ----------
    scales : sequence of Scale
    maps : sequence of Maps
        As many of each scale.

    Returns
    -------
    callable or None
    """
    if scales[0].to_retina is None:
        return None
    per_scale = len(maps) // len(scales)

    def pullback(gradients: Sequence[Array]) -> Array:
        total: Array = 0
        for number, scale in enumerate(scales):
            own = gradients[number * per_scale : (number + 1) * per_scale]
            # Most maps have no part in the gradient of a single unit.
            if number == 0 or any(part.any() for part in own):
                joined = namespace(own[0]).concatenate(list(own), axis=1)
                total = total + scale.to_retina(joined)  # type: ignore[misc]
        return total / _RANGE

    return pullback


def from_best(back: ToRetina | None) -> BandsPullback | None:
    """From gradients of units that pool over everything, by size, to one of the retina.

    Parameters
    ----------
    back : callable or None

    Returns
    -------
    callable or None
    """
    if back is None:
        return None

    def pullback(gradients: Sequence[Array]) -> Array:
        joined = namespace(gradients[0]).concatenate(list(gradients), axis=1)
        return back(joined[:, :, 0, 0]) / _RANGE

    return pullback


def through(first: ToRetina | None, local: Callable[[Array], Array]) -> ToRetina | None:
    """One stage more on the way back, where there is one.

    Parameters
    ----------
    first : callable or None
        Of the layer below.
    local : callable
        From a gradient of this layer to one of the layer below.

    Returns
    -------
    callable or None
    """
    if first is None:
        return None
    return lambda gradient: first(local(gradient))


def winners_gradient(
    values: Sequence[Array],
    chosen: Sequence[np.ndarray],
    best: Array,
    gradient: Array,
) -> list[Array]:
    """The gradient of maxima over windows of some scales; of equals the first takes all.

    Parameters
    ----------
    values : sequence of arrays of shape (n_images, n_features, n, n)
        Of each scale, minus infinity where they are missing.
    chosen : sequence of integer arrays of shape (n_windows, length)
        Numbers of the rows, and alike of the columns, in each window; -1 is none.
    best, gradient : array of shape (n_images, n_features, n_windows, n_windows)

    Returns
    -------
    list of arrays
        Of the shapes of `values`.
    """
    xp, left, found = namespace(best), gradient, []
    for own, numbers in zip(values, chosen, strict=True):
        total = xp.zeros_like(own)
        # Row of ones where a window's unit lies: sums over windows are products of matrices.
        places = [
            xp.asarray((number[:, None] == np.arange(own.shape[2])).astype(np.float32))
            for number in numbers.T
        ]
        for rows, of_rows in zip(numbers.T, places, strict=True):
            for columns, of_columns in zip(numbers.T, places, strict=True):
                seen = own[:, :, rows.clip(0)][:, :, :, columns.clip(0)]
                there = np.outer(rows >= 0, columns >= 0)
                wins = (seen == best) & xp.asarray(there)
                share = xp.where(wins, left, 0)
                left = left - share
                total = total + of_rows.T @ share @ of_columns
        found.append(total)
    return found
