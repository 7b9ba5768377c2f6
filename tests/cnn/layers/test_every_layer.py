"""Every layer: gradients by finite differences, starts, refusals."""

import numpy as np
import pytest
from layer_graphs import branches, graph_of
from networks import LAYERS

from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.layers import (
    Activation,
    AdaptivePool,
    Add,
    Concatenate,
    Conv,
    Dropout,
    LocalContrast,
    Pool,
    RadialBasis,
    Scale,
)

pytestmark = pytest.mark.quick

MORE = {
    "partial connections": graph_of(Conv(4, 3, connections=((0, 1), (1, 2), (0, 2), (0, 1, 2)))),
    "copied border, uneven": graph_of(Conv(4, 3, padding=((1, 0), (2, 1)), border="copy")),
    "softened maximum by softplus": graph_of(Conv(4, 3), Activation("softplus")),
    "local contrast": graph_of(Conv(4, 3), LocalContrast(5)),
    "coefficient and bias": graph_of(Conv(4, 3), Scale()),
    "dropout": graph_of(Conv(4, 3), Dropout(0.4)),
    "fixed codes": graph_of(Conv(4, 3), RadialBasis(3)),
    "branches": branches(),
}


@pytest.mark.parametrize("training", [False, True], ids=["at rest", "training"])
@pytest.mark.parametrize("name", [*LAYERS, *MORE])
def test_gradients_are_finite_differences(name, training):
    """Of all weights and of the image, along random directions, central differences in float64:
    relative error below 1e-6 (seen: 3e-8)."""
    graph = (LAYERS | MORE)[name]
    rng = np.random.default_rng(1)
    arrays = {key: w + 0.1 * rng.random(w.shape) for key, w in graph.draw(0).items()}
    arrays = {key: w.astype(np.float64) for key, w in arrays.items()} | {
        "": rng.standard_normal((3, graph.n_channels, *graph.image_shape))
    }
    (head,) = graph.outputs

    def run(some):
        weights = {key: w for key, w in some.items() if key}
        return graph.forward(some[""], weights, [head], training=training, to_image=True)[:2]

    values, pullback = run(arrays)
    gradient = rng.standard_normal(values[head].shape)
    to_weights, to_image = pullback({head: gradient})
    for key, to_array in (to_weights | {"": to_image}).items():
        assert to_array.shape == arrays[key].shape
        towards = rng.standard_normal(arrays[key].shape)
        ends = [
            run(arrays | {key: arrays[key] + sign * 1e-6 * towards})[0][head] for sign in (1, -1)
        ]
        slope = (gradient * (ends[0] - ends[1])).sum() / 2e-6
        assert abs(slope - (to_array * towards).sum()) <= 1e-6 * max(
            np.abs(to_array * towards).sum(), np.abs(gradient * values[head]).sum()
        )


BAD = {
    "a name twice": (lambda: branches().add("one", Scale()), "`name` must be new"),
    "an unknown input": (
        lambda: branches().add("new", Scale(), "two"),
        "reads 'two', which is not there",
    ),
    "groups that do not divide": (
        lambda: graph_of(Conv(4, 3, groups=2)).weights(),
        "`groups` must divide 3 features and 4 filters, got 2",
    ),
    "another start": (
        lambda: Conv(4, 3, initial="best"),
        "`initial` must be one of 'he', 'glorot', 'lecun' or a standard deviation, got 'best'",
    ),
    "filters without a connection": (
        lambda: Conv(2, 3, connections=((0,), ())),
        (
            r"`connections` must name at least one feature for each of the 2 filters, got "
            r"\(\(0,\), \(\)\)"
        ),
    ),
    "maxout of nothing": (lambda: Activation("maxout"), "`options` of 'maxout' must give `group`"),
    "another border": (
        lambda: Conv(4, 3, border="mirror"),
        "`border` must be 'zero' or 'copy', got 'mirror'",
    ),
    "another pool": (
        lambda: Pool("median", 3),
        "`kind` must be one of 'max', 'average', 'l2', got 'median'",
    ),
    "another global pool": (
        lambda: AdaptivePool("l2"),
        "`kind` must be 'average' or 'max', got 'l2'",
    ),
    "another activation": (
        lambda: Activation("swish"),
        "`kind` must be one of 'relu'.*got 'swish'",
    ),
    "all dropped": (lambda: Dropout(1.0), "`rate` must be at least 0 and below 1, got 1.0"),
    "too small a map": (
        lambda: graph_of(Conv(4, 11)).weights(),
        "`window` of 11 x 11 must fit into the map of 9 x 10",
    ),
    "maps of different shape": (
        lambda: unlike(Add()).weights(),
        "The maps to add must have one shape",
    ),
    "maps of different height": (
        lambda: unlike(Concatenate()).weights(),
        "must have one height and width",
    ),
}


def unlike(layer):
    graph = Graph(1, (9, 9))
    graph.add("two", layer, graph.add("one", Conv(2, 3)), "image")
    return graph


@pytest.mark.parametrize("kind", BAD)
def test_bad_settings_are_refused(kind):
    call, text = BAD[kind]
    with pytest.raises(ValueError, match=text):
        call()
