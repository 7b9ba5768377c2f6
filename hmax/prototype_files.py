"""Reading and writing prototypes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hmax_cnn.extraction.digests import NOTHING
from hmax_cnn.extraction.files import read_npz, written_whole

from .arrangements import ARRANGEMENTS, arrangements
from .matlab import read_cells, write_cells
from .prototypes import PROVENANCE, Prototypes

OURS = "photographs"


def as_prototypes(given: Any, n_features: int = 4) -> Prototypes:
    """Prototypes from whatever `HMAX` accepts as such, for so many features of C1."""
    if isinstance(given, Prototypes):
        return given
    if isinstance(given, Mapping):
        return Prototypes(given)
    if isinstance(given, str) and given == ARRANGEMENTS:
        return arrangements(n_features)
    if isinstance(given, str) and given == OURS:
        given = resources.files(__package__) / "photographs.npz"
    if isinstance(given, str | os.PathLike):
        path = Path(os.fspath(given))
        if not path.is_file():
            msg = (
                f"`prototypes`: there is no file {path}. Give a .npz or .mat file, {OURS!r}, "
                f"{ARRANGEMENTS!r}, or None to learn them in `fit`."
            )
            raise FileNotFoundError(msg)
        # Size and time are the key of the cache: a file that was written anew is read anew.
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    msg = (
        f"`prototypes` must be None, {OURS!r}, {ARRANGEMENTS!r}, a path, Prototypes or a mapping "
        f"from size to array, got {type(given).__name__}."
    )
    raise TypeError(msg)


def read_prototypes(path: str | os.PathLike[str]) -> Prototypes:
    """Read prototypes from a `.npz` or `.mat` file.

    The `.mat` layout is that of the public `universal_patch_set.mat`.

    Parameters
    ----------
    path : path
        An `.npz` holds `patches_N` of shape (count, n_features, N, N) for each size N, and may hold
        `orientations`, `learned_from` and the columns of the provenance as `provenance_*`. A `.mat`
        (version 5 to 7) holds `patches`, a row of cells of shape (n_features * N * N, count), each
        column a patch in MATLAB's order (row fastest, then column, then orientation), and
        `patchSizes`, of shape
        (4, n_sizes), the rows of which are N, N, n_features and count.

    Returns
    -------
    Prototypes

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is not there, or not of this layout. Nothing is ever unpickled.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_prototypes(Prototypes.blank((4, 8), 2, 4), Path(folder) / "mine.npz")
    ...     read_prototypes(Path(folder) / "mine.npz")
    Prototypes(2 of 4 x 4, 2 of 8 x 8)
    """
    return as_prototypes(Path(path))


def patches_in(arrays: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
    """The arrays that are named patches_N, by N; those of another tool are passed over.

    Parameters
    ----------
    arrays : mapping from str to array

    Returns
    -------
    dict from int to array
    """
    return {
        int(name.removeprefix("patches_")): values
        for name, values in arrays.items()
        if name.removeprefix("patches_").isdigit()
    }


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, n_bytes: int) -> Prototypes:
    """The file as it is now: its time and length make a changed file a new key."""
    if path.suffix == ".mat":
        return Prototypes(read_cells(path))
    if path.suffix != ".npz":
        msg = f"`prototypes` must be a .npz or .mat file, got {path.name}."
        raise ValueError(msg)
    arrays = read_npz(path)
    patches = patches_in(arrays)
    if not patches:
        msg = (
            f"{path} holds no arrays named patches_N, but {', '.join(arrays) or 'nothing'}. It "
            "is not a file of prototypes."
        )
        raise ValueError(msg)
    columns = {
        column: arrays[f"provenance_{column}"]
        for column in PROVENANCE
        if f"provenance_{column}" in arrays
    }
    angles = arrays.get("orientations")
    return Prototypes(
        patches,
        pd.DataFrame(columns) if columns else None,
        None if angles is None else tuple(angles.tolist()),
        arrays.get("learned_from", NOTHING).astype(np.uint64),
    )


def write_prototypes(prototypes: Prototypes, path: str | os.PathLike[str]) -> None:
    """Write prototypes as `read_prototypes` reads them; a `.mat` does not keep the provenance.

    Parameters
    ----------
    prototypes : Prototypes
    path : path
        Ending in .npz or .mat.

    Raises
    ------
    ValueError, OSError
        If the name ends otherwise, or the file cannot be written; a file that was there is then as
        it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_prototypes(Prototypes.blank((4,), 2, 4), Path(folder) / "mine.mat")
    """
    path = Path(path)
    if path.suffix not in (".npz", ".mat"):
        msg = f"`path` must end in .npz or .mat, got {path.name}."
        raise ValueError(msg)
    with written_whole(path) as temporary:
        if path.suffix == ".mat":
            write_cells(prototypes.patches, temporary)
            return
        arrays: dict[str, Any] = {
            f"patches_{size}": values for size, values in prototypes.patches.items()
        }
        if prototypes.orientations is not None:
            arrays["orientations"] = np.asarray(prototypes.orientations)
        if len(prototypes.learned_from):
            arrays["learned_from"] = prototypes.learned_from
        if prototypes.provenance is not None:
            table = prototypes.provenance
            # Text becomes fixed-width: arrays of objects would need pickle to be read.
            arrays |= {
                f"provenance_{c}": table[c].to_numpy()
                if table[c].dtype.kind in "iuf"
                else table[c].to_numpy(str)
                for c in table
            }
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
