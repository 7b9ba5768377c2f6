"""Pooling: one response for a neighbourhood of responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..arrays import Array, namespace, step_bytes
from ..cuda import pooling as on_cuda
from ..cuda.programs import suits as suits_cuda
from ..fields import Window
from ..parallel import each, shares
from . import by_rows
from .windows import Pullback, padded, part, spread


def max_pool(
    values: Array, window: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> tuple[Array, Pullback]:
    """The maximum over windows: what makes a complex cell tolerant.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    window, stride, dilation : int or (int, int)
        In units of the map, along y and x; positive.
    padding : int, (int, int) or ((int, int), (int, int))
        Places around the map that never win; fewer than the window is wide.

    Returns
    -------
    pooled : array of shape (n_images, n_features, height', width')
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`; the first winner of each
        window takes all of it.

    Raises
    ------
    ValueError
        If the window does not fit into the map, or could lie on padding alone.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool(np.arange(16.0).reshape(1, 1, 4, 4), window=2, stride=2)[0][0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    look_through = Window(window, stride, padding, dilation)
    count = look_through.count(*values.shape[2:])
    if any(
        max(sides) >= extent
        for sides, extent in zip(look_through.padding, look_through.extent, strict=True)
    ):
        msg = (
            f"`padding` must be smaller than the window of {look_through.extent[0]} x "
            f"{look_through.extent[1]}, got {look_through.padding}."
        )
        raise ValueError(msg)
    if suits_cuda(values):
        return on_cuda.max_pool(values, look_through, count)
    compiled = by_rows.max_pool(values, look_through, count)
    if compiled is not None:
        return compiled
    return _by_axes(values, look_through, count)


def _by_axes(values: Array, look_through: Window, count: tuple[int, int]) -> tuple[Array, Pullback]:
    """`max_pool` along y and then along x, on any device."""
    xp = namespace(values)
    pooled = xp.empty((*values.shape[:2], *count), values.dtype)

    def pool(share: slice) -> None:
        for images in _in_cache(share, values):
            # Borders never win.
            around = padded(values[images], look_through, -xp.inf)
            # Along y, then along x: 2 n comparisons for each place instead of n squared.
            down = _maximum_along(xp, around, look_through, count, axis=0)
            pooled[images] = _maximum_along(xp, down, look_through, count, axis=1)

    each(pool, shares(len(values)))

    def pullback(gradient: Array) -> Array:
        back = xp.empty(values.shape, gradient.dtype)

        def carry(share: slice) -> None:
            for images in _in_cache(share, values):
                back[images] = _to_winners(
                    gradient[images], values[images], pooled[images], look_through
                )

        each(carry, shares(len(values)))
        return back

    return pooled, pullback


def _to_winners(gradient: Array, values: Array, pooled: Array, window: Window) -> Array:
    """Each maximum's gradient at the first place that has it."""
    around = padded(values, window, -namespace(values).inf)
    into = namespace(values).zeros(around.shape, gradient.dtype)
    left = gradient.copy()  # what no place has won yet
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            # In the order of rows: of places that tie the first takes the gradient, as PyTorch's
            # does.
            won = left * (part(around, window, row, column, pooled.shape[2:]) == pooled)
            part(into, window, row, column, pooled.shape[2:])[...] += won
            left -= won
    (top, _), (first, _) = window.padding
    return into[:, :, top : top + values.shape[2], first : first + values.shape[3]]


def _in_cache(images: slice, values: Array) -> Iterator[slice]:
    """These images, few enough at a time that they stay in the cache."""
    step = max(1, step_bytes(namespace(values)) // 4 // max(1, values[:1].nbytes))
    for first in range(images.start, images.stop, step):
        yield slice(first, min(first + step, images.stop))


def _maximum_along(
    xp: Any, values: Array, window: Window, count: tuple[int, int], axis: int
) -> Array:
    """The maximum over a window's extent along y (0) or x (1).

    A square maximum is one after the other.
    """
    size, stride, step, n = (
        window.size[axis],
        window.stride[axis],
        window.dilation[axis],
        count[axis],
    )
    places = [slice(i * step, i * step + stride * (n - 1) + 1, stride) for i in range(size)]
    parts = [values[:, :, place] if axis == 0 else values[..., place] for place in places]
    pooled = parts[0].copy()
    for other in parts[1:]:
        xp.maximum(pooled, other, out=pooled)
    return pooled


def box_sum(values: Array, window: Window) -> Array:
    """Sums over windows, by doubling.

    Only additions, so that small sums beside large ones stay exact.
    """
    sums = padded(values, window)
    window.count(*values.shape[2:])
    for axis in (2, 3):
        size, step = window.size[axis - 2], window.dilation[axis - 2]
        n_left = sums.shape[axis] - (size - 1) * step
        # Sums over windows of 1, 2, 4, ... places by doubling, put together by the bits of the
        # size: log2 n additions, and no difference of large running sums that would lose digits.
        power, covered, total, bit = sums, 0, None, 1
        while bit <= size:
            if size & bit:
                piece = _along(power, covered * step, n_left, axis)
                total, covered = piece if total is None else total + piece, covered + bit
            if bit * 2 <= size:
                longer = power.shape[axis] - bit * step
                power = _along(power, 0, longer, axis) + _along(power, bit * step, longer, axis)
            bit *= 2
        sums = total
    return sums[:, :, :: window.stride[0], :: window.stride[1]]


def _along(values: Array, start: int, length: int, axis: int) -> Array:
    if axis == 2:
        return values[:, :, start : start + length]
    return values[..., start : start + length]


def spread_sum(gradient: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The adjoint of `box_sum`."""
    everywhere = namespace(gradient).broadcast_to(
        gradient[..., None, None], (*gradient.shape, *window.size)
    )
    return spread(everywhere, shape, window)


def average_pool(
    values: Array,
    window: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    count_padding: bool = False,
) -> tuple[Array, Pullback]:
    """The mean over windows; places outside the map count only with `count_padding`.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    window, stride, padding, dilation : int, (int, int)
        See `Window`.
    count_padding : bool
        Whether places outside the map count.

    Returns
    -------
    pooled : array of shape (n_images, n_features, height', width')
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`.
    """
    xp, look_through = namespace(values), Window(window, stride, padding, dilation)
    if count_padding:
        n_seen = xp.asarray(look_through.size[0] * look_through.size[1], values.dtype)
    else:
        # Only places inside the map count.
        n_seen = xp.maximum(
            box_sum(xp.ones((1, 1, *values.shape[2:]), values.dtype), look_through), 1
        )
    pooled = box_sum(values, look_through) / n_seen
    return pooled, lambda gradient: spread_sum(gradient / n_seen, values.shape, look_through)


def l2_pool(
    values: Array, window: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> tuple[Array, Pullback]:
    """The root of the sum of squares over windows.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    window, stride, padding, dilation : int, (int, int)
        See `Window`.

    Returns
    -------
    pooled : array of shape (n_images, n_features, height', width')
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`.
    """
    look_through = Window(window, stride, padding, dilation)
    pooled = namespace(values).sqrt(box_sum(values * values, look_through))

    def pullback(gradient: Array) -> Array:
        return values * spread_sum(_over(gradient, pooled), values.shape, look_through)

    return pooled, pullback


def feature_l2_pool(values: Array, group: int) -> tuple[Array, Pullback]:
    """The root of the sum of squares over groups of neighbouring features.

    The energy of a quadrature pair where `group` is 2.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    group : int
        Features per group; divides `n_features`.

    Returns
    -------
    pooled : array of shape (n_images, n_features / group, height, width)
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`.

    Raises
    ------
    ValueError
        If the features cannot be split into such groups.
    """
    n_images, n_features, height, width = values.shape
    if group < 1 or n_features % group:
        msg = f"`group` must divide the number of features, {n_features}, got {group}."
        raise ValueError(msg)
    grouped = values.reshape(n_images, n_features // group, group, height, width)
    pooled = namespace(values).sqrt((grouped * grouped).sum(axis=2))
    return pooled, lambda gradient: (grouped * _over(gradient, pooled)[:, :, None]).reshape(
        values.shape
    )


def softmax_pool(
    values: Array,
    window: Any,
    stride: Any = 1,
    padding: Any = 0,
    exponent: float = 2.0,
    offset: float = 1e-6,
) -> tuple[Array, Pullback]:
    """Generalised soft maximum, sum(x^(q+1)) / (k + sum(x^q)).

    The mean-like q = 0, the maximum as q grows.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
        Not negative.
    window, stride, padding
        As for `max_pool`.
    exponent : float
        q of the paper; not negative.
    offset : float
        k of the paper; positive, keeps silence silent.

    Returns
    -------
    pooled : array of shape (n_images, n_features, height', width')
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`.

    Raises
    ------
    ValueError
        If a value or a parameter is negative.

    References
    ----------
    Kouh & Poggio, "A canonical neural circuit for cortical nonlinear operations", Neural
    Computation 2008: their circuit with the numerator's exponent one above the denominator's.
    """
    if exponent < 0 or offset <= 0 or (values.size and float(values.min()) < 0):
        msg = (
            "`values` and `exponent` must not be negative and `offset` must be positive, got "
            f"exponent {exponent} and offset {offset}."
        )
        raise ValueError(msg)
    look_through = Window(window, stride, padding)
    powers = values**exponent
    above, below = box_sum(powers * values, look_through), offset + box_sum(powers, look_through)
    pooled = above / below

    def pullback(gradient: Array) -> Array:
        to_above = spread_sum(gradient / below, values.shape, look_through)
        to_below = spread_sum(-gradient * pooled / below, values.shape, look_through)
        if exponent >= 1:
            slopes = exponent * values ** (exponent - 1)
        else:
            slopes = _slope_at_zero(values, exponent)
        return (exponent + 1) * powers * to_above + slopes * to_below

    return pooled, pullback


def _slope_at_zero(values: Array, exponent: float) -> Array:
    """The derivative of x^q for q < 1, taken as 0 where it is infinite."""
    xp = namespace(values)
    return xp.where(values > 0, exponent * xp.where(values > 0, values, 1) ** (exponent - 1), 0)


def _over(gradient: Array, norm: Array) -> Array:
    """Gradient / norm, and 0 where the norm is 0: the root has no slope there."""
    xp = namespace(norm)
    return xp.where(norm > 0, gradient / xp.where(norm > 0, norm, 1), 0)
