"""Arrays and cells of MATLAB's files, versions 5 to 7, each length checked before it is used.

SciPy's reader ends the whole process at some damaged files, with a segmentation fault.

References
----------
"MAT-File Format", The MathWorks, chapter "Level 5 MAT-Files".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np

LARGEST = 2**28  # bytes, unpacked: eight sizes of 15,000 patches
_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_CELL, _NUMBERS = 1, range(6, 16)  # classes: double, single and whole numbers
_CLASS = 0x08FF  # with the mark of complex numbers
_MOST_CELLS = 1000

Order = Literal["little", "big"]
Cells = list[np.ndarray]


def read_variables(path: Path, wanted: Sequence[str]) -> list[np.ndarray | Cells]:
    """Some variables of a file.

    Parameters
    ----------
    path : Path
    wanted : sequence of str
        Their names; of others nothing is read but the name.

    Returns
    -------
    list of arrays
        In place of a cell array, a list of its arrays in MATLAB's order.

    Raises
    ------
    ValueError
        If the file is no such file, is damaged, lacks one of them, holds something else under its
        name, or unpacks to more than 256 MiB.
    """
    if path.stat().st_size > LARGEST:
        msg = f"has more than {LARGEST // 2**20} MiB"
        raise ValueError(msg)
    content = path.read_bytes()
    # The header ends in the version, and in the file's byte order: 'IM' where it is little-endian.
    order: Order = "little" if content[126:128] == b"IM" else "big"
    if content[126:128] not in (b"IM", b"MI") or _number(content[124:126], order) != 0x0100:
        msg = "no header of version 5 to 7"
        raise ValueError(msg)
    found: dict[str, np.ndarray | Cells] = {}
    for data in _matrices(memoryview(content)[_HEADER:], order):
        matrix = _Matrix.of(data, order)
        if matrix.name in wanted:
            found[matrix.name] = matrix.value()
    missing = [name for name in wanted if name not in found]
    if missing:
        msg = f"{', '.join(missing)} missing"
        raise ValueError(msg)
    return [found[name] for name in wanted]


def _matrices(data: memoryview, order: Order) -> Iterator[memoryview]:
    """Each variable of a file, unpacked."""
    left = LARGEST
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            unpacked = _unpacked(content, left)
            left -= len(unpacked)
            yield from (inner for one, inner in _elements(unpacked, order) if one == _MATRIX)
        elif kind == _MATRIX:
            yield content


def _number(data: bytes | memoryview, order: Order) -> int:
    return int.from_bytes(data, order)


def _elements(data: memoryview, order: Order) -> Iterator[tuple[int, memoryview]]:
    """Each element's type and content."""
    place = 0
    while place < len(data):
        if place + 8 > len(data):
            msg = "an element is cut off"
            raise ValueError(msg)
        kind, n_bytes = (_number(data[place + i : place + i + 4], order) for i in (0, 4))
        first = place + 8
        if kind >> 16:  # up to 4 bytes stand in the place of the length
            kind, n_bytes, first = kind & 0xFFFF, kind >> 16, place + 4
        elif kind == 0:
            msg = "an element has no type"
            raise ValueError(msg)
        end = first + n_bytes
        if end > len(data) or (first == place + 4 and n_bytes > 4):
            msg = "an element is longer than what holds it"
            raise ValueError(msg)
        yield kind, data[first:end]
        # What is compressed is followed at once by the next.
        place = end if kind == _COMPRESSED else -(-end // 8) * 8


def _unpacked(data: memoryview, most: int) -> memoryview:
    """What was compressed, unless it is more than so many bytes."""
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, most + 1)
    except zlib.error as error:
        msg = f"what is compressed is damaged ({error})"
        raise ValueError(msg) from error
    if len(unpacked) > most:
        msg = f"would unpack to more than {LARGEST // 2**20} MiB"
        raise ValueError(msg)
    if not stream.eof:
        msg = "what is compressed is cut off"
        raise ValueError(msg)
    return memoryview(unpacked)


@dataclass(frozen=True)
class _Matrix:
    """The parts of an array: its class, shape, name and content."""

    order: Order
    kind: int
    shape: tuple[int, ...]
    name: str
    content: tuple[tuple[int, memoryview], ...]

    @classmethod
    def of(cls, data: memoryview, order: Order) -> _Matrix:
        parts = list(_elements(data, order))
        kinds, lengths = [kind for kind, _ in parts[:3]], [len(part) for _, part in parts[:3]]
        if kinds != [6, 5, 1] or lengths[0] != 8 or lengths[1] % 4:
            return cls(order, 0, (), "", ())  # something else, such as an object
        flags = _number(parts[0][1][:4], order)
        shape = np.frombuffer(parts[1][1], _typed("i4", order)).tolist()
        name = bytes(parts[2][1]).decode("ascii", "replace")
        return cls(order, flags & _CLASS, tuple(shape), name, tuple(parts[3:]))

    def value(self) -> np.ndarray | Cells:
        """Of an array of numbers, or of cells that hold such arrays."""
        if self.kind != _CELL:
            return self.numbers()
        n_cells = prod(self.shape)
        if n_cells > _MOST_CELLS or n_cells != len(self.content):
            msg = f"{self.name!r} has {len(self.content)} cells, and says that it has {n_cells}"
            raise ValueError(msg)
        if any(kind != _MATRIX for kind, _ in self.content):
            msg = f"{self.name!r} has cells that are no arrays"
            raise ValueError(msg)
        return [_Matrix.of(data, self.order).numbers() for _, data in self.content]

    def numbers(self) -> np.ndarray:
        """Of an array of numbers; they may be stored in fewer bytes than the class has."""
        if self.kind not in _NUMBERS or len(self.content) != 1 or self.content[0][0] not in _TYPES:
            msg = f"an array of numbers was expected, not of class {self.kind}"
            raise ValueError(msg)
        if min(self.shape, default=-1) < 0:
            msg = f"an array has the shape {self.shape}"
            raise ValueError(msg)
        ((kind, data),) = self.content
        dtype = np.dtype(_typed(_TYPES[kind], self.order))
        if prod(self.shape) * dtype.itemsize != len(data):
            msg = f"an array of shape {self.shape} has {len(data)} bytes"
            raise ValueError(msg)
        return np.frombuffer(data, dtype).reshape(self.shape, order="F")


def _typed(name: str, order: Order) -> str:
    return ("<" if order == "little" else ">") + name
