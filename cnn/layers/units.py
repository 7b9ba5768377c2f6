"""What units make of their inputs: activations, normalisations, dropout."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from hmax_cnn.extraction import Maps, Window
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.fields import LARGEST_PATH

from .layer import Gradients, Layer, Mode, Output, Shape, Weight, plain

_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": ops.relu,
    "leaky_relu": ops.leaky_relu,
    "elu": ops.elu,
    "maxout": ops.maxout,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "softplus": ops.softplus,
    "step": ops.step,
    "l2": ops.feature_l2_pool,
}


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
        check_choice("kind", self.kind, _ACTIVATIONS)
        if self.kind in ("maxout", "l2") and "group" not in self.options:
            msg = (
                f"`options` of {self.kind!r} must give `group`, the number of features that make "
                f"one, got {dict(self.options)!r}."
            )
            raise ValueError(msg)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        active, back = _ACTIVATIONS[self.kind](inputs[0].values, **self.options)
        return plain(active, inputs[0].field, back)


@final
@dataclass(frozen=True)
class LocalResponse(Layer):
    """Local response normalisation; the parameters are those of `local_response_normalisation`.

    Parameters
    ----------
    size : int
        Neighbouring features that are summed over.
    scale, power, offset : float
        alpha, beta and k of Krizhevsky et al., NIPS 2012, section 3.3.
    """

    size: int = 5
    scale: float = 1e-4
    power: float = 0.75
    offset: float = 2.0

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        normalised, back = ops.local_response_normalisation(
            inputs[0].values, self.size, self.scale, self.power, self.offset
        )
        return plain(normalised, inputs[0].field, back)


@final
@dataclass(frozen=True)
class LocalContrast(Layer):
    """Local contrast normalisation; the parameters are those of `local_contrast_normalisation`.

    Its divisor is at least the mean over the map, so that a unit depends a little on the whole
    image: the field's status says so.

    Parameters
    ----------
    window : int
        Side of the Gaussian window, in units of the map; odd.
    sigma : float
        Its standard deviation, in units of the map.
    """

    window: int = 9
    sigma: float = 1.591

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        normalised, back = ops.local_contrast_normalisation(
            inputs[0].values, self.window, self.sigma
        )
        # The deviation is a mean around means: two windows on top of each other. Its floor is a
        # mean over the whole map, which no window covers.
        twice = Window(2 * self.window - 1, padding=self.window - 1)
        return plain(
            normalised,
            dataclasses.replace(inputs[0].field.through(twice), status=LARGEST_PATH),
            back,
        )


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
        """The weights that it needs; see `Layer.weights`."""
        shape = inputs[0][:1]
        return {
            "weight": Weight(shape, fill=1),
            "bias": Weight(shape),
            "running_mean": Weight(shape, learned=False),
            "running_var": Weight(shape, fill=1, learned=False),
        }

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        values, scale, shift = inputs[0].values, weights["weight"], weights["bias"]
        if not mode.training:
            return self._at_rest(inputs[0], weights)
        normalised, back, mean, variance = ops.batch_normalisation(
            values, scale, shift, self.epsilon
        )
        n_values = values.size // values.shape[1]
        # The running variance is unbiased (n - 1), that of the batch is not: as PyTorch keeps them.
        unbiased = n_values / (n_values - 1)
        statistics = {
            name: ops.running_statistics(weights[name], measured, self.momentum, factor)
            for name, measured, factor in (
                ("running_mean", mean, 1.0), ("running_var", variance, unbiased)
            )
        }  # fmt: skip

        def pullback(gradient: Array) -> Gradients:
            to_values, to_scale, to_shift = back(gradient)
            return [to_values], {"weight": to_scale, "bias": to_shift}

        return Output(Maps(normalised, inputs[0].field), pullback, statistics)

    def _at_rest(self, maps: Maps, weights: Mapping[str, Array]) -> Output:
        # At rest it is a scale and a shift: two operations instead of five.
        over = 1 / namespace(maps.values).sqrt(weights["running_var"] + self.epsilon)
        scale = weights["weight"] * over
        moved, back = ops.scale_and_shift(
            maps.values, scale, weights["bias"] - weights["running_mean"] * scale
        )

        def pullback(gradient: Array) -> Gradients:
            to_values, to_scale, to_shift = back(gradient)
            return [to_values], {
                "weight": over * (to_scale - weights["running_mean"] * to_shift),
                "bias": to_shift,
            }

        return Output(Maps(moved, maps.field), pullback)


@final
@dataclass(frozen=True)
class Dropout(Layer):
    """While training, silences this share of the units and makes up for it in the others.

    Parameters
    ----------
    rate : float
        At least 0 and below 1.

    References
    ----------
    Srivastava et al., "Dropout", JMLR 2014, with the scaling done while training.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            msg = f"`rate` must be at least 0 and below 1, got {self.rate!r}."
            raise ValueError(msg)

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        values = inputs[0].values
        if not mode.training or self.rate == 0:
            return plain(values, inputs[0].field, lambda gradient: gradient)
        # Drawn on the host from the update's own seed: the same on every device, and when a
        # training goes on from a checkpoint.
        kept = np.random.default_rng(mode.seed).random(values.shape, np.float32) >= self.rate
        mask = namespace(values).asarray(
            kept.astype(values.dtype) / np.asarray(1 - self.rate, values.dtype)
        )
        return plain(values * mask, inputs[0].field, lambda gradient: gradient * mask)
