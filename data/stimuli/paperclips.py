"""Paperclips: random bent wires in three dimensions, shaded, seen from any side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from data.stimuli.sets import Screen, Stimuli, crossed, placed, positive

AXES = ("y", "x", "z")
_FINER = 2  # drawn so many times larger, then averaged
_LIGHT = np.array([-0.4, -0.5, 0.77])  # from the upper left, towards the viewer


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
        Height and width in pixels; a Screen with `pixels_per_degree` makes lengths degrees of visual angle.
    n_objects : int
        Different wires; wire i is the same for every view, size, position and number of wires.
    views : sequence of float
        Rotation in depth, in degrees.
    sizes : sequence of float
        Diameter of the sphere that holds the wire, in pixels (or degrees).
    positions : sequence of (float, float) or None
        Middles (y, x); None is the middle of the screen.
    axis : {'y', 'x', 'z'}
        Rotation about the vertical, the horizontal, or the line of sight (counterclockwise, in the plane).
    n_segments : int
        Straight pieces of equal length.
    thickness : float
        Of the wire, as a share of `sizes`.
    random_state : int

    Returns
    -------
    Stimuli
        Columns y, x, object, size, view; dark to light wires on the background, shaded by a light from the upper left.

    References
    ----------
    Logothetis, Pauls & Poggio, "Shape representation in the inferior temporal cortex of monkeys", Curr Biol 1995.
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience 1999.
    """
    screen = Screen.of(screen)
    if axis not in AXES:
        msg = f"`axis` must be one of {', '.join(map(repr, AXES))}, got {axis!r}."
        raise ValueError(msg)
    if not isinstance(n_segments, int | np.integer) or n_segments < 2:
        msg = f"`n_segments` must be a whole number of at least 2, got {n_segments!r}."
        raise ValueError(msg)
    table = crossed(object=range(n_objects), size=positive("sizes", sizes), view=views)

    def draw(y: float, x: float, object: float, size: float, view: float) -> np.ndarray:
        wire = _wire(np.random.default_rng((random_state, int(object))), n_segments) @ _turn(axis, view).T
        middle = np.array([x / screen.pixel, y / screen.pixel, 0])
        scale = size / screen.pixel / 2
        light, cover = _rendered(screen, wire * scale + middle, thickness * scale)
        return screen.shown(cover * (2 * light - 1))

    return Stimuli(placed(table, screen, positions), draw, {"view": "degrees"} | dict.fromkeys(("size", "y", "x"), screen.length), "paperclip")


def _wire(rng: np.random.Generator, n_segments: int) -> np.ndarray:
    """Corners (x, y, z) of a random walk of equal steps that bends by 40 to 140 degrees, within the unit sphere."""
    direction = _unit(rng.standard_normal(3))
    corners = [np.zeros(3)]
    while len(corners) <= n_segments:
        turned = _unit(rng.standard_normal(3))
        if len(corners) == 1 or abs(turned @ direction) < np.cos(np.radians(40)):
            direction = turned
            corners.append(corners[-1] + direction)
    wire = np.array(corners)
    wire -= (wire.max(axis=0) + wire.min(axis=0)) / 2
    return wire / np.linalg.norm(wire, axis=1).max() * 0.94


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


def _rendered(screen: Screen, corners: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Light (0 to 1) and cover of every pixel: tubes of circular section with round joints, seen along z, the nearest in front."""
    offsets = (np.arange(_FINER) + 0.5) / _FINER - 0.5
    xs = (np.arange(screen.width)[:, None] + offsets).ravel()[None]
    ys = (np.arange(screen.height)[:, None] + offsets).ravel()[:, None]
    depth = np.full((ys.size, xs.size), -np.inf)
    light = np.zeros_like(depth)
    for start, end in itertools.pairwise(corners):
        run = end[:2] - start[:2]
        length = run @ run
        share = np.clip(((xs - start[0]) * run[0] + (ys - start[1]) * run[1]) / (length if length > 1e-9 else 1.0), 0, 1)
        dx, dy = xs - start[0] - share * run[0], ys - start[1] - share * run[1]
        height = radius**2 - dx**2 - dy**2
        z = start[2] + share * (end[2] - start[2]) + np.sqrt(np.maximum(height, 0))
        in_front = (height > 0) & (z > depth)
        depth = np.where(in_front, z, depth)
        shade = (dx * _LIGHT[0] + dy * _LIGHT[1] + np.sqrt(np.maximum(height, 0)) * _LIGHT[2]) / radius
        light = np.where(in_front, 0.15 + 0.85 * np.clip(shade, 0, 1), light)
    fine = np.stack([light, np.isfinite(depth)]).reshape(2, screen.height, _FINER, screen.width, _FINER).mean(axis=(2, 4))
    cover = fine[1]
    return np.where(cover > 0, fine[0] / np.where(cover > 0, cover, 1), 0.5), cover
