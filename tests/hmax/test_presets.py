"""Anatomies: published field sizes, and any number of filters."""

from dataclasses import replace

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX, PRESETS, ColourHMAX, PyramidHMAX, gaussian_derivative
from hmax_cnn.hmax.anatomy import wavelength_of_derivative
from hmax_cnn.hmax.presets import resolve

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


# REFERENCE 1.1 and 1.2: filter sizes in bands, pools of C1, numbers of S1 filters and C2 units.
SIXTEEN = [[size, size + 2] for size in range(7, 37, 4)]
POOLS = list(range(8, 23, 2))
TABLES = {
    "riesenhuber1999": (
        [[7, 9], [11, 13, 15], [17, 19, 21], [23, 25, 27, 29]], [4, 6, 9, 12], 12 * 4, 256,
    ),
    "serre_riesenhuber2004": (SIXTEEN, POOLS, 16 * 4, 256),
    "cbcl2006": (SIXTEEN, POOLS, 16 * 4, 4 * 250),
    "colour": (SIXTEEN, POOLS, None, 2 * 4 * 250),  # single- and double-opponent
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_fields_and_units_of_the_published_tables(name):
    """A complex cell sees the largest filter of its band at both ends of its pool; S2 cells of four
    neighbouring steps, or those that are arranged two by two, a pool apart."""
    sizes, pools, n_filters, n_units = TABLES[name]
    model = ColourHMAX() if name == "colour" else HMAX(name)
    layers = dict(iter(model.fields((250, 250)).groupby("layer", sort=False)))
    s1, c1, s2 = list(layers.values())[:3]
    assert s1["size_y"].drop_duplicates().tolist() == [size for band in sizes for size in band]
    complex_cells = [max(band) + pool - 1 for band, pool in zip(sizes, pools, strict=True)]
    steps = [-(-pool // 2) for pool in pools]
    assert c1["size_x"].tolist() == complex_cells
    assert c1["step_y"].tolist() == steps
    if n_units == 256:
        beyond = [-(-pool // step) * step for pool, step in zip(pools, steps, strict=True)]
    else:
        beyond = [3 * step for step in steps]
    expected = [size + more for size, more in zip(complex_cells, beyond, strict=True)]
    assert s2["size_y"].tolist()[: len(pools)] == expected
    assert len(model.units((250, 250))) == n_units
    if n_filters is not None:
        assert sum(map(len, model.first_filters().values())) == n_filters


def test_the_published_table_of_serre2007():
    """Table 1 of the paper, typed in: the wavelength at 23 px is 12.7, not the 12.8 of a formula;
    the sizes keep it when they are chosen anew, and other sizes follow the rule."""
    printed = "3.5 4.6 5.6 6.8 7.9 9.1 10.3 11.5 12.7 14.1 15.4 16.8 18.2 19.7 21.2 22.8"
    table = PRESETS["serre2007"]
    assert [value for band in table.wavelengths for value in band] == [
        float(value) for value in printed.split()
    ]
    printed = "2.8 3.6 4.5 5.4 6.3 7.3 8.2 9.2 10.2 11.3 12.3 13.4 14.6 15.8 17.0 18.2"
    assert [value for band in table.sigmas for value in band] == [
        float(value) for value in printed.split()
    ]
    chosen = resolve("serre2007", {"filter_sizes": ((23, 39),)})
    assert chosen.wavelengths == ((12.7, 24.4),)
    assert chosen.sigmas == ((10.2, 19.5),)


def test_both_borders_of_georgetown(images):
    """The example of the MATLAB code includes borders, its PyTorch port leaves them out; the two
    are presets of their own, equal inside the image and different at its border."""
    inner = resolve("georgetown", {})
    outer = resolve("georgetown_borders", {})
    assert (inner.s1_border, outer.s1_border) == ("silent", "padded")
    assert replace(inner, s1_border="padded") == outer
    silent, padded = (
        HMAX(preset=preset, bands=1).activations(images, ["c1"])["c1/b1"]["response"].values
        for preset in ("georgetown", "georgetown_borders")
    )
    # S1 of 9 px reaches 5 px inwards: C1 windows of 8 px from the third on see none of it.
    np.testing.assert_allclose(silent[:, :, 2:-4, 2:-4], padded[:, :, 2:-4, 2:-4], rtol=1e-5)
    assert np.abs(silent - padded)[:, :, 0].max() > 0.05


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


def test_filters_of_one_size_have_names_of_their_own(images):
    """By wavelength, then by sigma; the same filter twice is refused."""
    given = {"filter_sizes": ((15, 15),), "wavelengths": ((7.5, 7.5),), "bands": 1}
    model = HMAX(layer="s1", sigmas=((2.0, 4.0),), **given)
    bands = model.activations(images, ["s1"])["s1"]
    assert list(bands) == ["b1_s15_w7.5_g2", "b1_s15_w7.5_g4"]
    names = HMAX(layer="s1", sigmas=((2.0, 4.0),), image_shape=(60, 60), **given)
    assert len(set(names.get_feature_names_out())) == 2 * 4 * 60 * 60
    assert list(model.first_filters()) == ["15 px", "15 px, wavelength 7.5"]
    with pytest.raises(ValueError, match="name a filter twice"):
        HMAX(layer="s1", sigmas=((2.0, 2.0),), **given).transform(images)


def test_wavelengths_of_derivatives_are_what_they_match_best():
    """By Fourier transform of the filters: within 2 %."""
    for size in (7, 17, 29):
        # Gratings that change from left to right see the sum over rows.
        power = np.abs(np.fft.fft(gaussian_derivative(size, 0).sum(axis=0), 4096))[:2048]
        best = 4096 / power.argmax()
        assert wavelength_of_derivative(size) == pytest.approx(best, rel=0.02)


def test_prototypes_of_the_cbcl_release_come_from_its_second_band(images):
    model = HMAX("cbcl2006", n_prototypes=5, prototype_sizes=(4,)).fit(images)
    assert set(model.prototypes_.provenance["band"]) == {"b2"}
    with pytest.raises(ValueError, match="`source_band` must be one of the bands in use"):
        HMAX("cbcl2006", bands=1).transform(images)
    # Squares of what the same model returns as distances; the smaller, the stronger.
    given = {"prototypes": model.prototypes_, "s1_border": "padded"}
    squares = HMAX("cbcl2006", layer=("s2", "c2"), bands=2, **given)
    roots = HMAX("cbcl2006", layer=("s2", "c2"), bands=2, tuning="distance", **given)
    np.testing.assert_allclose(squares.transform(images), roots.transform(images) ** 2, rtol=1e-5)
    assert squares.distance_layers() == ("s2", "c2")


def test_gradients_of_squared_distances(images):
    """2 d times those of distances: 1e-6 of the largest was seen."""
    given = {"prototypes": "photographs", "prototype_sizes": (4,), "n_prototypes": 3, "bands": 1}
    shown = images[:1].astype(float)
    distances = HMAX(**given).transform(shown)[0, :2, None, None]
    one, other = (
        HMAX(**given, tuning=tuning).image_gradient(shown, "c2", [0, 1])[0]
        for tuning in ("distance", "squared_distance")
    )
    np.testing.assert_allclose(other, 2 * distances * one, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("name", ["is_sparse", "partial_windows"])
def test_text_is_neither_true_nor_false(images, name):
    with pytest.raises(TypeError, match=f"`{name}` must be True or False, got 'no'"):
        HMAX(**{name: "no"}, prototypes="photographs").transform(images)
    with pytest.raises(TypeError, match="`is_sparse` must be True or False, got 'no'"):
        PyramidHMAX(is_sparse="no", n_prototypes=2).fit(images)
