"""The stages of HMAX on a pyramid: arrays of all scales in, arrays of all scales out.

Which units are missing, for want of image, is a matter of geometry alone: `known` says it, and the
numbers of missing units are 0 until they are yielded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.operations import correlate, divide_by_local_norm

from .axes import Axis, Fit
from .ways_back import ToRetina, through, winners_gradient


@dataclass(frozen=True, eq=False)
class Scale:
    """A layer at one scale.

    Attributes
    ----------
    values : array of shape (n_images, n_features, n, n)
    known : array of bool of shape (n, n), or (n_features, n, n) where features differ
    axis : Axis
    extent : float
        Side of what a unit sees, in units of the window.
    to_retina : callable or None
        From a gradient of the values to one of the image, where it was traced.
    """

    values: Array
    known: np.ndarray
    axis: Axis
    extent: float
    to_retina: ToRetina | None = None

    def blanked(self) -> Array:
        """The numbers, NaN where they are missing."""
        xp = namespace(self.values)
        return xp.where(xp.asarray(self.known), self.values, xp.float32(np.nan))


def pyramid(values: Array, axes: Sequence[Axis], fit: Fit, *, traced: bool = False) -> list[Scale]:
    """Levels of an image, each straight from it.

    Parameters
    ----------
    values : array of shape (n_images, 1, height, width)
        From 0 to 1.
    axes : sequence of Axis
    fit : Fit
    traced : bool
        Whether gradients with respect to the image will be asked for.

    Returns
    -------
    list of Scale
    """
    xp, found = namespace(values), []
    for axis in axes:
        down, known_rows = fit.resampling(axis, fit.height)
        across, known_columns = fit.resampling(axis, fit.width)
        down, across = (xp.asarray(matrix, xp.float32) for matrix in (down, across))
        resampled = down @ values @ across.T
        known = np.outer(known_rows, known_columns)
        level = xp.clip(resampled, 0, 1) * xp.asarray(known, resampled.dtype)
        back = None
        if traced:
            # Where the interpolation overshoots, the clip has no slope.
            passes = (resampled >= 0) & (resampled <= 1) & xp.asarray(known)
            back = _resampled_back(down, passes, across)
        found.append(Scale(level, known, axis, fit.taps(axis) * fit.scale, back))
    return found


def _resampled_back(down: Array, passes: Array, across: Array) -> ToRetina:
    xp = namespace(down)
    return lambda gradient: down.T @ xp.where(passes, gradient, 0) @ across


def simple(level: Scale, filters: np.ndarray) -> Scale:
    """S1: contrast-normalised absolute matches; 0 where a patch is all zero.

    Parameters
    ----------
    level : Scale
    filters : array of shape (n_filters, n, n)

    Returns
    -------
    Scale
    """
    xp, n = namespace(level.values), filters.shape[-1]
    matches, to_level = correlate(level.values, xp.asarray(filters[:, None], xp.float32))
    normalised, unnormalise = divide_by_local_norm(matches, level.values, n)
    axis = level.axis.tuned(n)
    extent = (n - 1) * level.axis.space + level.extent

    def back(gradient: Array) -> Array:
        to_matches, to_values = unnormalise(gradient * xp.sign(normalised))
        return to_level(to_matches)[0] + to_values

    known, way = whole(level.known, n), through(level.to_retina, back)
    return masked(Scale(xp.abs(normalised), known, axis, extent, way))


def inhibited(layer: Scale, share: float) -> Scale:
    """Responses far below the strongest at their position are 0.

    Parameters
    ----------
    layer : Scale
    share : float
        Of the way from the weakest to the strongest, below which they are.

    Returns
    -------
    Scale

    References
    ----------
    Mutch & Lowe, IJCV 2008, section 3.2.
    """
    xp, values = namespace(layer.values), layer.values
    lowest = values.min(axis=1, keepdims=True) if len(values) else values[:, :1]
    highest = values.max(axis=1, keepdims=True) if len(values) else values[:, :1]
    cutoff = lowest + share * (highest - lowest)
    kept = xp.where(values < cutoff, xp.float32(0), values)
    # The cutoff moves with the strongest and the weakest, but that moves no response.
    back = through(layer.to_retina, lambda gradient: xp.where(values < cutoff, 0, gradient))
    return Scale(kept, layer.known, layer.axis, layer.extent, back)


def pooled(scales: Sequence[Scale], window: int, stride: int) -> Scale:
    """C: the maximum over a window of one scale and the same window of coarser ones.

    Parameters
    ----------
    scales : sequence of Scale
        The finest first.
    window, stride : int
        In units of the finest scale.

    Returns
    -------
    Scale
    """
    finest, coarsest = scales[0], scales[-1]
    xp = namespace(finest.values)
    axis, reach = finest.axis.pooled(window, stride), window * finest.axis.space / 2
    chosen = [_chosen(*scale.axis.within(axis.centres(), reach)) for scale in scales]
    below = [_below_all(scale) for scale in scales]
    maxima = [_window_maxima(v, c) for v, c in zip(below, chosen, strict=True)]
    best = reduce(xp.maximum, maxima)
    known = np.zeros((), bool)
    for scale, own in zip(scales, chosen, strict=True):
        known = known | _window_maxima(scale.known, own)

    def back(gradient: Array) -> Array:
        shares = winners_gradient(below, chosen, best, gradient)
        ways = zip(scales, shares, strict=True)
        return sum(scale.to_retina(share) for scale, share in ways)  # type: ignore[misc]

    way = None if finest.to_retina is None else back
    return masked(Scale(best, known, axis, 2 * reach + coarsest.extent, way))


def _chosen(first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Numbers of the units in each window, the last again where there are fewer than elsewhere.

    -1 stands for none.
    """
    length = int((end - first).max(initial=0))
    numbers = np.minimum(first[:, None] + np.arange(max(1, length)), end[:, None] - 1)
    return np.where((end > first)[:, None], numbers, -1)


def _window_maxima(values: Array, chosen: np.ndarray) -> Array:
    """Maxima over windows of rows, then of columns."""
    xp = namespace(values)
    lowest = False if values.dtype == bool else -np.inf
    # A unit beyond the end, for windows without any.
    padded = xp.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, 1), (0, 1)], constant_values=lowest)
    numbers = xp.asarray(chosen)
    rows = padded[..., numbers, :].max(axis=-2)
    return rows[..., numbers].max(axis=-1)


def _below_all(scale: Scale) -> Array:
    xp = namespace(scale.values)
    return xp.where(xp.asarray(scale.known), scale.values, xp.float32(-np.inf))


def masked(scale: Scale) -> Scale:
    """The same, 0 where units are missing."""
    xp = namespace(scale.values)
    known = xp.asarray(scale.known)
    values = xp.where(known, scale.values, xp.float32(0))
    back = through(scale.to_retina, lambda gradient: xp.where(known, gradient, 0))
    return Scale(values, scale.known, scale.axis, scale.extent, back)


def whole(known: np.ndarray, n: int) -> np.ndarray:
    """Where a window of n x n units is known altogether."""
    if min(known.shape) < n:
        return np.zeros((max(0, known.shape[0] - n + 1),) * 2, bool)
    views = np.lib.stride_tricks.sliding_window_view(known, (n, n))
    return np.asarray(views.all(axis=(2, 3)))


def best_anywhere(
    layers: Sequence[Scale], searched: Sequence[np.ndarray] | None = None
) -> tuple[Array, ToRetina | None]:
    """C2, C2b or C3: the maximum over all positions and scales; 0 where nothing is known.

    Parameters
    ----------
    layers : sequence of Scale
    searched : sequence of bool arrays of shape (n_prototypes, n, n), or None
        Where each prototype is looked for, by scale; None is everywhere.

    Returns
    -------
    best : array of shape (n_images, n_prototypes)
    to_retina : callable or None
        From a gradient of it to one of the image; the first winner takes all.
    """
    xp = namespace(layers[0].values)
    best = xp.full(layers[0].values.shape[:2], np.float32(-np.inf))
    looked = []
    for number, layer in enumerate(layers):
        where = layer.known if searched is None else layer.known & searched[number]
        if not where.any():
            continue
        values = xp.where(xp.asarray(where), layer.values, xp.float32(-np.inf))
        best = xp.maximum(best, values.max(axis=(2, 3)))
        looked.append((layer, values))
    if not looked or layers[0].to_retina is None:
        return xp.where(xp.isfinite(best), best, xp.float32(0)), None

    def back(gradient: Array) -> Array:
        left, total = xp.where(xp.isfinite(best), gradient, 0), 0
        for layer, values in looked:
            flat = values.reshape(*values.shape[:2], -1)
            winner = flat.argmax(axis=2)
            wins = xp.take_along_axis(flat, winner[:, :, None], axis=2)[:, :, 0] == best
            share = xp.where(wins, left, 0)
            left = left - share
            places = xp.arange(flat.shape[2]) == winner[:, :, None]
            spread = (places * share[:, :, None]).reshape(values.shape)
            total = total + layer.to_retina(spread)  # type: ignore[misc]
        return total

    return xp.where(xp.isfinite(best), best, xp.float32(0)), back


def near_source(
    axes: Sequence[Axis],
    scales: np.ndarray,
    places: np.ndarray,
    *,
    base: int,
    n_scales: int,
    reach: float,
) -> list[np.ndarray]:
    """Where prototypes are looked for that search only about where they came from.

    Parameters
    ----------
    axes : sequence of Axis
        Of S2, by scale.
    scales : integer array of shape (n_prototypes,)
        That they came from.
    places : array of shape (n_prototypes, 2)
        Row and column of the patch's middle, as shares of the window.
    base : int
        Side of the window.
    n_scales : int
        Scales above and below that are searched.
    reach : float
        Along rows and columns, as a share of the window.

    Returns
    -------
    list of bool arrays of shape (n_prototypes, n, n)

    References
    ----------
    Mutch & Lowe, IJCV 2008, section 3.4; the size of the window as in their code.
    """
    found = []
    for number, axis in enumerate(axes):
        sides = []
        for column in (0, 1):
            first, end = axis.within((places[:, column] - 0.5) * base, reach * base)
            numbers = np.arange(axis.n)
            sides.append((numbers >= first[:, None]) & (numbers < end[:, None]))
        of_scale = np.abs(scales - number) <= n_scales
        found.append(sides[0][:, :, None] & sides[1][:, None] & of_scale[:, None, None])
    return found
