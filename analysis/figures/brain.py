"""Similarity of layers to the brain, between the bounds of what is possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmax_cnn.extraction.plain_text import capital

from .checks import checked, distinct, without_curves
from .contract import figure
from .marks import bar_between, legend_below, places_of, row_names
from .palette import PALETTE, colours_of
from .panels import Grid, panel_grid
from .seeds import over_seeds
from .style import points, wrapped

_COLUMNS = ("model", "layer", "value", "low", "high", "p_corrected", "ceiling_low", "ceiling_high")
_BY_SUBJECT = ("measure", "model", "layer", "subject", "value")


@figure(
    draws=("table", "layer_subject_table"),
    seeds="mean",
    given=("colours", "width", "level"),
    scales=("x",),
    values="x",
)
def brain(
    table: pd.DataFrame,
    subjects: pd.DataFrame | None = None,
    label: str = "Similarity of RDMs, mean over subjects",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "middle",
    ax: Axes | None = None,
) -> Figure:
    """Similarity of each layer to the brain, in a panel for each brain area or group of subjects.

    Markers are filled where the similarity is significant after correction, by permutation of the
    images and for these subjects; small ticks are single subjects, and the band is the noise
    ceiling.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.brain.brain_similarity`: columns model, layer, value, low,
        high, p_corrected, ceiling_low, ceiling_high, and measure where there are several, which
        have a panel each.
    subjects : pandas.DataFrame or None
        Of the same: columns model, layer, subject, value, and measure.
    label : str
        What the axis says.
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
        If a column is missing, or there are several panels for `ax`.
    """
    table, several = _prepared(table, level)
    each = pd.DataFrame(columns=list(_BY_SUBJECT))
    if subjects is not None and len(subjects):
        needed = _BY_SUBJECT if several else _BY_SUBJECT[1:]
        each = checked(subjects, *needed)
        if not several:
            each = each.assign(measure=table["measure"].iloc[0])
    look, places = colours_of(table["model"], colours), places_of(table)
    heights = (0.145 * len(places) + 0.5, 0.145 * len(look) + 0.4)
    with panel_grid(
        table, ("measure",), width, heights, ax, (3, 2), sharex=True, sharey=True
    ) as grid:
        for axes, (measure,), part in grid:
            _ceiling(axes, part.iloc[0])
            of_each = each[each["measure"] == measure].groupby(["model", "layer", "subject"])
            # Of several seeds each subject has one tick: its mean.
            alone = of_each["value"].mean()
            for row in part.itertuples():
                place, colour = places.index((row.model, row.layer)), look[row.model]
                bar_between(axes, (row.low, row.high), place, colour)
                _marker(axes, row.value, place, colour, filled=row.p_corrected < 0.05)
                _subjects(axes, alone, (row.model, row.layer), place, colour)
            axes.axvline(0, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
            axes.set_xlabel(wrapped(label, 0.6 * grid.panel_width, points(7.5)))
            if several:
                axes.set_title(wrapped(capital(str(measure)), 0.9 * grid.panel_width, points(7.5)))
        first = grid.panels[0, 0]
        bottom, top = len(places) - 0.4, -0.6
        first.set(yticks=range(len(places)), yticklabels=row_names(places), ylim=(bottom, top))
        if ax is None:
            _legend(grid)
    return grid.figure


def _legend(grid: Grid) -> None:
    """What is in any of the panels, once, and what filled and open markers mean."""
    first = grid.panels[0, 0]
    # Without data.
    _marker(first, [], [], PALETTE["grey"], filled=True, label="p < 0.05, corrected")
    _marker(first, [], [], PALETTE["grey"], filled=False, label="not significant")
    if any(line.get_marker() == "|" for axes in grid.panels.flat for line in axes.lines):
        first.plot([], [], "|", color=PALETTE["grey"], markersize=4, label="one subject")
    found: dict[str, Any] = {}
    for axes in grid.panels.flat:
        handles, labels = axes.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    legend_below(grid.figure, found.values())


def _prepared(table: pd.DataFrame, level: float) -> tuple[pd.DataFrame, bool]:
    """The table checked, its mean over seeds, and whether it has several panels."""
    checked(without_curves(table), *_COLUMNS)
    if "measure" not in table:
        table = table.assign(measure="")
    table = over_seeds(distinct(table, "measure", "model", "layer"), level=level)
    return table, table["measure"].nunique() > 1


def _ceiling(axes: Axes, row: pd.Series) -> None:
    """The noise ceiling as a band.

    It is of the subjects alone, so that every row of a panel has the same.
    """
    if row["ceiling_high"] > 0:
        axes.axvspan(
            row["ceiling_low"],
            row["ceiling_high"],
            color=PALETTE["grey"],
            alpha=0.25,
            linewidth=0,
            label="noise ceiling",
        )


def _subjects(axes: Axes, alone: pd.Series, of: tuple[str, str], place: int, colour: str) -> None:
    """A tick for each subject, where there are several."""
    if of in alone.index and len(alone[of]) > 1:
        axes.plot(alone[of], [place] * len(alone[of]), "|", color=colour, markersize=4)


def _marker(
    axes: Axes, x: Any, y: Any, colour: str, filled: bool, label: str | None = None
) -> None:
    face = colour if filled else "white"
    axes.plot(x, y, "o", color=colour, markersize=3.5, markerfacecolor=face, label=label)
