"""What a network is before any training here."""

import warnings

import numpy as np
import pytest
from safetensors.numpy import save_file
from weight_files import published

from hmax_cnn.cnn import CNN

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)


OPTIONS = {"stages": (1, 1, 1, 1), "image_shape": (40, 40), "n_classes": 5}


def test_classes_are_counted_from_the_head(tmp_path):
    save_file(published("resnet", OPTIONS), tmp_path / "five.safetensors")
    model = CNN("resnet", options={"stages": (1, 1, 1, 1)}, weights=tmp_path / "five.safetensors")
    assert model.scores(IMAGES).shape == (3, 5)
    assert model.predict(IMAGES).dtype.kind == "i"


GOOD = published("resnet", OPTIONS)


def test_range_is_warned_of_for_published_weights():
    from hmax_cnn.extraction import InputWarning

    with pytest.warns(InputWarning, match="CNN expects pixel values from 0 to 255"):
        CNN("lenet5", weights="untrained").transform(IMAGES / 255)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CNN("lenet5", weights="untrained", standardise=((0.5,), (0.2,))).transform(IMAGES / 255)


def test_a_file_runs_no_code_of_its_own(tmp_path):
    header = (
        '{"architecture": "subprocess:getoutput", "options": {"cmd": "touch pwned"}, "mean": '
        '[0], "deviation": [1], "classes": null}'
    )
    save_file(GOOD, tmp_path / "weights.safetensors", {"hmax-cnn 1": header})
    with pytest.raises(
        ValueError, match="name the architecture 'subprocess:getoutput', code from outside"
    ):
        CNN(weights=tmp_path / "weights.safetensors").layer_names  # noqa: B018 - the access is what is tested
    save_file(
        GOOD,
        tmp_path / "other.safetensors",
        {"hmax-cnn 1": header.replace('"options": {', '"options": [{').replace("}, ", "}], ")},
    )
    with pytest.raises(
        ValueError,
        match="architecture, options, mean, deviation or classes are not what they should be",
    ):
        CNN(weights=tmp_path / "other.safetensors").layer_names  # noqa: B018 - the access is what is tested


def test_shared_weights_are_out_of_reach():
    model = CNN(weights="untrained")
    before = model.transform(IMAGES)
    model.filters()[...] = 0
    np.testing.assert_array_equal(CNN(weights="untrained").transform(IMAGES), before)
    with pytest.raises(ValueError, match="read-only"):
        model.fit(IMAGES).learned_.arrays["c1.weight"][...] = 0


def test_own_weights_know_their_own_range(tmp_path):
    model = CNN("lenet5", epochs=1, progress=False).fit(IMAGES / 255, [0, 1, 0])
    model.write(tmp_path / "weights.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CNN(weights=tmp_path / "weights.safetensors").predict(IMAGES / 255)
