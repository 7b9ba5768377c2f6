"""Readout: how well classes are told apart from features of a layer.

Nothing is learned from a test image.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.batches import even_batches
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.cluster import spread
from hmax_cnn.extraction.digests import check_unseen
from hmax_cnn.extraction.own_modules import look_in
from hmax_cnn.extraction.progress import progress_bar

from .folds import groups_by_name, inner_folds, part_of, splits
from .intervals import SHARED_TRAINING, wilson_interval, wilson_of_clusters
from .linear_svm import C_GRID, LinearSVM, standardised
from .responses import image_names, layers_of
from .tournament import FeatureTournament

READOUTS = ("svm", "logistic", "nearest", "tournament")
_FEWEST = 4  # features of which a quarter is one
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


def classifier(
    readout: str,
    labels: np.ndarray,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> BaseEstimator:
    """A readout for training images with these labels.

    Parameters
    ----------
    readout : {'svm', 'logistic', 'nearest', 'tournament'}
        `LinearSVM`; logistic regression on standardised features, its C chosen likewise; the class
        of the nearest training image on standardised features; or `LinearSVM` of the quarter of all
        features that survive two rounds of a `FeatureTournament`.
    labels : array of shape (n_training_images,)
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
        return Pipeline([*standardised().steps, ("nearest", KNeighborsClassifier(1))])
    _check_number(labels)
    folds = inner_folds(labels, seed, groups)
    if readout == "tournament":
        # Who survives is learned from all training images; C is chosen for the survivors.
        selected = FeatureTournament(random_state=seed)
        return Pipeline([("selected", selected), ("svm", LinearSVM(folds, seed))])
    if readout == "svm":
        # With one image of a class there is nothing to choose C by.
        return LinearSVM(folds, seed)
    steps = Pipeline([*standardised().steps, ("logistic", LogisticRegression(max_iter=1000))])
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
    if readout == "tournament" and features.shape[1] < _FEWEST:
        msg = (
            f"`readout` 'tournament' keeps a quarter of the features: it needs {_FEWEST} at least, "
            f"got {features.shape[1]}. Use 'svm'."
        )
        raise ValueError(msg)
    with warnings.catch_warnings():
        # Each object its own class is what decoding of single objects means.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        if readout in ("svm", "tournament"):  # `LinearSVM` has met it
            warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier(readout, labels, seed, groups).fit(features, labels)


def checked_features(
    features: xr.DataArray | None, images: Any, layers: Sequence[str]
) -> xr.DataArray | None:
    """Responses that are there already, if they are those of some layers to these images.

    Parameters
    ----------
    features : xarray.DataArray of dims (image, unit), or None
    images : Dataset
    layers : sequence of str

    Returns
    -------
    xarray.DataArray or None

    Raises
    ------
    ValueError
        If they are of other images or layers.
    """
    if features is None:
        return None
    names, wanted = list(map(str, image_names(features))), list(map(str, images.names))
    if names != wanted:
        msg = (
            f"`features` must be of the {len(wanted)} `images`, in their order, got {len(names)}: "
            f"{', '.join(names[:3])} ... Take those of the same set."
        )
        raise ValueError(msg)
    there = dict.fromkeys(layers_of(features).tolist())
    if list(there) != list(layers):
        msg = (
            f"`features` must be of the layers {', '.join(layers)}, got {', '.join(there)}. Take "
            "those of the same layers."
        )
        raise ValueError(msg)
    return features


def classify(
    model: FeatureExtractor,
    dataset: Dataset,
    name: str,
    n_folds: int = 5,
    seed: int = 0,
    progress: bool | None = None,
    client: Any = None,
) -> Iterator[Readout]:
    """Features, then a linear SVM, fold by fold.

    All that is learned, prototypes and C included, is learned on training images only.

    Parameters
    ----------
    model : FeatureExtractor
    dataset : Dataset
        With labels.
    name : str
        Of the result.
    n_folds : int
        Where there is no split.
    seed : int
        Of the folds.
    progress : bool or None
    client : distributed.Client or None
        Of a Dask cluster whose workers do the folds.

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
    features: Any = None
    # Of the files that it reads: what a fit learned is learned anew.
    check_unseen(clone(model), dataset, np.concatenate([test for _, test in folds]))
    if not model.__sklearn_tags__().requires_fit:
        with even_batches():
            features = model.transform(dataset)
    result = Readout(name, np.unique(labels), groups=groups_by_name(dataset))
    answers: Iterator[tuple[int, tuple[np.ndarray, float]]]
    if client is None:
        answers = ((n, _fold(n, folds, model, dataset, features, seed)) for n in range(len(folds)))
    else:
        if features is not None:
            features = client.scatter(features, broadcast=True)
        # As bytes: a worker must first be told where modules of one's own lie.
        given = pickle.dumps((folds, model, dataset, seed))
        answers = spread(client, _fold_there, range(len(folds)), given, str(Path.cwd()), features)
    waiting: dict[int, tuple[np.ndarray, float]] = {}
    with progress_bar(total=len(folds), name=f"Folds of {name}", progress=progress) as bar:
        for number, answer in answers:
            waiting[number] = answer
            bar.update()
            # In the order of folds, whoever is ready first.
            while len(result.best_c) in waiting:
                done = len(result.best_c)
                predicted, best_c = waiting.pop(done)
                test = folds[done][1]
                names = [dataset.names[index] for index in test]
                result.add(names, done, labels[test], predicted)
                result.best_c.append(best_c)
                yield result


def _fold_there(
    number: int, given: bytes, folder: str, features: np.ndarray | None
) -> tuple[np.ndarray, float]:
    """On a worker, by what the client itself has sent."""
    look_in(Path(folder))
    folds, model, dataset, seed = pickle.loads(given)  # noqa: S301 - as Dask sends all it sends
    return _fold(number, folds, model, dataset, features, seed)


def _fold(
    number: int,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    model: FeatureExtractor,
    dataset: Dataset,
    features: np.ndarray | None,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Predictions for the test images of a fold, and the C that was chosen."""
    train, test = folds[number]
    labels = np.asarray(dataset.labels)
    if features is None:
        # A model that learns does so anew in each fold, from its training images only.
        with even_batches():
            fitted = clone(model).fit(dataset.subset(train), labels[train])
            learned = fitted.transform(dataset.subset(train))
            tested = fitted.transform(dataset.subset(test))
    else:
        learned, tested = features[train], features[test]
    svm = _fitted_svm(learned, labels[train], seed, part_of(dataset, train))
    return svm.predict(tested), svm.C_


def _fitted_svm(
    features: np.ndarray, labels: np.ndarray, seed: int, groups: np.ndarray | None
) -> LinearSVM:
    _check_number(labels)
    folds = inner_folds(labels, seed, groups)
    if folds is None:
        what = "images" if groups is None else "groups"
        msg = (
            f"Every class needs at least 2 training {what}, so that C can be chosen among them. "
            f"Add {what} or leave the class out."
        )
        raise ValueError(msg)
    svm = LinearSVM(folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `LinearSVM` has met it
        return svm.fit(features, labels)
