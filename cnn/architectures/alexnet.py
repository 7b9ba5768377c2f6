"""AlexNet, of two towers and of one, and ZFNet, its sequel."""

from __future__ import annotations

from ..graph import Graph
from ..layers import Activation, AdaptivePool, Conv, Dense, Dropout, LocalResponse, Pool

_SMALL = 0.01  # standard deviation of the published starts


def alexnet_2012(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (227, 227)
) -> Graph:
    """AlexNet as published.

    Two groups, local response normalisation, overlapping pooling; 60,965,224 parameters.

    The paper says 224 pixels; 227 is what its windows fit. Weights start as in the paper.

    References
    ----------
    Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012.
    """
    graph = Graph(n_channels, image_shape)
    _convolve(graph, 1, Conv(96, 11, stride=4, initial=_SMALL))
    graph.add("norm1", LocalResponse())
    graph.add("pool1", Pool("max", 3, stride=2))
    _convolve(graph, 2, Conv(256, 5, padding=2, groups=2, initial=_SMALL, bias=1.0))
    graph.add("norm2", LocalResponse())
    graph.add("pool2", Pool("max", 3, stride=2))
    _convolve(graph, 3, Conv(384, 3, padding=1, initial=_SMALL))
    _convolve(graph, 4, Conv(384, 3, padding=1, groups=2, initial=_SMALL, bias=1.0))
    _convolve(graph, 5, Conv(256, 3, padding=1, groups=2, initial=_SMALL, bias=1.0))
    graph.add("pool5", Pool("max", 3, stride=2))
    return _dense(graph, n_classes, initial=0.005)


def alexnet(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """AlexNet in one tower, without normalisation, as torchvision has it; 61,100,840 parameters.

    References
    ----------
    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
    """
    graph = Graph(n_channels, image_shape)
    _convolve(graph, 1, Conv(64, 11, stride=4, padding=2), "features.0")
    graph.add("pool1", Pool("max", 3, stride=2))
    _convolve(graph, 2, Conv(192, 5, padding=2), "features.3")
    graph.add("pool2", Pool("max", 3, stride=2))
    _convolve(graph, 3, Conv(384, 3, padding=1), "features.6")
    _convolve(graph, 4, Conv(256, 3, padding=1), "features.8")
    _convolve(graph, 5, Conv(256, 3, padding=1), "features.10")
    graph.add("pool5", Pool("max", 3, stride=2))
    graph.add("average", AdaptivePool("average", (6, 6)))
    graph.add("drop6", Dropout())
    graph.add("fc6", Dense(4096), published="classifier.1")
    graph.add("relu6", Activation("relu"))
    graph.add("drop7", Dropout())
    graph.add("fc7", Dense(4096), published="classifier.4")
    graph.add("relu7", Activation("relu"))
    graph.outputs[graph.add("fc8", Dense(n_classes), published="classifier.6")] = 1.0
    return graph


def zfnet(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ZFNet: AlexNet with a finer first layer, in one tower; 62,357,608 parameters.

    The paper's figure needs padding of 1 around conv1 and pools that count partial windows to give
    its sizes 110, 55, 26, 13, 6.

    References
    ----------
    Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 3.
    """
    graph = Graph(n_channels, image_shape)
    _convolve(graph, 1, Conv(96, 7, stride=2, padding=1, initial=_SMALL))
    graph.add("pool1", Pool("max", 3, stride=2, partial=True))
    graph.add("norm1", LocalResponse())
    _convolve(graph, 2, Conv(256, 5, stride=2, initial=_SMALL))
    graph.add("pool2", Pool("max", 3, stride=2, partial=True))
    graph.add("norm2", LocalResponse())
    _convolve(graph, 3, Conv(384, 3, padding=1, initial=_SMALL))
    _convolve(graph, 4, Conv(384, 3, padding=1, initial=_SMALL))
    _convolve(graph, 5, Conv(256, 3, padding=1, initial=_SMALL))
    graph.add("pool5", Pool("max", 3, stride=2))
    return _dense(graph, n_classes, initial=_SMALL)


def _convolve(graph: Graph, number: int, layer: Conv, published: str = "") -> None:
    graph.add(f"conv{number}", layer, published=published or ())
    graph.add(f"relu{number}", Activation("relu"))


def _dense(graph: Graph, n_classes: int, initial: float) -> Graph:
    for number in (6, 7):
        graph.add(f"fc{number}", Dense(4096, initial=initial, bias=1.0))
        graph.add(f"relu{number}", Activation("relu"))
        graph.add(f"drop{number}", Dropout())
    graph.outputs[graph.add("fc8", Dense(n_classes, initial=_SMALL))] = 1.0
    return graph
