"""The manifest of a study: what was used and when."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .cells import cells_of
from .fingerprints import Behind, behind
from .folder import Folder
from .work import Work

_PACKAGES = (
    "hmax-cnn",
    "numpy",
    "scipy",
    "scikit-learn",
    "xarray",
    "pandas",
    "matplotlib",
    "seaborn",
    "pillow",
    "h5netcdf",
    "joblib",
    "cupy-cuda12x",
    "torch",
)


def manifest(
    folder: Folder, work: Work, images: dict[str, Any], warnings: list[str], written: Sequence[Path]
) -> dict[str, Any]:
    """What was used and when: the one file that differs between two runs.

    Parameters
    ----------
    folder : Folder
    work : Work
    images : dict from str to images
        By their names in the file.
    warnings : list of str
    written : sequence of Path

    Returns
    -------
    dict
        As it is written as JSON.
    """
    study, entries, found = work.study, last_entries(work), all_behind(work)
    times = {entry["cell"]: entry["seconds"] for entry in entries}
    return {
        "title": study.title,
        "versions": {"python": platform.python_version()}
        | {name: number for name in _PACKAGES if (number := _version(name))}
        | dict(found.libraries),
        "hardware": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
        "images": {
            name: {
                "n": len(found),
                "shape": [int(n) for n in np.shape(found[0])],
                "sha256": work.fingerprints[name].whole,
            }
            for name, found in images.items()
        },
        "models": {
            name: {
                str(seed): {"made_from": _parts(work, name, seed)}
                | ({"weights": work.state(name, seed)} if work.state(name, seed) else {})
                for seed in study.seeds
            }
            for name in study.models
        },
        "modules": {file.name: _sha256(file) for file in found.code},
        "files": {file.name: _sha256(file) for file in found.data},
        "warnings": warnings,
        "seconds": {
            "all_cells": round(sum(times.values()), 3),
            "cells": dict(sorted(times.items())),
        },
        "finished": max((entry["at"] for entry in entries), default=None),
        "written": sorted(path.relative_to(folder.root).as_posix() for path in written),
        "sha256": {
            path.relative_to(folder.root).as_posix(): _sha256(path)
            for path in folder.files()
            if path != folder.manifest
        },
    }


def _parts(work: Work, name: str, seed: int) -> dict[str, str]:
    """Digests of what a model was read from, and of what it learned."""
    files = [part for part in work.model_parts(name, seed) if isinstance(part, Path)]
    learned = sorted(work.folder.models.glob(f"{name}-seed{seed}.*"))
    return {path.name: _sha256(path) for path in [*files, *learned]}


def all_behind(work: Work) -> Behind:
    """What stands behind all that the study names: modules of the user's own, files, libraries."""
    study = work.study
    named: list[tuple[str | None, Any]] = [
        *((table.model, table.parameters) for table in study.models.values()),
        *((table.measure, table.parameters) for table in study.measures.values()),
        *((table.transformation, table.parameters) for table in study.transformations.values()),
        *((table.source, table.parameters) for table in study.images.values()),
        *((table.figure, table.parameters) for table in study.figures.values()),
    ]
    found = [behind(path, parameters, work.places) for path, parameters in named]
    return Behind(
        tuple(sorted({file for one in found for file in one.code})),
        tuple(sorted({file for one in found for file in one.data})),
        {
            name: number
            for one in [
                *(work.libraries(name) for name in study.models),
                *(one.libraries for one in found),
            ]
            for name, number in one.items()
        },
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def last_entries(work: Work) -> list[dict[str, Any]]:
    """The last line of the log about each cell of the study."""
    # A cell that was made again has several entries: the last counts.
    last = {entry["cell"]: entry for entry in work.folder.entries() if "cell" in entry}
    return [last[str(cell)] for cell in cells_of(work.study) if str(cell) in last]
