"""Tidy tables from labelled results.

One row per number, with everything that says where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd
import xarray as xr

from ..statistics import corrected

MAIN = "table"
LONGEST = 1_000_000  # rows; what is longer stays in the results only
NAMES = (
    "measure",
    "model",
    "model_b",
    "images",
    "transformation",
    "way",
    "unit_of_value",
    "layer",
    "layer_a",
    "layer_b",
    "label",
    "predicted",
    "band",
    "why",
    "file",
)
FIRST = (
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
    "amount_of",
    "unit_of_amount",
)


def tidy(result: xr.Dataset) -> dict[str, pd.DataFrame]:
    """The tables in a result, by name.

    Parameters
    ----------
    result : xarray.Dataset
        Its values over a transformation, which the attribute `transformation` names, become rows
        with the columns `amount` and `unit_of_amount`, and so do curves over a parameter of
        stimuli.

    Returns
    -------
    dict from str to pandas.DataFrame
        'table' has the numbers of layers (`value`, `low`, `high`, ..., `layer_` taken off their
        names); 'curve_table' has tuning curves; others are called by their dims: 'unit_table',
        'layer_pair_table'.

    Examples
    --------
    >>> data = {"value": ("unit", [1.0, 2.0]), "layer_value": ("layer", [1.5])}
    >>> result = xr.Dataset(data, {"unit": ["a", "b"], "layer": ["c1"]})
    >>> {name: list(table.columns) for name, table in tidy(result).items()}
    {'unit_table': ['unit', 'value'], 'table': ['layer', 'value']}
    """
    result, over, unit = _with_amount(result)
    groups = _groups(result)
    scalars = {name: result[name].item() for name in groups.pop((), [])}
    main = _main(groups)
    tables: dict[str, pd.DataFrame] = {}
    for dims, names in groups.items():
        if {"y", "x"} <= set(dims):
            continue  # a picture is never one row per pixel
        part = _long(result, dims, names)
        # A tuning curve of each unit has a table of its own.
        is_curve = dims == ("unit", "amount")
        if "amount" in dims:
            part["amount_of"] = over.removeprefix("stimulus_")
            part["unit_of_amount"] = unit
            if "identity" in result.attrs:
                # Whether a value of the transformation changes anything: overviews leave out what
                # does not.
                part["changed"] = part["amount"] != result.attrs["identity"]
        if is_curve:
            part["stimulus"] = over.removeprefix("stimulus_")
        if dims == main or dims == ("layer",):
            part = _unprefixed(part)
        name = "_".join((*dims, "table"))
        if dims == main:
            name = MAIN
        elif is_curve:
            name = "curve_table"
        tables[name] = part
    found = _with_scalars(_with_layers(tables), scalars)
    unit_of_value = str(result.attrs.get("units", "1"))
    if MAIN in found and "value" in found[MAIN] and unit_of_value != "1":
        found[MAIN]["unit_of_value"] = unit_of_value
    return found


def _with_amount(result: xr.Dataset) -> tuple[xr.Dataset, str, str]:
    """The result with its transformation, or parameter of stimuli, as `amount`; and its unit."""
    change = str(result.attrs.get("transformation", ""))
    for dim in map(str, result.dims):
        # One name for all: figures draw over `amount`, whatever it is of.
        if dim == change or dim.startswith("stimulus_"):
            unit = str(result[dim].attrs.get("units", ""))
            return result.rename({dim: "amount"}), dim, unit
    return result, "", ""


def _with_layers(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """What is known of each layer, beside the main table's rows of it."""
    main = tables.get(MAIN)
    if "layer_table" not in tables or main is None or "layer" not in main:
        return tables
    # What is known of a layer as a whole stands in each row of its curve.
    extra = tables.pop("layer_table")
    new = ["layer", *(column for column in extra if column not in main)]
    return tables | {MAIN: main.merge(extra[new], on="layer", how="left")}


def _with_scalars(
    tables: dict[str, pd.DataFrame], scalars: dict[str, Any]
) -> dict[str, pd.DataFrame]:
    if not scalars:
        return tables
    main = pd.DataFrame([scalars])
    if MAIN in tables:
        main = tables[MAIN].assign(**scalars)
    return tables | {MAIN: main}


def design_of(result: xr.Dataset) -> list[str]:
    """Columns of a result's tables that say what a row is of, and are not measured.

    Parameters
    ----------
    result : xarray.Dataset

    Returns
    -------
    list of str
        Its dimensions and coordinates, and what its attribute `design` names.
    """
    coords = [str(name) for name in (*result.dims, *result.coords)]
    return [*coords, *str(result.attrs.get("design", "")).split()]


def _groups(result: xr.Dataset) -> dict[tuple[str, ...], list[str]]:
    """Variables by their dims."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in result.data_vars.items():
        groups.setdefault(tuple(map(str, values.dims)), []).append(str(name))
    return groups


def _main(groups: dict[tuple[str, ...], list[str]]) -> tuple[str, ...] | None:
    """Where the numbers of layers are.

    By layer where those are given, over a transformation or a number of images, by pair, or rows as
    they are.
    """
    # Measures of units have a value for each layer too, which is what figures draw.
    if any(name.startswith("layer_") for name in groups.get(("layer",), ())):
        return ("layer",)
    curves = [
        dims
        for dims, names in groups.items()
        if dims[0].startswith("layer") and "value" in names and "image" not in dims
    ]
    return next(iter([*curves, *[dims for dims in (("layer",), ("row",)) if dims in groups]]), None)


def _long(result: xr.Dataset, dims: tuple[str, ...], names: list[str]) -> pd.DataFrame:
    """Variables of the same dims as columns, with what is known along each dim."""
    part = (
        result[names]
        .reset_coords(drop=True)
        .transpose(*dims)
        .to_dataframe(dim_order=list(dims))
        .reset_index()
    )
    for coord, values in result.coords.items():
        if values.dims and set(values.dims) <= set(dims) and coord not in part:
            # Coordinates along some of the dims, such as a unit's band, are repeated along the
            # others.
            part[str(coord)] = (
                values.broadcast_like(result[names[0]]).transpose(*dims).values.ravel()
            )
    if "unit_layer" in part and "layer" not in part:
        part = part.rename(columns={"unit_layer": "layer"})
    return part.drop(columns="row", errors="ignore")


def _unprefixed(part: pd.DataFrame) -> pd.DataFrame:
    return part.rename(
        columns={
            column: str(column).removeprefix("layer_")
            for column in part
            if column not in ("layer_a", "layer_b")
        }
    )


def tables(
    results: xr.Dataset | xr.DataTree | Mapping[str, xr.Dataset | Mapping[str, xr.Dataset]],
) -> dict[str, pd.DataFrame]:
    """What figures take, from results by hand.

    Parameters
    ----------
    results : xarray.Dataset, xarray.DataTree or mapping
        A result, results by model, by model and transformation, or a part of `open_results`.

    Returns
    -------
    dict
        Tidy tables by what figures call them: 'table', 'unit_table', 'curve_table' and others.

    Raises
    ------
    TypeError
        If these are no results.
    ValueError
        If there are none.

    Examples
    --------
    >>> result = xr.Dataset({"layer_value": ("layer", [1.5])}, {"layer": ["c1"]})
    >>> tables({"HMAX": result})["table"].to_dict("records")
    [{'model': 'HMAX', 'layer': 'c1', 'value': 1.5}]
    """
    if isinstance(results, xr.Dataset):
        return joined([({}, results)])
    if isinstance(results, xr.DataTree):
        leaves = [leaf.to_dataset() for leaf in results.leaves if leaf.has_data]
        return joined((study_columns(leaf), leaf) for leaf in leaves)
    if not isinstance(results, Mapping):
        msg = (
            "`results` must be a dataset, a mapping from model to datasets, or what "
            f"open_results returns, got {type(results).__name__}."
        )
        raise TypeError(msg)
    found: list[tuple[dict[str, Any], xr.Dataset]] = []
    for model, given in results.items():
        about: dict[str, Any] = {"model": model}
        if isinstance(given, xr.Dataset):
            found.append((about, given))
            continue
        for change, result in given.items():
            found.append((about | {"transformation": change}, cast("xr.Dataset", result)))
    if not found:
        msg = "`results` must hold at least one result, got none."
        raise ValueError(msg)
    return joined(found)


def study_columns(result: xr.Dataset) -> dict[str, Any]:
    """What a result of a study is of, from its attributes.

    Parameters
    ----------
    result : xarray.Dataset

    Returns
    -------
    dict from column to value
        Such as model, images, transformation and seed; empty for a result that is of no study.
    """
    names = {str(name): value for name, value in result.attrs.items()}
    known = {name: value for name, value in names.items() if name.startswith("study_")}
    return {name.removeprefix("study_"): value for name, value in known.items()}


def joined(results: Iterable[tuple[dict[str, Any], xr.Dataset]]) -> dict[str, pd.DataFrame]:
    """One table of each name from many results, each row with what its result is of.

    Parameters
    ----------
    results : iterable of (dict, xarray.Dataset)
        The first has the columns that are put in front, such as model, images and seed.

    Returns
    -------
    dict from str to pandas.DataFrame
        Tables by name.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    design: dict[str, None] = dict.fromkeys((*FIRST, "changed"))
    corrections: dict[str, str] = {}
    for about, result in results:
        if "measure" not in about and "definition" in result.attrs:
            about = {"measure": result.attrs["definition"]} | about
        design |= dict.fromkeys(design_of(result))
        if "correction" in result.attrs:
            corrections[str(about.get("measure"))] = str(result.attrs["correction"])
        for name, part in tidy(result).items():
            new = {column: value for column, value in about.items() if column not in part}
            front = pd.DataFrame(new, index=part.index)
            parts.setdefault(name, []).append(pd.concat([front, part], axis=1))
    whole = {}
    for name, found in parts.items():
        # Columns that some measures lack are undefined there.
        table = pd.concat(found, ignore_index=True)
        first = [column for column in FIRST if column in table]
        whole[name] = table[[*first, *(column for column in table if column not in FIRST)]]
        if corrections:
            whole[name].attrs["corrections"] = dict(corrections)
            whole[name] = corrected_together(whole[name])
        # What says what a row is of, so that means over seeds know which rows belong together.
        whole[name].attrs["design"] = list(design)
    return whole


def corrected_together(table: pd.DataFrame) -> pd.DataFrame:
    """P-values corrected over all rows of a measure, of all models, for each seed.

    Parameters
    ----------
    table : pandas.DataFrame
        From `joined`; without the columns p and p_corrected it is given back as it is.

    Returns
    -------
    pandas.DataFrame
    """
    methods = table.attrs.get("corrections", {})
    if not methods or not {"p", "p_corrected", "measure"} <= set(table):
        return table
    found = table.copy()
    by = ["measure", *(["seed"] if "seed" in table else [])]
    for _, rows in table.groupby(by, sort=False, dropna=False):
        if method := methods.get(rows["measure"].iloc[0]):
            found.loc[rows.index, "p_corrected"] = corrected(rows["p"], method)
    return found


def read_table(path: Path) -> pd.DataFrame:
    """A table that a study wrote: names stay text, whatever they look like.

    Parameters
    ----------
    path : Path
        A .csv file.

    Returns
    -------
    pandas.DataFrame
        Empty where the file is.
    """
    # A class called 001 or NaN is text.
    names = dict.fromkeys(NAMES, str)
    if path.stat().st_size > 1:
        return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])
    return pd.DataFrame()
