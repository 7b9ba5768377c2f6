"""Where units of a pyramid lie: all layers in the coordinates of one square window.

The unit is a pixel of the finest level, the origin the middle of the window. Every layer is
symmetric about it, and rows and columns are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np

# Alignments are exact but for rounding, and once by design: in the 8 / 3 geometry of PNAS 2007 a
# coarse unit lies 0.00028 units outside a window and counts.
_SLACK = 0.001


@dataclass(frozen=True)
class Axis:
    """The units of a layer along rows, and so along columns.

    Attributes
    ----------
    n : int
    space : float
        Between neighbours.
    """

    n: int
    space: float

    @property
    def start(self) -> float:
        """Where the first unit is."""
        return -self.space * (self.n - 1) / 2

    def centres(self) -> np.ndarray:
        """Where all units are.

        Returns
        -------
        array of shape (n,)
        """
        return self.start + self.space * np.arange(self.n)

    def tuned(self, smallest: int) -> Axis:
        """Units of templates that look at these, the smallest of which has so many a side.

        Parameters
        ----------
        smallest : int

        Returns
        -------
        Axis
        """
        return Axis(max(0, self.n - smallest + 1), self.space)

    def pooled(self, window: int, stride: int) -> Axis:
        """Units of complex cells that pool these, and those of coarser scales at the same places.

        Parameters
        ----------
        window, stride : int
            In units of this scale.

        Returns
        -------
        Axis
            What is left over is shared by both ends.
        """
        if self.n < window:
            return Axis(0, stride * self.space)
        if self.n % 2 == window % 2:  # a unit in the middle
            n = 2 * floor((self.n - window) / (2 * stride)) + 1
        else:
            n = 2 * floor((self.n - window - stride) / (2 * stride)) + 2
        return Axis(max(0, n), stride * self.space)

    def within(self, centres: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """The first unit, and the one past the last, that lie so near to each of some places.

        Parameters
        ----------
        centres : array
        reach : float

        Returns
        -------
        first, end : integer arrays
        """
        reach = reach + _SLACK * self.space
        first = np.ceil((centres - reach - self.start) / self.space).astype(int)
        last = np.floor((centres + reach - self.start) / self.space).astype(int)
        first = first.clip(0, self.n)
        return first, (last + 1).clip(first, self.n)


def levels(base: int, count: int) -> list[Axis]:
    """Levels of a pyramid, each a fourth of an octave coarser; parity is kept.

    Parameters
    ----------
    base : int
        Side of the window, in pixels of the finest level.
    count : int

    Returns
    -------
    list of Axis

    Examples
    --------
    >>> [axis.n for axis in levels(140, 9)]
    [140, 116, 98, 82, 70, 58, 48, 40, 34]
    """
    found = []
    for number in range(count):
        f = 2 ** (number / 4)
        n = 2 * floor(base / (2 * f)) if base % 2 == 0 else 2 * floor((base - f) / (2 * f)) + 1
        found.append(Axis(n, f))
    return found


@dataclass(frozen=True)
class Fit:
    """How an image lies in the window: its longer side fills it, and it is centred.

    Attributes
    ----------
    scale : float
        Units of the window in a pixel of the image.
    height, width : int
        Of the image, in pixels.
    """

    scale: float
    height: int
    width: int

    @classmethod
    def of(cls, base: int, height: int, width: int) -> Fit:
        """Of an image in a window of this side."""
        return cls(min(base / height, base / width), height, width)

    def taps(self, level: Axis) -> int:
        """Pixels of the image that a pixel of a level is made of, along each axis."""
        q = self.scale / level.space
        return ceil(4 / q) if q < 1 else 4

    def resampling(self, level: Axis, n_pixels: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights that make a level's rows (or columns) of the image's, antialiased bicubic.

        Parameters
        ----------
        level : Axis
        n_pixels : int
            Rows (or columns) of the image.

        Returns
        -------
        weights : array of shape (level.n, n_pixels)
            Each row sums to 1. Pixels beyond the image are as those at its border.
        known : array of bool of shape (level.n,)
            Whether at least half of the pixels lie in the image.
        """
        q, m = self.scale / level.space, self.taps(level)
        start = -self.scale * (n_pixels - 1) / 2
        first = np.ceil((level.centres() - start) / self.scale - m / 2 - _SLACK).astype(int)
        pixels = first[:, None] + np.arange(m)
        away = (start + pixels * self.scale - level.centres()[:, None]) / self.scale
        weights = _cubic(min(q, 1.0) * away)
        inside = (pixels >= 0) & (pixels < n_pixels)
        matrix = np.zeros((level.n, n_pixels))
        np.add.at(matrix, (np.arange(level.n)[:, None], pixels.clip(0, n_pixels - 1)), weights)
        return matrix / matrix.sum(axis=1, keepdims=True), 2 * inside.sum(axis=1) >= m


def _cubic(t: np.ndarray) -> np.ndarray:
    """The kernel of bicubic interpolation, a = -0.5."""
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t <= 1, near, np.where(t <= 2, far, 0.0))
