"""A checkpoint belongs to one training."""

import numpy as np
import pytest
from digit_training import lenet
from sklearn.datasets import load_digits

from hmax_cnn.cnn import CNN

BUNCH = load_digits()


DIGITS = np.pad(np.kron(BUNCH.images * 15, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4))).astype(
    np.uint8
)


LABELS = np.array([f"digit {n}" for n in BUNCH.target])


FEW = slice(0, 200)


def test_checkpoint_of_another_training_is_refused(tmp_path):
    from hmax_cnn.cnn.checkpoints import write_checkpoint
    from hmax_cnn.cnn.training import State

    checkpoint = tmp_path / "under_way.safetensors"
    write_checkpoint(checkpoint, State({}, {}), {"epochs": 9, "loss": "softmax"})
    with pytest.raises(
        ValueError, match=r"belongs to another training: its epochs is 9, not 3. Remove it"
    ):
        lenet(checkpoint=checkpoint).fit(DIGITS[FEW], LABELS[FEW])
    checkpoint.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        lenet(checkpoint=checkpoint).fit(DIGITS[FEW], LABELS[FEW])


CHANGES = {
    "images": {"images": DIGITS[200:400]},
    "network": {"options": {"dropout": 0.9}},
    "classes": {"labels": np.char.add(LABELS[FEW], "!")},
    "standardise": {"standardise": ((0.0,), (255.0,))},
    "n_threads": {"n_threads": 1},
    "learning_rate": {"learning_rate": 0.5},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_checkpoint_belongs_to_one_training(tmp_path, changed):
    settings = {
        "architecture": "simplenet",
        "options": {"dropout": 0.0},
        "epochs": 1,
        "n_threads": 2,
        "checkpoint": tmp_path / "under_way.safetensors",
    }
    images = np.kron(DIGITS[FEW], np.ones((2, 2))).astype(np.uint8)
    CNN(**settings, progress=False).fit(images, LABELS[FEW])
    other = dict(CHANGES[changed])
    others = np.kron(other.pop("images", DIGITS[FEW]), np.ones((2, 2))).astype(np.uint8)
    labels = other.pop("labels", LABELS[FEW])
    with pytest.raises(ValueError, match=f"belongs to another training: its {changed} is"):
        CNN(**(settings | other), progress=False).fit(others, labels)
