"""What a study says of itself in words.

Captions, a paragraph of methods, citations, and what was undefined or not significant.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..literature.bibliography import TOOLS, bibtex, keys_in, named, unknown_in
from .bench import to_learn
from .building import Places, build_model
from .cells import Cell
from .contract import load_figure, load_measure
from .schema import Figure, Study

ALPHA = 0.05


@dataclass(frozen=True)
class Made:
    """A result, and the cell that it is of."""

    cell: Cell
    result: xr.Dataset


def first_sentence(function: Any) -> str:
    """The first paragraph of a docstring."""
    return re.sub(r"\s+", " ", (inspect.getdoc(function) or "").partition("\n\n")[0]).strip()


def caption(study: Study, name: str, table: Figure, made: Sequence[Made]) -> str:
    """The caption of a figure.

    What it shows, of what, n, how intervals were made, seeds, literature.
    """
    measures = list(dict.fromkeys(found.cell.measure for found in made))
    sentences = [table.caption or first_sentence(load_figure(table.figure)[0]) or name]
    for measure in measures:
        mine = [found.result.attrs for found in made if found.cell.measure == measure]
        label = study.label("measures", measure)
        longest = max(
            mine, key=lambda found: len(str(found.get("formula", "")))
        )  # that of models which learn says more
        sentences.append(
            f"{_capital(label)}: "
            f"{longest.get('formula', longest.get('definition', study.measures[measure].measure))}."
        )
        sentences.append(_intervals(study, mine, load_figure(table.figure)[1]))
    sentences.append(_counts(study, made))
    sentences += [
        str(found.result.attrs["caption"]) for found in made if "caption" in found.result.attrs
    ]
    if load_figure(table.figure)[1].seeds == "first":
        seeds = study.seeds[:1]
    else:
        seeds = study.seeds
    sentences.append(f"Seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}.")
    cited, others = citations(found.result.attrs for found in made)
    if cited or others:
        sentences.append(f"After {'; '.join(filter(None, [named(cited), *others]))}.")
    return " ".join(dict.fromkeys(filter(None, map(_ended, sentences)))) + "\n"


def _ended(sentence: str) -> str:
    if not sentence or sentence.endswith((".", "?", "!")):
        return sentence
    return f"{sentence}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _intervals(study: Study, attributes: Sequence[Mapping[str, Any]], figure: Any = None) -> str:
    """How intervals were made; of a figure, only of one that draws them."""
    first = attributes[0]
    if figure is not None and "level" not in figure.given:
        return ""
    if len(study.seeds) > 1:
        return (
            f"Intervals are of {100 * study.level:g} %, by Student's t over {len(study.seeds)} "
            "seeds."
        )
    if "intervals" in first:
        return f"{first['intervals']} intervals of {100 * float(first.get('level', 0.95)):g} %."
    if "resampled_over" not in first:
        return ""
    over = {"both": "images and units"}.get(
        str(first["resampled_over"]), str(first["resampled_over"])
    )
    if first.get("n_resamples", 0):
        how = f" ({first['n_resamples']} resamples)"
    else:
        how = ""
    return f"Intervals of {100 * float(first.get('level', study.level)):g} % over {over}{how}."


def _counts(study: Study, made: Sequence[Made]) -> str:
    by_images: dict[str, set[int]] = {}
    for found in made:
        by_images.setdefault(study.label("images", found.cell.images), set()).add(
            int(found.result.attrs.get("n_images", 0))
        )
    counts = [
        f"{'/'.join(map(str, sorted(n - {0})))} images of {name}"
        for name, n in by_images.items()
        if n - {0}
    ]
    units = sorted(
        {
            int(n)
            for found in made
            if "n_units" in found.result
            for n in np.atleast_1d(found.result["n_units"].values)
            if n > 0
        }
    )
    if counts:
        parts = [", ".join(counts)]
    else:
        parts = []
    if units:
        parts.append(
            f"{units[0]} units of each layer"
            if units[0] == units[-1]
            else f"{units[0]} to {units[-1]} units of each layer"
        )
    if parts:
        return f"n = {'; '.join(parts)}."
    return ""


def citations(attributes: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Entries of the bibliography that results name, and citations that are none of ours."""
    texts = list(
        dict.fromkeys(
            str(found[key])
            for found in attributes
            for key in ("citation", "interval_citation")
            if found.get(key)
        )
    )
    keys = [key for text in texts for key in keys_in(text)]
    return list(dict.fromkeys(keys)), list(
        dict.fromkeys(part for text in texts for part in unknown_in(text))
    )


def methods(
    study: Study, places: Places, made: Sequence[Made], images: Mapping[str, Any]
) -> tuple[str, str]:
    """A paragraph for the methods section, and BibTeX of all that it names."""
    cited, others = citations(found.result.attrs for found in made)
    models = [_model_sentence(study, places, name, images) for name in study.models]
    tools = ", ".join(
        f"{name} {version(package)}"
        for name, package in zip(
            TOOLS,
            ("numpy", "scipy", "scikit-learn", "xarray", "seaborn", "matplotlib"),
            strict=True,
        )
    )
    sentences = [
        (
            f"We compared {_listed([study.label('models', name) for name in study.models])} with "
            f"hmax-cnn {version('hmax-cnn')}."
        ),
        *(text for text, _ in models),
    ]
    for name, found in images.items():
        table, count, shape = study.images[name], len(found), np.shape(found[0])
        if table.resize == "none":
            how = ""
        else:
            how = f", brought to size by the rule {table.resize}"
        if table.parameters:
            given = f", with {_settings(table.parameters)}"
        else:
            given = ""
        sentences.append(
            f"{_capital(study.label('images', name))} were {count} images of {shape[0]} x "
            f"{shape[1]} pixels ({table.source}{given}{how})."
        )
    for name, change in study.transformations.items():
        if change.views is not None:
            sentences.append(
                f"{_capital(study.label('transformations', name))}: views of the same "
                f"object, from {change.views.reference:g} on."
            )
        else:
            unit = next(
                (_unit(found.result) for found in made if found.cell.transformation == name), ""
            )
            values = ", ".join(f"{value:g}" for value in change.values or ())
            if change.parameters:
                given = f", with {_settings(change.parameters)}"
            else:
                given = ""
            sentences.append(
                (
                    f"{_capital(study.label('transformations', name))}: "
                    f"{change.transformation}{given}, of {values} {unit}"
                ).rstrip()
                + "."
            )
    for measure in study.measures:
        every = [found.result.attrs for found in made if found.cell.measure == measure] or [{}]
        attributes = max(every, key=lambda found: len(str(found.get("formula", ""))))
        source = named(keys_in(str(attributes.get("citation", ""))))
        if attributes.get("formula"):
            formula = f" = {attributes['formula']}"
        else:
            formula = ""
        definition = attributes.get("definition", study.measures[measure].measure)
        sentences.append(
            f"{_capital(study.label('measures', measure))}: "
            f"{definition}{formula}{f' ({source})' if source else ''}."
        )
        sentences.append(_intervals(study, [attributes]) if attributes else "")
    if len(study.seeds) > 1:
        repeated = (
            f"Everything was repeated with {len(study.seeds)} seeds "
            f"({', '.join(map(str, study.seeds))})."
        )
    else:
        repeated = f"The seed was {study.seeds[0]}."
    sentences += [_units(study), repeated, f"Computed with {tools}."]
    keys = [*cited, *(key for _, found in models for key in found), *keys_in("; ".join(TOOLS))]
    return " ".join(dict.fromkeys(filter(None, sentences))) + "\n", bibtex(keys, others)


def _model_sentence(
    study: Study, places: Places, name: str, images: Mapping[str, Any]
) -> tuple[str, list[str]]:
    table = study.models[name]
    keys = [
        key
        for key in keys_in(build_model(table, places, study.seeds[0]).documentation())
        if key not in keys_in("; ".join(TOOLS))
    ]
    if table.parameters:
        given = f" with {_settings(table.parameters)}"
    else:
        given = " with its default parameters"
    if table.learns_from:
        taught = len(to_learn(images[table.learns_from]))
    else:
        taught = 0
    if table.learns_from:
        learned = f", fitted on {taught} images of {study.label('images', table.learns_from)}"
    else:
        learned = ""
    if table.layers:
        layers = f"; layers {', '.join(table.layers)}"
    else:
        layers = ""
    if keys:
        source = f" ({named(keys)})"
    else:
        source = ""
    return (
        (
            f"{_capital(study.label('models', name))} was "
            f"{table.model}{given}{learned}{layers}{source}."
        ),
        keys,
    )


def _settings(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _unit(result: xr.Dataset) -> str:
    name = str(result.attrs.get("transformation", ""))
    if name in result.coords:
        return str(result[name].attrs.get("units", ""))
    return ""


def _listed(names: Sequence[str]) -> str:
    if any("," in name for name in names):
        comma = ";"
    else:
        comma = ","
    if len(names) == 1:
        return names[0]
    return f"{f'{comma} '.join(names[:-1])}{comma if comma == ';' else ''} and {names[-1]}"


def _units(study: Study) -> str:
    """How many units took part in which measures."""
    counts: dict[str, list[str]] = {}
    for name, measure in study.measures.items():
        if load_measure(measure.measure)[1].takes_responses:
            units = measure.units or study.units
            how = {
                "centre": "one unit of each feature, in the middle of the image",
                "all": "all units",
            }.get(str(units))
            counts.setdefault(
                how or f"at most {units} units of each layer, drawn at random,", []
            ).append(study.label("measures", name))
    return "".join(
        f"{_capital(how)} took part in {_listed(names)}. " for how, names in counts.items()
    ).strip()


def _reasons(table: pd.DataFrame) -> pd.Series:
    """Of each row, what of it is undefined in part: counts that lie below the number of units."""
    found = pd.Series([""] * len(table), index=table.index, dtype=object)
    for column in [str(column) for column in table if str(column).startswith("n_defined")]:
        if "n_units" in table:
            whole = table["n_units"]
        else:
            whole = pd.Series(np.nan, index=table.index)
        name = column.removeprefix("n_defined").strip("_")
        for row in table.index[table[column] < whole]:
            text = (
                f"{f'{name}: ' if name else ''}{int(whole[row] - table.loc[row, column])} of "
                f"{int(whole[row])} units undefined"
            )
            found[row] = "; ".join(filter(None, [found[row], text]))
    return found


def doubtful(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a main table that are undefined or not significant.

    In whole or in part; the column `why` says why.

    Not significant is what has p (corrected, where it is) of at least 0.05, or an interval that
    holds chance, or the control.
    """
    numbers = {str(column) for column in table if pd.api.types.is_numeric_dtype(table[column])}
    found = _reasons(table[[column for column in table if column in numbers]])

    def say(rows: Any, texts: Any) -> None:
        found[rows] = [
            ("; ".join(filter(None, [old, new])))
            for old, new in zip(found[rows], texts, strict=True)
        ]

    if {"value", "low", "high"} <= numbers:
        for column, text in (
            ("control", "the interval holds the control"),
            ("chance", "the interval holds chance"),
        ):
            if column in numbers:
                holds = (table["low"] <= table[column]) & (table[column] <= table["high"])
                say(holds, [text] * int(holds.sum()))
    p = next((column for column in ("p_corrected", "p") if column in numbers), None)
    if p is not None:
        insignificant = table[p] >= ALPHA
        say(insignificant, [f"{p} = {number:.3g}" for number in table.loc[insignificant, p]])
    if "value" in table:
        undefined = table["value"].isna()
        say(undefined, ["undefined"] * int(undefined.sum()))
    return table.assign(why=found)[found != ""]
