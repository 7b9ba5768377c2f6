"""Against PyTorch with the same random weights: outputs, weight gradients, image gradients and trajectories; skips where it is not installed."""

import numpy as np
import pytest
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from cnn import Graph
from cnn.architectures import build
from cnn.layers import Activation, AdaptivePool, Add, BatchNorm, Concatenate, Conv, Dense, Dropout, Flatten, LocalResponse, Pool
from cnn.losses import LOSSES
from cnn.optimisers import Optimiser

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, F = torch.nn, torch.nn.functional


class FromGraph(nn.Module):
    """The same network in PyTorch, node by node, written from what the layers say they are."""

    def __init__(self, graph, weights):
        super().__init__()
        self.graph = graph
        self.held = nn.ParameterDict({name.replace(".", "|"): nn.Parameter(torch.tensor(w), "running" not in name) for name, w in weights.items()})

    def forward(self, image):
        maps = {"image": image}
        for node in self.graph.nodes.values():
            own = {key.rpartition("|")[2]: w for key, w in self.held.items() if key.rpartition("|")[0] == node.name.replace(".", "|")}
            maps[node.name] = self.one(node.layer, [maps[name] for name in node.inputs], own)
        return maps

    def one(self, layer, inputs, own):
        x = inputs[0]
        match layer:
            case Conv():
                if layer.border == "copy":
                    return F.conv2d(F.pad(x, [layer.padding] * 4, mode="replicate"), own["weight"], own.get("bias"), layer.stride)
                padding = layer.padding
                if isinstance(padding, tuple) and isinstance(padding[0], tuple):
                    (top, bottom), (left, right) = padding
                    x, padding = F.pad(x, (left, right, top, bottom)), 0
                return F.conv2d(x, own["weight"], own.get("bias"), layer.stride, padding, layer.dilation, layer.groups)
            case Pool(kind="max"):
                return F.max_pool2d(x, layer.window, layer.stride, layer.padding, ceil_mode=layer.partial)
            case Pool(kind="average"):
                return F.avg_pool2d(x, layer.window, layer.stride, layer.padding, layer.partial, count_include_pad=layer.count_padding)
            case Pool(kind="l2"):
                return F.lp_pool2d(x, 2.0, layer.window, layer.stride)
            case AdaptivePool():
                return (F.adaptive_avg_pool2d if layer.kind == "average" else F.adaptive_max_pool2d)(x, layer.grid)
            case Activation(kind="maxout"):
                return x.unflatten(1, (-1, layer.options["group"])).amax(2)
            case Activation(kind="l2"):
                return x.unflatten(1, (-1, layer.options["group"])).norm(dim=2)
            case Activation(kind="tanh"):
                return layer.options.get("height", 1.0) * torch.tanh(layer.options.get("steepness", 1.0) * x)
            case Activation(kind="step"):
                return (x >= 0).float()
            case Activation():
                return getattr(F, layer.kind)(x) if layer.kind != "sigmoid" else torch.sigmoid(x)
            case LocalResponse():
                return F.local_response_norm(x, layer.size, layer.scale * layer.size, layer.power, layer.offset)
            case BatchNorm():
                return F.batch_norm(
                    x, own["running_mean"].data.clone(), own["running_var"].data.clone(), own["weight"], own["bias"], self.training, eps=layer.epsilon
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


def chain(*layers, channels=3, shape=(13, 12)):
    graph = Graph(channels, shape)
    for number, layer in enumerate(layers):
        graph.add(f"n{number}", layer)
    graph.outputs[graph.last] = 1.0
    return graph


def inception_block():
    whole = build("googlenet_bn", {"image_shape": (64, 64)})
    graph = Graph(16, (9, 9))
    graph.last = "image"
    for name, node in whole.nodes.items():
        if name.startswith("inception3a"):
            graph.add(name, node.layer, *(one if one.startswith("inception3a") else "image" for one in node.inputs))
    graph.outputs[graph.last] = 1.0
    return graph


LAYERS = {
    "convolution": chain(Conv(5, 3, bias=0.5)),
    "strided, padded, dilated, grouped": chain(Conv(6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2), channels=4),
    "copied border": chain(Conv(4, 3, padding=1, border="copy")),
    "1 x 1": chain(Conv(5, 1)),
    "1 x 1, strided": chain(Conv(5, 1, stride=2)),
    "wide padding": chain(Conv(5, 3, padding=3)),
    "maximum, overlapping, partial": chain(Conv(4, 3), Pool("max", 3, stride=2, partial=True)),
    "maximum, padded": chain(Conv(4, 3), Pool("max", 3, stride=2, padding=1)),
    "average": chain(Conv(4, 3), Pool("average", 2)),
    "average, padded": chain(Conv(4, 3), Pool("average", 3, stride=2, padding=1, count_padding=True)),
    "L2": chain(Conv(4, 3), Pool("l2", 2)),
    "L2 across features": chain(Conv(4, 3), Activation("l2", {"group": 2})),
    "global average": chain(Conv(4, 3), AdaptivePool("average")),
    "adaptive average": chain(Conv(4, 3), AdaptivePool("average", (4, 3))),
    "adaptive maximum": chain(Conv(4, 3), AdaptivePool("max", (4, 7))),
    "local response": chain(Conv(7, 3), LocalResponse(3, 0.1, 0.75, 1.0)),
    "batch norm": chain(Conv(4, 3, bias=None), BatchNorm()),
    "dense": chain(Conv(4, 3), Flatten(), Dense(6, bias=0.1)),
} | {kind: chain(Conv(4, 3), Activation(kind)) for kind in ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus", "step")} | {
    "maxout": chain(Conv(4, 3), Activation("maxout", {"group": 2})),
}  # fmt: skip
NETWORKS = {
    "LeNet-5": build("lenet5", {"image_shape": (28, 28)}),
    "VGG-11-like": build("vgg", {"filters": (8, 8, 16, 16, 16), "n_dense": 32, "grid": 2, "image_shape": (40, 40), "n_classes": 7}),
    "ResNet-18": build("resnet18", {"image_shape": (48, 48), "n_classes": 9}),
    "GoogLeNet block": inception_block(),
}


def difference(one, other):
    return np.linalg.norm(np.asarray(one) - np.asarray(other)) / max(np.linalg.norm(np.asarray(other)), 1e-12)


@pytest.mark.parametrize("training", [False, True], ids=["at rest", "training"])
@pytest.mark.parametrize("name", [*LAYERS, *NETWORKS])
def test_values_and_gradients(name, training):
    """Largest relative difference (norms over whole arrays) over all cases: see the tolerance, 1e-4 as the field asks."""
    graph = (LAYERS | NETWORKS)[name]
    rng = np.random.default_rng(0)
    weights = {key: (w + 0.1 * rng.random(w.shape)).astype(np.float32) if w.ndim == 1 else w for key, w in graph.draw(1).items()}
    image = rng.standard_normal((4, graph.n_channels, *graph.image_shape)).astype(np.float32)
    if training and any(type(node.layer).__name__ == "Dropout" for node in graph.nodes.values()):
        pytest.skip("dropout draws its own numbers")
    (head,) = graph.outputs
    values, pullback, _ = graph.forward(image, weights, [head], training=training, to_image=True)
    towards = rng.standard_normal(values[head].shape).astype(np.float32)
    to_weights, to_image = pullback({head: towards})

    module = FromGraph(graph, weights).train(training)
    seen = torch.tensor(image, requires_grad=True)
    theirs = module(seen)[head]
    assert difference(values[head], theirs.detach()) < 1e-4
    theirs.backward(torch.tensor(towards)) if theirs.requires_grad else None
    for key, gradient in to_weights.items():
        other = module.held[key.replace(".", "|")].grad
        assert difference(gradient, np.zeros_like(gradient) if other is None else other) < 1e-4, key
    if seen.grad is not None:
        assert difference(to_image, seen.grad) < 1e-4


@pytest.mark.parametrize("loss", ["softmax", "logistic", "squared"])
def test_losses(loss):
    rng = np.random.default_rng(0)
    scores, classes = rng.standard_normal((7, 5)) * 3, rng.integers(0, 5, 7)
    value, gradient = LOSSES[loss](scores, classes)
    theirs = torch.tensor(scores, requires_grad=True)
    hot = F.one_hot(torch.tensor(classes), 5).double()
    expected = {
        "softmax": lambda: F.cross_entropy(theirs, torch.tensor(classes)),
        "logistic": lambda: F.binary_cross_entropy_with_logits(theirs, hot, reduction="sum") / 7,
        "squared": lambda: F.mse_loss(theirs, 2 * hot - 1, reduction="sum") / 14,
    }[loss]()
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, theirs.grad, atol=1e-14)


OPTIMISERS = {
    "momentum": (Optimiser("sgd", 0.9), lambda p: torch.optim.SGD(p, 0.01, 0.9)),
    "Nesterov, decay": (Optimiser("sgd", 0.9, nesterov=True, weight_decay=1e-3), lambda p: torch.optim.SGD(p, 0.01, 0.9, 0, 1e-3, nesterov=True)),
    "plain": (Optimiser("sgd", 0.0), lambda p: torch.optim.SGD(p, 0.01)),
    "Adam": (Optimiser("adam", weight_decay=1e-3), lambda p: torch.optim.Adam(p, 0.002, weight_decay=1e-3)),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_same_trajectory(name):
    """50 steps on digits from the same start: losses agree to 1e-3. Adam divides by roots of tiny squares, which amplifies rounding: 20 steps."""
    rule, make = OPTIMISERS[name]
    rate = 0.002 if name == "Adam" else 0.01
    bunch = load_digits()
    images = np.pad(zoom(bunch.images[:256, None] / 8 - 1, (1, 1, 3, 3), order=1), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge").astype(np.float32)
    classes = bunch.target[:256]
    graph = NETWORKS["LeNet-5"]
    weights = graph.draw(3)
    module = FromGraph(graph, weights).train()
    theirs, memory = make(module.parameters()), rule.start(weights)
    losses = []
    for step in range(20 if name == "Adam" else 50):
        some = slice(32 * (step % 8), 32 * (step % 8) + 32)
        values, pullback, _ = graph.forward(images[some], weights, ["output"], training=True)
        loss, gradient = LOSSES["softmax"](values["output"].reshape(32, -1), classes[some])
        rule.move(weights, memory, pullback({"output": gradient.reshape(values["output"].shape)})[0], rate, step + 1)
        theirs.zero_grad()
        other = F.cross_entropy(module(torch.tensor(images[some]))["output"].flatten(1), torch.tensor(classes[some]))
        other.backward()
        theirs.step()
        losses.append((loss, other.item()))
    ours, expected = np.array(losses).T
    np.testing.assert_allclose(ours, expected, rtol=1e-3)
    assert ours[-5:].mean() < 0.6 * ours[0]
    print(name, abs(ours / expected - 1).max())
