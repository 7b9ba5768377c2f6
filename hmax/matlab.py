"""The MATLAB layout of prototypes.

Cells of (n_features * n * n) x count, as in the public universal_patch_set.mat.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.io import savemat

from .matlab_elements import read_variables


def read_cells(path: str | os.PathLike[str]) -> dict[int, np.ndarray]:
    """Patches of shape (count, n_features, n, n) by size.

    Raises
    ------
    ValueError
        If the file is no MATLAB file of version 5 to 7, unpacks to more than 256 MiB, or is not of
        this layout.
    """
    try:
        cells, sizes_of = read_variables(Path(path), ("patches", "patchSizes"))
    except ValueError as error:
        msg = (
            f"{path} is not a MATLAB file with `patches` and `patchSizes` of version 5 to 7 "
            f"({error}). Save it with save -v7."
        )
        raise ValueError(msg) from error
    is_array = isinstance(sizes_of, np.ndarray) and sizes_of.ndim == 2 and len(sizes_of) == 4
    if not is_array or not (np.isfinite(sizes_of).all() and np.min(sizes_of, initial=1) >= 1):
        msg = (
            f"{path}: `patchSizes` must be an array of shape (4, n_sizes) of N, N, the number of "
            "features and that of patches. See `read_prototypes`."
        )
        raise ValueError(msg)
    shapes = np.transpose(sizes_of)
    if not isinstance(cells, list) or len(cells) != len(shapes):
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
    unfolded = cell.reshape(n_features, columns, rows, count).transpose(3, 0, 2, 1)
    with np.errstate(over="ignore"):  # what is too large is refused as infinite
        return unfolded.astype(np.float32)


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
