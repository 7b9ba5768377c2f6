"""Kernels for the GPU in single precision against NumPy in double precision: on the processor
through a small header, and on a GPU where there is one."""

import numpy as np
import pytest
from operation_arrays import same_on

from hmax_cnn.cnn.optimisers import Optimiser
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.cuda import correlation

pytestmark = pytest.mark.quick


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# (images, features, height, width), (filters, features of a group, height, width), the rest
CORRELATIONS = {
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "one pixel, all padding but one": ((1, 2, 1, 1), (3, 2, 3, 3), {"padding": 1}),
    "1 x 1": ((3, 5, 7, 9), (4, 5, 1, 1), {}),
    "1 x 1 with strides": ((2, 5, 7, 9), (4, 5, 1, 1), {"stride": 2}),
    "odd": ((3, 3, 11, 7), (5, 3, 3, 5), {"stride": (3, 2), "padding": ((2, 0), (1, 4))}),
    "groups": ((2, 6, 8, 9), (9, 2, 3, 3), {"groups": 3, "padding": 1}),
    "dilated": ((2, 2, 13, 9), (4, 2, 3, 2), {"dilation": (3, 2), "stride": 2}),
    "more than a block": ((2, 3, 40, 40), (7, 3, 4, 4), {"padding": 2}),
}


@pytest.mark.parametrize("name", CORRELATIONS)
@pytest.mark.parametrize("budget", [None, 3000])
def test_correlation(monkeypatch, place, name, budget, rng):
    """Whole batches, and some rows at a time where memory is short. Seen: 4e-7 of the range."""
    if budget is not None:
        monkeypatch.setattr(correlation, "step_bytes", lambda _: budget)
    shape, filters, options = CORRELATIONS[name]
    arrays = [rng.standard_normal(shape), rng.standard_normal(filters)]
    same_on(place, ops.correlate, arrays, options)


@pytest.mark.parametrize("name", [name for name in CORRELATIONS if name != "groups"])
@pytest.mark.parametrize("rectifies", [True, False])
def test_correlation_and_what_follows(place, name, rectifies, rng):
    """Scaled, shifted and rectified as one after the other: to 2e-6 of the range."""
    shape, filters, options = CORRELATIONS[name]
    values, weights = rng.standard_normal(shape), rng.standard_normal(filters)
    scale, shift = rng.standard_normal((2, len(weights)))
    window = ops.windows.window_of(values, weights, "weights", **options)
    host = [values, weights, scale, shift]
    expected, got = (
        ops.correlate_and_finish(one, two, window, *rest, rectifies=rectifies)
        for one, two, *rest in (host, [place.put(array.astype(np.float32)) for array in host])
    )
    scale_of = max(1e-3, np.abs(expected).max())
    np.testing.assert_allclose(place.host(got), expected, atol=2e-6 * scale_of, rtol=0)


POOLS = {
    "one pixel": ((1, 1, 1, 1), {"window": 1}),
    "beyond the border": ((2, 3, 5, 6), {"window": 3, "stride": 2, "padding": ((0, 2), (1, 2))}),
    "strides larger than the window": ((2, 3, 9, 11), {"window": 2, "stride": 3}),
    "dilated": ((1, 4, 9, 9), {"window": 3, "dilation": 2, "padding": 1}),
    "more than a block": ((2, 3, 40, 40), {"window": 3, "stride": 2, "padding": 1}),
}


@pytest.mark.parametrize("name", POOLS)
def test_maximum(place, name, rng):
    shape, options = POOLS[name]
    same_on(place, ops.max_pool, [rng.standard_normal(shape)], options)


def test_the_first_of_those_that_tie_takes_the_gradient(place):
    _, back = ops.max_pool(place.put(np.ones((1, 1, 3, 3), np.float32)), 2)
    found = place.host(back(place.put(np.ones((1, 1, 2, 2), np.float32))))
    assert found[0, 0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("shape", [(8, 1, 1, 1), (3, 5, 7, 9), (1, 2, 33, 65), (9, 20, 2, 1)])
def test_batch_normalisation(place, shape, rng):
    """Also of values far from zero: their mean is taken off before squares are. Gradients are of
    values around 0, where they can be known in single precision."""

    def operation(*arrays):
        return ops.batch_normalisation(*arrays)[:2]

    values = rng.standard_normal(shape)
    scale, shift = rng.standard_normal((2, shape[1]))
    same_on(place, operation, [values, scale, shift], {})
    far = (100 + values).astype(np.float32)
    _, _, mean, variance = ops.batch_normalisation(
        *(place.put(array.astype(np.float32)) for array in (far, scale, shift))
    )
    # Of float32 numbers around 100, whose spacing is 8e-6.
    exactly = far.astype(float)
    np.testing.assert_allclose(place.host(mean), exactly.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(
        place.host(variance), exactly.var(axis=(0, 2, 3)), rtol=2e-5, atol=1e-9
    )


def test_scale_and_shift(place, rng):
    arrays = [rng.standard_normal((2, 5, 3, 7)), *rng.standard_normal((2, 5))]
    same_on(place, ops.scale_and_shift, arrays, {})


@pytest.mark.parametrize("shape", [(1,), (64, 5), (300,)])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_running_statistics(place, shape, share, rng):
    before, measured = rng.standard_normal((2, *shape))
    expected = (1 - share) * before + share * 1.25 * measured
    found = ops.running_statistics(
        *(place.put(array.astype(np.float32)) for array in (before, measured)), share, 1.25
    )
    # Seen: 2e-7.
    np.testing.assert_allclose(place.host(found), expected, atol=1e-6, rtol=0)


RULES = {
    "plain": Optimiser("sgd", 0.0),
    "momentum": Optimiser("sgd", 0.9),
    "Nesterov, decay": Optimiser("sgd", 0.9, nesterov=True, weight_decay=0.1),
    "Adam": Optimiser("adam"),
    "Adam, decay": Optimiser("adam", weight_decay=0.1, betas=(0.8, 0.95)),
}


@pytest.mark.parametrize("name", RULES)
def test_updates(place, name, rng):
    """Three of them, of an array and of one number, as in double precision."""
    if place.name == "read-only":
        pytest.skip("weights are moved in place")
    weights = {"many": rng.standard_normal((7, 300)), "one": rng.standard_normal(1)}
    steps = [{key: rng.standard_normal(weights[key].shape) for key in weights} for _ in range(3)]
    placed = {key: place.put(array.astype(np.float32)) for key, array in weights.items()}
    for moved, put in ((weights, np.copy), (placed, lambda a: place.put(a.astype(np.float32)))):
        memory = RULES[name].start(moved)
        for number, gradients in enumerate(steps, 1):
            of_device = {key: put(array) for key, array in gradients.items()}
            RULES[name].move(moved, memory, of_device, 0.01, number)
    for key, expected in weights.items():
        # Seen: 5e-7.
        np.testing.assert_allclose(place.host(placed[key]), expected, atol=2e-6, rtol=0)


SEARCHES = {
    "one place": ([(1, 1)], (1, 1, 1, 1), 0),
    "one pixel, windows beyond it": ([(1, 1)], (3, 2, 4, 4), ((1, 2), (1, 2))),
    "more prototypes than a block has": ([(9, 7)], (130, 3, 4, 4), 0),
    "several maps": ([(31, 17), (12, 13), (4, 5)], (65, 4, 4, 3), ((1, 2), (1, 1))),
    "places just beyond a tile": ([(3, 43), (1, 128)], (5, 2, 1, 1), 0),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("n_images", [1, 3])
def test_nearest(place, name, n_images, rng):
    """Distances of a few units to 1e-6 (seen: 2e-7), and the same winners."""
    sides, shape, padding = SEARCHES[name]
    maps = [rng.random((n_images, shape[1], *side)) for side in sides]
    prototypes = rng.random(shape)
    expected, band, position, _ = ops.nearest_distance(maps, prototypes, padding)
    placed = [place.put(array.astype(np.float32)) for array in (*maps, prototypes)]
    got, got_band, got_position, _ = ops.nearest_distance(placed[:-1], placed[-1], padding)
    np.testing.assert_allclose(place.host(got), expected, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(place.host(got_band), band)
    np.testing.assert_array_equal(place.host(got_position), position)


def test_what_was_cut_from_a_map_is_found_at_distance_zero(place, rng):
    """Exactly zero, the first place where the same is seen twice, and in the first map."""
    values = rng.random((1, 3, 20, 20)).astype(np.float32)
    values[..., 10:, :] = values[..., :10, :]
    prototypes = np.stack(
        [values[0, :, y : y + 5, x : x + 5] for y, x in [(0, 0), (3, 11), (5, 15)]]
    )
    placed = place.put(values)
    found, band, where, _ = ops.nearest_distance([placed, placed], place.put(prototypes))
    # Here the mean is not taken off: 0 is 0 only if both sides round alike.
    assert place.host(found).max() == 0
    assert place.host(band).max() == 0
    assert place.host(where).tolist() == [[0, 3 * 16 + 11, 5 * 16 + 15]]
