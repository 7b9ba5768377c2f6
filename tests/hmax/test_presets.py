"""Anatomies: published field sizes, and any number of filters."""

import pytest

from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick


def test_field_sizes_of_serre2007():
    """REFERENCE 1.4: C1 and S2 of the first and last prototype size."""
    table = HMAX(preset="serre2007").fields((224, 224))
    assert table.loc[table["layer"] == "c1", "size_y"].tolist() == [16, 22, 28, 34, 40, 46, 52, 58]
    s2 = table[table["layer"] == "s2"]
    assert s2.loc[s2["band"].str.endswith("p04"), "size_x"].tolist() == [
        28,
        37,
        46,
        55,
        64,
        73,
        82,
        91,
    ]
    assert s2.loc[s2["band"].str.endswith("p16"), "size_x"].tolist() == [
        76,
        97,
        118,
        139,
        160,
        181,
        202,
        223,
    ]
    assert table.loc[table["layer"] == "c1", "step_y"].tolist() == list(range(4, 12))
    assert set(table.loc[table["layer"] == "c2", "status"]) == {"whole image"}


def test_any_number_of_orientations_sizes_and_phases(images):
    model = HMAX(
        filter_sizes=((5, 7, 9), (11, 21)),
        orientations=6,
        phases=(0, 45, 90),
        prototype_sizes=(3, 5),
        n_prototypes=7,
    ).fit(images)
    assert model.transform(images).shape == (3, 14)
    c1 = model.activations(images, ["c1"])["c1/b1"]
    assert c1.sizes["feature"] == 18
    assert sorted(set(c1["orientation"].values)) == [0, 30, 60, 90, 120, 150]
    assert list(c1["feature"].values[:4]) == ["o0_ph0", "o0_ph45", "o0_ph90", "o30_ph0"]
