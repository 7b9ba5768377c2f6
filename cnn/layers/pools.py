"""Pooling: one response for many, over windows or over a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from hmax_cnn.extraction import Field, Maps, Span, Window
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import Array
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.fields import LARGEST_PATH
from hmax_cnn.extraction.operations.adaptive import bins

from .layer import Layer, Mode, Output, plain

_POOLS = {"max": ops.max_pool, "average": ops.average_pool, "l2": ops.l2_pool}


@final
@dataclass(frozen=True)
class Pool(Layer):
    """One response for each window, overlapping or not.

    Parameters
    ----------
    kind : {'max', 'average', 'l2'}
    window : int or (int, int)
    stride : int, (int, int) or None
        None is the window's size: no overlap.
    padding : int, (int, int) or ((int, int), (int, int))
        Never wins, and does not count in an average unless `count_padding`.
    partial : bool
        Whether a last window that reaches beyond the map counts (Caffe's rule, `ceil_mode` of
        PyTorch).
    count_padding : bool
        Whether an average is over the whole window, padding included.
    """

    kind: str
    window: Any
    stride: Any = None
    padding: Any = 0
    partial: bool = False
    count_padding: bool = False

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, _POOLS)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        maps = inputs[0]
        window = Window(
            self.window, self.window if self.stride is None else self.stride, self.padding
        )
        if self.partial:
            window = _with_partial(window, *maps.shape[1:])
        if self.kind == "average" and self.count_padding:
            options = {"count_padding": True}
        else:
            options = {}
        pooled, back = _POOLS[self.kind](
            maps.values, window.size, window.stride, window.padding, **options
        )
        return plain(pooled, maps.field.through(window), back)


def _with_partial(window: Window, *sides: int) -> Window:
    """The window with enough padding for a last one that is cut off.

    That one starts inside the map or its padding at the start.
    """
    padding = []
    for n, size, stride, (before, after) in zip(
        sides, window.size, window.stride, window.padding, strict=True
    ):
        n_more = -(-max(0, n + before + after - size) // stride)
        # The last window must begin within the map or the padding at its start, as Caffe and
        # PyTorch's ceil_mode have it.
        if n_more * stride >= n + before:
            n_more -= 1
        padding.append((before, max(after, n_more * stride + size - n - before)))
    return Window(window.size, window.stride, tuple(padding))


@final
@dataclass(frozen=True)
class AdaptivePool(Layer):
    """A grid of responses for a map of any size; one is global pooling.

    Parameters
    ----------
    kind : {'average', 'max'}
    grid : (int, int)
        Rows and columns of the result.
    """

    kind: str = "average"
    grid: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if self.kind not in ("average", "max"):
            msg = f"`kind` must be 'average' or 'max', got {self.kind!r}."
            raise ValueError(msg)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        maps = inputs[0]
        pooled, back = (
            ops.adaptive_average_pool if self.kind == "average" else ops.adaptive_max_pool
        )(maps.values, self.grid)
        if self.grid == (1, 1):
            return plain(pooled, Field.whole(*mode.image_shape), back)
        (y, even_down), (x, even_across) = (
            _binned(*axis)
            for axis in zip((maps.field.y, maps.field.x), self.grid, maps.shape[1:], strict=True)
        )
        if even_down and even_across:
            status = maps.field.status
        else:
            status = LARGEST_PATH
        return plain(pooled, Field(y, x, status), back)


def _binned(span: Span, n_places: int, side: int) -> tuple[Span, bool]:
    """The span of bins, and whether all of them are alike; if not, wide enough for each."""
    # Bins of unequal width: the field is that of the widest, and the status says so.
    widest = max(last - first for first, last in bins(n_places, side))
    step = Fraction(side, n_places)
    even = side % n_places == 0
    if even:
        reach = widest - 1
    else:
        reach = widest
    return Span(
        span.size + reach * span.step, step * span.step, span.first + (step - 1) / 2 * span.step
    ), even
