"""GoogLeNet: branches of different windows side by side.

As published, and with batch normalisation as in torchvision.
"""

from __future__ import annotations

from ..graph import Graph
from ..layers import (
    Activation,
    AdaptivePool,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    LocalResponse,
    Pool,
)

# Table 1 of the paper: 1x1, then 3x3 reduce, 3x3, then 5x5 reduce, 5x5, then after the pool.
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_HEADS = {"4a": "aux1", "4d": "aux2"}


def googlenet(
    n_classes: int = 1000,
    n_channels: int = 3,
    image_shape: tuple[int, int] = (224, 224),
    auxiliary: bool = False,
) -> Graph:
    """GoogLeNet as published, without batch normalisation.

    6,998,552 parameters without the auxiliary heads.

    Parameters
    ----------
    n_classes, n_channels : int
    image_shape : (int, int)
        In pixels.
    auxiliary : bool
        Whether the two heads that help training are there; each counts 0.3 in the loss.

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1.
    """
    return _googlenet(n_classes, n_channels, image_shape, auxiliary, batch_norm=False)


def googlenet_bn(
    n_classes: int = 1000,
    n_channels: int = 3,
    image_shape: tuple[int, int] = (224, 224),
    auxiliary: bool = False,
) -> Graph:
    """GoogLeNet as in torchvision.

    Batch normalisation, 3 x 3 in place of 5 x 5; 6,624,904 parameters, with auxiliary heads
    13,004,888.
    """
    return _googlenet(n_classes, n_channels, image_shape, auxiliary, batch_norm=True)


def googlenet_auxiliary(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """`googlenet` with its auxiliary heads."""
    return _googlenet(n_classes, n_channels, image_shape, auxiliary=True, batch_norm=False)


def googlenet_bn_auxiliary(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """`googlenet_bn` with its auxiliary heads."""
    return _googlenet(n_classes, n_channels, image_shape, auxiliary=True, batch_norm=True)


def _googlenet(
    n_classes: int, n_channels: int, image_shape: tuple[int, int], auxiliary: bool, batch_norm: bool
) -> Graph:
    graph = Graph(n_channels, image_shape)
    _convolve(graph, "conv1", Conv(64, 7, stride=2, padding=3), batch_norm)
    graph.add("maxpool1", Pool("max", 3, stride=2, partial=True))
    if not batch_norm:
        graph.add(
            "norm1", LocalResponse(scale=1e-4 / 5, offset=1.0)
        )  # the authors' file divides alpha by the size
    _convolve(graph, "conv2", Conv(64, 1), batch_norm)
    _convolve(graph, "conv3", Conv(192, 3, padding=1), batch_norm)
    if not batch_norm:
        graph.add("norm2", LocalResponse(scale=1e-4 / 5, offset=1.0))
    graph.add("maxpool2", Pool("max", 3, stride=2, partial=True))
    if batch_norm:
        graph.standard = ((127.5,) * 3, (127.5,) * 3)
    if not auxiliary:
        graph.spare = ("aux1.", "aux2.")
    heads = {}
    for name, sizes in _MODULES.items():
        _inception(graph, f"inception{name}", sizes, batch_norm)
        if auxiliary and name in _HEADS:
            heads[_HEADS[name]] = graph.last
        if name == "3b":
            graph.add("maxpool3", Pool("max", 3, stride=2, partial=True))
        if name == "4e":
            graph.add("maxpool4", Pool("max", 2 if batch_norm else 3, stride=2, partial=True))
    graph.add("avgpool", AdaptivePool("average"))
    graph.add("dropout", Dropout(0.2 if batch_norm else 0.4))
    graph.outputs[graph.add("fc", Dense(n_classes))] = 1.0
    # Auxiliary classifiers count 0.3 in the loss (section 5 of the paper).
    for head, below in heads.items():
        graph.outputs[_head(graph, head, below, n_classes, batch_norm)] = 0.3
    return graph


def _convolve(graph: Graph, name: str, layer: Conv, batch_norm: bool, *inputs: str) -> str:
    """A convolution and its rectifier, named after the pair."""
    if batch_norm:
        graph.add(
            f"{name}.conv",
            Conv(layer.n_filters, layer.window, layer.stride, layer.padding, bias=None),
            *inputs,
        )
        graph.add(f"{name}.bn", BatchNorm(epsilon=1e-3))
    else:
        graph.add(f"{name}.conv", layer, *inputs)
    return graph.add(name, Activation("relu"))


def _inception(graph: Graph, name: str, sizes: tuple[int, ...], batch_norm: bool) -> None:
    one, three_in, three, five_in, five, after_pool = sizes
    below, five_window = graph.last, 3 if batch_norm else 5
    ends = [_convolve(graph, f"{name}.branch1", Conv(one, 1), batch_norm, below)]
    _convolve(graph, f"{name}.branch2.0", Conv(three_in, 1), batch_norm, below)
    ends.append(_convolve(graph, f"{name}.branch2.1", Conv(three, 3, padding=1), batch_norm))
    _convolve(graph, f"{name}.branch3.0", Conv(five_in, 1), batch_norm, below)
    ends.append(
        _convolve(
            graph,
            f"{name}.branch3.1",
            Conv(five, five_window, padding=five_window // 2),
            batch_norm,
        )
    )
    graph.add(f"{name}.branch4.0", Pool("max", 3, stride=1, padding=1), below)
    ends.append(_convolve(graph, f"{name}.branch4.1", Conv(after_pool, 1), batch_norm))
    graph.add(name, Concatenate(), *ends)


def _head(graph: Graph, name: str, below: str, n_classes: int, batch_norm: bool) -> str:
    if batch_norm:
        graph.add(f"{name}.average", AdaptivePool("average", (4, 4)), below)
    else:
        graph.add(f"{name}.average", Pool("average", 5, stride=3), below)
    _convolve(graph, f"{name}.conv", Conv(128, 1), batch_norm)
    graph.add(f"{name}.fc1", Dense(1024))
    graph.add(f"{name}.relu", Activation("relu"))
    graph.add(f"{name}.dropout", Dropout(0.7))
    return graph.add(f"{name}.fc2", Dense(n_classes))
