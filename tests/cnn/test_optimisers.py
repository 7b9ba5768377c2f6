"""Schedules of the learning rate."""

import numpy as np
import pytest
from digit_training import lenet
from sklearn.datasets import load_digits

from hmax_cnn.cnn.optimisers import rate_factor

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
