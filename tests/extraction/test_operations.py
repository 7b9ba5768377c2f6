"""Operations: values against independent code, pullbacks against finite differences, on every
device."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance

from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import to_host
from hmax_cnn.extraction.fields import Window
from hmax_cnn.extraction.operations.pooling import box_sum
from hmax_cnn.extraction.operations.windows import spread, window_views

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(5)
VALUES = RNG.random((2, 3, 9, 8)) + 0.1
WEIGHTS = RNG.standard_normal((4, 3, 3, 2))
SIX = RNG.standard_normal((5, 3, 6, 6))


def spectral(values, weights):
    return ops.correlate_spectrum(ops.Spectrum.of(values), weights)


def nearest(one, other, prototypes):
    distances, _, _, pullback = ops.nearest_distance(
        [one, other], prototypes, padding=((2, 3), (2, 3))
    )

    def flat(gradient):
        (to_one, to_other), to_prototypes = pullback(gradient)
        return to_one, to_other, to_prototypes

    return distances, flat


SINGLE = RNG.random((2, 1, 9, 8))
CASES = {
    "correlate": (ops.correlate, [VALUES, WEIGHTS], {}),
    "correlate, everything": (
        ops.correlate,
        [VALUES, WEIGHTS],
        {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "dilation": (1, 2)},
    ),
    "correlate by spectrum": (spectral, [SINGLE, RNG.standard_normal((3, 1, 5, 3))], {}),
    "maximum": (ops.max_pool, [VALUES], {"window": 3, "stride": 2}),
    "maximum, everything": (
        ops.max_pool,
        [VALUES],
        {"window": (3, 2), "stride": (1, 2), "padding": ((1, 0), (1, 1)), "dilation": (2, 1)},
    ),
    "average": (ops.average_pool, [VALUES], {"window": 3, "stride": 2, "padding": 1}),
    "average with padding": (
        ops.average_pool,
        [VALUES],
        {"window": (2, 3), "padding": 1, "count_padding": True, "dilation": 2},
    ),
    "L2 over space": (ops.l2_pool, [VALUES], {"window": 3, "stride": 2, "padding": 1}),
    "L2 over features": (ops.feature_l2_pool, [RNG.standard_normal((2, 6, 4, 5))], {"group": 2}),
    "soft maximum": (
        ops.softmax_pool,
        [VALUES],
        {"window": 3, "stride": 2, "padding": 1, "exponent": 3.0},
    ),
    "soft maximum, root": (
        ops.softmax_pool,
        [VALUES],
        {"window": 2, "exponent": 0.5, "offset": 0.1},
    ),
    "divide by local norm": (
        ops.divide_by_local_norm,
        [RNG.standard_normal((2, 4, 7, 6)), VALUES],
        {"window": 3},
    ),
    "local contrast": (ops.local_contrast_normalisation, [VALUES], {"window": 5}),
    "dot product": (ops.dot_product, [VALUES, WEIGHTS], {"padding": 1}),
    "Euclidean distance": (
        ops.euclidean_distance,
        [VALUES, WEIGHTS],
        {"padding": ((0, 1), (1, 1))},
    ),
    "nearest, dense": (
        nearest,
        [VALUES, VALUES[..., 2:] * 1.3, RNG.standard_normal((4, 3, 5, 5))],
        {},
    ),
    "nearest, pruned": (nearest, [VALUES, VALUES[..., 2:] * 1.3, SIX], {}),
    "Gaussian": (ops.gaussian, [VALUES], {"sharpness": 0.7}),
    "normalised dot product": (
        ops.normalised_dot_product,
        [VALUES, WEIGHTS],
        {"padding": 1, "slope": 2.0, "threshold": 0.1, "offset": 0.3},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_pullback_is_the_gradient(name):
    """Along random directions, central differences in float64; the largest relative error seen is
    2.4e-10 (at a step of 1e-6)."""
    operation, arrays, options = CASES[name]
    value, pullback = operation(*arrays, **options)
    gradient = np.random.default_rng(1).standard_normal(value.shape)
    found = pullback(gradient)
    if not (isinstance(found, tuple)):
        found = (found,)
    assert [f.shape for f in found] == [a.shape for a in arrays]
    for index, to_array in enumerate(found):
        towards = np.random.default_rng(index).standard_normal(arrays[index].shape)
        ends = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[index] = moved[index] + sign * 1e-6 * towards
            ends.append(operation(*moved, **options)[0])
        slope = (gradient * (ends[0] - ends[1])).sum() / 2e-6
        scale = np.abs(to_array * towards).sum()
        assert abs(slope - (to_array * towards).sum()) <= 1e-6 * scale


@pytest.mark.parametrize("name", CASES)
def test_same_on_every_device(place, name):
    """float32 on the device against float64 here: values agree to 2e-6 of their range, gradients to
    2e-5 (seen on NumPy: 3e-7 and 3e-7)."""
    operation, arrays, options = CASES[name]
    value, pullback = operation(*arrays, **options)
    # weights of this operation
    if operation is spectral:
        on_host = {1}
    else:
        on_host = set()
    placed = [
        array if index in on_host else place.put(array.astype(np.float32))
        for index, array in enumerate(arrays)
    ]
    copies = [to_host(array).copy() for array in placed]
    got, got_pullback = operation(*placed, **options)
    assert got.dtype == np.float32
    np.testing.assert_allclose(place.host(got), value, atol=2e-6 * np.abs(value).max(), rtol=0)
    gradient = np.random.default_rng(1).standard_normal(value.shape).astype(np.float32)
    expected, found = pullback(gradient.astype(float)), got_pullback(place.put(gradient))
    for one, other in zip(
        expected if isinstance(expected, tuple) else (expected,),
        found if isinstance(found, tuple) else (found,),
        strict=True,
    ):
        np.testing.assert_allclose(place.host(other), one, atol=2e-5 * np.abs(one).max(), rtol=0)
    for array, copy in zip(placed, copies, strict=True):
        np.testing.assert_array_equal(to_host(array), copy)


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


@pytest.mark.parametrize("n_filters", [1, 2, 5])
def test_spectrum_agrees_with_direct(n_filters):
    values, weights = RNG.random((2, 1, 31, 23)) * 255, RNG.standard_normal((n_filters, 1, 9, 7))
    np.testing.assert_allclose(
        spectral(values, weights)[0], ops.correlate(values, weights)[0], atol=1e-11
    )


def test_spectrum_keeps_dark_places_exact():
    """Beside a bright half, a dark one of a millionth of its luminance: float32 transforms would
    lose it."""
    values = RNG.random((1, 1, 40, 40)).astype(np.float32)
    values[..., :20] *= 1e-6
    weights = RNG.standard_normal((2, 1, 7, 7))
    direct = ops.correlate(values.astype(float), weights)[0][..., :14]
    np.testing.assert_allclose(
        spectral(values, weights)[0][..., :14], direct, atol=1e-6 * np.abs(direct).max()
    )


def test_pooling_agrees_with_slow_loops():
    window = Window((3, 2), (2, 1), ((1, 0), (1, 2)), (1, 2))  # as the options below
    views = window_views(VALUES, window)
    lost = window_views(VALUES, window, fill=-np.inf)
    options = {"window": (3, 2), "stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2)}
    np.testing.assert_array_equal(ops.max_pool(VALUES, **options)[0], lost.max(axis=(4, 5)))
    np.testing.assert_allclose(
        ops.l2_pool(VALUES, **options)[0], np.sqrt((views**2).sum(axis=(4, 5))), rtol=1e-13
    )
    np.testing.assert_allclose(
        ops.average_pool(VALUES, **options, count_padding=True)[0],
        views.mean(axis=(4, 5)),
        rtol=1e-13,
    )
    inside = np.isfinite(lost).sum(axis=(4, 5))
    np.testing.assert_allclose(
        ops.average_pool(VALUES, **options)[0], views.sum(axis=(4, 5)) / inside, rtol=1e-13
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_box_sum_agrees_with_slow_loops(size):
    window = Window(size, dilation=1 if size > 4 else 2)
    np.testing.assert_allclose(
        box_sum(VALUES[:, :, :, :] + 0, window),
        window_views(VALUES, window).sum(axis=(4, 5)),
        rtol=1e-13,
    )


def test_box_sum_of_darkness_is_zero():
    values = np.zeros((1, 1, 20, 20), np.float32)
    values[..., :5, :5] = 255
    assert (box_sum(values, Window(7))[0, 0, 5:, 5:] == 0).all()


def test_maximum_agrees_with_scipy_filter():
    expected = scipy.ndimage.maximum_filter(VALUES[0, 0], size=3)[1:-1, 1:-1]
    np.testing.assert_array_equal(ops.max_pool(VALUES, 3)[0][0, 0], expected)


def test_soft_maximum_goes_from_mean_to_maximum():
    values = 1 + VALUES
    mean, most = (ops.softmax_pool(values, 3, exponent=exponent)[0] for exponent in (0.0, 300.0))
    np.testing.assert_allclose(mean, ops.average_pool(values, 3)[0], rtol=1e-6)
    np.testing.assert_allclose(most, ops.max_pool(values, 3)[0], rtol=5e-3)


def test_distances_agree_with_scipy():
    distances, _ = ops.euclidean_distance(VALUES, WEIGHTS)
    windows = window_views(VALUES, Window((3, 2)))[1].transpose(1, 2, 0, 3, 4).reshape(-1, 18)
    expected = scipy.spatial.distance.cdist(WEIGHTS.reshape(4, -1), windows)
    np.testing.assert_allclose(distances[1].reshape(4, -1), expected, rtol=1e-12)


def test_distance_to_itself_is_zero_in_single_precision():
    """|x|^2 - 2 x.w + |w|^2 alone would leave up to 0.02 here."""
    values = (0.5 + 0.3 * RNG.random((1, 4, 30, 30))).astype(np.float32)
    prototypes = np.stack([values[0, :, i : i + 16, i : i + 16] for i in range(5)])
    distances, _ = ops.euclidean_distance(values, prototypes)
    assert max(distances[0, i, i, i] for i in range(5)) < 1e-6


@pytest.mark.parametrize(
    ("size", "padding"), [(2, 0), (5, 2), (6, ((2, 3), (2, 3))), (8, 0), (10, ((4, 5), (4, 5)))]
)
@pytest.mark.parametrize("kind", ["noise", "flat", "blank", "bright"])
def test_nearest_is_the_minimum_of_all_distances(size, padding, kind):
    """Places excluded by the bound never hold the winner; distances in single precision agree to
    5e-5 (seen: 2e-5)."""
    rng = np.random.default_rng(size)
    scale = {"noise": 1, "flat": 1e-3, "blank": 0, "bright": 100}[kind]
    bands = [
        (scale * rng.random((2, 4, side, side + 3)) + (0.5 if kind == "flat" else 0)).astype(
            np.float32
        )
        for side in (40, 21, 12)
    ]
    prototypes = rng.random((30, 4, size, size)).astype(np.float32)
    prototypes[0] = 0
    prototypes[1] = bands[1][0, :, 2 : 2 + size, 3 : 3 + size]
    distances, band, place, _ = ops.nearest_distance(bands, prototypes, padding)
    maps = [
        ops.euclidean_distance(b.astype(float), prototypes.astype(float), padding)[0].reshape(
            2, 30, -1
        )
        for b in bands
    ]
    every = np.concatenate(maps, axis=2)
    np.testing.assert_allclose(distances, every.min(axis=2), atol=5e-5 * max(1, scale))
    chosen = np.take_along_axis(
        every, (np.cumsum([0] + [m.shape[2] for m in maps])[band] + place)[..., None], 2
    )[..., 0]
    np.testing.assert_allclose(chosen, every.min(axis=2), atol=5e-5 * max(1, scale))


def test_normalisation_against_formulas():
    energy = window_views(VALUES**2, Window(3)).sum(axis=(1, 4, 5))
    responses = RNG.standard_normal((2, 4, 7, 6))
    np.testing.assert_allclose(
        ops.divide_by_local_norm(responses, VALUES, 3)[0],
        responses / np.sqrt(energy)[:, None],
        rtol=1e-12,
    )
    np.testing.assert_array_equal(ops.divide_by_local_norm(responses, 0 * VALUES, 3)[0], responses)
    normalised, _ = ops.local_contrast_normalisation(VALUES * 7 + 100)
    np.testing.assert_allclose(normalised, ops.local_contrast_normalisation(VALUES)[0], atol=1e-10)
    np.testing.assert_allclose(ops.local_contrast_normalisation(0 * VALUES + 3)[0], 0, atol=1e-9)


def test_normalised_dot_product_against_formula():
    windows = window_views(VALUES, Window((3, 2)))
    products = np.einsum("nfyxij,mfij->nmyx", windows, WEIGHTS)
    norm = np.sqrt((windows**2).sum(axis=(1, 4, 5)))[:, None]
    expected = 1 / (1 + np.exp(-2 * (products / (0.3 + norm) - 0.1)))
    np.testing.assert_allclose(
        ops.normalised_dot_product(VALUES, WEIGHTS, slope=2, threshold=0.1, offset=0.3)[0],
        expected,
        rtol=1e-12,
    )


def test_spread_is_the_adjoint_of_look():
    window = Window((3, 2), (2, 1), ((1, 0), (1, 2)), (1, 2))
    views = window_views(VALUES, window)
    other = RNG.standard_normal(views.shape)
    assert (views * other).sum() == pytest.approx(
        (VALUES * spread(other, VALUES.shape, window)).sum(), rel=1e-12
    )
