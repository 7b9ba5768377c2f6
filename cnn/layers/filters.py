"""Layers with weights of their own: filters, dense units, coefficients, codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from hmax_cnn.extraction import Field, Maps, Window
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import Array, namespace

from .layer import Gradients, Layer, Mode, Output, Shape, Weight, checked_start


@final
@dataclass(frozen=True)
class Conv(Layer):
    """Filters that look through windows.

    Parameters
    ----------
    n_filters : int
    window, stride, dilation : int or (int, int)
    padding : int, (int, int) or ((int, int), (int, int))
        On all sides, by axis, or ((top, bottom), (left, right)).
    groups : int
        Features and filters are dealt into so many groups.
    border : {'zero', 'copy'}
        What the padding holds.
    bias : float or None
        What the bias starts from; None is no bias.
    initial : {'he', 'glorot', 'lecun'} or float
        What the filters start from; see `Weight`.
    connections : sequence of sequences of int, or None
        Which features each filter sees, where not all.
    """

    n_filters: int
    window: Any = 3
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    border: str = "zero"
    bias: float | None = 0.0
    initial: str | float = "he"
    connections: Sequence[Sequence[int]] | None = None

    def __post_init__(self) -> None:
        checked_start(self.initial)
        if self.connections is not None and (
            len(self.connections) != self.n_filters or not all(map(len, self.connections))
        ):
            msg = (
                f"`connections` must name at least one feature for each of the {self.n_filters} "
                f"filters, got {self.connections!r}."
            )
            raise ValueError(msg)
        if self.border not in ("zero", "copy"):
            msg = f"`border` must be 'zero' or 'copy', got {self.border!r}."
            raise ValueError(msg)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights that it needs; see `Layer.weights`."""
        (n_features, _, _), (rows, columns) = inputs[0], Window(self.window).size
        if n_features % self.groups or self.n_filters % self.groups:
            msg = (
                f"`groups` must divide {n_features} features and {self.n_filters} filters, got "
                f"{self.groups}."
            )
            raise ValueError(msg)
        # A filter of a group sees that group's features only.
        per_filter = n_features // self.groups
        if self.connections is not None:
            n_links = sum(map(len, self.connections))
            shape: tuple[int, ...] = (n_links, rows, columns)
            # LeCun et al. 1998: a table of which map sees which; on average so many links.
            per_filter = n_links // self.n_filters
        else:
            shape = (self.n_filters, per_filter, rows, columns)
        # For Glorot's start: how many sums each value takes part in.
        fan_out = self.n_filters // self.groups * rows * columns
        wanted = {"weight": Weight(shape, self.initial, per_filter * rows * columns, fan_out)}
        if self.bias is None:
            return wanted
        return wanted | {"bias": Weight((self.n_filters,), fill=self.bias)}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        maps, window = inputs[0], Window(self.window, self.stride, self.padding, self.dilation)
        filters, to_links = self._filters(weights["weight"], maps.shape[0])
        values, padding, unborder = maps.values, window.padding, None
        if self.border == "copy":
            (values, unborder), padding = ops.copied_border(values, padding), 0
        matches, back = ops.correlate(
            values, filters, window.stride, padding, window.dilation, self.groups, mode.to_inputs
        )
        if self.bias is not None:
            matches += weights["bias"][:, None, None]

        def pullback(gradient: Array) -> Gradients:
            to_values, to_filters = back(gradient)
            if unborder is not None and to_values is not None:
                to_values = unborder(to_values)
            to_weights = {"weight": to_links(to_filters)}
            return [to_values], to_weights if self.bias is None else to_weights | {
                "bias": ops.sum_by_feature(gradient)
            }

        n_places = matches.shape[2] * matches.shape[3]
        n_multiply_adds = n_places * weights["weight"].size
        found = Maps(matches, maps.field.through(window), n_multiply_adds=n_multiply_adds)
        return Output(found, pullback)

    def _filters(self, weight: Array, n_features: int) -> tuple[Array, Callable[[Array], Array]]:
        """Filters over all features, and the way back to those that are there."""
        if self.connections is None:
            return weight, lambda gradient: gradient
        xp = namespace(weight)
        which = xp.asarray([n for n, seen in enumerate(self.connections) for _ in seen])
        sees = xp.asarray([feature for seen in self.connections for feature in seen])
        filters = xp.zeros((self.n_filters, n_features, *weight.shape[1:]), weight.dtype)
        filters[which, sees] = weight
        return filters, lambda gradient: gradient[which, sees]


@final
@dataclass(frozen=True)
class Dense(Layer):
    """Units that see every value of the layer below.

    Parameters
    ----------
    n_units : int
    bias : float or None
        What the bias starts from; None is no bias.
    initial : {'he', 'glorot', 'lecun'} or float
        What the weights start from; see `Weight`.
    """

    n_units: int
    bias: float | None = 0.0
    initial: str | float = "he"

    def __post_init__(self) -> None:
        checked_start(self.initial)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights that it needs; see `Layer.weights`."""
        n_values = int(np.prod(inputs[0]))
        wanted = {"weight": Weight((self.n_units, n_values), self.initial, n_values, self.n_units)}
        if self.bias is None:
            return wanted
        return wanted | {"bias": Weight((self.n_units,), fill=self.bias)}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        sums, back = ops.dense(inputs[0].values, weights["weight"], mode.to_inputs)
        if self.bias is not None:
            sums += weights["bias"]

        def pullback(gradient: Array) -> Gradients:
            gradient = gradient.reshape(sums.shape)
            to_values, to_weight = back(gradient)
            return [to_values], {"weight": to_weight} | (
                {} if self.bias is None else {"bias": gradient.sum(axis=0)}
            )

        whole = Field.whole(*mode.image_shape)
        maps = Maps(sums[..., None, None], whole, n_multiply_adds=weights["weight"].size)
        return Output(maps, pullback)


@final
@dataclass(frozen=True)
class Scale(Layer):
    """Each feature times a coefficient, plus a bias, both learned.

    The second half of LeNet's subsampling.
    """

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights that it needs; see `Layer.weights`."""
        return {"weight": Weight(inputs[0][:1], fill=1), "bias": Weight(inputs[0][:1])}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        moved, back = ops.scale_and_shift(inputs[0].values, weights["weight"], weights["bias"])

        def pullback(gradient: Array) -> Gradients:
            to_values, to_scale, to_shift = back(gradient)
            return [to_values], {"weight": to_scale, "bias": to_shift}

        return Output(Maps(moved, inputs[0].field), pullback)


@final
@dataclass(frozen=True)
class RadialBasis(Layer):
    """Minus the squared distance to a fixed code of -1 and 1 for each class.

    Parameters
    ----------
    n_units : int
        Classes.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE
    1998, equation 7, with codes drawn at random, which the paper names as the alternative to its
    drawings of characters.
    """

    n_units: int

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights that it needs; see `Layer.weights`."""
        return {"codes": Weight((self.n_units, int(np.prod(inputs[0]))), "signs", learned=False)}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        values, codes = inputs[0].values, weights["codes"]
        away = values.reshape(len(values), 1, codes.shape[1]) - codes
        scores = -(away * away).sum(axis=2)

        def pullback(gradient: Array) -> Gradients:
            return [
                (-2 * gradient.reshape(*scores.shape, 1) * away).sum(axis=1).reshape(values.shape)
            ], {}

        whole = Field.whole(*mode.image_shape)
        maps = Maps(scores[..., None, None], whole, n_multiply_adds=codes.size)
        return Output(maps, pullback)
