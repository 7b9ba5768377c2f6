"""Sets of images, with names, and where known labels and a split."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from hmax_cnn.extraction.digests import digest, picture_digests
from hmax_cnn.extraction.notebook import pictures_html
from hmax_cnn.extraction.progress import progress_bar

from .files import Files, ReadFile, read_where_small
from .images import AS_IT_IS, Framing, ImageError, read_image
from .splits import PARTS


class SkippedImagesWarning(UserWarning):
    """Pictures were left out: they cannot be read, or are none."""


class DatasetWarning(UserWarning):
    """A set is likely not what it should be: its labels, or its split."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with names, and where known labels and a split.

    Pictures on disk are decoded when they are looked at.

    Attributes
    ----------
    source : array of shape (n, height, width[, 3]), or sequence of Path or ReadFile
    names : sequence of str
        One per image, unique: the path within the set.
    labels : array of str of shape (n,), or None
    split : array of 'train', 'validation' or 'test' of shape (n,), or None
    framing : Framing
        How pictures are resized.
    background : str or None
        As in `read_image`.
    skipped : tuple of str
        What was left out, and why.
    columns : mapping from str to array of shape (n,)
        What else an index says of each image, as numbers where all are.
    known : array of uint64 of shape (n,), or None
        Digests of the pictures before they were resized, where `source` holds resized ones.
    grouped_by : str or None
        The column that says which images belong together; see `grouped`.

    Examples
    --------
    >>> from hmax_cnn.data import digits
    >>> digits()
    Dataset(1797 images from '0000' to '1796', 10 classes)
    >>> digits()[0].shape, digits()[:100].labels[:3].tolist()
    ((8, 8), ['0', '1', '2'])
    """

    source: Any
    names: Sequence[str]
    labels: np.ndarray | None = None
    split: np.ndarray | None = None
    framing: Framing = AS_IT_IS
    background: str | None = None
    skipped: tuple[str, ...] = ()
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    known: np.ndarray | None = field(default=None, repr=False)
    grouped_by: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        if not len(self):
            return "Dataset(no images)"
        parts = [f"{len(self)} images from {self.names[0]!r} to {self.names[-1]!r}"]
        if self.labels is not None:
            parts.append(f"{len(np.unique(self.labels))} classes")
        if self.split is not None:
            counts = {part: (self.split == part).sum() for part in PARTS}
            told = [f"{count} for {part}" for part, count in counts.items() if count]
            parts.append(", ".join(told))
        return f"Dataset({', '.join(parts)})"

    def _repr_html_(self) -> str:
        return pictures_html(repr(self), self, self.names)

    def __getitem__(self, index: Any) -> Any:
        """One image, of shape (height, width) or (height, width, 3).

        A slice or several numbers give a `subset`.
        """
        if not isinstance(index, int | np.integer):
            return self.subset(index)
        item = self.source[index]
        # Decoded when it is looked at: a set may be larger than memory.
        if isinstance(item, Path):
            return read_image(item, self.framing, self.background)
        if isinstance(item, ReadFile):
            return read_image(item.path, self.framing, self.background, item.content)
        if isinstance(self.source, np.ndarray):
            return item
        return np.asarray(self.framing.apply(Image.fromarray(item)))

    def digest(self, number: int) -> int:
        """A digest of a picture as it is stored, before any resizing; see `extraction.digests`.

        Parameters
        ----------
        number : int

        Returns
        -------
        int
        """
        if self.known is not None:
            return int(self.known[number])
        item = self.source[number]
        return digest(item.content if isinstance(item, ReadFile) else item)

    @property
    def given_split(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Numbers of training and of held-out images, where the set has both; else None.

        Held out are those of the test part, or where there is none, those for validation.
        """
        if self.split is None:
            return None
        train, validation, test = (np.flatnonzero(self.split == part) for part in PARTS)
        held_out = test if len(test) else validation
        if not len(train) or not len(held_out):
            return None
        return train, held_out

    @property
    def groups(self) -> np.ndarray | None:
        """Which images belong together, such as views of one object; None where that is unknown."""
        if self.grouped_by is None:
            return None
        return np.asarray(self.columns[self.grouped_by])

    def grouped(self, groups: Any) -> Dataset:
        """The same images with groups, which folds keep together.

        Parameters
        ----------
        groups : str, or sequence of shape (n_images,)
            A column of the index, or a group for each image.

        Returns
        -------
        Dataset

        Raises
        ------
        ValueError
            If there is no such column, or not one group for each image.
        """
        if isinstance(groups, str):
            if groups not in self.columns:
                known = ", ".join(map(repr, self.columns)) or "none"
                msg = f"`groups` must be a column of the index, {known}, got {groups!r}."
                raise ValueError(msg)
            return replace(self, grouped_by=groups)
        column = np.asarray(groups)
        if column.shape != (len(self),):
            msg = f"`groups` must be one for each of {len(self)} images, got shape {column.shape}."
            raise ValueError(msg)
        return replace(self, columns={**self.columns, "group": column}, grouped_by="group")

    def divided(self, column: str, value: Any) -> Dataset:
        """The same images, those with a value in a column to train on and all others to test.

        Parameters
        ----------
        column : str
            Of the index, such as 'stimulus_type'.
        value : object
            Compared as text.

        Returns
        -------
        Dataset

        Raises
        ------
        ValueError
            If there is no such column, or no image, or every image, has the value.
        """
        if column not in self.columns:
            known = ", ".join(map(repr, self.columns)) or "none"
            msg = f"`column` must be a column of the index, {known}, got {column!r}."
            raise ValueError(msg)
        is_train = np.asarray(self.columns[column]).astype(str) == str(value)
        if is_train.all() or not is_train.any():
            known = ", ".join(sorted(set(map(str, self.columns[column])))[:10])
            msg = (
                f"`value` must be that of some images in column {column!r} and not of all; it "
                f"holds {known}, got {value!r}."
            )
            raise ValueError(msg)
        return replace(self, split=np.where(is_train, "train", "test"))

    def subset(self, indices: Any) -> Dataset:
        """Some of the images, in the given order.

        Parameters
        ----------
        indices : array, list or slice
            Numbers of images, or one truth value for each.

        Returns
        -------
        Dataset
        """
        chosen = np.arange(len(self))[indices]
        if isinstance(self.source, np.ndarray):
            source = self.source[chosen]
        elif isinstance(self.source, Files):
            source = self.source.chosen(chosen)
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
            known=None if self.known is None else self.known[chosen],
        )

    def read(self, at_most: int) -> Dataset:
        """The same images, their files in memory as far as there is room; none is decoded.

        Parameters
        ----------
        at_most : int
            Bytes of all files together.

        Returns
        -------
        Dataset
        """
        if isinstance(self.source, np.ndarray):
            return self
        return replace(self, source=read_where_small(self.source, at_most))

    def framed(self, rule: Framing | str, background: str | None = None) -> Dataset:
        """The same pictures resized by a rule; see `Framing`.

        Parameters
        ----------
        rule : Framing or str
            Such as 'cover:224x224'.
        background : str or None
            Colour under transparent pixels.

        Returns
        -------
        Dataset

        Raises
        ------
        ValueError
            If this is no such rule.
        """
        framing = Framing(rule) if isinstance(rule, str) else rule
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
        # Arrays are resized now, and remember by which rules: a result names them all.
        rules = [rule for rule in (self.framing.rule, framing.rule) if rule != "none"]
        return replace(
            self,
            source=np.stack(framed),
            framing=Framing(",".join(rules)),
            known=picture_digests(self),
        )

    def checked(self, skip_bad: bool = False, progress: bool | None = None) -> Dataset:
        """Decode every picture once, so that a bad one is known before hours of work.

        Parameters
        ----------
        skip_bad : bool
            Leave bad pictures out, with a warning that names them.
        progress : bool or None
            A progress bar for work of over two seconds; None shows it on a terminal only.

        Returns
        -------
        Dataset
            Without the bad pictures.

        Raises
        ------
        ImageError
            If pictures are bad and are not to be skipped; the text names them all, or the first
            twenty.
        """
        if isinstance(self.source, np.ndarray):
            self.warn_of_shared_pictures()
            return self
        bad: dict[int, str] = {}
        numbers = range(len(self))
        for index in progress_bar(numbers, name="Checking", unit="image", progress=progress):
            try:
                # Decoding is the only way to know that a picture is whole.
                self[index]
            except ImageError as error:
                bad[index] = str(error)
        if not bad:
            self.warn_of_shared_pictures()
            return self
        listed = "\n  ".join([*bad.values()][:20])
        if len(bad) > 20:
            listed += f"\n  and {len(bad) - 20} more"
        if not skip_bad or len(bad) == len(self):
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
        good = np.setdiff1d(np.arange(len(self)), list(bad))
        kept = replace(self.subset(good), skipped=(*self.skipped, *bad.values()))
        kept.warn_of_shared_pictures()
        return kept

    def warn_of_shared_pictures(self) -> None:
        """Warn of pictures with the same content in training and in what is held out.

        Every file is read; files that are one and the same are told when a set is opened.

        Warns
        -----
        DatasetWarning
            With their number and one pair of names.
        """
        if self.given_split is None:
            return
        train, held_out = self.given_split
        known = dict(zip(picture_digests(self, train).tolist(), train, strict=True))
        pairs = [
            (known[digest], number)
            for digest, number in zip(
                picture_digests(self, held_out).tolist(), held_out, strict=True
            )
            if digest in known and not _is_same_file(self.source, known[digest], number)
        ]
        if pairs:
            first, second = (self.names[number] for number in pairs[0])
            warnings.warn(
                f"{len(pairs)} of {len(held_out)} held-out pictures have the same content as "
                f"training pictures, such as {second} and {first}: results on them say nothing of "
                "new pictures.",
                DatasetWarning,
                stacklevel=3,
            )


def _is_same_file(source: Any, first: int, second: int) -> bool:
    files = source[first], source[second]
    return isinstance(files[0], Path | ReadFile) and os.path.samefile(*files)  # noqa: PTH121
