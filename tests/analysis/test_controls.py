"""Controls: what a model's results would be without what it has learned."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from hmax_cnn.analysis.controls import controls, matched_layers
from hmax_cnn.analysis.measures.decoding import decoding_generalisation
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN, LinearClassifier, MultilayerPerceptron
from hmax_cnn.data.transformations import shift
from hmax_cnn.data.transformed import transformed
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick


def test_prototypes_are_shuffled_or_random(images):
    """Shuffled: each patch has its numbers, in another order. Random: mean and deviation of its
    size, cut at 0; both change C2 and not C1."""
    model = HMAX(bands=2, n_prototypes=20, prototype_sizes=(4, 8), layer=("c1", "c2")).fit(images)
    found = controls(model)
    own, shuffled, noise = (
        m.prototypes_.patches
        for m in (model, found["shuffled prototypes"], found["random prototypes"])
    )
    for size in (4, 8):
        np.testing.assert_array_equal(
            np.sort(shuffled[size].reshape(20, -1)), np.sort(own[size].reshape(20, -1))
        )
        assert (shuffled[size] != own[size]).mean() > 0.8
        assert noise[size].mean() == pytest.approx(own[size].mean(), rel=0.1)
        assert noise[size].min() >= 0
    for name in ("shuffled prototypes", "random prototypes"):
        values, others = model.transform(images), found[name].transform(images)
        n_c1 = values.shape[1] - 40
        np.testing.assert_array_equal(values[:, :n_c1], others[:, :n_c1])
        assert (values[:, n_c1:] != others[:, n_c1:]).mean() > 0.9
        np.testing.assert_array_equal(found[name].fit(images).transform(images), others)


def test_given_prototypes_are_controlled_without_a_fit(images):
    model = HMAX(prototypes="photographs", prototype_sizes=(4,), n_prototypes=5, bands=2)
    other = controls(model)["shuffled prototypes"]
    assert other.transform(images).shape == model.transform(images).shape


@pytest.mark.parametrize(
    "model",
    [CNN("lenet5", epochs=1), MultilayerPerceptron(16, epochs=2), LinearClassifier(epochs=2)],
    ids=lambda model: type(model).__name__,
)
def test_untrained_is_the_same_network_before_training(model):
    """Weights drawn by the network's own seed are those that training started from; the model
    itself stays as it was."""
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32)).astype(np.float32)
    model.fit(images, list("ababab"))
    before = model.transform(images)
    control = model.untrained()
    np.testing.assert_array_equal(model.transform(images), before)
    assert np.abs(control.transform(images) - before).max() > 1e-4
    start = model.graph_.draw(model.random_state, (32, 32))
    for name, array in control.learned_.arrays.items():
        np.testing.assert_array_equal(array, start[name])
    assert control.learned_.mean == model.learned_.mean
    assert not np.array_equal(model.untrained(1).transform(images), control.transform(images))
    assert "untrained" in controls(model)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        type(model)().untrained()


def test_networks_that_are_given_have_an_untrained_control():
    """Of weights from a file, without a fit; of an untrained one another draw."""
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    given = CNN("lenet5", weights="untrained")
    other = controls(given)["untrained"]
    assert np.abs(other.transform(images) - given.transform(images)).max() > 1e-3
    assert not hasattr(given, "learned_")


def test_layers_are_matched():
    """By field size: the nearest ratio; by depth: the same place from bottom to top."""
    models = {"hmax": HMAX(bands=2), "lenet": CNN("lenet5", weights="untrained")}
    sizes = matched_layers(models, (64, 64), layers={"hmax": ["s1", "c1"]}).set_index(
        "reference_layer"
    )
    assert sizes.loc["s1", "layer"] in ("s2", "c3")
    assert sizes.loc["c1", "layer"] == "s4"
    depth = matched_layers(models, (64, 64), "depth", layers={"hmax": ["s1", "c1"]}).set_index(
        "reference_layer"
    )
    assert (depth.loc["s1", "layer"], depth.loc["c1", "layer"]) == ("c1", "output")
    with pytest.raises(ValueError, match="`by` must be 'field_size' or 'depth'"):
        matched_layers(models, (64, 64), "width")
    with pytest.raises(ValueError, match="`models` must hold at least two"):
        matched_layers({}, (64, 64))
    with pytest.raises(ValueError, match="`reference` must be one of"):
        matched_layers(models, (64, 64), reference="vgg")


def test_controls_say_what_is_due_to_the_model(images):
    """Any measure takes any control; unit numbers are equalised by drawing."""
    moved = transformed(images, shift(), (0, 4), labels=list("abc"))
    for name, control in controls(HMAX(prototypes="photographs", bands=2)).items():
        found = responses(control, moved, ["c2"] if "prototypes" in name else None, units=20)
        assert found.sizes["unit"] == 20
        assert decoding_generalisation(found, resampling=Resampling(0))["value"].sizes["layer"] == 1
    assert "pixels" in controls(Pixels())
