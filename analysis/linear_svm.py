"""A linear SVM on standardised features, its C chosen inside the training images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hmax_cnn.extraction.progress import progress_bar

from .folds import Fold

# Eight powers of ten. Where the best C is at an end, the grid is too short.
C_GRID = tuple(10.0**power for power in range(-6, 2))
# Steps of libsvm for a pair of classes: digits, faces, scenes and objects need up to 2,600 at any
# C; classes that overlap, as in noise, millions at C = 1, and are told apart no better.
_MOST_STEPS = 50_000


class Varying(TransformerMixin, BaseEstimator):
    """Drops features that do not vary beyond rounding.

    That is a millionth of the largest training feature: scaling would make noise of them.

    A blank part of an image leaves HMAX's C1 responses of 1e-17; scaled to unit variance, and met
    by an object in a test image, they drown all others.
    """

    def fit(self, features: np.ndarray, labels: object = None) -> Varying:
        """Find the features that vary; where none does, all are kept."""
        # A feature that is constant but for rounding would be blown up to deviation 1 by the
        # scaler.
        spread = np.ptp(features, axis=0)
        varies = spread > 1e-6 * np.abs(features).max()
        if varies.any():
            self.kept_ = varies
        else:
            self.kept_ = np.ones(len(spread), bool)
        return self

    def transform(self, features: np.ndarray) -> np.ndarray:
        """Those features."""
        if self.kept_.all():
            return features
        return features[:, self.kept_]


def standardised() -> Pipeline:
    """Features that vary, brought to mean 0 and deviation 1 of the training images."""
    return Pipeline([("varying", Varying()), ("scale", StandardScaler())])


class _Products:
    """Standardised training features, and dot products of others with them.

    A linear SVM needs nothing else of features, at any C: they are standardised and multiplied
    once, not once for each C.
    """

    def __init__(self, features: np.ndarray) -> None:
        self.steps = standardised().fit(features)
        self.learned = self.steps.transform(features).astype(np.float64)

    def with_itself(self) -> np.ndarray:
        return self.learned @ self.learned.T

    def of(self, features: np.ndarray) -> np.ndarray:
        return self.steps.transform(features).astype(np.float64) @ self.learned.T


class LinearSVM(ClassifierMixin, BaseEstimator):
    """A linear SVM on standardised features, C chosen by cross-validation of the training images.

    Classes are told apart pair by pair, by libsvm, which converges fast for any C: 0.03 s for 400
    images at C = 1, where liblinear took 36 s. It ends after 50,000 steps for a pair of classes.
    C is tried from the lowest up, and no further where the solver no longer converges: beyond,
    classes overlap, and a larger C takes ever longer and fits noise.

    Parameters
    ----------
    folds : int, sequence of (training, test) indices, or None
        Inside the training images; None takes C = 1.
    random_state : int
        Of the folds, where their number is given.

    Attributes
    ----------
    C_ : float
        Of those with the highest mean accuracy over the folds the lowest.
    scores_ : dict from float to float
        Mean accuracy over the folds, by C that was tried.
    classes_ : array
    """

    def __init__(self, folds: int | Sequence[Fold] | None = 3, random_state: int = 0) -> None:
        self.folds = folds
        self.random_state = random_state

    def fit(self, features: np.ndarray, labels: np.ndarray) -> LinearSVM:
        """Choose C, then learn from all training images."""
        features, labels = np.asarray(features), np.asarray(labels)
        self.scores_: dict[float, float] = {}
        if self.folds is None:
            self.C_ = 1.0
        else:
            self._choose(features, labels)
            self.C_ = max(self.scores_, key=lambda c: self.scores_[c])
        self.products_ = _Products(features)
        self.svm_ = _solver(self.C_).fit(self.products_.with_itself(), labels)
        self.classes_ = self.svm_.classes_
        return self

    def _choose(self, features: np.ndarray, labels: np.ndarray) -> None:
        folds: Any = self.folds
        if isinstance(folds, int):
            inner = StratifiedKFold(folds, shuffle=True, random_state=self.random_state)
            folds = inner.split(features, labels)
        # Neither scaling nor C has seen what is tested on.
        known = []
        for train, test in folds:
            products = _Products(features[train])
            to_test = products.of(features[test])
            known.append((products.with_itself(), labels[train], to_test, labels[test]))
        with progress_bar(C_GRID, name="Choosing C", unit="value", leave=False) as values:
            for value in values:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    scores = [
                        _solver(value).fit(within, learned).score(to_test, right)
                        for within, learned, to_test, right in known
                    ]
                self.scores_[value] = float(np.mean(scores))
                if any(issubclass(one.category, ConvergenceWarning) for one in said):
                    return

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The class of each row of features."""
        return self.svm_.predict(self.products_.of(np.asarray(features)))


def _solver(c: float) -> SVC:
    return SVC(kernel="precomputed", C=c, max_iter=_MOST_STEPS)
