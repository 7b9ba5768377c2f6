"""Legends moved or taken away, once a figure is drawn."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

# Legends beside the panels: of a figure, and of the caller's axes.
BESIDE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "below": (
        {"loc": "outside lower center"},
        {"loc": "upper center", "bbox_to_anchor": (0.5, -0.25)},
    ),
    "right": (
        {"loc": "outside right upper"},
        {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)},
    ),
}
LEGENDS = ("below", "right", "none", *Legend.codes)


def place_legend(figure: Figure, ax: Axes | None, place: str) -> None:
    """The legend of a figure, or of the caller's axes, moved or taken away.

    Parameters
    ----------
    figure : Figure
    ax : Axes or None
        Of the caller.
    place : str
        One of `LEGENDS`.
    """
    entries: dict[str, Any] = {}
    for axes in figure.axes if ax is None else [ax]:
        if legend := axes.get_legend():
            names = [text.get_text() for text in legend.get_texts()]
            # Beside a row of one model a legend has its layers alone: elsewhere with the model.
            own = axes.get_legend_handles_labels()[1]
            names = own if len(own) == len(names) else names
            entries |= dict(zip(names, legend.legend_handles, strict=True))
            legend.remove()
    for legend in list(figure.legends) if ax is None else []:
        names = [text.get_text() for text in legend.get_texts()]
        entries |= dict(zip(names, legend.legend_handles, strict=True))
        legend.remove()
    if place == "none" or not entries:
        return
    owner: Any = figure if ax is None else ax
    chosen: dict[str, Any] = (
        dict(BESIDE[place][ax is not None]) if place in BESIDE else {"loc": place}
    )
    if place == "below":
        chosen["ncols"] = min(len(entries), 4)
    owner.legend(list(entries.values()), list(entries), frameon=False, **chosen)
