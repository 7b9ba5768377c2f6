"""Sets of images in a folder, with a subfolder for each class, or named by a CSV index."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np

from .datasets import SPLITS, Dataset
from .images import SUFFIXES

_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)([.][0-9]+)?")


def read_folder(path: str | os.PathLike[str]) -> Dataset:
    """Pictures in a folder.

    Each subfolder is a class, below `train` and `test` or without them; or all pictures lie in one
    folder, without classes.

    Parameters
    ----------
    path : path
        Files whose names do not end like a picture's, and hidden ones, are passed over.

    Returns
    -------
    Dataset
        In order of name.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder, no picture in it, something beside train and test, or a picture
        outside the folders of the classes.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "cats").mkdir()
    ...     Image.new("L", (4, 3)).save(Path(folder) / "cats" / "tom.png")
    ...     found = read_folder(folder)
    >>> found.names, found.labels.tolist()
    (['cats/tom.png'], ['cats'])
    """
    root = Path(path)
    if not root.is_dir():
        msg = f"There is no folder {root}. Check the name."
        raise FileNotFoundError(msg)
    files = _pictures_in(root)
    # Folders called train and test are a split only where nothing lies beside them.
    has_split = all(file.parts[0] in SPLITS for file in files)
    if not has_split and (root / "train").is_dir() and (root / "test").is_dir():
        stray = next(file for file in files if file.parts[0] not in SPLITS)
        msg = (
            f"{root} has train and test, but also {stray}. Move it away, or say what is what in "
            "a CSV index."
        )
        raise ValueError(msg)
    split = np.array([file.parts[0] for file in files]) if has_split else None
    classes = [file.parts[1:-1] if has_split else file.parts[:-1] for file in files]
    if any(classes) and not all(classes):
        stray = files[classes.index(())]
        msg = (
            f"{root} has a folder per class, but {stray} lies in none. Move it, or say what is "
            "what in a CSV index."
        )
        raise ValueError(msg)
    # Deeper folders are classes by their whole path.
    labels = np.array(["/".join(parts) for parts in classes]) if all(classes) else None
    names = [file.as_posix() for file in files]
    return Dataset([root / file for file in files], names, labels, split)


def _pictures_in(root: Path) -> list[Path]:
    """Pictures below a folder, in order of name, hidden ones and those in hidden folders not."""
    files = []
    for file in root.rglob("*"):
        within = file.relative_to(root)
        is_hidden = any(part.startswith(".") for part in within.parts)
        if file.suffix.lower() in SUFFIXES and file.is_file() and not is_hidden:
            files.append(within)
    if not files:
        msg = f"The folder {root} holds no pictures ({', '.join(SUFFIXES)})."
        raise ValueError(msg)
    return sorted(files)


def read_index(path: str | os.PathLike[str]) -> Dataset:
    r"""Read the index of a set: a CSV file that names pictures.

    Its columns are `path` or `file` (relative to it), and where known `label`, `split` and others.

    Parameters
    ----------
    path : path
        A .csv file.

    Returns
    -------
    Dataset
        In the order of its rows.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing or no CSV in UTF-8, has no such column or one twice, names no picture
        or one twice, leaves a label or split empty, or has a split that is not 'train' or 'test'.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     index = Path(folder) / "index.csv"
    ...     _ = index.write_text("path,label,angle\nduck.png,duck,30\n")
    ...     found = read_index(index)
    >>> found.labels.tolist(), found.columns["angle"].tolist()
    (['duck'], [30.0])
    """
    file = Path(path)
    columns, rows = _rows_of(file)
    named = next((column for column in ("path", "file") if column in columns), None)
    if named is None or not rows:
        msg = (
            f"{file} must have a header with the column `path` (or `file`) and at least one row, "
            f"got columns {list(columns)} and {len(rows)} rows."
        )
        raise ValueError(msg)
    names = [row[named] for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"{file} names {twice} twice. Keep one row for each picture."
        raise ValueError(msg)
    for column in (named, "label", "split"):
        if column in columns:
            _check_filled(file, column, rows)
    known: dict[str, np.ndarray | None] = {"label": None, "split": None}
    others = {}
    for column in columns:
        values = [row[column] for row in rows]
        if column in known:
            known[column] = np.array(values)
        elif column and column != named:
            others[column] = _numbers(values)
    split = known["split"]
    if split is not None and not set(split) <= set(SPLITS):
        value = str(next(value for value in split if value not in SPLITS))
        msg = f"{file}: `split` must be 'train' or 'test', got {value!r}."
        raise ValueError(msg)
    return Dataset(
        [file.parent / name for name in names], names, known["label"], split, columns=others
    )


def _rows_of(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns of a CSV file, and its rows by column; blank lines are left out."""
    if not file.is_file():
        msg = f"There is no file {file}. Check the name."
        raise FileNotFoundError(msg)
    try:
        # utf-8-sig: spreadsheets put a mark in front of the first column's name.
        with file.open(newline="", encoding="utf-8-sig") as lines:
            header, *cells = [*csv.reader(lines)] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{file} cannot be read as CSV in UTF-8 ({error}). Save it so."
        raise ValueError(msg) from error
    columns = [name.strip() for name in header]
    doubled = next((name for name in columns if name and columns.count(name) > 1), None)
    if doubled is not None:
        msg = f"{file} has the column {doubled!r} twice. Rename one."
        raise ValueError(msg)
    rows = []
    for line in cells:
        if line:  # a short line has empty cells at its end
            rows.append(dict(zip(columns, [*line, *[""] * len(columns)], strict=False)))
    return columns, rows


def _check_filled(file: Path, column: str, rows: list[dict[str, str]]) -> None:
    for number, row in enumerate(rows, start=2):  # the header is line 1
        if not row[column]:
            msg = (
                f"{file}, line {number}: `{column}` is empty. Fill it in, or leave the column out."
            )
            raise ValueError(msg)


def _numbers(texts: list[str]) -> np.ndarray:
    """Numbers where all are written as such (001 is a name), empty ones NaN; else text."""
    # Plain numbers only: float() takes 'nan', '1_000' and 'infinity', which are names of objects.
    stripped = [text.strip() for text in texts]
    if any(stripped) and all(not text or _NUMBER.fullmatch(text) for text in stripped):
        return np.array([float(text) if text else np.nan for text in stripped])
    return np.array(texts)
