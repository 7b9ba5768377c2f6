"""The page of a study: one file that needs no server and asks nothing of the network."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from hmax_cnn.extraction.files import written_whole
from hmax_cnn.extraction.plain_text import capital

from ..figures.tables import read_table
from .captions import in_words
from .key_results import KEY_RESULTS, in_sentences
from .toml_reading import read_kept_study

_LONGEST = 400  # rows of a table on the page; the file has all
_RAW = 5000  # a table of more rows is named only: pixels, weights
_LARGEST_SVG = 2 * 2**20  # bytes; what is larger is shown as PNG
_FORMATS = (".pdf", ".svg", ".png", ".csv")
MISSING = "missing.csv"
RESERVATIONS = "not_significant_or_undefined.csv"


@dataclass(frozen=True)
class Shown:
    """A figure as the page has it: number, title and rest of the caption, picture."""

    number: int
    name: str
    title: str
    caption: str
    source: str
    alt: str
    links: list[tuple[str, str]]


@dataclass(frozen=True)
class KeyTable:
    """Key results: a row for each measure and condition, a column for each model."""

    models: list[str]
    rows: list[tuple[str, list[tuple[str, str, str]]]]
    sentences: dict[str, tuple[str, list[str]]]


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, and whether it holds numbers."""

    name: str
    number: bool


@dataclass(frozen=True)
class Sheet:
    """A table as the page has it.

    `rows` of (text, value to sort by), with a link to the file that each row is from.
    """

    title: str
    path: str
    columns: list[Column]
    rows: list[tuple[list[tuple[str, str]], str]]
    n_rows: int


def write_report(root: str | os.PathLike[str]) -> Path:
    """Write `report.html` of a study's folder from the files in it.

    Parameters
    ----------
    root : path
        The folder that `hmax-cnn study run` left.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If there is no study in it.
    """
    folder = Path(root)
    study = read_kept_study(folder).model_dump()
    labels = {}
    for kind in ("models", "images", "transformations", "measures"):
        labels[kind] = [table.get("label") or name for name, table in study.get(kind, {}).items()]
    figures: list[Shown] = []
    tables: list[Sheet] = []
    key = _key_table(folder / "tables" / KEY_RESULTS, study)
    for name, about in study.get("figures", {}).items():
        if (folder / "figures" / f"{name}.svg").is_file():
            measures = [study["measures"][one].get("label") or one for one in about["measures"]]
            known = [key.sentences[one] for one in measures if one in key.sentences]
            said = [" ".join([first, *rest]) for first, rest in known]
            figures.append(_figure(folder, name, len(figures) + 1, said))
    for name, table in study["measures"].items():
        path = folder / "tables" / f"{name}.csv"
        if path.is_file():
            tables.append(_sheet(folder, path, table.get("label") or name))
    reservations = folder / "tables" / RESERVATIONS
    missing = folder / "tables" / MISSING
    page = _template().render(
        study=study,
        labels=labels,
        figures=figures,
        key=key,
        tables=tables,
        reservations=_sheet(folder, reservations, "Not significant or undefined")
        if reservations.is_file()
        else None,
        missing=read_table(missing).to_dict("records") if missing.is_file() else [],
        methods=list(filter(None, _text(folder / "methods.txt").split("\n\n"))),
        references=_text(folder / "references.bib"),
        longest=_LONGEST,
    )
    path = folder / "report.html"
    with written_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def _template() -> Template:
    """The page's template: names and captions are text, whatever they look like."""
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja")


def _text(path: Path) -> str:
    if path.is_file():
        return path.read_text(encoding="utf-8")
    return ""


def _key_table(path: Path, study: dict[str, Any]) -> KeyTable:
    """Key results from their file, with a model's highest layer in each cell."""
    if not path.is_file():
        return KeyTable([], [], {})
    table = read_table(path).fillna({"images": "", "transformation": "", "way": ""})
    labels = [about.get("label") or name for name, about in study["models"].items()]
    models = [label for label in labels if label in set(table.get("model", ()))]
    rows = []
    for key, part in table.groupby(["measure", "images", "transformation", "way"], sort=False):
        title = ", ".join(filter(None, map(str, key)))
        cells = {str(row["model"]): _key_cell(row) for _, row in part.iterrows()}
        rows.append((capital(title), [cells.get(one, ("", "", "")) for one in models]))
    return KeyTable(models, rows, in_sentences(table, study["level"]))


def _key_cell(row: Any) -> tuple[str, str, str]:
    """Value, interval and layer."""
    interval = ""
    if pd.notna(row["low"]):
        interval = f"{row['low']:.3g} to {row['high']:.3g}"
    layer = "" if row["layer"] == row["model"] else str(row["layer"])
    return f"{row['value']:.3g}", interval, layer


def _figure(folder: Path, name: str, number: int, said: list[str]) -> Shown:
    stem = folder / "figures" / name
    svg = stem.with_name(f"{name}.svg")
    if svg.stat().st_size <= _LARGEST_SVG:
        picture, kind = (svg, "svg+xml")
    else:
        picture, kind = (stem.with_name(f"{name}.png"), "png")
    source = f"data:image/{kind};base64,{base64.b64encode(picture.read_bytes()).decode()}"
    files = [path for ending in _FORMATS if (path := stem.with_name(name + ending)).is_file()]
    links = [(path.suffix[1:].upper(), _link(folder, path)) for path in files]
    text = _text(stem.with_name(f"{name}.txt")).strip()
    title, dot, rest = text.partition(". ")
    alt = in_words(name, text, said)
    return Shown(number, name, title + dot.strip(), rest, source, alt, links)


def _link(folder: Path, path: Path) -> str:
    return quote(path.relative_to(folder).as_posix())


def _sheet(folder: Path, path: Path, title: str) -> Sheet:
    table = read_table(path)
    hidden = []
    if "file" in table:  # it becomes a link
        hidden.append("file")
    if "measure" in table and table["measure"].nunique() < 2 and path.name != RESERVATIONS:
        hidden.append("measure")
    shown = table.drop(columns=hidden)
    columns = [Column(str(name), _is_number(shown[name])) for name in shown]
    sources = pd.Series([""] * len(table))
    if "file" in table:
        sources = table["file"].astype(str).map(quote)
    values = shown.head(_LONGEST if len(table) <= _RAW else 0).itertuples(index=False, name=None)
    rows = [
        ([_cell(value, column.number) for value, column in zip(row, columns, strict=True)], source)
        for row, source in zip(values, sources, strict=False)
    ]
    return Sheet(title, _link(folder, path), columns, rows, len(table))


def _is_number(column: pd.Series) -> bool:
    """Whether a column is sorted by size; true and false are not."""
    is_bool = pd.api.types.is_bool_dtype(column)
    return bool(pd.api.types.is_numeric_dtype(column) and not is_bool)


def _cell(value: Any, number: bool) -> tuple[str, str]:
    """What a cell says, and what it is sorted by."""
    if value is None or value is pd.NA or pd.isna(value):
        return "undefined" if number else "", ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    # The page shows four digits and sorts by all of them.
    return text, f"{float(value)!r}" if number else str(value)
