"""Training: minibatches, updates, validation, checkpoints.

Everything random follows from the seed, the epoch and the batch.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from hmax_cnn.extraction.arrays import Array
from hmax_cnn.extraction.parallel import workers
from hmax_cnn.extraction.progress import progress_bar

from .augmentation import Augmentation
from .course import Course
from .graph import Graph
from .losses import LOSSES
from .optimisers import rate_factor

_SAVE_EVERY = 60  # seconds between checkpoints within an epoch
_DIVERGED = 1e3  # times the first loss


class DivergenceError(RuntimeError):
    """Training left the range where it can recover.

    The loss is not a number, or far above where it began.
    """


@dataclass
class State:
    """Where a training stands; all that a checkpoint holds.

    Attributes
    ----------
    weights, memory : dict of str to array
        Of the network, and of the optimiser.
    epoch, batch : int
        What comes next.
    n_updates : int
    sums : list of float
        Loss, right answers and images of this epoch so far.
    first_loss : float or None
        Of the first batch of all.
    history : list of dict
        One row per epoch.
    best_loss : float
        The lowest validation loss.
    best : dict of str to array
        The weights that had it; empty without validation.
    waited : int
        Epochs since then.
    """

    weights: dict[str, Array]
    memory: dict[str, Array]
    epoch: int = 0
    batch: int = 0
    n_updates: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    first_loss: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = math.inf
    best: dict[str, Array] = field(default_factory=dict)
    waited: int = 0

    def about(self) -> dict[str, Any]:
        """All but the arrays, as JSON takes it."""
        names = ("epoch", "batch", "n_updates", "sums", "first_loss", "history", "waited")
        return {name: getattr(self, name) for name in names} | {
            "best_loss": None if math.isinf(self.best_loss) else self.best_loss
        }


@dataclass
class Lesson:
    """What is trained, and on what.

    Attributes
    ----------
    graph : Graph
    course : Course
    read : callable
        From indices of images to a host array (n, height, width[, channels]).
    prepare : callable
        From such an array to what the network sees, on the device.
    classes : array of int of shape (n_images,)
    xp : module
        Where to compute.
    frozen : collection of str
        Layers that do not learn.
    augmentation : Augmentation or None
    n_threads : int
    """

    graph: Graph
    course: Course
    read: Callable[[np.ndarray], np.ndarray]
    prepare: Callable[[np.ndarray], Array]
    classes: np.ndarray
    xp: ModuleType
    frozen: Collection[str] = ()
    augmentation: Augmentation | None = None
    n_threads: int = 1

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Images to learn from, and images to validate on, the same share of each class."""
        share = self.course.validation_fraction
        rng = np.random.default_rng([self.course.random_state, 0])
        held: list[np.ndarray] = []
        for one in np.unique(self.classes) if share else ():
            members = rng.permutation(np.flatnonzero(self.classes == one))
            held.append(members[: min(len(members) - 1, max(1, round(share * len(members))))])
        held_out = np.sort(np.concatenate(held)) if held else np.array([], int)
        learnt_from = np.setdiff1d(np.arange(len(self.classes)), held_out)
        if not len(learnt_from):
            msg = (
                f"`validation_fraction` {share} leaves no images of {len(self.classes)} to learn "
                "from. Lower it."
            )
            raise ValueError(msg)
        return learnt_from, held_out

    def update(self, state: State, indices: np.ndarray, rate: float) -> None:
        """One step on these images: weights move, and loss and right answers are counted."""
        seed = (self.course.random_state, state.epoch, state.batch)
        images = self.read(indices)
        if self.augmentation is not None:
            images = self.augmentation.apply(images, np.random.default_rng([*seed, 1]))
        values, pullback, statistics = self.graph.forward(
            self.prepare(images),
            state.weights,
            list(self.graph.outputs),
            training=True,
            seed=seed,
            frozen=self.frozen,
        )
        right = self.xp.asarray(self.classes[indices])
        loss, gradients = self._loss(values, right)
        if state.first_loss is None:
            state.first_loss = loss
        # Written so that a loss that is not a number is caught as well.
        if not loss <= _DIVERGED * max(1.0, abs(state.first_loss)):
            raise DivergenceError(_explained(loss, state, self.course, rate))
        to_weights, _ = pullback(gradients)
        self.course.rule().move(state.weights, state.memory, to_weights, rate, state.n_updates + 1)
        # Running means of batch normalisation, which no gradient changes.
        state.weights.update(statistics)
        scores = values[next(iter(self.graph.outputs))].reshape(len(indices), -1)
        n_right = int((scores.argmax(axis=1) == right).sum())
        state.sums[0] += loss * len(indices)
        state.sums[1] += n_right
        state.sums[2] += len(indices)
        state.batch, state.n_updates = state.batch + 1, state.n_updates + 1

    def _loss(self, values: Mapping[str, Array], right: Array) -> tuple[float, dict[str, Array]]:
        """Loss over all outputs by their shares, and its gradient at each."""
        loss, gradients = 0.0, {}
        for name, share in self.graph.outputs.items():
            scores = values[name].reshape(len(right), -1)
            own, gradient = LOSSES[self.course.loss](scores, right)
            loss += share * own
            scaled = (share * gradient).reshape(values[name].shape)
            gradients[name] = scaled.astype(values[name].dtype)
        return loss, gradients

    def assess(self, weights: Mapping[str, Array], indices: np.ndarray) -> tuple[float, float]:
        """Loss and accuracy on these images, at rest."""
        main = next(iter(self.graph.outputs))
        total, n_right = 0.0, 0
        for first in range(0, len(indices), self.course.batch_size):
            some = indices[first : first + self.course.batch_size]
            values, _, _ = self.graph.forward(
                self.prepare(self.read(some)), weights, [main], frozen=list(self.graph.nodes)
            )
            scores, right = values[main].reshape(len(some), -1), self.xp.asarray(self.classes[some])
            total += LOSSES[self.course.loss](scores, right)[0] * len(some)
            n_right += int((scores.argmax(axis=1) == right).sum())
        return total / len(indices), n_right / len(indices)


def _explained(loss: float, state: State, course: Course, rate: float) -> str:
    kind = "is not a number any more" if math.isnan(loss) else f"rose to {loss:.3g}"
    return (
        f"Training diverged: the loss {kind} at update {state.n_updates + 1}, in epoch "
        f"{state.epoch + 1}; it began at {state.first_loss:.3g}. "
        f"Lower `learning_rate` ({course.learning_rate:g}; {rate:.3g} at this update), or "
        "start from other weights."
    )


def train(
    lesson: Lesson,
    state: State,
    keep: Callable[[State], None] | None = None,
    show: bool | None = None,
) -> State:
    """Train to the end of the course, from where the state stands.

    Parameters
    ----------
    lesson : Lesson
    state : State
        Changed as it goes.
    keep : callable or None
        Called with the state after every epoch, every minute, and before an interruption goes on.
    show : bool or None
        A progress bar with loss and accuracy for work of over two seconds; None shows it on a
        terminal only.

    Raises
    ------
    DivergenceError
        If the loss is not a number, or far above where it began.
    KeyboardInterrupt
        After the update under way is whole, and kept.
    """
    course, (learnt_from, held_out) = lesson.course, lesson.split()
    n_batches = _n_batches(len(learnt_from), course.batch_size)
    n_updates = course.epochs * n_batches
    bar = progress_bar(
        name="Training",
        unit="update",
        progress=show,
        total=n_updates,
        initial=min(state.n_updates, n_updates),
    )
    keeper = _Keeper(keep)
    with (
        workers(lesson.n_threads),
        _whole_updates() as interrupted,
        bar,
        np.errstate(over="ignore", invalid="ignore"),  # a loss that diverges has its own error
    ):
        while state.epoch < course.epochs and not _has_waited(state, course):
            # The order is of the seed and the epoch alone, so that a training that goes on from a
            # checkpoint sees the same batches as one that was never interrupted.
            rng = np.random.default_rng([course.random_state, 1, state.epoch])
            order = rng.permutation(learnt_from)
            began, rate = time.monotonic(), 0.0
            for batch in range(state.batch, n_batches):
                done = (state.epoch * n_batches + batch) / n_updates
                rate = course.learning_rate * rate_factor(course.schedule, done)
                indices = _batch(order, batch, course.batch_size, n_batches)
                lesson.update(state, indices, rate)
                bar.update()
                bar.set_description(f"epoch {state.epoch + 1}/{course.epochs}", refresh=False)
                bar.set_postfix_str(_curves(state), refresh=False)
                keeper.after_update(state, interrupted.is_set())
            _close_epoch(lesson, state, held_out, rate, time.monotonic() - began)
            keeper.save(state)
            if interrupted.is_set():
                raise KeyboardInterrupt
    if state.best:
        state.weights = {name: array.copy() for name, array in state.best.items()}
    return state


class _Keeper:
    """Saves the state from time to time, and before an interruption goes on."""

    def __init__(self, keep: Callable[[State], None] | None) -> None:
        self.keep, self.saved = keep, time.monotonic()

    def save(self, state: State) -> None:
        if self.keep is not None:
            self.keep(state)
            self.saved = time.monotonic()

    def after_update(self, state: State, interrupted: bool) -> None:
        """Save once a minute, and stop if Ctrl-C was pressed."""
        if interrupted or time.monotonic() - self.saved > _SAVE_EVERY:
            self.save(state)
        if interrupted:
            raise KeyboardInterrupt


def _n_batches(n_images: int, size: int) -> int:
    """A last batch of a single image joins the one before it: it has no variance to normalise."""
    return max(1, -(-n_images // size) - (1 if size > 1 and n_images % size == 1 else 0))


def _batch(order: np.ndarray, number: int, size: int, n_batches: int) -> np.ndarray:
    return order[number * size : (None if number == n_batches - 1 else (number + 1) * size)]


def _has_waited(state: State, course: Course) -> bool:
    return course.patience is not None and state.waited >= course.patience


def _close_epoch(
    lesson: Lesson, state: State, held_out: np.ndarray, rate: float, seconds: float
) -> None:
    """One row of history; the best weights so far are remembered."""
    loss, n_right, n_seen = state.sums
    row = {
        "epoch": state.epoch + 1,
        "loss": loss / n_seen,
        "accuracy": n_right / n_seen,
        "learning_rate": rate,
        "seconds": round(seconds, 3),
    }
    if len(held_out):
        row["validation_loss"], row["validation_accuracy"] = lesson.assess(state.weights, held_out)
        state.waited += 1
        if row["validation_loss"] < state.best_loss:
            state.best_loss, state.waited = row["validation_loss"], 0
            state.best = {name: array.copy() for name, array in state.weights.items()}
    state.history.append(row)
    state.epoch, state.batch, state.sums = state.epoch + 1, 0, [0.0, 0.0, 0.0]


def _curves(state: State) -> str:
    """Loss and accuracy of this epoch so far, and the losses of all epochs as a line of bars."""
    loss, n_right, n_seen = state.sums
    text = f"loss {loss / n_seen:.3g}, accuracy {100 * n_right / n_seen:.1f} %"
    if len(state.history) < 2:
        return text
    past = [row["loss"] for row in state.history][-30:]
    top = max(past) or 1.0
    return f"{text} " + "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * value / top))] for value in past)


@contextmanager
def _whole_updates() -> Iterator[threading.Event]:
    """Ctrl-C sets this flag instead of breaking into an update; a second one breaks in."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, as for jobs in the background: so it stays
        yield asked
        return

    def ask(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(number, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
