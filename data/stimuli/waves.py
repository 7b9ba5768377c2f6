"""Waves: the axes of an oriented pattern, its luminance, and the disc that it is seen through."""

from __future__ import annotations

import numpy as np

from .sets import Screen


def axes(screen: Screen, y: float, x: float, orientation: float) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every pixel from a place, across and along stripes.

    Distances are in the unit of lengths.
    """
    down, right = screen.around(y, x)
    angle = np.radians(orientation)
    # Rows run downward, orientations counterclockwise; `across` is along the grating's change.
    return right * np.cos(angle) - down * np.sin(angle), right * np.sin(angle) + down * np.cos(
        angle
    )


def disc(screen: Screen, y: float, x: float, diameter: float) -> np.ndarray | float:
    """1 inside, 0 outside, its edge smoothed over one pixel."""
    if not np.isfinite(diameter):
        return 1.0
    down, right = screen.around(y, x)
    return np.clip((diameter / 2 - np.hypot(down, right)) / screen.pixel + 0.5, 0, 1)


def wave_at(
    screen: Screen,
    y: float,
    x: float,
    orientation: float,
    frequency: float,
    phase: float,
    wave: str,
) -> np.ndarray:
    """A wave over the screen, from -1 to 1.

    Parameters
    ----------
    screen : Screen
    y, x : float
        Where its phase is `phase`, in the unit of lengths.
    orientation : float
        Direction across its stripes, in degrees counterclockwise.
    frequency : float
        In cycles per pixel (or degree).
    phase : float
        In degrees.
    wave : {'sine', 'square'}

    Returns
    -------
    array of shape (height, width)
    """
    across, _ = axes(screen, y, x, orientation)
    turns = frequency * across + phase / 360
    if wave == "sine":
        return np.cos(2 * np.pi * turns)
    # The mean over each pixel, from the integral: sampled stripes would alias.
    half = frequency * screen.pixel / 2
    return (_square_integral(turns + half) - _square_integral(turns - half)) / (2 * half)


def _square_integral(turns: np.ndarray) -> np.ndarray:
    """Integral of a square wave that is +1 around whole turns and -1 around half ones."""
    return np.abs((turns - 0.25) % 1 - 0.5) - 0.25
