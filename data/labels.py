"""Labels and files of a set, checked as they are read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import numpy as np

from .datasets import Dataset, DatasetWarning


def checked_labels(labels: Sequence[str], where: str) -> np.ndarray:
    """Labels as an array.

    Parameters
    ----------
    labels : sequence of str
        In plain form; see `hmax_cnn.extraction.plain_text`.
    where : str
        The folder or file that they are from.

    Returns
    -------
    array of str

    Raises
    ------
    ValueError
        If one is empty.

    Warns
    -----
    DatasetWarning
        If two differ in capitals only.
    """
    if not all(labels):
        msg = f"{where} has a class whose name is empty or blank. Give it one."
        raise ValueError(msg)
    known: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        twin = known.setdefault(label.casefold(), label)
        if twin != label:
            warnings.warn(
                f"{where} has the classes {twin!r} and {label!r}, which differ in capitals only "
                "and count as two. Rename one if they are the same.",
                DatasetWarning,
                stacklevel=4,
            )
    return np.array(labels)


def warn_of_shared_files(dataset: Dataset) -> None:
    """Warn where one file, under whatever names and links, is in training and in another part."""
    if dataset.split is None or len(set(dataset.split)) < 2:
        return
    training: dict[tuple[int, int], str] = {}
    others: list[tuple[tuple[int, int], str]] = []
    for file, name, part in zip(dataset.source, dataset.names, dataset.split, strict=True):
        try:
            state = os.stat(file)  # noqa: PTH116
        except OSError:  # told when it is read
            continue
        identity = (state.st_dev, state.st_ino)
        if part == "train":
            training[identity] = name
        else:
            others.append((identity, name))
    shared = [(training[one], name) for one, name in others if one in training]
    if shared:
        warnings.warn(
            f"{len(shared)} of the held-out pictures are the same files as training pictures, such "
            f"as {shared[0][1]} and {shared[0][0]}: results on them say nothing of new pictures.",
            DatasetWarning,
            stacklevel=4,
        )
