"""Marks that many figures share: points with intervals, chance, names of rows, legends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from .palette import PALETTE
from .style import points

BESIDE_PLOTS = "<beside>"  # label of a panel that goes with a plot, and is none itself
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


def draw_references(
    axes: Axes, references: Mapping[str, np.ndarray], values: str, widened: bool = True
) -> None:
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
    widened : bool
        Whether the axis is made as long as the references need; else those beyond it are left out.
    """
    line: Any = axes.axvline if values == "x" else axes.axhline
    span: Any = axes.axvspan if values == "x" else axes.axhspan
    if widened:
        low, high = getattr(axes, f"get_{values}lim")()
        ends = np.concatenate(list(references.values()))
        getattr(axes, f"set_{values}lim")(min(low, ends.min()), max(high, ends.max()))
    for ends in references.values():
        if len(ends) == 1:
            line(ends[0], color=PALETTE["grey"], linewidth=0.8, linestyle=":")
        else:
            span(*ends, color=PALETTE["grey"], alpha=0.15, linewidth=0)
    low, high = sorted(getattr(axes, f"get_{values}lim")())
    middles = {name: float(ends.mean()) for name, ends in references.items()}
    shown = {name: middle for name, middle in middles.items() if low <= middle <= high}
    if values == "y":
        for name, middle in shown.items():
            _write_reference(axes, name, (1.0, middle), ("axes fraction", "data"), 1.0, "right")
        return
    lines = _lines_of_names(axes, shown)
    for name, middle in shown.items():
        above = 1 + points(8) * lines[name]
        _write_reference(axes, name, (middle, 1.0), ("data", "axes fraction"), above, "center")
    if shown and axes.get_title():
        # The title stands above the names.
        axes.set_title(axes.get_title(), pad=points(8) * (2 + max(lines.values())))


def _lines_of_names(axes: Axes, places: Mapping[str, float]) -> dict[str, int]:
    """In which line above the panel each name stands, so that those of close places do not meet."""
    page: Any = axes.get_figure(root=True)
    page.draw_without_rendering()  # laid out, so that the room for names is known
    lines: dict[str, int] = {}
    taken: dict[str, tuple[float, float]] = {}  # middle and half a width, in points
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        middle = axes.transData.transform((place, 0.5))[0] / page.dpi * 72
        # About 0.56 of the type size for each letter.
        half = 0.28 * (len(name) + 1) * points(6.5)
        near = [one for one, (at, wide) in taken.items() if abs(middle - at) < half + wide]
        taken[name] = middle, half
        lines[name] = max((lines[one] for one in near), default=-1) + 1
    return lines


def _write_reference(
    axes: Axes,
    name: str,
    place: tuple[float, float],
    coordinates: tuple[str, str],
    above: float,
    side: str,
) -> None:
    axes.annotate(
        name,
        place,
        (0, above),
        xycoords=coordinates,
        textcoords="offset points",
        ha=side,
        va="bottom",
        fontsize=points(6.5),
        color=PALETTE["grey"],
    )


def mark_cut_off(axes: Axes) -> None:
    """Draw a small arrow where a band or bar goes on beyond the panel.

    Parameters
    ----------
    axes : matplotlib Axes
        With its final limits.
    """
    low, high = sorted(axes.get_ylim())
    across = axes.get_xaxis_transform()  # places along x, shares of the panel along y
    for shown in list(axes.collections):
        if not isinstance(shown, PolyCollection | LineCollection):
            continue
        colours = shown.get_facecolor() if isinstance(shown, PolyCollection) else shown.get_colors()
        outlines = [path.vertices for path in shown.get_paths()]
        x, y = np.concatenate([np.full((1, 2), np.nan), *outlines]).T
        for end, beyond, marker in ((0, y < low, "v"), (1, y > high, "^")):
            places = np.unique(x[beyond])
            if len(places):
                look: dict[str, Any] = {"color": np.asarray(colours)[0, :3], "transform": across}
                (arrows,) = axes.plot(places, np.full(len(places), end), marker, **look)
                arrows.set(clip_on=False, markersize=2.2, in_layout=False)
