"""A convolution and what follows it in a network at rest, in one step.

Batch normalisation is then a scale and a shift, and like a rectifier it is done to matches while
they are in the cache. Only where nobody asks for the maps between, or for gradients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hmax_cnn.extraction import Maps, Window
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import Array, namespace

from .layers import Activation, BatchNorm, Conv

if TYPE_CHECKING:
    from .graph import Node


@dataclass(frozen=True)
class Chain:
    """A convolution, and the normalisation and rectifier that alone read it.

    Attributes
    ----------
    conv : str
        Name of the node.
    layer : Conv
    norm : str or None
        Name of the node of batch normalisation.
    epsilon : float
        Of the normalisation.
    rectifies : bool
    last : str
        Name of the node whose maps it makes.
    """

    conv: str
    layer: Conv
    norm: str | None
    epsilon: float
    rectifies: bool
    last: str

    def run(self, maps: Maps, weights: Mapping[str, Array]) -> Maps:
        """Maps of the last node.

        Parameters
        ----------
        maps : Maps
            What the convolution reads.
        weights : mapping from str to array
            Of the whole network.

        Returns
        -------
        Maps
        """
        layer, filters = self.layer, weights[f"{self.conv}.weight"]
        window = Window(layer.window, layer.stride, layer.padding, layer.dilation)
        xp = namespace(filters)
        scale = xp.ones(len(filters), filters.dtype)
        shift = xp.zeros(len(filters), filters.dtype)
        if layer.bias is not None:
            shift = weights[f"{self.conv}.bias"]
        if self.norm is not None:
            own = {name: weights[f"{self.norm}.{name}"] for name in _STATISTICS}
            scale = own["weight"] / xp.sqrt(own["running_var"] + self.epsilon)
            shift = own["bias"] + (shift - own["running_mean"]) * scale
        values = ops.correlate_and_finish(
            maps.values,
            filters,
            window,
            scale.astype(filters.dtype),
            shift.astype(filters.dtype),
            rectifies=self.rectifies,
        )
        return Maps(values, maps.field.through(window))


_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def chains(nodes: Sequence[Node], wanted: Collection[str]) -> dict[str, Chain]:
    """The chains of a network, by the name of their convolution.

    Parameters
    ----------
    nodes : sequence of Node
        Those that are run, from the image upward.
    wanted : collection of str
        Nodes whose maps are asked for.

    Returns
    -------
    dict from str to Chain
    """
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)

    def only_reader(name: str, kind: type) -> Node | None:
        found = readers.get(name, [])
        if name in wanted or len(found) != 1 or not isinstance(found[0].layer, kind):
            return None
        return found[0]

    found: dict[str, Chain] = {}
    for node in nodes:
        layer = node.layer
        if not isinstance(layer, Conv) or not _is_plain(layer):
            continue
        norm, last, epsilon = only_reader(node.name, BatchNorm), node.name, 0.0
        if norm is not None and isinstance(norm.layer, BatchNorm):
            last, epsilon = norm.name, norm.layer.epsilon
        active = only_reader(last, Activation)
        rectifies = active is not None and active.layer == Activation()
        if active is not None and rectifies:
            last = active.name
        if last != node.name:
            normalises = None if norm is None else norm.name
            found[node.name] = Chain(node.name, layer, normalises, epsilon, rectifies, last)
    return found


def _is_plain(layer: Conv) -> bool:
    return layer.groups == 1 and layer.border == "zero" and layer.connections is None


def skipped(found: Mapping[str, Chain]) -> set[str]:
    """Nodes that are done with a convolution below them.

    Parameters
    ----------
    found : mapping from str to Chain

    Returns
    -------
    set of str
    """
    made = {chain.last for chain in found.values()}
    return made | {chain.norm for chain in found.values() if chain.norm is not None}
