"""Paperclips: random bent wires in three dimensions, shaded, seen from any side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hmax_cnn.extraction.choices import check_choice

from ..seeds import check_seed, generator
from .counts import numbered
from .sets import Screen, Stimuli, crossed, placed, positive, within

AXES = ("y", "x", "z")
_FINER = 2  # drawn so many times larger, then averaged
LIGHT = np.array([-0.4, -0.5, 0.77])  # from the upper left, towards the viewer


def paperclips(
    screen: Screen | Sequence[int],
    n_objects: int,
    views: Sequence[float] = (0.0,),
    sizes: Sequence[float] = (64.0,),
    positions: Sequence[tuple[float, float]] | None = None,
    axis: str = "y",
    n_segments: int = 7,
    thickness: float = 0.06,
    random_state: int = 0,
) -> Stimuli:
    """Wire objects, as used for cells of monkey inferior temporal cortex and for the first HMAX.

    Parameters
    ----------
    screen : Screen or (int, int)
        Height and width in pixels; a Screen with `pixels_per_degree` makes lengths degrees of
        visual angle.
    n_objects : int
        Different wires; wire i is the same for every view, size, position and number of wires.
    views : sequence of float
        Rotation in depth, in degrees.
    sizes : sequence of float
        Diameter of the sphere that holds the wire, in pixels (or degrees).
    positions : sequence of (float, float) or None
        Middles (y, x); None is the middle of the screen.
    axis : {'y', 'x', 'z'}
        Rotation about the vertical (rising views bring the left side towards the viewer), the
        horizontal (the lower side), or the line of sight (counterclockwise, in the plane).
    n_segments : int
        Straight pieces of equal length.
    thickness : float
        Of the wire, as a share of `sizes`; up to 0.2.
    random_state : int

    Returns
    -------
    Stimuli
        Columns y, x, object, size, view; wires shaded by a light from the upper left, dark to light
        around the background, or black to light on a background of 0.

    Raises
    ------
    ValueError
        If there is no such axis, or a value is out of range.

    References
    ----------
    Logothetis, Pauls & Poggio, "Shape representation in the inferior temporal cortex of monkeys",
    Curr Biol 1995. Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex",
    Nature Neuroscience 1999.

    Examples
    --------
    >>> clips = paperclips((32, 32), 2, views=(-30, 0, 30))
    >>> clips.table["view"].tolist()
    [-30.0, 0.0, 30.0, -30.0, 0.0, 30.0]
    """
    screen = Screen.of(screen)
    check_choice("axis", axis, AXES)
    if not isinstance(n_segments, int | np.integer) or n_segments < 2:
        msg = f"`n_segments` must be a whole number of at least 2, got {n_segments!r}."
        raise ValueError(msg)
    positive("thickness", [thickness])
    within("thickness", [thickness], 0, 0.2)
    check_seed(random_state)
    table = crossed(
        object=numbered("n_objects", n_objects), size=positive("sizes", sizes), view=views
    )

    def draw(y: float, x: float, object: int, size: float, view: float) -> np.ndarray:
        wire = (
            (1 - thickness)
            * _wire(generator("paperclips", random_state, object), n_segments)
            @ _turn(axis, view).T
        )
        middle = np.array([x / screen.pixel, y / screen.pixel, 0])
        scale = size / screen.pixel / 2
        light, cover = rendered(screen, wire * scale + middle, thickness * scale)
        # Below black there is nothing: on a background of 0 the shade side is dark, not darker.
        shade = light if screen.background == 0 else 2 * light - 1
        return screen.shown(cover * shade)

    units = {"view": "degrees"} | dict.fromkeys(("size", "y", "x"), screen.length)
    known = {
        "axis": axis,
        "n_segments": n_segments,
        "thickness": thickness,
        "random_state": random_state,
    }
    return Stimuli(
        placed(table, screen, positions), draw, units, "paperclip", known | screen.settings()
    )


def _wire(rng: np.random.Generator, n_segments: int) -> np.ndarray:
    """Corners (x, y, z) of a random walk of equal steps, within the unit sphere.

    It bends by 40 to 140 degrees.
    """
    direction = _unit(rng.standard_normal(3))
    corners = [np.zeros(3)]
    # Neighbouring segments at 40 degrees at least, as bent wire; straighter ones would look like
    # one segment.
    while len(corners) <= n_segments:
        turned = _unit(rng.standard_normal(3))
        if len(corners) == 1 or abs(turned @ direction) < np.cos(np.radians(40)):
            direction = turned
            corners.append(corners[-1] + direction)
    wire = np.array(corners)
    # Turned about the middle of its box, and as large as the size says in any view.
    wire -= (wire.max(axis=0) + wire.min(axis=0)) / 2
    return wire / np.linalg.norm(wire, axis=1).max()


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _turn(axis: str, degrees: float) -> np.ndarray:
    """Rotation of (x, y, z), with y down and z towards the viewer."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "z": np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]),
    }[axis]


def rendered(screen: Screen, corners: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Light (0 to 1) and cover of every pixel.

    Round tubes between round joints, seen along z, the nearest in front.
    """
    offsets = (np.arange(_FINER) + 0.5) / _FINER - 0.5
    xs = (np.arange(screen.width)[:, None] + offsets).ravel()[None]
    ys = (np.arange(screen.height)[:, None] + offsets).ravel()[:, None]
    depth = np.full((ys.size, xs.size), -np.inf)
    light = np.zeros_like(depth)
    surfaces = [ball(xs, ys, corner, radius) for corner in corners]
    surfaces += [_tube(xs, ys, start, end, radius) for start, end in pairwise(corners)]
    # Of all surfaces the nearest is seen: a buffer of depths.
    for z, normal in surfaces:
        in_front = z > depth
        depth = np.where(in_front, z, depth)
        # Lambert's law, with a little light from everywhere.
        shade = sum(part * towards for part, towards in zip(normal, LIGHT, strict=True))
        light = np.where(in_front, 0.15 + 0.85 * np.clip(shade, 0, 1), light)
    fine = (
        np.stack([light, np.isfinite(depth)])
        .reshape(2, screen.height, _FINER, screen.width, _FINER)
        .mean(axis=(2, 4))
    )
    cover = fine[1]
    return np.where(cover > 0, fine[0] / np.where(cover > 0, cover, 1), 0.5), cover


def ball(
    xs: np.ndarray, ys: np.ndarray, centre: np.ndarray, radius: float
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Where lines of sight meet a ball first.

    Height z (-inf where they miss), and the normal there.
    """
    dx, dy = (xs - centre[0]) / radius, (ys - centre[1]) / radius
    room = 1 - dx**2 - dy**2
    up = np.sqrt(np.maximum(room, 0))
    return np.where(room > 0, centre[2] + radius * up, -np.inf), (dx, dy, up)


def _tube(
    xs: np.ndarray, ys: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The same of the round side of a tube, without its ends."""
    run = end - start
    flat, length = np.hypot(run[0], run[1]), np.linalg.norm(run)
    if flat < 1e-9 * length:  # seen from its end: the ball there is in front
        nothing = np.zeros(np.broadcast_shapes(xs.shape, ys.shape))
        return nothing - np.inf, (nothing, nothing, nothing)
    dx, dy = xs - start[0], ys - start[1]
    along, across = (dx * run[0] + dy * run[1]) / flat, (dy * run[0] - dx * run[1]) / flat
    room = radius**2 - across**2
    up = np.sqrt(np.maximum(room, 0))
    slope = run[2] / flat
    # The section by a plane through the line of sight is tilted: its front is met where the axis,
    # there, is shifted by up * slope / sqrt(1 + slope^2).
    share = (along + up * slope / np.sqrt(1 + slope**2)) / flat
    inside = (room > 0) & (share >= 0) & (share <= 1)
    z = start[2] + slope * along + up * np.sqrt(1 + slope**2)
    normal = tuple(
        (p - (s + share * r)) / radius for p, s, r in zip((xs, ys, z), start, run, strict=True)
    )
    return np.where(inside, z, -np.inf), normal
