"""Graph: a network as named layers that read each other's maps, forward and backward."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hmax_cnn.extraction import Maps
from hmax_cnn.extraction.arrays import Array

from .fusion import chains, skipped
from .layers import Layer, Mode, Output, Weight
from .tape import IMAGE, Tape, nothing_back

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
    >>> from hmax_cnn.cnn.layers import Activation, Conv, Dense
    >>> graph = Graph(n_channels=1, image_shape=(8, 8))
    >>> graph.add("conv", Conv(4, 3)), graph.add("relu", Activation())
    ('conv', 'relu')
    >>> graph.add("scores", Dense(2))
    'scores'
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

        Parameters
        ----------
        name : str
            New, and without '/'.
        layer : Layer
        *inputs : str
            Layers that it reads, or 'image'; the one added last where none is named.
        published : str or tuple of str
            Names of the layer in published files of weights.

        Returns
        -------
        str
            The name.

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

    # What it holds -------------------------------------------------------------------------------

    def weights(self, image_shape: Sequence[int] | None = None) -> dict[str, Weight]:
        """What its weights look like, by name, for images of a shape (its own if None).

        Parameters
        ----------
        image_shape : (int, int) or None
            In pixels; None is the network's own.

        Returns
        -------
        dict from str to Weight
        """
        found: dict[str, Weight] = {}
        height, width = image_shape or self.image_shape
        image = Maps(np.empty((0, self.n_channels, height, width), np.float32))
        # A walk without images: shapes of weights follow from shapes of maps.
        mode = Mode((height, width))
        for _ in self._run(image, None, self.nodes, lambda _: mode, found):
            pass
        return found

    def draw(self, seed: int, image_shape: Sequence[int] | None = None) -> dict[str, np.ndarray]:
        """Weights to start from; those of a layer depend on the seed and the layer's name only.

        Parameters
        ----------
        seed : int
        image_shape : (int, int) or None
            In pixels; None is the network's own.

        Returns
        -------
        dict from str to array of float32
        """
        return {
            # A seed for each weight, by its name: a layer that is added leaves the others' weights
            # as they are.
            name: weight.draw(np.random.default_rng([seed, zlib.crc32(name.encode())]))
            for name, weight in self.weights(image_shape).items()
        }

    def below(self, names: Collection[str]) -> set[str]:
        """These nodes and all that they read, directly or not.

        Parameters
        ----------
        names : collection of str

        Returns
        -------
        set of str
        """
        found = set(names)
        # Nodes come after what they read: one pass downward finds all.
        for node in reversed(self.nodes.values()):
            if node.name in found:
                found.update(node.inputs)
        return found

    def heads(self, names: Collection[str]) -> list[str]:
        """The nodes that hold the weights, of these names, which the scores are made with.

        Parameters
        ----------
        names : collection of str
            Of weights, such as 'conv1.weight'.

        Returns
        -------
        list of str
            One for each output.
        """
        holders, found = {name.rpartition(".")[0] for name in names}, []
        for name in self.outputs:
            while name not in holders and name in self.nodes:
                name = self.nodes[name].inputs[0]
            found.append(name)
        return found

    # Upward, and back ----------------------------------------------------------------------------

    def walk(
        self, image: Maps, weights: Weights | None, wanted: Collection[str]
    ) -> Iterator[tuple[str, Maps, Callable[[Array], Array] | None]]:
        """The nodes that lead to the wanted ones, from the image upward.

        Parameters
        ----------
        image : Maps
            Of shape (n_images, n_channels, height, width).
        weights : mapping from name to array, or None
            None only for a batch of no images.
        wanted : collection of str

        Yields
        ------
        name : str
        maps : Maps
        pullback : callable or None
            Carries a gradient on the maps back to the image, where `image.traced`.
        """
        mode = Mode(tuple(image.values.shape[2:]))
        tape = None
        if image.traced:
            tape = Tape(self, holders=set(), to_image=True)
        at_rest = tape is None and len(image.values) > 0
        run = self._run(image, weights, wanted, lambda _: mode, at_rest=at_rest)
        for name, output in run:
            pullback = None
            if tape is not None:
                tape.add(name, output.pullback)
                pullback = tape.to_image_from(name)
            yield name, output.maps, pullback

    def _run(
        self,
        image: Maps,
        weights: Weights | None,
        wanted: Collection[str],
        mode_of: Callable[[str], Mode],
        found: dict[str, Weight] | None = None,
        *,
        at_rest: bool = False,
    ) -> Iterator[tuple[str, Output]]:
        """Each needed node and its output; `found` collects what weights look like.

        Maps that no node reads any more are let go, so that few of them are held at once. At rest,
        where nothing is carried back, a convolution is run together with what follows it.
        """
        needed = self.below(wanted)
        nodes = [node for node in self.nodes.values() if node.name in needed]
        last_reader = {name: node.name for node in nodes for name in node.inputs}
        maps = {IMAGE: image}
        joined = chains(nodes, wanted) if at_rest and weights is not None else {}
        done = skipped(joined)
        for node in nodes:
            if node.name in done:
                continue
            if node.name in joined and weights is not None:
                last = joined[node.name].last
                maps[last] = joined[node.name].run(maps[node.inputs[0]], weights)
                if last_reader[node.inputs[0]] == node.name:
                    del maps[node.inputs[0]]
                yield last, Output(maps[last], nothing_back)
                continue
            read = [maps[name] for name in node.inputs]
            described = node.layer.weights(*(one.shape for one in read))
            if found is not None:
                found.update({f"{node.name}.{name}": one for name, one in described.items()})
            own = _own_weights(node, described, weights)
            try:
                output = node.layer.run(read, own, mode_of(node.name))
            except ValueError as error:
                shapes = ", ".join(" x ".join(map(str, one.shape)) for one in read)
                msg = (
                    f"Layer {node.name!r} cannot take maps of {shapes} (features x rows x "
                    f"columns): {error}"
                )
                raise ValueError(msg) from error
            n_parameters = sum(int(np.prod(one.shape)) for one in described.values() if one.learned)
            maps[node.name] = replace(output.maps, n_parameters=n_parameters)
            for name in set(node.inputs):
                # Maps are dropped when nobody reads them any more: a deep network needs memory for
                # a few layers.
                if last_reader[name] == node.name:
                    del maps[name]
            yield node.name, replace(output, maps=maps[node.name])

    def forward(
        self,
        image: Array,
        weights: Weights,
        wanted: Sequence[str],
        *,
        training: bool = False,
        seed: tuple[int, ...] = (0,),
        frozen: Collection[str] = (),
        to_image: bool = False,
    ) -> Pass:
        """Maps of the wanted nodes, and the way back to the weights.

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
            Nodes whose weights get no gradient.
        to_image : bool
            Whether the image gets one.

        Returns
        -------
        Pass
        """
        # Layers whose weights learn: below the lowest of them no gradient is needed.
        holders = {name.rpartition(".")[0] for name in weights} - set(frozen)
        tape = Tape(self, holders, to_image=to_image)

        def mode_of(name: str) -> Mode:
            return Mode(
                tuple(image.shape[2:]),
                training and name not in frozen,
                (*seed, zlib.crc32(name.encode())),
                tape.goes_below(name),
            )

        values: dict[str, Array] = {}
        statistics: dict[str, Array] = {}
        for name, output in self._run(Maps(image), weights, wanted, mode_of):
            tape.add(name, output.pullback)
            statistics |= {f"{name}.{key}": array for key, array in output.statistics.items()}
            if name in wanted:
                values[name] = output.maps.values
        return Pass(values, tape.back, statistics)


class Pass(NamedTuple):
    """A forward pass through a graph.

    Attributes
    ----------
    values : dict from wanted node to array
    pullback : callable
        Takes gradients by wanted node; returns gradients of the weights by name, and of the image
        or None.
    statistics : dict from name to array
        Running statistics, moved on by this batch.
    """

    values: dict[str, Array]
    pullback: Callable[[Mapping[str, Array]], tuple[dict[str, Array], Array | None]]
    statistics: dict[str, Array]


def _own_weights(node: Node, described: Mapping[str, Weight], weights: Weights | None) -> Weights:
    """A layer's weights by their short names; ones that take no memory where there are none yet."""
    if weights is None:
        return {name: np.broadcast_to(np.float32(1), one.shape) for name, one in described.items()}
    return {name: weights[f"{node.name}.{name}"] for name in described}
