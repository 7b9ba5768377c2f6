"""The nearest match is the minimum of all distances."""

import numpy as np
import pytest

from hmax_cnn.extraction import operations as ops

pytestmark = pytest.mark.quick


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
