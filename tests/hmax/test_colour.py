"""Colour HMAX, against independent outputs of every stage in float64."""

import numpy as np
import pytest
from reference_files import reference

from hmax_cnn.hmax import ColourHMAX, Prototypes
from hmax_cnn.hmax.colour import stages
from hmax_cnn.hmax.colour.filters import opponent_filters, whole_filters

SIZES = (7, 9, 11, 13, 37)
PATCHES = (4, 8, 12, 16)
ANGLES = (0.0, 90.0)


@pytest.fixture(scope="module")
def file():
    return reference("hmax_colour")


def agree(found, expected, relative):
    """Largest error, relative to the largest value."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=relative * np.abs(expected).max(), rtol=0)


def given(file):
    def stream(prefix):
        patches = {n: file[f"{prefix}_prototypes_{n:02d}"] for n in PATCHES}
        return {n: p.reshape(len(p), -1, n, n).astype(np.float32) for n, p in patches.items()}

    return {"single": stream("so"), "double": stream("do")}


def test_filters(file):
    for size in (7, 13):
        agree(whole_filters(size, ANGLES), file[f"gabor_{size:02d}"], 1e-12)
        agree(opponent_filters(size, ANGLES), file[f"opponent_filter_{size:02d}"], 1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_simple_cells(file, size):
    """Before and after both normalisations. 2e-6 was seen; over orientations 1e-5 at 37 pixels."""
    image = file["image"].astype(np.float32)[None]
    values = np.moveaxis(image, -1, 1) * np.float32(2 / 255) - np.float32(1)
    planes = stages.with_borders(values.reshape(-1, *values.shape[2:]), 37)
    raw = stages.single_opponent(planes, 1, size, ANGLES, 37)
    agree(raw[0], file[f"so_raw_{size:02d}"], 1e-5)
    agree(stages.normalised(raw, 1, 0.225)[0], file[f"so_s1_{size:02d}"], 1e-5)
    agree(stages.normalised(raw, 2, 0.225)[0], file[f"do_so_{size:02d}"], 4e-5)
    double = stages.double_opponent(raw, size, ANGLES, 0.225)
    agree(double[0], file[f"do_s1_{size:02d}"], 1e-5)
    agree(stages.joined_pairs(double)[0], file[f"do_dc_{size:02d}"], 1e-5)


def test_complex_cells_and_prototypes(file):
    """C1 of all bands, S2 maps, and C2."""
    model = ColourHMAX(prototypes=given(file))
    image = file["image"][None]
    tree = model.activations(image, ["so_c1", "do_c1", "so_s2", "do_s2"])
    for prefix in ("so", "do"):
        for band in range(8):
            found = tree[f"{prefix}_c1/b{band + 1}"]["response"].values[0]
            expected = file[f"{prefix}_c1_{band}"]
            agree(found, expected.reshape(-1, *expected.shape[2:]), 1e-5)
            for size in PATCHES:
                maps = tree[f"{prefix}_s2/b{band + 1}_p{size:02d}"]["response"].values[0]
                agree(maps[::2], file[f"{prefix}_s2_{size:02d}_{band}"], 1e-5)
        c2 = ColourHMAX(f"{prefix}_c2", prototypes=given(file)).transform(image)[0]
        expected = np.concatenate([file[f"{prefix}_c2_{size:02d}"] for size in PATCHES])
        agree(c2, expected, 1e-5)


def colour_images(count=3, shape=(72, 80)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape, 3)).astype(np.uint8)


FEW = {"bands": 3, "prototype_sizes": (4, 6), "n_prototypes": 4}


def test_prototypes_answer_to_their_source():
    """The squared distance to its own source is 0, and to that alone: 1e-9 was seen."""
    shown = colour_images()
    model = ColourHMAX(**FEW).fit(shown)
    features = model.transform(shown)
    assert features.shape == (3, 16)
    for stream, columns in (("single", slice(0, 8)), ("double", slice(8, 16))):
        sources = model.prototypes_[stream].provenance["image"].to_numpy()
        own = features[sources, np.arange(16)[columns]]
        assert own.max() < 1e-6
        assert set(model.prototypes_[stream].provenance["band"]) == {"b2"}
    other = np.setdiff1d(np.arange(3), model.prototypes_["single"].provenance["image"][:1])
    assert features[other, 0].min() > 1e-3
    names = model.get_feature_names_out()
    assert (names[0], names[-1]) == ("so_c2_p04_000", "do_c2_p06_003")


def test_double_opponent_pairs_are_symmetric():
    """Double-opponent cells of a pair answer alike when red and green are exchanged; those for
    luminance, which see both, do so as well, and those of yellow against blue."""
    shown, model = colour_images(1), ColourHMAX(bands=1)
    maps = [
        model.activations(pictures, ["do_c1"])["do_c1/b1"]["response"]
        for pictures in (shown, shown[..., [1, 0, 2]], shown[..., [2, 1, 0]])
    ]
    same = ["rg_gr_o0", "rg_gr_o90", "yb_by_o0", "wh_bl_o90"]
    one, exchanged, other = (found.sel(feature=same).values for found in maps)
    np.testing.assert_allclose(one, exchanged, atol=1e-5 * one.max())
    assert np.abs(one - other)[:, :3].max() > 0.01 * one.max()


def test_both_streams_in_one_pass_are_each_alone():
    """They share what they begin with; and what they cost is counted."""
    shown, model = colour_images(2), ColourHMAX(bands=2)
    both = model.activations(shown, ["so_c1", "do_c1"])
    for layer in ("so_c1", "do_c1"):
        alone = model.activations(shown, [layer])
        for band in ("b1", "b2"):
            one, other = (tree[f"{layer}/{band}"]["response"] for tree in (both, alone))
            np.testing.assert_array_equal(one, other)
    summary = model.summary((72, 80)).set_index(["layer", "band"])["multiply_accumulates"]
    # Six halves of two orientations on three planes; eight channels of two orientations.
    assert summary["so_s1", "b1_s07"] == 12 * 49 * 72 * 80
    assert summary["do_s1", "b2_s13"] == 16 * 169 * 72 * 80


def test_grey_images_have_no_red_against_green():
    grey = np.repeat(colour_images(1)[..., :1], 3, axis=-1)
    tree = ColourHMAX(bands=1).activations(grey, ["so_c1"])
    found = tree["so_c1/b1"]["response"].sel(feature=["rg_o0", "wh_o0"]).values
    assert found[:, 1].max() > 0.1
    flat = ColourHMAX(bands=1).activations(grey[..., 0], ["so_c1"])["so_c1/b1"]["response"]
    np.testing.assert_array_equal(
        flat.values, tree["so_c1/b1"]["response"].values, err_msg="grey images have equal planes"
    )


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"bands": 9}, "`bands` must be a whole number from 1 to 8, got 9"),
        ({"bands": 1, "n_prototypes": 2}, "`source_band` 2 is not among the 1 `bands`"),
        ({"semi_saturation": 0.0}, "`semi_saturation` must be a number above 0, got 0.0"),
        ({"orientations": (0, 180)}, "`orientations` must be different angles in degrees"),
        ({"prototype_sizes": (0,)}, "`prototype_sizes` must be whole numbers of at least 1"),
        ({"orientations": (0, float("nan"))}, "`orientations` must be different angles"),
        ({"prototypes": Prototypes({4: np.ones((1, 16, 4, 4))})}, "must have the keys 'single'"),
        ({"prototypes": {"single": {}}}, "`prototypes` must have the keys 'single' and 'double'"),
    ],
)
def test_bad_parameters(parameters, text):
    with pytest.raises(ValueError, match=text):
        ColourHMAX(**parameters).fit_transform(colour_images(1))
