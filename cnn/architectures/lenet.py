"""LeNet-5, of 1998 and as it is taught today."""

from __future__ import annotations

from ..graph import Graph
from ..layers import Activation, Conv, Dense, Pool, RadialBasis, Scale

_C3 = (  # table I of the paper: which maps of S2 each map of C3 sees
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)
_RETINA = 32
_SQUASH = {"height": 1.7159, "steepness": 2 / 3}


def _margin(image_shape: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """What sets an image smaller than 32 x 32 in the middle of such a retina."""
    down, across = (max(0, _RETINA - side) for side in image_shape)
    return (down // 2, down - down // 2), (across // 2, across - across // 2)


def lenet5_1998(
    n_classes: int = 10, n_channels: int = 1, image_shape: tuple[int, int] = (32, 32)
) -> Graph:
    """LeNet-5 as published.

    Partial connections in C3, learned subsampling, distances to fixed codes; 60,000 parameters.

    Images smaller than 32 x 32 are set in the middle of zeros.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 1998.
    """
    graph = Graph(n_channels, image_shape)
    graph.add("c1", Conv(6, 5, padding=_margin(image_shape), initial="lecun"))
    _subsample(graph, "s2")
    graph.add("c3", Conv(16, 5, initial="lecun", connections=_C3))
    _subsample(graph, "s4")
    graph.add("c5", Conv(120, 5, initial="lecun"))
    graph.add("c5_squashed", Activation("tanh", _SQUASH))
    graph.add("f6", Dense(84, initial="lecun"))
    graph.add("f6_squashed", Activation("tanh", _SQUASH))
    graph.outputs[graph.add("output", RadialBasis(n_classes))] = 1.0
    return graph


def _subsample(graph: Graph, name: str) -> None:
    graph.add(f"{name}_mean", Pool("average", 2))
    graph.add(name, Scale())
    graph.add(f"{name}_squashed", Activation("tanh", _SQUASH))


def lenet5(
    n_classes: int = 10, n_channels: int = 1, image_shape: tuple[int, int] = (32, 32)
) -> Graph:
    """LeNet-5 as taught today.

    Full connections, rectifiers, maximum pooling, dense scores; 61,706 parameters.

    Images smaller than 32 x 32 are set in the middle of zeros.

    References
    ----------
    After LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 1998.
    """
    graph = Graph(n_channels, image_shape)
    graph.add("c1", Conv(6, 5, padding=_margin(image_shape)))
    graph.add("c1_active", Activation("relu"))
    graph.add("s2", Pool("max", 2))
    graph.add("c3", Conv(16, 5))
    graph.add("c3_active", Activation("relu"))
    graph.add("s4", Pool("max", 2))
    graph.add("c5", Conv(120, 5))
    graph.add("c5_active", Activation("relu"))
    graph.add("f6", Dense(84))
    graph.add("f6_active", Activation("relu"))
    graph.outputs[graph.add("output", Dense(n_classes, initial="glorot"))] = 1.0
    return graph
