"""Perceptrons and linear classifiers: theorems, and scikit-learn's counterparts."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.linear_model import Perceptron as TheirPerceptron
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from hmax_cnn.cnn import LinearClassifier, MultilayerPerceptron, Perceptron

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


def test_softmax_is_logistic_regression():
    """Full batches to the optimum: probabilities agree to 2e-3 (seen: 3e-4); the same penalty, on
    the weights only (biases are small)."""
    points, labels = make_blobs(90, 3, centers=3, cluster_std=4, random_state=2)
    points = (points / 5).astype(np.float32)
    decay = 0.05
    own = LinearClassifier(
        epochs=1500, batch_size=90, learning_rate=0.2, schedule="linear", weight_decay=decay
    )
    own.fit(points, labels)
    inputs = standardised(own, points)
    inputs = np.hstack([inputs, np.ones((90, 1))])  # a bias that is penalised as ours is
    theirs = LogisticRegression(
        C=1 / (decay * 90), fit_intercept=False, tol=1e-10, max_iter=10_000
    ).fit(inputs, labels)
    np.testing.assert_allclose(own.predict_proba(points), theirs.predict_proba(inputs), atol=2e-3)


def standardised(model, points):
    return (points - model.learned_.mean[0]) / model.learned_.deviation[0]


def test_squared_is_ridge():
    points, labels = make_blobs(80, 3, centers=3, cluster_std=4, random_state=3)
    points = (points / 5).astype(np.float32)
    own = LinearClassifier(
        "squared",
        epochs=1500,
        batch_size=80,
        learning_rate=0.1,
        schedule="linear",
        weight_decay=0.1,
    ).fit(points, labels)
    inputs = np.hstack([standardised(own, points), np.ones((80, 1))])
    theirs = Ridge(alpha=0.1 * 80, fit_intercept=False).fit(inputs, 2 * np.eye(3)[labels] - 1)
    np.testing.assert_allclose(own.scores(points), theirs.predict(inputs), atol=2e-3)
    assert not hasattr(own, "predict_proba")


def test_random_search_is_the_baseline():
    bunch = load_digits()
    images, labels = bunch.images[:300], bunch.target[:300]
    few, many = (LinearClassifier(search="random", n_tries=n).fit(images, labels) for n in (1, 300))
    gradient = LinearClassifier(epochs=20).fit(images, labels)
    scores = [
        model.score(bunch.images[300:600], bunch.target[300:600]) for model in (few, many, gradient)
    ]
    assert many.history_["loss"].min() < few.history_["loss"].min()
    assert max(scores[:2]) < 0.6 < scores[2]
    assert (np.diff(many.history_["loss"]) < 0).all()


def test_multilayer_perceptron_is_that_of_scikit_learn():
    """From the same weights, 30 full-batch steps of plain gradient descent: scores agree to 1e-4
    (seen: 4e-6)."""
    bunch = load_digits()
    images, labels = bunch.images[:200], bunch.target[:200]
    own = MultilayerPerceptron(
        (20, 15),
        epochs=30,
        batch_size=200,
        learning_rate=0.1,
        momentum=0.0,
        weight_decay=0.0,
        schedule="constant",
    )
    own.fit(images, labels)
    inputs = standardised(own, images.reshape(200, -1))
    start = own.graph_.draw(0, (8, 8))
    theirs = MLPClassifier(
        (20, 15),
        solver="sgd",
        alpha=0,
        batch_size=200,
        learning_rate_init=0.1,
        momentum=0,
        shuffle=False,
        max_iter=1,
    )
    theirs.partial_fit(inputs, labels, classes=np.unique(labels))
    names = ("hidden1", "hidden2", "scores")
    theirs.coefs_ = [start[f"{name}.weight"].T.astype(float) for name in names]
    theirs.intercepts_ = [start[f"{name}.bias"].astype(float) for name in names]
    optimiser = theirs._optimizer  # noqa: SLF001 - of its own class, or of a library that has no other way
    optimiser.params = theirs.coefs_ + theirs.intercepts_
    for _ in range(30):
        theirs.partial_fit(inputs, labels)
    np.testing.assert_allclose(own.predict_proba(images), theirs.predict_proba(inputs), atol=1e-4)


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_probabilities(loss):
    bunch = load_digits()
    model = LinearClassifier(loss, epochs=10).fit(bunch.images[:500], bunch.target[:500])
    probabilities = model.predict_proba(bunch.images[500:600])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert model.score(bunch.images[500:], bunch.target[500:]) > 0.8


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (LinearClassifier(search="evolution"), "`search` must be 'gradient' or 'random'"),
        (LinearClassifier(search="random", n_tries=0), "`n_tries` at least 1"),
        (
            MultilayerPerceptron((10, 0)),
            (
                r"`hidden` must hold the number of units of each hidden layer, at least 1 each, "
                r"got \(10, 0\)"
            ),
        ),
        (MultilayerPerceptron(activation="swish"), "`kind` must be one of 'relu'"),
        (Perceptron(epochs=0), "`epochs` and `learning_rate` must be positive"),
    ],
)
def test_bad_settings_are_refused(model, text):
    with pytest.raises(ValueError, match=text):
        model.fit(CORNERS, XOR)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="must have the 2 pixels of those learned from, got 3"):
        Perceptron().fit(CORNERS, [0, 0, 0, 1]).transform(np.zeros((1, 3, 1)))
