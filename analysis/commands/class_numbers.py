"""Numbers of classes, for formats that have no names: the same in all files of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

CLASSES = "svmlight-classes.txt"
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_LONGEST_LIST = 2**24  # bytes of a list of classes


def codes_of(labels: Sequence[str], output: Path) -> tuple[np.ndarray, list[Path]]:
    """A number for each image's class, and the file that fixes these numbers where there is one.

    Labels that are integers are their own numbers. Others are numbered by a list beside the file,
    a line for each class from 0, which the next file in the folder goes on with: a test set without
    some of the classes has the numbers of its training set.

    Parameters
    ----------
    labels : sequence of str
    output : Path
        The file of features.

    Returns
    -------
    codes : array of int of shape (n_images,)
    written : list of Path
        The list, where there is one.
    """
    distinct = list(dict.fromkeys(labels))
    numbers = {label: int(label) for label in distinct if _INTEGER.fullmatch(label)}
    if len(set(numbers.values())) == len(distinct):
        return np.array([numbers[label] for label in labels]), []
    path = output.with_name(CLASSES)
    numbers = numbered(path, sorted(distinct))
    return np.array([numbers[label] for label in labels]), [path]


def numbered(path: Path, labels: Iterable[str]) -> dict[str, int]:
    """Numbers of classes from a list in a file, to which those that it lacks are added.

    Parameters
    ----------
    path : Path
        A text file in UTF-8 with a line for each class; made where it is not there.
    labels : iterable of str

    Returns
    -------
    dict from str to int
        The number of the line, from 0, on which a class stands first.

    Raises
    ------
    ValueError
        If the file is no such list.
    """
    listed = _listed(path)
    added = [label for label in labels if label not in listed]
    if added:
        cut_off = path.is_file() and not path.read_bytes().endswith(b"\n")
        text = "\n" * cut_off + "".join(f"{label}\n" for label in added)
        # Only ever added to, in one write: runs side by side agree on the first line of each class.
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)
    return _listed(path)


def _listed(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    if path.stat().st_size > _LONGEST_LIST:
        msg = f"{path} has more than {_LONGEST_LIST // 2**20} MiB: it is no list of classes."
        raise ValueError(msg)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        msg = f"{path} is no list of classes in UTF-8 ({error}). Remove it, or mend it."
        raise ValueError(msg) from error
    numbers: dict[str, int] = {}
    for number, label in enumerate(lines):
        numbers.setdefault(label, number)
    return numbers
