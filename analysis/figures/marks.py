"""Marks that many figures share: points with intervals, chance, names of rows, legends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from .palette import PALETTE
from .style import points

_ONE_COLUMN = 4.0  # inches: a narrower figure is for one column of a page


def is_narrow(figure: Figure | SubFigure) -> bool:
    """Whether a figure is for one column of a page.

    Parameters
    ----------
    figure : matplotlib Figure or a part of it

    Returns
    -------
    bool
    """
    return bool(figure.bbox.width / figure.get_figure(root=True).dpi < _ONE_COLUMN)


def chance_of(table: pd.DataFrame, given: float | None) -> float | None:
    """Accuracy of guessing: the one that is given, or the table's own, if it has one.

    Parameters
    ----------
    table : pandas.DataFrame
    given : float or None

    Returns
    -------
    float or None
    """
    if given is not None:
        return given
    if "chance" in table:
        return float(table["chance"].iloc[0])
    return None


def row_names(places: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each (model, layer): the layer is left out where its model has one only.

    Parameters
    ----------
    places : sequence of (str, str)
        Models and layers.

    Returns
    -------
    list of str

    Examples
    --------
    >>> row_names([("HMAX", "c1"), ("HMAX", "c2"), ("pixels", "pixels")])
    ['HMAX, c1', 'HMAX, c2', 'pixels']
    """
    models = [model for model, _ in places]
    return [model if models.count(model) == 1 else f"{model}, {layer}" for model, layer in places]


def bar_between(
    axes: Axes, reach: tuple[float, float], place: float, colour: str, width: float = 1.0
) -> None:
    """A horizontal bar from the lower to the upper end of an interval.

    Parameters
    ----------
    axes : matplotlib Axes
    reach : (float, float)
        Lower and upper end.
    place : float
        Of the bar along the vertical axis.
    colour : str
    width : float
        Of the bar, in points.
    """
    axes.plot(list(reach), [place, place], color=colour, linewidth=width)


def band(
    axes: Axes,
    line: pd.DataFrame,
    over: str,
    colour: str,
    factor: float = 1.0,
    alpha: float = 0.13,
) -> None:
    """The band between the columns `low` and `high`, over another column.

    Parameters
    ----------
    axes : matplotlib Axes
    line : pandas.DataFrame
        Columns low, high and `over`.
    over : str
        The column along the horizontal axis.
    colour : str
    factor : float
        What the bounds are multiplied by, such as 100 for percent.
    alpha : float
        Opacity, from 0 to 1.
    """
    axes.fill_between(
        line[over],
        factor * line["low"],
        factor * line["high"],
        color=colour,
        alpha=alpha,
        linewidth=0,
    )


def keys_of_models(colours: Mapping[str, str], **options: Any) -> list[Line2D]:
    """An entry of a legend for each model.

    Parameters
    ----------
    colours : mapping from model to colour
    **options
        Of `matplotlib.lines.Line2D`.

    Returns
    -------
    list of matplotlib.lines.Line2D
    """
    return [
        Line2D([], [], color=colour, label=model, **options) for model, colour in colours.items()
    ]


def legend_below(
    figure: Figure, handles: Iterable[Any], most: tuple[int, int] = (3, 2), **options: Any
) -> None:
    """A legend below all panels.

    Parameters
    ----------
    figure : Figure
    handles : iterable of artists
    most : (int, int)
        Entries side by side, in a figure of two columns of a page and of one.
    **options
        Of `Figure.legend`.
    """
    handles = list(handles)
    wide, narrow = most
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), narrow if is_narrow(figure) else wide),
        frameon=False,
        **options,
    )


def places_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Every (model, layer), the layers of a model together, models in the table's order.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model and layer.

    Returns
    -------
    list of (str, str)
    """
    models = list(dict.fromkeys(table["model"]))
    places = dict.fromkeys(zip(table["model"], table["layer"], strict=True))
    return sorted(places, key=lambda place: models.index(place[0]))


def distinguishing(table: pd.DataFrame) -> list[str]:
    """Columns that rows are named by: model, and layer and images where there are several.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    list of str
    """
    return [
        name
        for name in ("model", "layer", "images")
        if name in table and (table[name].nunique() > 1 or name == "model")
    ]


def checked_references(given: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """Values and ranges by name.

    Parameters
    ----------
    given : mapping from str to float or (float, float), or None

    Returns
    -------
    dict from str to array of shape (1,) or (2,)

    Raises
    ------
    ValueError
        If one is neither.
    """
    found = {}
    for name, reached in (given or {}).items():
        try:
            ends = np.sort(np.atleast_1d(np.asarray(reached, dtype=float)))
        except (TypeError, ValueError):
            ends = np.empty(0)
        if ends.ndim != 1 or len(ends) not in (1, 2) or not np.isfinite(ends).all():
            msg = (
                "`references` must be numbers, or pairs of a lower and an upper one, got "
                f"{reached!r} for {name!r}."
            )
            raise ValueError(msg)
        found[str(name)] = ends
    return found


def draw_references(axes: Axes, references: Mapping[str, np.ndarray], values: str) -> None:
    """A dotted line or a grey band for each reference, with its name.

    Names stand above the panel where values run across, and at its right end where they run up;
    those of close references one above another.

    Parameters
    ----------
    axes : matplotlib Axes
    references : mapping from str to array
        Of `checked_references`.
    values : {'x', 'y'}
        The axis of values.
    """
    line: Any = axes.axvline if values == "x" else axes.axhline
    span: Any = axes.axvspan if values == "x" else axes.axhspan
    low, high = axes.get_xlim()
    page: Any = axes.get_figure(root=True)
    page.draw_without_rendering()  # laid out, so that the room for names is known
    inches = axes.get_window_extent().width / page.dpi
    placed: list[tuple[float, float, int]] = []  # middle, half a name's width, line above the panel
    for name, ends in sorted(references.items(), key=lambda item: item[1].mean()):
        if len(ends) == 1:
            line(ends[0], color=PALETTE["grey"], linewidth=0.8, linestyle=":")
        else:
            span(*ends, color=PALETTE["grey"], alpha=0.15, linewidth=0)
        middle = float(ends.mean())
        text: dict[str, Any] = {"fontsize": points(6.5), "color": PALETTE["grey"]}
        if values == "x":
            # About 0.56 of the type size for each letter; names that would meet stand in lines.
            half = 0.28 * (len(name) + 1) * text["fontsize"] / 72 / max(inches, 0.1)
            half *= abs(high - low)
            near = [line_of for at, wide, line_of in placed if abs(middle - at) < half + wide]
            placed.append((middle, half, max(near, default=-1) + 1))
            place, coordinates = (middle, 1.0), ("data", "axes fraction")
            text |= {"xytext": (0, 1 + placed[-1][2] * points(8)), "ha": "center"}
        else:
            place, coordinates = (1.0, middle), ("axes fraction", "data")
            text |= {"xytext": (0, 1), "ha": "right"}
        axes.annotate(
            name, place, xycoords=coordinates, textcoords="offset points", va="bottom", **text
        )
    if placed and axes.get_title():
        # The title stands above the names.
        n_lines = 1 + max(line_of for *_, line_of in placed)
        axes.set_title(axes.get_title(), pad=points(8) * (1 + n_lines))
