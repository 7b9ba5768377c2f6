"""Network: a graph of layers that learns classes from errors, and predicts them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from hmax_cnn.extraction.arrays import Array, device_namespace, to_host
from hmax_cnn.extraction.batches import are_even, threads_for
from hmax_cnn.extraction.digests import NOTHING, picture_digests
from hmax_cnn.extraction.files import writable
from hmax_cnn.extraction.images import Images, to_retina
from hmax_cnn.extraction.operations import sigmoid

from .augmentation import Augmentation
from .checkpoints import read_checkpoint, write_checkpoint
from .course import Course
from .graph import Graph
from .graph_model import GraphModel, weights_of
from .losses import softmax
from .samples import checksum, encoded, reader, standardised
from .training import Lesson, State, train
from .weights import Learned


class Network(ClassifierMixin, GraphModel):
    """A graph of layers that learns classes from errors; a subclass says what graph.

    Attributes
    ----------
    graph_ : Graph
    learned_ : Learned
        Its weights, by name, and what pixel values are standardised with.
    classes_ : array
    history_ : pandas.DataFrame
        One row per epoch: epoch, loss, accuracy, learning_rate, seconds, and with a validation set
        its loss and accuracy.
    """

    epochs: int | None
    loss: str
    random_state: int

    def _n_epochs(self) -> int:
        """How many times training sees every image."""
        if self.epochs is None:
            return 20
        return self.epochs

    def _frozen(self, graph: Graph) -> Collection[str]:
        """Layers that do not learn."""
        return ()

    def _augmentation(self) -> Augmentation | None:
        """How images are changed while training."""
        return None

    def _checkpoint(self) -> Path | None:
        """Where a training under way is kept."""
        return None

    def _train(self, lesson: Lesson, state: State, keep: Callable[[State], None] | None) -> State:
        return train(lesson, state, keep, self.progress)

    # Learning ------------------------------------------------------------------------------------

    def learn(self, images: Images, labels: Any) -> None:
        """Learn from images and labels; see `FeatureExtractor.learn`."""
        shape = (int(images[0].shape[0]), int(images[0].shape[1]))
        # A fit that fails must not leave what an earlier one learned.
        for name in ("learned_", "graph_", "history_", "classes_", "described_", "_state"):
            self.__dict__.pop(name, None)
        if self.is_given():
            self.graph_, self.learned_ = self._given(shape)
            self.described_, self.history_ = self._described(self.graph_), pd.DataFrame()
            if self.learned_.classes is not None:
                self.classes_ = self.learned_.classes
            return
        path = self._checkpoint()
        if path is not None:
            writable(path)
        classes, targets = encoded(type(self).__name__, images, labels)
        graph = self._build(len(classes), shape)
        start = replace(self._start(graph, shape, images), classes=classes)
        lesson, digest = self._lesson(graph, start, images, targets, self._course())
        state, keep = self._fresh(lesson, start), None
        if path is not None:
            # All that the numbers of a training depend on: a checkpoint of another is refused,
            # threads included, since sums over threads differ in their last bits.
            about = asdict(lesson.course) | {
                "network": checksum(
                    [repr(list(graph.nodes.values())).encode(), *start.arrays.values()]
                ),
                "images": digest,
                "classes": classes.tolist(),
                "standardise": [start.mean, start.deviation],
                "augmentation": repr(lesson.augmentation),
                "frozen": sorted(lesson.frozen),
                "n_threads": lesson.n_threads,
            }
            if path.exists():
                state = read_checkpoint(path, state, about, lesson.xp)

            def keep(state: State) -> None:
                write_checkpoint(path, state, about)

        self._take(graph, start, self._train(lesson, state, keep))

    def untrained(self, random_state: int | None = None) -> Self:
        """A control: the same fitted network, its weights drawn anew, as before training.

        Parameters
        ----------
        random_state : int or None
            None is the network's own: the weights that it started from, where it started from none.
            One more is taken where these are the weights that it has.

        Returns
        -------
        Network
            A copy. One that is given without a `fit` is taken for images of the shape that it was
            made for.

        Raises
        ------
        NotFittedError
            If it must be fitted first: its size is then not known.
        """
        if not hasattr(self, "learned_"):
            if not self.is_given():
                msg = (
                    f"This {type(self).__name__} is not fitted yet, so that its size is not "
                    "known. Call `fit` first."
                )
                raise NotFittedError(msg)
            return (
                copy.copy(self)
                .fit(np.zeros((1, *self.intended_shape()), np.uint8))
                .untrained(random_state)
            )
        if random_state is None:
            seed = self.random_state
        else:
            seed = random_state
        arrays = self.graph_.draw(seed, self.image_shape_[:2])
        # The weights that training started from are no control where nothing was trained.
        if all(np.array_equal(array, self.learned_.arrays[name]) for name, array in arrays.items()):
            arrays = self.graph_.draw(seed + 1, self.image_shape_[:2])
        control = copy.copy(self)
        control.learned_, control.history_ = (
            replace(self.learned_, arrays=arrays, copies={}),
            pd.DataFrame(),
        )
        for name in ("_state", "learned_from_"):
            control.__dict__.pop(name, None)
        return control

    def partial_fit(self, images: Any, y: Any, classes: Any = None) -> Self:
        """Learn from these images once, going on from what was learned.

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
        first = not hasattr(self, "learned_")
        source = self.open_images(images, reset=first)
        shape = (int(source[0].shape[0]), int(source[0].shape[1]))
        known = None if first else self.learned_.classes
        if known is None and classes is None:
            msg = (
                "`classes` must be passed on the first call to partial_fit. Hand in all labels "
                "that there will be."
            )
            raise ValueError(msg)
        if known is None:
            known = np.unique(classes)
        known, targets = encoded(type(self).__name__, source, y, known)
        if first:
            graph = self._build(len(known), shape)
            start = self._start(graph, shape, source)
        else:
            graph, start = self.graph_, self.learned_
            self._check_scores(graph, shape, len(known))
        start, past = replace(start, classes=known), self._past()
        # One epoch after those that were, at the same rate: a schedule needs to know where it ends.
        course = replace(
            self._course(),
            epochs=1 + len(past),
            schedule="constant",
            validation_fraction=0.0,
            patience=None,
        )
        lesson, _ = self._lesson(graph, start, source, targets, course)
        state = self._train(lesson, self._going_on(self._fresh(lesson, start), past), None)
        if first:
            self.image_shape_ = tuple(int(n) for n in source[0].shape)
        self._take(graph, start, state)
        earlier = vars(self).get("learned_from_", NOTHING)
        self.learned_from_ = np.union1d(earlier, picture_digests(source.source))
        self._state = replace(state, weights={})
        return self

    def _going_on(self, state: State, past: list[dict[str, Any]]) -> State:
        """A fresh state with the history of the epochs that were, and the optimiser's memory."""
        state.epoch, state.history = len(past), past
        earlier = self.__dict__.get("_state")
        if earlier:
            # Momenta of the layers that still learn.
            kept = {name: slot for name, slot in earlier.memory.items() if name in state.memory}
            state.memory |= kept
            state.n_updates, state.first_loss = earlier.n_updates, earlier.first_loss
        return state

    def _past(self) -> list[dict[str, Any]]:
        """Rows of history of the epochs that were, of `partial_fit` or else of `fit`."""
        earlier = self.__dict__.get("_state")
        if earlier:
            return earlier.history
        if hasattr(self, "history_"):
            return self.history_.to_dict("records")
        return []

    def _check_scores(self, graph: Graph, shape: tuple[int, ...], n_classes: int) -> None:
        """Refuse classes for which the network has no scores."""
        head = next(iter(graph.outputs))
        n_scores = self.geometry(shape, (head,))[head][0].shape[0]
        if n_scores != n_classes:
            msg = (
                f"`classes` must be as many as the network has scores, {n_scores}, got "
                f"{n_classes}. Set replace_head=True and call `fit`."
            )
            raise ValueError(msg)

    def _course(self) -> Course:
        given = {
            one.name: getattr(self, one.name) for one in fields(Course) if one.name != "epochs"
        }
        return Course(epochs=self._n_epochs(), **given)

    def _lesson(
        self, graph: Graph, start: Learned, images: Images, targets: np.ndarray, course: Course
    ) -> tuple[Lesson, str]:
        """What is trained on what, and a digest of it."""
        xp = device_namespace(self.device)

        def prepare(some: np.ndarray) -> Array:
            return standardised(to_retina(some, xp, graph.n_channels), start)

        n_threads = threads_for(self, images) if xp is np and not are_even() else 1
        read, digest = reader(images)
        lesson = Lesson(
            graph,
            course,
            read,
            prepare,
            targets,
            xp,
            self._frozen(graph),
            self._augmentation(),
            n_threads,
        )
        return lesson, checksum([targets, digest.encode()])

    def _fresh(self, lesson: Lesson, start: Learned) -> State:
        """The state before the first update; only weights that move have a memory."""
        weights = {name: lesson.xp.array(array) for name, array in start.arrays.items()}
        # Running statistics are not learned, and frozen layers do not move.
        known = weights_of(lesson.graph, lesson.graph.image_shape)
        moved = {
            n: w
            for n, w in weights.items()
            if known[n].learned and n.rpartition(".")[0] not in lesson.frozen
        }
        return State(weights, lesson.course.rule().start(moved))

    def _take(self, graph: Graph, start: Learned, state: State) -> None:
        """What was learned becomes the model's own."""
        self.graph_, self.described_ = graph, self._described(graph)
        self.classes_ = np.asarray(start.classes)
        self.learned_ = replace(
            start,
            arrays={name: to_host(array).copy() for name, array in state.weights.items()},
            copies={},
        )
        self.history_ = pd.DataFrame(state.history)

    # Answers -------------------------------------------------------------------------------------

    def scores(self, images: Any) -> np.ndarray:
        """The last layer's responses, of shape (n_images, n_classes): before any softmax.

        Raises
        ------
        NotFittedError
            If nothing was learned yet.
        """
        head = next(iter(self._plan(None).outputs))
        self.check_ready((head,))
        source = self.open_images(images)
        return np.concatenate(
            [
                layers[head][0].values.reshape(-1, layers[head][0].shape[0])
                for _, layers in self.stream(source, (head,))
            ]
        )

    def predict(self, images: Any) -> np.ndarray:
        """The class of each image: the one with the highest score.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.

        Returns
        -------
        array of shape (n_images,)
            From `classes_`; indices where the weights came without names of classes.
        """
        best = self.scores(images).argmax(axis=1)
        classes = self._net(None)[1].classes
        if classes is None:
            return best
        return classes[best]

    def decision_function(self, images: Any) -> np.ndarray:
        """The scores, of shape (n_images, n_classes), or (n_images,) where there are two classes.

        The second's minus the first's.
        """
        scores = self.scores(images)
        if scores.shape[1] == 2:
            return scores[:, 1] - scores[:, 0]
        return scores

    @available_if(lambda self: self.loss in ("softmax", "logistic"))
    def predict_proba(self, images: Any) -> np.ndarray:
        """Probabilities of shape (n_images, n_classes).

        With loss='logistic' those of 'this class or not', scaled to sum to 1.
        """
        scores = self.scores(images).astype(np.float64)
        if self.loss == "softmax":
            return softmax(scores)
        each_class = np.maximum(sigmoid(scores)[0], np.finfo(float).tiny)
        return each_class / each_class.sum(axis=1, keepdims=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not self.is_given()
        return tags
