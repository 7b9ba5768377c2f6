"""CNN: transfer learning, auxiliary heads, options."""

import numpy as np
import pytest
from digit_training import lenet
from sklearn.datasets import load_digits

from hmax_cnn.cnn import CNN
from hmax_cnn.extraction.images import InputWarning

BUNCH = load_digits()


DIGITS = np.pad(np.kron(BUNCH.images * 15, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4))).astype(
    np.uint8
)


LABELS = np.array([f"digit {n}" for n in BUNCH.target])


FEW = slice(0, 200)


def test_transfer_freezes_and_replaces_the_head(tmp_path):
    model = lenet().fit(DIGITS[FEW], LABELS[FEW])
    model.write(tmp_path / "digits.safetensors")
    even = np.where(BUNCH.target % 2, "odd", "even")[FEW]
    other = CNN(
        weights=tmp_path / "digits.safetensors",
        epochs=2,
        freeze_up_to="s4",
        replace_head=True,
        progress=False,
    ).fit(DIGITS[FEW], even)
    assert list(other.classes_) == ["even", "odd"]
    for name in ("c1.weight", "c3.bias"):
        np.testing.assert_array_equal(other.learned_.arrays[name], model.learned_.arrays[name])
    assert (other.learned_.arrays["c5.weight"] != model.learned_.arrays["c5.weight"]).any()
    assert other.learned_.mean == model.learned_.mean
    with pytest.raises(ValueError, match="`freeze_up_to` must be one of 'c1'"):
        CNN(
            weights=tmp_path / "digits.safetensors", epochs=1, freeze_up_to="c9", replace_head=True
        ).fit(DIGITS[FEW], even)
    with pytest.raises(
        ValueError, match=r"output.weight \(10, 84\) where \(2, 84\) is needed.*replace_head=True"
    ):
        CNN(weights=tmp_path / "digits.safetensors", epochs=1).fit(DIGITS[FEW], even)


def test_frozen_batch_norm_keeps_its_statistics():
    settings = {
        "architecture": "resnet",
        "options": {"stages": (1, 1)},
        "channels": 1,
        "progress": False,
    }
    model = CNN(**settings, epochs=1, freeze_up_to="layer1.0.relu").fit(DIGITS[:64], LABELS[:64])
    assert not model.learned_.arrays["bn1.running_mean"].any()
    assert model.learned_.arrays["layer2.0.bn1.running_mean"].any()


def test_auxiliary_heads_take_part():
    model = CNN(
        "googlenet",
        options={"auxiliary": True, "image_shape": (80, 80)},
        channels=1,
        epochs=1,
        batch_size=4,
        progress=False,
    )
    model.fit(np.kron(DIGITS[:8], np.ones((3, 3))).astype(np.uint8)[:, :80, :80], LABELS[:8])
    start = model.graph_.draw(0, (80, 80))
    assert (model.learned_.arrays["aux1.fc1.weight"] != start["aux1.fc1.weight"]).any()


def test_options_do_not_overrule_labels():
    with pytest.raises(ValueError, match="n_classes=5, but there are 10 classes"):
        lenet(options={"n_classes": 5}).fit(DIGITS[FEW], LABELS[FEW])
    with pytest.raises(ValueError, match="`freeze_up_to` 'output' leaves nothing to learn"):
        lenet(freeze_up_to="output").fit(DIGITS[FEW], LABELS[FEW])


@pytest.mark.parametrize(("taught", "shown"), [(1, 1 / 255), (1, 257), (1 / 255, 1)])
def test_images_of_another_scale_are_warned_of(taught, shown):
    """Pixel values of another scale than those learned from, in either direction; dim and bright
    pictures of the same scale are taken."""
    images, labels = DIGITS[:40].astype(np.float32), LABELS[:40]
    model = CNN(epochs=1, progress=False).fit(images * taught, labels)
    with pytest.warns(InputWarning, match="CNN learned from pixel values of mean .* but `images`"):
        model.predict(images * shown)
    model.predict(images * taught * 0.3)
    model.predict(np.zeros_like(images))
