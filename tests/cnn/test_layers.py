"""Layers and losses: gradients against finite differences, convolution against two other
derivations and SciPy, starts, graphs."""

from unittest import mock

import numpy as np
import pytest
import scipy.signal
import scipy.sparse
from networks import LAYERS

from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.layers import (
    Activation,
    AdaptivePool,
    Add,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    LocalContrast,
    Pool,
    RadialBasis,
    Scale,
    Weight,
)
from hmax_cnn.cnn.losses import LOSSES
from hmax_cnn.extraction import Field, Maps, Window
from hmax_cnn.extraction.operations import copied_border, correlate, local_response_normalisation
from hmax_cnn.extraction.operations.winograd import correlate_3x3, gradient_3x3, suits

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


def graph_of(*layers, channels=3, shape=(9, 10)):
    graph = Graph(channels, shape)
    for number, layer in enumerate(layers):
        graph.add(f"n{number}", layer)
    graph.outputs[graph.last] = 1.0
    return graph


def branches():
    graph = Graph(2, (8, 9))
    one, other = graph.add("one", Conv(4, 3, padding=1)), graph.add("other", Conv(4, 1), "image")
    graph.add("sum", Add(), one, other, one)
    graph.add("both", Concatenate(), "sum", other)
    graph.outputs[graph.add("scores", Dense(3))] = 1.0
    return graph


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


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_gradients_are_finite_differences(loss):
    scores, classes = 3 * RNG.standard_normal((6, 4)), RNG.integers(0, 4, 6)
    value, gradient = LOSSES[loss](scores, classes)
    towards = RNG.standard_normal(scores.shape)
    ends = [LOSSES[loss](scores + sign * 1e-6 * towards, classes)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx((gradient * towards).sum(), rel=1e-7)
    assert np.isfinite(LOSSES[loss](1e4 * scores, classes)[0])
    assert value > 0


# Convolution by two other derivations -----------------------------------------------------------


def as_matrix(weights, shape, window):
    """Convolution as one sparse matrix from a flattened image to flattened maps, written entry by
    entry."""
    n_filters, n_features, rows, columns = weights.shape
    _, height, width = shape
    (top, _), (left, _) = window.padding
    counts = window.count(height, width)
    entries = []
    for f, y, x, c, i, j in np.ndindex(n_filters, *counts, n_features, rows, columns):
        row = y * window.stride[0] + i * window.dilation[0] - top
        column = x * window.stride[1] + j * window.dilation[1] - left
        if 0 <= row < height and 0 <= column < width:
            entries.append(
                (
                    np.ravel_multi_index((f, y, x), (n_filters, *counts)),
                    np.ravel_multi_index((c, row, column), shape),
                    weights[f, c, i, j],
                )
            )
    to, seen, values = zip(*entries, strict=True)
    return scipy.sparse.csr_array(
        (values, (to, seen)), shape=(n_filters * int(np.prod(counts)), int(np.prod(shape)))
    )


WINDOWS = [
    Window(3),
    Window(3, padding=3),
    Window((2, 3), stride=(2, 1), padding=1),
    Window(3, padding=((0, 2), (1, 3)), dilation=2),
    Window(1, stride=2),
    Window(3, 1, 3),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_convolution_is_a_sparse_matrix(window):
    """Values by the matrix, the gradient of the image by its transpose; float64, to rounding."""
    values, weights = RNG.standard_normal((2, 3, 7, 8)), RNG.standard_normal((4, 3, *window.size))
    matches, pullback = correlate(values, weights, window.stride, window.padding, window.dilation)
    matrix = as_matrix(weights, (3, 7, 8), window)
    np.testing.assert_allclose(
        matches.reshape(2, -1), (matrix @ values.reshape(2, -1).T).T, atol=1e-12
    )
    gradient = RNG.standard_normal(matches.shape)
    np.testing.assert_allclose(
        pullback(gradient)[0].reshape(2, -1), (matrix.T @ gradient.reshape(2, -1).T).T, atol=1e-12
    )


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_gradient_is_a_convolution_with_flipped_filters(padding):
    """By SciPy: the image's gradient is the full convolution with the filters; the filters' is the
    image correlated with the gradient."""
    values, weights = RNG.standard_normal((1, 2, 9, 8)), RNG.standard_normal((3, 2, 3, 3))
    matches, pullback = correlate(values, weights, padding=padding)
    gradient = RNG.standard_normal(matches.shape)
    to_values, to_weights = pullback(gradient)
    around = np.pad(values[0], ((0, 0), (padding, padding), (padding, padding)))
    for f in range(3):
        for c in range(2):
            np.testing.assert_allclose(
                to_weights[f, c],
                scipy.signal.correlate2d(around[c], gradient[0, f], mode="valid"),
                atol=1e-12,
            )
    full = sum(
        np.stack([scipy.signal.convolve2d(gradient[0, f], weights[f, c]) for c in range(2)])
        for f in range(3)
    )
    np.testing.assert_allclose(
        to_values[0], full[:, padding : padding + 9, padding : padding + 8], atol=1e-12
    )
    by_scipy = [
        sum(
            scipy.signal.correlate2d(a, w, mode="valid")
            for a, w in zip(around, filters, strict=True)
        )
        for filters in weights
    ]
    np.testing.assert_allclose(matches[0], by_scipy, atol=1e-12)


def directly(values, weights, window):
    """The same by windows as columns."""
    with mock.patch("hmax_cnn.extraction.operations.correlation.suits", return_value=False):
        matches, pullback = correlate(values, weights, padding=window.padding)

    def back(gradient):
        with mock.patch("hmax_cnn.extraction.operations.correlation.suits", return_value=False):
            return pullback(gradient)

    return matches, back


@pytest.mark.parametrize(
    ("height", "width", "padding"),
    [(8, 8, 1), (5, 14, 0), (7, 3, 2), (4, 9, ((0, 1), (2, 1))), (3, 3, 1)],
)
def test_winograd_agrees_with_direct(height, width, padding):
    """In float64 to rounding; in float32 to 3e-5 of the largest value (seen: 1.3e-5 at 512
    features)."""
    values, weights = (
        RNG.standard_normal((3, 16, height, width)),
        RNG.standard_normal((17, 16, 3, 3)),
    )
    window = Window(3, padding=padding)
    assert suits(window, values.shape, 17)
    matches = correlate_3x3(values, weights, window.padding)
    direct, back = directly(values, weights, window)
    np.testing.assert_allclose(matches, direct, atol=1e-11)
    gradient = RNG.standard_normal(direct.shape)
    np.testing.assert_allclose(
        gradient_3x3(values, gradient, window.padding), back(gradient)[1], atol=1e-11
    )
    np.testing.assert_allclose(
        correlate(values, weights, padding=window.padding)[1](gradient)[0],
        back(gradient)[0],
        atol=1e-11,
    )
    single = correlate_3x3(values.astype(np.float32), weights.astype(np.float32), window.padding)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, direct, atol=3e-5 * np.abs(direct).max())


def test_wide_padding_is_no_matter_for_winograd():
    values, weights = RNG.standard_normal((1, 16, 5, 5)), RNG.standard_normal((16, 16, 3, 3))
    matches, pullback = correlate(values, weights, padding=3)
    np.testing.assert_allclose(matches[:, :, 3:-3, 3:-3], correlate(values, weights)[0], atol=1e-11)
    assert pullback(np.ones_like(matches))[0].shape == values.shape


def test_workers_change_nothing_but_rounding():
    from hmax_cnn.extraction.parallel import workers

    values, weights = RNG.standard_normal((6, 16, 12, 12)), RNG.standard_normal((18, 16, 3, 3))
    for options in ({"padding": 1}, {"stride": 2}, {"groups": 2, "dilation": 2}):
        own = weights[:, : 16 // options.get("groups", 1)]
        alone, back = correlate(values, own, **options)
        gradient = RNG.standard_normal(alone.shape)
        with workers(3):
            together, back_together = correlate(values, own, **options)
            again = back_together(gradient)
            np.testing.assert_array_equal(back_together(gradient)[1], again[1])
        np.testing.assert_allclose(together, alone, atol=1e-11)
        for one, other in zip(back(gradient), again, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-10)


def test_formulas():
    values = RNG.standard_normal((1, 5, 2, 2))
    by_hand = (
        values
        / (
            2
            + 0.1
            * np.stack(
                [(values[:, max(0, i - 1) : i + 2] ** 2).sum(axis=1) for i in range(5)], axis=1
            )
        )
        ** 0.75
    )
    np.testing.assert_allclose(local_response_normalisation(values, 3, 0.1)[0], by_hand, rtol=1e-12)
    np.testing.assert_array_equal(
        copied_border(values, 2)[0], np.pad(values, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    )


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


@pytest.mark.parametrize(
    ("start", "variance"),
    [("he", 2 / 200), ("lecun", 1 / 200), ("glorot", 2 / 300), (0.07, 0.07**2)],
)
def test_starts(start, variance):
    drawn = Weight((100, 200), start, fan_in=200, fan_out=100).draw(np.random.default_rng(0))
    assert drawn.dtype == np.float32
    assert drawn.var() == pytest.approx(variance, rel=0.03)
    assert abs(drawn.mean()) < 4 * np.sqrt(variance / drawn.size)


def test_starts_depend_on_seed_and_name_only():
    one, other = graph_of(Conv(4, 3), Conv(5, 3)), graph_of(Conv(4, 3), Pool("max", 2), Dense(3))
    np.testing.assert_array_equal(one.draw(7)["n0.weight"], other.draw(7)["n0.weight"])
    assert (one.draw(7)["n0.weight"] != one.draw(8)["n0.weight"]).any()


# Graphs -----------------------------------------------------------------------------------------


def test_misaligned_branches_say_so():
    graph = Graph(1, (16, 16))
    one = graph.add("one", Conv(2, 3))
    other = graph.add("other", Conv(2, 3, padding=((0, 0), (0, 0))), "image")
    shifted = graph.add("shifted", Conv(2, 2, padding=((1, 0), (1, 0))), other)
    graph.add("aligned", Add(), one, other)
    graph.add("misaligned", Concatenate(), one, shifted)
    seen = {
        name: maps.field
        for name, maps, _ in graph.walk(
            Maps(np.empty((0, 1, 16, 16), np.float32)), None, graph.nodes
        )
    }
    assert (seen["aligned"].status, seen["aligned"].y.size) == ("exact", 3)
    assert (seen["misaligned"].status, seen["misaligned"].y.size) == ("largest path", 4)


def test_only_what_leads_to_the_wanted_is_run():
    graph = branches()
    image = Maps(RNG.standard_normal((1, 2, 8, 9)).astype(np.float32))
    assert [name for name, *_ in graph.walk(image, graph.draw(0), ["other"])] == ["other"]


def test_adaptive_fields():
    graph = graph_of(AdaptivePool("average", (3, 3)), channels=1, shape=(9, 12))
    ((_, maps, _),) = graph.walk(Maps(np.empty((0, 1, 9, 12), np.float32)), None, ["n0"])
    assert maps.field == Field().through(Window((3, 4), stride=(3, 4)))
    ((_, uneven, _),) = graph.walk(Maps(np.empty((0, 1, 10, 12), np.float32)), None, ["n0"])
    assert uneven.field.status == "largest path"


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
