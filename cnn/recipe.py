"""Recipe: what a network is before any training here, from an architecture and a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from typing import Any

import numpy as np

from .architectures import build, names
from .graph import Graph
from .graph_model import weights_of
from .weights import IMAGENET, Learned, head_size, per_channel, read_about, read_weights, stamp

UNTRAINED = "untrained"
Moments = tuple[tuple[float, ...], tuple[float, ...]]  # means and deviations, per channel


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a network is made from before any training here.

    Attributes
    ----------
    architecture, weights, options, channels, standardise, random_state
        As in `hmax_cnn.cnn.CNN`.
    """

    architecture: str | Callable[..., Graph] | None
    weights: str | PathLike[str] | None
    options: Mapping[str, Any] | None
    channels: int | None
    standardise: Any
    random_state: int

    def reads_file(self) -> bool:
        """Whether `weights` is a file."""
        return self.weights is not None and self.weights != UNTRAINED

    @property
    def file(self) -> str | PathLike[str]:
        """The file of weights; empty where there is none."""
        return self.weights or ""

    def about(self) -> dict[str, Any]:
        """What the file says of the network that its weights are of; empty for files of others."""
        return _about(*stamp(self.weights)) if self.reads_file() else {}

    def build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        """The network for so many classes and images of this shape.

        Raises
        ------
        ValueError
            If the file is of another architecture, or options do not suit it.
        """
        about = self.about()
        architecture = self._architecture(about.get("architecture"))
        if self.channels not in (None, 1, 3):
            msg = (
                "`channels` must be 1 (luminance), 3 (red, green, blue) or None, got "
                f"{self.channels!r}."
            )
            raise ValueError(msg)
        settings = dict(about.get("options", {}))
        if self.channels is not None:
            settings["n_channels"] = self.channels
        if n_classes is not None:
            settings["n_classes"] = n_classes
        if image_shape is not None:
            settings["image_shape"] = image_shape
        options: Any = {} if self.options is None else self.options
        if not isinstance(options, Mapping):
            return build(architecture, options)  # which says what is wrong with them
        graph = build(architecture, settings | dict(options))
        if n_classes is not None and options.get("n_classes", n_classes) != n_classes:
            msg = (
                f"`options` say n_classes={options['n_classes']}, but there are {n_classes} "
                "classes. Leave it out."
            )
            raise ValueError(msg)
        return graph

    def _architecture(self, named: str | None) -> str | Callable[..., Graph]:
        """The architecture that is chosen, or the one that the file names."""
        chosen = self.architecture
        if named and chosen is None and named not in names():
            # A file must not choose what code is run.
            msg = (
                f"`weights` {self.weights} name the architecture {named!r}, code from outside. "
                f"Set architecture={named!r} if you trust it."
            )
            raise ValueError(msg)
        if named and chosen is not None and written_name(chosen) != named:
            msg = (
                f"`weights` {self.weights} are of the architecture {named!r}, but `architecture` "
                f"is {written_name(chosen)!r}. Leave it out."
            )
            raise ValueError(msg)
        return chosen or named or "lenet5"

    def blank(self, image_shape: tuple[int, int] | None) -> Graph:
        """The network before any training, as large as the file's weights where it reads some."""
        if not self.reads_file():
            return self.build(None, image_shape)
        if self.about():
            return self.build(None, None)
        # Files of others do not say how many classes they have: the last layer's weights do.
        return self.build(head_size(self.file, self.build(None, None)), None)

    def given(self, image_shape: tuple[int, int] | None) -> tuple[Graph, Learned]:
        """The network and its weights before any training, shared by all that are alike."""
        graph = _planned(_Key(self, image_shape))
        shapes = None
        if not self.reads_file():
            # Weights that are drawn depend on the layers' shapes, not on the image's: images of
            # other sizes share them where no layer is wired to a size.
            weights = weights_of(graph, image_shape or graph.image_shape)
            shapes = tuple(weight.shape for weight in weights.values())
        return graph, _ready(_Key(self, image_shape, shapes))

    def unlearned(self, image_shape: tuple[int, int] | None) -> Learned:
        """What the network holds before any training here."""
        graph, about = self.blank(image_shape), self.about()
        if self.reads_file():
            arrays = read_weights(self.file, graph, graph.weights())
        else:
            arrays = graph.draw(self.random_state, image_shape)
        for array in arrays.values():
            array.flags.writeable = False  # shared by all networks alike
        classes = about.get("classes")
        named = None if classes is None else np.asarray(classes)
        return Learned(arrays, *self.moments(graph), named)

    def moments(self, graph: Graph) -> Moments:
        """Mean and deviation of pixel values where no training images say so."""
        about = self.about()
        if self.standardise is None and about:
            return tuple(about["mean"]), tuple(about["deviation"])
        return self.standard(graph)

    def standard(self, graph: Graph) -> Moments:
        """Mean and deviation as they are given, or as the architecture was published with."""
        published = self.standardise
        if published is None:
            published = graph.standard or IMAGENET
        return per_channel(published, graph.n_channels)


def written_name(architecture: str | Callable[..., Graph]) -> str:
    """How an architecture is written down.

    Raises
    ------
    ValueError
        If it is a function that cannot be found again.
    """
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


# The header of a file is read once, as long as the file is the same.
@lru_cache(maxsize=8)
def _about(path: str, _: int) -> dict[str, Any]:
    return read_about(path)


class _Key:
    """What a network before training depends on; equal keys share one copy of it."""

    def __init__(
        self,
        recipe: Recipe,
        image_shape: tuple[int, int] | None,
        shapes: tuple[tuple[int, ...], ...] | None = None,
    ) -> None:
        self.recipe, self.shape = recipe, image_shape
        shape, written = shapes or image_shape, None
        if recipe.reads_file():
            shape, written = shapes, stamp(recipe.weights)
        self.text = json.dumps([vars(recipe), shape, written], default=repr, sort_keys=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(maxsize=16)
def _planned(key: _Key) -> Graph:
    return key.recipe.blank(key.shape)


# Every call of `transform` asks for the weights, which take long to draw or to read. Two are kept:
# a model and its control.
@lru_cache(maxsize=2)
def _ready(key: _Key) -> Learned:
    return key.recipe.unlearned(key.shape)
