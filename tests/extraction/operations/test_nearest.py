"""The nearest match is the minimum of all distances."""

import numpy as np
import pytest

from hmax_cnn.extraction import operations as ops

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("size", "padding"), [(2, 0), (5, 2), (6, ((2, 3), (2, 3))), (8, 0), (10, ((4, 5), (4, 5)))]
)
@pytest.mark.parametrize("kind", ["noise", "flat", "blank", "bright"])
@pytest.mark.usefixtures("compiled_and_not")
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


@pytest.mark.usefixtures("compiled_and_not")
def test_the_first_of_several_that_tie():
    """Blank places tie; so do copies of one window in several maps, of which the first wins."""
    rng = np.random.default_rng(0)
    bands = [np.zeros((1, 4, side, side), np.float32) for side in (30, 20, 12)]
    patch = rng.random((4, 4, 4)).astype(np.float32)
    bands[2][0, :, 3:7, 5:9] = patch
    bands[1][0, :, 9:13, 2:6] = bands[1][0, :, 9:13, 11:15] = patch
    prototypes = np.stack([np.zeros_like(patch), patch])
    distances, band, place, _ = ops.nearest_distance(bands, prototypes)
    np.testing.assert_array_equal(distances, [[0, 0]])
    np.testing.assert_array_equal(band, [[0, 1]])
    np.testing.assert_array_equal(place, [[0, 9 * 17 + 2]])


@pytest.mark.usefixtures("compiled_and_not")
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 2), (3, 9)])
def test_prototypes_of_any_shape(shape):
    """One element, uneven sides, more prototypes than places; distances agree to 2e-6 (seen: 5e-7
    compiled, 1e-6 in NumPy)."""
    rng = np.random.default_rng(1)
    bands = [rng.random((2, 3, *sides)).astype(np.float32) for sides in ((9, 9), (11, 10))]
    prototypes = rng.random((200, 3, *shape)).astype(np.float32)
    distances, _, _, _ = ops.nearest_distance(bands, prototypes)
    for image in range(2):
        expected = [
            np.sqrt(((windows(band[image], shape)[:, None] - prototypes) ** 2).sum(axis=(2, 3, 4)))
            for band in bands
        ]
        np.testing.assert_allclose(
            distances[image], np.concatenate(expected).min(axis=0), atol=2e-6
        )


def windows(maps, shape):
    """Every window of (feature, y, x) maps, in double precision."""
    views = np.lib.stride_tricks.sliding_window_view(maps.astype(float), shape, (1, 2))
    return views.transpose(1, 2, 0, 3, 4).reshape(-1, len(maps), *shape)
