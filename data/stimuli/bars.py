"""Bars, edges and single spots: the stimuli of classical receptive-field mapping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .sets import Screen, Stimuli, crossed, placed, positive, within
from .waves import axes


def bars(
    screen: Screen | Sequence[int],
    orientations: Sequence[float] = (0.0,),
    widths: Sequence[float] = (4.0,),
    lengths: Sequence[float] = (24.0,),
    contrasts: Sequence[float] = (1.0,),
    positions: Sequence[tuple[float, float]] | None = None,
) -> Stimuli:
    """Light (contrast above 0) and dark bars.

    Parameters
    ----------
    screen : Screen or (int, int)
        Height and width in pixels; a Screen with `pixels_per_degree` makes all lengths degrees of
        visual angle.
    orientations : sequence of float
        Direction across the bar, in degrees counterclockwise from the x axis: at 0 the bar is
        vertical.
    widths, lengths : sequence of float
        Across and along, in pixels (or degrees); edges are smoothed over one pixel.
    contrasts : sequence of float
        From -1 to 1.
    positions : sequence of (float, float) or None
        Middles (y, x) from the centre of the first pixel; None is the middle of the screen.

    Returns
    -------
    Stimuli
        Every combination.

    Examples
    --------
    >>> bars((32, 32), orientations=(0, 45, 90), widths=(2, 4)).table.shape
    (6, 6)
    """
    screen = Screen.of(screen)
    table = crossed(
        orientation=orientations,
        width=positive("widths", widths),
        length=positive("lengths", lengths),
        contrast=within("contrasts", contrasts, -1, 1),
    )

    def draw(
        y: float, x: float, orientation: float, width: float, length: float, contrast: float
    ) -> np.ndarray:
        # Coverage of each pixel across times along: edges are smooth, and no orientation is
        # thinner.
        across, along = axes(screen, y, x, orientation)
        return screen.shown(
            _covered(across, width, screen.pixel) * _covered(along, length, screen.pixel), contrast
        )

    units = {"orientation": "degrees"} | dict.fromkeys(("width", "length", "y", "x"), screen.length)
    return Stimuli(placed(table, screen, positions), draw, units, "bar", screen.settings())


def edges(
    screen: Screen | Sequence[int],
    orientations: Sequence[float] = (0.0,),
    contrasts: Sequence[float] = (1.0,),
    positions: Sequence[tuple[float, float]] | None = None,
) -> Stimuli:
    """Straight edges between a light half and a dark one.

    The light half lies towards `orientation`, in degrees counterclockwise from the x axis.

    Parameters
    ----------
    screen, contrasts, positions
        As in `bars`.
    orientations : sequence of float
        In degrees counterclockwise from the x axis.

    Returns
    -------
    Stimuli

    Examples
    --------
    >>> edges((32, 32), orientations=(0, 90))[0][16, [0, 31]].tolist()
    [0.0, 255.0]
    """
    screen = Screen.of(screen)
    table = crossed(orientation=orientations, contrast=within("contrasts", contrasts, -1, 1))

    def draw(y: float, x: float, orientation: float, contrast: float) -> np.ndarray:
        across, _ = axes(screen, y, x, orientation)
        # A ramp of one pixel, so that an oblique edge has no steps.
        return screen.shown(np.clip(2 * across / screen.pixel, -1, 1), contrast)

    units = {"orientation": "degrees", "y": screen.length, "x": screen.length}
    return Stimuli(placed(table, screen, positions), draw, units, "edge", screen.settings())


def spots(
    screen: Screen | Sequence[int],
    size: float = 4.0,
    step: float | None = None,
    contrasts: Sequence[float] = (1.0, -1.0),
    margin: float = 0.0,
) -> Stimuli:
    """One square spot at a time, at every place of a grid in the middle of the screen.

    Sparse noise in its simplest form.

    Parameters
    ----------
    screen, contrasts
        As in `bars`.
    size : float
        Side of the square, in pixels (or degrees).
    step : float or None
        Distance between places; None is `size`: the spots then lie side by side.
    margin : float
        How much of the border is left out.

    Returns
    -------
    Stimuli

    Raises
    ------
    ValueError
        If a spot does not fit into the screen, or a value is out of range.

    References
    ----------
    Jones & Palmer, "The two-dimensional spatial structure of simple receptive fields in cat striate
    cortex", J Neurophysiol 1987.

    Examples
    --------
    >>> len(spots((32, 32), size=8))  # 4 x 4 places, light and dark
    32
    """
    screen = Screen.of(screen)
    (size,) = positive("size", [size])
    (step,) = positive("step", [size if step is None else step])
    within("margin", [margin], 0, np.inf)
    ends = screen.height * screen.pixel, screen.width * screen.pixel
    counts = [
        int((end - 2 * margin - size) / step + 1 + 1e-9) if end - 2 * margin >= size - 1e-9 else 0
        for end in ends
    ]
    # Places are centred on the screen, whatever is left over at its borders.
    ys, xs = (
        end / 2 + step * (np.arange(count) - (count - 1) / 2) - screen.pixel / 2
        for end, count in zip(ends, counts, strict=True)
    )
    if min(counts) < 1:
        msg = (
            f"`size` must fit into the screen of {ends[0]:g} x {ends[1]:g} {screen.length} "
            f"without its margin, got {size:g} and {margin:g}."
        )
        raise ValueError(msg)
    table = crossed(contrast=within("contrasts", contrasts, -1, 1))

    def draw(y: float, x: float, contrast: float) -> np.ndarray:
        down, right = screen.around(y, x)
        return screen.shown(
            _covered(down, size, screen.pixel) * _covered(right, size, screen.pixel), contrast
        )

    places = [(float(y), float(x)) for y in ys for x in xs]
    return Stimuli(
        placed(table, screen, places),
        draw,
        {"y": screen.length, "x": screen.length},
        "spot",
        {"size": size} | screen.settings(),
    )


def _covered(distance: np.ndarray, width: float, pixel: float) -> np.ndarray:
    """Share of each pixel that lies within half a width."""
    low, high = (
        np.maximum(distance - pixel / 2, -width / 2),
        np.minimum(distance + pixel / 2, width / 2),
    )
    return np.clip(high - low, 0, None) / pixel
