"""Updates of weights on the GPU, in place: see `updates.cu`."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, namespace
from .programs import program, ready, suits


def suits_in_place(*arrays: Array) -> bool:
    """Whether the kernels can write to these arrays as they are."""
    return suits(*arrays) and all(array.flags.c_contiguous for array in arrays)


def sgd(
    weight: Array,
    velocity: Array | None,
    gradient: Array,
    rate: float,
    momentum: float,
    decay: float,
    *,
    nesterov: bool,
) -> None:
    """Stochastic gradient descent, with momentum where there is a velocity."""
    numbers = map(np.float32, (rate, momentum, decay))
    program(namespace(weight), "updates").run_for_each(
        "sgd", weight.size, weight, velocity, ready(gradient), *numbers, int(nesterov),
        np.int64(weight.size),
    )  # fmt: skip


def adam(
    weight: Array,
    mean: Array,
    square: Array,
    gradient: Array,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    decay: float,
    number: int,
) -> None:
    """Adam, update `number` from 1."""
    first, second = betas
    numbers = (rate / (1 - first**number), first, second, 1 - second**number, epsilon, decay)
    program(namespace(weight), "updates").run_for_each(
        "adam", weight.size, weight, mean, square, ready(gradient), *map(np.float32, numbers),
        np.int64(weight.size),
    )  # fmt: skip
