"""Invariance curves: a measure of layers over transformations, with bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..contract import figure
from .style import PALETTE, checked, colours_of, distinct, markers_of, one_panel, sheet
from .tables import over_seeds

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

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one panel for `ax`.
    """
    if value == "value":
        low, high = ("low", "high")
    else:
        low, high = (f"{value}_low", f"{value}_high")
    distinct(
        checked(table, "model", "layer", "amount", value, low, high),
        "model",
        "layer",
        "transformation",
        "images",
        "amount",
    )
    table = over_seeds(table.rename(columns={low: "low", high: "high"}), value, level=level)
    table = table.assign(
        **{
            name: table.get(name, "")
            for name in ("transformation", "images", "measure", "unit_of_amount")
        }
    )
    changes = list(
        table.drop_duplicates(["transformation", "images"])[
            ["transformation", "images"]
        ].itertuples(index=False, name=None)
    )
    several = table["images"].nunique() > 1
    n_curves = len(table.drop_duplicates(["model", "layer"]))
    split = rows or ("model" if n_curves > _CROWDED and ax is None else None)
    if split == "images":
        split = None
    if split:
        groups = list(dict.fromkeys(table["model"]))
    else:
        groups = [None]
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    if split is None:
        n_columns = min(3, len(changes))
    else:
        n_columns = len(changes)
    if split is None:
        n_rows = -(-len(changes) // n_columns)
    else:
        n_rows = len(groups)
    one_panel(ax, n_rows * n_columns)
    with sheet(
        width,
        (1.15 if split else 1.75) * n_rows + 0.5,
        n_rows,
        n_columns,
        ax,
        sharey=True,
        sharex="col" if split else False,
    ) as (
        figure,
        panels,
    ):
        for index, axes in enumerate(panels.flat):
            if split is None and index >= len(changes):
                axes.axis("off")
                continue
            if split:
                (change, images), group = (changes[index % n_columns], groups[index // n_columns])
            else:
                (change, images), group = (changes[index], None)
            part = table[
                (table["transformation"] == change)
                & (table["images"] == images)
                & ((table["model"] == group) if split else True)
            ]
            _curves(axes, part, value, look, markers)
            axes.set_xlim(*_around(part["amount"]))
            unit = str(table.loc[table["transformation"] == change, "unit_of_amount"].iloc[0])
            _axis(axes, unit, labelled=split is None or index // n_columns == n_rows - 1)
            if chance is not None:
                axes.axhline(chance, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
            if several:
                title = f"{change}, {images}"
            else:
                title = change
            axes.set_title(title if not split or index < n_columns else "")
        name = label or str(table["measure"].iloc[0]).capitalize()
        if split:
            _rows(figure, panels, groups, name)
        else:
            for axes in panels[:, 0]:
                axes.set_ylabel(name)
        _limits(panels[0, 0], table[value].to_numpy(float), chance)
        if split is None:
            handles = {
                text: handle
                for axes in panels.flat
                for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
            }
            if ax is not None:
                ax.legend(handles.values(), handles.keys(), frameon=False, fontsize=6)
            elif len(changes) < panels.size:
                panels.flat[-1].legend(
                    handles.values(), handles.keys(), loc="center", frameon=False, handlelength=2.5
                )
            else:
                if figure.get_figwidth() < 4:
                    columns = 2
                else:
                    columns = 4
                figure.legend(
                    handles.values(),
                    handles.keys(),
                    loc="outside lower center",
                    ncols=min(columns, len(handles)),
                    frameon=False,
                )
    return figure


def _rows(figure: Figure, panels: np.ndarray, groups: list[str | None], name: str) -> None:
    """The model beside its row, and its layers in a legend behind it."""
    narrow = figure.get_figwidth() < 4
    for row, group in zip(panels, groups, strict=True):
        handles, names = row[0].get_legend_handles_labels()
        if len(names) > 1:
            layers = [text.removeprefix(f"{group}, ") for text in names]
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
                title=group,
                title_fontsize=7,
                alignment="left",
                frameon=False,
                handlelength=2.2,
                loc="center left",
                bbox_to_anchor=(1, 0.5),
            )
        row[0].set_ylabel(str(group) if narrow else "", fontsize=6.5)
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
        if len(layers) == 1:
            name = str(model)
        else:
            name = f"{model}, {layer}"
        dashes = ("-", "--", "-.", ":")[layers.index(layer) % 4]
        axes.fill_between(
            line["amount"],
            line["low"],
            line["high"],
            color=colours[str(model)],
            alpha=0.13,
            linewidth=0,
        )
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
