"""Batch normalisation and dropout, training and at rest."""

import numpy as np
import pytest
from layer_graphs import graph_of

from hmax_cnn.cnn.layers import (
    BatchNorm,
    Dropout,
)

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


def test_batch_norm_keeps_statistics():
    graph = graph_of(BatchNorm(momentum=0.25), channels=2)
    weights, images = graph.draw(0), 3 + 2 * RNG.standard_normal((8, 2, 9, 10)).astype(np.float32)
    values, _, moved = graph.forward(images, weights, ["n0"], training=True)
    np.testing.assert_allclose(values["n0"].mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(values["n0"].std(axis=(0, 2, 3)), 1, atol=1e-5)
    np.testing.assert_allclose(
        moved["n0.running_mean"], 0.25 * images.mean(axis=(0, 2, 3)), rtol=1e-5
    )
    np.testing.assert_allclose(
        moved["n0.running_var"], 0.75 + 0.25 * images.var(axis=(0, 2, 3), ddof=1), rtol=1e-5
    )
    with pytest.raises(ValueError, match="at least two of each feature"):
        graph.forward(images[:1, :, :1, :1], weights, ["n0"], training=True)


def test_dropout_drops_only_in_training():
    graph = graph_of(Dropout(0.25), channels=1, shape=(50, 50))
    images = np.ones((4, 1, 50, 50), np.float32)
    ways = ((False, (0,)), (True, (0,)), (True, (0,)), (True, (1,)))
    ways = ((False, (0,)), (True, (0,)), (True, (0,)), (True, (1,)))
    at_rest, trained, again, other = (
        graph.forward(images, {}, ["n0"], training=training, seed=seed).values["n0"]
        for training, seed in ways
    )
    np.testing.assert_array_equal(at_rest, images)
    np.testing.assert_array_equal(trained, again)
    assert (trained != other).any()
    assert set(np.unique(trained)) == {0, np.float32(1 / 0.75)}
    assert (trained == 0).mean() == pytest.approx(0.25, abs=0.02)
