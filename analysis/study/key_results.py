"""Key results of a study: the highest layer of each model in each measure, also in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import pandas as pd

from hmax_cnn.extraction.plain_text import capital

from ..figures.look import Look
from ..figures.overview import panels_of
from ..figures.seeds import over_seeds

KEY_RESULTS = "key_results.csv"
_COLUMNS = ("measure", "images", "transformation", "way", "model", "layer", "value", "low", "high")
_UNIT = "unit_of_value"


def key_results(tables: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    """The highest layer of each model in each measure that has a value with an interval by layer.

    Parameters
    ----------
    tables : mapping from str to pandas.DataFrame
        The main table of each measure, by its name in the study.
    level : float
        Of intervals over seeds.

    Returns
    -------
    pandas.DataFrame
        Columns measure, images, transformation, way, model, layer, value, low, high and
        unit_of_value: means over seeds and over the values of a transformation that change the
        image.
    """
    parts = []
    for table in tables.values():
        if not {"measure", "model", "layer", "value", "low", "high"} <= set(table):
            continue
        if "n_train" in table:  # a learning curve: its last point
            table = table[table["n_train"] == table["n_train"].max()]
        with suppress(ValueError):  # rows of a measure of anyone that cannot be told apart
            unit = table[_UNIT].dropna().iloc[0] if _UNIT in table else ""
            mean = over_seeds(table.dropna(subset=["layer"]), level=level)
            parts += [part.assign(**{_UNIT: unit}) for part in _highest(mean)]
    if not parts:
        return pd.DataFrame(columns=[*_COLUMNS, _UNIT])
    return pd.concat(parts, ignore_index=True)[[*_COLUMNS, _UNIT]]


def _highest(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    places = ["measure", "images", "transformation", "way", "model", "layer", "amount"]
    if table.duplicated([name for name in places if name in table]).any():
        return  # something else than layers and transformations: its mean would say nothing
    for key, part in panels_of(Look().on(table)):
        known = part.dropna(subset=["value"])
        best = known.loc[known.groupby("model", sort=False)["value"].idxmax()]
        about = dict(zip(_COLUMNS[:4], key, strict=True))
        yield best.assign(**about)


def condition(row: Mapping[str, str], *, several_images: bool) -> str:
    """Under what a value was measured: its transformation, way and images.

    Parameters
    ----------
    row : mapping from str to str
        Of the table of key results.
    several_images : bool
        Whether the measure was taken of several sets.

    Returns
    -------
    str
        May be empty.
    """
    parts = [row["transformation"], row["way"], row["images"] if several_images else ""]
    return ", ".join(filter(None, parts))


def in_sentences(table: pd.DataFrame, level: float) -> dict[str, tuple[str, list[str]]]:
    """Which model is highest in each measure, with its interval, and which cannot be told from it.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `key_results`.
    level : float

    Returns
    -------
    dict from measure to (str, list of str)
        A sentence; or its beginning, and an end for each condition.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    # In a file, empty texts are undefined.
    table = table.fillna(dict.fromkeys((*_COLUMNS[:4], _UNIT), ""))
    for measure, rows in table.groupby("measure", sort=False):
        several = rows["images"].nunique() > 1
        said = []
        for _, part in rows.groupby(list(_COLUMNS[1:4]), sort=False):
            under = condition(part.iloc[0], several_images=several)
            said.append((under, _best_of(part, level)))
        name = capital(str(measure))
        # What has a unit, such as pixels, is a size.
        most = "largest" if rows[_UNIT].iloc[0] else "highest"
        if len(said) == 1:
            under = f" ({said[0][0]})" if said[0][0] else ""
            found[str(measure)] = (f"{name}{under} was {most} for {said[0][1]}.", [])
        else:
            each = [f"{under}: {text}." for under, text in said]
            found[str(measure)] = (f"{name} was {most} for", each)
    return found


def _best_of(part: pd.DataFrame, level: float) -> str:
    """The highest model, and those whose intervals reach its own."""
    part = part.sort_values("value", ascending=False, kind="stable")
    best = part.iloc[0]
    text = f"{place_of(best)} at {best['value']:.3g}"
    if pd.isna(best["low"]):
        return text
    text += f" ({100 * level:g} % interval {best['low']:.3g} to {best['high']:.3g})"
    others = part.iloc[1:]
    known = others[others["high"].notna()]
    near = known[known["high"] >= best["low"]]
    if len(known) < len(others) or not len(others):
        return text
    if not len(near):
        return f"{text}, above the intervals of all others"
    if len(near) == len(others) and len(others) > 1:
        return f"{text}, not distinguishable from any other"
    names = [place_of(row) for _, row in near.iterrows()]
    return f"{text}, not distinguishable from {listed(names)}"


def place_of(row: Mapping[str, str]) -> str:
    """A model and its layer, said once where they are called alike.

    Parameters
    ----------
    row : mapping from str to str

    Returns
    -------
    str
    """
    if row["model"] == row["layer"]:
        return str(row["model"])
    return f"{row['model']} ({row['layer']})"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them; with semicolons where a name has a comma of its own.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["pixels", "MLP", "HMAX"])
    'pixels, MLP and HMAX'
    """
    if len(names) == 1:
        return names[0]
    has_comma = any("," in name for name in names) and len(names) > 2
    comma, last = ("; ", "; and ") if has_comma else (", ", " and ")
    return f"{comma.join(names[:-1])}{last}{names[-1]}"
