"""Files of all that a model is tuned to, of one stage or of several."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hmax_cnn.extraction.digests import NOTHING
from hmax_cnn.extraction.files import read_npz, written_whole

from .placed import PlacedPrototypes
from .prototype_files import patches_in, write_prototypes
from .prototypes import Prototypes

OfStage = Prototypes | PlacedPrototypes


def write_dictionary(
    dictionary: Prototypes | Mapping[str, OfStage], path: str | os.PathLike[str]
) -> None:
    """Write what a model has learned, `model.prototypes_`, to be read as its `prototypes`.

    Of several stages, provenance is not kept.

    Parameters
    ----------
    dictionary : Prototypes, or mapping from stage to Prototypes or PlacedPrototypes
    path : path
        Ending in .npz; of one stage also in .mat.

    Raises
    ------
    ValueError, OSError
        If the name ends otherwise, or the file cannot be written; a file that was there is then as
        it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.npz"
    ...     write_dictionary({"s2": PlacedPrototypes.blank((4,), 2, 4)}, path)
    ...     read_dictionary(path)
    {'s2': PlacedPrototypes(2 of 4 x 4)}
    """
    if isinstance(dictionary, Prototypes):
        write_prototypes(dictionary, path)
        return
    path = Path(path)
    if path.suffix != ".npz":
        msg = f"`path` must end in .npz, got {path.name}."
        raise ValueError(msg)
    arrays: dict[str, Any] = {}
    for stage, own in dictionary.items():
        arrays |= {f"{stage}.patches_{size}": values for size, values in own.patches.items()}
        arrays[f"{stage}.learned_from"] = own.learned_from
        if isinstance(own, PlacedPrototypes):
            arrays |= {f"{stage}.scales": own.scales, f"{stage}.places": own.places}
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_dictionary(path: str | os.PathLike[str]) -> dict[str, OfStage]:
    """Read the prototypes of several stages.

    Parameters
    ----------
    path : path
        An `.npz` that `write_dictionary` has written.

    Returns
    -------
    dict from stage to Prototypes or PlacedPrototypes

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is not there, or no such file. Nothing is ever unpickled.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "colour.npz"
    ...     write_dictionary({"single": Prototypes.blank((4,), 2, 16)}, path)
    ...     read_dictionary(path)["single"]
    Prototypes(2 of 4 x 4)
    """
    path = Path(path)
    if not path.is_file():
        msg = f"`prototypes`: there is no file {path}. Give a .npz file, or None to learn them."
        raise FileNotFoundError(msg)
    # Size and time are the key of the cache: a file that was written anew is read anew.
    state = path.stat()
    return dict(_read(path, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, n_bytes: int) -> Mapping[str, OfStage]:
    """The file as it is now."""
    arrays = read_npz(path)
    stages = list(dict.fromkeys(name.partition(".")[0] for name in arrays if "." in name))
    found: dict[str, OfStage] = {}
    for stage in stages:
        own = {n.partition(".")[2]: a for n, a in arrays.items() if n.startswith(f"{stage}.")}
        patches = patches_in(own)
        if not patches:
            continue
        shown = own.get("learned_from", NOTHING).astype(np.uint64)
        if {"scales", "places"} <= set(own):
            sizes = {size: patches[size] for size in sorted(patches)}
            checked = Prototypes(sizes).patches
            found[stage] = PlacedPrototypes(checked, own["scales"], own["places"], shown)
        else:
            found[stage] = Prototypes(patches, learned_from=shown)
    if not found:
        msg = (
            f"{path} holds no arrays named STAGE.patches_N, but {', '.join(arrays) or 'nothing'}. "
            "It is not a file of the prototypes of several stages."
        )
        raise ValueError(msg)
    return found


def as_dictionary(given: Any) -> Any:
    """Prototypes of several stages from what a model was given: read, if that is a path.

    Parameters
    ----------
    given : mapping, path or None

    Returns
    -------
    mapping from stage to Prototypes or PlacedPrototypes, or None
    """
    if isinstance(given, str | os.PathLike):
        return read_dictionary(given)
    return given


def shown_to(dictionary: Mapping[str, Any]) -> np.ndarray:
    """Digests of the pictures that prototypes of any stage were cut from.

    Parameters
    ----------
    dictionary : mapping from stage to Prototypes, PlacedPrototypes, or arrays by size

    Returns
    -------
    array of uint64
    """
    known = [getattr(own, "learned_from", NOTHING) for own in dictionary.values()]
    return np.unique(np.concatenate([NOTHING, *known]))
