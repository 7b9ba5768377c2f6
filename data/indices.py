"""Sets of images that a table names: an index, with commas, semicolons or tabs between columns."""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections import Counter
from pathlib import Path
from typing import TextIO

import numpy as np

from hmax_cnn.extraction.plain_text import plain

from .datasets import Dataset
from .files import Files
from .labels import checked_labels, warn_of_shared_files
from .splits import SPELLED, part_named

ENDINGS = (".csv", ".tsv")
_LARGEST = 2**28  # bytes: an index of two million pictures
_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)([.][0-9]+)?")
_COLUMNS = ("path", "file")  # of the pictures

Row = dict[str, str]


def read_index(path: str | os.PathLike[str]) -> Dataset:
    r"""Read the index of a set: a table in a text file that names pictures.

    Its columns are `path` or `file` (relative to it), and where known `label`, `split` and others.

    Parameters
    ----------
    path : path
        A .csv or .tsv file in UTF-8, with commas, semicolons or tabs.

    Returns
    -------
    Dataset
        In the order of its rows.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing or no such table, has no such column or one twice, names no picture
        or one twice, leaves a label or split empty, or has a split that is none of the usual names.

    Warns
    -----
    DatasetWarning
        If the same file is in training and test, or two labels differ in capitals only.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     index = Path(folder) / "index.csv"
    ...     _ = index.write_text("path;label;angle\nduck.png;duck;30,5\n")
    ...     found = read_index(index)
    >>> found.labels.tolist(), found.columns["angle"].tolist()
    (['duck'], [30.5])
    """
    file = Path(path)
    table = _read(file)
    named = next((column for column in _COLUMNS if column in table.columns), None)
    if named is None or not table.rows:
        msg = (
            f"{file} must have a header with the column `path` (or `file`) and at least one row, "
            f"got columns {table.columns} and {len(table.rows)} rows."
        )
        raise ValueError(msg)
    for column in (named, "label", "split"):
        if column in table.columns:
            _check_filled(file, column, table)
    sources = [_source(file.parent, row[named]) for row in table.rows]
    # One picture has one name, however its path is written.
    names = [posixpath.normpath(plain(source)) for source in sources]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        msg = f"{file} names {twice} twice. Keep one row for each picture."
        raise ValueError(msg)
    labels, split = None, None
    if "label" in table.columns:
        labels = checked_labels([plain(row["label"]) for row in table.rows], str(file))
    if "split" in table.columns:
        split = _split(file, table)
    others = {
        plain(column): _numbers([row[column] for row in table.rows], table.delimiter)
        for column in table.columns
        if column and column not in (named, "label", "split")
    }
    dataset = Dataset(Files(file.parent, sources), names, labels, split, columns=others)
    warn_of_shared_files(dataset)
    return dataset


class _Table:
    """The cells of a file: its columns, its rows by column, and the line that each began on."""

    def __init__(self, columns: list[str], delimiter: str) -> None:
        self.columns, self.delimiter = columns, delimiter
        self.rows: list[Row] = []
        self.lines: list[int] = []


def _read(file: Path) -> _Table:
    """The table in a file; blank lines are left out."""
    if not file.is_file():
        msg = f"There is no file {file}. Check the name; it must be a regular file."
        raise FileNotFoundError(msg)
    if file.stat().st_size > _LARGEST:
        msg = f"{file} has more than {_LARGEST // 2**20} MiB: no index is so long. Split it."
        raise ValueError(msg)
    try:
        # utf-8-sig: spreadsheets put a mark in front of the first column's name.
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return _parsed(file, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{file} cannot be read as CSV in UTF-8 ({error}). Save it so."
        raise ValueError(msg) from error


def _parsed(file: Path, lines: TextIO) -> _Table:
    start = lines.readline()
    delimiter = _delimiter(start)
    lines.seek(0)
    reader = csv.reader(lines, delimiter=delimiter)
    columns = [name.strip() for name in next(reader, [])]
    doubled = next((name for name in columns if name and columns.count(name) > 1), None)
    if doubled is not None:
        msg = f"{file} has the column {doubled!r} twice. Rename one."
        raise ValueError(msg)
    table, line = _Table(columns, delimiter), reader.line_num + 1
    for cells in reader:
        begun, line = line, reader.line_num + 1
        surplus = [cell for cell in cells[len(columns) :] if cell.strip()]
        if surplus:
            msg = (
                f"{file}, line {begun}, has {len(cells)} cells for {len(columns)} columns. Put "
                "quotation marks around a cell that holds the separator."
            )
            raise ValueError(msg)
        if any(cell.strip() for cell in cells):  # a short line has empty cells at its end
            table.rows.append(dict(zip(columns, [*cells, *[""] * len(columns)], strict=False)))
            table.lines.append(begun)
    return table


def _delimiter(header: str) -> str:
    """What stands between columns: the mark that cuts out a column of pictures, or a comma."""
    for mark in (",", ";", "\t"):
        cells = [cell.strip(' \r\n"') for cell in header.split(mark)]
        if len(cells) > 1 and any(column in cells for column in _COLUMNS):
            return mark
    return ","


def _source(folder: Path, cell: str) -> str:
    """The path of a picture as it lies there: an index written on Windows has backslashes."""
    source = cell.strip()
    if "\\" in source and not (folder / source).exists():
        return source.replace("\\", "/")
    return source


def _split(file: Path, table: _Table) -> np.ndarray:
    found = []
    for row, line in zip(table.rows, table.lines, strict=True):
        part = part_named(row["split"])
        if part is None:
            msg = f"{file}, line {line}: `split` must be one of {SPELLED}, got {row['split']!r}."
            raise ValueError(msg)
        found.append(part)
    return np.array(found)


def _check_filled(file: Path, column: str, table: _Table) -> None:
    for row, line in zip(table.rows, table.lines, strict=True):
        if not plain(row[column]):
            msg = f"{file}, line {line}: `{column}` is empty. Fill it in, or leave the column out."
            raise ValueError(msg)


def _numbers(texts: list[str], delimiter: str) -> np.ndarray:
    """Numbers where all are written as such (001 is a name), empty ones NaN; else text."""
    # Plain numbers only: float() takes 'nan', '1_000' and 'infinity', which are names of objects.
    stripped = [text.strip() for text in texts]
    if delimiter == ";":  # where semicolons part columns, commas are decimal points
        stripped = [text.replace(",", ".") for text in stripped]
    if any(stripped) and all(not text or _NUMBER.fullmatch(text) for text in stripped):
        return np.array([float(text) if text else np.nan for text in stripped])
    return np.array([plain(text) for text in texts])
