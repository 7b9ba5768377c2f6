"""Finishing a study's folder: tables, figures with captions, methods, manifest, report. Made from the results alone, so it can be done again."""

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
import pandas as pd
from tqdm.auto import tqdm

from analysis.figures.style import colours_of, save
from analysis.report import write_report
from analysis.study import asking
from analysis.study.cells import Cell, cells_of
from analysis.study.describing import Made, caption, doubtful, methods
from analysis.study.folder import Folder, read_result, write_json, write_text
from analysis.study.objects import build_images
from analysis.study.reading import load_figure
from analysis.study.schema import Figure, Study
from analysis.study.work import Work
from analysis.tables import LONGEST, MAIN, joined
from extraction.files import written_whole

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
DOUBTFUL = "not_significant_or_undefined.csv"


class FigureError(RuntimeError):
    """A figure could not be drawn; results and tables are there."""


def finish(folder: Folder, work: Work, progress: bool | None = None) -> list[str]:
    """Write everything that follows from the results; returns the warnings that were given on the way.

    Raises
    ------
    FigureError
        If a figure cannot be drawn.
    """
    study = work.study
    made = [Made(cell, read_result(work.path(cell))) for cell in cells_of(study)]
    for kind in (folder.tables, folder.figures):
        kind.mkdir(exist_ok=True)
    known = set(folder.files())
    written = _tables(folder, study, made)
    images = {name: build_images(table, work.places) for name, table in study.images.items()}
    written += _figures(folder, study, made, progress)
    text, references = methods(
        study, work.places, made, {name: (len(found), tuple(int(n) for n in np.shape(found[0]))) for name, found in images.items()}
    )
    write_text(folder.methods, text)
    write_text(folder.references, references)
    for stale in known - set(written):
        if stale.parent in (folder.tables, folder.figures):
            stale.unlink()
    warnings = sorted({warning for entry in folder.entries() for warning in entry.get("warnings", ())})
    write_report(folder.root)
    write_json(folder.manifest, _manifest(folder, work, images, warnings))
    return warnings


def _tables(folder: Folder, study: Study, made: Sequence[Made]) -> list[Path]:
    """A CSV for each measure and kind of table, and one of what is in doubt."""
    written, doubts = [], []
    for measure in study.measures:
        for name, table in tables_of(study, made, [measure]).items():
            if len(table) > LONGEST:
                continue
            stem = measure if name == MAIN else f"{measure}_{name.removesuffix('_table')}"
            written.append(_csv(table, folder.tables / f"{stem}.csv"))
            if name == MAIN:
                doubts.append(doubtful(table))
    columns = [
        "measure",
        "model",
        "model_b",
        "images",
        "transformation",
        "seed",
        "layer",
        "layer_a",
        "layer_b",
        "amount",
        "unit_of_amount",
        "value",
        "low",
        "high",
        "why",
    ]
    found = (
        pd.concat([table for table in doubts if len(table)], ignore_index=True)
        if any(map(len, doubts))
        else pd.DataFrame(columns=["measure", "model", "why"])
    )
    return [*written, _csv(found[[column for column in columns if column in found]], folder.tables / DOUBTFUL)]


def _csv(table: pd.DataFrame, path: Path) -> Path:
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False)
    return path


def tables_of(study: Study, made: Sequence[Made], measures: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The tidy tables of some measures, each row with what it is of, and the file that it is from."""
    return joined(
        (found.cell.columns(study) | {"file": f"results/{found.cell.path.as_posix()}"}, found.result)
        for found in made
        if found.cell.measure in measures
    )


def _figures(folder: Folder, study: Study, made: Sequence[Made], progress: bool | None) -> list[Path]:
    written: list[Path] = []
    shown = None if progress is None else not progress
    for name, table in tqdm(study.figures.items(), desc="Figures", unit="figure", delay=1, disable=shown):
        mine = [found for found in made if is_chosen(found.cell, table)]
        try:
            figure, tables = drawn(study, name, mine)
            files = save(figure, folder.figures / name, next(iter(tables.values())))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            msg = f"The figure {name!r} ({table.figure}) cannot be drawn: {error} Results and tables are kept; mend it and run again with --resume."
            raise FigureError(msg) from error
        files += [_csv(other, folder.figures / f"{name}_{key.removesuffix('_table')}.csv") for key, other in list(tables.items())[1:]]
        written += [*files, write_text(folder.figures / f"{name}.txt", caption(study, name, table, mine))]
    return written


def is_chosen(cell: Cell, table: Figure) -> bool:
    """Whether a figure is of this cell."""
    wanted = (table.models, cell.models), (table.images, (cell.images,)), (table.transformations, (cell.transformation,))
    return cell.measure in table.measures and all(names is None or all(one in names for one in given) for names, given in wanted)


def drawn(study: Study, name: str, made: Sequence[Made], width: str | float | None = None) -> tuple[Any, dict[str, pd.DataFrame]]:
    """A figure of a study, and the tables that it is drawn from.

    Raises
    ------
    ValueError
        If the results have no such table.
    """
    table = study.figures[name]
    function = load_figure(table.figure)
    found = tables_of(study, made, table.measures)
    tables = {}
    for key in asking.tables_of(function):
        if key not in found:
            msg = f"it takes a {key!r}, but these measures have {', '.join(map(repr, found)) or 'no results'}."
            raise ValueError(msg)
        part = found[key]
        tables[key] = part[part["layer"].isin(table.layers)] if table.layers is not None and "layer" in part else part
    colours = colours_of(study.label("models", model) for model in study.models)
    given = {"colours": colours, "width": width or table.width, **tables}
    return asking.called(function, given, table.parameters), tables


def _manifest(folder: Folder, work: Work, images: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """What was used and when: the one file that differs between two runs."""
    study, entries = work.study, folder.entries()
    times = {entry["cell"]: entry["seconds"] for entry in entries if "cell" in entry}
    return {
        "title": study.title,
        "versions": {"python": platform.python_version()} | {name: found for name in _PACKAGES if (found := _version(name))},
        "hardware": {"platform": platform.platform(), "processor": _processor(), "cores": os.cpu_count()},
        "images": {
            name: {"n": len(found), "shape": [int(n) for n in np.shape(found[0])], "sha256": work.fingerprints[name]}
            for name, found in images.items()
        },
        "models": {name: {str(seed): {"made_from": _parts(work, name, seed)} for seed in study.seeds} for name in study.models},
        "modules": _modules(work),
        "warnings": warnings,
        "seconds": {"all_cells": round(sum(times.values()), 3), "cells": dict(sorted(times.items()))},
        "finished": max((entry["at"] for entry in entries), default=None),
        "sha256": {path.relative_to(folder.root).as_posix(): _sha256(path) for path in folder.files() if path != folder.manifest},
    }


def _parts(work: Work, name: str, seed: int) -> dict[str, str]:
    """Digests of what a model was read from, and of what it learned."""
    files = [part for part in work.model_parts(name, seed) if isinstance(part, Path)]
    learned = sorted(work.folder.models.glob(f"{name}-seed{seed}.*"))
    return {path.name: _sha256(path) for path in [*files, *learned]}


def _modules(work: Work) -> dict[str, str]:
    """Digests of the modules of the user's own that took part."""
    study = work.study
    paths = [table.model for table in study.models.values()] + [table.measure for table in study.measures.values()]
    paths += [table.transformation for table in study.transformations.values() if table.transformation]
    paths += [table.source for table in study.images.values() if table.is_function] + [
        table.figure for table in study.figures.values() if ":" in table.figure
    ]
    found = {file for path in paths for file in work._code(path)}
    return {file.name: _sha256(file) for file in sorted(found)}


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
