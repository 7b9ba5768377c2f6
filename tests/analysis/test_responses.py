"""Responses of chosen units."""

import numpy as np
import pytest
import xarray as xr

from hmax_cnn.analysis.measures.selectivity import lifetime_sparseness, population_sparseness
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance, tolerance_range
from hmax_cnn.analysis.measures.tuning import grating_responses, orientation_tuning
from hmax_cnn.analysis.responses import (
    by_layer,
    choose_units,
    distance_layers,
    responses,
    strengths,
)
from hmax_cnn.cnn import CNN
from hmax_cnn.data import Dataset
from hmax_cnn.data.stimuli import fourier_shapes, gratings
from hmax_cnn.data.transformations import shift
from hmax_cnn.data.transformed import transformed
from hmax_cnn.data.views import views
from hmax_cnn.extraction import Pixels, flatten
from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick

MODEL = HMAX(bands=2)


def test_responses_are_the_extractors(images):
    """All units, and chosen ones by name, through several bands."""
    found = responses(MODEL, images, ["c1", "s1"], 7)
    assert dict(found.sizes) == {"image": 3, "unit": 14}
    for layer, units in by_layer(found):
        reader = HMAX(bands=2, layer=layer).fit(images)
        columns = {name: index for index, name in enumerate(reader.get_feature_names_out())}
        expected = reader.transform(images)[
            :, [columns[name] for name in found["unit"].values[units]]
        ]
        np.testing.assert_array_equal(found.values[:, units], expected)
        table = reader.units(images[0].shape).set_index("unit").loc[found["unit"].values[units]]
        np.testing.assert_array_equal(found["field_size"].values[units], table["field_size"])
        np.testing.assert_array_equal(found["x"].values[units], table["x"])
    whole = responses(MODEL, images, ["c1"])
    np.testing.assert_array_equal(whole.values, HMAX(bands=2, layer="c1").transform(images))


def test_units_are_chosen_evenly_and_again():
    first, again, other = (
        choose_units(MODEL, (64, 64), ["c1"], 20, seed)["c1"] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)
    assert len(set(first)) == 20
    assert list(choose_units(Pixels(grid=(2, 2)), (8, 8), units=99)["pixels"]) == [0, 1, 2, 3]
    assert list(choose_units(MODEL, (64, 64), units={"c1": [5, 3]})["c1"]) == [3, 5]


@pytest.mark.parametrize("model", [MODEL, CNN("lenet5", weights="untrained")])
def test_units_in_the_middle(model):
    """Every feature of every map, at the place whose field is closest to the middle of the
    image."""
    if model is MODEL:
        shape = (64, 64)
    else:
        shape = (32, 32)
    if model is MODEL:
        layers = ["s1", "c1"]
    else:
        layers = None
    units = choose_units(model, shape, layers, "centre")
    found = responses(model, np.zeros((1, *shape), np.uint8), units=units)
    assert found.sizes["unit"] == sum(
        maps.shape[0] for layer in units for maps in model.geometry(shape, (layer,))[layer]
    )
    fields = model.fields(shape, layers).set_index(["layer", "band"])
    for layer, band, x in zip(
        found["layer"].values, found["band"].values, found["x"].values, strict=True
    ):
        assert abs(x - (shape[1] - 1) / 2) <= fields.loc[(layer, band), "step_x"] / 2


def test_stimuli_bring_their_parameters():
    found = responses(MODEL, gratings((64, 64), (0, 90), (0.1, 0.2)), ["c1"], "centre")
    assert list(found["stimulus_orientation"].values) == [0, 0, 90, 90]
    assert found["stimulus_frequency"].attrs["units"] == "cycles per pixel"
    assert found.attrs["model"] == "hmax_cnn.hmax:HMAX"


def test_columns_of_an_index_come_along(tmp_path):
    """Under names that netCDF takes, numbers as numbers; other objects' `columns` are not ours."""
    pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16))
    columns = {"size/px": [1, 2, 3], "kind": np.array(["a", "b", "c"], object)}
    found = responses(Pixels(grid=(4, 4)), Dataset(pictures, ["x", "y", "z"], columns=columns))
    assert found["stimulus_size_px"].values.tolist() == [1, 2, 3]
    assert found["stimulus_kind"].values.tolist() == ["a", "b", "c"]
    found.to_dataset().to_netcdf(tmp_path / "responses.nc")
    named = xr.DataArray(pictures, {"columns": ("image", [0, 1, 2])}, ("image", "y", "x"))
    assert "stimulus_columns" not in responses(Pixels(grid=(4, 4)), named).coords


def test_transformed_sets_become_a_dimension(images):
    moved = transformed(images, shift(), (-2, 0, 2), labels=["a", "b", "a"])
    found = responses(Pixels(grid=(4, 4)), moved)
    assert found.dims == ("image", "shift", "unit")
    assert (found.attrs["identity"], found.attrs["border"]) == (0, "constant, mean of the border")
    assert list(found["label"].values) == ["a", "b", "a"]
    np.testing.assert_array_equal(
        found.sel(shift=0).values, Pixels(grid=(4, 4)).transform(images.astype(np.float32))
    )


def test_large_responses_are_kept_in_a_file(images):
    """The same numbers; they are mapped from a file that has no name any more."""
    many = list(images) * 40
    inside, outside = (responses(MODEL, many, ["c1"], memory=memory) for memory in (256, 0))
    np.testing.assert_array_equal(inside.values, outside.values)
    base = outside.values
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_bad_requests(images):
    for units in (0, "middle", True):
        with pytest.raises(
            ValueError, match="`units` must be None, a number of at least 1, 'centre'"
        ):
            responses(MODEL, images, ["c1"], units)
    with pytest.raises(ValueError, match="`units` of 'c1' must lie between 0 and"):
        responses(MODEL, images, units={"c1": [10**9]})
    with pytest.raises(ValueError, match="`layer` must be one of 's1', 'c1'"):
        responses(MODEL, images, ["v4"])
    turned = views(list(images), ["a", "a", "a"], [0, 1, 2], 0, name="orientation")
    with pytest.raises(
        ValueError,
        match="the transformation 'orientation', which is what a property of units is called",
    ):
        responses(MODEL, turned, ["c1"])
    with pytest.raises(
        ValueError,
        match="`units` must be numbers of units of the layers 'c1', got some that are not there",
    ):
        flatten(MODEL.activations(images, ["c1"]), {"c1": [10**9]})
    with pytest.raises(ValueError, match="`images` must have one size, got"):
        responses(MODEL, [images[0], images[0][:50]], ["c1"])


def shown_to_hmax(**parameters):
    """Responses of C1 and C2 to two shifted shapes; those of C2 are distances by default."""
    model = HMAX(bands=1, prototypes="photographs", prototype_sizes=(4,), **parameters)
    shapes = transformed(fourier_shapes((48, 48), n_shapes=5), shift(), (-4, 0, 4))
    return responses(model.set_params(n_prototypes=20), shapes, ["c1", "c2"], 20)


def test_distances_are_told_from_strengths():
    """C2 says that it answers with distances, and `strengths` negates these alone; Gaussians are
    strengths as they are."""
    found = shown_to_hmax()
    assert distance_layers(found) == ["c2"]
    turned = strengths(found)
    is_c2 = found["layer"].values == "c2"
    np.testing.assert_array_equal(turned.values[..., is_c2], -found.values[..., is_c2])
    np.testing.assert_array_equal(turned.values[..., ~is_c2], found.values[..., ~is_c2])
    assert "Responses of c2 are distances; they were negated" in turned.attrs["caption"]
    gaussian = shown_to_hmax(tuning="gaussian")
    assert distance_layers(gaussian) == []
    assert strengths(gaussian) is gaussian


def test_the_sign_of_distances_is_turned():
    """The tolerance range of distances is that of minus the distances (their maxima as such gave
    another), and of Gaussians of the same distances, which have the same order."""
    found = shown_to_hmax()
    units = found["layer"].values == "c2"
    by_hand = (-found).assign_attrs(found.attrs).drop_vars("distance")
    ranges = tolerance_range(found)["value"].values[units]
    np.testing.assert_array_equal(ranges, tolerance_range(by_hand)["value"].values[units])
    as_they_are = found.drop_vars("distance")
    assert (tolerance_range(as_they_are)["value"].values[units] != ranges).any()
    assert "negated" in tolerance_range(found).attrs["caption"]


@pytest.mark.parametrize(
    "measure", [lifetime_sparseness, population_sparseness, selectivity_and_tolerance]
)
def test_rates_are_no_distances(measure):
    found = shown_to_hmax()
    if measure is not selectivity_and_tolerance:
        found = found.isel(shift=0, drop=True)
    with pytest.raises(ValueError, match=r"no meaning for distances.* layer 'c2' has such"):
        measure(found)
    measure(found.isel(unit=np.flatnonzero(found["layer"].values == "c1")))


def test_tuning_is_of_strengths():
    model = HMAX(bands=1, prototypes="photographs", prototype_sizes=(4,), n_prototypes=3)
    found = grating_responses(model, (48, 48), ["c2"], None, 4, (0.1, 0.2), 2)
    with pytest.raises(ValueError, match="Tuning has no meaning for distances"):
        orientation_tuning(found)
