"""Cells drawn from measured distributions of V1, and HMAX on top of them."""

import numpy as np
import pytest

from hmax_cnn.hmax import V1HMAX
from hmax_cnn.hmax.noise import noisy
from hmax_cnn.hmax.v1 import drawn_filters, drawn_tuning

pytestmark = pytest.mark.quick


def test_drawn_cells_have_the_measured_histograms():
    """Of 40,000 cells, in the bins of the published counts, within five standard errors."""
    cells = drawn_tuning(40_000, highest_frequency=12.0, correlation=0.75, seed=1)
    turned = np.where(cells.orientations >= 157.5, cells.orientations - 180, cells.orientations)
    counts, _ = np.histogram(turned, [-22.5, 22.5, 67.5, 112.5, 157.5])
    shares = np.array([66, 49, 77, 54]) / 246
    np.testing.assert_allclose(counts / 40_000, shares, atol=5 * np.sqrt(0.25 / 40_000))
    edges = [0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2]
    counts, _ = np.histogram(cells.frequencies, edges)
    shares = np.array([4, 4, 8, 25, 32, 26, 28, 12, 8]) / 147
    np.testing.assert_allclose(counts / 40_000, shares, atol=5 * np.sqrt(0.25 / 40_000))
    joint, *_ = np.histogram2d(cells.across, cells.along, [10 ** np.linspace(-1, 0.2, 6)] * 2)
    expected = np.zeros((5, 5))
    expected[:4] = [[2, 0, 1, 0, 0], [8, 9, 4, 1, 0], [1, 2, 19, 17, 3], [0, 0, 1, 7, 4]]
    np.testing.assert_allclose(joint / 40_000, expected / 79, atol=5 * np.sqrt(0.25 / 40_000))
    ranks = [values.argsort().argsort() for values in (cells.frequencies, cells.across)]
    # Ranks of normal variables that correlate at 0.75 do at 6 / pi asin(0.375).
    assert np.corrcoef(*ranks)[0, 1] == pytest.approx(6 / np.pi * np.arcsin(0.375), abs=0.02)
    assert drawn_tuning(500, 6.0, 0.75, 0).frequencies.max() <= 5.6


def test_filters_prefer_what_was_drawn():
    """The strongest Fourier component of filters that see several periods, in a window that holds
    them, is the drawn orientation and frequency."""
    filters, cells = drawn_filters(300, 61, 28.0, 6.0, 0.75, 2)
    fits = (cells.frequencies > 2) & (np.minimum(cells.across, cells.along) > 0.4)
    assert fits.sum() > 20
    for number in np.flatnonzero(fits):
        pair = filters[number, 0] + 1j * filters[number, 1]
        power = np.abs(np.fft.fft2(pair, (512, 512)))
        row, column = np.unravel_index(power.argmax(), power.shape)
        down, right = np.fft.fftfreq(512)[row], np.fft.fftfreq(512)[column]
        assert np.hypot(down, right) * 28 == pytest.approx(cells.frequencies[number], rel=0.1)
        angle = np.rad2deg(np.arctan2(-down, right)) % 180
        off = abs(angle - cells.orientations[number])
        assert min(off, 180 - off) < 6


def images(count=2, shape=(64, 64)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


SMALL = {"n_simple": 5, "n_complex": 4, "n_prototypes": 6}


def test_cells_against_their_definition():
    """Simple cells, and complex ones as the root of a mean square, at one place. 2e-6 was seen."""
    model = V1HMAX("v1", **SMALL)
    response = model.activations(images(), ["v1"])["v1"]["response"].values
    assert response.shape == (2, 9, 16, 16)
    filters, _ = drawn_filters(9, 25, 28.0, 6.0, 0.75, 0)
    seen = images()[1, 20:45, 16:41] / 127.5 - 1  # around the cell at row 8, column 7
    matches = (filters.astype(float) * seen).sum(axis=(2, 3))
    expected = np.where(
        np.arange(9) < 5, np.maximum(matches[:, 0], 0), np.sqrt((matches**2).mean(axis=1))
    )
    np.testing.assert_allclose(response[1, :, 8, 7], 25 * expected, atol=1e-5)


def test_noise_is_a_pictures_own_and_grows_with_the_response():
    """The same in any batch and order; of variance response / scale + level / scale^2."""
    shown = images(3)
    model = V1HMAX("v1", noise=True, **SMALL)
    together, alone = model.transform(shown), model.transform(shown[[2, 0]])
    np.testing.assert_array_equal(together[[2, 0]], alone)
    other = V1HMAX("v1", noise=True, random_state=1, **SMALL).transform(shown)
    assert np.abs(other - together).max() > 0.1
    responses = np.full((200, 1, 20, 20), 60.0, np.float32)
    pictures = np.random.default_rng(0).random((200, 1, 4, 4)).astype(np.float32)
    found, _ = noisy(responses, pictures, 0.35, 0.07, (0,))
    assert found.mean() == pytest.approx(60, rel=0.01)
    assert found.var() == pytest.approx((60 * 0.35 + 0.07) / 0.35**2, rel=0.02)
    assert found.min() >= 0


def test_imprinted_prototypes_are_found():
    shown = images()
    model = V1HMAX(prototype_sizes=(2,), **SMALL).fit(shown)
    source = model.prototypes_.provenance["image"].to_numpy()
    assert model.transform(shown)[source, np.arange(6)].max() < 1e-2


@pytest.mark.parametrize("noise", [False, True])
def test_gradients(noise):
    """By finite differences, with the noise held."""
    model = V1HMAX("v1", noise=noise, **SMALL)
    image, rng = images(1).astype(np.float64), np.random.default_rng(3)
    if noise:  # another image would have other noise
        responses = rng.random((1, 3, 4, 5)).astype(np.float32) + 1
        _, back = noisy(responses, image, 0.35, 0.07, (0,))
        gradient = rng.standard_normal(responses.shape).astype(np.float32)
        step = 1e-2 * rng.standard_normal(responses.shape).astype(np.float32)
        high, low = (noisy(responses + s, image, 0.35, 0.07, (0,))[0] for s in (step, -step))
        change = ((high - low) / 2 * gradient).sum()
        assert (back(gradient) * step).sum() == pytest.approx(change, rel=0.05)
        return
    unit = 3 * 256 + 100
    gradient = model.image_gradient(image, "v1", unit)[0]
    step = rng.standard_normal(image.shape[1:])
    high, low = (model.transform(image + s)[0, unit] for s in (step, -step))
    expected = float(high - low) / 2
    assert float((gradient * step).sum()) == pytest.approx(expected, abs=1e-4, rel=1e-3)


def test_filters_that_are_handed_out_are_copies():
    model = V1HMAX("v1", **SMALL)
    before = model.transform(images())
    model.first_filters()["25 px"][:] = 0
    np.testing.assert_array_equal(V1HMAX("v1", **SMALL).transform(images()), before)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"size": 24}, "`size` must be odd"),
        ({"n_simple": -1}, "`n_simple` must be a whole number from 0 to 4096, got -1"),
        ({"highest_frequency": 0.6}, "`highest_frequency` must be at least 0.7 cycles per degree"),
        ({"correlation": 1.0}, "`correlation` must lie between -1 and 1, got 1.0"),
        ({"gain": 0}, "`gain` must be a number above 0, got 0"),
        ({"gain": "a"}, "`gain` must be a number above 0, got 'a'"),
        ({"noise": "loud"}, "`noise` must be True or False, got 'loud'"),
        ({"noise_level": -1.0}, "`noise_level` must be a number of at least 0, got -1.0"),
    ],
)
def test_bad_parameters(parameters, text):
    with pytest.raises((ValueError, TypeError), match=text):
        V1HMAX("v1", **parameters).transform(images())
