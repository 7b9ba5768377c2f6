"""Layers: what the nodes of a network do, each built from `extraction.operations`; a layer holds settings, never weights."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, final

import numpy as np

from extraction import Field, Maps, Span, Window, join
from extraction import operations as ops
from extraction.arrays import Array, namespace
from extraction.fields import LARGEST_PATH
from extraction.operations.adaptive import bins

Shape = tuple[int, int, int]  # features, rows, columns
Gradients = tuple[Sequence[Array | None], dict[str, Array]]  # of the inputs, and of the weights by name
Pullback = Callable[[Array], Gradients]
STARTS = ("he", "glorot", "lecun")


@dataclass(frozen=True)
class Weight:
    """What a layer's weights look like, and what they start from.

    Attributes
    ----------
    shape : tuple of int
    start : {'he', 'glorot', 'lecun', 'signs'}, float or None
        'he': normal, variance 2 / fan_in; 'glorot': uniform, variance 2 / (fan_in + fan_out); 'lecun': normal, variance 1 / fan_in;
        'signs': -1 or 1; a number: normal, of this standard deviation; None: all are `fill`.
    fan_in, fan_out : int
        How many values a unit reads, and how many units read a value.
    fill : float
        Where all start alike.
    learned : bool
        Whether training moves them; False for running statistics and fixed codes.

    References
    ----------
    He et al., ICCV 2015, equation 10. Glorot & Bengio, AISTATS 2010, equation 16. LeCun et al., "Efficient BackProp", 1998, equation 16.
    """

    shape: tuple[int, ...]
    start: str | float | None = None
    fan_in: int = 1
    fan_out: int = 1
    fill: float = 0.0
    learned: bool = True

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Weights to start from, float32."""
        if self.start is None:
            return np.full(self.shape, self.fill, np.float32)
        if self.start == "signs":
            return rng.choice(np.float32([-1, 1]), self.shape)
        if self.start == "glorot":
            reach = np.float32(np.sqrt(6 / (self.fan_in + self.fan_out)))
            return (2 * rng.random(self.shape, np.float32) - 1) * reach
        deviation = {"he": np.sqrt(2 / self.fan_in), "lecun": np.sqrt(1 / self.fan_in)}.get(str(self.start), self.start)
        return rng.standard_normal(self.shape, np.float32) * np.float32(deviation)


@dataclass
class Mode:
    """How a network runs.

    Attributes
    ----------
    image_shape : (int, int)
        Of the images, in pixels.
    training : bool
        Batch normalisation measures its batch, and dropout drops.
    seed : tuple of int
        Of dropout.
    to_inputs : bool
        Whether the gradient of a layer's inputs is asked for.
    statistics : dict
        Where batch normalisation leaves its running statistics, by name.
    """

    image_shape: tuple[int, int]
    training: bool = False
    seed: tuple[int, ...] = (0,)
    to_inputs: bool = True
    statistics: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer(ABC):
    """What a node of a network does with the maps of its inputs."""

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights that it needs for inputs of these shapes, by name."""
        return {}

    @abstractmethod
    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        """Its maps, and what carries a gradient on them back to inputs and weights."""


def _plain(value: Array, seen: Field, pullback: Callable[[Array], Array], n_multiply_adds: int = 0) -> tuple[Maps, Pullback]:
    """The answer of a layer with one input and no weights."""
    return Maps(value, seen, n_multiply_adds=n_multiply_adds), lambda gradient: ([pullback(gradient)], {})


def _checked_start(start: str | float) -> None:
    if start not in STARTS and not (isinstance(start, int | float) and start >= 0):
        msg = f"`initial` must be one of {', '.join(map(repr, STARTS))} or a standard deviation, got {start!r}."
        raise ValueError(msg)


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
        _checked_start(self.initial)
        if self.connections is not None and (len(self.connections) != self.n_filters or not all(map(len, self.connections))):
            msg = f"`connections` must name at least one feature for each of the {self.n_filters} filters, got {self.connections!r}."
            raise ValueError(msg)
        if self.border not in ("zero", "copy"):
            msg = f"`border` must be 'zero' or 'copy', got {self.border!r}."
            raise ValueError(msg)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        (n_features, _, _), (rows, columns) = inputs[0], Window(self.window).size
        if n_features % self.groups or self.n_filters % self.groups:
            msg = f"`groups` must divide {n_features} features and {self.n_filters} filters, got {self.groups}."
            raise ValueError(msg)
        per_filter = n_features // self.groups
        if self.connections is not None:
            n_links = sum(map(len, self.connections))
            shape = (n_links, rows, columns)
            per_filter = n_links // self.n_filters
        else:
            shape = (self.n_filters, per_filter, rows, columns)
        fan_out = self.n_filters // self.groups * rows * columns
        wanted = {"weight": Weight(shape, self.initial, per_filter * rows * columns, fan_out)}
        return wanted if self.bias is None else wanted | {"bias": Weight((self.n_filters,), fill=self.bias)}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        maps, window = inputs[0], Window(self.window, self.stride, self.padding, self.dilation)
        filters, to_links = self._filters(weights["weight"], maps.shape[0])
        values, padding, unborder = maps.values, window.padding, None
        if self.border == "copy":
            (values, unborder), padding = ops.copied_border(values, padding), 0
        matches, back = ops.correlate(values, filters, window.stride, padding, window.dilation, self.groups, mode.to_inputs)
        if self.bias is not None:
            matches += weights["bias"][:, None, None]

        def pullback(gradient: Array) -> Gradients:
            to_values, to_filters = back(gradient)
            if unborder is not None and to_values is not None:
                to_values = unborder(to_values)
            to_weights = {"weight": to_links(to_filters)}
            return [to_values], to_weights if self.bias is None else to_weights | {"bias": gradient.sum(axis=(0, 2, 3))}

        n_places = matches.shape[2] * matches.shape[3]
        return Maps(matches, maps.field.through(window), n_multiply_adds=n_places * weights["weight"].size), pullback

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
        Whether a last window that reaches beyond the map counts (Caffe's rule, `ceil_mode` of PyTorch).
    """

    kind: str
    window: Any
    stride: Any = None
    padding: Any = 0
    partial: bool = False
    count_padding: bool = False

    def __post_init__(self) -> None:
        if self.kind not in _POOLS:
            msg = f"`kind` must be one of {', '.join(map(repr, _POOLS))}, got {self.kind!r}."
            raise ValueError(msg)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        maps = inputs[0]
        window = Window(self.window, self.window if self.stride is None else self.stride, self.padding)
        if self.partial:
            window = _with_partial(window, *maps.shape[1:])
        options = {"count_padding": True} if self.kind == "average" and self.count_padding else {}
        pooled, back = _POOLS[self.kind](maps.values, window.size, window.stride, window.padding, **options)
        return _plain(pooled, maps.field.through(window), back)


def _with_partial(window: Window, *sides: int) -> Window:
    """The window with enough padding at the end for a last one that starts inside the map or its padding at the start."""
    padding = []
    for n, size, stride, (before, after) in zip(sides, window.size, window.stride, window.padding, strict=True):
        n_more = -(-max(0, n + before + after - size) // stride)
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

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        maps = inputs[0]
        pooled, back = (ops.adaptive_average_pool if self.kind == "average" else ops.adaptive_max_pool)(maps.values, self.grid)
        if self.grid == (1, 1):
            return _plain(pooled, Field.whole(*mode.image_shape), back)
        (y, even_down), (x, even_across) = (_binned(*axis) for axis in zip((maps.field.y, maps.field.x), self.grid, maps.shape[1:], strict=True))
        status = maps.field.status if even_down and even_across else LARGEST_PATH
        return _plain(pooled, Field(y, x, status), back)


def _binned(span: Span, n_places: int, side: int) -> tuple[Span, bool]:
    """The span of bins, and whether all of them are alike; if not, wide enough for each."""
    widest = max(last - first for first, last in bins(n_places, side))
    step = Fraction(side, n_places)
    even = side % n_places == 0
    reach = widest - 1 if even else widest
    return Span(span.size + reach * span.step, step * span.step, span.first + (step - 1) / 2 * span.step), even


_ACTIVATIONS = {
    "relu": ops.relu, "leaky_relu": ops.leaky_relu, "elu": ops.elu, "maxout": ops.maxout, "sigmoid": ops.sigmoid, "tanh": ops.tanh,
    "softplus": ops.softplus, "step": ops.step, "l2": ops.feature_l2_pool,
}  # fmt: skip


@final
@dataclass(frozen=True)
class Activation(Layer):
    """What each unit makes of its input, or a group of neighbouring features of theirs.

    Parameters
    ----------
    kind : {'relu', 'leaky_relu', 'elu', 'maxout', 'sigmoid', 'tanh', 'softplus', 'step', 'l2'}
        'maxout' and 'l2' (the root of the sum of squares) take `group` features each.
    options : mapping
        As the operation of this name takes them.
    """

    kind: str = "relu"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in _ACTIVATIONS:
            msg = f"`kind` must be one of {', '.join(map(repr, _ACTIVATIONS))}, got {self.kind!r}."
            raise ValueError(msg)
        if self.kind in ("maxout", "l2") and "group" not in self.options:
            msg = f"`options` of {self.kind!r} must give `group`, the number of features that make one, got {dict(self.options)!r}."
            raise ValueError(msg)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        active, back = _ACTIVATIONS[self.kind](inputs[0].values, **self.options)
        return _plain(active, inputs[0].field, back)


@final
@dataclass(frozen=True)
class LocalResponse(Layer):
    """Local response normalisation; the parameters are those of `local_response_normalisation`."""

    size: int = 5
    scale: float = 1e-4
    power: float = 0.75
    offset: float = 2.0

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        normalised, back = ops.local_response_normalisation(inputs[0].values, self.size, self.scale, self.power, self.offset)
        return _plain(normalised, inputs[0].field, back)


@final
@dataclass(frozen=True)
class LocalContrast(Layer):
    """Local contrast normalisation; the parameters are those of `local_contrast_normalisation`.

    Its divisor is at least the mean over the map, so that a unit depends a little on the whole image: the field's status says so.
    """

    window: int = 9
    sigma: float = 1.591

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        normalised, back = ops.local_contrast_normalisation(inputs[0].values, self.window, self.sigma)
        twice = Window(2 * self.window - 1, padding=self.window - 1)
        return _plain(normalised, dataclasses.replace(inputs[0].field.through(twice), status=LARGEST_PATH), back)


@final
@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalisation: of the batch while training, by running statistics else.

    Parameters
    ----------
    momentum : float
        Share of the newest batch in the running statistics.
    epsilon : float
        Added to the variance.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        shape = inputs[0][:1]
        return {
            "weight": Weight(shape, fill=1),
            "bias": Weight(shape),
            "running_mean": Weight(shape, learned=False),
            "running_var": Weight(shape, fill=1, learned=False),
        }

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        values, scale, shift = inputs[0].values, weights["weight"], weights["bias"]
        if not mode.training:
            return self._at_rest(inputs[0], weights)
        normalised, back, mean, variance = ops.batch_normalisation(values, scale, shift, self.epsilon)
        n_values = values.size // values.shape[1]
        measured = {"running_mean": mean, "running_var": variance * (n_values / (n_values - 1))}
        for name, new in measured.items():
            mode.statistics[name] = (1 - self.momentum) * weights[name] + self.momentum * new

        def pullback(gradient: Array) -> Gradients:
            to_values, to_scale, to_shift = back(gradient)
            return [to_values], {"weight": to_scale, "bias": to_shift}

        return Maps(normalised, inputs[0].field), pullback

    def _at_rest(self, maps: Maps, weights: Mapping[str, Array]) -> tuple[Maps, Pullback]:
        over = 1 / namespace(maps.values).sqrt(weights["running_var"] + self.epsilon)
        scale = weights["weight"] * over
        moved, back = ops.scale_and_shift(maps.values, scale, weights["bias"] - weights["running_mean"] * scale)

        def pullback(gradient: Array) -> Gradients:
            to_values, to_scale, to_shift = back(gradient)
            return [to_values], {"weight": over * (to_scale - weights["running_mean"] * to_shift), "bias": to_shift}

        return Maps(moved, maps.field), pullback


@final
@dataclass(frozen=True)
class Scale(Layer):
    """Each feature times a coefficient, plus a bias, both learned: the second half of LeNet's subsampling."""

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"weight": Weight(inputs[0][:1], fill=1), "bias": Weight(inputs[0][:1])}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        moved, back = ops.scale_and_shift(inputs[0].values, weights["weight"], weights["bias"])

        def pullback(gradient: Array) -> Gradients:
            to_values, to_scale, to_shift = back(gradient)
            return [to_values], {"weight": to_scale, "bias": to_shift}

        return Maps(moved, inputs[0].field), pullback


@final
@dataclass(frozen=True)
class Dropout(Layer):
    """While training, silences this share of the units and makes up for it in the others.

    References
    ----------
    Srivastava et al., "Dropout", JMLR 2014, with the scaling done while training.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            msg = f"`rate` must be at least 0 and below 1, got {self.rate!r}."
            raise ValueError(msg)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        values = inputs[0].values
        if not mode.training or self.rate == 0:
            return _plain(values, inputs[0].field, lambda gradient: gradient)
        kept = np.random.default_rng(mode.seed).random(values.shape, np.float32) >= self.rate
        mask = namespace(values).asarray(kept.astype(values.dtype) / np.asarray(1 - self.rate, values.dtype))
        return _plain(values * mask, inputs[0].field, lambda gradient: gradient * mask)


@final
@dataclass(frozen=True)
class Flatten(Layer):
    """All values of an image as features of a single place."""

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        values = inputs[0].values
        flat = values.reshape(len(values), int(np.prod(values.shape[1:])), 1, 1)
        return _plain(flat, Field.whole(*mode.image_shape), lambda gradient: gradient.reshape(values.shape))


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
        _checked_start(self.initial)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        n_values = int(np.prod(inputs[0]))
        wanted = {"weight": Weight((self.n_units, n_values), self.initial, n_values, self.n_units)}
        return wanted if self.bias is None else wanted | {"bias": Weight((self.n_units,), fill=self.bias)}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        sums, back = ops.dense(inputs[0].values, weights["weight"], mode.to_inputs)
        if self.bias is not None:
            sums += weights["bias"]

        def pullback(gradient: Array) -> Gradients:
            gradient = gradient.reshape(sums.shape)
            to_values, to_weight = back(gradient)
            return [to_values], {"weight": to_weight} | ({} if self.bias is None else {"bias": gradient.sum(axis=0)})

        whole = Field.whole(*mode.image_shape)
        return Maps(sums[..., None, None], whole, n_multiply_adds=weights["weight"].size), pullback


@final
@dataclass(frozen=True)
class RadialBasis(Layer):
    """Minus the squared distance to a fixed code of -1 and 1 for each class.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE 1998, equation 7, with codes
    drawn at random, which the paper names as the alternative to its drawings of characters.
    """

    n_units: int

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"codes": Weight((self.n_units, int(np.prod(inputs[0]))), "signs", learned=False)}

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        values, codes = inputs[0].values, weights["codes"]
        away = values.reshape(len(values), 1, codes.shape[1]) - codes
        scores = -(away * away).sum(axis=2)

        def pullback(gradient: Array) -> Gradients:
            return [(-2 * gradient.reshape(*scores.shape, 1) * away).sum(axis=1).reshape(values.shape)], {}

        return Maps(scores[..., None, None], Field.whole(*mode.image_shape), n_multiply_adds=codes.size), pullback


@final
@dataclass(frozen=True)
class Add(Layer):
    """The sum of several maps of one shape."""

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        if len({maps.shape for maps in inputs}) > 1:
            msg = f"The maps to add must have one shape, got {', '.join(str(maps.shape) for maps in inputs)}."
            raise ValueError(msg)
        total = inputs[0].values
        for maps in inputs[1:]:
            total = total + maps.values
        return Maps(total, join(maps.field for maps in inputs)), lambda gradient: ([gradient] * len(inputs), {})


@final
@dataclass(frozen=True)
class Concatenate(Layer):
    """The features of several maps, one after the other."""

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> tuple[Maps, Pullback]:
        if len({maps.shape[1:] for maps in inputs}) > 1:
            msg = f"The maps to concatenate must have one height and width, got {', '.join(str(maps.shape) for maps in inputs)}."
            raise ValueError(msg)
        xp = namespace(inputs[0].values)
        edges = np.cumsum([0, *(maps.shape[0] for maps in inputs)])

        def pullback(gradient: Array) -> Gradients:
            return [gradient[:, first:last] for first, last in pairwise(edges)], {}

        return Maps(xp.concatenate([maps.values for maps in inputs], axis=1), join(maps.field for maps in inputs)), pullback
