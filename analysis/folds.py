"""Folds of cross-validation: stratified by class, and whole by group.

Views of one object, or pictures of one person, are alike: where some are trained on and others
tested, recognition of the object passes for recognition of its class.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from hmax_cnn.data import Dataset

# Columns of an index that are likely to say which pictures belong together.
LIKELY = ("object", "subject", "session", "video", "person", "individual", "participant", "scene")
_N_INNER = 3  # folds inside the training images, to choose C by

Fold = tuple[np.ndarray, np.ndarray]


class GroupsWarning(UserWarning):
    """Images that belong together may fall into training and test folds alike."""


def stratified(
    labels: np.ndarray, n_folds: int, seed: int, groups: np.ndarray | None = None
) -> list[Fold]:
    """Training and test images of each fold.

    Parameters
    ----------
    labels : array of shape (n_images,)
    n_folds, seed : int
    groups : array of shape (n_images,) or None
        Images of one group stay together.

    Returns
    -------
    list of (array of int, array of int)

    Raises
    ------
    ValueError
        If a class has fewer images, or groups, than there are folds.
    """
    what, fewest, count = _fewest(labels, groups)
    if n_folds < 2 or count < n_folds:
        msg = (
            f"`n_folds` must lie between 2 and {count}, the {what} of class {fewest!r}, got "
            f"{n_folds}. Use fewer folds, or more {what}."
        )
        raise ValueError(msg)
    if groups is None:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros(len(labels)), labels))
    grouped = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(grouped.split(np.zeros(len(labels)), labels, groups))


def _fewest(labels: np.ndarray, groups: np.ndarray | None) -> tuple[str, str, int]:
    """What is counted, the class that has the fewest of it, and how many."""
    if groups is None:
        what, classes = "images", labels
    else:
        what = "groups"
        pairs = {(str(label), str(group)) for label, group in zip(labels, groups, strict=True)}
        classes = np.array([label for label, _ in pairs])
    names, counts = np.unique(classes, return_counts=True)
    return what, str(names[counts.argmin()]), int(counts.min())


def inner_folds(
    labels: np.ndarray, seed: int, groups: np.ndarray | None = None
) -> list[Fold] | None:
    """Up to three folds inside the training images, to choose a parameter by.

    None where a class has too few images (or groups) to leave one out.
    """
    _, _, count = _fewest(labels, groups)
    if count < 2:
        return None
    return stratified(labels, min(_N_INNER, count), seed, groups)


def splits(dataset: Dataset, n_folds: int, seed: int) -> Iterator[Fold]:
    """Training and test images: the given split, or stratified folds, whole by the set's groups.

    Warns
    -----
    GroupsWarning
        If a column of the index looks like groups and none are given, or groups lie on both sides
        of a given split.

    Raises
    ------
    ValueError
        If there are no labels, fewer than two classes, or too few images (or groups) of a class.
    """
    if dataset.labels is None:
        msg = (
            "The dataset has no labels: give a folder per class, an index with a column `label`, "
            "or a labelled set."
        )
        raise ValueError(msg)
    classes = np.unique(dataset.labels)
    if len(classes) < 2:
        msg = f"The dataset has only one class, {classes[0]!r}: there is nothing to tell apart."
        raise ValueError(msg)
    if dataset.given_split is not None:
        train, test = dataset.given_split
        _warn_of_both_sides(dataset, train, test)
        yield train, test
        return
    warn_of_likely_groups(dataset)
    yield from stratified(np.asarray(dataset.labels), n_folds, seed, dataset.groups)


def _warn_of_both_sides(dataset: Dataset, train: np.ndarray, test: np.ndarray) -> None:
    if dataset.groups is None:
        return
    shared = np.intersect1d(dataset.groups[train], dataset.groups[test])
    if len(shared):
        msg = (
            f"{len(shared)} groups of {dataset.grouped_by!r} have images on both sides of the "
            f"split, such as {shared[0]!r}: what is learned of them in training is tested."
        )
        warnings.warn(msg, GroupsWarning, stacklevel=3)


def warn_of_likely_groups(dataset: Dataset) -> None:
    """Warn of a column that looks like groups, where folds would tear them apart.

    Parameters
    ----------
    dataset : Dataset
    """
    if dataset.groups is not None or dataset.labels is None:
        return
    for name, column in dataset.columns.items():
        if name.lower() not in LIKELY or len(np.unique(column)) == len(column):
            continue
        # One group in each class cannot be held out: then it is the class.
        if _fewest(np.asarray(dataset.labels), np.asarray(column))[2] > 1:
            msg = (
                f"The images have a column {name!r} whose values repeat: pictures of one {name} "
                "fall into training and test folds alike, which raises accuracy. Keep them "
                f"together with groups = {name!r} (--groups {name})."
            )
            warnings.warn(msg, GroupsWarning, stacklevel=3)
            return


def group_labels(dataset: Dataset, groups: Any) -> Dataset:
    """A set whose images are grouped, by a column or by a label for each image.

    Parameters
    ----------
    dataset : Dataset
    groups : str, sequence of shape (n_images,) or None
        None leaves it as it is.

    Returns
    -------
    Dataset
    """
    if groups is None:
        return dataset
    return dataset.grouped(groups)


def groups_by_name(images: Dataset) -> dict[str, Any] | None:
    """The group of each image by its name; None where groups are unknown.

    Parameters
    ----------
    images : Dataset

    Returns
    -------
    dict from str to object, or None
    """
    if images.groups is None:
        return None
    return dict(zip(images.names, images.groups.tolist(), strict=True))


def part_of(dataset: Dataset, numbers: np.ndarray) -> np.ndarray | None:
    """The groups of some images; None where the set has none."""
    if dataset.groups is None:
        return None
    return dataset.groups[numbers]


def in_order(pool: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Some images in random order, those of one group after each other.

    Parameters
    ----------
    pool : array of int
        Numbers of the images.
    groups : array or None
        Of all images of the set.
    rng : numpy.random.Generator

    Returns
    -------
    array of int
    """
    shuffled = rng.permutation(pool)
    if groups is None:
        return shuffled
    by_group: dict[Any, list[int]] = {}
    for image in shuffled.tolist():
        by_group.setdefault(groups[image], []).append(image)
    return np.concatenate([np.array(images, int) for images in by_group.values()])
