"""Readout: how well classes are told apart from features of a layer.

Nothing is learned from a test image.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.digests import check_unseen
from hmax_cnn.extraction.progress import progress_bar

from .folds import Fold, groups_by_name, inner_folds, part_of, splits
from .intervals import SHARED_TRAINING, wilson_interval, wilson_of_clusters

READOUTS = ("svm", "logistic", "nearest")
# Eight powers of ten. Where the best C is at an end, the grid is too short.
C_GRID = tuple(10.0**power for power in range(-6, 2))
# Steps of libsvm for a pair of classes: digits, faces, scenes and objects need up to 2,600 at any
# C; classes that overlap, as in noise, millions at C = 1, and are told apart no better.
_MOST_STEPS = 50_000
_MOST_CLASSES = 1000  # half a million pairs


@dataclass
class Readout:
    """Predictions for images that were not trained on.

    Attributes
    ----------
    name : str
        Model and layer.
    classes : array of str
    table : pandas.DataFrame
        One row per test image: image, fold, label, predicted.
    best_c : list of float
        Of each fold.
    groups : mapping from str to object, or None
        Which images belong together, such as views of one object, by the names of images.
    """

    name: str
    classes: np.ndarray
    table: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["image", "fold", "label", "predicted"])
    )
    best_c: list[float] = field(default_factory=list)
    groups: Mapping[str, Any] | None = None

    def add(
        self, images: Sequence[str], fold: int, labels: np.ndarray, predicted: np.ndarray
    ) -> None:
        """Add the predictions of a fold.

        Parameters
        ----------
        images : sequence of str
            Names of the held-out images.
        fold : int
        labels, predicted : array of str of shape (n_images,)
        """
        rows = {"image": list(images), "fold": fold, "label": labels, "predicted": predicted}
        # An empty table has no types: it is replaced, not added to.
        new = pd.DataFrame(rows)
        if len(self.table):
            new = pd.concat([self.table, new], ignore_index=True)
        self.table = new

    @property
    def accuracy(self) -> float:
        """Share of test images whose predicted class is right."""
        return float((self.table["label"] == self.table["predicted"]).mean())

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Wilson's confidence interval of the accuracy.

        Images of several folds, which share training images, count for fewer, and so do images of
        one group, which are right or wrong together.
        """
        right = self.table["label"] == self.table["predicted"]
        n_images, n_folds = len(right), self.table["fold"].nunique()
        if self.groups is None:
            return wilson_interval(int(right.sum()), n_images, level, n_folds)
        shared = SHARED_TRAINING if n_folds > 1 else 1.0
        of_groups = (right - right.mean()).groupby(self.table["image"].map(self.groups)).sum()
        n_groups = len(of_groups)
        # The variance of a mean over groups of images, with that of folds.
        variance = shared * (of_groups**2).sum() / n_images**2 * n_groups / max(1, n_groups - 1)
        most = n_images / shared
        return wilson_of_clusters(float(right.mean()), float(variance), n_groups, most, level)

    def confusion(self) -> pd.DataFrame:
        """Counts, true classes by predicted classes."""
        counts = confusion_matrix(self.table["label"], self.table["predicted"], labels=self.classes)
        return pd.DataFrame(
            counts,
            index=pd.Index(self.classes, name="label"),
            columns=pd.Index(self.classes, name="predicted"),
        )

    def row(self) -> dict[str, object]:
        """One line of a table of results."""
        low, high = self.interval()
        return {
            "features": self.name,
            "accuracy": round(self.accuracy, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n_test": len(self.table),
            "folds": self.table["fold"].nunique(),
            "C": " ".join(f"{c:g}" for c in sorted(set(self.best_c))),
        }


class RisingC(GridSearchCV):
    """A grid search over C from the lowest up, which ends where the solver no longer converges.

    Beyond, classes overlap: a larger C takes ever longer and fits noise.
    """

    def _run_search(self, evaluate_candidates: Any) -> None:
        ((name, values),) = self.param_grid.items()
        with progress_bar(
            sorted(values), name="Choosing C", unit="value", leave=False
        ) as candidates:
            for value in candidates:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    evaluate_candidates([{name: value}])
                if any(issubclass(one.category, ConvergenceWarning) for one in said):
                    return


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


def linear_svm(
    n_samples: int, n_features: int, folds: int | Sequence[Fold], seed: int = 0
) -> GridSearchCV:
    """A linear SVM on standardised features, with cross-validated C.

    C is chosen inside the training set.

    Classes are told apart pair by pair, by libsvm, which converges fast for any C: 0.03 s for 400
    images at C = 1, where liblinear took 36 s. It ends after 50,000 steps for a pair of classes,
    and where it does so, larger C are not tried. Where there are more features than samples they
    are rotated onto the samples' own axes first, which changes no linear SVM and makes it faster.
    """
    if n_features > n_samples:
        rotation = [("rotate", PCA(svd_solver="full"))]
    else:
        rotation = []
    steps = Pipeline(
        [
            ("varying", Varying()),
            ("scale", StandardScaler()),
            *rotation,
            ("svm", SVC(kernel="linear", max_iter=_MOST_STEPS)),
        ]
    )
    inner: Any = folds
    if isinstance(folds, int):
        inner = StratifiedKFold(folds, shuffle=True, random_state=seed)
    # Inside the training images only: neither scaling nor C has seen what is tested on.
    return RisingC(steps, {"svm__C": C_GRID}, cv=inner)


def classifier(
    readout: str,
    labels: np.ndarray,
    n_features: int,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> BaseEstimator:
    """A readout for training images with these labels.

    Parameters
    ----------
    readout : {'svm', 'logistic', 'nearest'}
        `linear_svm`; logistic regression on standardised features, its C chosen likewise; or the
        class of the nearest training image on standardised features.
    labels : array of shape (n_training_images,)
    n_features : int
    seed : int
    groups : array of shape (n_training_images,) or None
        Images that stay together where C is chosen.

    Returns
    -------
    scikit-learn classifier
        With fewer than two images (or groups) of a class there is nothing to choose C on: it is
        then 1.

    Raises
    ------
    ValueError
        If there is no such readout.
    """
    check_choice("readout", readout, READOUTS)
    if readout == "nearest":
        return Pipeline(
            [
                ("varying", Varying()),
                ("scale", StandardScaler()),
                ("nearest", KNeighborsClassifier(1)),
            ]
        )
    _check_number(labels)
    folds = inner_folds(labels, seed, groups)
    if readout == "svm":
        search = linear_svm(len(labels), n_features, folds or 2, seed)
        # With one image of a class there is nothing to choose C by.
        if folds:
            return search
        return search.estimator
    steps = Pipeline(
        [
            ("varying", Varying()),
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression(max_iter=1000)),
        ]
    )
    if folds:
        return GridSearchCV(steps, {"logistic__C": C_GRID}, cv=folds)
    return steps


def _check_number(labels: np.ndarray) -> None:
    """Refuse more classes than can be told apart pair by pair."""
    n_classes = len(np.unique(labels))
    if n_classes > _MOST_CLASSES:
        msg = (
            f"`labels` hold {n_classes} classes, which are {n_classes * (n_classes - 1) // 2} "
            f"pairs to tell apart. At most {_MOST_CLASSES} are read out: merge classes, or choose "
            "some."
        )
        raise ValueError(msg)


def fitted_classifier(
    readout: str,
    features: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> BaseEstimator:
    """A readout fitted to training images, each of which may be its own class."""
    with warnings.catch_warnings():
        # Each object its own class is what decoding of single objects means.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        if readout == "svm":  # `RisingC` has met it
            warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier(readout, labels, features.shape[1], seed, groups).fit(features, labels)


def classify(
    model: FeatureExtractor,
    dataset: Dataset,
    name: str,
    n_folds: int = 5,
    seed: int = 0,
    progress: bool | None = None,
) -> Iterator[Readout]:
    """Features, then a linear SVM, fold by fold.

    All that is learned, prototypes and C included, is learned on training images only.

    Yields
    ------
    Readout
        The same object after each fold, so that what is done is there when the rest is interrupted.

    Raises
    ------
    ValueError
        If the dataset cannot be split, see `hmax_cnn.analysis.folds.splits`, or the model's weights
        or prototypes were learned from images that it would be tested on.
    """
    folds = list(splits(dataset, n_folds, seed))
    labels = np.asarray(dataset.labels)
    features = None
    # Of the files that it reads: what a fit learned is learned anew.
    check_unseen(clone(model), dataset, np.concatenate([test for _, test in folds]))
    if not model.__sklearn_tags__().requires_fit:
        features = model.transform(dataset)
    result = Readout(name, np.unique(labels), groups=groups_by_name(dataset))
    bar = progress_bar(folds, name=f"Folds of {name}", progress=progress)
    for number, (train, test) in enumerate(bar):
        if features is None:
            # A model that learns does so anew in each fold, from its training images only.
            fitted = clone(model).fit(dataset.subset(train), labels[train])
            learned = fitted.transform(dataset.subset(train))
            tested = fitted.transform(dataset.subset(test))
        else:
            learned, tested = features[train], features[test]
        svm = _fitted_svm(learned, labels[train], seed, part_of(dataset, train))
        names = [dataset.names[index] for index in test]
        result.add(names, number, labels[test], svm.predict(tested))
        result.best_c.append(float(svm.best_params_["svm__C"]))
        yield result


def _fitted_svm(
    features: np.ndarray, labels: np.ndarray, seed: int, groups: np.ndarray | None
) -> GridSearchCV:
    _check_number(labels)
    folds = inner_folds(labels, seed, groups)
    if folds is None:
        what = "images" if groups is None else "groups"
        msg = (
            f"Every class needs at least 2 training {what}, so that C can be chosen among them. "
            f"Add {what} or leave the class out."
        )
        raise ValueError(msg)
    svm = linear_svm(len(features), features.shape[1], folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `RisingC` has met it
        return svm.fit(features, labels)
