"""Course: how a network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hmax_cnn.extraction.choices import check_choice

from .losses import LOSSES
from .optimisers import OPTIMISERS, SCHEDULES, Optimiser

_WHOLE = ("epochs", "batch_size", "random_state")
_LIMITS = {
    "epochs": (0, math.inf),
    "batch_size": (1, math.inf),
    "learning_rate": (0, math.inf),
    "momentum": (0, 1),
    "weight_decay": (0, math.inf),
    "validation_fraction": (0, 0.9),
    "random_state": (0, 2**63),
}


@dataclass(frozen=True)
class Course:
    """How a network is trained; the parameters are those of `hmax_cnn.cnn.CNN`."""

    epochs: int
    loss: str
    batch_size: int
    learning_rate: float
    schedule: str
    optimiser: str
    momentum: float
    nesterov: bool
    weight_decay: float
    validation_fraction: float
    patience: int | None
    random_state: int

    def __post_init__(self) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("optimiser", self.optimiser, OPTIMISERS)
        for name, (low, high) in _LIMITS.items():
            _check_number(name, getattr(self, name), low, high)
        if self.patience is None:
            return
        is_whole = isinstance(self.patience, int | np.integer)
        if isinstance(self.patience, bool) or not is_whole:
            msg = f"`patience` must be a whole number of epochs or None, got {self.patience!r}."
            raise ValueError(msg)
        if self.patience < 1 or self.validation_fraction == 0:
            msg = (
                "`patience` must be at least 1 and needs a `validation_fraction` above 0, got "
                f"{self.patience} and {self.validation_fraction}."
            )
            raise ValueError(msg)

    def rule(self) -> Optimiser:
        """The optimiser."""
        return Optimiser(self.optimiser, self.momentum, self.nesterov, self.weight_decay)


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    kinds = int | np.integer if name in _WHOLE else int | float | np.number
    # True is an int to Python, and no number of epochs.
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        msg = (
            f"`{name}` must be a {'whole ' if name in _WHOLE else ''}number from {low} to "
            f"{high:g}, got {value!r}."
        )
        raise ValueError(msg)
