"""Small networks of every layer type, and weights and images for them by formula: the same with and
without PyTorch."""

from __future__ import annotations

from functools import partial

import numpy as np
from layer_graphs import graph_of

from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.architectures import build
from hmax_cnn.cnn.layers import (
    Activation,
    AdaptivePool,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    LocalResponse,
    Pool,
)

chain = partial(graph_of, shape=(13, 12))


def inception_block():
    whole = build("googlenet_bn", {"image_shape": (64, 64)})
    graph = Graph(16, (9, 9))
    graph.last = "image"
    for name, node in whole.nodes.items():
        if name.startswith("inception3a"):
            graph.add(
                name,
                node.layer,
                *(one if one.startswith("inception3a") else "image" for one in node.inputs),
            )
    graph.outputs[graph.last] = 1.0
    return graph


LAYERS = (
    {
        "convolution": chain(Conv(5, 3, bias=0.5)),
        "strided, padded, dilated, grouped": chain(
            Conv(6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2), channels=4
        ),
        "copied border": chain(Conv(4, 3, padding=1, border="copy")),
        "1 x 1": chain(Conv(5, 1)),
        "1 x 1, strided": chain(Conv(5, 1, stride=2)),
        "wide padding": chain(Conv(5, 3, padding=3)),
        "maximum, overlapping, partial": chain(Conv(4, 3), Pool("max", 3, stride=2, partial=True)),
        "maximum, padded": chain(Conv(4, 3), Pool("max", 3, stride=2, padding=1)),
        "average": chain(Conv(4, 3), Pool("average", 2)),
        "average, padded": chain(
            Conv(4, 3), Pool("average", 3, stride=2, padding=1, count_padding=True)
        ),
        "L2": chain(Conv(4, 3), Pool("l2", 2)),
        "L2 across features": chain(Conv(4, 3), Activation("l2", {"group": 2})),
        "global average": chain(Conv(4, 3), AdaptivePool("average")),
        "adaptive average": chain(Conv(4, 3), AdaptivePool("average", (4, 3))),
        "adaptive maximum": chain(Conv(4, 3), AdaptivePool("max", (4, 7))),
        "local response": chain(Conv(7, 3), LocalResponse(3, 0.1, 0.75, 1.0)),
        "batch norm": chain(Conv(4, 3, bias=None), BatchNorm()),
        "dense": chain(Conv(4, 3), Flatten(), Dense(6, bias=0.1)),
    }
    | {
        kind: chain(Conv(4, 3), Activation(kind))
        for kind in ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus", "step")
    }
    | {
        "maxout": chain(Conv(4, 3), Activation("maxout", {"group": 2})),
    }
)
NETWORKS = {
    "LeNet-5": build("lenet5", {"image_shape": (28, 28)}),
    "VGG-11-like": build(
        "vgg",
        {
            "filters": (8, 8, 16, 16, 16),
            "n_dense": 32,
            "grid": 2,
            "image_shape": (40, 40),
            "n_classes": 7,
        },
    ),
    "ResNet-18": build("resnet18", {"image_shape": (48, 48), "n_classes": 9}),
    "GoogLeNet block": inception_block(),
}


def noise(shape, seed):
    """Numbers of mean 0 and variance 1 from whole-number arithmetic, which no version of a library
    changes (splitmix64)."""
    index = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(int(1000 * seed) * 2**32)
    mixed = index * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    uniform = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / 2.0**53
    return ((uniform - 0.5) * np.sqrt(12)).reshape(shape).astype(np.float32)


def example(graph):
    """Weights of the scale that the network starts from, and four images."""
    weights = {}
    for number, (name, weight) in enumerate(graph.weights().items()):
        if weight.start is None:
            weights[name] = (weight.fill + 0.05 * np.abs(noise(weight.shape, number))).astype(
                np.float32
            )
        else:
            weights[name] = np.sqrt(np.float32(2 / weight.fan_in)) * noise(weight.shape, number)
    return weights, noise((4, graph.n_channels, *graph.image_shape), 2.5)


def learned(name):
    """Whether training moves a weight of this name."""
    return "running" not in name


def difference(one, other):
    """The norm of the difference over the norm."""
    return np.linalg.norm(np.asarray(one) - np.asarray(other)) / max(
        np.linalg.norm(np.asarray(other)), 1e-12
    )
