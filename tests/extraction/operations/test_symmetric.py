"""Matches by symmetry are those of the whole filters."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from hmax_cnn.extraction.operations.symmetric import Quadrants, block_maxima, suits
from hmax_cnn.hmax import gabor_bank

pytestmark = pytest.mark.quick


def slowly(image, bank, *, silent):
    """Matches over the norm of what each filter sees, in double precision, filter by filter."""
    half = bank.shape[-1] // 2
    mode = "valid" if silent else "same"
    energy = correlate2d(image**2, np.ones(bank.shape[1:]), mode)
    floor = (1e-6 * np.abs(image).max()) ** 2
    norm = np.sqrt(np.where(energy > floor, energy, 1))
    matches = np.stack([correlate2d(image, filter_, mode) / norm for filter_ in bank])
    if not silent:
        return matches
    everywhere = np.zeros((len(bank), *image.shape))
    inside = (slice(half + 1, image.shape[0] - half), slice(half + 1, image.shape[1] - half))
    everywhere[:, inside[0], inside[1]] = matches[:, 1:, 1:]
    return everywhere


BANKS = {
    "four orientations": [gabor_bank(size, size / 2, [90, -45, 0, 45]) for size in (7, 9, 21)],
    "twelve": [gabor_bank(size, size / 2, np.arange(0, 180, 15)) for size in (11, 13)],
    "one oblique": [gabor_bank(15, 8, [20])],
    "quadrature": [gabor_bank(9, 5, [0, 45, 90, 135], phases=(0, 90))],
    "any phase, round": [gabor_bank(9, 5, [0, 30], phases=(10, 70), aspect_ratio=1)],
    "largest on a GPU": [gabor_bank(51, 25, [0, 45])],
    "largest": [gabor_bank(63, 30, [0, 45])],
}


def put(place, images, bank):
    """Images where they are wanted; skips where no kernel can take them."""
    placed = place.put(images)
    if not suits(placed, bank.shape[-1]):
        pytest.skip("no kernel for these filters here")
    return placed


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("name", BANKS)
def test_matches_of_every_bank(place, name, silent):
    """Single precision to 1e-6; seen 4e-7. The image is wider than what is computed together."""
    banks, rng = BANKS[name], np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 1, 70, 291)).astype(np.float32)
    found = block_maxima(
        put(place, images, banks[-1]),
        Quadrants.of(banks),
        "signed",
        range(len(banks)),
        [1] * len(banks),
        silent=silent,
    )
    for bank, maps in zip(banks, found, strict=True):
        for image, own in zip(images[:, 0], place.host(maps), strict=True):
            expected = slowly(image.astype(float), bank, silent=silent)
            np.testing.assert_allclose(own, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (9, 8), (33, 257)])
@pytest.mark.parametrize("response", ["absolute", "half"])
def test_maxima_of_blocks_and_sizes(place, shape, response):
    """Of images of any shape, borders included: to 1e-6."""
    banks = BANKS["four orientations"]
    image = np.random.default_rng(1).random(shape).astype(np.float32)
    blocks, bands = [3, 4], [0, 0, 1]
    images = put(place, image[None, None], banks[-1])
    found = block_maxima(images, Quadrants.of(banks), response, bands, blocks, silent=False)
    maps = np.stack([slowly(image.astype(float), bank, silent=False) for bank in banks])
    maps = np.abs(maps) if response == "absolute" else np.maximum(maps, 0)
    for own, side, strongest in zip(found, blocks, (maps[:2].max(axis=0), maps[2]), strict=True):
        np.testing.assert_allclose(place.host(own)[0], blockwise(strongest, side), atol=1e-6)


def blockwise(maps, side):
    rows = range(0, maps.shape[1], side)
    columns = range(0, maps.shape[2], side)
    return np.array(
        [[[m[y : y + side, x : x + side].max() for x in columns] for y in rows] for m in maps]
    )


def test_dark_places_beside_bright_ones(place):
    """Contrast a ten-thousandth of what lies beside it: to 1e-4 of the responses."""
    rng = np.random.default_rng(2)
    image = rng.random((60, 60)).astype(np.float32)
    image[:, 30:] *= 1e-4
    bank = BANKS["four orientations"][0]
    images = put(place, image[None, None], bank)
    (found,) = block_maxima(images, Quadrants.of([bank]), "signed", [0], [1], silent=True)
    expected = slowly(image.astype(float), bank, silent=True)
    assert np.abs(place.host(found)[0] - expected)[:, :, 36:].max() < 1e-4


def test_quadrants_are_no_more_than_filters():
    """Four orientations need four quadrants, twelve need twelve."""
    assert Quadrants.of(BANKS["four orientations"]).weights.shape == (1, 3, 11, 12, 4)
    assert len(Quadrants.of(BANKS["twelve"]).weights) == 3
