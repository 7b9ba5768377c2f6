"""Fields of PyTorch modules that cannot be followed, measured: which pixels reach which units.

The module is made linear (rectifiers let everything through, the maximum becomes the mean, weights
are positive) and carries the derivative of every unit with respect to each row and each column of
the image forward. Nothing cancels or saturates, so that a derivative is zero only where there is no
way from the pixels to the unit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np

from hmax_cnn.extraction.fields import Field, Span

from .torch_fields import load_torch

MEASURED = "measured"  # of a field: where derivatives are not zero
_AT_ONCE = 16  # rows or columns of the image in one batch

# Pointwise functions that may be flat, or all but flat: they let everything through.
_OPENED = {
    *("relu", "relu6", "hardtanh", "threshold", "leaky_relu", "elu", "selu", "celu", "rrelu"),
    *("silu", "gelu", "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "prelu"),
    *("clamp", "clip", "clamp_min", "clamp_max", "abs", "logsigmoid", "hardshrink", "softshrink"),
    *("sign", "round", "floor", "ceil", "dropout", "dropout2d", "feature_dropout", "alpha_dropout"),
}
_MAXIMA = ("max_pool2d", "_max_pool2d", "max_pool2d_with_indices")

# Which rows of the image reach which rows of a map, and the same of columns.
Reach = tuple[np.ndarray, np.ndarray]
Recorder = Callable[[Any], Mapping[str, Mapping[str, Any]]]


def opened_mode() -> Any:
    """A mode in which functions that may be flat let everything through."""
    torch = load_torch()

    class Opened(torch.overrides.TorchFunctionMode):  # type: ignore[name-defined]
        """Calls of rectifiers and maxima, replaced wherever a module makes them."""

        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            name = getattr(function, "__name__", "").strip("_")
            if name in _OPENED and args:
                return args[0]
            if name in _MAXIMA:
                return _mean_pool(function, args, kwargs)
            return function(*args, **kwargs)

    return Opened()


def _mean_pool(function: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """The mean where a maximum was asked for, over the same windows."""
    torch = load_torch()
    names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    dilation = given.get("dilation", 1)
    spread = max(dilation) if isinstance(dilation, tuple | list) else dilation
    if spread != 1 or given.get("return_indices"):
        return function(*args, **kwargs)
    size = given["kernel_size"]
    return torch.nn.functional.avg_pool2d(
        given["input"],
        size,
        given.get("stride") or size,
        given.get("padding", 0),
        bool(given.get("ceil_mode", False)),
    )


@contextmanager
def made_linear(module: Any) -> Iterator[None]:
    """Positive weights in double precision, and its own again afterwards."""
    torch = load_torch()
    kept = [
        (tensor, tensor.data)
        for tensor in (*module.parameters(), *module.buffers())
        if tensor.dtype.is_floating_point
    ]
    noise = torch.Generator().manual_seed(0)
    statistics = {
        id(getattr(one, name)): value
        for one in module.modules()
        for name, value in (("running_mean", 0.0), ("running_var", 1.0))
        if isinstance(getattr(one, name, None), torch.Tensor)
    }
    try:
        for tensor, data in kept:
            # Sums of about 1: neither overflow nor underflow in a hundred layers.
            fan_in = max(1, int(np.prod(data.shape[1:])))
            drawn = (0.5 + torch.rand(data.shape, generator=noise, dtype=torch.float64)) / fan_in
            if id(tensor) in statistics:
                drawn = torch.full(data.shape, statistics[id(tensor)], dtype=torch.float64)
            tensor.data = drawn.to(data.device)
        yield
    finally:
        for tensor, data in kept:
            tensor.data = data


def reached(record: Recorder, image: Any) -> dict[tuple[str, str], Reach]:
    """Which rows and columns of the image reach which of each map, by name and part.

    Parameters
    ----------
    record : callable
        From a batch of images to the maps (n, feature, y, x) of each part of each output.
    image : tensor of shape (1, n_channels, height, width)

    Returns
    -------
    dict from (str, str) to (array of bool of shape (height, n_rows), of shape (width, n_columns))
    """
    torch = load_torch()
    forward_ad = torch.autograd.forward_ad
    found: dict[tuple[str, str], list[list[np.ndarray]]] = {}
    _, n_channels, *sides = image.shape
    noise = torch.Generator().manual_seed(1)
    # One direction for each pixel: a constant one is invisible to a filter whose sum is zero.
    shape = (n_channels, *sides)
    direction = 0.5 + torch.rand(shape, generator=noise, dtype=torch.float64)
    with opened_mode(), torch.no_grad(), warnings.catch_warnings():
        # PyTorch compiles some of its own forward derivatives by a way that it has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        for axis, side in enumerate(sides):
            for first in range(0, side, _AT_ONCE):
                lines = range(first, min(first + _AT_ONCE, side))
                tangent = torch.zeros((len(lines), *shape), dtype=torch.float64)
                for number, line in enumerate(lines):
                    where = (slice(None), *([slice(None)] * axis), line)
                    tangent[(number, *where)] = direction[where]
                batch = image.double().cpu().expand(len(lines), *shape).contiguous()
                with forward_ad.dual_level():
                    dual = forward_ad.make_dual(batch.to(image.device), tangent.to(image.device))
                    for name, parts in record(dual).items():
                        for part, maps in parts.items():
                            moved = forward_ad.unpack_dual(maps).tangent
                            lit = _lit(maps, moved, axis)
                            found.setdefault((name, part), [[], []])[axis].append(lit)
    return {
        key: (np.concatenate(rows), np.concatenate(columns))
        for key, (rows, columns) in found.items()
    }


def _lit(maps: Any, tangent: Any, axis: int) -> np.ndarray:
    """For each line of the image, which rows (or columns) of the maps have a derivative."""
    n_lines, n_units = maps.shape[0], maps.shape[2 + axis]
    if tangent is None:
        return np.zeros((n_lines, n_units), bool)
    across = (1, 3 - axis)  # features, and the other axis
    return (tangent != 0).any(dim=across[1]).any(dim=across[0]).cpu().numpy()


def field_of(reach: Reach, sides: tuple[int, int]) -> Field:
    """The field of a map from what reaches it: one size and one step for all units.

    Wide enough for every unit, whatever its phase. Where no unit has its whole field inside the
    image, the picture's border cuts all of them, and the field is the whole image.

    Parameters
    ----------
    reach : (array of shape (height, n_rows), array of shape (width, n_columns))
    sides : (int, int)
        Of the image, in pixels.

    Returns
    -------
    Field
    """
    spans = [_span(lit, side) for lit, side in zip(reach, sides, strict=True)]
    if any(span is None for span in spans):
        return Field.whole(*sides)
    y, x = (span for span in spans if span is not None)
    return Field(y, x, MEASURED)


def _span(lit: np.ndarray, side: int) -> Span | None:
    """The smallest span with a constant step that holds every unit.

    None where all are cut, or it is no smaller than the image.
    """
    units = np.flatnonzero(lit.any(axis=0))
    low = lit.argmax(axis=0)
    high = side - 1 - lit[::-1].argmax(axis=0)
    inside = [n for n in units.tolist() if low[n] > 0 and high[n] < side - 1]
    if not inside:
        return None
    step = _step(inside, low, high, Fraction(side, lit.shape[1]))
    # Of every unit, also those that the border cuts: they reach at least as far as is seen.
    below = min(int(low[n]) - n * step for n in units.tolist())
    above = max(int(high[n]) - n * step for n in units.tolist())
    size = above - below + 1
    return Span(size, step, (below + above) / 2) if size < side else None


def _step(inside: list[int], low: np.ndarray, high: np.ndarray, even: Fraction) -> Fraction:
    """The step that makes the fields of all whole units smallest."""
    first, last = inside[0], inside[-1]
    if first == last:
        return even
    apart = Fraction(int(low[last] + high[last] - low[first] - high[first]), 2)
    found = apart / (last - first)
    whole = Fraction(max(1, round(found)))
    part = Fraction(1, max(1, round(1 / found))) if found > 0 else whole

    def width(step: Fraction) -> Fraction:
        return max(int(high[n]) - n * step for n in inside) - min(
            int(low[n]) - n * step for n in inside
        )

    # Plain steps first: of those that do equally well the first is taken.
    return min((step for step in (whole, part, even, found) if step > 0), key=width)
