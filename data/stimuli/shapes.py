"""Shapes: closed contours, digits, and pictures reduced to an outline.

Contours come from Fourier descriptors; pictures become silhouettes or edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.datasets import load_digits

from hmax_cnn.extraction.choices import check_choice

from ..seeds import check_seed, generator
from .counts import numbered
from .sets import Screen, Stimuli, crossed, placed, positive, within

STYLES = ("filled", "outline")
_FINER = 8  # shapes are drawn so many times larger, then averaged


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
    """Random closed shapes from (elliptic) Fourier descriptors.

    A circle plus harmonics whose amplitude falls with their order.

    Parameters
    ----------
    screen : Screen or (int, int)
        Height and width in pixels; a Screen with `pixels_per_degree` makes lengths degrees of
        visual angle.
    n_shapes : int
        Different shapes; shape i is the same for every size, position and number of shapes.
    sizes : sequence of float
        Twice the root-mean-square distance of the contour from its middle, in pixels (or degrees).
    positions : sequence of (float, float) or None
        Middles (y, x); None is the middle of the screen.
    n_harmonics : int
        From the second up, in both directions.
    irregularity : float
        Typical amplitude of the harmonics over the circle's radius, before it is divided by their
        order; from 0 (a circle) to 1. Contours that cross themselves are drawn again, more evenly
        after every ten attempts.
    style : {'filled', 'outline'}
        A silhouette, or its contour, about two pixels wide.
    contrast : float
        From -1 to 1.
    random_state : int

    Returns
    -------
    Stimuli

    Raises
    ------
    ValueError
        If there is no such style, or a value is out of range.

    References
    ----------
    Kuhl & Giardina, "Elliptic Fourier features of a closed contour", 1982.

    Examples
    --------
    >>> fourier_shapes((64, 64), 3, sizes=(20, 40)).table["shape"].tolist()
    [0, 0, 1, 1, 2, 2]
    """
    screen = Screen.of(screen)
    check_choice("style", style, STYLES)
    within("contrast", [contrast], -1, 1)
    within("irregularity", [irregularity], 0, 1)
    within("n_harmonics", [n_harmonics], 1, 50)
    check_seed(random_state)
    table = crossed(shape=numbered("n_shapes", n_shapes), size=positive("sizes", sizes))

    def draw(y: float, x: float, shape: int, size: float) -> np.ndarray:
        contour = (
            _contour(generator("fourier shapes", random_state, shape), n_harmonics, irregularity)
            * size
            / 2
        )
        return screen.shown(_drawn(screen, (contour + x + 1j * y) / screen.pixel, style), contrast)

    known = {
        "style": style,
        "contrast": contrast,
        "n_harmonics": n_harmonics,
        "irregularity": irregularity,
        "random_state": random_state,
    }
    units = dict.fromkeys(("size", "y", "x"), screen.length)
    return Stimuli(
        placed(table, screen, positions), draw, units, "shape", known | screen.settings()
    )


def _contour(rng: np.random.Generator, n_harmonics: int, irregularity: float) -> np.ndarray:
    """Points on a closed curve around 0 that does not cross itself.

    Complex numbers, of root-mean-square radius 1.
    """
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    for attempt in count():
        curve = np.exp(1j * turn)
        for order in range(2, n_harmonics + 1):
            for sign in (1, -1):
                # A contour that crosses itself is drawn again, after ten times with less
                # irregularity.
                amplitude = 0.9 ** (attempt // 10) * irregularity / order * rng.normal()
                curve = curve + amplitude * np.exp(
                    1j * (sign * order * turn + rng.uniform(0, 2 * np.pi))
                )
        if not _crosses_itself(curve[::4]):
            break
    return curve / np.sqrt((np.abs(curve) ** 2).mean())


def _crosses_itself(points: np.ndarray) -> bool:
    """Whether two sides of a closed polygon that are no neighbours cross."""
    side = np.roll(points, -1) - points

    def across(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a.conj() * b).imag

    # Two sides cross where each meets the other's line between its ends.
    between = points[None] - points[:, None]  # from the start of side i to that of side j
    denominator = across(side[:, None], side[None])
    safe = np.where(denominator != 0, denominator, np.inf)
    here, there = across(between, side[None]) / safe, across(between, side[:, None]) / safe
    apart = np.abs(np.subtract.outer(np.arange(len(points)), np.arange(len(points))))
    return bool(
        (
            (here > 0)
            & (here < 1)
            & (there > 0)
            & (there < 1)
            & (apart > 1)
            & (apart < len(points) - 1)
        ).any()
    )


def _drawn(screen: Screen, contour: np.ndarray, style: str) -> np.ndarray:
    """How much of each pixel a closed contour (x + iy, in pixels) covers."""
    canvas = Image.new("L", (screen.width * _FINER, screen.height * _FINER))
    points = (contour + 0.5 + 0.5j) * _FINER - (
        0.5 + 0.5j
    )  # where fine pixels have their centres at whole numbers
    if style == "filled":
        outward = np.gradient(np.concatenate([points[-1:], points, points[:1]]))[1:-1] * -1j
        points = points - 0.5 * outward / np.abs(outward)  # Pillow fills the border's pixels too
        ImageDraw.Draw(canvas).polygon(_corners(points), fill=255)
    else:
        ImageDraw.Draw(canvas).line(
            [*_corners(points), _corners(points)[0]], fill=255, width=2 * _FINER, joint="curve"
        )
    fine = np.asarray(canvas, float) / 255
    return fine.reshape(screen.height, _FINER, screen.width, _FINER).mean(axis=(1, 3))


def _corners(points: np.ndarray) -> list[tuple[float, float]]:
    return [
        (float(point.real) + 0.5, float(point.imag) + 0.5) for point in points
    ]  # Pillow's whole numbers are pixels' edges


def placed_digits(
    screen: Screen | Sequence[int],
    n_digits: int = 10,
    sizes: Sequence[float] = (32.0,),
    positions: Sequence[tuple[float, float]] | None = None,
    contrast: float = 1.0,
) -> Stimuli:
    """scikit-learn's handwritten digits (8 x 8 pixels) at any size and place.

    `label` tells which they are.

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

    Raises
    ------
    ValueError
        If there are not so many digits, or a value is out of range.

    Examples
    --------
    >>> placed_digits((64, 64), 3, positions=[(20, 20), (40, 40)]).labels.tolist()
    ['0', '1', '2', '0', '1', '2']
    """
    screen = Screen.of(screen)
    glyphs = load_digits()
    if not 1 <= n_digits <= len(glyphs.images):
        msg = f"`n_digits` must lie between 1 and {len(glyphs.images)}, got {n_digits}."
        raise ValueError(msg)
    within("contrast", [contrast], -1, 1)
    table = crossed(digit=range(n_digits), size=positive("sizes", sizes))
    table.insert(0, "label", glyphs.target[table["digit"]].astype(str))

    def draw(y: float, x: float, label: str, digit: int, size: float) -> np.ndarray:
        glyph = np.pad(
            glyphs.images[digit] / 16, 2
        )  # so that interpolation fades to the background
        coarse = 8 * screen.pixel / size  # pixels of the glyph in one of the screen
        # Blurred where the screen is coarser than the glyph: no aliasing.
        glyph = ndimage.gaussian_filter(
            glyph, 0.5 * np.sqrt(max(0.0, coarse**2 - 1)), mode="constant"
        )
        down, right = screen.around(y, x)
        grid = np.broadcast_arrays(
            *((distance / size + 0.5) * 8 + 1.5 for distance in (down, right))
        )
        return screen.shown(
            np.clip(ndimage.map_coordinates(glyph, grid, order=1, mode="constant"), 0, 1), contrast
        )

    return Stimuli(
        placed(table, screen, positions),
        draw,
        dict.fromkeys(("size", "y", "x"), screen.length),
        "digit",
        {"contrast": contrast} | screen.settings(),
    )


def silhouettes(
    images: Any, tolerance: float = 12.0, background: float = 127.5, foreground: float = 0.0
) -> Stimuli:
    """Pictures of single objects reduced to what differs from their background, holes filled.

    Parameters
    ----------
    images : array of shape (n, height, width[, 3]), or sequence of such images
        Objects on a plain background, which is what most of the border shows; colours become their
        mean.
    tolerance : float
        Pixels count as background up to this difference from it, in pixel values.
    background, foreground : float
        Luminance of the new picture.

    Returns
    -------
    Stimuli

    Examples
    --------
    >>> from hmax_cnn.data import photographs
    >>> sorted(set(silhouettes(photographs())[1].ravel().tolist()))
    [0.0, 127.5]
    """

    def reduced(picture: np.ndarray) -> np.ndarray:
        # The median of the rim is the background, though the object touches it.
        rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        return ndimage.binary_fill_holes(np.abs(picture - np.median(rim)) > tolerance).astype(float)

    return _redrawn(images, reduced, background, foreground, "silhouette", {"tolerance": tolerance})


def edge_drawings(
    images: Any,
    sigma: float = 2.0,
    threshold: float = 0.1,
    background: float = 127.5,
    foreground: float = 0.0,
) -> Stimuli:
    """Pictures reduced to their edges.

    Zero crossings of the Laplacian of a Gaussian where the slope is strong.

    Parameters
    ----------
    images : array of shape (n, height, width[, 3]), or sequence of such images
        Colours become their mean.
    sigma : float
        Of the Gaussian, in pixels.
    threshold : float
        Least slope, as a share of the picture's steepest.
    background, foreground : float
        Luminance of the new picture; each edge is shared by the two pixels that it runs between.

    Returns
    -------
    Stimuli

    References
    ----------
    Marr & Hildreth, "Theory of edge detection", Proc R Soc B 1980.

    Examples
    --------
    >>> from hmax_cnn.data import photographs
    >>> edge_drawings(photographs())[0].shape
    (427, 640)
    """

    def reduced(picture: np.ndarray) -> np.ndarray:
        curvature = ndimage.gaussian_laplace(picture, sigma)
        slope = ndimage.gaussian_gradient_magnitude(picture, sigma)
        # Marr & Hildreth 1980: zero crossings of the Laplacian, where the slope is not just noise.
        strong = slope > max(threshold * slope.max(), 1e-9)
        return np.maximum(_crossings(curvature, strong), _crossings(curvature.T, strong.T).T)

    return _redrawn(
        images, reduced, background, foreground, "edges", {"sigma": sigma, "threshold": threshold}
    )


def _crossings(curvature: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """Zero crossings down the columns.

    Each is dealt to the pixel above and the one below by how close it lies.
    """
    above, below = curvature[:-1], curvature[1:]
    crosses = (above * below < 0) & (strong[:-1] | strong[1:])
    # The crossing lies between two pixels: each is covered by its share.
    share = np.where(
        crosses, np.abs(below) / np.where(crosses, np.abs(above) + np.abs(below), 1), 0
    )
    found = np.zeros(curvature.shape)
    found[:-1] = share
    found[1:] = np.maximum(found[1:], np.where(crosses, 1 - share, 0))
    return found


def _redrawn(
    images: Any,
    reduced: Any,
    background: float,
    foreground: float,
    name: str,
    settings: dict[str, float],
) -> Stimuli:
    if not len(images):
        msg = "`images` must hold at least one image, got none."
        raise ValueError(msg)

    def draw(picture: int) -> np.ndarray:
        values = np.asarray(images[picture], dtype=float)
        if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3):
            msg = (
                "`images` must have shape (height, width) or (height, width, 3), got "
                f"{values.shape} for image {picture}."
            )
            raise ValueError(msg)
        cover = reduced(values if values.ndim == 2 else values.mean(axis=2))
        return (background + cover * (foreground - background)).astype(np.float32)

    known = settings | {"background": background, "foreground": foreground}
    return Stimuli(crossed(picture=range(len(images))), draw, name=name, settings=known)
