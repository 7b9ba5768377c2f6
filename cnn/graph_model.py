"""GraphModel: a graph of layers as a model; what every network answers, learned or not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

from .graph import Graph
from .layers import Weight
from .samples import by_channel, moments, standardised
from .weights import Learned


class GraphModel(FeatureExtractor):
    """A graph of layers and its weights; a subclass says what graph.

    Attributes
    ----------
    graph_ : Graph
    learned_ : Learned
        Its weights, by name, and what pixel values are standardised with.
    """

    random_state: int

    # What a subclass says ------------------------------------------------------------------------

    @abstractmethod
    def _build(self, n_classes: int | None, image_shape: tuple[int, int] | None) -> Graph:
        """The network for so many classes and images of this shape.

        None leaves the choice to the network.
        """

    def _start(self, graph: Graph, image_shape: tuple[int, int], images: Images) -> Learned:
        """What training starts from.

        Pixel values are standardised to mean 0 and deviation 1 of the training images, per channel.
        """
        return Learned(
            graph.draw(self.random_state, image_shape), *moments(images, graph.n_channels)
        )

    def _blank(self, image_shape: tuple[int, int] | None) -> Graph:
        """The network before any `fit`."""
        return self._build(None, image_shape)

    def is_given(self) -> bool:
        """Whether it is of use without a `fit`, as `_given` returns it."""
        return False

    def _given(self, image_shape: tuple[int, int] | None) -> tuple[Graph, Learned]:
        """The network and its weights before any `fit`, where it is given."""
        msg = f"This {type(self).__name__} is not fitted yet. Call `fit` first."
        raise NotFittedError(msg)

    def _described(self, graph: Graph) -> dict[str, Any]:
        """What a file of weights must say of the network."""
        return {}

    # The extractor's questions -------------------------------------------------------------------

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
        """Whether these layers need a `fit`; see `FeatureExtractor.must_learn`."""
        return not self.is_given()

    def has_learned(self) -> bool:
        """Whether `fit` has derived what those layers need."""
        return hasattr(self, "learned_")

    def expected_moments(self) -> tuple[float, float] | None:
        """Mean and deviation of the pixel values that the network learned with, over channels."""
        learned = vars(self).get("learned_")
        if learned is None:
            return None
        return float(np.mean(learned.mean)), float(np.mean(learned.deviation))

    def intended_shape(self) -> tuple[int, int]:
        """Height and width that the model was made for, in pixels."""
        return self._plan(None).image_shape

    def working_bytes(self, height: int, width: int) -> int:
        """About what one image takes while it is computed, in bytes."""
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

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback | None]]:
        """The layers of the graph; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable or None)
            A pullback only where `retina.traced`.

        Raises
        ------
        ValueError
            If the images do not suit the weights.
        """
        shape = tuple(retina.values.shape[2:])
        if len(retina.values):
            graph, learned = self._net(shape)
            image, weights = self._seen(retina, graph, learned)
        else:
            graph, learned, image, weights = self._plan(shape), None, retina, None
        for name, maps, to_seen in graph.walk(image, weights, wanted):
            bands = []
            if name in wanted:
                bands = [replace(maps, features=_channels(maps.shape[0]))]
            pullback = None
            if to_seen is not None and learned is not None:
                # What the first layer sees are pixel values over their standard deviation.
                deviation = by_channel(learned.deviation, image.values)
                pullback = _scaled(to_seen, deviation)
            yield name, bands, pullback

    def _seen(
        self, retina: Maps, graph: Graph, learned: Learned
    ) -> tuple[Maps, Mapping[str, Array]]:
        """What the first layer sees of the images, and the weights, on their device."""
        values = retina.values
        for name, weight in weights_of(graph, tuple(values.shape[2:])).items():
            if learned.arrays[name].shape != weight.shape:
                msg = (
                    f"`images` of {values.shape[2]} x {values.shape[3]} pixels do not suit "
                    f"this network: {name!r} of shape "
                    f"{learned.arrays[name].shape} would have to be {weight.shape}. Resize "
                    f"them to {graph.image_shape[0]} x {graph.image_shape[1]}."
                )
                raise ValueError(msg)
        return replace(retina, values=standardised(values, learned)), learned.on(namespace(values))

    def first_filters(self) -> dict[str, np.ndarray]:
        """Weights of the lowest layer that has any, by its name.

        Of a dense layer as large as the image.

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


def _scaled(to_seen: Callable[[Array], Array], deviation: Array) -> BandsPullback:
    return lambda gradients: to_seen(gradients[0]) / deviation


@lru_cache(maxsize=16)
def weights_of(graph: Graph, image_shape: tuple[int, int]) -> dict[str, Weight]:
    """What a network's weights look like for images of a shape."""
    return graph.weights(image_shape)


@lru_cache(maxsize=16)
def _largest_layers(graph: Graph, image_shape: tuple[int, int]) -> int:
    """Bytes of the largest layer of one image, four times.

    What goes in, what comes out, and windows between.
    """
    image = Maps(np.empty((0, graph.n_channels, *image_shape), np.float32))
    return 16 * max(int(np.prod(maps.shape)) for _, maps, _ in graph.walk(image, None, graph.nodes))


def _channels(n_features: int) -> list[str]:
    # Names of equal length sort as their numbers do.
    n_digits = max(2, len(str(n_features - 1)))
    return [f"c{index:0{n_digits}d}" for index in range(n_features)]
