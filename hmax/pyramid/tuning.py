"""S2, S2b and S3 of a pyramid: matches to prototypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.operations import correlate

from ..prototypes import SHORTEST, strongest
from .stages import Scale, masked, whole
from .ways_back import through


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
    ways: list[Callable[[Array], Array] | None] = []
    for size, of_size in patches.items():
        mask = strongest(of_size) if is_sparse else np.ones(of_size.shape, bool)
        widest = (size / smallest) ** 2 * np.ones(len(of_size))
        squares = (np.where(mask, of_size, 0).astype(float) ** 2).sum(axis=(1, 2, 3))
        if by_norm:
            widest = widest * np.maximum(squares, SHORTEST)
        found = xp.zeros((len(layer.values), len(of_size), axis.n, axis.n), xp.float32)
        known = np.zeros((axis.n, axis.n), bool)
        edge = (size - smallest) // 2  # where windows of this size would leave the layer
        if layer.axis.n >= size:
            inner = slice(edge, axis.n - edge)
            distances, to_layer = _squared_distances(layer.values, of_size, mask, squares)
            slopes = -sharpness / xp.asarray(widest[:, None, None], xp.float32)
            found[:, :, inner, inner] = xp.exp(slopes * distances)
            known[inner, inner] = whole(below, size)
            ways.append(_tuned_back(found, slopes, inner, to_layer))
        else:
            ways.append(None)
        maps.append(found * xp.asarray(known, xp.float32))
        knowns.append(np.broadcast_to(known, (len(of_size), *known.shape)))
    extent = (max(patches) - 1) * layer.axis.space + layer.extent
    known = knowns[0][0] if len(knowns) == 1 else np.concatenate(knowns)
    counts = [len(of_size) for of_size in patches.values()]

    def back(gradient: Array) -> Array:
        total, first = xp.zeros_like(layer.values), 0
        for count, way in zip(counts, ways, strict=True):
            part = gradient[:, first : first + count]
            if way is not None and part.any():
                total = total + way(part)
            first += count
        return total

    way = through(layer.to_retina, back)
    return masked(Scale(xp.concatenate(maps, axis=1), known, axis, extent, way))


def _tuned_back(
    found: Array, slopes: Array, inner: slice, to_layer: Callable[[Array], Array]
) -> Callable[[Array], Array]:
    """From a gradient of Gaussian matches to one of the layer below."""
    return lambda gradient: to_layer((gradient * found)[:, :, inner, inner] * slopes)


def _squared_distances(
    values: Array, patches: np.ndarray, mask: np.ndarray, squares: np.ndarray
) -> tuple[Array, Callable[[Array], Array]]:
    """Over the inputs that count: sum X^2 - 2 sum X P + sum P^2, never below 0.

    And the way back.
    """
    xp = namespace(values)
    wanted = xp.asarray(np.where(mask, patches, 0), xp.float32)
    used = xp.asarray(mask, xp.float32)
    products, from_products = correlate(values, wanted)
    is_whole = bool(mask.all())
    if is_whole:  # what is common to all prototypes is summed once
        lengths, from_lengths = correlate(
            (values * values).sum(axis=1, keepdims=True), used[:1, :1]
        )
    else:
        lengths, from_lengths = correlate(values * values, used)
    constant = xp.asarray(squares[:, None, None], xp.float32)
    distances = lengths - 2 * products + constant

    def back(gradient: Array) -> Array:
        passed = xp.where(distances > 0, gradient, 0)
        of_lengths = passed.sum(axis=1, keepdims=True) if is_whole else passed
        to_squares = from_lengths(of_lengths)[0]
        return 2 * values * to_squares - 2 * from_products(passed)[0]

    return xp.maximum(distances, 0), back
