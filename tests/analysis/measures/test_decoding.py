"""Decoding under transformation: a plain pipeline, chance, and leaks."""

import numpy as np
import pytest
import xarray as xr
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from synthetic import VALUES, grid, layers

from hmax_cnn.analysis.measures.decoding import decoding_generalisation, shift_consistency
from hmax_cnn.analysis.readout import classifier
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(30)


def labelled(n_images=40):
    rng = np.random.default_rng(1)
    labels = np.repeat(["a", "b"], n_images // 2)
    signal = np.where(labels == "a", 3.0, -3.0)[:, None, None]
    steady = np.repeat(signal + rng.standard_normal((n_images, 1, 4)), len(VALUES), axis=1)
    fading = signal * (VALUES == 0)[None, :, None] + rng.standard_normal((n_images, len(VALUES), 4))
    responses = grid(
        np.concatenate([steady, fading], axis=2), layer=("unit", np.repeat(["steady", "fading"], 4))
    )
    return responses.assign_coords(label=("image", labels))


@pytest.mark.parametrize("readout", ["svm", "logistic", "nearest"])
def test_decoding_generalisation(readout):
    found = decoding_generalisation(labelled(), readout=readout, resampling=FEW)
    np.testing.assert_allclose(found["value"].sel(layer="steady"), 1)
    assert found["value"].sel(layer="fading", shift=0) == 1
    assert np.abs(found["value"].sel(layer="fading").drop_sel(shift=0)).max() < 0.5
    assert (found.attrs["held_out"], found.attrs["chance"]) == (1, 0.5)
    assert found["predicted"].dims == ("layer", "image", "shift")


def test_decoding_is_what_a_pipeline_finds():
    """One image of each class: trained on all at the reference, tested elsewhere, as a plain
    scikit-learn pipeline does it."""
    responses = layers(6).isel(unit=slice(24, 36))
    found = decoding_generalisation(responses, labels=list("abcdef"), resampling=FEW)
    plain = make_pipeline(StandardScaler(), SVC(kernel="linear")).fit(
        responses.values[:, 4], list("abcdef")
    )
    for index in range(len(VALUES)):
        np.testing.assert_array_equal(
            found["predicted"].values[0, :, index], plain.predict(responses.values[:, index])
        )
    assert found.attrs["held_out"] == 0


def test_decoding_at_chance_is_undefined():
    responses = layers().isel(unit=slice(36, 48))
    found = decoding_generalisation(responses, labels=list("ab" * 12), n_folds=4, resampling=FEW)
    assert found["value"].isnull().all()
    np.testing.assert_allclose(found["accuracy"], 0.5)


@pytest.mark.parametrize("readout", ["svm", "logistic", "nearest"])
def test_rounding_is_no_feature(readout):
    """Units that are 1e-17 at the reference and real elsewhere, as those of a blank part that an
    object moves into, decide nothing."""
    responses = labelled()
    extra = (
        np.random.default_rng(0).random((40, 9, 4)) * np.where(VALUES == 0, 1e-17, 1)[None, :, None]
    )
    both = grid(
        np.concatenate([responses.values[:, :, :4], extra], axis=2), layer=("unit", ["steady"] * 8)
    ).assign_coords(label=responses["label"])
    found = decoding_generalisation(both, readout=readout, resampling=Resampling(0))
    np.testing.assert_allclose(found["value"].sel(layer="steady"), 1)


def test_nothing_is_learned_from_test_images():
    """Test images a million times larger change no prediction of the others: scaling is learned
    from training images only."""
    responses = labelled()
    found = decoding_generalisation(responses, n_folds=2, resampling=Resampling(0))
    moved = responses.copy(data=responses.values.copy())
    from sklearn.model_selection import StratifiedKFold

    (train, test), _ = StratifiedKFold(2, shuffle=True, random_state=0).split(
        np.zeros(40), responses["label"].values
    )
    moved.values[test[0]] *= 1e6
    other = decoding_generalisation(moved, n_folds=2, resampling=Resampling(0))
    np.testing.assert_array_equal(
        other["predicted"].values[:, test[1:]], found["predicted"].values[:, test[1:]]
    )
    assert len(train)


def test_shift_consistency():
    predicted = xr.DataArray(
        [["a", "a", "a", "a"], ["a", "b", "a", "b"]],
        dims=("image", "shift"),
        coords={"shift": [0, 1, 2, 3]},
    )
    found = shift_consistency(predicted, ["a", "b"], FEW)
    assert found["layer_value"].item() == pytest.approx((1 + 2 / 6) / 2)
    assert found["accuracy"].item() == pytest.approx((1 + 0.5) / 2)
    numbers = xr.DataArray([[0, 0], [1, 1], [1, 0]], dims=("image", "shift"))
    assert shift_consistency(numbers, [0, 1, 1], FEW)["accuracy"].item() == pytest.approx(5 / 6)
    always = predicted.copy(data=np.full((2, 4), "a"))
    found = shift_consistency(always, ["a", "b"], FEW)
    assert (found["layer_value"].item(), found["accuracy"].item()) == (1, 0.5)
    with pytest.raises(ValueError, match="a transformation of at least two values"):
        shift_consistency(predicted.isel(shift=[0]), ["a", "b"])


def test_bad_labels():
    with pytest.raises(ValueError, match="have no coordinate label"):
        decoding_generalisation(layers())
    with pytest.raises(ValueError, match="at least two classes"):
        decoding_generalisation(layers(), labels=["a"] * 24)
    with pytest.raises(
        ValueError, match="`labels` must have one image of every class, or several of every class"
    ):
        decoding_generalisation(layers(), labels=["a", *"b" * 23])
    with pytest.raises(ValueError, match="`n_folds` must lie between 2 and 12"):
        decoding_generalisation(layers(), labels=list("ab" * 12), n_folds=13)
    with pytest.raises(
        ValueError, match=r"`readout` must be one of 'svm', 'logistic', .*, got 'tree'"
    ):
        classifier("tree", np.array(["a", "b"]))


def test_intervals_that_hold_chance_are_reservations():
    """Generalisation of nothing is 0: a row whose interval holds it says so."""
    from hmax_cnn.analysis.figures.tables import tables
    from hmax_cnn.analysis.study.reservations import with_reservations

    rng = np.random.default_rng(0)
    coords = {"shift": [0, 1], "layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 8)}
    values = rng.normal(size=(16, 2, 8))
    values[1::2, 0] += 4  # classes apart at the reference, noise elsewhere
    about = {"identity": 0, "transformation": "shift"}
    found = xr.DataArray(values, coords, ("image", "shift", "unit"), attrs=about)
    result = decoding_generalisation(found, n_folds=4)
    table = with_reservations(tables({"m": result})["table"])
    assert table["amount"].tolist() == [1]
    assert table["why"].tolist() == ["the interval holds chance"]
    assert "tested on held-out images (4 folds); chance is 0.5" in result.formula
