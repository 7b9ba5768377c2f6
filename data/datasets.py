"""Sets of images: folders, index files, idx files, and what scikit-learn ships."""

from __future__ import annotations

import csv
import gzip
import os
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageColor
from sklearn.datasets import load_digits, load_sample_images

from hmax_cnn.extraction.progress import progress_bar

from .images import AS_IT_IS, SUFFIXES, Framing, ImageError, read_image

_SPLITS = ("train", "test")
_LARGEST_IDX = 2**31  # bytes
_IDX_TYPES = {8: np.uint8, 9: np.int8, 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class SkippedImagesWarning(UserWarning):
    """Pictures that cannot be read were left out, as asked."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with names, and where known labels and a split.

    Pictures on disk are decoded when they are looked at.

    Attributes
    ----------
    source : array of shape (n, height, width[, 3]), or sequence of paths
    names : sequence of str
        One per image, unique: the path within the set.
    labels : array of str of shape (n,), or None
    split : array of 'train' or 'test' of shape (n,), or None
    framing : Framing
        How pictures are resized.
    background : str or None
        As in `read_image`.
    skipped : tuple of str
        What was left out, and why.
    columns : mapping from str to array of shape (n,)
        What else an index says of each image, as numbers where all are.
    """

    source: Any
    names: Sequence[str]
    labels: np.ndarray | None = None
    split: np.ndarray | None = None
    framing: Framing = AS_IT_IS
    background: str | None = None
    skipped: tuple[str, ...] = ()
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        if self.labels is None:
            classes = ""
        else:
            classes = f", {len(np.unique(self.labels))} classes"
        if self.split is None:
            split = ""
        else:
            split = (
                f", {(self.split == 'train').sum()} to train and {(self.split == 'test').sum()} "
                "to test"
            )
        return (
            f"Dataset({len(self)} images from {self.names[0]!r} to "
            f"{self.names[-1]!r}{classes}{split})"
        )

    def __getitem__(self, index: Any) -> Any:
        """One image, of shape (height, width) or (height, width, 3).

        A slice or several numbers give a `subset`.
        """
        if not isinstance(index, int | np.integer):
            return self.subset(index)
        item = self.source[index]
        if isinstance(item, Path):
            return read_image(item, self.framing, self.background)
        if isinstance(self.source, np.ndarray):
            return item
        return np.asarray(self.framing.apply(Image.fromarray(item)))

    def subset(self, indices: Any) -> Dataset:
        """Some of the images, in the given order."""
        chosen = np.arange(len(self))[indices]
        if isinstance(self.source, np.ndarray):
            source = self.source[chosen]
        else:
            source = [self.source[i] for i in chosen]
        labels, split = (
            None if column is None else column[chosen] for column in (self.labels, self.split)
        )
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return replace(
            self,
            source=source,
            names=[self.names[i] for i in chosen],
            labels=labels,
            split=split,
            columns=columns,
        )

    def framed(self, rule: Framing | str, background: str | None = None) -> Dataset:
        """The same pictures resized by a rule; see `Framing`.

        Raises
        ------
        ValueError
            If this is no such rule.
        """
        if isinstance(rule, str):
            framing = Framing(rule)
        else:
            framing = rule
        if background is not None:
            try:
                ImageColor.getrgb(background)
            except ValueError as error:
                msg = (
                    "`background` must be a colour, such as 'white' or '#808080', got "
                    f"{background!r}."
                )
                raise ValueError(msg) from error
        if not isinstance(self.source, np.ndarray):
            return replace(self, framing=framing, background=background)
        if framing.rule == "none":
            return self
        framed = [np.asarray(framing.apply(Image.fromarray(image))) for image in self.source]
        if self.framing.rule == "none":
            earlier = []
        else:
            earlier = [self.framing.rule]
        return replace(
            self, source=np.stack(framed), framing=Framing(",".join([*earlier, framing.rule]))
        )

    def checked(self, skip_bad: bool = False, progress: bool | None = None) -> Dataset:
        """Decode every picture once, so that a bad one is known before hours of work.

        Parameters
        ----------
        skip_bad : bool
            Leave bad pictures out, with a warning that names them.
        progress : bool or None
            A progress bar for work of over two seconds; None shows it on a terminal only.

        Raises
        ------
        ImageError
            If pictures are bad and are not to be skipped; the text names them all, or the first
            twenty.
        """
        if isinstance(self.source, np.ndarray):
            return self
        good, bad = [], []
        for index in progress_bar(
            range(len(self)),
            name="Checking",
            unit="image",
            progress=progress,
        ):
            try:
                self[index]
                good.append(index)
            except ImageError as error:
                bad.append(str(error))
        if not bad:
            return self
        listed = "\n  ".join(bad[:20] + ([f"and {len(bad) - 20} more"] if len(bad) > 20 else []))
        if not skip_bad or not good:
            msg = (
                f"{len(bad)} of {len(self)} pictures cannot be read:\n  {listed}\nMend or remove "
                "them, or leave them out with skip_bad (--skip-bad)."
            )
            raise ImageError(msg)
        warnings.warn(
            f"{len(bad)} of {len(self)} pictures were left out:\n  {listed}",
            SkippedImagesWarning,
            stacklevel=2,
        )
        return replace(self.subset(good), skipped=tuple(bad))


def read_folder(path: str | os.PathLike[str]) -> Dataset:
    """Pictures in a folder.

    Class by subfolder, with or without `train` and `test` above them; or all in one, without
    classes.

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
        If there is no such folder, or no picture in it.
    """
    root = Path(path)
    if not root.is_dir():
        msg = f"There is no folder {root}. Check the name."
        raise FileNotFoundError(msg)
    visible = (
        file.relative_to(root)
        for file in root.rglob("*")
        if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    files = sorted(file for file in visible if not any(part.startswith(".") for part in file.parts))
    if not files:
        msg = f"The folder {root} holds no pictures ({', '.join(SUFFIXES)})."
        raise ValueError(msg)
    has_split = all(file.parts[0] in _SPLITS for file in files)
    if not has_split and (root / "train").is_dir() and (root / "test").is_dir():
        stray = next(file for file in files if file.parts[0] not in _SPLITS)
        msg = (
            f"{root} has train and test, but also {stray}. Move it away, or say what is what in "
            "a CSV index."
        )
        raise ValueError(msg)
    if has_split:
        split = np.array([file.parts[0] for file in files])
    else:
        split = None
    classes = [file.parts[1:-1] if has_split else file.parts[:-1] for file in files]
    if any(classes) and not all(classes):
        stray = files[classes.index(())]
        msg = (
            f"{root} has a folder per class, but {stray} lies in none. Move it, or say what is "
            "what in a CSV index."
        )
        raise ValueError(msg)
    if all(classes):
        labels = np.array(["/".join(parts) for parts in classes])
    else:
        labels = None
    return Dataset(
        [root / file for file in files], [file.as_posix() for file in files], labels, split
    )


def read_index(path: str | os.PathLike[str]) -> Dataset:
    """Read the index of a set: a CSV file that names pictures.

    Its columns are `path` or `file` (relative to it), and where known `label`, `split` and others.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, has no such column, names no picture, names one twice, or leaves a
        label or split empty.
    """
    file = Path(path)
    if not file.is_file():
        msg = f"There is no file {file}. Check the name."
        raise FileNotFoundError(msg)
    try:
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
    rows = [
        dict(zip(columns, [*line, *[""] * len(columns)], strict=False)) for line in cells if line
    ]
    named = next((column for column in ("path", "file") if column in columns), None)
    if named is None or not rows:
        msg = (
            f"{file} must have a header with the column `path` (or `file`) and at least one row, "
            f"got columns {list(columns)} and {len(rows)} rows."
        )
        raise ValueError(msg)
    names = [row[named] for row in rows]
    if len(set(names)) < len(names):
        msg = (
            f"{file} names {next(name for name in names if names.count(name) > 1)} twice. Keep "
            "one row for each picture."
        )
        raise ValueError(msg)
    for column in (named, "label", "split"):
        empty = [
            number
            for number, row in enumerate(rows, start=2)
            if column in columns and not row[column]
        ]
        if empty:
            msg = (
                f"{file}, line {empty[0]}: `{column}` is empty. Fill it in, or leave the column "
                "out."
            )
            raise ValueError(msg)
    labels, split = (
        np.array([row[column] for row in rows]) if column in columns else None
        for column in ("label", "split")
    )
    if split is not None and not set(split) <= set(_SPLITS):
        msg = (
            f"{file}: `split` must be 'train' or 'test', got "
            f"{str(next(value for value in split if value not in _SPLITS))!r}."
        )
        raise ValueError(msg)
    others = {
        column: _numbers([row[column] for row in rows])
        for column in columns
        if column and column not in (named, "label", "split")
    }
    return Dataset([file.parent / name for name in names], names, labels, split, columns=others)


_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)([.][0-9]+)?")


def _numbers(texts: list[str]) -> np.ndarray:
    """Numbers where all are written as such (001 is a name), empty ones NaN; else text."""
    stripped = [text.strip() for text in texts]
    if any(stripped) and all(not text or _NUMBER.fullmatch(text) for text in stripped):
        return np.array([float(text) if text else np.nan for text in stripped])
    return np.array(texts)


def read_idx(
    images: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None
) -> Dataset:
    """Images, and labels, in the idx format of MNIST, packed (.gz) or not.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing, is not of this format, is shorter or longer than it says, or the two
        do not belong together.
    """
    pixels = _read_idx(Path(images))
    if pixels.ndim not in (3, 4):
        msg = (
            f"{images} must hold images, of 3 or 4 dimensions, got {pixels.ndim}. Are the files "
            "of images and labels swapped?"
        )
        raise ValueError(msg)
    if labels is None:
        classes = None
    else:
        classes = _read_idx(Path(labels))
    if classes is not None and classes.shape != pixels.shape[:1]:
        msg = (
            f"{labels} must hold one label for each of the {len(pixels)} images, got shape "
            f"{classes.shape}."
        )
        raise ValueError(msg)
    n_digits = len(str(len(pixels) - 1))
    return Dataset(
        pixels,
        [f"{i:0{n_digits}d}" for i in range(len(pixels))],
        None if classes is None else classes.astype(str),
    )


def _read_idx(path: Path) -> np.ndarray:
    if not path.is_file():
        msg = f"There is no file {path}. Check the name."
        raise FileNotFoundError(msg)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _idx_array(path, file)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        msg = f"{path} is not a readable gzip file ({error})."
        raise ValueError(msg) from error


def _idx_array(path: Path, file: BinaryIO) -> np.ndarray:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _IDX_TYPES or not 1 <= head[3] <= 4:
        msg = f"{path} is not an idx file: it starts with {head.hex(' ')}."
        raise ValueError(msg)
    shape = tuple(np.frombuffer(file.read(4 * head[3]), ">u4").astype(int).tolist())
    dtype = np.dtype(_IDX_TYPES[head[2]])
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(shape) < head[3] or n_bytes > _LARGEST_IDX:
        msg = (
            f"{path} says that it holds {' x '.join(map(str, shape))} numbers, more than "
            f"{_LARGEST_IDX // 2**30} GiB or cut off."
        )
        raise ValueError(msg)
    content = file.read(n_bytes + 1)
    if len(content) != n_bytes:
        if len(content) > n_bytes:
            relation = "more than"
        else:
            relation = "only"
        msg = (
            f"{path} should hold {n_bytes} bytes for {' x '.join(map(str, shape))} numbers, but "
            f"has {relation} {min(len(content), n_bytes)}."
        )
        raise ValueError(msg)
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def digits() -> Dataset:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, scaled from 0..16 to 0..255."""
    bunch = load_digits()
    return Dataset(
        (bunch.images * (255 / 16)).round().astype(np.uint8),
        [f"{i:04d}" for i in range(len(bunch.images))],
        bunch.target.astype(str),
    )


def photographs() -> Dataset:
    """scikit-learn's two sample photographs, 427 x 640 pixels in colour.

    CC BY 2.0, see its `datasets/images/README.txt`.
    """
    bunch = load_sample_images()
    return Dataset(np.stack(bunch.images), [Path(name).stem for name in bunch.filenames])


NAMED = {"digits": digits, "photographs": photographs}


def open_dataset(where: str | os.PathLike[str]) -> Dataset:
    """Images from a folder, a .csv index, an idx file (with its labels beside it) or a name.

    'digits', 'photographs'.

    Parameters
    ----------
    where : path or str
        For an idx file the labels are looked for under the same name, with 'labels-idx1' for
        'images-idx3'.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is nothing, or nothing readable, of this name.
    """
    path, name = Path(where), os.fspath(where)
    if path.is_dir():
        return read_folder(path)
    if name in NAMED:
        return NAMED[name]()
    if not path.exists():
        msg = (
            f"There is no folder or file {path}. Give one, or one of the sets that need no file: "
            f"{', '.join(NAMED)}."
        )
        raise FileNotFoundError(msg)
    if path.suffix == ".csv":
        return read_index(path)
    if path.suffix.lower() in SUFFIXES:
        return Dataset([path], [path.name])
    beside = path.with_name(
        path.name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1")
    )
    return read_idx(path, beside if beside != path and beside.is_file() else None)
