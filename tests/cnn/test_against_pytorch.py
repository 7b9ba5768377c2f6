"""Against PyTorch with the same weights: outputs, gradients and trajectories; without PyTorch,
against its stored answers."""

from pathlib import Path

import numpy as np
import pytest
from networks import LAYERS, NETWORKS, difference, example, learned, noise
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from hmax_cnn.cnn.losses import LOSSES
from hmax_cnn.cnn.optimisers import Optimiser

CASES = LAYERS | NETWORKS


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def ours(graph, training):
    weights, image = example(graph)
    (head,) = graph.outputs
    values, pullback, _ = graph.forward(image, weights, [head], training=training, to_image=True)
    to_weights, to_image = pullback({head: noise(values[head].shape, 9.0)})
    return (
        values[head],
        {name: gradient for name, gradient in to_weights.items() if learned(name)},
        to_image,
    )


@pytest.mark.parametrize("training", [False, True], ids=["at rest", "training"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(torch, name, training):
    """Differences of whole arrays relative to their norm, below 1e-4 (seen: 1.5e-5).

    The images are such that no rectifier of ResNet-18 is within rounding of 0: one that flips moves
    a gradient by 2e-2.
    """
    from in_pytorch import answers

    if training and any(
        type(node.layer).__name__ == "Dropout" for node in CASES[name].nodes.values()
    ):
        pytest.skip("dropout draws its own numbers")
    values, to_weights, to_image = ours(CASES[name], training)
    their_values, their_weights, their_image = answers(CASES[name], training)
    assert set(to_weights) == set(their_weights)
    pairs = [
        (values, their_values),
        (to_image, their_image),
        *((to_weights[key], their_weights[key]) for key in to_weights),
    ]
    assert max(difference(*pair) for pair in pairs) < 1e-4


@pytest.mark.parametrize("name", CASES)
def test_stored_answers(name):
    """What `tests/in_pytorch.py` kept of PyTorch's answers: to 1e-4 of an output's norm, and 1e-3
    for sums in which gradients cancel."""
    with np.load(Path(__file__).parent / "references.npz") as kept:
        values, to_weights, to_image = ours(CASES[name], training=False)
        assert difference(values, kept[f"{name}|values"]) < 1e-4
        for key, gradient in (to_weights | {"image": to_image}).items():
            flat = gradient.astype(np.float64).ravel()
            sums = np.array([flat @ noise(flat.shape, seed) for seed in (1.0, 2.0, 3.0)]) / max(
                1.0, np.sqrt(flat.size)
            )
            scale = np.linalg.norm(flat) / max(1.0, np.sqrt(flat.size)) + np.abs(sums).max() + 1e-6
            np.testing.assert_allclose(sums, kept[f"{name}|{key}"], atol=1e-3 * scale, err_msg=key)


@pytest.mark.parametrize("loss", ["softmax", "logistic", "squared"])
def test_losses(torch, loss):
    rng = np.random.default_rng(0)
    scores, classes = rng.standard_normal((7, 5)) * 3, rng.integers(0, 5, 7)
    value, gradient = LOSSES[loss](scores, classes)
    theirs = torch.tensor(scores, requires_grad=True)
    hot = torch.nn.functional.one_hot(torch.tensor(classes), 5).double()
    expected = {
        "softmax": lambda: torch.nn.functional.cross_entropy(theirs, torch.tensor(classes)),
        "logistic": lambda: (
            torch.nn.functional.binary_cross_entropy_with_logits(theirs, hot, reduction="sum") / 7
        ),
        "squared": lambda: torch.nn.functional.mse_loss(theirs, 2 * hot - 1, reduction="sum") / 14,
    }[loss]()
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, theirs.grad, atol=1e-14)


OPTIMISERS = {
    "momentum": (Optimiser("sgd", 0.9), "SGD", {"lr": 0.01, "momentum": 0.9}),
    "Nesterov, decay": (
        Optimiser("sgd", 0.9, nesterov=True, weight_decay=1e-3),
        "SGD",
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": True},
    ),
    "plain": (Optimiser("sgd", 0.0), "SGD", {"lr": 0.01}),
    "Adam": (Optimiser("adam", weight_decay=1e-3), "Adam", {"lr": 0.002, "weight_decay": 1e-3}),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_same_trajectory(torch, name):
    """50 steps on digits from the same start: losses agree to 1e-3 (seen: 5e-6). Adam divides by
    roots of tiny squares: 20 steps."""
    from in_pytorch import FromGraph

    rule, maker, settings = OPTIMISERS[name]
    bunch = load_digits()
    images = np.pad(
        zoom(bunch.images[:256, None] / 8 - 1, (1, 1, 3, 3), order=1),
        ((0, 0), (0, 0), (2, 2), (2, 2)),
        mode="edge",
    ).astype(np.float32)
    classes = bunch.target[:256]
    graph = NETWORKS["LeNet-5"]
    weights = graph.draw(3)
    module = FromGraph(graph, weights).train()
    theirs, memory = (
        getattr(torch.optim, maker)(module.parameters(), **settings),
        rule.start(weights),
    )
    losses = []
    for step in range(20 if name == "Adam" else 50):
        some = slice(32 * (step % 8), 32 * (step % 8) + 32)
        values, pullback, _ = graph.forward(images[some], weights, ["output"], training=True)
        loss, gradient = LOSSES["softmax"](values["output"].reshape(32, -1), classes[some])
        rule.move(
            weights,
            memory,
            pullback({"output": gradient.reshape(values["output"].shape)})[0],
            settings["lr"],
            step + 1,
        )
        theirs.zero_grad()
        other = torch.nn.functional.cross_entropy(
            module(torch.tensor(images[some]))["output"].flatten(1), torch.tensor(classes[some])
        )
        other.backward()
        theirs.step()
        losses.append((loss, other.item()))
    own, expected = np.array(losses).T
    np.testing.assert_allclose(own, expected, rtol=1e-3)
    assert own[-5:].mean() < 0.6 * own[0]
