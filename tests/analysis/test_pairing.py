"""What is compared is paired by label, in whatever order the two list it, or refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from synthetic import five_units

from hmax_cnn import Pixels, open_dataset, responses
from hmax_cnn.analysis.measures.alignment import cka, procrustes
from hmax_cnn.analysis.measures.brain import brain_similarity, similarity_to_brain
from hmax_cnn.analysis.measures.decoding import decoding_generalisation, shift_consistency
from hmax_cnn.analysis.measures.firing_rates import firing_rate_invariance
from hmax_cnn.analysis.measures.retrieval import retrieval
from hmax_cnn.analysis.measures.similarity import compare_rdms, noise_ceiling, rdms
from hmax_cnn.analysis.measures.tolerance import border_share
from hmax_cnn.analysis.pairing import BY_LABEL, BY_ORDER, aligned, same_order
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.statistics import compare, permutation_test

pytestmark = pytest.mark.quick

NONE = Resampling(0)
FEW = Resampling(30)


@pytest.fixture(scope="module")
def listed_twice(tmp_path_factory):
    """Responses to the same pictures as an index lists them, and as their folder does."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    names = [f"img{number}.png" for number in range(1, 13)]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (12, 12), dtype=np.uint8)).save(folder / name)
    (folder / "index.csv").write_text("\n".join(["path", *names]))
    by_index, by_folder = (
        responses(Pixels(grid=(12, 12)), open_dataset(path))
        for path in (folder / "index.csv", folder)
    )
    assert by_index["image"].values.tolist() != by_folder["image"].values.tolist()
    return by_index, by_folder


def unnamed(found):
    return found.drop_vars("image")


@pytest.mark.parametrize("measure", [cka, procrustes])
def test_layers_are_aligned_by_picture(measure, listed_twice):
    """One set in two orders: 1 in both orders of the arguments; without names on a side position is
    assumed, which gives another number, and is said."""
    a, b = listed_twice
    for one, other in ((a, b), (b, a)):
        found = measure(one, other, resampling=NONE)
        assert found["value"].item() == pytest.approx(1)
        assert found.attrs["paired_by"] == BY_LABEL
    assumed = measure(a, unnamed(b), resampling=NONE)
    assert assumed["value"].item() < 0.99  # seen -0.01 (CKA), 0.976 (Procrustes: 144 units)
    assert assumed.attrs["paired_by"] == BY_ORDER
    with pytest.raises(ValueError, match=r"must be of the same images: `b` lacks 'img2\.png'"):
        measure(a, b.isel(image=b["image"] != "img2.png"))
    with pytest.raises(ValueError, match=r"`a` lacks .* and 9 more and `b` lacks"):
        measure(a, b.assign_coords(image=[f"other{number}" for number in range(12)]))


def test_responses_to_an_array_have_positions_not_names():
    """Images of an array have no names: they pair with any as many."""
    pictures = np.random.default_rng(0).random((5, 8, 8))
    found = responses(Pixels(grid=(8, 8)), pictures)
    named = found.assign_coords(image=list("vwxyz"))
    assert cka(named, found, resampling=NONE).attrs["paired_by"] == BY_ORDER
    assert cka(found, found, resampling=NONE)["value"].item() == pytest.approx(1)


def test_rdms_are_compared_by_picture(listed_twice):
    a, b = (rdms(found) for found in listed_twice)
    assert compare_rdms(a["rdm"][0], b["rdm"][0]) == pytest.approx(1)
    found = brain_similarity(b, a["rdm"], n_permutations=9, resampling=NONE)
    assert found["value"].item() == pytest.approx(1)
    assert found.attrs["paired_by"] == BY_LABEL
    assert brain_similarity(b, a, n_permutations=9, resampling=NONE)["value"].item() == 1
    assumed = brain_similarity(b, a["rdm"].values, n_permutations=9, resampling=NONE)
    assert assumed["value"].item() < 0.5
    assert assumed.attrs["paired_by"] == BY_ORDER
    fewer = rdms(listed_twice[0][:-1])
    with pytest.raises(ValueError, match=r"`subjects` lacks 'img12\.png'"):
        brain_similarity(b, fewer)
    with pytest.raises(ValueError, match=r"`b` lacks 'img12\.png'"):
        compare_rdms(a["rdm"][0], fewer["rdm"][0])


def test_a_file_of_brains_names_its_pictures(listed_twice, tmp_path):
    by_index, by_folder = listed_twice
    table = rdms(by_index)["rdm"].values
    np.savez(tmp_path / "brains.npz", it=table, pictures=by_index["image"].values)
    found = similarity_to_brain(
        by_folder, tmp_path / "brains.npz", "it", "pictures", n_permutations=9, resampling=NONE
    )
    assert found["layer_value"].item() == pytest.approx(1)
    with pytest.raises(ValueError, match="`names` must be one of 'it', 'pictures'"):
        similarity_to_brain(by_folder, tmp_path / "brains.npz", "it", "images")
    np.savez(tmp_path / "short.npz", it=table, pictures=by_index["image"].values[:5])
    with pytest.raises(ValueError, match="of 66 pairs, got 5 names, of 10 pairs"):
        similarity_to_brain(by_folder, tmp_path / "short.npz", "it", "pictures")


def test_a_subject_of_whom_nothing_is_known(listed_twice):
    """Means, p and ceiling are those of the others."""
    models = rdms(listed_twice[0])
    subjects = models["rdm"].values + 0.3 * np.random.default_rng(1).random((3, 66))
    holed = np.insert(subjects, 1, np.nan, axis=0)
    whole = brain_similarity(models, subjects, n_permutations=19, resampling=FEW)
    with pytest.warns(UserWarning, match="Of subject 1 nothing is known"):
        found = brain_similarity(models, holed, n_permutations=19, resampling=FEW)
    assert found.attrs["n_subjects"] == 3
    assert np.isnan(found["value"].values[0]).tolist() == [False, True, False, False]
    for name in ("layer_value", "layer_low", "layer_high", "p", "ceiling_low", "ceiling_high"):
        assert found[name].item() == whole[name].item()
    assert noise_ceiling(holed) == noise_ceiling(subjects)
    with pytest.raises(ValueError, match="all are undefined"):
        brain_similarity(models, np.full((2, 66), np.nan))


def test_scores_are_compared_item_by_item():
    """Equal scores in two orders differ by exactly 0."""
    scores = pd.Series(np.random.default_rng(0).random(20), [f"p{number}" for number in range(20)])
    turned = scores[::-1]
    for one, other in (
        (scores, turned),
        *[[xr.DataArray(x.to_numpy(), {"image": x.index}, "image") for x in (scores, turned)]],
    ):
        row = compare({"a": one, "b": other}).iloc[0]
        assert row[["difference", "low", "high"]].tolist() == [0, 0, 0]
        assert permutation_test(one, other)["p"] == 1
        assert compare({"a": one, "b": other}).attrs["paired_by"] == BY_LABEL
    by_order = compare({"a": scores, "b": turned.to_numpy()})
    assert by_order.attrs["paired_by"] == BY_ORDER
    assert by_order["low"].item() < 0
    with pytest.raises(ValueError, match="must be of the same items: `b` lacks 'p19'"):
        compare({"a": scores, "b": scores[:-1]})


def test_classes_are_paired_by_picture():
    """Classes given as a series or a labelled array, in another order than the responses."""
    found = five_units(12)
    classes = pd.Series(["x", "y"] * 6, found["image"].values)
    shuffled = classes.sample(frac=1, random_state=0)
    right = decoding_generalisation(found, classes.to_numpy(), resampling=NONE)
    for given in (shuffled, xr.DataArray(shuffled.to_numpy(), {"image": shuffled.index}, "image")):
        xr.testing.assert_equal(decoding_generalisation(found, given, resampling=NONE), right)
    still = found.isel(shift=0, drop=True)
    for given in (classes.to_numpy(), shuffled):
        made = retrieval(still, given, metric="euclidean", resampling=NONE)
        assert made["layer_value"].values[0] == pytest.approx(
            retrieval(still, list(classes), "euclidean", resampling=NONE)["layer_value"].values[0]
        )
    predicted = right["predicted"]
    assert (
        shift_consistency(predicted, shuffled)["accuracy"].values.tolist()
        == shift_consistency(predicted, classes.to_numpy())["accuracy"].values.tolist()
    )
    with pytest.raises(ValueError, match="`labels` lacks 'i0'"):
        retrieval(still, classes.rename({"i0": "other"}))
    with pytest.raises(ValueError, match="one for each of the 12 images, got 11"):
        retrieval(still, classes[:-1])


def test_units_and_values_are_paired():
    """What came in at the border, with images, values and units in another order; a baseline with
    units in another order; other units are refused."""
    found = five_units(12)
    border = (0.5 * found).assign_attrs(found.attrs, border_only=1)
    turned = border[::-1, ::-1, ::-1].assign_attrs(border.attrs)
    one, other = (border_share(found, given, FEW)["value"] for given in (border, turned))
    xr.testing.assert_identical(one, other)
    baseline = five_units(60, seed=1).stack(shown=("image", "shift")).transpose("shown", "unit")
    baseline = xr.DataArray(
        baseline.values, {"unit": found["unit"], "layer": found["layer"]}, ("image", "unit")
    )
    one, other = (
        firing_rate_invariance(found, baseline=given, resampling=NONE)["value"]
        for given in (baseline, baseline[:, ::-1])
    )
    xr.testing.assert_identical(one, other)
    with pytest.raises(
        ValueError, match=r"must be of the same units: .*`baseline` lacks 'constant', 'noise'"
    ):
        firing_rate_invariance(
            found, baseline=baseline.assign_coords(unit=["invariant", "moving", "a", "b", "c"])
        )


def test_labels_that_cannot_be_told_apart():
    """One label for two items pairs where both list them alike, and is refused where not."""
    a = xr.DataArray(np.arange(3.0), {"image": ["x", "x", "y"]}, "image")
    assert aligned(a, a)[1] == BY_LABEL
    with pytest.raises(ValueError, match="has the image 'x' twice"):
        aligned(a, a[::-1])


def test_without_a_name_units_are_told_by_all_that_is_known():
    """Layer, feature and place together are one label."""
    coords = {"layer": ("unit", ["s1", "s1", "c1"]), "y": ("unit", [0, 1, 0])}
    a = xr.DataArray(np.arange(3.0), coords, "unit")
    turned, how = aligned(a, a[::-1], "unit")
    assert turned.values.tolist() == [0, 1, 2]
    assert how == BY_LABEL
    assert same_order({}, "item").empty
