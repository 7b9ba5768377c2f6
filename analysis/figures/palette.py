"""A colour for each model, shades and markers for its layers, for colour-blind readers too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle

import numpy as np
from matplotlib.colors import to_hex, to_rgb

PALETTE = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "yellow": "#E69F00",
    "sky": "#56B4E9",
    "grey": "#666666",
    "black": "#000000",
    "brown": "#5E3C00",
    "indigo": "#332288",
}
MARKERS = "os^DvP<X>*"


def colours_of(models: Iterable[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """A colour for each model: those that are given, others of the palette in turn.

    Parameters
    ----------
    models : iterable of str
    given : mapping from model to colour, or None

    Returns
    -------
    dict from str to str
        Colours as hexadecimal numbers, or as they were given.
    """
    # Colours that were given are not handed out a second time.
    free = cycle(
        [colour for colour in PALETTE.values() if colour not in (given or {}).values()]
        or PALETTE.values()
    )
    return {model: (given or {}).get(model) or next(free) for model in dict.fromkeys(models)}


def shades_of(colour: str, n: int) -> list[str]:
    """Shades of a colour for the layers of a model, from light (the lowest layer) to dark.

    Parameters
    ----------
    colour : str
        Of the model.
    n : int
        How many layers.

    Returns
    -------
    list of str
        Of one layer the colour itself.
    """
    base = np.array(to_rgb(colour))
    shades = []
    for share in np.linspace(-0.45, 0.4, n) if n > 1 else [0.0]:
        target = 1.0 if share < 0 else 0.0  # towards white, towards black
        shades.append(to_hex(base + abs(share) * (target - base)))
    return shades


def markers_of(layers: Iterable[str]) -> dict[str, str]:
    """A marker for each layer, in turn.

    Parameters
    ----------
    layers : iterable of str

    Returns
    -------
    dict from str to str
        Matplotlib's markers.
    """
    return dict(zip(dict.fromkeys(layers), cycle(MARKERS), strict=False))
