"""Rosenblatt's perceptron: Novikoff's bound, XOR, scikit-learn's."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Perceptron as TheirPerceptron
from sklearn.svm import SVC

from hmax_cnn.cnn import MultilayerPerceptron, Perceptron

pytestmark = pytest.mark.quick

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


XOR = np.array([0, 1, 1, 0])


def separated(seed, gap, n=80, d=5):
    """Points on both sides of a random plane through none of them, and their sides."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal(d)
    normal /= np.linalg.norm(normal)
    points = rng.standard_normal((n, d))
    away = points @ normal - 0.3
    keep = np.abs(away) > gap
    return points[keep].astype(np.float32), (away[keep] > 0).astype(int)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("seed", "gap"), [(0, 0.5), (1, 0.2), (2, 0.05), (3, 0.02)])
def test_converges_within_novikoffs_bound(seed, gap, shuffle):
    """At most (R / margin)^2 corrections, the margin that of the widest gap through the origin of
    (1, x), by a hard-margin SVM."""
    points, sides = separated(seed, gap)
    model = Perceptron(epochs=10_000, shuffle=shuffle).fit(points, sides)
    assert model.converged_
    assert model.score(points, sides) == 1
    inputs = np.hstack([np.ones((len(points), 1)), points])
    both = np.vstack([inputs, -inputs])  # mirrored, so that the widest gap goes through the origin
    svm = SVC(kernel="linear", C=1e8, tol=1e-6).fit(both, np.concatenate([sides, 1 - sides]))
    margin = (np.abs(inputs @ svm.coef_[0]) / np.linalg.norm(svm.coef_)).min()
    bound = (np.linalg.norm(inputs, axis=1).max() / margin) ** 2
    assert 0 < model.n_updates_[0] <= bound


def test_xor_is_beyond_it():
    with pytest.warns(
        ConvergenceWarning,
        match="not separable by a plane: no number of epochs will do. Use a MultilayerPerceptron",
    ):
        model = Perceptron(epochs=100).fit(CORNERS, XOR)
    assert not model.converged_
    assert model.score(CORNERS, XOR) < 1
    for activation in ("relu", "tanh", "sigmoid"):
        rate = {"sigmoid": 1.0}.get(activation, 0.1)
        deep = MultilayerPerceptron(16, activation=activation, epochs=400, learning_rate=rate).fit(
            CORNERS, XOR
        )
        assert deep.score(CORNERS, XOR) == 1


def test_too_few_epochs_are_said_to_be():
    points, sides = separated(3, 0.02)
    with pytest.warns(
        ConvergenceWarning, match="The data are separable by a plane: raise `epochs`"
    ):
        Perceptron(epochs=1).fit(points, sides)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_perceptron_is_that_of_scikit_learn(n_classes):
    """The same order of images and number of epochs: the same weights, exactly up to float64
    rounding."""
    points, labels = make_blobs(60, 4, centers=n_classes, cluster_std=6, random_state=1)
    points = points.astype(np.float32)
    theirs = TheirPerceptron(shuffle=False, tol=None, max_iter=7).fit(points.astype(float), labels)
    own = Perceptron(epochs=7, shuffle=False).fit(points, labels)
    np.testing.assert_allclose(own.weights_[:, 1:], theirs.coef_, rtol=1e-12)
    np.testing.assert_allclose(own.weights_[:, 0], theirs.intercept_, rtol=1e-12)
    np.testing.assert_array_equal(own.predict(points), theirs.predict(points.astype(float)))
    steps = Perceptron(epochs=7, shuffle=False, layer="step").fit(points, labels).transform(points)
    np.testing.assert_array_equal(
        steps, (theirs.decision_function(points.astype(float)).reshape(len(points), -1) >= 0)
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_perceptron_goes_on():
    points, sides = separated(1, 0.2)
    whole = Perceptron(epochs=5, shuffle=False).fit(points, sides)
    parts = Perceptron(shuffle=False)
    for _ in range(whole.n_epochs_):
        parts.partial_fit(points, sides, classes=[0, 1])
    np.testing.assert_array_equal(parts.weights_, whole.weights_)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="must have the 2 pixels of those learned from, got 3"):
        Perceptron().fit(CORNERS, [0, 0, 0, 1]).transform(np.zeros((1, 3, 1)))
