"""Tidy tables from labelled results: one row per number, with everything that says where it comes
from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import t

MAIN = "table"
LONGEST = 1_000_000  # rows; what is longer stays in the results only
NAMES = (
    "measure",
    "model",
    "model_b",
    "images",
    "transformation",
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
    "unit_of_amount",
)
_DESIGN = (
    *FIRST,
    "changed",
    "n_train",
    "n_features",
    "depth",
    "first",
    "second",
    "unit",
    "filter",
    "y",
    "x",
    "chance",
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
    >>> result = xr.Dataset({"value": ("unit", [1.0, 2.0]), "layer_value": ("layer", [1.5])}, {"unit": ["a", "b"], "layer": ["c1"]})
    >>> {name: list(table.columns) for name, table in tidy(result).items()}
    {'unit_table': ['unit', 'value'], 'table': ['layer', 'value']}
    """
    change = str(result.attrs.get("transformation", ""))
    over = next(
        (str(dim) for dim in result.dims if dim == change or str(dim).startswith("stimulus_")), None
    )
    if over is None:
        unit = ""
    else:
        unit = str(result[over].attrs.get("units", ""))
    if not (over is None):
        result = result.rename({over: "amount"})
    groups = _groups(result)
    scalars = {name: result[name].item() for name in groups.pop((), [])}
    main = _main(groups)
    tables: dict[str, pd.DataFrame] = {}
    for dims, names in groups.items():
        part = _long(result, dims, names)
        if "amount" in dims:
            part["unit_of_amount"] = unit
            if "identity" in result.attrs:
                part["changed"] = part["amount"] != result.attrs["identity"]
            part = (
                part.assign(stimulus=str(over).removeprefix("stimulus_"))
                if dims == ("unit", "amount")
                else part
            )
        if dims == main:
            name = MAIN
        else:
            name = "curve_table" if dims == ("unit", "amount") else "_".join((*dims, "table"))
        if dims == main or dims == ("layer",):
            tables[name] = _unprefixed(part)
        else:
            tables[name] = part
    if "layer_table" in tables and MAIN in tables and "layer" in tables[MAIN]:
        extra = tables.pop("layer_table")
        tables[MAIN] = tables[MAIN].merge(
            extra[["layer", *[column for column in extra if column not in tables[MAIN]]]],
            on="layer",
            how="left",
        )
    if scalars:
        if MAIN in tables:
            tables[MAIN] = tables[MAIN].assign(**scalars)
        else:
            tables[MAIN] = pd.DataFrame([scalars])
    return tables


def _groups(result: xr.Dataset) -> dict[tuple[str, ...], list[str]]:
    """Variables by their dims."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in result.data_vars.items():
        groups.setdefault(tuple(map(str, values.dims)), []).append(str(name))
    return groups


def _main(groups: dict[tuple[str, ...], list[str]]) -> tuple[str, ...] | None:
    """Where the numbers of layers are: by layer where those are given, over a transformation or a
    number of images, by pair, or rows as they are."""
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
    """What figures take, from results by hand: a result, results by model, by model and
    transformation, or a part of `open_results`.

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
        return joined(
            [
                (
                    {
                        str(k).removeprefix("study_"): v
                        for k, v in leaf.attrs.items()
                        if str(k).startswith("study_")
                    },
                    leaf,
                )
                for leaf in leaves
            ]
        )
    if not isinstance(results, Mapping):
        msg = (
            "`results` must be a dataset, a mapping from model to datasets, or what "
            f"open_results returns, got {type(results).__name__}."
        )
        raise TypeError(msg)
    found: list[tuple[dict[str, Any], xr.Dataset]] = []
    for model, given in results.items():
        if isinstance(given, xr.Dataset):
            by_change = {None: given}
        else:
            by_change = given
        found += [
            ({"model": model} | ({} if change is None else {"transformation": change}), result)
            for change, result in by_change.items()
        ]
    if not found:
        msg = "`results` must hold at least one result, got none."
        raise ValueError(msg)
    return joined(found)


def joined(results: Iterable[tuple[dict[str, Any], xr.Dataset]]) -> dict[str, pd.DataFrame]:
    """One table of each name from many results, each row with what its result is of.

    Parameters
    ----------
    results : iterable of (dict, xarray.Dataset)
        The first has the columns that are put in front, such as model, images and seed.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for about, result in results:
        named = (
            about
            if "measure" in about
            else {"measure": result.attrs.get("definition", "")} | about
            if "definition" in result.attrs
            else about
        )
        for name, part in tidy(result).items():
            new = {column: value for column, value in named.items() if column not in part}
            parts.setdefault(name, []).append(
                pd.concat([pd.DataFrame(new, index=part.index), part], axis=1)
            )
    whole = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    return {
        name: table[[c for c in FIRST if c in table] + [c for c in table if c not in FIRST]]
        for name, table in whole.items()
    }


def over_seeds(table: pd.DataFrame, value: str = "value", level: float = 0.95) -> pd.DataFrame:
    """The mean over seeds, row by row, with its interval: by Student's t over seeds, or the
    measure's own where there is one seed.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `seed`, `value`, `low`, `high`. Rows belong together that agree in all text
        and in what says what a row is of, such as amount or n_train; other numbers are averaged, of
        p-values the largest is taken.
    value : str
        The column that is averaged.
    level : float

    Returns
    -------
    pandas.DataFrame
        Without `seed`, with `n_seeds`, in the order in which rows first came.

    Raises
    ------
    ValueError
        If rows of one seed cannot be told apart.
    """
    if "seed" not in table or table["seed"].nunique() < 2:
        return table.drop(columns="seed", errors="ignore").assign(n_seeds=1)
    others = [
        str(column) for column in table if column not in ("seed", "file", value, "low", "high")
    ]
    keys = [column for column in others if column in _DESIGN or _is_text(table[column])]
    for column in [column for column in others if column not in keys]:
        if table.duplicated(["seed", *keys]).any() and _is_design(table, column):
            keys.append(column)
    if table.duplicated(["seed", *keys]).any():
        msg = (
            f"Rows of one seed cannot be told apart by {', '.join(map(repr, keys))}. Give the "
            "table a column that does."
        )
        raise ValueError(msg)
    grouped = table.groupby(keys, sort=False, dropna=False)
    numbers = [
        column
        for column in table
        if column not in keys and column != "seed" and pd.api.types.is_numeric_dtype(table[column])
    ]
    result = (
        grouped[numbers]
        .agg(
            {column: "max" if str(column) in ("p", "p_corrected") else "mean" for column in numbers}
        )
        .reset_index()
    )
    spread, count = grouped[value].std().to_numpy(), grouped[value].count().to_numpy()
    reach = (
        t.ppf((1 + level) / 2, np.maximum(1, count - 1)) * spread / np.sqrt(np.maximum(1, count))
    )
    result["low"], result["high"] = result[value] - reach, result[value] + reach
    return result.assign(n_seeds=count)


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _is_design(table: pd.DataFrame, column: str) -> bool:
    """Whether a number may say what a row is of, not what was measured: it has the same values in
    all seeds."""
    first, *others = (sorted(map(repr, part)) for _, part in table.groupby("seed")[column])
    return all(other == first for other in others)


def read_table(path: Path) -> pd.DataFrame:
    """A table that a study wrote: names stay text, whatever they look like."""
    names = dict.fromkeys(NAMES, str)
    if path.stat().st_size > 1:
        return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])
    return pd.DataFrame()
