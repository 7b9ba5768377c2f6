"""ResNet: blocks with shortcuts, and the plain nets without them."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph
from ..layers import Activation, AdaptivePool, Add, BatchNorm, Conv, Dense, Pool


def resnet18(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-18; 11,689,512 parameters.

    References
    ----------
    He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.
    """
    return resnet((2, 2, 2, 2), n_classes, n_channels, image_shape)


def resnet34(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-34; 21,797,672 parameters."""
    return resnet((3, 4, 6, 3), n_classes, n_channels, image_shape)


def resnet50(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-50; 25,557,032 parameters."""
    return resnet((3, 4, 6, 3), n_classes, n_channels, image_shape, bottleneck=True)


def resnet101(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-101; 44,549,160 parameters."""
    return resnet((3, 4, 23, 3), n_classes, n_channels, image_shape, bottleneck=True)


def resnet152(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-152; 60,192,808 parameters."""
    return resnet((3, 8, 36, 3), n_classes, n_channels, image_shape, bottleneck=True)


def plain18(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-18 without its shortcuts: the paper's control."""
    return resnet((2, 2, 2, 2), n_classes, n_channels, image_shape, shortcuts=False)


def plain34(
    n_classes: int = 1000, n_channels: int = 3, image_shape: tuple[int, int] = (224, 224)
) -> Graph:
    """ResNet-34 without its shortcuts."""
    return resnet((3, 4, 6, 3), n_classes, n_channels, image_shape, shortcuts=False)


def resnet(
    stages: Sequence[int] = (2, 2, 2, 2),
    n_classes: int = 1000,
    n_channels: int = 3,
    image_shape: tuple[int, int] = (224, 224),
    bottleneck: bool = False,
    shortcuts: bool = True,
    stride_in: str = "3x3",
) -> Graph:
    """A network of this kind with any number of blocks in each of the four stages.

    Parameters
    ----------
    stages : sequence of int
        Blocks in each stage.
    n_classes, n_channels : int
    image_shape : (int, int)
        In pixels.
    bottleneck : bool
        Blocks of 1 x 1, 3 x 3 and 1 x 1 instead of two 3 x 3.
    shortcuts : bool
        Whether each block's input is added to its output.
    stride_in : {'3x3', '1x1', 'last'}
        Where a bottleneck block takes its stride: in its 3 x 3, as torchvision; in its first 1 x 1,
        as the paper; or in the 3 x 3 of the last block of a stage, not of the first of the next, as
        TensorFlow's `resnet_v1`.
    """
    graph = Graph(n_channels, image_shape)
    # No bias: the batch normalisation that follows would subtract it.
    graph.add("conv1", Conv(64, 7, stride=2, padding=3, bias=None))
    graph.add("bn1", BatchNorm())
    graph.add("relu", Activation("relu"))
    graph.add("maxpool", Pool("max", 3, stride=2, padding=1))
    n_features = 64
    for stage, n_blocks in enumerate(stages, start=1):
        width = 32 * 2**stage
        n_out = width * 4 if bottleneck else width
        windows: tuple[tuple[int, int], ...] = ((3, width), (3, width))
        if bottleneck:
            windows = ((1, width), (3, width), (1, n_out))
        # The convolution of a block that strides, if the block does.
        at = 1 if bottleneck and stride_in != "1x1" else 0
        for block in range(n_blocks):
            strides = [1] * len(windows)
            if _halves(stage, block, n_blocks, len(stages), stride_in):
                strides[at] = 2
            name = f"layer{stage}.{block}"
            _block(graph, name, windows, strides, shortcuts, n_features != n_out)
            n_features = n_out
    graph.add("avgpool", AdaptivePool("average"))
    graph.outputs[graph.add("fc", Dense(n_classes))] = 1.0
    return graph


def _halves(stage: int, block: int, n_blocks: int, n_stages: int, stride_in: str) -> bool:
    """Whether a block halves the maps: the first of a stage, or the last of the one before."""
    if stride_in == "last":
        return block == n_blocks - 1 and stage < n_stages
    return block == 0 and stage > 1


def _block(
    graph: Graph,
    name: str,
    windows: Sequence[tuple[int, int]],
    strides: Sequence[int],
    shortcuts: bool,
    wider: bool,
) -> None:
    """Convolutions, and what came in added to what comes out.

    Through a 1 x 1 where features are more, subsampled where places are fewer.
    """
    came_in, stride = graph.last, max(strides)
    for number, ((window, n_filters), step) in enumerate(
        zip(windows, strides, strict=True), start=1
    ):
        graph.add(
            f"{name}.conv{number}",
            Conv(n_filters, window, stride=step, padding=window // 2, bias=None),
        )
        graph.add(f"{name}.bn{number}", BatchNorm())
        if number < len(windows):
            graph.add(f"{name}.relu{number}", Activation("relu"))
    if shortcuts:
        came_out, shortcut = graph.last, came_in
        if wider:
            graph.add(
                f"{name}.downsample.0", Conv(windows[-1][1], 1, stride=stride, bias=None), came_in
            )
            shortcut = graph.add(f"{name}.downsample.1", BatchNorm())
        elif stride > 1:
            shortcut = graph.add(f"{name}.subsample", Pool("max", 1, stride=stride), came_in)
        graph.add(f"{name}.add", Add(), came_out, shortcut)
    graph.add(f"{name}.relu", Activation("relu"))
