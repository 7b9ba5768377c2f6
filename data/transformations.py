"""Transformations with units, an identity, an inverse where there is one, and a border that is chosen and reported.

Each function returns a `Transformation`; `data.transformed.transformed` applies it to a set. Angles are counterclockwise as seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from data.spectra import random_phases
from data.transformed import Transformation

BORDERS = {"constant": "constant", "edge": "nearest", "reflect": "mirror", "wrap": "grid-wrap"}  # scipy.ndimage's names


def shift(direction: float = 0.0, border: str = "constant", fill: float | None = None) -> Transformation:
    """Moved by a number of pixels, fractions too (cubic splines); whole pixels along an axis are exact.

    Parameters
    ----------
    direction : float
        In degrees: 0 is to the right, 90 up.
    border : {'constant', 'edge', 'reflect', 'wrap'}
        What comes in: one luminance, the border's pixels again, the mirrored image, or its other side.
    fill : float or None
        The luminance of 'constant'; None is the mean of the image's border.

    Returns
    -------
    Transformation
    """
    right, down = np.round(np.cos(np.radians(direction)), 12), -np.round(np.sin(np.radians(direction)), 12)

    def back(value: float, _: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(2), -value * np.array([down, right])

    return _geometric("shift", "pixels", 0.0, back, lambda value: -value, border, fill)


def scale(border: str = "constant", fill: float | None = None) -> Transformation:
    """Enlarged (above 1) or reduced about the image's middle; reduced images are smoothed first, so that nothing is aliased.

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
        if value <= 0:
            msg = f"`value` of scale must be positive, got {value:g}."
            raise ValueError(msg)
        return _about_the_middle(np.eye(2) / value, shape)

    return _geometric("scale", "times", 1.0, back, lambda value: 1 / value, border, fill)


def rotation(border: str = "constant", fill: float | None = None) -> Transformation:
    """Turned in the plane about the image's middle, in degrees counterclockwise; parameters as in `shift`."""

    def back(value: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        c, s = np.cos(np.radians(value)), np.sin(np.radians(value))
        return _about_the_middle(np.array([[c, s], [-s, c]]), shape)

    return _geometric("rotation", "degrees", 0.0, back, lambda value: -value, border, fill)


def _about_the_middle(matrix: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    middle = (np.array(shape) - 1) / 2
    return matrix, middle - matrix @ middle


def _geometric(name: str, units: str, identity: float, back: Any, inverse: Any, border: str, fill: float | None) -> Transformation:
    """A transformation that asks, for every pixel (row, column) of the result, where in the image it comes from: matrix @ pixel + offset."""
    if border not in BORDERS:
        msg = f"`border` must be one of {', '.join(map(repr, BORDERS))}, got {border!r}."
        raise ValueError(msg)

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        matrix, offset = back(value, picture.shape[:2])
        planes = picture[..., None] if picture.ndim == 2 else picture
        outer = np.concatenate([planes[0], planes[-1], planes[1:-1, 0], planes[1:-1, -1]])
        level = outer.mean(axis=0) if fill is None else np.full(planes.shape[2], fill, dtype=float)
        factor = np.sqrt(abs(np.linalg.det(matrix)))
        done = [_moved(planes[..., c], matrix, offset, factor, border, level[c]) for c in range(planes.shape[2])]
        return np.stack(done, axis=-1).reshape(picture.shape)

    def outside(shape: tuple[int, int], value: float) -> np.ndarray:
        matrix, offset = back(value, shape)
        rows, columns = np.indices(shape)
        source = np.tensordot(matrix, np.stack([rows, columns]), axes=1) + offset[:, None, None]
        last = np.array(shape)[:, None, None] - 1
        return ((source < -1e-6) | (source > last + 1e-6)).any(axis=0)

    described = f"{border}, {'mean of the border' if fill is None else f'luminance {fill:g}'}" if border == "constant" else border
    return Transformation(name, units, identity, change, inverse, outside, described)


def _moved(plane: np.ndarray, matrix: np.ndarray, offset: np.ndarray, factor: float, border: str, level: float) -> np.ndarray:
    mode, shape = BORDERS[border], plane.shape
    if np.array_equal(matrix, np.eye(2)) and np.array_equal(offset, np.round(offset)):
        return ndimage.affine_transform(plane, matrix, offset, order=0, mode=mode, cval=level)
    sigma = 0.5 * np.sqrt(max(0.0, factor**2 - 1))  # what reduces is smoothed first
    if border == "constant":  # the level goes on beyond the border: splines would ring against a jump there
        pad = 12 + int(4 * sigma)
        plane, offset, mode = np.pad(plane, pad, constant_values=level), offset + pad, "nearest"
    smooth = ndimage.gaussian_filter(plane, sigma, mode=mode) if sigma else plane
    found = ndimage.affine_transform(smooth, matrix, offset, shape, order=3, mode=mode, cval=level)
    return np.clip(found, plane.min(), plane.max())  # splines overshoot at sharp edges


def reflection(axis: str = "x") -> Transformation:
    """Mirrored left to right ('x') or top to bottom ('y') where the value is 1."""
    if axis not in ("x", "y"):
        msg = f"`axis` must be 'x' or 'y', got {axis!r}."
        raise ValueError(msg)

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        if value != 1:
            msg = f"`value` of reflection must be 0 or 1, got {value:g}."
            raise ValueError(msg)
        return picture[:, ::-1] if axis == "x" else picture[::-1]

    return Transformation("reflection", "mirrored", 0.0, change, lambda value: value)


def contrast() -> Transformation:
    """Differences from the image's mean luminance multiplied."""

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        mean = picture.mean(axis=(0, 1))
        return mean + value * (picture - mean)

    return Transformation("contrast", "times", 1.0, change, lambda value: 1 / value)


def luminance() -> Transformation:
    """A luminance added to every pixel, in pixel values; nothing is cut off."""
    return Transformation("luminance", "pixel values", 0.0, lambda picture, value, _: picture + value, lambda value: -value)


def blur() -> Transformation:
    """Smoothed by a Gaussian, whose standard deviation in pixels is the value; the border's pixels go on beyond it."""

    def change(picture: np.ndarray, value: float, _: np.random.Generator) -> np.ndarray:
        return ndimage.gaussian_filter(picture, (*_not_negative("blur", value, 2), *[0] * (picture.ndim - 2)), mode="nearest")

    return Transformation("blur", "pixels", 0.0, change, border="edge")


def noise() -> Transformation:
    """Gaussian noise added, whose standard deviation in pixel values is the value; nothing is cut off."""

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        (deviation,) = _not_negative("noise", value, 1)
        return picture + deviation * rng.standard_normal(picture.shape)

    return Transformation("noise", "pixel values", 0.0, change)


def occlusion(fill: float | None = None) -> Transformation:
    """A square at a random place laid over, whose share of the image's area is the value.

    Parameters
    ----------
    fill : float or None
        Its luminance; None is the image's mean.
    """

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        if not 0 <= value <= 1:
            msg = f"`value` of occlusion must lie between 0 and 1, got {value:g}."
            raise ValueError(msg)
        height, width = (max(1, round(side * np.sqrt(value))) for side in picture.shape[:2])
        top, left = (int(rng.integers(0, side - part + 1)) for side, part in zip(picture.shape[:2], (height, width), strict=True))
        covered = picture.copy()
        covered[top : top + height, left : left + width] = picture.mean(axis=(0, 1)) if fill is None else fill
        return covered

    return Transformation("occlusion", "share of area", 0.0, change)


def clutter(distractors: Any, size: float = 0.3) -> Transformation:
    """Other pictures, made smaller, pasted at random places outside the middle half of the image; their number is the value.

    Parameters
    ----------
    distractors : array or sequence of images
        With as many colours as the images.
    size : float
        Side of a distractor as a share of the image's sides; up to 0.5.
    """
    if not 0 < size <= 0.5:
        msg = f"`size` must lie above 0 and at most at 0.5, got {size}."
        raise ValueError(msg)

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        if value < 0 or value != round(value):
            msg = f"`value` of clutter must be a whole number of distractors, got {value:g}."
            raise ValueError(msg)
        crowded, sides = picture.copy(), picture.shape[:2]
        room = [max(1, round(side * size)) for side in sides]
        for _ in range(int(value)):
            other = np.asarray(distractors[int(rng.integers(len(distractors)))], dtype=float)
            if other.ndim != picture.ndim:
                msg = f"`distractors` must be like the images, of shape {picture.shape}, got {other.shape}."
                raise ValueError(msg)
            zoom = [part / side for part, side in zip(room, other.shape[:2], strict=True)]
            smooth = ndimage.gaussian_filter(other, [*(0.4 * max(0, 1 / z - 1) for z in zoom), *[0] * (other.ndim - 2)], mode="nearest")
            small = ndimage.zoom(smooth, [*zoom, *[1] * (other.ndim - 2)], order=1, grid_mode=True, mode="nearest")
            top, left = _off_the_middle(sides, room, rng)
            crowded[top : top + small.shape[0], left : left + small.shape[1]] = small
        return crowded

    return Transformation("clutter", "distractors", 0.0, change)


def _off_the_middle(sides: tuple[int, ...], room: list[int], rng: np.random.Generator) -> tuple[int, int]:
    """A corner (top, left) from which a patch keeps its middle outside the middle half of the image along one axis at least."""
    while True:
        top, left = (int(rng.integers(0, side - part + 1)) for side, part in zip(sides, room, strict=True))
        reach = [(abs(corner + part / 2 - side / 2), side, part) for corner, part, side in zip((top, left), room, sides, strict=True)]
        if any(distance >= min(side / 4, (side - part) / 2) for distance, side, part in reach):
            return top, left


def phase_scrambling() -> Transformation:
    """Phases of the Fourier spectrum turned by random angles of at most the value, a share of a half turn: 0 nothing, 1 all random.

    Amplitudes are kept.
    """

    def change(picture: np.ndarray, value: float, rng: np.random.Generator) -> np.ndarray:
        if not 0 <= value <= 1:
            msg = f"`value` of phase scrambling must lie between 0 and 1, got {value:g}."
            raise ValueError(msg)
        return random_phases(picture, value, rng)

    return Transformation("phase scrambling", "share of half a turn", 0.0, change, border="wrap")


def _not_negative(name: str, value: float, count: int) -> list[float]:
    if value < 0:
        msg = f"`value` of {name} must not be negative, got {value:g}."
        raise ValueError(msg)
    return [value] * count
