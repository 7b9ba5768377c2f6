"""Rosenblatt's perceptron."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
from scipy.optimize import linprog
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.images import Images, to_retina
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import step
from hmax_cnn.extraction.progress import progress_bar

from .samples import encoded, reader

# Values in a data set; of more, whether a plane separates the classes is not worked out.
_LARGEST_PROGRAM = 4_000_000


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
        """Whether these layers need a `fit`; see `FeatureExtractor.must_learn`."""
        return True

    def has_learned(self) -> bool:
        """Whether `fit` has derived what those layers need."""
        return hasattr(self, "weights_")

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback]]:
        """The weighted sums, and their steps; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable)

        Raises
        ------
        ValueError
            If the images have not the pixels of those learned from.
        """
        xp, values = namespace(retina.values), retina.values
        n_values = int(np.prod(values.shape[1:]))
        if self.has_learned():
            n_units = len(self.weights_)
        else:
            n_units = 1
        # A walk without images or before a fit still tells shapes.
        sums = xp.zeros((len(values), n_units), values.dtype)
        if len(values):
            sums = self._sums(values.reshape(len(values), n_values)).astype(values.dtype)
        whole = Maps(
            sums[..., None, None],
            Field.whole(*values.shape[2:]),
            features=[f"c{index:02d}" for index in range(n_units)],
            n_parameters=n_units * (1 + n_values),
            n_multiply_adds=n_units * n_values,
        )

        def pullback(gradients: Sequence[Array]) -> Array:
            weights = xp.asarray(self.weights_[:, 1:].astype(np.float32))
            return (gradients[0].reshape(len(values), -1) @ weights).reshape(values.shape)

        def flat(gradients: Sequence[Array]) -> Array:
            return xp.zeros_like(values)  # a step has no slope

        yield "sum", [whole], pullback
        steps = step(whole.values)[0]
        yield "step", [replace(whole, values=steps, n_parameters=0, n_multiply_adds=0)], flat

    def _sums(self, pixels: Array) -> Array:
        """Weighted sums in double precision, of shape (n_images, n_units)."""
        xp = namespace(pixels)
        weights = xp.asarray(self.weights_)
        if weights.shape[1] != 1 + pixels.shape[1]:
            msg = (
                f"`images` must have the {weights.shape[1] - 1} pixels of those learned from, got "
                f"{pixels.shape[1]}. Resize them."
            )
            raise ValueError(msg)
        # In double precision: corrections are whole numbers of pixel values, and a sum near zero
        # decides the class.
        return pixels.astype(xp.float64) @ weights[:, 1:].T + weights[:, 0]

    def learn(self, images: Images, labels: Any) -> None:
        """Learn from images and labels; see `FeatureExtractor.learn`."""
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
        for _ in progress_bar(
            range(self.epochs), name="Perceptron", unit="epoch", progress=self.progress
        ):
            corrections = self._one_epoch(inputs, signs, weights, self.n_epochs_)
            self.n_updates_ += corrections
            self.n_epochs_ += 1
            # An epoch without a correction: nothing would change in any further one.
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
        """1 where an image is of a perceptron's class, else -1; two classes need one perceptron."""
        n_classes = len(self.classes_)
        wanted = np.array([1]) if n_classes == 2 else np.arange(n_classes)
        return np.where(targets == wanted[:, None], 1, -1)

    def _one_epoch(
        self, inputs: np.ndarray, signs: np.ndarray, weights: np.ndarray, epoch: int
    ) -> np.ndarray:
        """Correct, in place, each perceptron at each image where it is wrong or undecided.

        Returns how often each was.
        """
        order = np.arange(len(inputs))
        if self.shuffle:
            # Of the seed and the epoch: `partial_fit` goes on where `fit` would.
            order = np.random.default_rng([self.random_state, epoch]).permutation(order)
        corrections = np.zeros(len(signs), int)
        for index in order:
            # Rosenblatt's rule: a sum of zero counts as wrong, so that weights of zero start to
            # move.
            wrong = signs[:, index] * (weights @ inputs[index]) <= 0
            if wrong.any():
                weights[wrong] += self.learning_rate * signs[wrong, index, None] * inputs[index]
                corrections += wrong
        return corrections

    def predict(self, images: Any) -> np.ndarray:
        """The class of each image, from `classes_`.

        By the sign of the sum, or the perceptron with the largest sum.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.

        Returns
        -------
        array of shape (n_images,)
            Classes.
        """
        sums = self.decision_function(images)
        return self.classes_[(sums > 0).astype(int) if sums.ndim == 1 else sums.argmax(axis=1)]

    def decision_function(self, images: Any) -> np.ndarray:
        """The weighted sums, of shape (n_images, n_classes).

        Of shape (n_images,) where there are two classes: positive for the second.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.

        Returns
        -------
        array of shape (n_images,) or (n_images, n_classes)
            Sums; one per image where there are two classes.
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
    # The linear program below would take minutes.
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
    """Whether some weights w give signs * (inputs @ w) >= 1 everywhere.

    A linear program without an aim.
    """
    # Whether a plane exists with every signed sum at least 1: feasible exactly where the classes
    # are separable.
    found = linprog(
        np.zeros(inputs.shape[1]),
        A_ub=-signs[:, None] * inputs,
        b_ub=-np.ones(len(inputs)),
        bounds=(None, None),
        method="highs",
    )
    return found.status == 0
