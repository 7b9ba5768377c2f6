"""CNN: a convolutional network.

Learned here, read from a file of published weights, or left untrained.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.digests import as_text, from_text
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.maps import Maps

from .architectures import names
from .augmentation import Augmentation
from .graph import Graph
from .network import Network
from .recipe import Recipe, written_name
from .weights import Learned, read_weights


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
    def n_channels(self) -> int:  # type: ignore[override]  # a plain class attribute in most models
        """1 where the network sees luminance, 3 where it sees red, green and blue."""
        return self._plan(None).n_channels

    @property
    def _recipe(self) -> Recipe:
        return Recipe(
            self.architecture,
            self.weights,
            self.options,
            self.channels,
            self.standardise,
            self.random_state,
        )

    def _n_epochs(self) -> int:
        if self.epochs is not None:
            return self.epochs
        return 20 if self.weights is None else 0

    def _build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        return self._recipe.build(n_classes, image_shape)

    def _blank(self, image_shape: tuple[int, int] | None) -> Graph:
        return self._recipe.blank(image_shape)

    def is_given(self) -> bool:
        """Whether the network is of use without a `fit`."""
        return self._n_epochs() == 0

    def _given(self, image_shape: tuple[int, int] | None) -> tuple[Graph, Learned]:
        return self._recipe.given(image_shape)

    def _start(self, graph: Graph, image_shape: tuple[int, int], images: Images) -> Learned:
        measured, recipe = super()._start(graph, image_shape, images), self._recipe
        if recipe.reads_file():
            wanted = graph.weights(image_shape)
            without = graph.heads(wanted) if self.replace_head else ()
            read = read_weights(recipe.file, graph, wanted, without=without)
            return Learned(measured.arrays | read, *recipe.moments(graph))
        if self.standardise is None:
            return measured
        mean, deviation = recipe.standard(graph)
        return replace(measured, mean=mean, deviation=deviation)

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects."""
        if self.standardise == "imagenet":
            return (0, 255)
        # Moments that were given or learned hold for pixel values of any range.
        if self.standardise is not None or self._n_epochs() or self._recipe.about():
            return None
        return (0, 255)

    def learned_from(self) -> np.ndarray:
        """Digests of the pictures behind the weights; see `FeatureExtractor.learned_from`."""
        behind = self._recipe.about().get("learned_from")
        if not behind:
            return super().learned_from()
        return np.union1d(super().learned_from(), from_text(behind))

    # Training ------------------------------------------------------------------------------------

    def _frozen(self, graph: Graph) -> Collection[str]:
        if self.freeze_up_to is None:
            return ()
        check_choice("freeze_up_to", self.freeze_up_to, graph.nodes)
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
        return None if self.checkpoint is None else Path(self.checkpoint)

    def documentation(self) -> str:
        """What is written of the class and of the architecture."""
        architecture = self.architecture or self._recipe.about().get("architecture") or "lenet5"
        function = architecture if callable(architecture) else names().get(architecture)
        return f"{super().documentation()}\n{inspect.getdoc(function) or ''}"

    def write(self, path: str | PathLike[str]) -> None:
        """Write what was learned into a safetensors file.

        `weights` reads it again, architecture and classes included.

        Parameters
        ----------
        path : path
            Its name should end in .safetensors.

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
        about = described | {"architecture": written_name(described["architecture"])}
        if len(pictures := self.learned_from()):
            about["learned_from"] = as_text(pictures)
        learned.write(path, about)

    def _described(self, graph: Graph) -> dict[str, Any]:
        """What a file must say for the network to be built again."""
        about = self._recipe.about()
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
