"""Networks as classifiers: partial fits, labels, changed parameters."""

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


def test_partial_fit_goes_on():
    model = lenet().partial_fit(DIGITS[FEW], LABELS[FEW], classes=np.unique(LABELS))
    first = model.score(DIGITS[FEW], LABELS[FEW])
    for _ in range(8):
        model.partial_fit(DIGITS[FEW], LABELS[FEW])
    assert model.score(DIGITS[FEW], LABELS[FEW]) > max(0.9, first)
    assert len(model.history_) == 9
    with pytest.raises(ValueError, match="must be passed on the first call"):
        lenet().partial_fit(DIGITS[FEW], LABELS[FEW])
    with pytest.raises(ValueError, match="which is not among the classes"):
        model.partial_fit(DIGITS[:2], ["digit 1", "digit 11"])


def test_bad_labels_and_images_are_refused():
    with pytest.raises(ValueError, match="requires y to be passed"):
        lenet().fit(DIGITS[FEW])
    with pytest.raises(ValueError, match="one label for each of the 200 images, got 3"):
        lenet().fit(DIGITS[FEW], LABELS[:3])
    with pytest.raises(ValueError, match="at least two classes, got one class"):
        lenet().fit(DIGITS[:5], ["a"] * 5)
    with pytest.raises(ValueError, match=r"must have one size to learn from, got \(30, 32\)"):
        lenet().fit([DIGITS[0], DIGITS[1][:30]], ["a", "b"])
    model = lenet(epochs=1).fit(DIGITS[:20], LABELS[:20])
    with pytest.raises(
        ValueError,
        match=r"`images` of 40 x 40 pixels do not suit this network.*Resize them to 32 x 32",
    ):
        model.scores(np.zeros((1, 40, 40), np.uint8))


def test_partial_fit_after_other_ways_to_begin():
    untrained = CNN("lenet5", weights="untrained", options={"n_classes": 10}, progress=False).fit(
        DIGITS[FEW]
    )
    untrained.partial_fit(DIGITS[FEW], LABELS[FEW], classes=np.unique(LABELS))
    assert set(untrained.predict(DIGITS[:9])) <= set(LABELS)
    with pytest.raises(ValueError, match="as many as the network has scores, 10, got 3"):
        CNN("lenet5", weights="untrained").fit(DIGITS[FEW]).partial_fit(
            DIGITS[:3], [0, 1, 2], classes=[0, 1, 2]
        )
    model = lenet(epochs=2).fit(DIGITS[FEW], LABELS[FEW]).partial_fit(DIGITS[FEW], LABELS[FEW])
    assert model.history_["epoch"].tolist() == [1, 2, 3]
    model.set_params(optimiser="adam", learning_rate=1e-4).partial_fit(DIGITS[FEW], LABELS[FEW])
    fresh = lenet()
    with pytest.raises(ValueError, match="not among the classes"):
        fresh.partial_fit(DIGITS[:2], ["a", "c"], classes=["a", "b"])
    fresh.partial_fit(DIGITS[:2], ["a", "c"], classes=["a", "b", "c"])


def test_grey_among_coloured_images():
    mixed = [DIGITS[0], np.stack([DIGITS[1]] * 3, axis=-1), DIGITS[2]]
    model = lenet(epochs=1).fit(mixed, ["a", "b", "a"])
    np.testing.assert_allclose(model.transform(mixed), model.transform(DIGITS[:3]), atol=1e-4)


def test_changed_parameters_do_not_change_what_was_fitted(tmp_path):
    model = lenet(epochs=1).fit(DIGITS[FEW], LABELS[FEW])
    model.set_params(architecture="simplenet").write(tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(
        CNN(weights=tmp_path / "weights.safetensors").transform(DIGITS[:3]),
        model.transform(DIGITS[:3]),
    )
