"""Optimisers: how weights move against their gradient, and how fast as training goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.cuda import updates
from hmax_cnn.extraction.parallel import each, shares

_PART = 2**16  # numbers that are moved at a time: they stay in the cache from step to step
OPTIMISERS = ("sgd", "adam")
SCHEDULES = ("constant", "linear", "cosine", "step")


def rate_factor(schedule: str, progress: float) -> float:
    """What the learning rate is multiplied with when this share of the training is done.

    >>> [rate_factor(schedule, 0.5) for schedule in ("constant", "linear", "cosine", "step")]
    [1.0, 0.5, 0.5, 0.1]
    """
    if schedule == "linear":
        return 1 - progress
    if schedule == "cosine":
        return (1 + cos(pi * progress)) / 2
    if schedule == "step":
        # He et al. 2016: a tenth at half and at three quarters of the course.
        return 0.1 ** sum(progress >= edge for edge in (0.5, 0.75))
    return 1.0


@dataclass(frozen=True)
class Optimiser:
    """A rule for moving weights.

    Attributes
    ----------
    kind : {'sgd', 'adam'}
    momentum : float
        Of 'sgd': how much of the last move is kept.
    nesterov : bool
        Whether 'sgd' looks ahead along its momentum.
    weight_decay : float
        Added to each gradient, times the weight itself, biases included.
    betas : (float, float)
        Of 'adam': how much of the running mean and mean square is kept.
    epsilon : float
        Of 'adam': added to the root of the mean square.

    References
    ----------
    Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
    2013, as PyTorch writes it. Kingma & Ba, "Adam: a method for stochastic optimization", ICLR
    2015, algorithm 1.
    """

    kind: str = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def start(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """What it remembers of each weight, at the beginning."""
        return {
            f"{name}.{slot}": namespace(weight).zeros_like(weight)
            for slot in self.slots
            for name, weight in weights.items()
        }

    @property
    def slots(self) -> tuple[str, ...]:
        """What it remembers of each weight, by name."""
        if self.kind == "adam":
            return ("mean", "square")
        return ("velocity",) if self.momentum else ()

    def move(
        self,
        weights: Mapping[str, Array],
        memory: Mapping[str, Array],
        gradients: Mapping[str, Array],
        rate: float,
        number: int,
    ) -> None:
        """Move weights and memory, in place, by update `number` (from 1)."""
        parts: list[tuple[Array, list[Array], Array]] = []
        for name, gradient in gradients.items():
            kept = [memory[f"{name}.{slot}"] for slot in self.slots]
            parts.extend(_parts(weights[name], kept, gradient))

        def move(share: slice) -> None:
            for weight, kept, gradient in parts[share]:
                self._one(weight, kept, gradient, rate, number)

        # Parts are shared out among the workers.
        each(move, shares(len(parts)))

    def _one(
        self, weight: Array, kept: Sequence[Array], gradient: Array, rate: float, number: int
    ) -> None:
        if updates.suits_in_place(weight, *kept):
            self._on_gpu(weight, kept, gradient, rate, number)
            return
        # Decay is added to the gradient, as PyTorch's SGD and Adam do: for Adam it is not the
        # decoupled AdamW.
        if self.weight_decay:
            gradient = gradient + self.weight_decay * weight
        if self.kind == "adam":
            mean, square = kept
            self._adam(weight, mean, square, gradient, rate, number)
            return
        if self.momentum:
            (velocity,) = kept
            # In place: the memory of a network is as large as its weights.
            velocity *= self.momentum
            velocity += gradient
            if self.nesterov:
                gradient = gradient + self.momentum * velocity
            else:
                gradient = velocity
        weight -= rate * gradient

    def _on_gpu(
        self, weight: Array, kept: Sequence[Array], gradient: Array, rate: float, number: int
    ) -> None:
        if self.kind == "adam":
            mean, square = kept
            updates.adam(
                weight, mean, square, gradient, rate, self.betas, self.epsilon, self.weight_decay,
                number,
            )  # fmt: skip
            return
        velocity = kept[0] if kept else None
        updates.sgd(
            weight, velocity, gradient, rate, self.momentum, self.weight_decay,
            nesterov=self.nesterov,
        )  # fmt: skip

    def _adam(
        self, weight: Array, mean: Array, square: Array, gradient: Array, rate: float, number: int
    ) -> None:
        first, second = self.betas
        mean *= first
        mean += (1 - first) * gradient
        square *= second
        square += (1 - second) * gradient * gradient
        # Kingma & Ba, ICLR 2015, algorithm 1: both means are corrected for their start at zero.
        root = namespace(weight).sqrt(square / (1 - second**number)) + self.epsilon
        weight -= rate / (1 - first**number) * mean / root


def _parts(
    weight: Array, kept: Sequence[Array], gradient: Array
) -> Iterator[tuple[Array, list[Array], Array]]:
    """Views of a weight, its memory and its gradient, part by part; whole ones on a GPU."""
    on_processor = namespace(weight) is np
    if not on_processor or not all(array.flags.c_contiguous for array in (weight, *kept)):
        yield weight, list(kept), gradient
        return
    arrays = [array.reshape(-1) for array in (weight, *kept, np.ascontiguousarray(gradient))]
    for first in range(0, weight.size, _PART):
        own, *memory, slope = (array[first : first + _PART] for array in arrays)
        yield own, memory, slope
