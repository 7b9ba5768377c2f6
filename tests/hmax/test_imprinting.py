"""Imprinting: patches are C1 of the place that is named."""

import numpy as np
import pytest

from hmax_cnn.data import open_dataset
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


LABELS = ["a", "a", "b"]


def test_balanced_prototypes_come_from_every_class(images):
    """Two of three images are of class a: without labels they would give two of three patches."""
    model = HMAX(n_prototypes=40, prototype_sizes=(4,), learning="balanced").fit(images, LABELS)
    sources = model.prototypes_.provenance["image"].to_numpy()
    assert (sources == 2).sum() == 20
    assert {0, 1} < set(sources)
    with pytest.raises(ValueError, match="`learning` 'balanced' needs a label for each image"):
        HMAX(n_prototypes=4, learning="balanced").fit(images)


def test_middles_are_nearer_than_controls():
    """Middles of clusters lie nearer to photographs than the controls do, and a seed decides."""
    images = open_dataset("photographs").framed("cover:96x96")
    given = {"n_prototypes": 8, "prototype_sizes": (4,), "random_state": 3}
    found = HMAX(learning="kmeans", **given).fit(images)
    assert found.prototypes_.patches[4].shape == (8, 4, 4, 4)
    assert found.prototypes_.provenance is None
    again = HMAX(learning="kmeans", n_threads=1, **given).fit(images)
    np.testing.assert_array_equal(again.prototypes_.patches[4], found.prototypes_.patches[4])
    nearest = found.transform(images).mean()
    for control in ("shuffled", "random"):
        assert HMAX(learning=control, **given).fit(images).transform(images).mean() > nearest


def test_parts_are_found_again():
    """Patches that are sums of three parts: the parts, in any order, as long as the mean patch.
    Cosines of 0.97 and more were seen."""
    from hmax_cnn.hmax import Prototypes
    from hmax_cnn.hmax.learning import learned

    rng = np.random.default_rng(1)
    parts = rng.random((3, 4, 3, 3)) * (rng.random((3, 4, 3, 3)) < 0.3)
    shares = rng.random((60, 3)) * (rng.random((60, 3)) < 0.6)
    cut = Prototypes({3: np.einsum("np,pfyx->nfyx", shares, parts)})
    found = learned(cut, "nmf", 3, 0).patches[3].reshape(3, -1)
    lengths = np.linalg.norm(found, axis=1)
    patches = cut.patches[3].reshape(60, -1)
    np.testing.assert_allclose(lengths, np.linalg.norm(patches, axis=1).mean(), rtol=1e-5)
    wanted = parts.reshape(3, -1) / np.linalg.norm(parts.reshape(3, -1), axis=1, keepdims=True)
    cosines = (found / lengths[:, None]) @ wanted.T
    assert sorted(cosines.argmax(axis=1)) == [0, 1, 2]
    assert cosines.max(axis=1).min() > 0.9


def test_means_of_two_heaps():
    """Patches of two kinds: the two centres are their means."""
    from hmax_cnn.hmax import Prototypes
    from hmax_cnn.hmax.learning import learned

    rng = np.random.default_rng(0)
    kinds = rng.random((2, 4, 3, 3)) * 5
    cut = Prototypes({3: np.repeat(kinds, 10, axis=0) + 0.01 * rng.random((20, 4, 3, 3))})
    found = learned(cut, "kmeans", 2, 0).patches[3]
    expected = cut.patches[3].reshape(2, 10, 4, 3, 3).mean(axis=1)
    order = np.argsort(found[:, 0, 0, 0])
    np.testing.assert_allclose(found[order], expected[np.argsort(expected[:, 0, 0, 0])], atol=1e-5)
