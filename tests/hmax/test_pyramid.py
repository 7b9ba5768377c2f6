"""HMAX on an image pyramid, against independent outputs of every stage in float64."""

import numpy as np
import pytest
from reference_files import reference

from hmax_cnn.hmax import PYRAMIDS, PlacedPrototypes, PyramidHMAX
from hmax_cnn.hmax.prototypes import strongest
from hmax_cnn.hmax.pyramid import stages
from hmax_cnn.hmax.pyramid.axes import Axis, Fit, levels

SIZES = (4, 8, 12, 16)
BYPASS = (5, 7, 9, 11, 13, 15)


def placed(file, stage, sizes):
    patches = {n: file[f"{stage}_prototypes_values_{n:02d}"].astype(np.float32) for n in sizes}
    places = np.stack([file[f"{stage}_prototypes_{axis}"] for axis in "yx"], axis=1)
    return PlacedPrototypes(patches, file[f"{stage}_prototypes_scale"], places)


def scales(model, image, layer):
    """Responses of a layer, by scale; NaN where they are missing."""
    found = {}
    for node in model.activations(image[None], [layer])[layer].values():
        level = int(node["level"].values[0])
        found.setdefault(level, []).append(node["response"].values[0])
    return [np.concatenate(maps) for maps in found.values()]


def agree(found, expected, atol):
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=atol, rtol=0)


def test_mutch_lowe_base():
    """Every stage. 3e-7 was seen, at S2 1.6e-6."""
    file = reference("hmax_mutch_lowe")
    image, prototypes = file["image"], {"s2": placed(file, "base", SIZES)}
    model = PyramidHMAX("mutch_lowe2008_base", prototypes=prototypes)
    for layer, n_scales in (("s1", 9), ("c1", 8), ("s2", 8)):
        found = scales(model, image, layer)
        assert len(found) == n_scales
        for k, maps in enumerate(found):
            agree(maps, file[f"base_{layer}_{k}"], 1e-5)
    agree(model.transform(image[None])[0], file["base_c2"], 1e-5)


def test_mutch_lowe_full():
    """Inhibition, sparse prototypes, a limited search. 2e-7 was seen."""
    file = reference("hmax_mutch_lowe")
    image, prototypes = file["image"], {"s2": placed(file, "full", SIZES)}
    model = PyramidHMAX("mutch_lowe2008", prototypes=prototypes)
    for layer, n_scales in (("s1", 9), ("c1", 8), ("s2", 8)):
        for k, maps in zip(range(n_scales), scales(model, image, layer), strict=True):
            expected = file[f"full_{layer}_{k}"]
            if layer != "s2":
                # A threshold: what lies on it may fall on either side in single precision.
                raw, cutoff = file[f"full_{layer}_raw_{k}"], file[f"full_{layer}_cutoff_{k}"]
                decided = ~(np.abs(raw - cutoff) < 1e-5)
                maps, expected = np.where(decided, maps, 0), np.where(decided, expected, 0)
            agree(maps, expected, 1e-5)
    assert np.isnan(file["full_c2"]).sum() == 6  # no known unit in the window: 0 here
    agree(model.transform(image[None])[0], np.nan_to_num(file["full_c2"]), 1e-5)
    everywhere = PyramidHMAX(
        "mutch_lowe2008_base",
        orientations=12,
        inhibition=0.5,
        is_sparse=True,
        prototypes=prototypes,
    )
    agree(everywhere.transform(image[None])[0], file["full_c2_unlimited"], 1e-5)
    for size in SIZES:
        mask = strongest(file[f"full_prototypes_values_{size:02d}"])
        np.testing.assert_array_equal(mask, file[f"full_prototypes_mask_{size:02d}"])


def test_pnas():
    """Every stage. S2 2.1e-5, C2 1.3e-5: short prototypes make narrow Gaussians, which widen the
    rounding of C1; the authors' own code in single precision has 2e-5 and 1.2e-5. Else 5e-6."""
    file = reference("hmax_pnas2007")
    image = file["image"]
    prototypes = {
        "s2": placed(file, "s2", (3,)),
        "s2b": placed(file, "s2b", BYPASS),
        "s3": placed(file, "s3", (3,)),
    }
    model = PyramidHMAX("pnas2007", base_size=128, n_levels=6, prototypes=prototypes)
    for layer, n_scales in {"s1": 6, "c1": 5, "s2": 5, "s2b": 5, "c2": 4, "s3": 4}.items():
        for k, maps in zip(range(n_scales), scales(model, image, layer), strict=True):
            agree(maps, file[f"{layer}_{k}"], 4e-5 if layer in ("s2", "c2") else 1e-5)
    for layer in ("c2b", "c3"):
        found = PyramidHMAX(**model.get_params() | {"layer": layer}).transform(image[None])[0]
        agree(found, file[layer], 1e-5)
    both = model.transform(image[None])[0]
    agree(both, np.concatenate([file["c2b"], file["c3"]]), 1e-5)


def test_the_pyramid_and_its_units():
    file = reference("hmax_mutch_lowe")
    image = file["image"].astype(np.float32) / 255
    axes, fit = levels(140, 9), Fit.of(140, *image.shape)
    found = stages.pyramid(image[None, None], axes, fit)
    for k, level in enumerate(found):
        agree(level.blanked()[0], file[f"pyramid_{k}"], 1e-5)
        n, start, space = file["pyramid_axes"][k][:3]
        assert (level.axis.n, level.axis.start, level.axis.space) == pytest.approx(
            (n, start, space)
        )


# Units per side with the packages' own sizes, by the original mapping function.
SIDES = {
    "mutch_lowe2008_base": {
        "s1": [130, 106, 88, 72, 60, 48, 38, 30, 24],
        "c1": [25, 19, 15, 13, 11, 7, 5, 5],
        "s2": [22, 16, 12, 10, 8, 4, 2, 2],
    },
    "pnas2007": {
        "c1": [79, 65, 55, 45, 37, 29, 25, 19, 15],
        "s2": [77, 63, 53, 43, 35, 27, 23, 17, 13],
        "s2b": [75, 61, 51, 41, 33, 25, 21, 15, 11],
        "c2": [24, 18, 16, 12, 10, 6, 6, 4],
        "s3": [22, 16, 14, 10, 8, 4, 4, 2],
    },
}


@pytest.mark.parametrize("preset", SIDES)
def test_sizes_of_every_layer(preset):
    table = PyramidHMAX(preset, n_prototypes=2).summary((200, 120))
    for layer, sides in SIDES[preset].items():
        of_layer = table[table["layer"] == layer]
        of_level = of_layer.groupby(of_layer["band"].str.partition("_")[0], sort=False)
        assert of_level["height"].first().tolist() == sides
        assert (of_layer["height"] == of_layer["width"]).all()


def images(count=4, shape=(72, 96)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


SMALL = {
    "mutch_lowe2008": {
        "base_size": 96,
        "n_levels": 5,
        "prototype_sizes": (4, 6),
        "n_prototypes": 3,
    },
    "mutch_lowe2008_base": {
        "base_size": 96,
        "n_levels": 5,
        "n_prototypes": 3,
        "prototype_sizes": (4,),
    },
    "pnas2007": {
        "base_size": 128,
        "n_levels": 6,
        "n_prototypes": 4,
        "bypass_sizes": (5, 7),
        "n_bypass": 2,
        "n_third": 3,
    },
}


@pytest.mark.parametrize("preset", PYRAMIDS)
def test_prototypes_answer_to_their_source(preset):
    """An imprinted prototype answers with 1 to the image that it comes from, and only to that."""
    model = PyramidHMAX(preset, **SMALL[preset])
    shown = images()
    features = model.fit(shown).transform(shown)
    assert features.dtype == np.float32
    # 4e-4 from 1 was seen, where the Gaussian of PNAS 2007 is narrow.
    np.testing.assert_allclose(features.max(axis=0), 1, atol=2e-3)
    assert features.min() < 0.99
    again = PyramidHMAX(preset, **SMALL[preset]).fit(shown)
    np.testing.assert_array_equal(again.transform(shown), features)
    other = PyramidHMAX(preset, random_state=1, **SMALL[preset]).fit(shown)
    assert (other.transform(shown) != features).any()
    # Products of other sizes: 5e-7 was seen.
    alone = model.set_params(batch_memory=1).transform(shown)
    np.testing.assert_allclose(alone, features, atol=5e-6)


def test_units_have_names():
    model = PyramidHMAX("mutch_lowe2008", **SMALL["mutch_lowe2008"]).fit(images())
    names = model.get_feature_names_out().tolist()
    assert names == [f"c2_p{size:02d}_00{number}" for size in (4, 6) for number in range(3)]
    units = model.units((72, 96))
    assert units["prototype_size"].tolist() == [4, 4, 4, 6, 6, 6]


def test_prototypes_of_several_sizes_below_s3():
    model = PyramidHMAX("pnas2007", **SMALL["pnas2007"] | {"prototype_sizes": (3, 5)})
    shown = images(3, (60, 110))
    features = model.fit(shown).transform(shown)
    assert features.shape == (3, 2 * 2 + 3)
    assert np.isfinite(features).all()


def test_what_is_missing_is_nan_and_c2_is_not():
    """Beside an image that is not square there is nothing; C2 is of what there is."""
    model = PyramidHMAX("mutch_lowe2008", **SMALL["mutch_lowe2008"])
    wide = images(2, (40, 96))
    model.fit(wide)
    c1 = model.activations(wide, ["c1"])["c1"]["l0"]["response"]
    missing = np.isnan(c1.values)
    assert (missing == missing[0, 0]).all()
    assert 0 < missing.mean() < 1
    assert missing[0, 0].all(axis=1).any()  # whole rows, above and below
    assert not missing[0, 0].all(axis=0).any()
    assert np.isfinite(model.transform(wide)).all()


def test_contrast_changes_nothing():
    model = PyramidHMAX("mutch_lowe2008", **SMALL["mutch_lowe2008"])
    shown = images().astype(np.float32)
    features = model.fit(shown).transform(shown)
    # 2e-6 was seen.
    np.testing.assert_allclose(model.transform(shown / 2), features, atol=2e-5)


def test_inhibition_and_sparseness_by_hand():
    values = np.array([0.0, 0.2, 0.5, 1.0], np.float32).reshape(1, 4, 1, 1)
    layer = stages.Scale(values, np.ones((1, 1), bool), Axis(1, 1.0), 1.0)
    kept = stages.inhibited(layer, 0.5).values.ravel()
    np.testing.assert_array_equal(kept, [0, 0, 0.5, 1])  # one at the cutoff stays
    patches = np.array([[1, 3], [3, 0]], np.float32).reshape(1, 2, 1, 2)
    np.testing.assert_array_equal(strongest(patches)[0, :, 0], [[False, True], [True, False]])
    first = strongest(np.zeros((1, 3, 2, 2)))  # the first of equals, a zero too
    assert first[0, 0].all()
    assert not first[0, 1:].any()


def test_fields_hold_what_units_see():
    """A pixel outside the field of a C1 unit does not change it; one inside does."""
    model = PyramidHMAX("mutch_lowe2008_base", layer="c1", base_size=64, n_levels=3)
    ground = np.full((1, 64, 64), 128, np.uint8)
    before = model.activations(ground, ["c1"])["c1"]["l0"]
    for column in (4, 20, 33):
        dotted = ground.copy()
        dotted[0, 30, column] = 255
        after = model.activations(dotted, ["c1"])["c1"]["l0"]["response"]
        changed = (after != before["response"]).any(("image", "feature"))
        half = before.attrs["size_x"] / 2
        inside = np.abs(after["x"] - column) <= half
        assert not (changed & ~inside).any()
        assert changed.any()


WRONG = {
    "preset": ({"preset": "hmax"}, "`preset` must be one of"),
    "sizes": ({"prototype_sizes": (4, 5)}, "all even or all odd"),
    "small": ({"base_size": 16}, "`base_size` 16 leaves no room for windows of 10"),
    "no level": (
        {"base_size": 16, "filter_size": 17},
        "`base_size` 16 leaves no room for two levels",
    ),
    "no S2": ({"base_size": 24}, "`prototype_sizes` 4 fits into no scale"),
    "search": ({"searched_scales": 2, "preset": "pnas2007"}, "go together"),
    "tuning": ({"tuning": "distance"}, "`tuning` must be one of"),
    "inhibition": (
        {"inhibition": 2.0},
        "a number of at least 0 and at most 1",
    ),
    "sharpness": ({"sharpness": -1.0}, "`sharpness` must be a number above 0"),
    "scales": (
        {"pool_scales": 9, "n_levels": 8},
        "`pool_scales` must be a whole number from 1 to 8",
    ),
    "scales of S2": (
        {"preset": "pnas2007", "pool_scales": 5, "n_levels": 8, "base_size": 128},
        "`pool_scales` 5 is more than the 4 scales that there are to pool",
    ),
    "levels": ({"n_levels": 1}, "`n_levels` must be a whole number from 2 to 40"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be(name):
    parameters, text = WRONG[name]
    with pytest.raises(ValueError, match=text):
        PyramidHMAX(**parameters).fit(images())


def test_prototypes_that_do_not_say_where_they_are_from():
    with pytest.raises(ValueError, match="where each of the 2 patches was"):
        PlacedPrototypes({4: np.zeros((2, 4, 4, 4))}, np.zeros(3, int), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="from the smallest size upward"):
        PlacedPrototypes(
            {8: np.zeros((1, 4, 8, 8)), 4: np.zeros((1, 4, 4, 4))}, [0, 0], np.ones((2, 2))
        )


@pytest.mark.parametrize("pool_scales", [1, 2, 3])
def test_complex_cells_pool_so_many_scales(pool_scales):
    """C1 by a loop over units of S1 that lie within five steps of the finest level. The same
    numbers; with one scale each level is a channel of its own."""
    model = PyramidHMAX("mutch_lowe2008_base", pool_scales=pool_scales, base_size=64, n_levels=5)
    shown = images(1, (64, 64))[0]
    s1, c1 = scales(model, shown, "s1"), scales(model, shown, "c1")
    steps = [axis.space for axis in levels(64, 5)]
    assert len(c1) == 5 - pool_scales + 1
    for k, maps in enumerate(c1):
        count = maps.shape[1]
        middles = 5 * steps[k] * (np.arange(count) - (count - 1) / 2)
        for i, j in np.ndindex(count, count):
            windows = []
            for own, step in zip(s1[k : k + pool_scales], steps[k:], strict=False):
                places = step * (np.arange(own.shape[1]) - (own.shape[1] - 1) / 2)
                rows, columns = (np.abs(places - middles[n]) <= 5 * steps[k] + 1e-6 for n in (i, j))
                windows.append(own[:, rows][:, :, columns].reshape(len(own), -1))
            best = np.concatenate(windows, axis=1).max(axis=1)
            np.testing.assert_array_equal(maps[:, i, j], best)


def test_scale_channels_meet_in_c2_only():
    """C2 is the best of all channels; pooled over two scales the same prototypes find others."""
    model = PyramidHMAX("mutch_lowe2008_base", **SMALL["mutch_lowe2008_base"], pool_scales=1)
    shown = images(2)
    s2 = scales(model.fit(shown), shown[0], "s2")
    best = np.max([np.nanmax(maps, axis=(1, 2)) for maps in s2], axis=0)
    np.testing.assert_array_equal(model.transform(shown)[0], best)
    both = PyramidHMAX(**model.get_params() | {"pool_scales": 2, "prototypes": model.prototypes_})
    assert (both.transform(shown) != model.transform(shown)).any()


@pytest.mark.parametrize("pool_scales", [1, 3])
@pytest.mark.parametrize(("preset", "sharpness"), [("mutch_lowe2008_base", 0.1), ("pnas2007", 4.5)])
def test_gradients_of_channels_and_of_more_scales(preset, sharpness, pool_scales):
    """As `test_gradients`; with Gaussians so wide that changes are larger than rounding."""
    others = {"pool_scales": pool_scales, "n_levels": 8, "sharpness": sharpness}
    gradients_agree(preset, SMALL[preset] | others)


@pytest.mark.parametrize("preset", PYRAMIDS)
def test_gradients(preset):
    """Of units of every layer by finite differences of a smooth image, along a random
    direction. Of eight units some have other winners at the other end: the median error."""
    gradients_agree(preset, SMALL[preset])


def gradients_agree(preset, parameters):
    rng = np.random.default_rng(1)
    row, column = np.mgrid[:72, :96]
    shown = 120 + sum(
        20 * np.sin(row * a + column * b + c) for a, b, c in rng.uniform(0.05, 0.6, (5, 3))
    )
    # Of other images: a prototype answers its own source with 1, where it has no slope.
    model = PyramidHMAX(preset, **parameters).fit(images(2))
    step = 0.02 * rng.standard_normal(shown.shape)
    for layer in model.layer_names:
        reader = PyramidHMAX(**model.get_params() | {"layer": layer})
        reader.prototypes_, reader.image_shape_ = model.prototypes_, model.image_shape_
        middle = np.nan_to_num(reader.transform(shown[None])[0])
        units = np.argsort(-middle)[:: max(1, len(middle) // 8)][:8]
        gradient = reader.image_gradient(shown[None], layer, units.tolist())[0]
        high, low = (reader.transform((shown + s)[None])[0, units] for s in (step, -step))
        change = (high.astype(float) - low) / 2
        found = (gradient * step).sum(axis=(1, 2))
        known = np.isfinite(change)
        scale = np.abs(change[known]).max()
        off = np.abs(found - change)[known]
        assert scale > 0
        assert np.median(off) < 0.05 * scale, (layer, off, change)


def test_gradients_go_to_the_winner():
    """Of the maximum over two windows of two scales, against a loop; of equals the first."""
    from hmax_cnn.hmax.pyramid.ways_back import winners_gradient

    rng = np.random.default_rng(0)
    values = [rng.integers(0, 6, (1, 2, n, n)).astype(np.float32) for n in (6, 4)]
    chosen = [np.array([[0, 1, 2], [2, 3, 4]]), np.array([[0, 1], [2, -1]])]
    best = np.full((1, 2, 2, 2), -np.inf, np.float32)
    expected = [np.zeros_like(own) for own in values]
    gradient = rng.standard_normal(best.shape).astype(np.float32)
    for f, i, j in np.ndindex(2, 2, 2):
        winner = None
        for number, (own, windows) in enumerate(zip(values, chosen, strict=True)):
            for row in windows[i][windows[i] >= 0]:
                for column in windows[j][windows[j] >= 0]:
                    if own[0, f, row, column] > best[0, f, i, j]:
                        best[0, f, i, j] = own[0, f, row, column]
                        winner = (number, row, column)
        expected[winner[0]][0, f, winner[1], winner[2]] += gradient[0, f, i, j]
    found = winners_gradient(values, chosen, best, gradient)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
