"""Finishing a study's folder: tables, figures with captions, methods, manifest, report.

Made from the results alone, so it can be done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..csv_tables import write_csv
from ..figures.tables import FIRST, LONGEST, MAIN
from .cells import Cell, cells_of
from .contract import load_measure
from .folder import Folder, read_result, write_bytes, write_json, write_text
from .key_results import KEY_RESULTS, key_results
from .manifest import all_behind, last_entries, manifest
from .methods import methods
from .report import MISSING, RESERVATIONS, write_report
from .reservations import with_reservations
from .schema import Study
from .study_figures import draw_all, tables_of
from .wording import Made
from .work import Work


class FigureError(RuntimeError):
    """A figure could not be drawn; results and tables are there."""


def finish(
    folder: Folder,
    work: Work,
    progress: bool | None = None,
    missing: Mapping[Cell, str] | None = None,
    jobs: int = 1,
) -> list[str]:
    """Write everything that follows from the results; `missing` cells are listed with the reason.

    Figures are drawn on so many processes.

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
    drawn_files, failed = draw_all(work, made, list(missing), jobs, progress)
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
