"""Files of the prototypes of several stages: models read what models wrote."""

import numpy as np
import pytest

from hmax_cnn.hmax import (
    HMAX,
    V1HMAX,
    ColourHMAX,
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
