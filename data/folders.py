"""Sets of images in a folder, with a subfolder for each class."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from hmax_cnn.extraction.plain_text import plain

from .datasets import Dataset, SkippedImagesWarning
from .files import Files
from .images import SUFFIXES
from .labels import checked_labels, warn_of_shared_files
from .signatures import PICTURE, kind_of
from .splits import PARTS, SPELLED, part_named

# What cameras, archives and file managers leave behind.
_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "lost+found")
# Notes and annotations lie beside pictures in many sets: they are not pictures that went missing.
_NOTES = ("", ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html")
_DEEPEST = 16  # folders within folders
_VISITS = 8  # of one folder, by different links
_SHOWN = 8  # names in a message
_NAMED = 3  # names for each reason in a warning


def read_folder(path: str | os.PathLike[str]) -> Dataset:
    """Pictures in a folder.

    Each subfolder is a class, or all pictures lie in one folder, without classes. Above the classes
    there may be folders for training, validation and test, under any of their usual names; and one
    folder around all of it, as archives have.

    Parameters
    ----------
    path : path
        Links are followed. Pictures without a known ending are found by their content; what cannot
        be read is named in a warning and in `skipped`; hidden and system files are passed over.

    Returns
    -------
    Dataset
        In order of name.

    Raises
    ------
    FileNotFoundError, PermissionError, ValueError
        If there is no such folder, it is closed to reading, no picture lies in it, or pictures lie
        neither in classes nor in parts with classes; the text says what was seen.

    Warns
    -----
    SkippedImagesWarning
        If pictures, links or empty folders were passed over.
    DatasetWarning
        If the same file is in training and test, or two classes differ in capitals only.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in ("train", "val"):
    ...         (Path(folder) / part / "cats").mkdir(parents=True)
    ...         Image.new("L", (4, 3)).save(Path(folder) / part / "cats" / "tom.png")
    ...     found = read_folder(folder)
    >>> found.names, found.labels.tolist(), found.split.tolist()
    (['train/cats/tom.png', 'val/cats/tom.png'], ['cats', 'cats'], ['train', 'validation'])
    """
    root = Path(path)
    if not root.is_dir():
        msg = f"There is no folder {root}. Check the name."
        raise FileNotFoundError(msg)
    found = _Found()
    for file in _files_below(root, found):
        _sort_in(root, file, found)
    if not found.pictures:
        msg = (
            f"The folder {root} holds no pictures ({', '.join(SUFFIXES)}). "
            f"{found.in_words() or 'It is empty.'}"
        )
        raise ValueError(msg)
    # In order of their folders first, as paths are.
    files = sorted(found.pictures, key=lambda file: file.replace("/", "\0"))
    found.note_empty_folders()
    split, classes = _layout(root, files)
    names = [_named(file) for file in files]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        msg = f"{root} has two files {twice!r} whose names differ in their encoding. Rename one."
        raise ValueError(msg)
    labels = None
    if any(classes):
        known = {parts: "/".join(map(plain, parts)) for parts in set(classes)}
        labels = checked_labels([known[parts] for parts in classes], str(root))
    dataset = Dataset(Files(root, files), names, labels, split, skipped=found.passed_over())
    warn_of_shared_files(dataset)
    return _tell_of_passed_over(dataset, str(root))


@dataclass
class _Found:
    """What lies below a folder, by paths relative to it."""

    pictures: list[str] = field(default_factory=list)
    passed: dict[str, list[str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def pass_over(self, why: str, path: str) -> None:
        self.passed.setdefault(why, []).append(path)

    def note_empty_folders(self) -> None:
        """Folders that hold no picture, also further down, the outermost of each."""
        filled = {""}
        for folder in _folders_of(self.pictures):
            filled |= {folder, *(parent.as_posix() for parent in PurePosixPath(folder).parents)}
        for folder in self.folders:
            if folder not in filled and folder.rpartition("/")[0] in filled:
                self.pass_over("folder without pictures", folder)

    def passed_over(self) -> tuple[str, ...]:
        return tuple(
            f"{plain(path)}: {why}" for why, paths in self.passed.items() for path in sorted(paths)
        )

    def in_words(self) -> str:
        """What was seen instead of pictures."""
        return "; ".join(
            f"{len(paths)} x {why}, such as {plain(paths[0])}" for why, paths in self.passed.items()
        )


def _files_below(root: Path, found: _Found) -> Iterator[str]:
    """Files below a folder, links followed, those that lead back into themselves not."""
    visits: Counter[tuple[int, int]] = Counter()
    # Each folder with all folders that it lies in: a link to one of them would never end.
    pending: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", (_identity(root),))]
    while pending:
        folder, around = pending.pop()
        for entry in _entries(root / folder):
            inside = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(".") or entry.name.casefold() in _SYSTEM:
                continue
            if entry.is_symlink() and not (root / inside).exists():  # also a link to itself
                found.pass_over("broken link", inside)
                continue
            if entry.is_dir():
                one = _identity(entry)
                visits[one] += 1
                if one in around:
                    found.pass_over("link that leads back to a folder it lies in", inside)
                    continue
                if visits[one] > _VISITS or len(around) > _DEEPEST:
                    msg = (
                        f"{root / inside} is the {_VISITS + 1}th way to one folder, or lies more "
                        f"than {_DEEPEST} folders deep. Remove links, or name pictures in a CSV "
                        "index."
                    )
                    raise ValueError(msg)
                found.folders.append(inside)
                pending.append((inside, (*around, one)))
            elif entry.is_file():
                yield inside
            else:
                found.pass_over("no regular file (a pipe, socket or device)", inside)


def _identity(path: Path | os.DirEntry[str]) -> tuple[int, int]:
    state = os.stat(path)  # noqa: PTH116 - of an entry too
    return state.st_dev, state.st_ino


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except PermissionError as error:
        msg = f"The folder {folder} is closed to reading. Change its permissions, or move it away."
        raise PermissionError(msg) from error


def _sort_in(root: Path, file: str, found: _Found) -> None:
    """A file as a picture, or as passed over with the reason."""
    ending = PurePosixPath(file).suffix.lower()
    if ending in SUFFIXES:
        found.pictures.append(file)
        return
    try:
        kind = kind_of(root / file)
    except OSError:
        found.pass_over("file that is closed to reading", file)
        return
    if kind == PICTURE:
        found.pictures.append(file)
    elif kind is not None:
        found.pass_over(f"format that cannot be read ({kind})", file)
    elif ending not in _NOTES:
        found.pass_over(f"file that is no picture ({ending})", file)


def _layout(root: Path, files: Sequence[str]) -> tuple[np.ndarray | None, list[tuple[str, ...]]]:
    """The part of each picture, where there are parts, and the folders that make its class."""
    # One tuple for each folder, however many files it has: sets may have millions.
    known = {folder: tuple(folder.split("/")) if folder else () for folder in _folders_of(files)}
    folders: list[tuple[str, ...]] = [known[file.rpartition("/")[0]] for file in files]
    n_around = 0
    while _is_wrapped([parts[n_around:] for parts in known.values()]):
        n_around += 1
    if n_around:
        folders = _without_first(folders, n_around)
    parts = {one[0]: part_named(one[0]) for one in folders if one}
    named = [part for part in parts.values() if part is not None]
    split = None
    if all(folders) and len(named) == len(parts):
        if len(set(named)) < len(named):
            _refuse(root, files, "two folders are the same part of a split")
        split = np.array([parts[one[0]] for one in folders])
        folders = _without_first(folders, 1)
    elif len(set(named)) > 1:
        stray = next(
            file for file, one in zip(files, folders, strict=True) if not (one and parts[one[0]])
        )
        first, second = sorted(named, key=PARTS.index)[:2]
        _refuse(root, files, f"has {first} and {second}, but also {_named(stray)}")
    _check_classes(root, files, folders)
    return split, folders


def _folders_of(files: Sequence[str]) -> set[str]:
    return {file.rpartition("/")[0] for file in files}


def _without_first(folders: Sequence[tuple[str, ...]], count: int) -> list[tuple[str, ...]]:
    """Paths of folders from some depth on; equal ones as one object."""
    inner = {parts: parts[count:] for parts in set(folders)}
    return [inner[parts] for parts in folders]


def _is_wrapped(folders: Sequence[tuple[str, ...]]) -> bool:
    """Whether one folder lies around all of the set, as archives have it."""
    first = folders[0][:1]
    return (
        bool(first)
        and part_named(first[0]) is None
        and all(one[:1] == first and len(one) > 1 for one in folders)
    )


def _check_classes(root: Path, files: Sequence[str], classes: Sequence[tuple[str, ...]]) -> None:
    """All pictures must lie equally deep, and no parts of a split below the classes."""
    if any(classes) and not all(classes):
        stray = files[list(classes).index(())]
        _refuse(root, files, f"has a folder per class, but {_named(stray)} lies in none")
    if len({len(one) for one in classes}) > 1:
        by_depth = sorted(zip(map(len, classes), files, strict=True))
        what = f"has classes at several depths: {_named(by_depth[0][1])}"
        _refuse(root, files, f"{what} and {_named(by_depth[-1][1])}")
    for level in range(len(classes[0])):
        below = {one[level] for one in classes}
        if len({part_named(name) for name in below} - {None}) > 1:
            _refuse(root, files, "has folders such as train and test below other folders")


def _named(file: str) -> str:
    """A file's name in the set."""
    return "/".join(map(plain, file.split("/"))) if plain(file) != file else file


def _refuse(root: Path, files: Sequence[str], what: str) -> None:
    """An error with what was seen."""
    tops = Counter("".join(file.partition("/")[:2]) for file in files)
    seen = [f"{plain(top)} ({count})" for top, count in sorted(tops.items())[:_SHOWN]]
    if len(tops) > _SHOWN:
        seen.append(f"and {len(tops) - _SHOWN} more")
    msg = (
        f"{root} {what}. Seen, with numbers of pictures: {', '.join(seen)}. A set has a folder for "
        f"each class, or parts ({SPELLED}) with a folder for each class in them. Move what is "
        "astray, or say what is what in a CSV index."
    )
    raise ValueError(msg)


def _tell_of_passed_over(dataset: Dataset, where: str) -> Dataset:
    """The set; with a warning of what was left out where it was opened, by reason and number."""
    reasons: dict[str, list[str]] = {}
    for entry in dataset.skipped:
        name, _, why = entry.rpartition(": ")
        reasons.setdefault(why, []).append(name)
    lines = [
        f"{len(names)} x {why}: {', '.join(names[:_NAMED])}{' ...' if len(names) > _NAMED else ''}"
        for why, names in reasons.items()
    ]
    if lines:
        warnings.warn(
            f"{where}: passed over " + "; ".join(lines) + ".", SkippedImagesWarning, stacklevel=3
        )
    return dataset
