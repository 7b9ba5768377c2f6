"""Learning curves: accuracy over the number of training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmax_cnn.extraction.choices import check_choice

from .checks import checked
from .contract import figure
from .marks import band, chance_of, legend_below
from .palette import PALETTE, colours_of, markers_of, shades_of
from .seeds import over_seeds
from .style import points, sheet

# What runs along the axis: as it is counted beside a name, and on the axis.
_AXES = {
    "n_train": ("images", "Training images of each class"),
    "n_features": ("features", "Features"),
}


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def learning(
    table: pd.DataFrame,
    over: str = "n_train",
    chance: float | None = None,
    bands: str = "interval",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "middle",
    ax: Axes | None = None,
) -> Figure:
    """Accuracy on held-out images over the number of training images and features.

    Training images are counted per class.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.learning_curves.learning_curve`: columns model, layer,
        n_train, n_features, value, low, high.
    over : {'n_train', 'n_features'}
        What runs along the axis; curves are told apart by the other.
    chance : float or None
        Accuracy of guessing; None takes the table's own.
    bands : {'interval', 'sem', 'range', 'none'}
        As in `hmax_cnn.analysis.figures.seeds.over_seeds`.
    level : float
        Of intervals over seeds.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is no such axis.
    """
    check_choice("over", over, _AXES)
    (apart,) = [name for name in _AXES if name != over]
    columns = ("model", "layer", "n_train", "n_features", "value", "low", "high")
    table = over_seeds(checked(table, *columns), level=level, bands=bands)
    look = colours_of(table["model"], colours)
    # A marker for each layer; where a model has several curves of one, for each of them.
    markers = markers_of(_keys(table, apart))
    guess = chance_of(table, chance)
    with sheet(width, 2.7, ax=ax) as (figure, panels):
        axes: Axes = panels[0, 0]
        for (model, layer, count), line in table.groupby(["model", "layer", apart], sort=False):
            only_layer = table.loc[table["model"] == model, "layer"].nunique() == 1
            name = _name(model, layer, only_layer)
            # Where all curves share the number, or -1 stands for all, it tells nothing apart.
            if count != -1 and table[apart].nunique() > 1:
                name = f"{name}, {count:g} {_AXES[apart][0]}"
            own = list(dict.fromkeys(_keys(table[table["model"] == model], apart)))
            key = f"{layer} {count}"
            colour = shades_of(look[str(model)], len(own))[own.index(key)]
            _curve(axes, line.sort_values(over), over, name, colour, markers[key])
        if guess is not None:
            grey = PALETTE["grey"]
            axes.axhline(100 * guess, color=grey, linewidth=0.8, linestyle=":", label="chance")
        axes.set_xscale("log")
        counts = sorted(set(table[over]))
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.minorticks_off()
        axes.set(xlabel=_AXES[over][1], ylabel="Accuracy (%)", ylim=(0, 102))
        if ax is None:
            legend_below(figure, axes.get_legend_handles_labels()[0])
        else:
            axes.legend(frameon=False, fontsize=points(6))
    return figure


def _keys(table: pd.DataFrame, apart: str) -> list[str]:
    """What tells a model's curves apart."""
    return [f"{layer} {count}" for layer, count in zip(table["layer"], table[apart], strict=True)]


def _name(model: Any, layer: Any, only_layer: bool) -> str:
    """What a curve is of, without what all curves of its model share."""
    return str(model) if only_layer else f"{model}, {layer}"


def _curve(axes: Axes, line: pd.DataFrame, over: str, name: str, colour: str, marker: str) -> None:
    # Intervals by Student's t over seeds may pass what an accuracy can be.
    within = line.assign(low=line["low"].clip(0, 1), high=line["high"].clip(0, 1))
    band(axes, within, over, colour, 100)
    axes.plot(
        line[over],
        100 * line["value"],
        color=colour,
        marker=marker,
        markersize=3,
        linewidth=1,
        label=name,
    )
