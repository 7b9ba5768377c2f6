"""Transformations with units, an identity, and an inverse where there is one.

What comes in at the border is chosen and reported.

Each function returns a `Transformation`; `hmax_cnn.data.transformed.transformed` applies it to a
set. Angles are counterclockwise as seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from hmax_cnn.extraction.choices import check_choice

from .spectra import random_phases
from .transformed import Transformation

BORDERS = {
    "constant": "constant",
    "edge": "nearest",
    "reflect": "mirror",
    "wrap": "grid-wrap",
}  # scipy.ndimage's names

_WIDEST = 1000  # pixels, of a Gaussian


def shift(
    direction: float = 0.0, border: str = "constant", fill: float | None = None
) -> Transformation:
    """Moved by a number of pixels, fractions too (cubic splines).

    Whole pixels along an axis are exact.

    Parameters
    ----------
    direction : float
        In degrees: 0 is to the right, 90 up.
    border : {'constant', 'edge', 'reflect', 'wrap'}
        What comes in: one luminance, the border's pixels again, the mirrored image, or its other
        side.
    fill : float or None
        The luminance of 'constant'; None is the mean of the image's border.

    Returns
    -------
    Transformation
    """
    # Rounded: 90 degrees moves by 6e-17 pixels across otherwise, which interpolates every pixel.
    right, down = (
        np.round(np.cos(np.radians(direction)), 12),
        -np.round(np.sin(np.radians(direction)), 12),
    )

    def back(value: float, _: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(2), -value * np.array([down, right])

    return _geometric("shift", "pixels", 0.0, back, lambda value: -value, border, fill)


def scale(border: str = "constant", fill: float | None = None) -> Transformation:
    """Enlarged (above 1) or reduced about the image's middle.

    Reduced images are smoothed first, so that nothing is aliased.

    Parameters
    ----------
    border, fill
        As in `shift`.

    Returns
    -------
    Transformation
        Its value is a factor.
    """

    def back(value: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return _about_the_middle(np.eye(2) / value, shape)

    return _geometric("scale", "times", 1.0, back, _reciprocal, border, fill, low=1e-3)


def rotation(border: str = "constant", fill: float | None = None) -> Transformation:
    """Rotated in the plane about the image's middle, in degrees counterclockwise.

    Parameters as in `shift`.
    """

    def back(value: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        c, s = np.cos(np.radians(value)), np.sin(np.radians(value))
        return _about_the_middle(np.array([[c, s], [-s, c]]), shape)

    return _geometric("rotation", "degrees", 0.0, back, lambda value: -value, border, fill)


def _about_the_middle(matrix: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    middle = (np.array(shape) - 1) / 2
    return matrix, middle - matrix @ middle


def _geometric(
    name: str,
    units: str,
    identity: float,
    back: Any,
    inverse: Any,
    border: str,
    fill: float | None,
    low: float = -np.inf,
) -> Transformation:
    """A transformation by where in the image each pixel of the result comes from.

    For every pixel (row, column) of the result that is matrix @ pixel + offset.
    """
    check_choice("border", border, BORDERS)
    if fill is not None and not (isinstance(fill, int | float | np.number) and np.isfinite(fill)):
        msg = (
            "`fill` must be one luminance, or None for the mean of the image's border, got "
            f"{fill!r}."
        )
        raise ValueError(msg)

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        matrix, offset = back(value, picture.shape[:2])
        if picture.ndim == 2:
            planes = picture[..., None]
        else:
            planes = picture
        # The mean of the image's border: what comes in makes no edge.
        outer = np.concatenate([planes[0], planes[-1], planes[1:-1, 0], planes[1:-1, -1]])
        if fill is None:
            level = outer.mean(axis=0)
        else:
            level = np.full(planes.shape[2], fill, dtype=float)
        # How many pixels of the picture fall into one of the result: it is blurred by as much
        # first.
        factor = np.sqrt(abs(np.linalg.det(matrix)))
        done = [
            _moved(planes[..., c], matrix, offset, factor, border, level[c])
            for c in range(planes.shape[2])
        ]
        return np.stack(done, axis=-1).reshape(picture.shape)

    def outside(shape: tuple[int, int], value: float) -> np.ndarray:
        matrix, offset = back(value, shape)
        factor = np.sqrt(abs(np.linalg.det(matrix)))
        # An image of ones with zeros outside: its deficit is what came from beyond the border.
        return 1 - _moved(np.ones(shape), matrix, offset, factor, "constant", 0.0)

    if border == "constant":
        described = f"{border}, {'mean of the border' if fill is None else f'luminance {fill:g}'}"
    else:
        described = border
    return Transformation(name, units, identity, change, inverse, outside, described, low)


def _moved(
    plane: np.ndarray,
    matrix: np.ndarray,
    offset: np.ndarray,
    factor: float,
    border: str,
    level: float,
) -> np.ndarray:
    mode, shape = BORDERS[border], plane.shape
    if np.array_equal(matrix, np.eye(2)) and np.array_equal(offset, np.round(offset)):
        return ndimage.affine_transform(plane, matrix, offset, order=0, mode=mode, cval=level)
    sigma = 0.5 * np.sqrt(max(0.0, factor**2 - 1))  # what reduces is smoothed first
    if (
        border == "constant"
    ):  # the level goes on beyond the border: splines would ring against a jump there
        pad = 12 + int(4 * sigma)
        plane, offset, mode = np.pad(plane, pad, constant_values=level), offset + pad, "nearest"
    if sigma:
        smooth = ndimage.gaussian_filter(plane, sigma, mode=mode)
    else:
        smooth = plane
    found = ndimage.affine_transform(smooth, matrix, offset, shape, order=3, mode=mode, cval=level)
    return np.clip(found, plane.min(), plane.max())  # splines overshoot at sharp edges


def reflection(axis: str = "x") -> Transformation:
    """Mirrored left to right ('x') or top to bottom ('y') where the value is 1."""
    if axis not in ("x", "y"):
        msg = f"`axis` must be 'x' or 'y', got {axis!r}."
        raise ValueError(msg)

    def change(picture: np.ndarray, _value: float, _: np.random.Generator) -> np.ndarray:
        if axis == "x":
            return picture[:, ::-1]
        return picture[::-1]

    return Transformation(
        "reflection", "mirrored", 0.0, change, lambda value: value, low=0, high=1, whole=True
    )


def contrast() -> Transformation:
    """Differences from the image's mean luminance multiplied.

    What makes all grey (0) cannot be undone.
    """

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        mean = picture.mean(axis=(0, 1))
        return mean + value * (picture - mean)

    return Transformation("contrast", "times", 1.0, change, _reciprocal)


def luminance() -> Transformation:
    """A luminance added to every pixel, in pixel values; nothing is cut off."""
    return Transformation(
        "luminance",
        "pixel values",
        0.0,
        lambda picture, value, _: picture + value,
        lambda value: -value,
    )


def blur() -> Transformation:
    """Smoothed by a Gaussian, whose standard deviation in pixels is the value.

    The border's pixels go on beyond it.
    """

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        return ndimage.gaussian_filter(
            picture, (value, value, *[0] * (picture.ndim - 2)), mode="nearest"
        )

    return Transformation("blur", "pixels", 0.0, change, border="edge", low=0, high=_WIDEST)


def noise() -> Transformation:
    """Gaussian noise added, whose standard deviation in pixel values is the value.

    Nothing is cut off.
    """

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        return picture + value * rng.standard_normal(picture.shape)

    return Transformation("noise", "pixel values", 0.0, change, low=0)


def occlusion(fill: float | None = None) -> Transformation:
    """A rectangle at a random place, whose share of the image's area is the value.

    It has the image's proportions.

    Parameters
    ----------
    fill : float or None
        Its luminance; None is the image's mean.
    """

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        height, width = (max(1, round(side * np.sqrt(value))) for side in picture.shape[:2])
        top, left = (
            int(rng.integers(0, side - part + 1))
            for side, part in zip(picture.shape[:2], (height, width), strict=True)
        )
        covered = picture.copy()
        if fill is None:
            covered[top : top + height, left : left + width] = picture.mean(axis=(0, 1))
        else:
            covered[top : top + height, left : left + width] = fill
        return covered

    return Transformation("occlusion", "share of area", 0.0, change, low=0, high=1)


def clutter(distractors: Any, size: float = 0.25) -> Transformation:
    """Other pictures, made smaller, pasted at random places outside the middle half of the image.

    Their number is the value.

    Of a distractor on a plain background only what differs from it is pasted. They lie side by side
    while there is room.

    Parameters
    ----------
    distractors : array or sequence of images
        With as many colours as the images.
    size : float
        Side of a distractor as a share of the image's sides; up to 0.25.
    """
    if not 0 < size <= 0.25:
        msg = (
            "`size` must lie above 0 and at most at 0.25, so that the middle half stays free, "
            f"got {size}."
        )
        raise ValueError(msg)
    if not len(distractors):
        msg = "`distractors` must hold at least one image, got none."
        raise ValueError(msg)

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        crowded, taken = picture.copy(), np.zeros(picture.shape[:2], bool)
        room = tuple(max(1, int(side * size)) for side in picture.shape[:2])
        for _ in range(int(value)):
            other = np.asarray(distractors[int(rng.integers(len(distractors)))], dtype=float)
            if other.ndim != picture.ndim or other.shape[2:] != picture.shape[2:]:
                msg = (
                    "`distractors` must have the colours of the images, of shape "
                    f"{picture.shape}, got {other.shape}."
                )
                raise ValueError(msg)
            small, cover = (_resized(plane, room) for plane in (other, _object(other)))
            place = _off_the_middle(taken, room, rng)
            crowded[place] += cover[(..., *[None] * (picture.ndim - 2))] * (small - crowded[place])
            taken[place] = True
        return crowded

    return Transformation("clutter", "distractors", 0.0, change, low=0, whole=True)


def _object(picture: np.ndarray) -> np.ndarray:
    """1 where a picture differs from its plain background.

    Everywhere, where the border is not plain.
    """
    rim = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    ground = np.median(rim, axis=0)
    near = 0.01 * max(np.ptp(picture), 1e-9)
    if (np.abs(rim - ground) > near).mean() > 0.1:
        return np.ones(picture.shape[:2])
    apart = np.abs(picture - ground) > near
    return (apart if picture.ndim == 2 else apart.any(axis=2)).astype(float)


def _resized(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Smoothed and sampled to height and width."""
    zoom = [part / side for part, side in zip(shape, picture.shape[:2], strict=True)]
    smooth = ndimage.gaussian_filter(
        picture,
        [*(0.4 * max(0, 1 / z - 1) for z in zoom), *[0] * (picture.ndim - 2)],
        mode="nearest",
    )
    return ndimage.zoom(
        smooth, [*zoom, *[1] * (picture.ndim - 2)], order=1, grid_mode=True, mode="nearest"
    )


def _off_the_middle(
    taken: np.ndarray, room: tuple[int, ...], rng: np.random.Generator
) -> tuple[slice, slice]:
    """A place outside the middle half of the image, free where one of a hundred draws is."""
    middle = [(side / 4, 3 * side / 4) for side in taken.shape]
    draws = 0
    while True:
        corner = [
            int(rng.integers(0, side - part + 1))
            for side, part in zip(taken.shape, room, strict=True)
        ]
        beside = any(
            start + part <= low or start >= high
            for start, part, (low, high) in zip(corner, room, middle, strict=True)
        )
        place = slice(corner[0], corner[0] + room[0]), slice(corner[1], corner[1] + room[1])
        draws += beside
        if (
            (beside and not taken[place].any())
            or (beside and draws > 100)
            or (draws == 0 and min(taken.shape) < 4)
        ):
            return place


def phase_scrambling() -> Transformation:
    """Phases of the Fourier spectrum turned by random angles of at most the value.

    The value is a share of half a turn: 0 changes nothing, at 1 all phases are random.

    Amplitudes are kept.
    """

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        return random_phases(picture, value, rng)

    return Transformation(
        "phase scrambling", "share of half a turn", 0.0, change, border="wrap", low=0, high=1
    )


def _reciprocal(value: float) -> float:
    if value == 0:
        msg = "`value` 0 cannot be undone: nothing of the image is left."
        raise ValueError(msg)
    return 1 / value
