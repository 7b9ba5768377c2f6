"""Imprinting: patches are C1 of the place that is named."""

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick


def test_imprinted_prototypes_find_their_source(images, place):
    """Distance 0 (below 1e-3) at the place that the provenance names."""
    model = HMAX(n_prototypes=20, random_state=4, device=place.device).fit(place.put(images))
    found, table = model.winners(place.put(images)), model.prototypes_.provenance
    assert len(table) == found.sizes["unit"] == 160
    for unit, row in table.iterrows():
        spot = found.isel(unit=unit, image=row["image"])
        assert spot["response"] < 1e-3
        if (
            np.linalg.norm(model.prototypes_.patches[row["size"]][row["prototype"]]) > 0.5
        ):  # blank ones fit anywhere
            assert f"b{int(spot['band'])}" == row["band"]
            offset = (row["size"] - 1) // 2
            assert (int(spot["row"]), int(spot["column"])) == (
                row["row"] + offset,
                row["column"] + offset,
            )
            assert [int(spot[side]) for side in ("top", "left", "bottom", "right")] == [
                row[s] for s in ("top", "left", "bottom", "right")
            ]


def test_patches_are_c1_of_the_named_place(images):
    model = HMAX(n_prototypes=6).fit(images)
    c1 = model.activations(images, ["c1"])
    for _, row in model.prototypes_.provenance.iterrows():
        values = c1[f"c1/{row['band']}"]["response"].values[row["image"]]
        patch = values[
            :, row["row"] : row["row"] + row["size"], row["column"] : row["column"] + row["size"]
        ]
        np.testing.assert_allclose(
            model.prototypes_.patches[row["size"]][row["prototype"]], patch, atol=2e-6
        )


def test_seed_decides_what_is_imprinted(images):
    first, same, other = (
        HMAX(random_state=seed, n_prototypes=3).fit(images).prototypes_ for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.patches[4], same.patches[4])
    assert not np.array_equal(first.patches[4], other.patches[4])
    backwards = (
        HMAX(random_state=1, n_prototypes=3, batch_memory=0, n_threads=1)
        .fit(list(images))
        .prototypes_
    )
    np.testing.assert_allclose(backwards.patches[4], first.patches[4], atol=2e-6)
