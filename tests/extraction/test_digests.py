"""Pictures that a model has learned from are known again, and nobody is tested on them."""

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from synthetic import grid

from hmax_cnn import CNN, HMAX, Perceptron, Pixels, open_dataset, responses
from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.analysis.measures.decoding import decoding_generalisation
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.readout import classify
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.layers import Dense
from hmax_cnn.data import Dataset, digits
from hmax_cnn.data.transformations import shift
from hmax_cnn.data.transformed import transformed
from hmax_cnn.extraction.digests import (
    SeenBeforeError,
    as_text,
    from_text,
    picture_digests,
    seen_before,
)
from hmax_cnn.hmax.prototype_files import read_prototypes, write_prototypes

pytestmark = pytest.mark.quick


def linear(image_shape=(8, 8), n_classes=2, n_channels=1):
    """One dense layer."""
    graph = Graph(n_channels, image_shape)
    graph.outputs[graph.add("scores", Dense(n_classes))] = 1.0
    return graph


def net(**parameters):
    return CNN(linear, epochs=1, progress=False, **parameters)


SMALL = {"preset": "georgetown", "bands": 1, "prototype_sizes": (4,), "n_prototypes": 3}
TAUGHT, OTHERS = digits()[:30], digits()[30:60]


def test_a_picture_is_the_same_however_it_is_resized(tmp_path):
    """A file by its bytes, an array by its values whatever its type; a transformed picture is known
    by what it was."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (3, 12, 12), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    files = open_dataset(tmp_path)
    assert picture_digests(files).tolist() == picture_digests(files.framed("cover:6x6")).tolist()
    assert picture_digests(pixels).tolist() == picture_digests(pixels.astype(float)).tolist()
    assert len({*picture_digests(files), *picture_digests(pixels)}) == 6
    moved = transformed(files, shift(), (-2, 0, 2))
    assert picture_digests(moved).tolist() == np.repeat(picture_digests(files), 3).tolist()
    part = moved.subset([2, 0])
    assert picture_digests(part, [0, 3]).tolist() == picture_digests(files)[[2, 0]].tolist()
    assert from_text(as_text(picture_digests(files))).tolist() == sorted(picture_digests(files))


@pytest.mark.parametrize("model", [net(), Perceptron(progress=False), HMAX(**SMALL)])
def test_a_fit_is_remembered(model, tmp_path):
    """What was fitted knows the pictures again, also in a file; a clone has learned nothing."""
    taught, others = (part.framed("stretch:32x32") for part in (TAUGHT, OTHERS))
    if isinstance(model, HMAX):
        # Only pictures that a patch was cut from are looked at.
        known = model.fit(taught, taught.labels).prototypes_.provenance["name"]
        assert {*np.array(taught.names)[seen_before(model, taught)]} == {*known}
        write_prototypes(model.prototypes_, tmp_path / "own.npz")
        assert read_prototypes(tmp_path / "own.npz").shuffled().learned_from.tolist() == (
            model.learned_from().tolist()
        )
    else:
        assert seen_before(model.fit(taught, taught.labels), TAUGHT).all()
    assert not seen_before(model, others).any()
    assert not len(clone(model).learned_from())
    assert not len(Pixels(grid=(8, 8)).fit(taught).learned_from())
    model.fit(others, others.labels)
    assert not seen_before(model, taught).any()


@pytest.fixture(scope="module")
def from_file(tmp_path_factory):
    """A network whose file says what it learned from."""
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    taught = labelled(slice(0, 30))
    net().fit(taught, taught.labels).write(path)
    return CNN(linear, weights=path, progress=False)


def labelled(names, split=None):
    """Digits of two classes, as many of each."""
    found = digits()[names]
    return Dataset(found.source, found.names, np.array(["a", "b"] * 15), split)


def test_weights_in_a_file_are_not_tested_on_what_they_learned_from(from_file):
    """All readouts refuse, and take other pictures; training images of a split may be known."""
    known, new = labelled(slice(0, 30)), labelled(slice(30, 60))
    assert seen_before(from_file, known).all()
    for readout in (
        lambda images: list(classify(from_file, images, "network", 2)),
        lambda images: classification(from_file, images, n_folds=2),
        lambda images: learning_curve(from_file, images, (2,), n_repeats=2),
        lambda images: list(classify(from_file.set_params(epochs=1), images, "more", 2)),
    ):
        with pytest.raises(SeenBeforeError, match=r"learned from 30 of the 30 images .* '0000'"):
            readout(known)
        readout(new)
    from_file.set_params(epochs=None)
    half = labelled(slice(15, 45), np.array(["train"] * 15 + ["test"] * 15))
    assert next(classify(from_file, half, "network")).accuracy >= 0
    turned = labelled(slice(15, 45), np.array(["test"] * 15 + ["train"] * 15))
    with pytest.raises(SeenBeforeError, match="15 of the 15"):
        next(classify(from_file, turned, "network"))


def test_a_model_in_memory_is_fitted_anew_or_refused():
    """With refit=True a fold's model learns from its training images; with False it must not know
    the images."""
    known = labelled(slice(0, 30))
    model = net().fit(known, known.labels)
    assert classification(model, known, n_folds=2).attrs["learned_anew"] == 1
    with pytest.raises(SeenBeforeError):
        classification(model, known, n_folds=2, refit=False)
    with pytest.raises(SeenBeforeError):
        learning_curve(model, known, (2,), refit=False)


def test_responses_say_which_pictures_were_known():
    """A coordinate of the responses, which decoding refuses; without it nothing is said."""
    known = labelled(slice(15, 45))
    model = net().fit(TAUGHT, TAUGHT.labels)
    found = responses(model, transformed(known, shift(), (-1, 0)))
    assert found["learned_from"].values.tolist() == [True] * 15 + [False] * 15
    assert found.attrs["n_learned_from"] == 15
    with pytest.raises(SeenBeforeError, match="15 of the 30 images that are decoded"):
        decoding_generalisation(found, n_folds=2)
    assert "learned_from" not in responses(model, OTHERS).coords
    rng = np.random.default_rng(0)
    clean = grid(rng.random((8, 9, 3)), label=("image", list("abababab")))
    assert decoding_generalisation(clean, n_folds=2, resampling=Resampling(0)).attrs["held_out"]
