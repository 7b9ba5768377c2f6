"""Invariance curves: a measure of layers over transformations, with bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hmax_cnn.extraction.choices import check_choice, check_number
from hmax_cnn.extraction.plain_text import capital

from .checks import checked, distinct, one_panel
from .contract import figure
from .marks import band, is_narrow, legend_below
from .palette import PALETTE, colours_of, markers_of, shades_of
from .seeds import over_seeds, with_bounds_of
from .style import points, sheet, wrapped

_CROWDED = 8  # curves in a panel
_MOST_BANDS = 4  # of more, bands hide each other: bars
_NAMES = {"view": "viewing angle"}


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def invariance(
    table: pd.DataFrame,
    value: str = "value",
    label: str | None = None,
    chance: float | Mapping[str, float] | None = 0.0,
    rows: str | None = None,
    bands: str = "interval",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """A measure over values of a transformation.

    Each curve is a layer: colours are models, and shades run from a model's first layer (light) to
    its last (dark).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, layer, transformation, amount, unit_of_amount, `value`, low, high; images and
        seed where there are several.
    value : str
        The column that is drawn, such as 'accuracy' (its band is then `accuracy_low` to
        `accuracy_high`).
    label : str or None
        What the vertical axis says; the measure where None.
    chance : float, mapping from images to float, or None
        Where a line is drawn that says what no tolerance would give; of each set of images, where
        these differ.
    rows : {'model', 'together', None}
        Whether each model has its row of panels, or all curves are together; None puts together at
        most eight.
    bands : {'interval', 'sem', 'range', 'none'}
        As in `hmax_cnn.analysis.figures.seeds.over_seeds`.
    level : float
        Of intervals over seeds.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing, `chance` names images that are not there, or there is more than one
        panel for `ax`.
    """
    if rows is not None:
        check_choice("rows", rows, ("model", "together"))
    table = _prepared(table, value, level, bands)
    levels = _levels(chance, list(dict.fromkeys(table["images"])))
    look, markers = colours_of(table["model"], colours), _markers(table)
    # Many curves are told apart only where each model has its row.
    by_model = rows == "model" or (rows is None and ax is None and _n_curves(table) > _CROWDED)
    name = label or capital(str(table["measure"].iloc[0]))
    several = table["images"].nunique() > 1
    with _grid(table, by_model, width, ax) as (figure, panels, places):
        for axes, (change, images, model) in zip(panels.flat, places, strict=False):
            part = table[(table["transformation"] == change) & (table["images"] == images)]
            if model is not None:
                part = part[part["model"] == model]
            _curves(axes, part, value, look, markers)
            axes.set_xlim(*_around(part["amount"]))
            room = figure.get_figwidth() / (panels.shape[1] + 1)
            _axis(axes, part, room, labelled=not by_model or axes in panels[-1])
            if images in levels:
                axes.axhline(levels[images], color=PALETTE["grey"], linewidth=0.6, linestyle=":")
            if not by_model or axes in panels[0]:
                title = f"{change}, {images}" if several else change
                axes.set_title(wrapped(title, room, points(8)))
        _limits(panels[0, 0], table, value, list(levels.values()))
        if by_model:
            _rows(figure, panels, list(dict.fromkeys(table["model"])), name)
        else:
            for axes in panels[:, 0]:
                # Beside the panel, whose height is about three quarters of its part of the figure.
                height = 0.75 * figure.get_figheight() / len(panels)
                axes.set_ylabel(wrapped(name, height, points(7.5)) if ax is None else name)
            _legend(figure, panels, ax, n_free=panels.size - len(places))
    return figure


@contextmanager
def _grid(
    table: pd.DataFrame, by_model: bool, width: str | float, ax: Axes | None
) -> Iterator[tuple[Figure, np.ndarray, list[tuple[str, str, str | None]]]]:
    """Panels, and the transformation, images and model of each.

    By model: a row for each model, a column for each transformation. Else all models are in each
    panel, and `None` stands for them.
    """
    changes = list(dict.fromkeys(zip(table["transformation"], table["images"], strict=True)))
    models: list[str | None] = list(dict.fromkeys(table["model"])) if by_model else [None]
    places = [(*change, model) for model in models for change in changes]
    n_columns = len(changes) if by_model else min(3, len(changes))
    n_rows = -(-len(places) // n_columns)
    one_panel(ax, n_rows * n_columns)
    height = (1.15 if by_model else 1.75) * n_rows + 0.5
    sharing = {"sharey": True, "sharex": "col" if by_model else False}
    with sheet(width, height, n_rows, n_columns, ax, **sharing) as (figure, panels):
        for axes in panels.flat[len(places) :]:
            axes.axis("off")
        yield figure, panels, places


def _prepared(table: pd.DataFrame, value: str, level: float, bands: str) -> pd.DataFrame:
    """The table checked, its mean over seeds, and with every column that is drawn by."""
    ends = ("low", "high") if value == "value" else (f"{value}_low", f"{value}_high")
    checked(table, "model", "layer", "amount", value, *ends)
    distinct(table, "model", "layer", "transformation", "images", "amount")
    table = over_seeds(with_bounds_of(table, value), value, level, bands)
    optional = ("transformation", "images", "measure", "amount_of", "unit_of_amount")
    return table.assign(**{name: table.get(name, "") for name in optional})


def _markers(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """A marker for each layer; for each model where they have one layer each."""
    places = list(table[["model", "layer"]].drop_duplicates().itertuples(index=False, name=None))
    one_each = len(places) == table["model"].nunique()
    known = markers_of(str(place[0 if one_each else 1]) for place in places)
    return {place: known[str(place[0 if one_each else 1])] for place in places}


def _n_curves(table: pd.DataFrame) -> int:
    return len(table.drop_duplicates(["model", "layer"]))


def _legend(figure: Figure, panels: np.ndarray, ax: Axes | None, n_free: int) -> None:
    """All curves once: in the axes of the caller, in a free panel, or below."""
    # Curves have the same names in every panel: each is listed once.
    handles: dict[str, Artist] = {}
    for axes in panels.flat:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            handles[text] = handle
    artists, names = list(handles.values()), list(handles)
    if ax is not None:
        ax.legend(artists, names, frameon=False, fontsize=points(6))
    elif n_free:
        panels.flat[-1].legend(artists, names, loc="center", frameon=False, handlelength=2.5)
    else:
        legend_below(figure, artists, most=(4, 2))


def _rows(figure: Figure, panels: np.ndarray, models: list[str], name: str) -> None:
    """The model beside its row; its layers in a legend behind it, below where it is narrow."""
    narrow = is_narrow(figure)
    below: list[Artist] = []
    for row, model in zip(panels, models, strict=True):
        row[0].set_ylabel(wrapped(model, 1.0, points(6.5)), fontsize=points(6.5))
        handles, names = row[0].get_legend_handles_labels()
        if len(names) < 2:  # a curve alone in its row needs no key
            continue
        if narrow:
            below += handles
            continue
        row[-1].legend(
            handles,
            [text.removeprefix(f"{model}, ") for text in names],
            handlelength=2.2,
            loc="center left",
            bbox_to_anchor=(1, 0.5),
        )
    if below:
        legend_below(figure, below, fontsize=points(6), columnspacing=1.2)
    figure.supylabel(name, fontsize=points(7.5))


def _curves(
    axes: Axes,
    part: pd.DataFrame,
    value: str,
    colours: Mapping[str, str],
    markers: Mapping[tuple[str, str], str],
) -> None:
    models = list(dict.fromkeys(part["model"]))
    crowded = _n_curves(part) > _MOST_BANDS
    for (model, layer), line in part.groupby(["model", "layer"], sort=False):
        line = line.sort_values("amount")
        layers = list(dict.fromkeys(part.loc[part["model"] == model, "layer"]))
        place = layers.index(layer)
        # Curves of a model share a hue: shade, dashes and marker tell its layers apart in print.
        colour = shades_of(colours[str(model)], len(layers))[place]
        over = 2.5 - 0.01 * models.index(model)  # the first model is drawn over the others
        if crowded:
            axes.vlines(line["amount"], line["low"], line["high"], color=colour, linewidth=0.5)
        else:
            band(axes, line, "amount", colour)
        axes.plot(
            line["amount"],
            line[value],
            ("-", "--", "-.", ":")[place % 4],
            color=colour,
            label=str(model) if len(layers) == 1 else f"{model}, {layer}",
            marker=markers[model, layer],
            markersize=2.8,
            markevery=max(1, len(line) // 12),  # so that they do not hide a dense curve
            linewidth=1,
            zorder=over,
        )


def _axis(axes: Axes, part: pd.DataFrame, room: float, labelled: bool) -> None:
    """Values of the transformation, with their name in as many lines as fit the panel."""
    unit = str(part["unit_of_amount"].iloc[0])
    if unit == "times":
        # Scales are ratios: half is as far from 1 as twice.
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    else:
        axes.xaxis.set_major_locator(
            # Numbers with a sign of about 0.35 inches, and room between them.
            MaxNLocator(
                min(5, max(2, int(room / 0.45))),
                steps=[1, 3, 6, 9, 10] if unit == "degrees" else [1, 2, 5, 10],
            )
        )
    said = amount_label(str(part["amount_of"].iloc[0]), unit)
    axes.set_xlabel(wrapped(said, room, points(7.5)) if labelled else "")


def amount_label(name: str, unit: str) -> str:
    """What an axis of values of a transformation says.

    Parameters
    ----------
    name : str
        Of the transformation; may be empty.
    unit : str

    Returns
    -------
    str

    Examples
    --------
    >>> amount_label("shift", "pixels"), amount_label("scale", "times"), amount_label("", "degrees")
    ('Shift (pixels)', 'Scale factor', 'Degrees')
    """
    named = capital(_NAMES.get(name, name.replace("_", " ")))
    if not named:
        return unit.capitalize()
    if unit == "times":
        return f"{named} factor"
    return f"{named} ({unit})" if unit else named


def _around(amount: pd.Series) -> tuple[float, float]:
    """Limits a little beyond the values, as they are at any scale of the axis."""
    low, high = float(amount.min()), float(amount.max())
    # By a factor, which is right on a logarithmic axis too.
    if low > 0:
        return low / 1.06, high * 1.06
    return low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1)


def _levels(chance: float | Mapping[str, float] | None, images: Sequence[str]) -> dict[str, float]:
    """Chance of each set of images that has one."""
    if chance is None:
        return {}
    if not isinstance(chance, Mapping):
        return dict.fromkeys(images, float(chance))
    for name, level in chance.items():
        check_choice("chance", name, images)
        check_number(f"chance[{name!r}]", level, 0, 1, or_equal=True)
    return {name: float(level) for name, level in chance.items()}


def _limits(axes: Axes, table: pd.DataFrame, value: str, levels: Sequence[float]) -> None:
    """Around the curves and their bands; a band may be half as high again as the curves."""
    curves = np.append(table[value].dropna(), levels)
    if not len(curves):
        axes.set_ylim(0, 1)
        return
    span = max(float(curves.max() - curves.min()), 0.5)
    low = max(np.fmin(curves.min(), table["low"].min()), curves.min() - span / 2)
    high = min(np.fmax(curves.max(), table["high"].max()), curves.max() + span / 2)
    margin = max(0.06 * (high - low), 0.03)
    axes.set_ylim(low - margin, high + margin)
