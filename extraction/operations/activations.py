"""Activations: what a unit makes of its input, alone or among a few neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays import Array, namespace
from ..compiled import for_kernel, kernels
from ..parallel import each, n_workers, shares
from ..reused import empty, order_of
from . import by_rows
from .windows import Pullback

_MANY = 2**15  # numbers from which several workers pay


def relu(values: Array) -> tuple[Array, Pullback]:
    """max(x, 0): silent below zero.

    Parameters
    ----------
    values : array of any shape

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`; the slope at 0 is 0.
    """
    active = _elementwise(lambda xp, one, out: xp.maximum(one, 0, out=out), values)

    def pullback(gradient: Array) -> Array:
        return _elementwise(_where_active, gradient, active)

    return active, pullback


def _where_active(xp: Any, gradient: Array, active: Array, out: Array) -> None:
    """The gradient where units are active, into `out`."""
    arrays = gradient, active, out
    plain = xp is np and all(one.dtype == np.float32 and one.flags.c_contiguous for one in arrays)
    compiled = kernels("rows") if plain else None
    if compiled is None:
        xp.multiply(gradient, active > 0, out=out)
    else:
        compiled.rectifier_back(*(for_kernel(one).reshape(-1) for one in arrays))


def add(several: Sequence[Array]) -> Array:
    """The sum of arrays of one shape.

    Parameters
    ----------
    several : sequence of arrays

    Returns
    -------
    array
    """
    total = several[0]
    for other in several[1:]:
        total = _elementwise(lambda xp, one, two, out: xp.add(one, two, out=out), total, other)
    return total


def sum_by_feature(values: Array) -> Array:
    """The sum over images and places, such as the gradient of a bias.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)

    Returns
    -------
    array of shape (n_features,)
    """
    if by_rows.suits(values):
        return by_rows.totals(values)
    return values.sum(axis=(0, 2, 3))


def _elementwise(function: Callable[..., Any], *arrays: Array) -> Array:
    """A new array that `function(xp, *arrays, out)` fills, by the workers where that pays."""
    first, xp = arrays[0], namespace(arrays[0])
    maps = xp is np and first.ndim == 4 and first.dtype == np.float32
    if not maps or first.size < _MANY:
        out = xp.empty_like(first)
        function(xp, *arrays, out)
        return out
    # In the order in which they lie in memory, whichever that is.
    order = order_of(first)
    moved = [array.transpose(order) for array in arrays]
    out = empty(moved[0].shape)
    if len(out) < n_workers() and all(array.flags.c_contiguous for array in moved):
        # A single image is dealt out by rows.
        moved = [array.reshape(-1, array.shape[3]) for array in moved]

    into = out.reshape(moved[0].shape)

    def fill(share: slice) -> None:
        function(xp, *(array[share] for array in moved), into[share])

    each(fill, shares(len(into)))
    return out.transpose(np.argsort(order))


def leaky_relu(values: Array, slope: float = 0.01) -> tuple[Array, Pullback]:
    """The value where it is positive, `slope` x elsewhere.

    Parameters
    ----------
    values : array of any shape
    slope : float
        Below 0.

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`.
    """
    xp = namespace(values)
    slopes = xp.where(values > 0, xp.asarray(1, values.dtype), xp.asarray(slope, values.dtype))
    return values * slopes, lambda gradient: gradient * slopes


def elu(values: Array, scale: float = 1.0) -> tuple[Array, Pullback]:
    """The value where it is positive, `scale` (exp(x) - 1) elsewhere.

    Parameters
    ----------
    values : array of any shape
    scale : float
        What large negative values come to, times -1.

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`.

    References
    ----------
    Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by exponential
    linear units", ICLR 2016.
    """
    xp = namespace(values)
    below = scale * xp.expm1(xp.minimum(values, 0))
    return xp.where(
        values > 0, values, below
    ), lambda gradient: gradient * xp.where(values > 0, 1, below + scale).astype(values.dtype)


def maxout(values: Array, group: int) -> tuple[Array, Pullback]:
    """The largest of each group of neighbouring features.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    group : int
        Features per group; divides `n_features`.

    Returns
    -------
    largest : array of shape (n_images, n_features / group, height, width)
    pullback : callable
        Carries a gradient with the shape of `largest` back to `values`; the first of the largest
        takes all of it.

    Raises
    ------
    ValueError
        If the features cannot be split into such groups.

    References
    ----------
    Goodfellow et al., "Maxout networks", ICML 2013.
    """
    n_images, n_features, height, width = values.shape
    if group < 1 or n_features % group:
        msg = f"`group` must divide the number of features, {n_features}, got {group}."
        raise ValueError(msg)
    xp = namespace(values)
    grouped = values.reshape(n_images, n_features // group, group, height, width)
    largest = grouped.max(axis=2)

    def pullback(gradient: Array) -> Array:
        # Of features that tie the first wins.
        places = xp.arange(group).reshape(group, 1, 1)
        return (gradient[:, :, None] * (grouped.argmax(axis=2)[:, :, None] == places)).reshape(
            values.shape
        )

    return largest, pullback


def sigmoid(values: Array) -> tuple[Array, Pullback]:
    """1 / (1 + exp(-x)).

    Parameters
    ----------
    values : array of any shape

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`.
    """
    active = 0.5 * namespace(values).tanh(0.5 * values) + 0.5  # never overflows
    return active, lambda gradient: gradient * active * (1 - active)


def tanh(values: Array, height: float = 1.0, steepness: float = 1.0) -> tuple[Array, Pullback]:
    """`height` tanh(`steepness` x); LeCun's has the height 1.7159 and the steepness 2/3.

    Parameters
    ----------
    values : array of any shape
    height, steepness : float

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE
    1998, appendix A.
    """
    bent = namespace(values).tanh(steepness * values)
    return height * bent, lambda gradient: gradient * (height * steepness) * (1 - bent * bent)


def softplus(values: Array) -> tuple[Array, Pullback]:
    """log(1 + exp(x)), a smooth rectifier.

    Parameters
    ----------
    values : array of any shape

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`.
    """
    xp = namespace(values)
    return xp.logaddexp(
        values, xp.zeros_like(values)
    ), lambda gradient: gradient * sigmoid(values)[0]


def step(values: Array) -> tuple[Array, Pullback]:
    """1 where x is at least 0, else 0: Rosenblatt's unit; its gradient is 0 everywhere.

    Parameters
    ----------
    values : array of any shape

    Returns
    -------
    active : array with the shape of `values`
    pullback : callable
        Carries a gradient with the shape of `active` back to `values`.
    """
    return (values >= 0).astype(values.dtype), lambda gradient: namespace(gradient).zeros_like(
        gradient
    )
