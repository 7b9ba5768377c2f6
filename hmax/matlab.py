"""The MATLAB layout of prototypes.

Cells of (n_features * n * n) x count, as in the public universal_patch_set.mat.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from scipy.io import loadmat, savemat
from scipy.io.matlab import MatReadError

_LARGEST = 2**28  # bytes, unpacked: eight sizes of 15,000 patches
_HEADER, _COMPRESSED = 128, 15


def read_cells(path: str | os.PathLike[str]) -> dict[int, np.ndarray]:
    """Patches of shape (count, n_features, n, n) by size.

    Raises
    ------
    ValueError
        If the file is no MATLAB file of version 5 to 7, unpacks to more than 256 MiB, or is not of
        this layout.
    """
    _check_length(Path(path))
    try:
        contents = loadmat(path, variable_names=["patches", "patchSizes"])
        cells, shapes = contents["patches"].ravel(), contents["patchSizes"].T
    except (
        KeyError,
        NotImplementedError,
        TypeError,
        ValueError,
        OSError,
        IndexError,
        zlib.error,
        MatReadError,
    ) as error:
        msg = (
            f"{path} is not a MATLAB file with `patches` and `patchSizes` of version 5 to 7 "
            f"({type(error).__name__}: {error}). Save it with save -v7."
        )
        raise ValueError(msg) from error
    if cells.dtype != object or len(cells) != len(shapes):
        msg = (
            f"{path}: `patches` must be a row of cells, one for each column of `patchSizes`, got "
            f"{len(cells)} and {len(shapes)}."
        )
        raise ValueError(msg)
    sizes = [int(shape[0]) for shape in shapes]
    if len(set(sizes)) < len(sizes):
        msg = f"{path}: `patchSizes` must name a size once, got {sizes}. Put its patches together."
        raise ValueError(msg)
    return {
        size: _unfolded(path, cell, shape)
        for size, cell, shape in zip(sizes, cells, shapes, strict=True)
    }


def _unfolded(path: str | os.PathLike[str], cell: np.ndarray, shape: np.ndarray) -> np.ndarray:
    rows, columns, n_features, count = (int(n) for n in shape)
    if rows != columns or cell.shape != (rows * columns * n_features, count):
        msg = (
            f"{path}: a cell of {rows} x {columns} patches must have the shape "
            f"({rows * columns * n_features}, {count}), got {cell.shape}."
        )
        raise ValueError(msg)
    # MATLAB stores columns first, so that in C order its axes come reversed: (feature, column,
    # row).
    return cell.reshape(n_features, columns, rows, count).transpose(3, 0, 2, 1).astype(np.float32)


def write_cells(patches: Mapping[int, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write patches of shape (count, n_features, n, n) by size."""
    cells = np.empty((1, len(patches)), dtype=object)
    # Whole numbers: PyTorch ports pass them on as sizes of arrays, which must not be floats.
    shapes = np.empty((4, len(patches)), np.int32)
    for index, (size, values) in enumerate(patches.items()):
        count, n_features = values.shape[:2]
        # The same order back: (feature, column, row) as one column for each patch.
        cells[0, index] = values.transpose(1, 3, 2, 0).reshape(-1, count).astype(np.float64)
        shapes[:, index] = size, size, n_features, count
    with Path(path).open("wb") as file:
        savemat(file, {"patches": cells, "patchSizes": shapes}, do_compression=True)


def _check_length(path: Path) -> None:
    """Refuse a file whose compressed elements would unpack to too much.

    Nothing that is unpacked is kept.
    """
    total = 0
    if path.stat().st_size > _LARGEST:
        msg = f"{path} has more than {_LARGEST // 2**20} MiB. It is not a set of prototypes."
        raise ValueError(msg)
    with path.open("rb") as file:
        # The header ends in the file's byte order: 'IM' where it is little-endian.
        order: Literal["little", "big"] = "big"
        if file.read(_HEADER)[126:128] == b"IM":
            order = "little"
        while len(tag := file.read(8)) == 8:
            kind, n_bytes = (int.from_bytes(part, order) for part in (tag[:4], tag[4:]))
            # What is not compressed is as long as it says; what is, is unpacked and counted, not
            # kept.
            if not n_bytes:  # a hole in the file, or its end: the reader will say what is wrong
                return
            if kind != _COMPRESSED:
                total += n_bytes
                file.seek(n_bytes, os.SEEK_CUR)
            else:
                total += _unpacked(file, n_bytes, _LARGEST - total)
            if total > _LARGEST:
                msg = (
                    f"{path} would unpack to more than {_LARGEST // 2**20} MiB. It is not a set "
                    "of prototypes."
                )
                raise ValueError(msg)


def _unpacked(file: BinaryIO, n_bytes: int, limit: int) -> int:
    """Length of an element of so many compressed bytes when unpacked; stops past the limit."""
    stream, total = zlib.decompressobj(), 0
    try:
        # A megabyte at a time, in and out: a bomb is told before it is in memory.
        while n_bytes > 0 and total <= limit:
            content = file.read(min(n_bytes, 2**20))
            if not content:
                break
            n_bytes -= len(content)
            while content and total <= limit:
                total += len(stream.decompress(content, 2**20))
                content = stream.unconsumed_tail
    except zlib.error:
        file.seek(n_bytes, os.SEEK_CUR)
        return total  # the reader will say what is wrong
    return total
