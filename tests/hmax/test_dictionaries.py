"""Files of the prototypes of several stages: models read what models wrote."""

import numpy as np
import pytest

from hmax_cnn.hmax import (
    HMAX,
    V1HMAX,
    ColourHMAX,
    PlacedPrototypes,
    Prototypes,
    PyramidHMAX,
    read_dictionary,
    write_dictionary,
)

pytestmark = pytest.mark.quick

MODELS = {
    "HMAX": (HMAX, {"prototype_sizes": (4,), "n_prototypes": 3, "bands": 2}),
    "V1": (V1HMAX, {"n_simple": 4, "n_complex": 4, "n_prototypes": 3}),
    "colour": (ColourHMAX, {"bands": 2, "prototype_sizes": (4,), "n_prototypes": 3}),
    "limited": (
        PyramidHMAX,
        {"base_size": 80, "n_levels": 4, "prototype_sizes": (4, 6), "n_prototypes": 3},
    ),
    "deep": (
        PyramidHMAX,
        {
            "preset": "pnas2007",
            "base_size": 128,
            "n_levels": 6,
            "n_prototypes": 4,
            "bypass_sizes": (5, 7),
            "n_bypass": 2,
            "n_third": 3,
        },
    ),
}


def images():
    return np.random.default_rng(0).integers(0, 256, (3, 72, 80, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_reads_what_another_learned(name, tmp_path):
    model_class, parameters = MODELS[name]
    learned = model_class(**parameters).fit(images())
    path = tmp_path / "learned.npz"
    write_dictionary(learned.prototypes_, path)
    given = {key: value for key, value in parameters.items() if key != "n_prototypes"}
    reader = model_class(**given, prototypes=path)
    np.testing.assert_array_equal(reader.transform(images()), learned.transform(images()))
    np.testing.assert_array_equal(reader.learned_from(), learned.learned_from())
    assert len(reader.learned_from())


def test_what_is_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        PyramidHMAX(prototypes=tmp_path / "none.npz").transform(images())
    other = tmp_path / "other.npz"
    np.savez(other, patches_4=np.zeros((1, 4, 4, 4)))
    with pytest.raises(ValueError, match=r"no arrays named STAGE\.patches_N, but patches_4"):
        read_dictionary(other)
    learned = ColourHMAX(**MODELS["colour"][1]).fit(images())
    with pytest.raises(ValueError, match=r"`path` must end in \.npz, got mine\.mat"):
        write_dictionary(learned.prototypes_, tmp_path / "mine.mat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.npz"]


def gapped(shape):
    """Patches of which a third of the inputs do not count."""
    rng = np.random.default_rng(1)
    patches = rng.random(shape).astype(np.float32)
    return np.where(rng.random(shape) < 0.3, np.float32(np.nan), patches)


def test_inputs_that_are_nan_do_not_count():
    """In every model: against distances over the others, by hand at one place."""
    shown = images()
    patches = gapped((3, 8, 2, 2))
    model = V1HMAX("s2", n_simple=4, n_complex=4, prototypes={2: patches})
    c1 = model.activations(shown, ["c1"])["c1"]["response"].values
    s2 = model.activations(shown, ["s2"])["s2"].leaves[0]["response"].values
    expected = np.sqrt(np.nansum((c1[1, :, 1:3, 2:4] - patches[2]) ** 2))
    assert s2[1, 2, 1, 2] == pytest.approx(expected, rel=1e-4)
    both = {"single": {4: gapped((3, 16, 4, 4))}, "double": {4: gapped((3, 8, 4, 4))}}
    assert np.isfinite(ColourHMAX(bands=2, prototypes=both).transform(shown)).all()
    with pytest.raises(ValueError, match="`patches` hold NaN or infinity"):
        PlacedPrototypes({4: gapped((3, 12, 4, 4))}, np.zeros(3, int), np.full((3, 2), 0.5))


def placed(n_features, size=4):
    patches = np.random.default_rng(0).random((3, n_features, size, size))
    return PlacedPrototypes({size: patches}, np.zeros(3, int), np.full((3, 2), 0.5))


@pytest.mark.parametrize(
    ("preset", "given", "text"),
    [
        ("pnas2007", {"s2": placed(4, 3)}, r"must have the keys 's2', 's2b', 's3', got \['s2'\]"),
        ("mutch_lowe2008", Prototypes({4: np.ones((1, 12, 4, 4))}), "got Prototypes"),
        ("mutch_lowe2008", {"s2": {4: np.ones((1, 12, 4, 4))}}, "must be PlacedPrototypes"),
        ("mutch_lowe2008", {"s2": placed(4)}, r"must have the shape \(count, 12, 4, 4\)"),
    ],
)
def test_placed_prototypes_of_other_models(preset, given, text):
    with pytest.raises((ValueError, TypeError), match=text):
        PyramidHMAX(preset, base_size=80, n_levels=4, prototypes=given).transform(images())
