"""SimpleNet: two convolutions and two dense layers, for scenes of 64 x 64 pixels."""

from __future__ import annotations

from ..graph import Graph
from ..layers import Activation, Conv, Dense, Dropout, Pool


def simplenet(
    n_classes: int = 15,
    n_channels: int = 1,
    image_shape: tuple[int, int] = (64, 64),
    dropout: float = 0.5,
) -> Graph:
    """Two 5 x 5 convolutions, each pooled by 3, and two dense layers; 56,895 parameters.

    Parameters
    ----------
    n_classes, n_channels : int
    image_shape : (int, int)
        In pixels.
    dropout : float
        Share of the units before the last layer that are silenced while training.
    """
    graph = Graph(n_channels, image_shape)
    for number, n_filters in enumerate((10, 20), start=1):
        graph.add(f"conv{number}", Conv(n_filters, 5))
        graph.add(f"pool{number}", Pool("max", 3))
        graph.add(f"relu{number}", Activation("relu"))
    graph.add("dense1", Dense(100))
    graph.add("relu3", Activation("relu"))
    graph.add("dropout", Dropout(dropout))
    graph.outputs[graph.add("dense2", Dense(n_classes, initial="glorot"))] = 1.0
    return graph
