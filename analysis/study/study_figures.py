"""The figures of a study: drawn from its results, each with its tables and its caption.

On several processes, since matplotlib takes a second for a figure in three formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import matplotlib as mpl
import pandas as pd
import xarray as xr
from matplotlib import font_manager
from matplotlib.figure import Figure as FigureOf

from hmax_cnn.extraction.progress import progress_bar

from ..csv_tables import write_csv
from ..figures.look import Look
from ..figures.palette import colours_of
from ..figures.style import save
from ..figures.tables import corrected_together, joined
from .captions import caption
from .cells import Cell
from .contract import called, load_figure
from .folder import write_text
from .measuring import told
from .schema import Figure, Study
from .wording import Made
from .work import Work
from .workers import end_with_parent


def draw_all(
    work: Work,
    made: Sequence[Made],
    missing: Sequence[Cell],
    jobs: int = 1,
    progress: bool | None = None,
) -> tuple[list[Path], list[str]]:
    """All figures of a study, with their tables and captions.

    Parameters
    ----------
    work : Work
    made : sequence of Made
    missing : sequence of Cell
        Those that failed.
    jobs : int
        Processes. Each draws with the settings of matplotlib and the typefaces that this one has.
    progress : bool or None

    Returns
    -------
    written : list of Path
    failed : list of str
        A sentence for each figure that cannot be drawn.
    """
    tasks = []
    for name, table in work.study.figures.items():
        mine = [found for found in made if is_chosen(found.cell, table)]
        lacking = [cell for cell in missing if is_chosen(cell, table)]
        if mine or not lacking:  # otherwise nothing is there to be drawn
            tasks.append((name, mine, lacking))
    bar = progress_bar(total=len(tasks), name="Figures", unit="figure", progress=progress)
    written: list[Path] = []
    failed: list[str] = []
    with bar:
        for files, failure in _done(work, tasks, jobs):
            written += files
            failed += failure
            bar.update()
    return written, failed


Task = tuple[str, list[Made], list[Cell]]


def _done(work: Work, tasks: Sequence[Task], jobs: int) -> Iterable[tuple[list[Path], list[str]]]:
    """What came of each task, in order."""
    if jobs == 1 or len(tasks) < 2:
        return (_draw(work, *task) for task in tasks)
    settings = _settings()
    pool = joblib.Parallel(min(jobs, len(tasks)), return_as="generator", batch_size=1)
    found: Iterable[Any] = pool(joblib.delayed(_elsewhere)(work, settings, *t) for t in tasks)
    return found


def _settings() -> tuple[dict[str, Any], list[str]]:
    """What the user changed of matplotlib's settings, and the files of its typefaces."""
    now: Mapping[Any, Any] = mpl.rcParams
    default: Mapping[Any, Any] = mpl.rcParamsDefault
    changed = {
        name: value
        for name, value in now.items()
        if not name.startswith("backend") and value != default[name]
    }
    return changed, [font.fname for font in font_manager.fontManager.ttflist]


def _elsewhere(
    work: Work, settings: tuple[dict[str, Any], list[str]], *task: Any
) -> tuple[list[Path], list[str]]:
    """`_draw` in another process."""
    end_with_parent(work.process)
    work.places.modules()
    files = settings[1]
    changed: Any = settings[0]
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for file in files:
        if file not in known:
            font_manager.fontManager.addfont(file)
    with mpl.rc_context():
        mpl.rcParams.update(changed)
        return _draw(work, *task)


def _draw(
    work: Work, name: str, mine: Sequence[Made], lacking: Sequence[Cell]
) -> tuple[list[Path], list[str]]:
    """Files of one figure, and why it cannot be drawn, if so."""
    folder, study = work.folder, work.study
    table = study.figures[name]
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
        return [], [f"The figure {name!r} ({table.figure}) cannot be drawn: {told(error)}"]
    return files, []


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
