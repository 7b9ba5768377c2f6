"""What numbers depend on, as digests: images, files, modules of the user's own. A result is kept as long as its digest stays the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from analysis.study.objects import OURS, Places


@dataclass(frozen=True)
class Fingerprint:
    """Of a set of images.

    Attributes
    ----------
    whole : str
        Digest of images, names, labels, split and whatever else is known of each image.
    every : frozenset of str
        Digest of each image.
    """

    whole: str
    every: frozenset[str]


def fingerprint(images: Any, name: str, progress: bool | None = None) -> Fingerprint:
    """Reads every image, so that a bad one is known before anything runs."""
    found, every = hashlib.sha256(), []
    shown = None if progress is None else not progress
    for index in tqdm(range(len(images)), desc=f"Reading {name}", unit="image", delay=2, disable=shown, leave=False):
        image = np.ascontiguousarray(images[index])
        every.append(hashlib.sha256(f"{image.shape}{image.dtype}".encode() + image.tobytes()).hexdigest())
        found.update(every[-1].encode())
    columns = dict(getattr(images, "columns", {})) | ({} if not hasattr(images, "table") else dict(images.table))
    for column in (images.names, getattr(images, "labels", None), getattr(images, "split", None), *columns, *columns.values()):
        found.update(repr(column if column is None or isinstance(column, str) else [str(value) for value in column]).encode())
    for known in (getattr(images, "units", None), getattr(images, "settings", None)):
        found.update(repr(sorted(dict(known or {}).items())).encode())
    return Fingerprint(found.hexdigest(), frozenset(every))


def files_in(parameters: Any) -> Iterator[Path]:
    """The files that parameters name, at any depth; texts are full paths by now."""
    if isinstance(parameters, dict):
        for value in parameters.values():
            yield from files_in(value)
    elif isinstance(parameters, list | tuple):
        for value in parameters:
            yield from files_in(value)
    elif isinstance(parameters, str) and ("/" in parameters or "\\" in parameters):
        path = Path(parameters)
        if len(parameters) < 4096 and path.is_file():
            yield path


def own_code(path: str, places: Places) -> list[Path]:
    """Files of the user's own behind a path such as 'my_lab:mine': the module, and those of its folder that it imports."""
    module = path.partition(":")[0]
    if module.partition(".")[0] in OURS:
        return []
    places.modules()
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return []
    return _imported(Path(spec.origin), str(places.beside), Path(spec.origin).stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _imported(file: Path, beside: str, _: int) -> list[Path]:
    finder = ModuleFinder([beside, str(file.parent)], excludes=list(OURS))
    finder.run_script(str(file))
    return sorted({file, *(Path(found.__file__) for found in finder.modules.values() if found.__file__ is not None)})
