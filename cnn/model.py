"""CNN: a convolutional network.

Learned here, read from a file of published weights, or left untrained.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np

from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.maps import Maps

from .architectures import build, names
from .augmentation import Augmentation
from .graph import Graph
from .graph_model import looks
from .network import Network
from .weights import IMAGENET, Learned, head_size, per_channel, read_about, read_weights, stamp

UNTRAINED = "untrained"


@final
class CNN(Network):
    """A convolutional network.

    Parameters
    ----------
    architecture : str, callable or None
        Such as 'lenet5' or 'resnet18' (`hmax_cnn.cnn.architectures.names()` lists all),
        'package.module:function', or a function that returns a Graph. None is what the file of
        weights says, and 'lenet5' without one.
    layer : str, sequence of str or None
        Whose units `transform` returns; None is what the scores are read from.
    weights : None, 'untrained' or path
        What the network starts from: weights drawn by `random_state` (None, 'untrained'), or a
        safetensors file, our own or with the names of torchvision or timm.
    epochs : int or None
        How many times `fit` sees every image. None is 20 where `weights` is None, and 0 else: the
        network is then used as it is, without a `fit`, and 'untrained' is a control.
    options : mapping or None
        Further settings of the architecture, as its function takes them.
    channels : {1, 3} or None
        Luminance, or red, green and blue; None is the architecture's own choice.
    standardise : None, 'imagenet' or (means, deviations)
        What is taken off pixel values and what they are then divided by, per channel. None: what
        the file says, the ImageNet values for files of others and for untrained networks, and the
        training images' own mean and deviation otherwise.
    freeze_up_to : str or None
        This layer and all that it reads keep their weights: transfer learning.
    replace_head : bool
        Whether the last layer of the file of weights is left out and learned anew.
    loss : {'softmax', 'logistic', 'squared'}
    batch_size : int
        Images per update.
    learning_rate : float
    schedule : {'constant', 'linear', 'cosine', 'step'}
        How the learning rate falls; 'step' to a tenth at half and at three quarters.
    optimiser : {'sgd', 'adam'}
    momentum : float
        Of 'sgd'.
    nesterov : bool
        Whether 'sgd' looks ahead.
    weight_decay : float
        Added to each gradient, times the weight.
    validation_fraction : float
        Share of the images of each class that is held out to validate on; the weights with the
        lowest validation loss are kept.
    patience : int or None
        Training stops when the validation loss has not fallen for so many epochs.
    augmentation : mapping or None
        Random changes of the training images, such as {'mirror': True, 'crop': 4}; see
        `hmax_cnn.cnn.augmentation.Augmentation`.
    checkpoint : path or None
        A file that keeps a training under way; the same `fit` goes on from it, to the same numbers.
        One that was finished is not repeated.
    random_state : int
        Seed of weights, order, augmentation and dropout.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`.

    Attributes
    ----------
    graph_ : Graph
    learned_ : Learned
        Its weights, by name, and what pixel values are standardised with.
    classes_ : array
    history_ : pandas.DataFrame
        One row per epoch: epoch, loss, accuracy, learning_rate, seconds, and with a validation set
        its loss and accuracy.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (6, 32, 32), dtype=np.uint8)
    >>> CNN("lenet5", weights="untrained").transform(images).shape
    (6, 84)
    >>> CNN("lenet5", epochs=2).fit(images, list("ababab")).predict(images).shape
    (6,)
    """

    def __init__(
        self,
        architecture: str | Callable[..., Graph] | None = None,
        *,
        layer: str | Sequence[str] | None = None,
        weights: str | PathLike[str] | None = None,
        epochs: int | None = None,
        options: Mapping[str, Any] | None = None,
        channels: int | None = None,
        standardise: str | tuple[Sequence[float], Sequence[float]] | None = None,
        freeze_up_to: str | None = None,
        replace_head: bool = False,
        loss: str = "softmax",
        batch_size: int = 64,
        learning_rate: float = 0.01,
        schedule: str = "cosine",
        optimiser: str = "sgd",
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 5e-4,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        augmentation: Mapping[str, Any] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        random_state: int = 0,
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.architecture = architecture
        self.layer = layer
        self.weights = weights
        self.epochs = epochs
        self.options = options
        self.channels = channels
        self.standardise = standardise
        self.freeze_up_to = freeze_up_to
        self.replace_head = replace_head
        self.loss = loss
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.optimiser = optimiser
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    # The network ---------------------------------------------------------------------------------

    @property
    def n_channels(self) -> int:
        """1 where the network sees luminance, 3 where it sees red, green and blue."""
        return self._plan(None).n_channels

    def reads_file(self) -> bool:
        """Whether `weights` is a file."""
        return self.weights is not None and self.weights != UNTRAINED

    def _n_epochs(self) -> int:
        if self.epochs is not None:
            return self.epochs
        if self.weights is None:
            return 20
        return 0

    def _build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        if self.reads_file():
            about = _about(*stamp(self.weights))
        else:
            about = {}
        named, chosen = about.get("architecture"), self.architecture
        if named and chosen is None and named not in names():
            msg = (
                f"`weights` {self.weights} name the architecture {named!r}, code from outside. "
                f"Set architecture={named!r} if you trust it."
            )
            raise ValueError(msg)
        if named and chosen is not None and _name(chosen) != named:
            msg = (
                f"`weights` {self.weights} are of the architecture {named!r}, but `architecture` "
                f"is {_name(chosen)!r}. Leave it out."
            )
            raise ValueError(msg)
        if self.channels not in (None, 1, 3):
            msg = (
                "`channels` must be 1 (luminance), 3 (red, green, blue) or None, got "
                f"{self.channels!r}."
            )
            raise ValueError(msg)
        settings = dict(about.get("options", {}))
        if self.channels is not None:
            settings |= {"n_channels": self.channels}
        if n_classes is not None:
            settings |= {"n_classes": n_classes}
        if image_shape is not None:
            settings |= {"image_shape": image_shape}
        if self.options is None:
            options = {}
        else:
            options = self.options
        graph = build(
            chosen or named or "lenet5",
            settings | options if isinstance(options, Mapping) else options,
        )
        if (
            n_classes is not None
            and isinstance(options, Mapping)
            and options.get("n_classes", n_classes) != n_classes
        ):
            msg = (
                f"`options` say n_classes={options['n_classes']}, but there are {n_classes} "
                "classes. Leave it out."
            )
            raise ValueError(msg)
        return graph

    def _blank(self, image_shape: tuple[int, int] | None) -> Graph:
        if not self.reads_file():
            return self._build(None, image_shape)
        about = _about(*stamp(self.weights))
        return self._build(
            None if about else head_size(self.weights, self._build(None, None)), None
        )

    def is_given(self) -> bool:
        """Whether the network is of use without a `fit`."""
        return self._n_epochs() == 0

    def _given(self, image_shape: tuple[int, int] | None) -> tuple[Graph, Learned]:
        graph = _planned(_Key(self, image_shape))
        if self.reads_file():
            shapes = None
        else:
            shapes = tuple(
                look.shape for look in looks(graph, image_shape or graph.image_shape).values()
            )
        return graph, _ready(_Key(self, image_shape, shapes))

    def _unlearned(self, image_shape: tuple[int, int] | None) -> Learned:
        """What the network holds before any training here."""
        graph = self._blank(image_shape)
        about, classes = _about(*stamp(self.weights)) if self.reads_file() else {}, None
        if self.reads_file():
            arrays, classes = (
                read_weights(self.weights, graph, graph.weights()),
                about.get("classes"),
            )
        else:
            arrays = graph.draw(self.random_state, image_shape)
        for array in arrays.values():
            array.flags.writeable = False  # shared by all networks alike
        return Learned(
            arrays,
            *self._moments_of(graph, about),
            None if classes is None else np.asarray(classes),
        )

    def _start(self, graph: Graph, image_shape: tuple[int, int], images: Images) -> Learned:
        measured = super()._start(graph, image_shape, images)
        if not self.reads_file():
            if self.standardise is None:
                return measured
            return replace(measured, **self._standard(graph))
        wanted = graph.weights(image_shape)
        read = read_weights(
            self.weights, graph, wanted, without=graph.heads(wanted) if self.replace_head else ()
        )
        return Learned(
            measured.arrays | read, *self._moments_of(graph, _about(*stamp(self.weights)))
        )

    def _moments_of(
        self, graph: Graph, about: Mapping[str, Any]
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation of pixel values where no training images say so."""
        if self.standardise is None and about:
            return tuple(about["mean"]), tuple(about["deviation"])
        standard = self._standard(graph)
        return standard["mean"], standard["deviation"]

    def _standard(self, graph: Graph) -> dict[str, tuple[float, ...]]:
        if self.standardise is None:
            published = graph.standard or IMAGENET
        else:
            published = self.standardise
        mean, deviation = per_channel(published, graph.n_channels)
        return {"mean": mean, "deviation": deviation}

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects."""
        if (
            self.standardise is not None
            or self._n_epochs()
            or (self.reads_file() and _about(*stamp(self.weights)))
        ):
            if self.standardise == "imagenet":
                return (0, 255)
            return None
        return (0, 255)

    # Training ------------------------------------------------------------------------------------

    def _frozen(self, graph: Graph) -> Collection[str]:
        if self.freeze_up_to is None:
            return ()
        if self.freeze_up_to not in graph.nodes:
            msg = (
                f"`freeze_up_to` must be one of {', '.join(map(repr, graph.nodes))}, got "
                f"{self.freeze_up_to!r}."
            )
            raise ValueError(msg)
        frozen = graph.below((self.freeze_up_to,))
        if {name.rpartition(".")[0] for name in graph.weights()} <= frozen:
            msg = (
                f"`freeze_up_to` {self.freeze_up_to!r} leaves nothing to learn. Name a lower "
                "layer, or set epochs=0."
            )
            raise ValueError(msg)
        return frozen

    def _augmentation(self) -> Augmentation | None:
        return Augmentation.of(self.augmentation)

    def _checkpoint(self) -> Path | None:
        if self.checkpoint is None:
            return None
        return Path(self.checkpoint)

    def documentation(self) -> str:
        """What is written of the class and of the architecture."""
        if self.reads_file():
            about = _about(*stamp(self.weights))
        else:
            about = {}
        architecture = self.architecture or about.get("architecture") or "lenet5"
        if callable(architecture):
            function = architecture
        else:
            function = names().get(architecture)
        return f"{super().documentation()}\n{inspect.getdoc(function) or ''}"

    def write(self, path: str | PathLike[str]) -> None:
        """Write what was learned into a safetensors file.

        `weights` reads it again, architecture and classes included.

        Raises
        ------
        NotFittedError
            If nothing was learned yet.
        ValueError
            If the architecture is a function that has no path to be found again by.
        OSError
            If the file cannot be written.
        """
        self.check_ready(self.layer_names)
        graph, learned = self._net(None)
        described = self.__dict__.get("described_") or self._described(graph)
        learned.write(path, described | {"architecture": _name(described["architecture"])})

    def _described(self, graph: Graph) -> dict[str, Any]:
        """What a file must say for the network to be built again."""
        if self.reads_file():
            about = _about(*stamp(self.weights))
        else:
            about = {}
        empty = Maps(np.empty((0, graph.n_channels, *graph.image_shape), np.float32))
        head = next(iter(graph.outputs))
        shapes = {name: maps.shape for name, maps, _ in graph.walk(empty, None, graph.nodes)}
        n_classes = shapes[head][0]
        own = {
            "n_channels": graph.n_channels,
            "image_shape": graph.image_shape,
            "n_classes": n_classes,
        }
        options = dict(about.get("options", {})) | dict(self.options or {}) | own
        return {
            "architecture": self.architecture or about.get("architecture") or "lenet5",
            "options": options,
        }


def _name(architecture: str | Callable[..., Graph]) -> str:
    """How an architecture is written down."""
    if isinstance(architecture, str):
        return architecture
    name, module = architecture.__qualname__, architecture.__module__
    if "<" in name or module == "__main__":
        msg = (
            f"`architecture` {name!r} cannot be found again from a file. Put the function into a "
            "module and name it 'module:function'."
        )
        raise ValueError(msg)
    if module.startswith("hmax_cnn.cnn.architectures."):
        return name
    return f"{module}:{name}"


@lru_cache(maxsize=8)
def _about(path: str, _: int) -> dict[str, Any]:
    return read_about(path)


class _Key:
    """What a network before training depends on; equal keys share one copy of it."""

    def __init__(
        self,
        model: CNN,
        image_shape: tuple[int, int] | None,
        shapes: tuple[tuple[int, ...], ...] | None = None,
    ) -> None:
        parameters = {
            name: getattr(model, name)
            for name in (
                "architecture",
                "weights",
                "options",
                "channels",
                "standardise",
                "random_state",
            )
        }
        self.model, self.shape = CNN(**parameters, epochs=0), image_shape
        shape = shapes or (None if model.reads_file() else image_shape)
        if model.reads_file():
            written = stamp(model.weights)
        else:
            written = None
        self.text = json.dumps([parameters, shape, written], default=repr, sort_keys=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(maxsize=16)
def _planned(key: _Key) -> Graph:
    return key.model._blank(key.shape)  # noqa: SLF001 - of the class above


@lru_cache(maxsize=2)
def _ready(key: _Key) -> Learned:
    return key.model._unlearned(key.shape)  # noqa: SLF001 - of the class above
