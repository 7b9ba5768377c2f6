"""Prototypes: what S2 units are tuned to. Imprinting, choosing, reading and writing them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hmax_cnn.extraction.digests import NOTHING
from hmax_cnn.extraction.files import read_npz, written_whole

from .matlab import read_cells, write_cells

OURS = "photographs"
PROVENANCE = (
    "size",
    "prototype",
    "image",
    "name",
    "band",
    "row",
    "column",
    "top",
    "left",
    "bottom",
    "right",
)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Patches of C1 by size.

    Attributes
    ----------
    patches : mapping from int to float32 array of shape (count, n_features, size, size)
        Ordered by size; features in the order of the model's orientations.
    provenance : pandas.DataFrame or None
        One row per prototype, in the same order: size, prototype (its number), image (its number
        among the training images) and name, band, row and column in C1, and top, left, bottom,
        right of what it sees of the image, in pixels.
    orientations : tuple of float or None
        In degrees, where known.
    learned_from : array of uint64
        Digests of the pictures that they were cut from, where known.

    Examples
    --------
    >>> patches = np.random.default_rng(0).random((10, 4, 8, 8))
    >>> Prototypes({8: patches}).chosen(None, 3)
    Prototypes(3 of 8 x 8)
    """

    patches: Mapping[int, np.ndarray]
    provenance: pd.DataFrame | None = None
    orientations: tuple[float, ...] | None = None
    learned_from: np.ndarray = field(default_factory=NOTHING.copy)

    def __post_init__(self) -> None:
        checked = {
            int(size): _checked(int(size), self.patches[size]) for size in sorted(self.patches)
        }
        if not checked:
            msg = "`prototypes` must hold patches of at least one size, got none."
            raise ValueError(msg)
        object.__setattr__(self, "patches", checked)

    def __repr__(self) -> str:
        return f"Prototypes({', '.join(f'{len(p)} of {n} x {n}' for n, p in self.patches.items())})"

    @staticmethod
    def blank(sizes: Sequence[int], count: int, n_features: int) -> Prototypes:
        """Zeros in the place of prototypes that are still to be learned; they take no memory.

        Parameters
        ----------
        sizes : sequence of int
            In positions of C1.
        count : int
            Of each size.
        n_features : int
            Of C1: orientations times phases.

        Returns
        -------
        Prototypes
        """
        return Prototypes(
            {
                size: np.broadcast_to(np.float32(0), (count, n_features, size, size))
                for size in sizes
            }
        )

    def chosen(self, sizes: Sequence[int] | None, count: int | None) -> Prototypes:
        """Only some sizes, and only the first `count` of each; None is all.

        Parameters
        ----------
        sizes : sequence of int or None
            None is all.
        count : int or None
            The first so many of each size; None is all.

        Returns
        -------
        Prototypes

        Raises
        ------
        ValueError
            If there are none of a size, or fewer than `count`.
        """
        if sizes is None and count is None:
            return self
        missing = sorted(set(sizes or ()) - set(self.patches))
        if missing:
            msg = (
                f"`prototype_sizes` {missing[0]} is not among the sizes of `prototypes`: "
                f"{', '.join(map(str, self.patches))}."
            )
            raise ValueError(msg)
        kept = {size: self.patches[size][:count] for size in (sizes or self.patches)}
        short = [
            size for size, patches in kept.items() if count is not None and len(patches) < count
        ]
        if short:
            msg = (
                f"`n_prototypes` must be at most {len(kept[short[0]])}, the number of "
                f"`prototypes` of size {short[0]}, got {count}."
            )
            raise ValueError(msg)
        table = self.provenance
        if table is not None:
            table = table[
                table["size"].isin(kept) & (table["prototype"] < (count or np.inf))
            ].reset_index(drop=True)
        return replace(self, patches=kept, provenance=table)

    def shuffled(self, random_state: int = 0) -> Prototypes:
        """A control: the numbers of each patch in another order.

        What is tuned to is lost, and its distribution kept.

        Parameters
        ----------
        random_state : int

        Returns
        -------
        Prototypes
            Without provenance.
        """
        rng = np.random.default_rng(random_state)
        # Within each patch: its values, and so its length, stay as they are.
        mixed = {
            size: rng.permuted(patches.reshape(len(patches), -1), axis=1).reshape(patches.shape)
            for size, patches in self.patches.items()
        }
        return replace(self, patches=mixed, provenance=None)

    def random(self, random_state: int = 0) -> Prototypes:
        """A control: normal noise with the mean and deviation of all patches of a size.

        Cut off at 0, below which C1 does not go.

        Parameters
        ----------
        random_state : int

        Returns
        -------
        Prototypes
            Without provenance.
        """
        rng = np.random.default_rng(random_state)
        noise = {
            size: np.maximum(rng.normal(patches.mean(), patches.std(), patches.shape), 0)
            for size, patches in self.patches.items()
        }
        return Prototypes(noise, None, self.orientations)

    def check(self, n_features: int, orientations: Sequence[float]) -> None:
        """Refuse prototypes of other features than a model's.

        Of another number of C1 features, or of other orientations.

        Parameters
        ----------
        n_features : int
            Of C1: orientations times phases.
        orientations : sequence of float
            Of the model, in degrees.

        Raises
        ------
        ValueError
            If features or orientations differ.
        """
        for size, patches in self.patches.items():
            if patches.shape[1] != n_features:
                msg = (
                    f"`prototypes` of size {size} have {patches.shape[1]} features, but C1 "
                    f"of this model has {n_features} "
                    "(orientations x phases). Set `orientations` as they were when the "
                    "prototypes were made, or learn new ones."
                )
                raise ValueError(msg)
        if self.orientations is not None and (
            len(self.orientations) != len(orientations)
            # Half a turn of a filter is the same orientation.
            or not np.allclose(np.mod(self.orientations, 180), np.mod(orientations, 180))
        ):
            msg = (
                f"`prototypes` were made with orientations {self.orientations}, but the model "
                f"has {tuple(orientations)}. Set `orientations` likewise."
            )
            raise ValueError(msg)


def _checked(size: int, patches: np.ndarray) -> np.ndarray:
    patches = np.asarray(patches)
    if (
        patches.ndim != 4
        or patches.shape[2:] != (size, size)
        or 0 in patches.shape
        or patches.dtype.kind not in "fiu"
    ):
        msg = (
            f"`prototypes` of size {size} must be numbers of shape (count, n_features, {size}, "
            f"{size}), got {patches.dtype} of shape {patches.shape}."
        )
        raise ValueError(msg)
    if not np.isfinite(patches.astype(np.float32)).all():
        msg = f"`prototypes` of size {size} hold NaN or infinity. Leave those out."
        raise ValueError(msg)
    checked = patches.astype(np.float32, copy=False).view()
    checked.flags.writeable = False  # a dictionary is shared by the models that read it
    return checked


# Reading and writing ----------------------------------------------------------------------------


def as_prototypes(given: Any) -> Prototypes:
    """Prototypes from whatever `HMAX` accepts as such."""
    if isinstance(given, Prototypes):
        return given
    if isinstance(given, Mapping):
        return Prototypes(given)
    if isinstance(given, str) and given == OURS:
        given = resources.files(__package__) / "photographs.npz"
    if isinstance(given, str | os.PathLike):
        path = Path(os.fspath(given))
        if not path.is_file():
            msg = (
                f"`prototypes`: there is no file {path}. Give a .npz or .mat file, {OURS!r}, or "
                "None to learn them in `fit`."
            )
            raise FileNotFoundError(msg)
        # Size and time are the key of the cache: a file that was written anew is read anew.
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    msg = (
        f"`prototypes` must be None, {OURS!r}, a path, Prototypes or a mapping from size to "
        f"array, got {type(given).__name__}."
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


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, n_bytes: int) -> Prototypes:
    """The file as it is now: its time and length make a changed file a new key."""
    if path.suffix == ".mat":
        return Prototypes(read_cells(path))
    if path.suffix != ".npz":
        msg = f"`prototypes` must be a .npz or .mat file, got {path.name}."
        raise ValueError(msg)
    arrays = read_npz(path)
    # Other arrays in the file, such as those of another tool, are passed over.
    patches = {
        int(name.removeprefix("patches_")): values
        for name, values in arrays.items()
        if name.removeprefix("patches_").isdigit()
    }
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
