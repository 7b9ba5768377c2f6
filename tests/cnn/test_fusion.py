"""Steps run together at rest give what they give one by one."""

import numpy as np
import pytest

from hmax_cnn.cnn import build
from hmax_cnn.extraction import Maps
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.fields import Window

pytestmark = pytest.mark.quick


def drawn(graph, seed=0):
    """Weights whose running statistics are of no plain values."""
    rng, weights = np.random.default_rng(seed), graph.draw(seed)
    for name, weight in weights.items():
        if "running" in name or name.endswith("bias"):
            weight += rng.random(weight.shape, np.float32)
    return weights


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize(
    "architecture", ["resnet18", "resnet50", "plain18", "lenet5", "googlenet_bn"]
)
def test_highest_layer_alone_or_with_all(architecture):
    """All maps asked for, nothing is run together; scores agree to 1e-4 of the largest."""
    graph = build(architecture, {"n_classes": 5, "image_shape": (64, 64)})
    weights = drawn(graph)
    shape = (2, graph.n_channels, 64, 64)
    images = Maps(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
    (head,) = list(graph.outputs)[:1]
    alone = {name: maps for name, maps, _ in graph.walk(images, weights, [head])}
    every = {name: maps for name, maps, _ in graph.walk(images, weights, list(graph.nodes))}
    assert set(every) == set(graph.nodes)
    if architecture != "lenet5":
        assert len(alone) < len(every)
    for name, maps in alone.items():
        largest = np.abs(every[name].values).max()
        np.testing.assert_allclose(maps.values, every[name].values, atol=1e-4 * largest)
        assert maps.field == every[name].field


def test_a_layer_between_is_there_when_it_is_wanted():
    """A wanted convolution or normalisation is never skipped."""
    graph = build("resnet18", {"n_classes": 5, "image_shape": (32, 32)})
    weights = drawn(graph)
    images = Maps(np.random.default_rng(2).standard_normal((1, 3, 32, 32)).astype(np.float32))
    for wanted in ("conv1", "bn1", "relu", "layer2.0.conv1", "layer2.0.bn1"):
        found = {name: maps.values for name, maps, _ in graph.walk(images, weights, [wanted])}
        assert wanted in found
        if wanted == "bn1":
            assert found[wanted].min() < 0


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize("rectifies", [True, False])
@pytest.mark.parametrize(
    ("features", "filters", "window"),
    [(16, 20, Window(3, padding=1)), (16, 70, Window(1)), (3, 16, Window(5, 2)), (2, 4, Window(3))],
)
def test_finished_correlation(features, filters, window, rectifies):
    """To 2e-5 of the largest value; what is not a number stays so."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal((3, features, 14, 14)).astype(np.float32)
    weights = rng.standard_normal((filters, features, *window.size)).astype(np.float32)
    scale, shift = rng.standard_normal((2, filters)).astype(np.float32)
    found = ops.correlate_and_finish(values, weights, window, scale, shift, rectifies=rectifies)
    expected, _ = ops.correlate(
        values.astype(float), weights.astype(float), window.stride, window.padding
    )
    expected = expected * scale[:, None, None] + shift[:, None, None]
    if rectifies:
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    values[1] = np.nan
    found = ops.correlate_and_finish(values, weights, window, scale, shift, rectifies=rectifies)
    assert np.isnan(found[1]).all()
    assert not np.isnan(found[[0, 2]]).any()
