"""The tournament of features, against the authors' rule."""

import numpy as np
import pytest
from reference_files import reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from hmax_cnn.analysis.tournament import FeatureTournament, best_half, weighted_least_squares

pytestmark = pytest.mark.quick


def test_against_independent_outputs():
    """Weights, offsets, and who survives one round and two. 1e-15 was seen."""
    file = reference("hmax_mutch_lowe")
    features, labels = file["selection_x"].T, file["selection_y"]
    weights, offsets = weighted_least_squares(features, labels)
    np.testing.assert_allclose(weights, file["selection_weights"], atol=1e-12)
    np.testing.assert_allclose(offsets, file["selection_biases"], atol=1e-12)
    everyone = np.arange(features.shape[1])
    kept = best_half(features, labels, everyone, 24)
    np.testing.assert_array_equal(kept, file["selection_kept_one_round"])
    # Two rounds: the outer cut is given, and the inner ones do not matter.
    first = file["selection_first_half"]
    halves = [first, np.setdiff1d(everyone, first)]
    survivors = [best_half(features, labels, half, len(half) // 2) for half in halves]
    two = best_half(features, labels, np.concatenate(survivors), 12)
    np.testing.assert_array_equal(np.sort(two), np.sort(file["selection_kept_two_rounds"]))


def test_one_round_has_no_chance_in_it():
    file = reference("hmax_mutch_lowe")
    features, labels = file["selection_x"].T, file["selection_y"]
    for seed in (0, 1):
        chosen = FeatureTournament(1, random_state=seed).fit(features, labels)
        np.testing.assert_array_equal(
            np.flatnonzero(chosen.support_), file["selection_kept_one_round"]
        )


def test_features_that_tell_survive():
    """Of 64 features three carry the classes: they survive four rounds, among four in all."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 200)
    features = rng.standard_normal((200, 64))
    for number, feature in enumerate((5, 33, 60)):
        features[:, feature] += 3 * (labels == number)
    kept = FeatureTournament(4).fit(features, labels)
    assert kept.support_.sum() == 4
    assert kept.support_[[5, 33, 60]].all()
    assert FeatureTournament(0).fit(features, labels).support_.all()


def test_two_classes_have_one_classifier():
    rng = np.random.default_rng(2)
    weights, offsets = weighted_least_squares(rng.random((20, 5)), np.arange(20) % 2)
    assert weights.shape == (1, 5)
    assert offsets.shape == (1,)


@pytest.mark.parametrize("rounds", [-1, 4, 1.5])
def test_too_many_rounds(rounds):
    with pytest.raises(ValueError, match="`n_rounds` must be a whole number that leaves one of 8"):
        FeatureTournament(rounds).fit(np.random.default_rng(0).random((9, 8)), np.arange(9) % 3)


@parametrize_with_checks([FeatureTournament(n_rounds=0)])
def test_it_is_an_estimator(estimator, check):
    check(estimator)
