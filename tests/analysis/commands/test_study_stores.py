"""A study whose models name stores: the same numbers, read and not computed."""

import shutil

import numpy as np
import pytest
import xarray as xr
from command_line import inside, invoke

from hmax_cnn import HMAX, open_dataset, open_features
from hmax_cnn.analysis.measures import classification
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.measures.selectivity import dimensionality
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.study import bench
from hmax_cnn.extraction.store import FeatureStore
from hmax_cnn.hmax.prototype_files import write_prototypes

STUDY = """\
title = "From a store"
units = 40
resamples = 10
seeds = [0, 1]

[images.gratings]
source = "pictures"
resize = "stretch:40x40"

[images.some]
source = "pictures"
resize = "stretch:40x40"
per_class = 6

[models.hmax]
model = "hmax:HMAX"
layers = ["c1", "c2"]
parameters = { prototypes = "photographs" }

[models.learned]
model = "hmax:HMAX"
layers = ["c2"]
learns_from = "gratings"
parameters = { n_prototypes = 6, prototype_sizes = [4, 8] }

[measures.accuracy]
measure = "analysis.measures.classification:classification"
images = ["gratings", "some"]
parameters = { n_folds = 2, readout = "nearest" }

[measures.dimensionality]
measure = "analysis.measures.selectivity:dimensionality"
images = ["gratings"]
"""
FRAME = ["--resize", "stretch:40x40", "--shard-images", "10", "--quiet"]
BOTH = ["--set", "prototypes=photographs", "--set", "random_state=0", "--layer", "c1,c2"]
LEARNED = [
    "--set",
    "n_prototypes=6",
    "--set",
    "prototype_sizes=(4, 8)",
    "--set",
    "random_state=0",
    "--layer",
    "c2",
]


@pytest.fixture(scope="module")
def there(tmp_path_factory, pictures):
    """Pictures, two stores of their features, and a study's results without them."""
    root = tmp_path_factory.mktemp("there")
    shutil.copytree(pictures, root / "pictures")
    for name, options in (("both", BOTH), ("learned", LEARNED)):
        done = inside(
            "extract", root / "pictures", *options, *FRAME, "--output", root / f"{name}.zarr"
        )
        assert done.returncode == 0, done.stderr
    (root / "plain.toml").write_text(STUDY)
    done = invoke("study", "run", root / "plain.toml", "--output", root / "plain", "--jobs", 1)
    assert done.exit_code == 0, done.output
    return root


def stored(there, *changes):
    text = STUDY
    for model, store in (("hmax", '["both.zarr"]'), ("learned", '"learned.zarr"')):
        text = text.replace(f"[models.{model}]\n", f"[models.{model}]\nstore = {store}\n")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = there / "stored.toml"
    path.write_text(text)
    return path


def results(folder):
    return {path.relative_to(folder): xr.load_dataset(path) for path in folder.rglob("*.nc")}


@pytest.mark.slow
def test_the_same_numbers_are_read(there, tmp_path, monkeypatch):
    """Of the seed that was extracted, of all pictures and of some; of the other seed as before."""
    read, computed = [], []
    reading, computing = bench.stored_responses, classification.responses
    monkeypatch.setattr(
        bench, "stored_responses", lambda *given: read.append(given[0].address) or reading(*given)
    )
    monkeypatch.setattr(
        classification, "responses", lambda *given: computed.append(given) or computing(*given)
    )
    out = tmp_path / "out"
    done = invoke("study", "run", stored(there), "--output", out, "--jobs", 1)
    assert done.exit_code == 0, done.output
    names = [address.rpartition("/")[2] for address in read]
    # Accuracy of two sets, and what all measures of responses share; a model that learned from
    # these pictures is fitted anew in each fold.
    assert sorted(names) == ["both.zarr", "both.zarr", "both.zarr", "learned.zarr"]
    assert len(computed) == 2 + 2 * 2 * 2  # the other seed; two sets, seeds and folds
    found, expected = results(out / "results"), results(there / "plain" / "results")
    assert set(found) == set(expected)
    for name in found:
        xr.testing.assert_identical(found[name].drop_attrs(), expected[name].drop_attrs())
    text = (out / "methods.txt").read_text()
    assert "Its features of pictures in both.zarr were read from there." in text
    again = invoke("study", "run", stored(there), "--output", out, "--jobs", 2, "--resume")
    assert ", 0 of them made now" in again.output
    shutil.copytree(there / "both.zarr", there / "elsewhere.zarr", dirs_exist_ok=True)
    moved = stored(there, ("both.zarr", "elsewhere.zarr"))
    again = invoke("study", "run", moved, "--output", out, "--jobs", 1, "--resume")
    assert ", 0 of them made now" in again.output


def test_units_that_a_measure_chooses_itself(there, tmp_path):
    """Chosen as without a store."""
    text = stored(there).read_text().partition("[models.learned]")[0]
    text += STUDY[STUDY.index("[measures.accuracy]") :].partition("[measures.dim")[0]
    text = text.replace('readout = "nearest" }', 'readout = "nearest", units = 7 }')
    (there / "few.toml").write_text(text)
    done = invoke("study", "run", there / "few.toml", "--output", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 0, done.output
    for found in results(tmp_path / "out" / "results").values():
        assert set(found["n_units"].values) == {7}


CHANGES = {
    "no store": (("both.zarr", "none.zarr"), "There is no store of features"),
    "a parameter": (
        ('prototypes = "photographs"', 'prototypes = "photographs", tuning = "gaussian"'),
        "tuning (there None, here 'gaussian')",
    ),
    "another size": (
        ("stretch:40x40", "stretch:44x44"),
        "resize (there 'stretch:40x40', here 'stretch:44x44')",
    ),
    "other training images": (
        ('learns_from = "gratings"', 'learns_from = "some"'),
        "the pictures, their order, or what the model learned from",
    ),
    "another layer": (('layers = ["c1", "c2"]', 'layers = ["s1", "c2"]'), "takes 's1'"),
    "no seed that was extracted": (("seeds = [0, 1]", "seeds = [2, 3]"), "random_state (there 0"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_something_else_is_refused(there, tmp_path, name):
    change, text = CHANGES[name]
    done = invoke("study", "run", stored(there, change), "--output", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 1
    assert text in done.output
    assert not (tmp_path / "out" / "results").exists()


def test_pictures_that_changed_are_refused(there, tmp_path):
    for folder in ("pictures", "both.zarr"):
        shutil.copytree(there / folder, tmp_path / folder)
    path = stored(tmp_path, ('store = "learned.zarr"\n', ""))
    picture = tmp_path / "pictures" / "level" / "00.png"
    shutil.copy(tmp_path / "pictures" / "level" / "01.png", picture)
    done = invoke("study", "run", path, "--output", tmp_path / "out", "--jobs", 1)
    assert "1 of the 4 shards of `store` both.zarr are missing, or made of images" in done.output
    shutil.copy(there / "pictures" / "level" / "00.png", picture)
    FeatureStore.at(tmp_path / "both.zarr").discard(2)
    done = invoke("study", "run", path, "--output", tmp_path / "out", "--jobs", 1)
    assert "1 of the 4 shards of `store` both.zarr are missing" in done.output


def test_reduced_features_are_refused(there, tmp_path):
    shutil.copytree(there / "pictures", tmp_path / "pictures")
    reduced = ["--reduce", "units:20", "--output", tmp_path / "both.zarr"]
    assert inside("extract", there / "pictures", *BOTH, *FRAME, *reduced).returncode == 0
    path = stored(tmp_path, ('store = "learned.zarr"\n', ""))
    half = [*BOTH, *FRAME, "--dtype", "float16", "--output", tmp_path / "half.zarr"]
    assert inside("extract", there / "pictures", *half).returncode == 0
    text = path.read_text()
    path.write_text(text.replace("both.zarr", "half.zarr"))
    done = invoke("study", "run", path, "--output", tmp_path / "out", "--jobs", 1)
    assert "holds float16, and a study takes float32" in done.output
    path.write_text(text)
    done = invoke("study", "check", path)
    assert done.exit_code == 0, done.output
    done = invoke("study", "run", path, "--output", tmp_path / "out", "--jobs", 1)
    assert "holds features reduced by units:20" in done.output


def test_weights_count_by_what_is_in_them(there, tmp_path):
    """The same prototypes under another path are the same model."""
    shutil.copytree(there / "pictures", tmp_path / "pictures")
    model = HMAX(n_prototypes=4, prototype_sizes=(4,), random_state=0)
    model.fit(np.random.default_rng(0).integers(0, 256, (4, 48, 48)).astype(np.uint8))
    write_prototypes(model.prototypes_, tmp_path / "first.npz")
    options = ["--set", f"prototypes={tmp_path / 'first.npz'}", "--set", "random_state=0"]
    done = inside(
        "extract", tmp_path / "pictures", *options, *FRAME, "--output", tmp_path / "both.zarr"
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "first.npz").rename(tmp_path / "second.npz")
    text = STUDY.partition("[models.learned]")[0] + STUDY[STUDY.index("[measures.accuracy]") :]
    text = text.replace('"photographs"', '"second.npz"').replace('["c1", "c2"]', '["c2"]')
    text = text.replace("[models.hmax]\n", '[models.hmax]\nstore = "both.zarr"\n')
    (tmp_path / "study.toml").write_text(text)
    done = invoke(
        "study", "run", tmp_path / "study.toml", "--output", tmp_path / "out", "--jobs", 1
    )
    assert done.exit_code == 0, done.output


def test_measures_take_what_is_read(there):
    """Without a study: the same numbers as of responses that are computed."""
    features = open_features(there / "both.zarr")
    images = open_dataset(there / "pictures").framed("stretch:40x40", None)
    model = HMAX(prototypes="photographs")
    computed = responses(model, images, ["c1"])
    read = features.responses(["c1"])
    np.testing.assert_array_equal(read.unit, computed.unit)
    xr.testing.assert_identical(
        dimensionality(read).drop_attrs(), dimensionality(computed).drop_attrs()
    )
    options = {"layers": ["c1"], "readout": "nearest", "n_folds": 2}
    found = classification.classification(model, images, features=read, **options)
    xr.testing.assert_identical(found, classification.classification(model, images, **options))
    curve = learning_curve(model, images, (1, 4), n_repeats=2, features=read, layers=["c1"])
    assert curve.equals(learning_curve(model, images, (1, 4), n_repeats=2, layers=["c1"]))
    upright = features.responses(["c2"], features.labels == "upright")
    assert upright.sizes["image"] == 12
    assert set(upright["layer"].values) == {"c2"}
    with pytest.raises(ValueError, match="`layers` must be among c1, c2, got 's1'"):
        features.responses(["s1"])
    with pytest.raises(ValueError, match="must be of the layers c1, got c2"):
        classification.classification(model, images, features=features.responses(["c2"]), **options)
    with pytest.raises(ValueError, match="must be of the 36 `images`, in their order, got 3"):
        classification.classification(
            model, images, features=features.responses(["c1"], slice(3)), **options
        )
