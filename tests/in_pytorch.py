"""The networks of `networks.py` in PyTorch. Run as a script, it writes what PyTorch answers into
tests/cnn/references.npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from networks import LAYERS, NETWORKS, example, learned, noise
from torch import nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own custom

from hmax_cnn.cnn.layers import (
    Activation,
    AdaptivePool,
    Add,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LocalResponse,
    Pool,
)

REFERENCES = Path(__file__).parent / "cnn" / "references.npz"


class FromGraph(nn.Module):
    """The same network in PyTorch, node by node, written from what the layers say they are."""

    def __init__(self, graph, weights):
        super().__init__()
        self.graph = graph
        self.held = nn.ParameterDict(
            {
                name.replace(".", "|"): nn.Parameter(torch.tensor(w), learned(name))
                for name, w in weights.items()
            }
        )

    def forward(self, image):
        maps = {"image": image}
        for node in self.graph.nodes.values():
            own = {
                key.rpartition("|")[2]: w
                for key, w in self.held.items()
                if key.rpartition("|")[0] == node.name.replace(".", "|")
            }
            maps[node.name] = self.one(node.layer, [maps[name] for name in node.inputs], own)
        return maps

    def one(self, layer, inputs, own):
        x = inputs[0]
        match layer:
            case Conv():
                if layer.border == "copy":
                    return F.conv2d(
                        F.pad(x, [layer.padding] * 4, mode="replicate"),
                        own["weight"],
                        own.get("bias"),
                        layer.stride,
                    )
                padding = layer.padding
                if isinstance(padding, tuple) and isinstance(padding[0], tuple):
                    (top, bottom), (left, right) = padding
                    x, padding = F.pad(x, (left, right, top, bottom)), 0
                return F.conv2d(
                    x,
                    own["weight"],
                    own.get("bias"),
                    layer.stride,
                    padding,
                    layer.dilation,
                    layer.groups,
                )
            case Pool(kind="max"):
                return F.max_pool2d(
                    x, layer.window, layer.stride, layer.padding, ceil_mode=layer.partial
                )
            case Pool(kind="average"):
                return F.avg_pool2d(
                    x,
                    layer.window,
                    layer.stride,
                    layer.padding,
                    layer.partial,
                    count_include_pad=layer.count_padding,
                )
            case Pool(kind="l2"):
                return F.lp_pool2d(x, 2.0, layer.window, layer.stride)
            case AdaptivePool():
                return (
                    F.adaptive_avg_pool2d if layer.kind == "average" else F.adaptive_max_pool2d
                )(x, layer.grid)
            case Activation(kind="maxout"):
                return x.unflatten(1, (-1, layer.options["group"])).amax(2)
            case Activation(kind="l2"):
                return x.unflatten(1, (-1, layer.options["group"])).norm(dim=2)
            case Activation(kind="tanh"):
                return layer.options.get("height", 1.0) * torch.tanh(
                    layer.options.get("steepness", 1.0) * x
                )
            case Activation(kind="step"):
                return (x >= 0).float()
            case Activation():
                if layer.kind != "sigmoid":
                    return getattr(F, layer.kind)(x)
                return torch.sigmoid(x)
            case LocalResponse():
                return F.local_response_norm(
                    x, layer.size, layer.scale * layer.size, layer.power, layer.offset
                )
            case BatchNorm():
                return F.batch_norm(
                    x,
                    own["running_mean"].data.clone(),
                    own["running_var"].data.clone(),
                    own["weight"],
                    own["bias"],
                    self.training,
                    eps=layer.epsilon,
                )
            case Dense():
                return F.linear(x.flatten(1), own["weight"], own.get("bias"))[..., None, None]
            case Flatten():
                return x.flatten(1)[..., None, None]
            case Dropout():
                return x
            case Add():
                return sum(inputs[1:], inputs[0])
            case Concatenate():
                return torch.cat(inputs, 1)
        raise NotImplementedError(layer)


def answers(graph, training):
    """Output, and the gradients of weights and image for a fixed gradient of the output."""
    weights, image = example(graph)
    module, (head,) = FromGraph(graph, weights).train(training), graph.outputs
    seen = torch.tensor(image, requires_grad=True)
    values = module(seen)[head]
    if values.requires_grad:
        values.backward(torch.tensor(noise(tuple(values.shape), 9.0)))
    gradients = {
        name: module.held[name.replace(".", "|")].grad for name in weights if learned(name)
    }
    none = {name: np.zeros_like(weights[name]) for name in gradients}
    to_weights = {
        name: none[name] if gradient is None else gradient.numpy()
        for name, gradient in gradients.items()
    }
    return (
        values.detach().numpy(),
        to_weights,
        np.zeros_like(image) if seen.grad is None else seen.grad.numpy(),
    )


def summed(array):
    """A few numbers that a wrong gradient does not have by chance: sums against fixed noise."""
    flat = np.asarray(array, np.float64).ravel()
    return np.array([flat @ noise(flat.shape, seed) for seed in (1.0, 2.0, 3.0)]) / max(
        1.0, np.sqrt(flat.size)
    )


if __name__ == "__main__":
    kept = {}
    for name, graph in (LAYERS | NETWORKS).items():
        values, to_weights, to_image = answers(graph, training=False)
        kept[f"{name}|values"] = values
        kept[f"{name}|image"] = summed(to_image)
        kept |= {f"{name}|{key}": summed(gradient) for key, gradient in to_weights.items()}
    np.savez_compressed(REFERENCES, **kept)
