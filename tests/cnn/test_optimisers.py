"""Schedules of the learning rate."""

import numpy as np
import pytest
from digit_training import lenet
from sklearn.datasets import load_digits

from hmax_cnn.cnn.optimisers import Optimiser, rate_factor
from hmax_cnn.extraction.parallel import workers

BUNCH = load_digits()


DIGITS = np.pad(np.kron(BUNCH.images * 15, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4))).astype(
    np.uint8
)


LABELS = np.array([f"digit {n}" for n in BUNCH.target])


FEW = slice(0, 200)


def test_schedules():
    assert [rate_factor("step", p) for p in (0.2, 0.6, 0.8)] == pytest.approx([1, 0.1, 0.01])
    assert [rate_factor("cosine", p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    model = lenet(epochs=4, schedule="linear").fit(DIGITS[FEW], LABELS[FEW])
    assert (np.diff(model.history_["learning_rate"]) < 0).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_parts_of_weights_move_as_whole_ones_do(order):
    """Three updates of 300,000 weights and of three, by SGD as Sutskever et al. write it; to 1e-6,
    and to the last bit over workers."""
    rng, rule = np.random.default_rng(0), Optimiser("sgd", 0.9, weight_decay=0.1)
    start = {
        name: np.asarray(rng.standard_normal(shape), np.float32, order=order)
        for name, shape in (("a", (500, 600)), ("b", (3,)))
    }
    steps = [{name: rng.standard_normal(w.shape).astype(np.float32) for name, w in start.items()}
             for _ in range(3)]  # fmt: skip
    expected = {name: weight.astype(float) for name, weight in start.items()}
    velocity = {name: np.zeros(weight.shape) for name, weight in start.items()}
    for step in steps:
        for name, weight in expected.items():
            velocity[name] = 0.9 * velocity[name] + step[name] + 0.1 * weight
            expected[name] = weight - 0.01 * velocity[name]
    found = []
    for n_workers in (1, 2):
        weights = {name: weight.copy(order="K") for name, weight in start.items()}
        memory = rule.start(weights)
        with workers(n_workers):
            for number, step in enumerate(steps, 1):
                rule.move(weights, memory, step, 0.01, number)
        found.append(weights)
    for name, weight in expected.items():
        np.testing.assert_allclose(found[0][name], weight, atol=1e-6)
        np.testing.assert_array_equal(found[0][name], found[1][name])
