"""Rows of features that are done, on disk block by block: kept on any end, checked when found."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from filelock import FileLock, Timeout


@dataclass(frozen=True)
class _Block:
    """What is known of a block: what it was made of, its shape, and a checksum of its bytes."""

    made_of: str
    n_rows: int
    n_units: int
    checksum: int

    @property
    def n_bytes(self) -> int:
        return 4 * self.n_rows * self.n_units


def _line(block: _Block) -> str:
    return json.dumps(asdict(block)) + "\n"


class KeptRows:
    """Blocks of rows in a folder, in order; a context in which no other process has them.

    Rows lie one behind the other in one file, and a line of another file says what each block is.
    A process that is killed leaves at most the end of a block, which is no block without its line.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data, self._lines = folder / "rows.float32", folder / "blocks.jsonl"
        self._lock = FileLock(folder / "lock", timeout=0)
        self._blocks: list[_Block] = []
        self._n_lines = -1

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout as error:
            msg = (
                f"Another run is writing these features: {self.folder} is in use. Wait for its "
                "end, or give another --output."
            )
            raise RuntimeError(msg) from error
        self._blocks = list(self._found())
        self._n_lines = -1  # not known: there may be more lines than blocks
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if not self._blocks:
            self.remove()

    def _found(self) -> Iterator[_Block]:
        """Blocks of an earlier run, up to the first that is damaged."""
        if not (self._lines.is_file() and self._data.is_file()):
            return
        with self._data.open("rb") as data:
            for line in self._lines.read_bytes().splitlines():
                try:
                    block = _Block(**json.loads(line))
                    content = data.read(block.n_bytes)
                except (ValueError, TypeError):  # a line that was cut off, or is none of ours
                    return
                if len(content) != block.n_bytes or zlib.crc32(content) != block.checksum:
                    return
                yield block

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows that are done, and of units."""
        if not self._blocks:
            return 0, 0
        return sum(block.n_rows for block in self._blocks), self._blocks[0].n_units

    def has(self, number: int, made_of: str) -> bool:
        """Whether a block is there, made of the same things."""
        return number < len(self._blocks) and self._blocks[number].made_of == made_of

    def add(self, number: int, made_of: str, rows: np.ndarray) -> None:
        """Write a block in its place; what was kept behind it was of other images.

        Raises
        ------
        OSError
            If the disk is full.
        ValueError
            If it has another number of units than those before it.
        """
        if number and rows.shape[1] != self.shape[1]:
            msg = (
                f"These images have {rows.shape[1]} units, those before them {self.shape[1]}. "
                "Resize the images to one shape, or use a layer that sees the whole image."
            )
            raise ValueError(msg)
        self._blocks = self._blocks[:number]
        content = np.ascontiguousarray(rows, "<f4").tobytes()
        block = _Block(made_of, len(rows), rows.shape[1], zlib.crc32(content))
        start = sum(one.n_bytes for one in self._blocks)
        # The data first: a line stands for bytes that are there.
        with self._data.open("r+b" if self._data.exists() else "w+b") as data:
            data.truncate(start)
            data.seek(start)
            data.write(content)
            data.flush()
            os.fsync(data.fileno())
        self._blocks.append(block)
        if self._n_lines == len(self._blocks) - 1:
            with self._lines.open("a") as file:
                file.write(_line(block))
        else:  # lines of other blocks, or a line that was cut off
            self._lines.write_text("".join(map(_line, self._blocks)))
        self._n_lines = len(self._blocks)

    def keep_first(self, count: int) -> None:
        """Forget the blocks behind the first so many: they were of a larger set."""
        self._blocks = self._blocks[:count]

    def __iter__(self) -> Iterator[np.ndarray]:
        """The blocks, read one after the other."""
        with self._data.open("rb") as data:
            for block in self._blocks:
                rows = np.frombuffer(data.read(block.n_bytes), "<f4")
                yield rows.reshape(block.n_rows, block.n_units)

    def remove(self) -> None:
        """Remove the rows when they are written elsewhere, and the folder if it holds no more."""
        self._lock.release()
        for file in (self._data, self._lines, Path(self._lock.lock_file)):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # something of the user's lies in it
            self.folder.rmdir()
        self._blocks = []
