"""Network in network: a small perceptron, as 1 x 1 convolutions, slides over each layer's map."""

from __future__ import annotations

from ..graph import Graph
from ..layers import Activation, AdaptivePool, Conv, Dropout, Flatten, Pool


def nin_cifar10(
    n_classes: int = 10, n_channels: int = 3, image_shape: tuple[int, int] = (32, 32)
) -> Graph:
    """Network in network for 32 x 32 pixels; 966,986 parameters.

    References
    ----------
    Lin, Chen & Yan, "Network in network", ICLR 2014, and its authors' definition files.
    """
    graph = Graph(n_channels, image_shape)
    _block(graph, 1, Conv(192, 5, padding=2), 160, 96)
    graph.add("pool1", Pool("max", 3, stride=2, partial=True))
    graph.add("drop1", Dropout())
    _block(graph, 2, Conv(192, 5, padding=2), 192, 192)
    graph.add("pool2", Pool("average", 3, stride=2, partial=True))
    graph.add("drop2", Dropout())
    _block(graph, 3, Conv(192, 3, padding=1), 192, n_classes)
    return _scores(graph)


def nin(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """Network in network for ImageNet; 7,595,176 parameters."""
    graph = Graph(n_channels, image_shape)
    _block(graph, 1, Conv(96, 11, stride=4), 96, 96)
    graph.add("pool1", Pool("max", 3, stride=2, partial=True))
    _block(graph, 2, Conv(256, 5, padding=2), 256, 256)
    graph.add("pool2", Pool("max", 3, stride=2, partial=True))
    _block(graph, 3, Conv(384, 3, padding=1), 384, 384)
    graph.add("pool3", Pool("max", 3, stride=2, partial=True))
    graph.add("drop3", Dropout())
    _block(graph, 4, Conv(1024, 3, padding=1), 1024, n_classes)
    return _scores(graph)


def _block(graph: Graph, number: int, first: Conv, second: int, third: int) -> None:
    for name, layer in (("conv", first), ("cccp_a", Conv(second, 1)), ("cccp_b", Conv(third, 1))):
        graph.add(f"{name}{number}", layer)
        graph.add(f"{name}{number}_relu", Activation("relu"))


def _scores(graph: Graph) -> Graph:
    graph.add("average", AdaptivePool("average"))
    graph.outputs[graph.add("scores", Flatten())] = 1.0
    return graph
