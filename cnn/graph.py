"""Graph: a network as named layers that read each other's maps; forward, backward, weights,
fields."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .layers import Layer, Mode, Pullback, Weight
from hmax_cnn.extraction import Maps
from hmax_cnn.extraction.arrays import Array

IMAGE = "image"  # what a node reads to see the image itself
Weights = Mapping[str, Array]  # by name: 'conv1.weight'


@dataclass(frozen=True)
class Node:
    """A layer in a graph.

    Attributes
    ----------
    name : str
    layer : Layer
    inputs : tuple of str
        Names of the nodes that it reads.
    published : tuple of str
        What published weights call it, where not by its name.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    published: tuple[str, ...] = ()


class Graph:
    """Named layers in a directed acyclic graph.

    Parameters
    ----------
    n_channels : int
        Of the images: 1 (luminance) or 3 (red, green, blue).
    image_shape : (int, int)
        Height and width, in pixels, that the network is meant for.

    Attributes
    ----------
    nodes : dict of str to Node
        In an order in which each follows what it reads.
    outputs : dict of str to float
        Nodes that hold scores of the classes, the main one first, with the weight of their loss.
    standard : (means, deviations) or None
        What published weights expect to be taken off pixel values 0..255 and divided by, where not
        ImageNet's.
    spare : tuple of str
        How names of tensors begin that published files hold beyond the network.

    Examples
    --------
    >>> from cnn.layers import Activation, Conv, Dense
    >>> graph = Graph(n_channels=1, image_shape=(8, 8))
    >>> graph.add("conv", Conv(4, 3)), graph.add("relu", Activation()), graph.add("scores", Dense(2))
    ('conv', 'relu', 'scores')
    >>> sum(int(np.prod(weight.shape)) for weight in graph.weights().values())
    330
    """

    def __init__(self, n_channels: int, image_shape: tuple[int, int]) -> None:
        self.n_channels, self.image_shape = n_channels, image_shape
        self.nodes: dict[str, Node] = {}
        self.outputs: dict[str, float] = {}
        self.standard: tuple[tuple[float, ...], tuple[float, ...]] | None = None
        self.spare: tuple[str, ...] = ()
        self.last = IMAGE

    def add(
        self, name: str, layer: Layer, *inputs: str, published: str | tuple[str, ...] = ()
    ) -> str:
        """Put a layer on top of others, by default of the one added last; returns its name.

        Raises
        ------
        ValueError
            If the name is taken or cannot be one, or an input is not there yet.
        """
        read = inputs or (self.last,)
        if name in self.nodes or name == IMAGE or not name or "/" in name:
            msg = f"`name` must be new and without '/', got {name!r}."
            raise ValueError(msg)
        for one in read:
            if one != IMAGE and one not in self.nodes:
                msg = (
                    f"Layer {name!r} reads {one!r}, which is not there. Add it first; there are "
                    f"{', '.join([IMAGE, *self.nodes])}."
                )
                raise ValueError(msg)
        self.nodes[name] = Node(
            name, layer, read, (published,) if isinstance(published, str) else published
        )
        self.last = name
        return name

    # What it holds ---------------------------------------------------------------------------------------------------

    def weights(self, image_shape: Sequence[int] | None = None) -> dict[str, Weight]:
        """What its weights look like, by name, for images of a shape (its own if None)."""
        found: dict[str, Weight] = {}
        height, width = image_shape or self.image_shape
        image = Maps(np.empty((0, self.n_channels, height, width), np.float32))
        mode = Mode((height, width))
        for _ in self._run(image, None, self.nodes, lambda _: mode, found):
            pass
        return found

    def draw(self, seed: int, image_shape: Sequence[int] | None = None) -> dict[str, np.ndarray]:
        """Weights to start from; those of a layer depend on the seed and the layer's name only."""
        return {
            name: weight.draw(np.random.default_rng([seed, zlib.crc32(name.encode())]))
            for name, weight in self.weights(image_shape).items()
        }

    def below(self, names: Collection[str]) -> set[str]:
        """These nodes and all that they read, directly or not."""
        found = set(names)
        for node in reversed(self.nodes.values()):
            if node.name in found:
                found.update(node.inputs)
        return found

    def heads(self, names: Collection[str]) -> list[str]:
        """The nodes that hold the weights, of these names, which the scores are made with."""
        holders, found = {name.rpartition(".")[0] for name in names}, []
        for name in self.outputs:
            while name not in holders and name in self.nodes:
                name = self.nodes[name].inputs[0]
            found.append(name)
        return found

    # Upward ----------------------------------------------------------------------------------------------------------

    def walk(
        self, image: Maps, weights: Weights | None, wanted: Collection[str]
    ) -> Iterator[tuple[str, Maps]]:
        """Maps of the nodes that lead to the wanted ones, from the image upward; without weights
        only for a batch of no images."""
        mode = Mode(tuple(image.values.shape[2:]))
        for name, maps, _ in self._run(image, weights, wanted, lambda _: mode):
            yield name, maps

    def _run(
        self,
        image: Maps,
        weights: Weights | None,
        wanted: Collection[str],
        mode_of: Callable[[str], Mode],
        found: dict[str, Weight] | None = None,
    ) -> Iterator[tuple[str, Maps, Pullback]]:
        """Each needed node with its maps and pullback; maps that nobody reads any more are let go.
        `found` collects what weights look like."""
        needed = self.below(wanted)
        nodes = [node for node in self.nodes.values() if node.name in needed]
        last_reader = {name: node.name for node in nodes for name in node.inputs}
        maps = {IMAGE: image}
        for node in nodes:
            read = [maps[name] for name in node.inputs]
            looks = node.layer.weights(*(one.shape for one in read))
            if found is not None:
                found.update({f"{node.name}.{name}": look for name, look in looks.items()})
            own = {
                name: np.broadcast_to(np.float32(1), look.shape)
                if weights is None
                else weights[f"{node.name}.{name}"]
                for name, look in looks.items()
            }
            try:
                value, pullback = node.layer.run(read, own, mode_of(node.name))
            except ValueError as error:
                shapes = ", ".join(" x ".join(map(str, one.shape)) for one in read)
                msg = (
                    f"Layer {node.name!r} cannot take maps of {shapes} (features x rows x "
                    f"columns): {error}"
                )
                raise ValueError(msg) from error
            maps[node.name] = replace(
                value,
                n_parameters=sum(
                    int(np.prod(look.shape)) for look in looks.values() if look.learned
                ),
            )
            for name in set(node.inputs):
                if last_reader[name] == node.name:
                    del maps[name]
            yield node.name, maps[node.name], pullback

    # And back --------------------------------------------------------------------------------------------------------

    def forward(
        self,
        image: Array,
        weights: Weights,
        wanted: Sequence[str],
        training: bool = False,
        seed: tuple[int, ...] = (0,),
        frozen: Collection[str] = (),
        to_image: bool = False,
    ) -> tuple[
        dict[str, Array],
        Callable[[Mapping[str, Array]], tuple[dict[str, Array], Array | None]],
        dict[str, Array],
    ]:
        """Maps of the wanted nodes, and the way back.

        Parameters
        ----------
        image : array of shape (n_images, n_channels, height, width)
        weights : mapping from name to array
        wanted : sequence of str
        training : bool
            Whether layers behave as while training; frozen ones never do.
        seed : tuple of int
            Of dropout.
        frozen : collection of str
            Nodes whose weights are not asked about.
        to_image : bool
            Whether the gradient of the image is asked for.

        Returns
        -------
        values : dict from wanted node to array
        pullback : callable
            Takes gradients by wanted node; returns gradients of the weights by name, and of the
            image or None.
        statistics : dict from name to array
            Running statistics, moved on by this batch.
        """
        holders = {name.rpartition(".")[0] for name in weights} - set(frozen)
        # nodes with anything below, or in them, whose gradient is asked for
        if to_image:
            followed = {IMAGE}
        else:
            followed = set()
        for node in self.nodes.values():
            if node.name in holders or not followed.isdisjoint(node.inputs):
                followed.add(node.name)
        modes: dict[str, Mode] = {}

        def mode_of(name: str) -> Mode:
            goes_on = not followed.isdisjoint(self.nodes[name].inputs)
            modes[name] = Mode(
                tuple(image.shape[2:]),
                training and name not in frozen,
                (*seed, zlib.crc32(name.encode())),
                goes_on,
            )
            return modes[name]

        values: dict[str, Array] = {}
        tape: list[tuple[str, Pullback]] = []
        for name, maps, back in self._run(Maps(image), weights, wanted, mode_of):
            if name in followed:
                tape.append((name, back))
            if name in wanted:
                values[name] = maps.values
        statistics = {
            f"{name}.{key}": array
            for name, mode in modes.items()
            for key, array in mode.statistics.items()
        }

        def pullback(gradients: Mapping[str, Array]) -> tuple[dict[str, Array], Array | None]:
            pending, to_weights = dict(gradients), {}
            for name, back in reversed(tape):
                if name not in pending:
                    continue
                to_inputs, to_own = back(pending.pop(name))
                if name in holders:
                    to_weights.update({f"{name}.{key}": array for key, array in to_own.items()})
                for below, gradient in zip(self.nodes[name].inputs, to_inputs, strict=True):
                    if below in followed:
                        if below in pending:
                            pending[below] = pending[below] + gradient
                        else:
                            pending[below] = gradient
            return to_weights, pending.get(IMAGE)

        return values, pullback, statistics
