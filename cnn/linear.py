"""Classifiers of weighted sums: one sum per class, or several layers of sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from hmax_cnn.extraction.progress import progress_bar

from .graph import Graph
from .layers import Activation, Dense, Dropout
from .losses import LOSSES
from .network import Network
from .training import Lesson, State, train


@final
class LinearClassifier(Network):
    """One weighted sum of all pixels per class.

    Parameters
    ----------
    loss : {'softmax', 'logistic', 'squared'}
        Cross-entropy of the softmax, one cross-entropy per class, or squared distance to 1 for the
        right class and -1 for others.
    search : {'gradient', 'random'}
        How weights are found: by gradient descent, or the best of `n_tries` drawn at random, the
        baseline of every course.
    n_tries : int
        Of the random search.
    epochs : int
        How many times `fit` sees every image; the random search ignores it.
    layer, image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`; the only layer is 'scores'. Flat rows are images of one row.
    batch_size, learning_rate, schedule, optimiser, momentum, nesterov
    weight_decay, validation_fraction, patience, random_state
        As in `hmax_cnn.cnn.CNN`.

    Attributes
    ----------
    classes_, learned_, history_
        As in `hmax_cnn.cnn.CNN`; `learned_.arrays` are 'scores.weight' (n_classes, n_pixels) and
        'scores.bias'. After a random search `history_` has a row for each try that was better than
        all before.

    Examples
    --------
    >>> images = np.repeat([[[0.0, 1.0]], [[1.0, 0.0]]], 8, axis=0)
    >>> model = LinearClassifier(epochs=5).fit(images, np.repeat(["right", "left"], 8))
    >>> model.predict([[[0.0, 2.0]]])
    array(['right'], dtype='<U5')
    """

    def __init__(
        self,
        loss: str = "softmax",
        *,
        search: str = "gradient",
        n_tries: int = 1000,
        epochs: int = 50,
        layer: str | Sequence[str] = "scores",
        batch_size: int = 32,
        learning_rate: float = 0.01,
        schedule: str = "cosine",
        optimiser: str = "sgd",
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 1e-4,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        random_state: int = 0,
        image_shape: Sequence[int] | None = (1, -1),
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.loss = loss
        self.search = search
        self.n_tries = n_tries
        self.epochs = epochs
        self.layer = layer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.optimiser = optimiser
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def _build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        graph = Graph(1, image_shape or (1, 1))
        # Two classes before any were seen, so that shapes are known.
        graph.outputs[graph.add("scores", Dense(n_classes or 2, initial="glorot"))] = 1.0
        return graph

    def _train(self, lesson: Lesson, state: State, keep: Callable[[State], None] | None) -> State:
        if self.search == "gradient":
            return train(lesson, state, keep, self.progress)
        if self.search != "random" or self.n_tries < 1:
            msg = (
                "`search` must be 'gradient' or 'random' and `n_tries` at least 1, got "
                f"{self.search!r} and {self.n_tries}."
            )
            raise ValueError(msg)
        return _search(lesson, state, self.n_tries, self.progress)


def _search(lesson: Lesson, state: State, n_tries: int, progress: bool | None) -> State:
    """The weights of the lowest loss among some drawn at random."""
    # All images at once: a random search has no use for batches.
    everything = np.arange(len(lesson.classes))
    images, right = lesson.prepare(lesson.read(everything)), lesson.xp.asarray(lesson.classes)
    described, best = lesson.graph.weights(lesson.graph.image_shape), np.inf
    for number in progress_bar(
        range(n_tries + 1), name="Random search", unit="try", progress=progress
    ):
        rng = np.random.default_rng([lesson.course.random_state, state.epoch, number])
        # The first try is the weights that training starts from.
        if number:
            drawn = {name: lesson.xp.asarray(one.draw(rng)) for name, one in described.items()}
        else:
            drawn = state.weights
        values, _, _ = lesson.graph.forward(images, drawn, ["scores"])
        scores = values["scores"].reshape(len(everything), -1)
        loss = LOSSES[lesson.course.loss](scores, right)[0]
        if loss < best:
            best, accuracy = loss, float((scores.argmax(axis=1) == right).mean())
            state.weights = drawn
            state.history.append({"epoch": number, "loss": loss, "accuracy": accuracy})
    state.epoch += 1
    return state


@final
class MultilayerPerceptron(Network):
    """Layers of units that each see all of the layer below.

    Parameters
    ----------
    hidden : int or sequence of int
        Units of each hidden layer, from below.
    activation : {'relu', 'leaky_relu', 'elu', 'sigmoid', 'tanh', 'softplus'}
    dropout : float
        Share of each hidden layer that is silenced while training.
    loss : {'softmax', 'logistic', 'squared'}
    epochs : int
        How many times `fit` sees every image.
    layer : str, sequence of str or None
        Of 'hidden1', 'hidden1_active', ..., 'scores'; None is the uppermost hidden one.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`. Flat rows are images of one row.
    batch_size, learning_rate, schedule, optimiser, momentum, nesterov
    weight_decay, validation_fraction, patience, random_state
        As in `hmax_cnn.cnn.CNN`.

    Attributes
    ----------
    classes_, learned_, history_
        As in `hmax_cnn.cnn.CNN`.

    References
    ----------
    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature
    1986.

    Examples
    --------
    >>> corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> model = MultilayerPerceptron(16, epochs=200, learning_rate=0.1)
    >>> model.fit(corners, [0, 1, 1, 0]).predict(corners)
    array([0, 1, 1, 0])
    """

    def __init__(
        self,
        hidden: int | Sequence[int] = (100,),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        loss: str = "softmax",
        epochs: int = 50,
        layer: str | Sequence[str] | None = None,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        schedule: str = "cosine",
        optimiser: str = "sgd",
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 1e-4,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        random_state: int = 0,
        image_shape: Sequence[int] | None = (1, -1),
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.loss = loss
        self.epochs = epochs
        self.layer = layer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.optimiser = optimiser
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def _build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        graph = Graph(1, image_shape or (1, 1))
        sizes: tuple[int, ...]
        if isinstance(self.hidden, int | np.integer):
            sizes = (self.hidden,)
        else:
            sizes = tuple(self.hidden)
        if any(
            isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1
            for size in sizes
        ):
            msg = (
                "`hidden` must hold the number of units of each hidden layer, at least 1 each, "
                f"got {self.hidden!r}."
            )
            raise ValueError(msg)
        if self.activation in ("relu", "leaky_relu", "elu", "softplus"):
            # He's deviation makes up for the half that rectifying takes away.
            initial = "he"
        else:
            initial = "glorot"
        for number, size in enumerate(sizes, start=1):
            graph.add(f"hidden{number}", Dense(size, initial=initial))
            graph.add(f"hidden{number}_active", Activation(self.activation))
            if self.dropout:
                graph.add(f"hidden{number}_dropped", Dropout(self.dropout))
        graph.outputs[graph.add("scores", Dense(n_classes or 2, initial="glorot"))] = 1.0
        return graph
