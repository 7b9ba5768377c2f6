"""Prototypes that learn from errors."""

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX, Prototypes
from hmax_cnn.hmax.errors import Readout, responses, trained
from hmax_cnn.hmax.presets import resolve

pytestmark = pytest.mark.quick


def test_the_way_back_by_finite_differences():
    """Of the loss by one number of a prototype, for distances and for Gaussians by size, in
    float64."""
    rng = np.random.default_rng(0)
    c1 = [rng.random((6, 2, 9, 8)), rng.random((6, 2, 6, 5))]
    classes = np.arange(6) % 3
    for tuning in ("distance", "gaussian_by_size"):
        anatomy = resolve("georgetown", {"tuning": tuning, "sharpness": 0.8})
        patches = {2: rng.random((3, 2, 2, 2)), 3: rng.random((2, 2, 3, 3))}
        readout = Readout(np.zeros(5), np.ones(5), rng.standard_normal((5, 3)))
        features, backs = responses(c1, patches, anatomy)
        _, to_features, _, _ = readout.loss(features, classes)
        gradient = backs[1](to_features[:, 3:])

        def loss_at(shift, patches=patches, anatomy=anatomy, readout=readout):
            moved = {2: patches[2], 3: patches[3] + shift}
            return readout.loss(responses(c1, moved, anatomy)[0], classes)[0]

        step = np.zeros_like(patches[3])
        step[1, 0, 2, 1] = 1e-5
        expected = (loss_at(step) - loss_at(-step)) / 2e-5
        assert gradient[1, 0, 2, 1] == pytest.approx(expected, rel=1e-4)


def two_kinds(count=24, seed=0):
    """C1 with one of two small patterns somewhere in noise, which nothing else tells apart."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros((2, 2, 3, 3))
    kinds[0, 0, :, 1], kinds[1, 1, 1] = 1, 1
    labels = np.arange(count) % 2
    found = []
    for label in labels:
        noise = 0.6 * rng.random((2, 10, 10))
        y, x = rng.integers(0, 8, 2)
        noise[:, y : y + 3, x : x + 3] = kinds[label] + 0.1 * rng.random((2, 3, 3))
        found.append([noise.astype(np.float32)])
    return found, labels


def test_errors_make_prototypes_that_tell_classes_apart():
    """Prototypes of noise become such that a linear readout of unseen images errs less: 0.79 to
    1.00 was seen."""
    from sklearn.linear_model import LogisticRegression

    anatomy = resolve("georgetown", {"orientations": (0, 90)})
    start = Prototypes({3: 0.6 * np.random.default_rng(5).random((6, 2, 3, 3))})
    c1, labels = two_kinds(48)
    moved = trained(start, c1, labels, anatomy, np.random.default_rng(0))
    unseen, right = two_kinds(200, seed=1)

    def score(prototypes):
        def features(images):
            bands = [np.stack([image[0] for image in images])]
            return responses(bands, prototypes.patches, anatomy)[0]

        readout = LogisticRegression(C=100, max_iter=2000).fit(features(c1), labels)
        return readout.score(features(unseen), right)

    assert score(moved) > score(start) + 0.05
    assert moved.provenance is None
    again = trained(start, c1, labels, anatomy, np.random.default_rng(0))
    np.testing.assert_array_equal(again.patches[3], moved.patches[3])


def test_a_model_learns_from_errors(images):
    """From its own images, of which it remembers all; without labels it cannot."""
    model = HMAX(prototype_sizes=(4,), n_prototypes=4, bands=2, learning="errors")
    fitted = model.fit(images, ["a", "b", "a"])
    assert len(fitted.learned_from()) == 3
    start = HMAX(prototype_sizes=(4,), n_prototypes=4, bands=2, learning="balanced")
    before = start.fit(images, ["a", "b", "a"]).prototypes_.patches[4]
    assert 0 < np.abs(fitted.prototypes_.patches[4] - before).max() < 1
    with pytest.raises(ValueError, match="`learning` 'errors' needs a label for each image"):
        model.fit(images)
    # Heights of 62 and 64 agree in the first band, and in no other.
    unequal = [images[0][:60, :62], images[1][:60, :64], images[2][:60, :62]]
    assert model.fit(unequal, ["a", "b", "a"]).prototypes_.patches[4].shape == (4, 4, 4, 4)
    with pytest.raises(ValueError, match="needs is_sparse=False"):
        model.set_params(is_sparse=True).fit(images, ["a", "b", "a"])
