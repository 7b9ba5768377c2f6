"""Shapes: closed contours from Fourier descriptors, digits anywhere, and pictures reduced to a silhouette or to their edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.datasets import load_digits

from data.stimuli.sets import Screen, Stimuli, crossed, placed, positive, within

STYLES = ("filled", "outline")
_FINER = 4  # shapes are drawn so many times larger, then averaged


def fourier_shapes(
    screen: Screen | Sequence[int],
    n_shapes: int,
    sizes: Sequence[float] = (40.0,),
    positions: Sequence[tuple[float, float]] | None = None,
    n_harmonics: int = 6,
    irregularity: float = 0.35,
    style: str = "filled",
    contrast: float = 1.0,
    random_state: int = 0,
) -> Stimuli:
    """Random closed shapes from (elliptic) Fourier descriptors: a circle plus harmonics whose amplitude falls with their order.

    Parameters
    ----------
    screen : Screen or (int, int)
        Height and width in pixels; a Screen with `pixels_per_degree` makes lengths degrees of visual angle.
    n_shapes : int
        Different shapes; shape i is the same for every size, position and number of shapes.
    sizes : sequence of float
        Twice the root-mean-square distance of the contour from its middle, in pixels (or degrees).
    positions : sequence of (float, float) or None
        Middles (y, x); None is the middle of the screen.
    n_harmonics : int
        From the second up, in both directions.
    irregularity : float
        Amplitude of the second harmonic over the circle's radius.
    style : {'filled', 'outline'}
        A silhouette, or its contour, about two pixels wide.
    contrast : float
        From -1 to 1.
    random_state : int

    Returns
    -------
    Stimuli

    References
    ----------
    Kuhl & Giardina, "Elliptic Fourier features of a closed contour", 1982.
    """
    screen = Screen.of(screen)
    if style not in STYLES:
        msg = f"`style` must be one of {', '.join(map(repr, STYLES))}, got {style!r}."
        raise ValueError(msg)
    within("contrast", [contrast], -1, 1)
    table = crossed(shape=range(n_shapes), size=positive("sizes", sizes))

    def draw(y: float, x: float, shape: float, size: float) -> np.ndarray:
        contour = _contour(np.random.default_rng((random_state, int(shape))), n_harmonics, irregularity) * size / 2
        points = np.stack([(x + contour.real) / screen.pixel, (y + contour.imag) / screen.pixel], axis=1)
        return screen.shown(_drawn(screen, points, style), contrast)

    return Stimuli(placed(table, screen, positions), draw, dict.fromkeys(("size", "y", "x"), screen.length), "shape")


def _contour(rng: np.random.Generator, n_harmonics: int, irregularity: float) -> np.ndarray:
    """Points on a closed curve around 0, as complex numbers, of root-mean-square radius 1."""
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    curve = np.exp(1j * turn)
    for order in range(2, n_harmonics + 1):
        for sign in (1, -1):
            amplitude = irregularity * 2 / order * rng.normal() / 2
            curve = curve + amplitude * np.exp(1j * (sign * order * turn + rng.uniform(0, 2 * np.pi)))
    return curve / np.sqrt((np.abs(curve) ** 2).mean())


def _drawn(screen: Screen, points: np.ndarray, style: str) -> np.ndarray:
    """How much of each pixel a polygon (x, y) covers."""
    canvas = Image.new("L", (screen.width * _FINER, screen.height * _FINER))
    corners = [(float(x), float(y)) for x, y in (points + 0.5) * _FINER - 0.5]
    if style == "filled":
        ImageDraw.Draw(canvas).polygon(corners, fill=255)
    else:
        ImageDraw.Draw(canvas).line([*corners, corners[0]], fill=255, width=2 * _FINER, joint="curve")
    fine = np.asarray(canvas, float) / 255
    return fine.reshape(screen.height, _FINER, screen.width, _FINER).mean(axis=(1, 3))


def digits(
    screen: Screen | Sequence[int],
    n_digits: int = 10,
    sizes: Sequence[float] = (32.0,),
    positions: Sequence[tuple[float, float]] | None = None,
    contrast: float = 1.0,
) -> Stimuli:
    """scikit-learn's handwritten digits (8 x 8 pixels) at any size and place, `label` telling which they are.

    Parameters
    ----------
    screen, positions
        As in `fourier_shapes`.
    n_digits : int
        The first so many, of 1,797.
    sizes : sequence of float
        Side of the square that holds the digit, in pixels (or degrees).
    contrast : float
        Of the darkest ink, from -1 to 1.

    Returns
    -------
    Stimuli
    """
    screen = Screen.of(screen)
    glyphs = load_digits()
    if not 1 <= n_digits <= len(glyphs.images):
        msg = f"`n_digits` must lie between 1 and {len(glyphs.images)}, got {n_digits}."
        raise ValueError(msg)
    within("contrast", [contrast], -1, 1)
    table = crossed(digit=range(n_digits), size=positive("sizes", sizes))
    table.insert(0, "label", glyphs.target[table["digit"].astype(int)].astype(str))

    def draw(y: float, x: float, label: str, digit: float, size: float) -> np.ndarray:
        glyph = np.pad(glyphs.images[int(digit)] / 16, 2)  # so that interpolation fades to the background
        down, right = screen.around(y, x)
        grid = np.broadcast_arrays(*((distance / size + 0.5) * 8 + 1.5 for distance in (down, right)))
        return screen.shown(np.clip(ndimage.map_coordinates(glyph, grid, order=1, mode="constant"), 0, 1), contrast)

    return Stimuli(placed(table, screen, positions), draw, dict.fromkeys(("size", "y", "x"), screen.length), "digit")


def silhouettes(images: Any, tolerance: float = 12.0, background: float = 127.5, contrast: float = -1.0) -> Stimuli:
    """Pictures of single objects reduced to what differs from their background, holes filled.

    Parameters
    ----------
    images : array of shape (n, height, width), or sequence of such images
        Objects on a plain background, which is what most of the border shows.
    tolerance : float
        Pixels count as background up to this difference from it.
    background, contrast : float
        Of the new picture.

    Returns
    -------
    Stimuli
    """

    def reduced(picture: np.ndarray) -> np.ndarray:
        rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        return ndimage.binary_fill_holes(np.abs(picture - np.median(rim)) > tolerance).astype(float)

    return _redrawn(images, reduced, background, contrast, "silhouette")


def edge_drawings(images: Any, sigma: float = 2.0, threshold: float = 0.1, background: float = 127.5, contrast: float = -1.0) -> Stimuli:
    """Pictures reduced to their edges: zero crossings of the Laplacian of a Gaussian where the slope is strong.

    Parameters
    ----------
    images : array of shape (n, height, width), or sequence of such images
    sigma : float
        Of the Gaussian, in pixels.
    threshold : float
        Least slope, as a share of the picture's steepest.
    background, contrast : float
        Of the new picture.

    Returns
    -------
    Stimuli

    References
    ----------
    Marr & Hildreth, "Theory of edge detection", Proc R Soc B 1980.
    """

    def reduced(picture: np.ndarray) -> np.ndarray:
        curvature = ndimage.gaussian_laplace(picture, sigma)
        slope = ndimage.gaussian_gradient_magnitude(picture, sigma)
        positive_side = curvature > 0
        crossing = np.zeros(picture.shape, bool)
        crossing[:, :-1] |= positive_side[:, :-1] != positive_side[:, 1:]
        crossing[:-1] |= positive_side[:-1] != positive_side[1:]
        return (crossing & (slope > max(threshold * slope.max(), 1e-9))).astype(float)

    return _redrawn(images, reduced, background, contrast, "edges")


def _redrawn(images: Any, reduced: Any, background: float, contrast: float, name: str) -> Stimuli:
    def draw(picture: float) -> np.ndarray:
        values = np.asarray(images[int(picture)], dtype=float)
        grey = values if values.ndim == 2 else values.mean(axis=2)
        return Screen(*grey.shape, background=background).shown(reduced(grey), contrast)

    return Stimuli(crossed(picture=range(len(images))), draw, name=name)
