"""Correlation against sparse matrices, flipped filters and scipy."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.sparse
import scipy.spatial.distance

from hmax_cnn.extraction import Window
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.operations import correlate

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


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


RNG = np.random.default_rng(5)


VALUES = RNG.random((2, 3, 9, 8)) + 0.1


WEIGHTS = RNG.standard_normal((4, 3, 3, 2))


def test_correlate_agrees_with_scipy():
    matches, _ = ops.correlate(VALUES, WEIGHTS)
    expected = [
        [
            sum(
                scipy.signal.correlate2d(x, w, mode="valid")
                for x, w in zip(image, filters, strict=True)
            )
            for filters in WEIGHTS
        ]
        for image in VALUES
    ]
    np.testing.assert_allclose(matches, expected, atol=1e-13)
