"""What numbers depend on, as digests: images, files, modules of the user's own.

A result is kept as long as its digest stays the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

import numpy as np

from hmax_cnn.extraction.progress import progress_bar

from ..naming import full_path
from .building import Places


@dataclass(frozen=True)
class Fingerprint:
    """Of a set of images.

    Attributes
    ----------
    whole : str
        Digest of images, names, labels, split and whatever else is known of each image.
    every, taught : frozenset of str
        Digest of each image, and of those that a model learns from: the training images, where
        there is a split.
    """

    whole: str
    every: frozenset[str]
    taught: frozenset[str]


def fingerprint(images: Any, name: str, progress: bool | None = None) -> Fingerprint:
    """Reads every image, so that a bad one is known before anything runs."""
    found, every = hashlib.sha256(), []
    numbers = range(len(images))
    bar = progress_bar(
        numbers, name=f"Reading {name}", unit="image", progress=progress, leave=False
    )
    for index in bar:
        # Decoded pixels, not files: the same picture in another format is the same, and a new
        # decoder is noticed.
        image = np.ascontiguousarray(images[index])
        content = f"{image.shape}{image.dtype}".encode() + image.tobytes()
        every.append(hashlib.sha256(content).hexdigest())
        found.update(every[-1].encode())
    for part in _described(images):
        found.update(repr(part).encode())
    split = getattr(images, "split", None)
    # Without a split a model learns from all.
    taught = every
    if split is not None:
        taught = [one for one, side in zip(every, split, strict=True) if side == "train"]
    return Fingerprint(found.hexdigest(), frozenset(every), frozenset(taught))


def _described(images: Any) -> Iterator[Any]:
    """All that a measure may read of the images beside their pixels, as text."""
    columns = dict(getattr(images, "columns", {})) | dict(getattr(images, "table", {}))
    labels, split = getattr(images, "labels", None), getattr(images, "split", None)
    for column in (images.names, labels, split, *columns, *columns.values()):
        is_one = column is None or isinstance(column, str)
        yield column if is_one else [str(value) for value in column]
    for known in (getattr(images, "units", None), getattr(images, "settings", None)):
        yield sorted(dict(known or {}).items())


def files_in(parameters: Any) -> Iterator[Path]:
    """The files that parameters name, at any depth; texts are full paths by now."""
    if isinstance(parameters, dict):
        for value in parameters.values():
            yield from files_in(value)
    elif isinstance(parameters, list | tuple):
        for value in parameters:
            yield from files_in(value)
    elif (
        isinstance(parameters, str)
        and ("/" in parameters or "\\" in parameters)
        # Path.is_file would raise on a text that is too long for a name.
        and os.path.isfile(parameters)  # noqa: PTH113
    ):
        yield Path(parameters)


def own_code(path: str, places: Places) -> list[Path]:
    """Files of the user's own behind a path such as 'my_lab:mine'.

    The module, and those of its folder that it imports.
    """
    places.modules()
    module = full_path(path).partition(":")[0]
    if module.partition(".")[0] == "hmax_cnn":
        return []
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return []
    # An installed package: the module itself stands for it.
    if "site-packages" in Path(spec.origin).parts:
        return [Path(spec.origin)]
    return _imported(
        module, (str(places.beside), str(places.beside / "code"), str(Path.cwd())), spec.origin
    )


@lru_cache(maxsize=64)
def _imported(module: str, roots: tuple[str, ...], origin: str) -> list[Path]:
    # What a module imports without running it: its own modules count, those of packages do not.
    finder = ModuleFinder(list(roots), excludes=["hmax_cnn"])
    finder.import_hook(module)
    files = [getattr(one, "__file__", None) for one in finder.modules.values()]
    found = [Path(file) for file in files if file is not None]
    return sorted({Path(origin), *(file for file in found if "site-packages" not in file.parts)})


def forget_code() -> None:
    """Look again at what modules import: they may have been edited since."""
    _imported.cache_clear()
