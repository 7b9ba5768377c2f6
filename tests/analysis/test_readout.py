"""The linear SVM: what it costs where classes overlap, and how many it tells apart."""

import time

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from hmax_cnn.analysis.linear_svm import C_GRID, LinearSVM, standardised
from hmax_cnn.analysis.readout import fitted_classifier


def test_noise_ends_where_the_solver_no_longer_converges():
    """Classes that overlap: from some C on libsvm would take minutes; those are not tried."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(600, 100)), np.repeat(["a", "b"], 300)
    started = time.perf_counter()
    found = LinearSVM(3).fit(features, labels)
    assert time.perf_counter() - started < 60
    tried = list(found.scores_)
    assert tried == list(C_GRID[: len(tried)])
    assert len(tried) < len(C_GRID)
    # What is told apart without an error converges at every C.
    sides = np.repeat([0, 1], 30)
    apart = LinearSVM(3).fit(features[:60] + 9 * sides[:, None], sides)
    assert len(apart.scores_) == len(C_GRID)


@pytest.mark.quick
def test_more_classes_than_pairs_can_be_told_apart():
    labels = np.repeat(np.arange(1001), 2)
    with pytest.raises(ValueError, match="1001 classes, which are 500500 pairs"):
        fitted_classifier("svm", np.zeros((2002, 3)), labels)


@pytest.mark.parametrize("n_features", [10, 64])
def test_the_same_as_a_grid_search_over_the_whole_pipeline(n_features):
    """Dot products once for all C, against scikit-learn's search that standardises each time."""
    digits = load_digits()
    features, labels = digits.data[:400, :n_features], digits.target[:400]
    inner = StratifiedKFold(3, shuffle=True, random_state=5)
    steps = Pipeline([*standardised().steps, ("svm", SVC(kernel="linear"))])
    search = GridSearchCV(steps, {"svm__C": C_GRID}, cv=inner).fit(features, labels)
    ours = LinearSVM(3, random_state=5).fit(features, labels)
    assert search.best_params_["svm__C"] == ours.C_
    np.testing.assert_allclose(list(ours.scores_.values()), search.cv_results_["mean_test_score"])
    others = digits.data[400:, :n_features]
    np.testing.assert_array_equal(ours.predict(others), search.predict(others))


def test_without_folds_c_is_one():
    features = np.random.default_rng(0).normal(size=(4, 3))
    found = LinearSVM(None).fit(features, ["a", "b", "c", "d"])
    assert found.C_ == 1
    assert found.predict(features).tolist() == ["a", "b", "c", "d"]


def test_a_tournament_needs_four_features():
    """The quarter that survives tells classes apart; of three there is none."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 30)
    features = rng.normal(size=(60, 8))
    features[:, 5] += 4 * (labels == "a")
    assert fitted_classifier("tournament", features, labels).score(features, labels) > 0.9
    with pytest.raises(ValueError, match="`readout` 'tournament' keeps a quarter of the features"):
        fitted_classifier("tournament", features[:, :3], labels)
