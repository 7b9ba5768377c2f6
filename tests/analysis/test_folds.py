"""Folds keep groups together, in every readout, and a set that needs groups is warned of."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from scipy import stats
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.neighbors import KNeighborsClassifier

from hmax_cnn import Pixels, open_dataset, responses
from hmax_cnn.analysis.folds import GroupsWarning, inner_folds, splits, stratified
from hmax_cnn.analysis.intervals import wilson_interval
from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.analysis.measures.decoding import decoding_generalisation
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.measures.retrieval import retrieval
from hmax_cnn.analysis.readout import classify
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.transformations import shift
from hmax_cnn.data.transformed import transformed

pytestmark = pytest.mark.quick

NONE = Resampling(0)


@pytest.fixture
def views(tmp_path):
    """Two classes that say nothing of a picture, eight objects of each, five views of each object:
    noise of its own and a little more in each view."""
    rng = np.random.default_rng(0)
    rows = ["path,label,object,lamp"]
    for number in range(16):
        thing = rng.integers(60, 190, (8, 8))
        for view in range(5):
            name = f"o{number:02d}_{view}.png"
            picture = np.clip(thing + rng.normal(0, 4, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / name)
            rows.append(f"{name},{'ab'[number % 2]},o{number},{view}")
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    return open_dataset(tmp_path / "index.csv")


def test_groups_stay_together_at_every_level(views):
    """Outer and inner folds; as many folds as a class has groups, no more."""
    labels, groups = np.asarray(views.labels), np.asarray(views.columns["object"])
    for train, test in stratified(labels, 4, 0, groups):
        assert not {*groups[train]} & {*groups[test]}
        assert sorted([*train, *test]) == list(range(80))
        for inner, held in inner_folds(labels[train], 0, groups[train]):
            assert not {*groups[train][inner]} & {*groups[train][held]}
    with pytest.raises(ValueError, match="between 2 and 8, the groups of class 'a', got 9"):
        stratified(labels, 9, 0, groups)
    with pytest.raises(ValueError, match="between 2 and 40, the images of class 'a', got 41"):
        stratified(labels, 41, 0)
    assert inner_folds(np.array(["a", "b"]), 0) is None


def test_objects_are_not_taken_for_classes(views):
    """Classes without any meaning: views of one object give it away, whole objects do not."""
    model = Pixels(grid=(8, 8))
    with pytest.warns(GroupsWarning, match="have a column 'object' whose values repeat"):
        torn = classification(model, views, readout="nearest", n_folds=4)
    whole = classification(model, views, readout="nearest", n_folds=4, groups="object")
    assert torn["layer_value"].item() == 1
    assert 0.25 < whole["layer_value"].item() < 0.75
    assert "images of one object in one fold" in whole.attrs["formula"]
    set_itself = classification(model, views.grouped("object"), readout="nearest", n_folds=4)
    xr.testing.assert_equal(set_itself, whole)
    *_, last = classify(model, views.grouped("object"), "pixels", 4)
    assert last.accuracy < 0.75


def test_views_of_one_object_are_no_independent_images(views):
    """By hand: the variance of the accuracy over 16 objects, 1.75 for folds, and Wilson's for as
    many images, as with Student's t of 15 degrees of freedom."""
    found = classification(
        Pixels(grid=(8, 8)), views, readout="nearest", n_folds=4, groups="object"
    )
    right = pd.Series(found["correct"].values[0].astype(float), found["image"].values)
    of_objects = (right - right.mean()).groupby([name[:3] for name in right.index]).sum()
    variance = 1.75 * (of_objects**2).sum() / 80**2 * 16 / 15
    z, t = stats.norm.ppf(0.975), stats.t.ppf(0.975, 15)
    count = right.mean() * (1 - right.mean()) / variance * (z / t) ** 2
    ends = [found[f"layer_{end}"].item() for end in ("low", "high")]
    np.testing.assert_allclose(ends, wilson_interval(right.mean() * count, count))
    assert count < 80 / 1.75 / 1.5
    assert "right or wrong together" in found.attrs["intervals"]


def test_leaving_one_object_out(views):
    """As many folds as groups in a class are the same numbers as scikit-learn's with its own
    splitter, object by object, where a fold holds one object of each class."""
    found = classification(
        Pixels(grid=(8, 8)), views, readout="nearest", n_folds=8, groups="object"
    )
    values = responses(Pixels(grid=(8, 8)), views).values
    labels, groups = np.asarray(views.labels), np.asarray(views.columns["object"])
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    alone = [
        KNeighborsClassifier(1).fit(scaled[train], labels[train]).score(scaled[test], labels[test])
        for train, test in LeaveOneGroupOut().split(values, labels, groups)
    ]
    assert found["layer_value"].item() == pytest.approx(np.mean(alone), abs=0.2)
    assert found.attrs["n_folds"] == 8


def test_learning_curves_test_other_groups(views):
    """No tested image is of a group that was trained on."""
    model = Pixels(grid=(8, 8))
    curve = {"n_train": (5, 20), "n_repeats": 4, "readout": "nearest", "resampling": NONE}
    with pytest.warns(GroupsWarning):
        torn = learning_curve(model, views, **curve)
    whole = learning_curve(model, views, groups="object", **curve)
    assert (whole["n_tested"] <= 16).all()  # objects, not their views
    assert torn["value"].values[0, 1, 0] > 0.8
    assert 0.2 < whole["value"].values[0, 1, 0] < 0.75
    with pytest.raises(ValueError, match="`n_train` leaves no image to test on"):
        learning_curve(model, views, groups="object", **(curve | {"n_train": (38,)}))


def test_decoding_and_retrieval_by_group(views):
    """Groups come along with the responses, or are given by picture."""
    grouped, model = views.grouped("object"), Pixels(grid=(8, 8))
    moved = responses(model, transformed(grouped, shift(), (0, 1)))
    assert moved["group"].values.tolist() == list(views.columns["object"])
    given = pd.Series(moved["group"].values, moved["image"].values).sample(frac=1, random_state=0)
    torn = moved.drop_vars("group")
    one, other, without = (
        decoding_generalisation(found, readout="nearest", groups=groups, resampling=NONE)
        for found, groups in ((moved, None), (torn, given), (torn, None))
    )
    np.testing.assert_array_equal(one["predicted"], other["predicted"])
    assert without["accuracy"].sel(shift=0).item() == 1
    assert one["accuracy"].sel(shift=0).item() < 0.75
    still = responses(model, grouped)
    assert retrieval(still.drop_vars("group"), resampling=NONE)["nearest"].item() == 1
    assert 0.25 < retrieval(still, resampling=NONE)["nearest"].item() < 0.75
    alone = still.isel(image=slice(0, 10))  # one group of each class: nothing is to be found
    with pytest.raises(ValueError, match="with at least two images"):
        retrieval(alone, resampling=NONE)


def test_a_set_that_looks_grouped(views):
    """Warned of once, by name; not where a column says the same as the class, or is given."""
    with pytest.warns(GroupsWarning, match=r"groups = 'object' \(--groups object\)"):
        list(splits(views, 4, 0))
    same = views.grouped(np.asarray(views.labels)).columns["group"]
    list(
        splits(type(views)(views.source, views.names, views.labels, columns={"object": same}), 4, 0)
    )
    list(splits(views.grouped("object"), 4, 0))
    sides = np.array(["train", "test"] * 40)
    both = type(views)(
        views.source, views.names, views.labels, sides, columns=views.columns, grouped_by="object"
    )
    with pytest.warns(GroupsWarning, match="16 groups of 'object' have images on both sides"):
        list(splits(both, 4, 0))
    with pytest.raises(ValueError, match="must be a column of the index, 'object', 'lamp', got"):
        views.grouped("subject")
    with pytest.raises(ValueError, match="one for each of 80 images, got shape"):
        views.grouped([1, 2])
