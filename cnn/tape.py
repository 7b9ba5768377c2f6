"""The pullbacks of a pass through a network, and the way back through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import Array

from .layers import LayerPullback
from .layers.layer import Gradients

if TYPE_CHECKING:
    from .graph import Graph

IMAGE = "image"  # what a node reads to see the image itself


def nothing_back(_: Array) -> Gradients:
    """The way back where none was kept.

    Raises
    ------
    RuntimeError
        Always.
    """
    msg = "Nothing is carried back through a network at rest."
    raise RuntimeError(msg)


class Tape:
    """The pullbacks of a pass, in order, and the way back through them.

    Only nodes with anything below, or in them, whose gradient is wanted are followed.

    Parameters
    ----------
    graph : Graph
    holders : set of str
        Nodes whose weights get gradients.
    to_image : bool
        Whether the image gets one.
    """

    def __init__(self, graph: Graph, holders: set[str], *, to_image: bool) -> None:
        self.graph, self.holders = graph, holders
        if to_image:
            self.followed = {IMAGE}
        else:
            self.followed = set()
        for node in graph.nodes.values():
            if node.name in holders or not self.followed.isdisjoint(node.inputs):
                self.followed.add(node.name)
        self.entries: list[tuple[str, LayerPullback]] = []

    def goes_below(self, name: str) -> bool:
        """Whether what a node reads gets a gradient.

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        return not self.followed.isdisjoint(self.graph.nodes[name].inputs)

    def add(self, name: str, pullback: LayerPullback) -> None:
        """Keep the pullback of a node, in the order in which they run.

        Parameters
        ----------
        name : str
        pullback : callable
        """
        if name in self.followed:
            self.entries.append((name, pullback))

    def back(self, gradients: Mapping[str, Array]) -> tuple[dict[str, Array], Array | None]:
        """The way back through all that was kept.

        Parameters
        ----------
        gradients : mapping from str to array
            On the maps of nodes.

        Returns
        -------
        to_weights : dict from str to array
        to_image : array or None
            None where the image is not followed.
        """
        pending, to_weights = dict(gradients), {}
        for name, pullback in reversed(self.entries):
            if name not in pending:
                continue
            to_inputs, to_own = pullback(pending.pop(name))
            if name in self.holders:
                to_weights.update({f"{name}.{key}": array for key, array in to_own.items()})
            for below, gradient in zip(self.graph.nodes[name].inputs, to_inputs, strict=True):
                if below in pending:
                    pending[below] = ops.add([pending[below], gradient])
                elif below in self.followed:
                    pending[below] = gradient
        return to_weights, pending.get(IMAGE)

    def to_image_from(self, name: str) -> Callable[[Array], Array]:
        """The way back from one node to the image.

        Parameters
        ----------
        name : str

        Returns
        -------
        callable
        """
        return lambda gradient: self.back({name: gradient})[1]
