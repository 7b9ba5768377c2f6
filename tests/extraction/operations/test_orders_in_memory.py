"""Maps whose features, or whose images, lie last in memory: results are those of the plain order
in double precision."""

import numpy as np
import pytest

from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.parallel import workers

pytestmark = pytest.mark.quick

# Images, features, side, filters, window, stride, padding, dilation.
FEATURES_LAST = [
    (3, 16, 11, 20, 3, 1, 1, 1),  # Winograd's tiles, cut off at the border
    (2, 70, 8, 65, 3, 1, 0, 1),  # more features than are transformed together
    (30, 16, 4, 16, 3, 1, 1, 1),
    (2, 16, 9, 24, 3, 2, 1, 1),
    (2, 16, 9, 24, 1, 1, 0, 1),
    (2, 16, 9, 24, 1, 2, 0, 1),
    (2, 3, 15, 16, 7, 2, 3, 1),
    (2, 16, 12, 16, 3, 1, 2, 2),
    (1, 20, 3, 18, 5, 1, 2, 1),
]
IMAGES_LAST = [
    (32, 1, 12, 6, 5, 1, 2, 1),
    (40, 6, 9, 8, 5, 1, 0, 1),
    (33, 2, 11, 3, 3, 2, 1, 1),
    (32, 3, 9, 4, 3, 1, 2, 2),
    (33, 2, 11, 7, 3, (2, 1), ((0, 1), (2, 1)), 1),
]


def near(found, expected, to):
    """Relative to the largest value."""
    np.testing.assert_allclose(found, expected, atol=to * np.abs(expected).max(), rtol=0)


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("case", FEATURES_LAST + IMAGES_LAST)
def test_correlation_and_its_ways_back(case, n_workers):
    """To 2e-5 of the largest value (seen: 4e-6, Winograd's own error)."""
    n_images, n_features, side, n_filters, window, stride, padding, dilation = case
    rng = np.random.default_rng(0)
    values = rng.standard_normal((n_images, n_features, side, side)).astype(np.float32)
    weights = rng.standard_normal((n_filters, n_features, window, window)).astype(np.float32)
    expected, back = ops.correlate(
        values.astype(float), weights.astype(float), stride, padding, dilation
    )
    gradient = rng.standard_normal(expected.shape).astype(np.float32)
    to_values, to_weights = back(gradient.astype(float))
    with workers(n_workers):
        for given in orders_of(values):
            matches, own_back = ops.correlate(given, weights, stride, padding, dilation)
            assert matches.dtype == np.float32
            near(matches, expected, 2e-5)
            own_to_values, own_to_weights = own_back(gradient)
            near(own_to_values, to_values, 2e-5)
            near(own_to_weights, to_weights, 2e-5)


def orders_of(values):
    """The same maps with features last, images last and as they are; the last for reading only."""
    yield values
    yield np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    yield np.ascontiguousarray(values.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    kept = values.copy()
    kept.flags.writeable = False
    yield kept


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize("shape", [(2, 16, 7, 5), (33, 5, 6, 6), (3, 40, 1, 1)])
def test_batch_normalisation(shape):
    """Far from zero, where sums in single precision lose digits: to 1e-5 (seen: 2e-6)."""
    rng = np.random.default_rng(1)
    values = (rng.standard_normal(shape) + 100).astype(np.float32)
    scale, shift = rng.random((2, shape[1])).astype(np.float32)
    expected, back, mean, variance = ops.batch_normalisation(
        values.astype(float), scale.astype(float), shift.astype(float)
    )
    gradient = rng.standard_normal(shape).astype(np.float32)
    expected_back = back(gradient.astype(float))
    for given in orders_of(values):
        found, own_back, own_mean, own_variance = ops.batch_normalisation(given, scale, shift)
        near(own_mean, mean, 1e-6)
        near(own_variance, variance, 1e-4)
        near(found, expected, 1e-4)
        for one, other in zip(own_back(gradient), expected_back, strict=True):
            near(one, other, 1e-3)


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize("shape", [(2, 16, 7, 5), (33, 5, 6, 6)])
def test_sums_by_feature(shape):
    """Of values near 1000, to 3e-6 (seen: 1.2e-6)."""
    values = (np.random.default_rng(4).standard_normal(shape) + 1000).astype(np.float32)
    for given in orders_of(values):
        near(ops.sum_by_feature(given), values.sum(axis=(0, 2, 3), dtype=float), 3e-6)


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize(
    ("window", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, ((0, 1), (1, 0)))]
)
@pytest.mark.parametrize("shape", [(2, 16, 8, 9), (33, 3, 6, 7)])
def test_maximum_pooling(shape, window, stride, padding):
    """Bit by bit, ties and what is not a number included."""
    rng = np.random.default_rng(2)
    values = rng.integers(0, 4, shape).astype(np.float32)
    expected, back = ops.max_pool(values.astype(float), window, stride, padding)
    gradient = rng.integers(1, 5, expected.shape).astype(np.float32)
    to_values = back(gradient.astype(float))
    for given in orders_of(values):
        pooled, own_back = ops.max_pool(given, window, stride, padding)
        np.testing.assert_array_equal(pooled, expected)
        np.testing.assert_array_equal(own_back(gradient), to_values)
    for given in orders_of(np.where(values == 3, np.nan, values)):
        pooled, _ = ops.max_pool(given, window, stride, padding)
        assert np.isnan(pooled).any()
        assert not np.isnan(pooled).all()


@pytest.mark.parametrize("shape", [(4, 16, 60, 60), (40, 2, 40, 41)])
def test_rectifier_and_sums_keep_the_order(shape):
    """Large enough to be dealt out to workers."""
    rng = np.random.default_rng(3)
    values, more = rng.standard_normal((2, *shape)).astype(np.float32)
    gradient = rng.standard_normal(shape).astype(np.float32)
    with workers(2):
        for given, other in zip(orders_of(values), orders_of(more), strict=True):
            active, back = ops.relu(given)
            np.testing.assert_array_equal(active, np.maximum(values, 0))
            np.testing.assert_array_equal(back(gradient), gradient * (values > 0))
            total = ops.add([given, other, given])
            np.testing.assert_array_equal(total, values + more + values)
            assert active.strides == total.strides == given.strides
