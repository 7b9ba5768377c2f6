"""What numbers depend on, as digests: images, files, modules of the user's own.

A result is kept as long as its digest stays the same.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

import numpy as np

from hmax_cnn.extraction.own_modules import name_module
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
    n_shared : int
        Held-out images that are training images too.
    """

    whole: str
    every: frozenset[str]
    taught: frozenset[str]
    n_shared: int = 0


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
    taught, n_shared = frozenset(every), 0
    if split is not None:
        sides = list(zip(every, split, strict=True))
        taught = frozenset(one for one, side in sides if side == "train")
        n_shared = sum(side != "train" and one in taught for one, side in sides)
    return Fingerprint(found.hexdigest(), frozenset(every), taught, n_shared)


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
    for text in _texts(parameters):
        # Path.is_file would raise on a text that is too long for a name.
        if ("/" in text or "\\" in text) and os.path.isfile(text):  # noqa: PTH113
            yield Path(text)


def _texts(parameters: Any) -> Iterator[str]:
    if isinstance(parameters, str):
        yield parameters
    elif isinstance(parameters, dict):
        for value in parameters.values():
            yield from _texts(value)
    elif isinstance(parameters, list | tuple):
        for value in parameters:
            yield from _texts(value)


@dataclass(frozen=True)
class Behind:
    """What stands behind the objects that a table of a study names.

    Attributes
    ----------
    code : tuple of Path
        Modules of the user's own: those that are named, by 'module:name' anywhere in the
        parameters too, and those that they import.
    data : tuple of Path
        Files that the parameters name, and those whose names stand in the code.
    libraries : dict from str to str
        Versions of the packages that the code imports, by name.
    """

    code: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)


def behind(path: str | None, parameters: Any, places: Places) -> Behind:
    """What numbers of an object with these parameters depend on.

    Parameters
    ----------
    path : str or None
        'module:name', such as that of a model or measure.
    parameters : dict
        As the file of the study has them.
    places : Places

    Returns
    -------
    Behind
    """
    named = [text for text in _texts([path, parameters]) if _OBJECT.fullmatch(text)]
    code = sorted({file for one in named for file in own_code(one, places)})
    data = {*files_in(places.parameters(parameters))}
    for file in code:
        data |= {found for text in _constants(file) if (found := _file(text, places))}
    imported = {name for file in code for name in _imports(file)}
    return Behind(tuple(code), tuple(sorted(data - set(code))), versions_of(imported))


_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _file(text: str, places: Places) -> Path | None:
    """The file that a text in the user's code names, if there is one."""
    if not ("." in text or "/" in text) or any(ord(letter) < ord(" ") for letter in text):
        return None
    found = places.path(text)
    if found is None or not found.is_file():
        return None
    return found


@lru_cache(maxsize=64)
def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # told where it is imported
        return ast.Module([], [])


def _constants(file: Path) -> Iterator[str]:
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _imports(file: Path) -> Iterator[str]:
    """Packages that a module imports, also inside functions."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of what is installed, by the names of the distributions.

    Parameters
    ----------
    packages : iterable of str
        Names as they are imported; what is not installed is left out.

    Returns
    -------
    dict from str to str
    """
    installed = _installed()
    names = {name for package in packages for name in installed.get(package, ())}
    return {name: version(name) for name in sorted(names, key=str.casefold)}


@cache
def _installed() -> Mapping[str, Sequence[str]]:
    """Names of distributions by those of the packages in them: half a second to find out."""
    return packages_distributions()


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """A digest of arrays by name, in their order; '' of none."""
    if not arrays:
        return ""
    found = hashlib.sha256()
    for name, array in arrays.items():
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def own_code(path: str, places: Places) -> list[Path]:
    """Files of the user's own behind a path such as 'my_lab:mine'.

    The module, and those of its folder that it imports.
    """
    places.modules()
    module = full_path(path).partition(":")[0]
    top = module.partition(".")[0]
    if top == "hmax_cnn" or top in sys.stdlib_module_names:
        return []
    try:
        name_module(module)
        spec = find_spec(module)  # a submodule's package is imported
    except ImportError:
        return []
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
    _tree.cache_clear()
    _installed.cache_clear()
