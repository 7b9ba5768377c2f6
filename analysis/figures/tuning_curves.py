"""Tuning curves: responses of units over a parameter of stimuli."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import checked, colours_of, in_width, of_first, one_panel, sheet, titled, wrapped

_MOST = 60  # thin lines in a panel


@figure(draws="curve_table", seeds="first")
def tuning_curves(
    curve_table: pd.DataFrame,
    aligned: bool = True,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Tuning curves of units, each as a share of its largest response.

    The median of the layer is thick.

    Parameters
    ----------
    curve_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.tuning`: columns model, layer, unit, stimulus, amount,
        unit_of_amount, curve.
    aligned : bool
        Whether orientations are counted from each unit's best one.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(curve_table, "model", "layer", "unit", "stimulus", "amount", "curve"))
    groups = list(table.groupby(["model", "layer"], sort=False))
    one_panel(ax, len(groups))
    look = colours_of(table["model"], colours)
    n_columns = min(in_width(width, 4, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 1.55 * n_rows + 0.3, n_rows, n_columns, ax, sharey=True) as (figure, panels):
        for axes, ((model, layer), part) in zip(panels.flat, groups, strict=False):
            points, curves, n_defined = relative(part)
            stimulus, unit = (
                str(part["stimulus"].iloc[0]),
                str(part["unit_of_amount"].iloc[0]) if "unit_of_amount" in part else "",
            )
            circular = stimulus == "orientation"
            if circular and aligned and len(curves):
                curves = np.stack(
                    [np.roll(curve, len(points) // 2 - int(curve.argmax())) for curve in curves]
                )
                points = (np.arange(len(points)) - len(points) // 2) * (points[1] - points[0])
            if len(curves):
                for curve in curves[:: max(1, len(curves) // _MOST)]:
                    axes.plot(points, curve, color=look[model], alpha=0.25, linewidth=0.5)
                axes.plot(points, np.median(curves, axis=0), color=look[model], linewidth=1.8)
            if not circular:
                axes.set_xscale("log", base=2 if stimulus == "frequency" else 10)
                axes.xaxis.set_major_formatter("{x:.3g}")
                axes.xaxis.set_minor_formatter("")
            else:
                axes.set_xticks([-90, -45, 0, 45, 90] if aligned else [0, 45, 90, 135, 180])
            axes.set_title(
                wrapped(
                    f"{titled(model, layer)}\nn = {n_defined}",
                    0.9 * figure.get_figwidth() / n_columns,
                    7,
                ),
                fontsize=7,
            )
            if circular and aligned:
                name = "Orientation from the best"
            else:
                name = stimulus.capitalize()
            axes.set_ylim(min(0.0, float(curves.min())) - 0.02 if len(curves) else 0, 1.05)
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        for axes in panels[:, 0]:
            axes.set_ylabel("Response, share of largest")
        if unit:
            label = f"{name}, {unit}"
        else:
            label = name
        if ax is None:
            figure.supxlabel(label, fontsize=7.5)
        else:
            ax.set_xlabel(label)
    return figure


def relative(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    """Points, curves (unit, point) over their largest value, and how many units have one.

    Silent and flat units have none.
    """
    keys = [name for name in ("seed", "images", "unit") if name in part]
    wide = part.pivot_table(index=keys, columns="amount", values="curve", sort=False)
    wide = wide[sorted(wide.columns)]
    values = wide.to_numpy(float)
    largest = values.max(axis=1, initial=-np.inf)
    kept = (largest > 0) & (np.ptp(values, axis=1) > 1e-6 * np.abs(values).max(initial=0))
    return wide.columns.to_numpy(float), values[kept] / largest[kept, None], int(kept.sum())
