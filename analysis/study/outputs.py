"""Finishing a study's folder: tables, figures with captions, methods, manifest, report.

Made from the results alone, so it can be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure as FigureOf

from hmax_cnn.extraction.progress import progress_bar

from ..csv_tables import write_csv
from ..figures.look import Look
from ..figures.palette import colours_of
from ..figures.style import save
from ..figures.tables import FIRST, LONGEST, MAIN, corrected_together, joined
from .bench import Work
from .captions import caption
from .cells import Cell, cells_of
from .contract import called, load_figure, load_measure
from .folder import Folder, read_result, write_bytes, write_json, write_text
from .key_results import KEY_RESULTS, key_results
from .manifest import all_behind, last_entries, manifest
from .measuring import told
from .methods import methods
from .report import MISSING, RESERVATIONS, write_report
from .reservations import with_reservations
from .schema import Figure, Study
from .wording import Made


class FigureError(RuntimeError):
    """A figure could not be drawn; results and tables are there."""


def finish(
    folder: Folder,
    work: Work,
    progress: bool | None = None,
    missing: Mapping[Cell, str] | None = None,
) -> list[str]:
    """Write everything that follows from the results; `missing` cells are listed with the reason.

    Returns the warnings that were given on the way.

    Raises
    ------
    FigureError
        If a figure cannot be drawn.
    """
    study = work.study
    missing = missing or {}
    made = [
        Made(cell, read_result(work.path(cell))) for cell in cells_of(study) if cell not in missing
    ]
    for kind in (folder.tables, folder.figures):
        kind.mkdir(exist_ok=True)
    # The user's own modules are kept beside the results, so that figures can be drawn again
    # elsewhere.
    _keep_code(folder, work)
    known = folder.written()
    written = _tables(folder, study, made)
    if missing:
        table = pd.DataFrame({"cell": map(str, missing), "why": missing.values()})
        written.append(write_csv(table, folder.tables / MISSING))
    images = {name: work.images(name) for name in study.images}
    drawn_files, failed = _figures(folder, study, made, list(missing), progress)
    written += drawn_files
    text, references = methods(study, work.places, made, images, all_behind(work).libraries)
    write_text(folder.methods, text)
    write_text(folder.references, references)
    # Tables and figures that an earlier state of the study had, and this one has not.
    for stale in known - set(written):
        if stale.parent in (folder.tables, folder.figures):
            stale.unlink(missing_ok=True)
    warnings = _warnings(work)
    write_report(folder.root)
    write_json(folder.manifest, manifest(folder, work, images, warnings, written))
    if failed:
        remedy = "Everything else is there. Mend the study, and run it again with --resume."
        raise FigureError("\n".join([*failed, remedy]))
    return warnings


def _warnings(work: Work) -> list[str]:
    """What was said while cells were made, and what the design of the study calls for."""
    found = {*_seen_before(work), *_doubtful(work)}
    for entry in last_entries(work):
        found |= set(entry.get("warnings", ()))
    if len(work.study.seeds) == 2:
        found.add("Two seeds give no interval: take at least three.")
    return sorted(found)


def _doubtful(work: Work) -> Iterator[str]:
    """Images in training and held out alike, and what was passed over when a set was opened."""
    for name, known in work.fingerprints.items():
        images = f"Images {work.study.label('images', name)!r}"
        if known.n_shared:
            yield (
                f"{images}: {known.n_shared} held-out images are training images too, which says "
                "nothing of new ones."
            )
        left_out = getattr(work.images(name), "skipped", ())
        if left_out:
            yield f"{images}: {len(left_out)} files were passed over, such as {left_out[0]}."


def _keep_code(folder: Folder, work: Work) -> None:
    """Keep copies of the user's own modules.

    So that the folder can be read, drawn from and run again anywhere.
    """
    # Modules of a package keep their place in it.
    roots = [work.places.beside / "code", work.places.beside, Path.cwd()]
    for file in all_behind(work).code:
        folder.code.mkdir(exist_ok=True)
        inside = next(
            (file.relative_to(root) for root in roots if file.is_relative_to(root)), Path(file.name)
        )
        (folder.code / inside).parent.mkdir(parents=True, exist_ok=True)
        if (folder.code / inside).resolve() != file.resolve():
            write_bytes(folder.code / inside, file.read_bytes())


def _seen_before(work: Work) -> Iterator[str]:
    """Measures that show a model labelled images that it was fitted on.

    Without fitting it anew.
    """
    for cell in cells_of(work.study):
        _, contract = load_measure(work.study.measures[cell.measure].measure)
        known = [model for model in cell.models if work.has_learned(model, cell.images)]
        # Accuracy on images that a network was trained on says nothing of new ones.
        if known and "labels" in contract.needs and "refit" not in contract.given:
            shows = (
                f"{work.study.label('measures', cell.measure)!r} shows "
                f"{work.study.label('models', known[0])!r} images of "
            )
            yield (
                f"{shows}{work.study.label('images', cell.images)!r} that it has learned from: "
                "use others, such as those of a test split."
            )


def _tables(folder: Folder, study: Study, made: Sequence[Made]) -> list[Path]:
    """A CSV for each measure and kind of table, and one of what is not significant or undefined."""
    written, reserved, main = [], [], {}
    for measure in study.measures:
        found = tables_of(study, made, [measure])
        if MAIN in found:
            main[measure] = found[MAIN]
        for name, table in found.items():
            if len(table) > LONGEST:
                continue  # it stays in the results only
            if name == MAIN:
                stem = measure
            else:
                stem = f"{measure}.{name.removesuffix('_table')}"
            written.append(write_csv(table, folder.tables / f"{stem}.csv"))
            if name == MAIN:
                reserved.append(with_reservations(table))
    columns = [*FIRST, "why", "value", "low", "high"]
    if any(map(len, reserved)):
        held_back = pd.concat([table for table in reserved if len(table)], ignore_index=True)
    else:
        held_back = pd.DataFrame(columns=["measure", "model", "why"])
    held_back = held_back[[column for column in columns if column in held_back]]
    return [
        *written,
        write_csv(held_back, folder.tables / RESERVATIONS),
        write_csv(key_results(main, study.level), folder.tables / KEY_RESULTS),
    ]


def tables_of(
    study: Study, made: Sequence[Made], measures: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """The tidy tables of some measures; each row says what it is of, and its file."""
    return joined(
        (
            found.cell.columns(study) | {"file": f"results/{found.cell.path.as_posix()}"},
            found.result,
        )
        for found in made
        if found.cell.measure in measures
    )


def _figures(
    folder: Folder,
    study: Study,
    made: Sequence[Made],
    missing: Sequence[Cell],
    progress: bool | None,
) -> tuple[list[Path], list[str]]:
    """Files of the figures, and a sentence for each that cannot be drawn."""
    written: list[Path] = []
    failed: list[str] = []
    for name, table in progress_bar(
        study.figures.items(), name="Figures", unit="figure", progress=progress
    ):
        mine = [found for found in made if is_chosen(found.cell, table)]
        lacking = [cell for cell in missing if is_chosen(cell, table)]
        if lacking and not mine:
            continue  # nothing is there to be drawn
        try:
            figure, tables = drawn(study, name, mine)
            (_, table_behind), *others = tables.items()
            files = save(figure, folder.figures / name, table_behind)
            for key, other in others:
                path = folder.figures / f"{name}.{key.removesuffix('_table')}.csv"
                files.append(write_csv(other, path))
            text = caption(study, name, table, mine, lacking)
            files.append(write_text(folder.figures / f"{name}.txt", text))
        # One figure that fails does not cost the others.
        except Exception as error:  # any figure of anyone
            failed.append(f"The figure {name!r} ({table.figure}) cannot be drawn: {told(error)}")
            continue
        written += files
    return written, failed


def is_chosen(cell: Cell, table: Figure) -> bool:
    """Whether a figure is of this cell."""
    wanted = (
        (table.models, cell.models),
        (table.images, (cell.images,)),
        (table.transformations, (cell.transformation,)),
    )
    return cell.measure in table.measures and all(
        names is None or all(one in names for one in given) for names, given in wanted
    )


def drawn(
    study: Study, name: str, made: Sequence[Made], width: str | float | None = None
) -> tuple[Any, dict[str, pd.DataFrame]]:
    """A figure of a study, and the tables that it is drawn from.

    Raises
    ------
    ValueError
        If the results have no such table.
    """
    table = study.figures[name]
    function, contract = load_figure(table.figure)
    found = tables_of(study, made, table.measures)
    if contract.draws == (RESULTS,):
        first: list[Any] = [_by_model(study, made, table)]
        tables = found
    else:
        # Corrected over what is drawn together, no more and no less.
        tables = {
            key: corrected_together(_of_layers(_table(found, key), table))
            for key in contract.draws
            if key in found or key not in contract.optional
        }
        first = [tables.get(key) for key in contract.draws]
    look = look_of(study, table, tables.values())
    # Over all models of the study: a model has one colour in all its figures.
    labels = [study.label("models", model) for model in study.models]
    colours = colours_of(labels, look.colours)
    known = {"colours": colours, "width": width or table.width, "level": study.level}
    given = {key: known[key] for key in contract.given}
    figure = called(function, first, given, {**table.parameters, "look": look})
    if not isinstance(figure, FigureOf):
        msg = f"it must return a matplotlib Figure, got {type(figure).__name__}."
        raise TypeError(msg)
    return figure, tables


def look_of(study: Study, table: Figure, tables: Iterable[pd.DataFrame]) -> Look:
    """How a figure of a study is drawn: its models and layers in their order, and its look."""
    both = {**study.look, **table.look}
    for name in ("labels", "colours", "references"):
        # What a figure says of one label does not unsay what the study says of another.
        if name in study.look and name in table.look:
            both[name] = {**study.look[name], **table.look[name]}
    tables = list(tables)
    if table.models is not None:
        there = _values_of(tables, ("model", "model_b"))
        labels = [study.label("models", model) for model in table.models]
        both["models"] = [label for label in labels if label in there]
    if isinstance(table.layers, str):
        both["layers"] = table.layers
    elif table.layers is not None:
        there = _values_of(tables, ("layer", "layer_a", "layer_b"))
        both["layers"] = [layer for layer in table.layers if layer in there] or table.layers
    return Look.of(both)


def _values_of(tables: Iterable[pd.DataFrame], columns: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for table in tables:
        for column in columns:
            if column in table:
                found |= set(table[column].astype(str))
    return found


RESULTS = "results"  # what a figure of pictures draws: labelled datasets, by model


def _table(found: Mapping[str, pd.DataFrame], key: str) -> pd.DataFrame:
    if key not in found:
        known = ", ".join(map(repr, found)) or "no results"
        msg = f"it takes a {key!r}, but these measures have {known}."
        raise ValueError(msg)
    return found[key]


def _of_layers(found: pd.DataFrame, table: Figure) -> pd.DataFrame:
    """The rows of the layers that a figure names."""
    if table.layers is None or isinstance(table.layers, str):
        return found
    for column in ("layer", "layer_a", "layer_b"):
        if column in found:
            found = found[found[column].isin(table.layers)]
    return found


def _by_model(study: Study, made: Sequence[Made], table: Figure) -> dict[str, xr.Dataset]:
    """The result of each model by its label: of the first images and the first seed."""
    chosen: dict[str, xr.Dataset] = {}
    for found in made:
        chosen.setdefault(study.label("models", found.cell.models[0]), found.result)
    return chosen
