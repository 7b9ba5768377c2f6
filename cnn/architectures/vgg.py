"""VGG: 3 x 3 convolutions all the way, with and without batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph
from ..layers import Activation, AdaptivePool, BatchNorm, Conv, Dense, Dropout, Pool


def vgg16(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """VGG-16, configuration D of the paper; 138,357,544 parameters.

    References
    ----------
    Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
    2015, table 1.
    """
    return vgg((2, 2, 3, 3, 3), n_classes, n_channels, image_shape)


def vgg19(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """VGG-19, configuration E; 143,667,240 parameters."""
    return vgg((2, 2, 4, 4, 4), n_classes, n_channels, image_shape)


def vgg16_bn(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """VGG-16 with batch normalisation before each rectifier."""
    return vgg((2, 2, 3, 3, 3), n_classes, n_channels, image_shape, batch_norm=True)


def vgg19_bn(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """VGG-19 with batch normalisation before each rectifier."""
    return vgg((2, 2, 4, 4, 4), n_classes, n_channels, image_shape, batch_norm=True)


def vgg(
    stages: Sequence[int] = (1, 1, 2, 2, 2),
    n_classes: int = 1000,
    n_channels: int = 3,
    image_shape: tuple[int, int] = (224, 224),
    batch_norm: bool = False,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    n_dense: int = 4096,
    grid: int = 7,
) -> Graph:
    """A network of this kind with any number of convolutions in each stage.

    As it stands, configuration A.

    Parameters
    ----------
    stages, filters : sequence of int
        Convolutions in each stage, and filters of each of them.
    n_classes, n_channels : int
    image_shape : (int, int)
        In pixels.
    batch_norm : bool
        Before each rectifier.
    n_dense : int
        Units of the two dense layers; 0 leaves them out.
    grid : int
        Side of the maps that the first dense layer reads.
    """
    graph, place = Graph(n_channels, image_shape), 0
    for stage, (n_layers, n_filters) in enumerate(zip(stages, filters, strict=True), start=1):
        for layer in range(1, n_layers + 1):
            graph.add(
                f"conv{stage}_{layer}", Conv(n_filters, 3, padding=1), published=f"features.{place}"
            )
            # torchvision counts every module of its sequence, activations and pools too.
            if batch_norm:
                graph.add(f"norm{stage}_{layer}", BatchNorm(), published=f"features.{place + 1}")
            graph.add(f"relu{stage}_{layer}", Activation("relu"))
            if batch_norm:
                place += 3
            else:
                place += 2
        graph.add(f"pool{stage}", Pool("max", 2))
        place += 1
    graph.add("average", AdaptivePool("average", (grid, grid)))
    for number, (torchvision, timm) in enumerate(
        (("classifier.0", "pre_logits.fc1"), ("classifier.3", "pre_logits.fc2")) if n_dense else (),
        start=6,
    ):
        graph.add(f"fc{number}", Dense(n_dense), published=(torchvision, timm))
        graph.add(f"relu{number}", Activation("relu"))
        graph.add(f"drop{number}", Dropout())
    graph.outputs[graph.add("fc8", Dense(n_classes), published=("classifier.6", "head.fc"))] = 1.0
    return graph
