"""Network: what every classifier that is a graph of layers shares; how it learns, predicts and
answers in maps."""

from __future__ import annotations

import copy
import zlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import assert_all_finite
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .augmentation import Augmentation
from .graph import Graph
from .layers import Weight
from .losses import softmax
from .training import Course, Lesson, State, read_checkpoint, train, write_checkpoint
from .weights import Learned
from hmax_cnn.extraction.arrays import Array, device_namespace, namespace, to_host
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.files import writable
from hmax_cnn.extraction.images import Images, to_retina
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import sigmoid

_KEPT_IMAGES = (
    2**30
)  # bytes of decoded images held while training; more are decoded anew in every epoch


class Network(ClassifierMixin, FeatureExtractor):
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

    # What a subclass says --------------------------------------------------------------------------------------------

    @abstractmethod
    def _build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        """The network for so many classes and images of this shape; None leaves the choice to the
        network."""

    def _start(self, graph: Graph, image_shape: tuple[int, int], images: Images) -> Learned:
        """What training starts from, pixel values standardised to mean 0 and deviation 1 of the
        training images, per channel."""
        return Learned(
            graph.draw(self.random_state, image_shape), *_moments(images, graph.n_channels)
        )

    def _blank(self, image_shape: tuple[int, int] | None) -> Graph:
        """The network before any `fit`."""
        return self._build(None, image_shape)

    def _is_given(self) -> bool:
        """Whether it is of use without a `fit`, as `_given` returns it."""
        return False

    def _given(self, image_shape: tuple[int, int] | None) -> tuple[Graph, Learned]:
        """The network and its weights before any `fit`, where it is given."""
        raise NotImplementedError

    def _described(self, graph: Graph) -> dict[str, Any]:
        """What a file of weights must say of the network."""
        return {}

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

    # The extractor's questions ---------------------------------------------------------------------------------------

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, from the image upward."""
        return tuple(self._plan(None).nodes)

    def default_layer(self) -> str:
        """What the scores are read from."""
        graph = self._plan(None)
        below = graph.nodes[next(iter(graph.outputs))].inputs[0]
        if below in graph.nodes:
            return below
        return next(iter(graph.outputs))

    def must_learn(self, layers: Collection[str]) -> bool:
        return not self._is_given()

    def has_learned(self) -> bool:
        return hasattr(self, "learned_")

    def intended_shape(self) -> tuple[int, int]:
        return self._plan(None).image_shape

    def working_bytes(self, height: int, width: int) -> int:
        return _largest_layers(self._plan((height, width)), (height, width))

    def _plan(self, image_shape: tuple[int, int] | None) -> Graph:
        """The network as it stands, weights aside."""
        if hasattr(self, "learned_"):
            return self.graph_
        return self._blank(image_shape)

    def _net(self, image_shape: tuple[int, int] | None) -> tuple[Graph, Learned]:
        """The network as it stands, with its weights."""
        if hasattr(self, "learned_"):
            return (self.graph_, self.learned_)
        return self._given(image_shape)

    def _forward(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, list[Maps]]]:
        shape = tuple(retina.values.shape[2:])
        if len(retina.values):
            graph, learned = self._net(shape)
            image, weights = self._seen(retina, graph, learned)
        else:
            graph, image, weights = self._plan(shape), retina, None
        for name, maps in graph.walk(image, weights, wanted):
            yield name, [replace(maps, features=_channels(maps.shape[0]))] if name in wanted else []

    def _traced(
        self, retina: Maps, layer: str
    ) -> tuple[list[Array], Callable[[Sequence[Array]], Array]]:
        graph, learned = self._net(tuple(retina.values.shape[2:]))
        image, weights = self._seen(retina, graph, learned)
        values, pullback, _ = graph.forward(
            image.values, weights, [layer], frozen=list(graph.nodes), to_image=True
        )
        deviation = _by_channel(learned.deviation, image.values)
        return [values[layer]], lambda gradients: pullback({layer: gradients[0]})[1] / deviation

    def _seen(
        self, retina: Maps, graph: Graph, learned: Learned
    ) -> tuple[Maps, Mapping[str, Array]]:
        """What the first layer sees of the images, and the weights, on their device."""
        values = retina.values
        for name, look in looks(graph, tuple(values.shape[2:])).items():
            if learned.arrays[name].shape != look.shape:
                msg = (
                    f"`images` of {values.shape[2]} x {values.shape[3]} pixels do not suit "
                    f"this network: {name!r} of shape "
                    f"{learned.arrays[name].shape} would have to be {look.shape}. Resize "
                    f"them to {graph.image_shape[0]} x {graph.image_shape[1]}."
                )
                raise ValueError(msg)
        return replace(retina, values=_standardised(values, learned)), learned.on(namespace(values))

    # Learning --------------------------------------------------------------------------------------------------------

    def learn(self, images: Images, labels: Any) -> None:
        shape = tuple(int(n) for n in images[0].shape[:2])
        for name in ("learned_", "graph_", "history_", "classes_", "described_", "_state"):
            self.__dict__.pop(name, None)
        if self._is_given():
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
            about = asdict(lesson.course) | {
                "network": _fingerprint(
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
            if not self._is_given():
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
        if all(np.array_equal(array, self.learned_.arrays[name]) for name, array in arrays.items()):
            arrays = self.graph_.draw(seed + 1, self.image_shape_[:2])
        control = copy.copy(self)
        control.learned_, control.history_ = (
            replace(self.learned_, arrays=arrays, copies={}),
            pd.DataFrame(),
        )
        control.__dict__.pop("_state", None)
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
        shape = tuple(int(n) for n in source[0].shape[:2])
        if first:
            known = None
        else:
            known = self.learned_.classes
        if known is None and classes is None:
            msg = (
                "`classes` must be passed on the first call to partial_fit. Hand in all labels "
                "that there will be."
            )
            raise ValueError(msg)
        known, targets = encoded(
            type(self).__name__, source, y, np.unique(classes) if known is None else known
        )
        if first:
            graph = self._build(len(known), shape)
            start = self._start(graph, shape, source)
        else:
            graph, start = self.graph_, self.learned_
            head = next(iter(graph.outputs))
            if (n_scores := self.geometry(shape, (head,))[head][0].shape[0]) != len(known):
                msg = (
                    f"`classes` must be as many as the network has scores, {n_scores}, got "
                    f"{len(known)}. Set replace_head=True and call `fit`."
                )
                raise ValueError(msg)
        start, earlier = replace(start, classes=known), self.__dict__.get("_state")
        if earlier:
            past = earlier.history
        else:
            if hasattr(self, "history_"):
                past = self.history_.to_dict("records")
            else:
                past = []
        course = replace(
            self._course(),
            epochs=1 + len(past),
            schedule="constant",
            validation_fraction=0.0,
            patience=None,
        )
        lesson, _ = self._lesson(graph, start, source, targets, course)
        state = self._fresh(lesson, start)
        state.epoch, state.history = len(past), past
        if earlier:
            state.memory |= {
                name: slot for name, slot in earlier.memory.items() if name in state.memory
            }
            state.n_updates, state.first_loss = earlier.n_updates, earlier.first_loss
        state = self._train(lesson, state, None)
        if first:
            self.image_shape_ = tuple(int(n) for n in source[0].shape)
        self._take(graph, start, state)
        self._state = replace(state, weights={})
        return self

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
            return _standardised(to_retina(some, xp, graph.n_channels), start)

        if xp is np:
            n_threads = self._threads(images)
        else:
            n_threads = 1
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
        return lesson, _fingerprint([targets, digest.encode()])

    def _fresh(self, lesson: Lesson, start: Learned) -> State:
        """The state before the first update; only weights that move have a memory."""
        weights = {name: lesson.xp.array(array) for name, array in start.arrays.items()}
        known = looks(lesson.graph, lesson.graph.image_shape)
        moved = {
            n: w
            for n, w in weights.items()
            if known[n].learned and n.rpartition(".")[0] not in lesson.frozen
        }
        return State(weights, lesson.course.rule().start(moved))

    def _take(self, graph: Graph, start: Learned, state: State) -> None:
        """What was learned becomes the model's own."""
        self.graph_, self.classes_, self.described_ = graph, start.classes, self._described(graph)
        self.learned_ = replace(
            start,
            arrays={name: to_host(array).copy() for name, array in state.weights.items()},
            copies={},
        )
        self.history_ = pd.DataFrame(state.history)

    # Answers ---------------------------------------------------------------------------------------------------------

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
        """The scores, of shape (n_images, n_classes), or (n_images,) where there are two classes:
        the second's minus the first's."""
        scores = self.scores(images)
        if scores.shape[1] == 2:
            return scores[:, 1] - scores[:, 0]
        return scores

    @available_if(lambda self: self.loss in ("softmax", "logistic"))
    def predict_proba(self, images: Any) -> np.ndarray:
        """Probabilities of shape (n_images, n_classes); with loss='logistic' those of 'this class
        or not', scaled to sum to 1."""
        scores = self.scores(images).astype(np.float64)
        if self.loss == "softmax":
            return softmax(scores)
        each_class = np.maximum(sigmoid(scores)[0], np.finfo(float).tiny)
        return each_class / each_class.sum(axis=1, keepdims=True)

    def first_filters(self) -> dict[str, np.ndarray]:
        """Weights of the lowest layer that has any, by its name: of a dense layer as large as the
        image.

        Raises
        ------
        NotFittedError
            If nothing was learned or given yet.
        """
        self.check_ready(self.layer_names)
        graph, learned = self._net(None)
        name = next(name for name in graph.nodes if f"{name}.weight" in learned.arrays)
        weight = learned.arrays[f"{name}.weight"].copy()
        if weight.ndim == 2:
            weight = weight.reshape(len(weight), graph.n_channels, *graph.image_shape)
        return {name: weight[:, 0] if weight.shape[1] == 1 else np.moveaxis(weight, 1, -1)}

    def filters(self, layer: str | None = None) -> np.ndarray:
        """Filters of a convolution, of shape (n_filters, n_features, rows, columns).

        Parameters
        ----------
        layer : str or None
            None is the first convolution.

        Raises
        ------
        NotFittedError
            If nothing was learned yet.
        ValueError
            If this layer has no filters.
        """
        self.check_ready(self.layer_names)
        graph, learned = self._net(None)
        known = [
            name
            for name in graph.nodes
            if f"{name}.weight" in learned.arrays and learned.arrays[f"{name}.weight"].ndim == 4
        ]
        if not known or layer not in (None, *known):
            if known:
                msg = f"`layer` must be one of {', '.join(map(repr, known))}, got {layer!r}."
            else:
                msg = "This network has no convolution, so no filters."
            raise ValueError(msg)
        return learned.arrays[f"{layer or known[0]}.weight"].copy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not self._is_given()
        return tags


@lru_cache(maxsize=16)
def looks(graph: Graph, image_shape: tuple[int, int]) -> dict[str, Weight]:
    """What a network's weights look like for images of a shape."""
    return graph.weights(image_shape)


@lru_cache(maxsize=16)
def _largest_layers(graph: Graph, image_shape: tuple[int, int]) -> int:
    """Bytes of the largest layer of one image, four times: what goes in, what comes out, and
    windows between."""
    image = Maps(np.empty((0, graph.n_channels, *image_shape), np.float32))
    return 16 * max(int(np.prod(maps.shape)) for _, maps in graph.walk(image, None, graph.nodes))


def _channels(n_features: int) -> list[str]:
    n_digits = max(2, len(str(n_features - 1)))
    return [f"c{index:0{n_digits}d}" for index in range(n_features)]


def _by_channel(numbers: Sequence[float], values: Array) -> Array:
    return namespace(values).asarray(np.asarray(numbers, np.float32).reshape(-1, 1, 1))


def _standardised(values: Array, learned: Learned) -> Array:
    return (values - _by_channel(learned.mean, values)) / _by_channel(learned.deviation, values)


def _moments(images: Images, n_channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of pixel values, per channel."""
    n_pixels, total, squares = 0, np.zeros(n_channels), np.zeros(n_channels)
    for _, batch in images.batches(_moderate):
        values = to_retina(to_host(batch), np, n_channels).astype(np.float64)
        n_pixels += values[:, 0].size
        total += values.sum(axis=(0, 2, 3))
        squares += (values * values).sum(axis=(0, 2, 3))
    mean = total / n_pixels
    deviation = np.sqrt(np.maximum(squares / n_pixels - mean**2, 0))
    return tuple(mean.tolist()), tuple(
        np.where(deviation > 1e-6 * (1 + np.abs(mean)), deviation, 1.0).tolist()
    )


def encoded(
    name: str, images: Images, labels: Any, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The classes, and the number of each image's class among them."""
    if labels is None:
        msg = (
            f"This {name} requires y to be passed, but the target y is None. Hand in a label for "
            "each image."
        )
        raise ValueError(msg)
    labels = column_or_1d(labels, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    if len(labels) != len(images):
        msg = (
            f"`y` must hold one label for each of the {len(images)} images, got {len(labels)}. "
            "Inconsistent numbers of samples."
        )
        raise ValueError(msg)
    if classes is None:
        found = np.unique(labels)
    else:
        found = classes
    if len(found) < 2:
        msg = f"`y` must hold at least two classes, got one class: {found[0]!r}."
        raise ValueError(msg)
    unknown = labels[~np.isin(labels, found)]
    if len(unknown):
        msg = (
            f"`y` holds {unknown[0]!r}, which is not among the classes {found.tolist()}. Name "
            "all of them at the first call."
        )
        raise ValueError(msg)
    return found, np.searchsorted(found, labels)


def reader(images: Images) -> tuple[Callable[[Any], np.ndarray], str]:
    """Indices in, images out, from memory where they fit; and a digest of all images. Grey among
    coloured ones becomes coloured."""
    shape, runs, digest = tuple(images[0].shape), [], ""
    n_bytes = len(images) * int(np.prod(shape)) * 4
    for first, batch in images.batches(_moderate):
        if tuple(batch.shape[1:3]) != shape[:2]:
            msg = (
                f"`images` must have one size to learn from, got {tuple(batch.shape[1:3])} for "
                f"image {first} after {shape[:2]}. Resize them."
            )
            raise ValueError(msg)
        host = to_host(batch)
        digest = _fingerprint([digest.encode(), host])
        runs.append(host if n_bytes <= _KEPT_IMAGES else host[:0])
    if len({run.ndim for run in runs}) == 1 and n_bytes <= _KEPT_IMAGES:
        if len({run.dtype for run in runs}) == 1:
            kept = np.concatenate(runs)
        else:
            kept = np.concatenate([run.astype(np.float32) for run in runs])
        return lambda indices: kept[indices], digest
    coloured = any(run.ndim == 4 and run.shape[3] == 3 for run in runs)

    def one(index: int) -> np.ndarray:
        image = to_host(images[index])
        if coloured and image.shape[2:] != (3,):
            return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
        return image

    return lambda indices: np.stack([one(int(index)) for index in indices]), digest


def _moderate(shape: tuple[int, ...]) -> int:
    """How many images of a shape to look at in one go: about 16 MB in double precision."""
    return max(1, min(256, 2**21 // int(np.prod(shape))))


def _fingerprint(arrays: Any) -> str:
    """A short text that differs where arrays differ."""
    code = 0
    for array in arrays:
        code = zlib.crc32(
            array if isinstance(array, bytes) else np.ascontiguousarray(array).tobytes(), code
        )
    return f"{code:08x}"
