"""The linear SVM: what it costs where classes overlap, and how many it tells apart."""

import time

import numpy as np
import pytest

from hmax_cnn.analysis.readout import C_GRID, fitted_classifier, linear_svm


def test_noise_ends_where_the_solver_no_longer_converges():
    """Classes that overlap: from some C on libsvm would take minutes; those are not tried."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(600, 100)), np.repeat(["a", "b"], 300)
    started = time.perf_counter()
    found = linear_svm(600, 100, 3).fit(features, labels)
    assert time.perf_counter() - started < 60
    tried = [row["svm__C"] for row in found.cv_results_["params"]]
    assert tried == list(C_GRID[: len(tried)])
    assert len(tried) < len(C_GRID)
    # What is told apart without an error converges at every C.
    sides = np.repeat([0, 1], 30)
    apart = linear_svm(60, 100, 3).fit(features[:60] + 9 * sides[:, None], sides)
    assert len(apart.cv_results_["params"]) == len(C_GRID)


@pytest.mark.quick
def test_more_classes_than_pairs_can_be_told_apart():
    labels = np.repeat(np.arange(1001), 2)
    with pytest.raises(ValueError, match="1001 classes, which are 500500 pairs"):
        fitted_classifier("svm", np.zeros((2002, 3)), labels)
