"""Invariance curves: a measure of layers over transformations, with bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..contract import figure
from .checks import checked, distinct, one_panel
from .marks import band, is_narrow, legend_below
from .seeds import over_seeds
from .style import PALETTE, colours_of, markers_of, sheet, wrapped

_CROWDED = 8  # curves in a panel


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def invariance(
    table: pd.DataFrame,
    value: str = "value",
    label: str | None = None,
    chance: float | None = 0.0,
    rows: str | None = None,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """A measure over a transformation: one curve with its band for each layer of each model.

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
    chance : float or None
        Where a line is drawn that says what no tolerance would give.
    rows : {'model', 'images', None}
        What each row of panels is for; None puts all curves together where they are at most eight,
        and gives each model its row otherwise.
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
        If a column is missing, or there is more than one panel for `ax`.
    """
    table = _prepared(table, value, level)
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    # Many curves are told apart only where each model has its row.
    by_model = rows == "model" or (rows is None and ax is None and _n_curves(table) > _CROWDED)
    name = label or str(table["measure"].iloc[0]).capitalize()
    several = table["images"].nunique() > 1
    with _grid(table, by_model, width, ax) as (figure, panels, places):
        for axes, (change, images, model) in zip(panels.flat, places, strict=False):
            part = table[(table["transformation"] == change) & (table["images"] == images)]
            unit = str(part["unit_of_amount"].iloc[0])
            if model is not None:
                part = part[part["model"] == model]
            _curves(axes, part, value, look, markers)
            axes.set_xlim(*_around(part["amount"]))
            _axis(axes, unit, labelled=not by_model or axes in panels[-1])
            if chance is not None:
                axes.axhline(chance, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
            if not by_model or axes in panels[0]:
                title = f"{change}, {images}" if several else change
                axes.set_title(wrapped(title, figure.get_figwidth() / (panels.shape[1] + 1), 8))
        _limits(panels[0, 0], table[value].to_numpy(float), chance)
        if by_model:
            _rows(figure, panels, list(dict.fromkeys(table["model"])), name)
        else:
            for axes in panels[:, 0]:
                axes.set_ylabel(name)
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


def _prepared(table: pd.DataFrame, value: str, level: float) -> pd.DataFrame:
    """The table checked, its mean over seeds, and with every column that is drawn by."""
    bounds = {f"{value}_low": "low", f"{value}_high": "high"}
    if value == "value":
        bounds = {"low": "low", "high": "high"}
    checked(table, "model", "layer", "amount", value, *bounds)
    distinct(table, "model", "layer", "transformation", "images", "amount")
    table = over_seeds(table.rename(columns=bounds), value, level=level)
    optional = ("transformation", "images", "measure", "unit_of_amount")
    return table.assign(**{name: table.get(name, "") for name in optional})


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
        ax.legend(artists, names, frameon=False, fontsize=6)
    elif n_free:
        panels.flat[-1].legend(artists, names, loc="center", frameon=False, handlelength=2.5)
    else:
        legend_below(figure, artists, most=(4, 2))


def _rows(figure: Figure, panels: np.ndarray, models: list[str], name: str) -> None:
    """The model beside its row, and its layers in a legend behind it."""
    narrow = is_narrow(figure)
    for row, model in zip(panels, models, strict=True):
        handles, names = row[0].get_legend_handles_labels()
        if len(names) > 1:
            layers = [text.removeprefix(f"{model}, ") for text in names]
        else:
            layers = [""]
        if narrow and len(names) > 1:
            row[0].legend(
                handles,
                layers,
                frameon=False,
                fontsize=5,
                handlelength=1.2,
                loc="upper left",
                bbox_to_anchor=(0, 1.05),
                labelspacing=0.15,
            )
        elif not narrow:
            row[-1].legend(
                handles,
                layers,
                title=model,
                title_fontsize=7,
                alignment="left",
                frameon=False,
                handlelength=2.2,
                loc="center left",
                bbox_to_anchor=(1, 0.5),
            )
        row[0].set_ylabel(model if narrow else "", fontsize=6.5)
    figure.supylabel(name, fontsize=7.5)


def _curves(
    axes: Axes,
    part: pd.DataFrame,
    value: str,
    colours: Mapping[str, str],
    markers: Mapping[str, str],
) -> None:
    for (model, layer), line in part.groupby(["model", "layer"], sort=False):
        line = line.sort_values("amount")
        layers = list(dict.fromkeys(part.loc[part["model"] == model, "layer"]))
        name = str(model) if len(layers) == 1 else f"{model}, {layer}"
        # Curves of a model have one colour: dashes tell its layers apart in print.
        dashes = ("-", "--", "-.", ":")[layers.index(layer) % 4]
        band(axes, line, "amount", colours[str(model)])
        axes.plot(
            line["amount"],
            line[value],
            dashes,
            color=colours[str(model)],
            label=name,
            marker=markers[str(layer)],
            markersize=2.8,
            linewidth=1,
        )


def _axis(axes: Axes, unit: str, labelled: bool) -> None:
    if unit == "times":
        # Scales are ratios: half is as far from 1 as twice.
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator(5, steps=[1, 3, 6, 9, 10] if unit == "degrees" else [1, 2, 5, 10])
        )
    axes.set_xlabel(unit.capitalize() if labelled else "")


def _around(amount: pd.Series) -> tuple[float, float]:
    """Limits a little beyond the values, as they are at any scale of the axis."""
    low, high = float(amount.min()), float(amount.max())
    # By a factor, which is right on a logarithmic axis too.
    if low > 0:
        return low / 1.06, high * 1.06
    return low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1)


def _limits(axes: Axes, values: np.ndarray, chance: float | None) -> None:
    shown = np.append(values[np.isfinite(values)], [] if chance is None else [chance])
    if not len(shown):
        axes.set_ylim(0, 1)
        return
    margin = max(0.08 * (shown.max() - shown.min()), 0.05)
    axes.set_ylim(shown.min() - margin, shown.max() + margin)
