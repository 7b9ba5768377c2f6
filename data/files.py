"""Many files by name: paths are made when asked for, since they take ten times their text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload


class Files(Sequence[Path]):
    """Files below a folder.

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
