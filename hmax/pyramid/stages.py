"""The stages of HMAX on a pyramid: arrays of all scales in, arrays of all scales out.

Which units are missing, for want of image, is a matter of geometry alone: `known` says it, and the
numbers of missing units are 0 until they are yielded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.operations import correlate, divide_by_local_norm

from .axes import Axis, Fit

_SHORTEST = 1e-8  # squared length of a prototype of zeros


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
    """

    values: Array
    known: np.ndarray
    axis: Axis
    extent: float

    def blanked(self) -> Array:
        """The numbers, NaN where they are missing."""
        xp = namespace(self.values)
        return xp.where(xp.asarray(self.known), self.values, xp.float32(np.nan))


def pyramid(values: Array, axes: Sequence[Axis], fit: Fit) -> list[Scale]:
    """Levels of an image, each straight from it.

    Parameters
    ----------
    values : array of shape (n_images, 1, height, width)
        From 0 to 1.
    axes : sequence of Axis
    fit : Fit

    Returns
    -------
    list of Scale
    """
    xp, found = namespace(values), []
    for axis in axes:
        down, known_rows = fit.resampling(axis, fit.height)
        across, known_columns = fit.resampling(axis, fit.width)
        down, across = (xp.asarray(matrix, xp.float32) for matrix in (down, across))
        level = xp.clip(down @ values @ across.T, 0, 1)
        known = np.outer(known_rows, known_columns)
        extent = fit.taps(axis) * fit.scale
        found.append(Scale(level * xp.asarray(known, level.dtype), known, axis, extent))
    return found


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
    matches, _ = correlate(level.values, xp.asarray(filters[:, None], xp.float32))
    normalised, _ = divide_by_local_norm(matches, level.values, n)
    axis = level.axis.tuned(n)
    extent = (n - 1) * level.axis.space + level.extent
    return _masked(Scale(xp.abs(normalised), _whole(level.known, n), axis, extent))


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
    return Scale(kept, layer.known, layer.axis, layer.extent)


def pooled(fine: Scale, coarse: Scale, window: int, stride: int) -> Scale:
    """C: the maximum over a window of one scale and the same window of the next coarser one.

    Parameters
    ----------
    fine, coarse : Scale
    window, stride : int
        In units of the finer scale.

    Returns
    -------
    Scale
    """
    xp = namespace(fine.values)
    axis, reach = fine.axis.pooled(window, stride), window * fine.axis.space / 2
    best, known = None, np.zeros((), bool)
    for scale in (fine, coarse):
        chosen = _chosen(*scale.axis.within(axis.centres(), reach))
        found = _window_maxima(_below_all(scale), chosen)
        known = known | _window_maxima(scale.known, chosen)
        best = found if best is None else xp.maximum(best, found)
    extent = 2 * reach + coarse.extent
    return _masked(Scale(best, known, axis, extent))


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


def _masked(scale: Scale) -> Scale:
    xp = namespace(scale.values)
    values = xp.where(xp.asarray(scale.known), scale.values, xp.float32(0))
    return Scale(values, scale.known, scale.axis, scale.extent)


def _whole(known: np.ndarray, n: int) -> np.ndarray:
    """Where a window of n x n units is known altogether."""
    if min(known.shape) < n:
        return np.zeros((max(0, known.shape[0] - n + 1),) * 2, bool)
    views = np.lib.stride_tricks.sliding_window_view(known, (n, n))
    return np.asarray(views.all(axis=(2, 3)))


def sparse(patches: np.ndarray) -> np.ndarray:
    """The strongest feature at each position of patches, the first of equals.

    Parameters
    ----------
    patches : array of shape (count, n_features, n, n)

    Returns
    -------
    array of bool of the same shape
    """
    strongest = patches.argmax(axis=1)
    return np.arange(patches.shape[1])[:, None, None] == strongest[:, None]


def tuned(
    layer: Scale,
    patches: Mapping[int, np.ndarray],
    *,
    sharpness: float,
    is_sparse: bool,
    by_norm: bool,
) -> Scale:
    """S2, S2b or S3: Gaussian matches to prototypes, wider for larger ones.

    Parameters
    ----------
    layer : Scale
    patches : mapping from size to array of shape (count, n_features, size, size)
        From the smallest size upward; all even or all odd.
    sharpness : float
        1 / (2 sigma^2).
    is_sparse : bool
        Whether only the strongest feature at each position of a prototype counts.
    by_norm : bool
        Whether the Gaussian widens with the length of the prototype, too.

    Returns
    -------
    Scale
        Prototypes of all sizes share the units of the smallest.
    """
    xp, smallest = namespace(layer.values), min(patches)
    axis = layer.axis.tuned(smallest)
    below = layer.known if layer.known.ndim == 2 else np.asarray(layer.known.all(axis=0))
    maps, knowns = [], []
    for size, of_size in patches.items():
        mask = sparse(of_size) if is_sparse else np.ones(of_size.shape, bool)
        widest = (size / smallest) ** 2 * np.ones(len(of_size))
        squares = (np.where(mask, of_size, 0).astype(float) ** 2).sum(axis=(1, 2, 3))
        if by_norm:
            widest = widest * np.maximum(squares, _SHORTEST)
        found = xp.zeros((len(layer.values), len(of_size), axis.n, axis.n), xp.float32)
        known = np.zeros((axis.n, axis.n), bool)
        edge = (size - smallest) // 2  # where windows of this size would leave the layer
        if layer.axis.n >= size:
            inner = slice(edge, axis.n - edge)
            distances = _squared_distances(layer.values, of_size, mask, squares)
            widths = xp.asarray(widest[:, None, None], xp.float32)
            found[:, :, inner, inner] = xp.exp(-sharpness * distances / widths)
            known[inner, inner] = _whole(below, size)
        maps.append(found * xp.asarray(known, xp.float32))
        knowns.append(np.broadcast_to(known, (len(of_size), *known.shape)))
    extent = (max(patches) - 1) * layer.axis.space + layer.extent
    known = knowns[0][0] if len(knowns) == 1 else np.concatenate(knowns)
    return Scale(xp.concatenate(maps, axis=1), known, axis, extent)


def _squared_distances(
    values: Array, patches: np.ndarray, mask: np.ndarray, squares: np.ndarray
) -> Array:
    """Over the inputs that count: sum X^2 - 2 sum X P + sum P^2, never below 0."""
    xp = namespace(values)
    wanted = xp.asarray(np.where(mask, patches, 0), xp.float32)
    used = xp.asarray(mask, xp.float32)
    products, _ = correlate(values, wanted)
    if mask.all():  # what is common to all prototypes is summed once
        lengths, _ = correlate((values * values).sum(axis=1, keepdims=True), used[:1, :1])
    else:
        lengths, _ = correlate(values * values, used)
    constant = xp.asarray(squares[:, None, None], xp.float32)
    return xp.maximum(lengths - 2 * products + constant, 0)


def best_anywhere(layers: Sequence[Scale], searched: Sequence[np.ndarray] | None = None) -> Array:
    """C2, C2b or C3: the maximum over all positions and scales; 0 where nothing is known.

    Parameters
    ----------
    layers : sequence of Scale
    searched : sequence of bool arrays of shape (n_prototypes, n, n), or None
        Where each prototype is looked for, by scale; None is everywhere.

    Returns
    -------
    array of shape (n_images, n_prototypes)
    """
    xp, best = namespace(layers[0].values), None
    for number, layer in enumerate(layers):
        where = layer.known if searched is None else layer.known & searched[number]
        if not where.any():
            continue
        values = xp.where(xp.asarray(where), layer.values, xp.float32(-np.inf))
        found = values.max(axis=(2, 3))
        best = found if best is None else xp.maximum(best, found)
    if best is None:
        return xp.zeros(layers[0].values.shape[:2], xp.float32)
    return xp.where(xp.isfinite(best), best, xp.float32(0))


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
