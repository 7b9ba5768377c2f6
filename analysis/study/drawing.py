"""A single figure, drawn again from a study's folder, a table or a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import pandas as pd

from hmax_cnn.extraction.files import check_other_file, writable
from hmax_cnn.extraction.own_modules import look_in

from ..figures import figure_names
from ..figures.choosing import check_known
from ..figures.contract import FigureContract
from ..figures.look import FIELDS, Look
from ..figures.style import save, width_in_mm
from ..figures.tables import joined, read_table, study_columns
from ..naming import nearest, unknown_parameters
from .captions import caption
from .cells import cells_of
from .contract import called, load_figure
from .folder import Folder, read_result, write_text
from .schema import Figure, Study
from .study_figures import RESULTS, drawn, is_chosen
from .toml_reading import read_kept_study
from .wording import Made, first_sentence


def listing() -> pd.DataFrame:
    """Our figures.

    Returns
    -------
    pandas.DataFrame
        Columns figure, draws (tables or results) and shows.
    """
    rows = []
    for name in figure_names():
        function, contract = load_figure(name)
        rows.append((name, " ".join(contract.draws), first_sentence(function)))
    return pd.DataFrame(rows, columns=["figure", "draws", "shows"])


def draw(
    name: str,
    results: Path,
    measure: str | None = None,
    width: str | None = None,
    formats: Sequence[str] = ("pdf", "svg", "png"),
    output: Path | None = None,
    trust_code: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Draw a figure into files, with the table behind it.

    Parameters
    ----------
    name : str
        A figure of the study, one of ours, or a path.
    results : Path
        A study's folder, a table (.csv) or a result (.nc).
    measure : str or None
        Of a folder: the measure to draw, where `name` is no figure of the study.
    width : str or None
        As in `hmax_cnn.analysis.figures.style.width_in_mm`.
    formats : sequence of {'pdf', 'svg', 'png'}
    output : Path or None
        Name of the files, without ending; the figure's name, in the working folder, where None.
    trust_code : bool
        Whether modules in the folder's `code` may be imported, which runs them.
    settings : mapping from str to object, or None
        Parameters of the figure, and fields of `hmax_cnn.analysis.figures.look.Look`, in place of
        the study's.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError, FileNotFoundError
        If there is no such figure, measure or file, or it has not the table that the figure takes.
    """
    if width is not None:
        width_in_mm(width)
    stem = output or Path(name.rpartition(":")[2])
    writable(stem.with_name(stem.name + ".csv"))
    check_other_file(stem.with_name(stem.name + ".csv"), [results])
    if trust_code:  # figures and measures of the user's own, as they were when the study ran
        look_in(results / "code")
    look, parameters = _split(settings or {})
    if not results.is_dir():
        made, found = _of_file(name, results, width, parameters | {"look": look})
        return save(made, stem, next(iter(found.values())), formats)
    made, found, text = _of_folder(name, results, measure, width, look, parameters)
    return [
        *save(made, stem, next(iter(found.values())), formats),
        write_text(stem.with_name(stem.name + ".txt"), text),
    ]


def _split(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of a look, and parameters of a figure."""
    look = {name: value for name, value in settings.items() if name in FIELDS}
    return look, {name: value for name, value in settings.items() if name not in look}


def _of_folder(
    name: str,
    root: Path,
    measure: str | None,
    width: str | None,
    look: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> tuple[Any, dict[str, pd.DataFrame], str]:
    study = read_kept_study(root)
    if measure is not None and measure not in study.measures:
        msg = (
            f"--measure must be one of {', '.join(study.measures)}, got "
            f"{measure!r}.{nearest(measure, study.measures)}"
        )
        raise ValueError(msg)
    if measure is None and name not in study.figures:
        known = f"{', '.join(study.figures) or 'none'}.{nearest(name, study.figures)}"
        msg = (
            f"The study in {root} has no figure {name!r}, but {known} To draw one of ours, add "
            "--measure."
        )
        raise ValueError(msg)
    if measure is not None:
        table = Figure(figure=name, measures=[measure])
    else:
        table = study.figures[name]
    table = _changed(study, table, look, parameters)
    # The study as it is, with this figure alone.
    chosen = study.model_copy(update={"figures": {name: table}})
    cells = [cell for cell in cells_of(study) if is_chosen(cell, table)]
    made = [Made(cell, read_result(Folder(root).results / cell.path)) for cell in cells]
    return *drawn(chosen, name, made, width), caption(chosen, name, table, made)


def _changed(
    study: Study, table: Figure, look: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Figure:
    """A figure's table with other settings; models by their names or labels.

    Raises
    ------
    ValueError
        If the figure has no such parameter.
    """
    _check_parameters(table.figure, parameters)
    Look.of(look)
    chosen = dict(look)
    new: dict[str, Any] = {"parameters": {**table.parameters, **parameters}}
    if (models := chosen.pop("models", None)) is not None:
        names = {study.label("models", name): name for name in study.models}
        new["models"] = [names.get(model, model) for model in models]
        check_known("models", new["models"], study.models)
    if (layers := chosen.pop("layers", None)) is not None:
        new["layers"] = layers
    return table.model_copy(update=new | {"look": {**table.look, **chosen}})


def _check_parameters(figure: str, parameters: Mapping[str, Any]) -> None:
    function = load_figure(figure)[0]
    for name in parameters:
        if unknown_parameters(function, [name]):
            known = [*signature(function).parameters, *FIELDS]
            msg = (
                f"`figure` {figure!r} has no parameter {name!r}.{nearest(name, known)} It and its "
                f"look have: {', '.join(known)}."
            )
            raise ValueError(msg)


def _of_file(
    name: str, path: Path, width: str | None, settings: Mapping[str, Any]
) -> tuple[Any, dict[str, pd.DataFrame]]:
    """A figure of a table or a result, and what is written beside it."""
    function, contract = load_figure(name)
    _check_parameters(name, settings)
    if not path.is_file():
        msg = (
            f"There is no file or folder {path}. Give a study's folder, a table (.csv) or a "
            "result (.nc)."
        )
        raise FileNotFoundError(msg)
    if path.suffix == ".csv":
        found, first = _from_csv(name, path, contract)
    elif path.suffix == ".nc":
        found, first = _from_netcdf(name, path, contract)
    else:
        msg = f"RESULTS must be a folder, a .csv or a .nc, got {path}."
        raise ValueError(msg)
    if width is None:
        given = {}
    else:
        given = {"width": width}
    return called(function, first, given, settings), found


def _from_csv(
    name: str, path: Path, contract: FigureContract
) -> tuple[dict[str, pd.DataFrame], list[Any]]:
    needed = [table for table in contract.draws if table not in contract.optional]
    if len(needed) != 1 or contract.draws == (RESULTS,):
        msg = (
            f"The figure {name!r} draws {', '.join(contract.draws)}: give a study's folder, or a "
            "result (.nc)."
        )
        raise ValueError(msg)
    table = read_table(path)
    return {contract.draws[0]: table}, [table]


def _from_netcdf(
    name: str, path: Path, contract: FigureContract
) -> tuple[dict[str, pd.DataFrame], list[Any]]:
    result = read_result(path)
    # A result of a study says what it is of; one of Python's, only which model.
    about = study_columns(result) or {"model": str(result.attrs.get("model", "model"))}
    whole = joined([(about, result)])
    if contract.draws == (RESULTS,):
        return whole, [{str(about["model"]): result}]
    lacking = [
        table for table in contract.draws if table not in whole and table not in contract.optional
    ]
    if lacking:
        msg = (
            f"The figure {name!r} draws a {lacking[0]!r}, but {path} has "
            f"{', '.join(map(repr, whole))}. Give another figure or result."
        )
        raise ValueError(msg)
    found = {table: whole[table] for table in contract.draws if table in whole}
    return found, [found.get(table) for table in contract.draws]
