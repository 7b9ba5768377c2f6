"""A tournament of features: those survive that a linear classifier gives large weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.linear_model import Ridge
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data


class FeatureTournament(SelectorMixin, BaseEstimator):
    """Selection of features by the weights of a linear classifier, in rounds.

    In each round features meet in random groups, which are trained on alone, and the better half
    of all survives.

    Parameters
    ----------
    n_rounds : int
        About n_features / 2^n_rounds survive; 0 keeps all.
    random_state : int
        Of who meets whom.

    Attributes
    ----------
    support_ : array of bool of shape (n_features,)
        Which survive.

    References
    ----------
    Mutch & Lowe, IJCV 2008, section 3.5, as in their code.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((40, 8))
    >>> labels = (noise[:, 2] > 0).astype(int)
    >>> bool(FeatureTournament(2).fit(noise, labels).support_[2])
    True
    """

    def __init__(self, n_rounds: int = 2, random_state: int = 0) -> None:
        self.n_rounds = n_rounds
        self.random_state = random_state

    def fit(self, features: np.ndarray, y: Any) -> FeatureTournament:
        """Hold the tournament.

        Parameters
        ----------
        features : array of shape (n_images, n_features)
            NaN where a feature is unknown: it counts as its mean.
        y : array of shape (n_images,)
            Labels (scikit-learn's rules ask for this name).

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `n_rounds` leaves no feature, or there are fewer than two classes.
        """
        features, labels = validate_data(
            self, features, y, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        n_features = features.shape[1]
        check_classification_targets(labels)
        whole = isinstance(self.n_rounds, int | np.integer) and self.n_rounds >= 0
        whole = whole and not isinstance(self.n_rounds, bool)
        if not whole or n_features >> self.n_rounds < 1:
            msg = (
                f"`n_rounds` must be a whole number that leaves one of {n_features} features, got "
                f"{self.n_rounds!r}."
            )
            raise ValueError(msg)
        if len(np.unique(labels)) < 2:
            msg = "`y` must hold labels of at least two classes, got one class."
            raise ValueError(msg)
        rng = np.random.default_rng(self.random_state)
        kept = _survivors(features, labels, np.arange(n_features), self.n_rounds, rng)
        self.support_ = np.isin(np.arange(n_features), kept)
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        return tags


def _survivors(
    features: np.ndarray,
    labels: np.ndarray,
    among: np.ndarray,
    n_rounds: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Numbers of the features that are left of some after so many rounds."""
    if not n_rounds:
        return among
    shuffled = rng.permutation(among)
    half = len(among) // 2
    parts = [
        _survivors(features, labels, part, n_rounds - 1, rng)
        for part in (shuffled[:half], shuffled[half:])
        if len(part)
    ]
    joined = np.concatenate(parts)
    return best_half(features, labels, joined, len(joined) // 2)


def best_half(
    features: np.ndarray, labels: np.ndarray, among: np.ndarray, n_kept: int
) -> np.ndarray:
    """The features that a classifier of all of them gives the largest weights.

    Parameters
    ----------
    features : array of shape (n_images, n_features)
    labels : array of shape (n_images,)
    among : integer array
        Numbers of the features that it sees.
    n_kept : int

    Returns
    -------
    integer array of shape (n_kept,)
        In rising order.
    """
    weights, _ = weighted_least_squares(features[:, among], labels)
    scores = np.abs(weights).sum(axis=0)
    return np.sort(among[np.argsort(-scores, kind="stable")[:n_kept]])


def weighted_least_squares(
    features: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and offsets of one class against the rest, both sides counting alike.

    Parameters
    ----------
    features : array of shape (n_images, n_features)
        Standardised here; NaN is the feature's mean, a feature that never varies is 0.
    labels : array of shape (n_images,)

    Returns
    -------
    weights : array of shape (n_classifiers, n_features)
        Of the standardised features; one classifier for each class, one in all for two.
    offsets : array of shape (n_classifiers,)

    References
    ----------
    The code of Mutch & Lowe: the least sum of v (t - w x - b)^2 + |w|^2, t = +-1, v one over twice
    the number of images on the same side.
    """
    known = ~np.isnan(features)
    counts = known.sum(axis=0)
    mean = np.where(known, features, 0).sum(axis=0) / np.maximum(counts, 1)
    off = np.where(known, features - mean, 0)
    spread = np.sqrt((off**2).sum(axis=0) / np.maximum(counts - 1, 1))
    standard = np.where(spread > 0, off / np.where(spread > 0, spread, 1), 0)
    classes = np.unique(labels)
    found = []
    for label in classes if len(classes) > 2 else classes[1:]:
        inside = labels == label
        importance = 0.5 / np.where(inside, inside.sum(), (~inside).sum())
        targets = np.where(inside, 1.0, -1.0)
        found.append(Ridge(alpha=1.0).fit(standard, targets, sample_weight=importance))
    return np.stack([f.coef_ for f in found]), np.array([f.intercept_ for f in found])
