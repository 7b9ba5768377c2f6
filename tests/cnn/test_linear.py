"""Linear classifiers and multilayer perceptrons against scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier

from hmax_cnn.cnn import LinearClassifier, MultilayerPerceptron, Perceptron

pytestmark = pytest.mark.quick

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


XOR = np.array([0, 1, 1, 0])


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
