"""Perceptrons: Rosenblatt's, linear classifiers, and perceptrons of many layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
from scipy.optimize import linprog
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from tqdm.auto import tqdm

from .graph import Graph
from .layers import Activation, Dense, Dropout
from .losses import LOSSES
from .network import Network, encoded, reader
from .training import Lesson, State, train
from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.images import Images, to_retina
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import step

_LARGEST_PROGRAM = 4_000_000  # values: of more, whether a plane separates them is not worked out


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
    batch_size, learning_rate, schedule, optimiser, momentum, nesterov, weight_decay,
    validation_fraction, patience, random_state
        As in `cnn.CNN`.

    Attributes
    ----------
    classes_, learned_, history_
        As in `cnn.CNN`; `learned_.arrays` are 'scores.weight' (n_classes, n_pixels) and
        'scores.bias'. After a random search `history_` has a row for each try that was better than
        all before.

    Examples
    --------
    >>> images = np.repeat([[[0.0, 1.0]], [[1.0, 0.0]]], 8, axis=0)
    >>> LinearClassifier(epochs=5).fit(images, np.repeat(["right", "left"], 8)).predict([[[0.0, 2.0]]])
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


def _shown(steps: Iterable[int], name: str, unit: str, progress: bool | None) -> Iterable[int]:
    """Steps with a progress bar for work of over two seconds."""
    return tqdm(
        steps, desc=name, unit=unit, delay=2, disable=None if progress is None else not progress
    )


def _search(lesson: Lesson, state: State, n_tries: int, progress: bool | None) -> State:
    """The weights of the lowest loss among some drawn at random."""
    everything = np.arange(len(lesson.classes))
    images, right = lesson.prepare(lesson.read(everything)), lesson.xp.asarray(lesson.classes)
    looks, best = lesson.graph.weights(lesson.graph.image_shape), np.inf
    for number in _shown(range(n_tries + 1), "Random search", "try", progress):
        rng = np.random.default_rng([lesson.course.random_state, state.epoch, number])
        if number:
            drawn = {name: lesson.xp.asarray(look.draw(rng)) for name, look in looks.items()}
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
    batch_size, learning_rate, schedule, optimiser, momentum, nesterov, weight_decay,
    validation_fraction, patience, random_state
        As in `cnn.CNN`.

    Attributes
    ----------
    classes_, learned_, history_
        As in `cnn.CNN`.

    References
    ----------
    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature
    1986.

    Examples
    --------
    >>> corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> MultilayerPerceptron(16, epochs=200, learning_rate=0.1).fit(corners, [0, 1, 1, 0]).predict(corners)
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


@final
class Perceptron(ClassifierMixin, FeatureExtractor):
    """Rosenblatt's perceptron: a step of a weighted sum, corrected whenever it is wrong.

    For more than two classes there is one perceptron per class, this class or not, as in
    scikit-learn.

    Parameters
    ----------
    epochs : int
        How many times at most `fit` goes through the images; it stops when all are right.
    learning_rate : float
        How far one correction goes. It scales all weights and changes no decision.
    shuffle : bool
        Whether each epoch goes through the images in another order.
    layer : {'sum', 'step'} or a sequence of them
        The weighted sums, or the steps: 1 where the sum is not negative.
    random_state : int
        Seed of the order.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`. Flat rows are images of one row.

    Attributes
    ----------
    classes_ : array
    weights_ : array of shape (n_perceptrons, 1 + n_pixels), float64
        The first is the weight of a constant input of 1.
    n_updates_ : array of int
        Corrections of each perceptron.
    n_epochs_ : int
    converged_ : bool
        Whether all training images are right.

    References
    ----------
    Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in
    the brain", Psychological Review 1958. Novikoff, "On convergence proofs on perceptrons", 1962:
    at most (R / margin)^2 corrections where a plane separates the classes.

    Examples
    --------
    >>> corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> Perceptron().fit(corners, [0, 0, 0, 1]).predict(corners)
    array([0, 0, 0, 1])
    """

    layer_names = ("sum", "step")

    def __init__(
        self,
        *,
        epochs: int = 1000,
        learning_rate: float = 1.0,
        shuffle: bool = True,
        layer: str | Sequence[str] = "sum",
        random_state: int = 0,
        image_shape: Sequence[int] | None = (1, -1),
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.shuffle = shuffle
        self.layer = layer
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def must_learn(self, layers: Collection[str]) -> bool:
        return True

    def has_learned(self) -> bool:
        return hasattr(self, "weights_")

    def _forward(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, list[Maps]]]:
        xp, values = namespace(retina.values), retina.values
        n_values = int(np.prod(values.shape[1:]))
        if self.has_learned():
            n_units = len(self.weights_)
        else:
            n_units = 1
        whole = Maps(
            xp.zeros((len(values), n_units, 1, 1), values.dtype), Field.whole(*values.shape[2:])
        )
        features = [f"c{index:02d}" for index in range(n_units)]
        if len(values):
            if self.weights_.shape[1] != 1 + n_values:
                msg = (
                    f"`images` must have the {self.weights_.shape[1] - 1} pixels of those "
                    f"learned from, got {n_values}. Resize them."
                )
                raise ValueError(msg)
            weights = xp.asarray(self.weights_)
            sums = (
                values.reshape(len(values), n_values).astype(xp.float64) @ weights[:, 1:].T
                + weights[:, 0]
            )
            whole = replace(whole, values=sums.astype(values.dtype)[..., None, None])
        whole = replace(
            whole,
            features=features,
            n_parameters=n_units * (1 + n_values),
            n_multiply_adds=n_units * n_values,
        )
        yield "sum", [whole]
        yield (
            "step",
            [replace(whole, values=step(whole.values)[0], n_parameters=0, n_multiply_adds=0)],
        )

    def _traced(
        self, retina: Maps, layer: str
    ) -> tuple[list[Array], Callable[[Sequence[Array]], Array]]:
        (maps,) = self._walk(retina, (layer,))[layer]
        weights = namespace(maps.values).asarray(self.weights_[:, 1:].astype(np.float32)) * (
            layer == "sum"
        )
        return [maps.values], lambda gradients: (
            gradients[0].reshape(len(maps.values), -1) @ weights
        ).reshape(retina.values.shape)

    def learn(self, images: Images, labels: Any) -> None:
        if (
            self.epochs < 1
            or self.learning_rate <= 0
            or not isinstance(self.random_state, int | np.integer)
        ):
            msg = (
                f"`epochs` and `learning_rate` must be positive and `random_state` a whole number, "
                f"got {self.epochs}, {self.learning_rate} and {self.random_state}."
            )
            raise ValueError(msg)
        for name in ("weights_", "classes_"):
            self.__dict__.pop(name, None)
        self.classes_, targets = encoded(type(self).__name__, images, labels)
        inputs, signs = self._inputs(images), self._signs(targets)
        weights, self.n_updates_ = (
            np.zeros((len(signs), inputs.shape[1])),
            np.zeros(len(signs), int),
        )
        self.converged_, self.n_epochs_ = False, 0
        for _ in _shown(range(self.epochs), "Perceptron", "epoch", self.progress):
            corrections = self._one_epoch(inputs, signs, weights, self.n_epochs_)
            self.n_updates_ += corrections
            self.n_epochs_ += 1
            self.converged_ = not corrections.any()
            if self.converged_:
                break
        self.weights_ = weights
        if not self.converged_:
            warnings.warn(
                _unsettled(inputs, signs, self.n_epochs_, corrections),
                ConvergenceWarning,
                stacklevel=3,
            )

    def first_filters(self) -> dict[str, np.ndarray]:
        """Its weights, as pictures of the size that it learned from."""
        self.check_ready(self.layer_names)
        return {"weights": self.weights_[:, 1:].reshape(len(self.weights_), *self.image_shape_[:2])}

    def partial_fit(self, images: Any, y: Any, classes: Any = None) -> Perceptron:
        """Go through these images once, going on from what was learned.

        Parameters
        ----------
        images : array or sequence
            As in `transform`, of one shape.
        y : array of shape (n_images,)
            Labels.
        classes : array or None
            All labels that there will be; needed at the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `classes` is missing at the first call, or a label is not among them.
        """
        first = not hasattr(self, "weights_")
        source = self.open_images(images, reset=first)
        if first and classes is None:
            msg = (
                "`classes` must be passed on the first call to partial_fit. Hand in all labels "
                "that there will be."
            )
            raise ValueError(msg)
        known, targets = encoded(
            type(self).__name__, source, y, np.unique(classes) if first else self.classes_
        )
        self.classes_ = known
        inputs, signs = self._inputs(source), self._signs(targets)
        if first:
            self.weights_, self.n_epochs_ = np.zeros((len(signs), inputs.shape[1])), 0
            self.n_updates_ = np.zeros(len(signs), int)
            self.image_shape_ = tuple(int(n) for n in source[0].shape)
        corrections = self._one_epoch(inputs, signs, self.weights_, self.n_epochs_)
        self.n_updates_, self.n_epochs_ = self.n_updates_ + corrections, self.n_epochs_ + 1
        self.converged_ = not corrections.any()
        return self

    def _inputs(self, images: Images) -> np.ndarray:
        """A constant 1 and the pixels, one row per image."""
        read, _ = reader(images)
        pixels = (
            to_retina(read(np.arange(len(images))), np, 1)
            .reshape(len(images), -1)
            .astype(np.float64)
        )
        return np.concatenate([np.ones((len(images), 1)), pixels], axis=1)

    def _signs(self, targets: np.ndarray) -> np.ndarray:
        """1 where an image is of a perceptron's class, else -1; two classes need only one
        perceptron."""
        if len(self.classes_) == 2:
            wanted = [1]
        else:
            wanted = range(len(self.classes_))
        return np.where(targets == np.asarray(wanted)[:, None], 1, -1)

    def _one_epoch(
        self, inputs: np.ndarray, signs: np.ndarray, weights: np.ndarray, epoch: int
    ) -> np.ndarray:
        """Correct, in place, each perceptron at each image where it is wrong or undecided; returns
        how often each was."""
        order = np.arange(len(inputs))
        if self.shuffle:
            order = np.random.default_rng([self.random_state, epoch]).permutation(order)
        corrections = np.zeros(len(signs), int)
        for index in order:
            wrong = signs[:, index] * (weights @ inputs[index]) <= 0
            if wrong.any():
                weights[wrong] += self.learning_rate * signs[wrong, index, None] * inputs[index]
                corrections += wrong
        return corrections

    def predict(self, images: Any) -> np.ndarray:
        """The class of each image, from `classes_`: by the sign of the sum, or the perceptron with
        the largest sum.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.
        """
        sums = self.decision_function(images)
        return self.classes_[(sums > 0).astype(int) if sums.ndim == 1 else sums.argmax(axis=1)]

    def decision_function(self, images: Any) -> np.ndarray:
        """The weighted sums, of shape (n_images, n_classes), or (n_images,) where there are two
        classes: positive for the second.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.
        """
        self.check_ready(("sum",))
        source = self.open_images(images)
        sums = np.concatenate(
            [layers["sum"][0].values[:, :, 0, 0] for _, layers in self.stream(source, ("sum",))]
        )
        if sums.shape[1] == 1:
            return sums[:, 0]
        return sums

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _unsettled(
    inputs: np.ndarray, signs: np.ndarray, n_epochs: int, corrections: np.ndarray
) -> str:
    """Why a perceptron did not converge, worked out where that is affordable."""
    text = (
        f"The perceptron still made {int(corrections.sum())} corrections in epoch {n_epochs}, "
        "its last."
    )
    if inputs.size > _LARGEST_PROGRAM:
        return f"{text} Raise `epochs`, or the data are not separable by a plane."
    apart = [separable(inputs, row) for row in signs[corrections > 0]]
    if all(apart):
        return f"{text} The data are separable by a plane: raise `epochs`."
    return (
        f"{text} The data are not separable by a plane: no number of epochs will do. Use a "
        "MultilayerPerceptron, or other features."
    )


def separable(inputs: np.ndarray, signs: np.ndarray) -> bool:
    """Whether some weights w give signs * (inputs @ w) >= 1 everywhere: a linear program without an
    aim."""
    found = linprog(
        np.zeros(inputs.shape[1]),
        A_ub=-signs[:, None] * inputs,
        b_ub=-np.ones(len(inputs)),
        bounds=(None, None),
        method="highs",
    )
    return found.status == 0
