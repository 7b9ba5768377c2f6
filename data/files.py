"""Files by name, and files that were read: for their digest and for their picture at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload


class Files(Sequence[Path]):
    """Files below a folder: paths are made when asked for, since they take ten times their text.

    Parameters
    ----------
    folder : Path
    inside : sequence of str
        Their paths within it.

    Examples
    --------
    >>> Files(Path("set"), ["a.png", "b.png"])[1].as_posix()
    'set/b.png'
    """

    def __init__(self, folder: Path, inside: Sequence[str]) -> None:
        self.folder, self.inside = folder, inside

    def __len__(self) -> int:
        return len(self.inside)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> Files: ...

    def __getitem__(self, index: int | slice) -> Path | Files:
        """A path, or some of the files."""
        if isinstance(index, slice):
            return Files(self.folder, self.inside[index])
        return self.folder / self.inside[index]

    def chosen(self, numbers: Iterable[int]) -> Files:
        """Those of the files, in this order.

        Parameters
        ----------
        numbers : iterable of int

        Returns
        -------
        Files
        """
        return Files(self.folder, [self.inside[number] for number in numbers])


@dataclass(frozen=True)
class ReadFile:
    """A file that is in memory.

    Attributes
    ----------
    path : Path
    content : bytes
    """

    path: Path
    content: bytes = field(repr=False)

    def __fspath__(self) -> str:
        """Where it was read."""
        return os.fspath(self.path)


def read_where_small(items: Iterable[Any], at_most: int) -> list[Any]:
    """Files in memory, as many of them as there is room for.

    Parameters
    ----------
    items : iterable of Path or array
        Arrays stay as they are.
    at_most : int
        Bytes of all of them together.

    Returns
    -------
    list of ReadFile, Path or array
        What is too large, or cannot be read, stays a path.
    """
    found: list[Any] = []
    for item in items:
        content = _content(item, at_most) if isinstance(item, Path) else None
        if content is None:
            found.append(item)
        else:
            found.append(ReadFile(item, content))
            at_most -= len(content)
    return found


def _content(path: Path, at_most: int) -> bytes | None:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > at_most:  # a pipe might never end
            return None
        with path.open("rb", buffering=0) as file:
            content = file.read(at_most + 1)
        return content if len(content) <= at_most else None
    except OSError:
        return None
