"""Tuning: how close each place of a map is to each prototype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..arrays import Array, namespace, step_bytes, tiles
from ..fields import Window
from .correlation import correlate
from .pooling import box_sum, spread_sum
from .windows import (
    Pullback,
    add_windows,
    columns,
    padded,
    spread,
    window_of,
    window_views,
    windows_at,
)

# Squared distance over squared norms below which single precision loses more than 1e-4 of the
# distance.
_SMALL = 1e-3
_FEW = 8  # times fewer places with a gradient than there are: windows are looked at one by one


def dot_product(values: Array, prototypes: Array, padding: Any = 0) -> tuple[Array, Pullback]:
    """Plain dot products with the prototypes: `correlate` at stride 1.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    prototypes : array of shape (n_prototypes, n_features, height, width)
    padding : int, (int, int)
        See `Window`.

    Returns
    -------
    products : array of shape (n_images, n_prototypes, height', width')
    pullback : callable
        Carries a gradient with the shape of `products` back to `values`.
    """
    return correlate(values, prototypes, padding=padding)


def euclidean_distance(
    values: Array, prototypes: Array, padding: Any = 0
) -> tuple[Array, Pullback]:
    """Distances between the windows of a map and prototypes: an S2 map.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    prototypes : array of shape (n_prototypes, n_features, window_height, window_width)
        On the same device as `values`.
    padding : int, (int, int) or ((int, int), (int, int))
        Zeros around the map, which are compared like any other value.

    Returns
    -------
    distances : array of shape (n_images, n_prototypes, height', width')
    pullback : callable
        Carries a gradient back to `(values, prototypes)`; where a distance is 0 it has no slope and
        passes nothing on.

    Raises
    ------
    ValueError
        If the features differ, or the window does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[[[0.0, 3.0], [4.0, 0.0]]]])
    >>> euclidean_distance(image, np.zeros((1, 1, 2, 2)))[0].item()
    5.0
    """
    xp, window = namespace(values), window_of(values, prototypes, "prototypes", padding=padding)
    height, width = window.count(*values.shape[2:])
    distances = xp.empty((len(values), len(prototypes), height, width), values.dtype)
    centred = Centred.of(prototypes)
    around, inside = padded(values, window) - centred.mean, Window(window.size)
    views, energy = window_views(around, inside), centred.energy(around, inside)
    # Columns of a few rows at a time, which stay in the cache.
    row_bytes = (prototypes[0].size + len(prototypes)) * width * values.itemsize
    for images, rows in tiles(len(values), height, row_bytes, step_bytes(xp)):
        seen = columns(views[images, :, rows])
        squares = centred.squared_distances(seen, energy[images, rows].reshape(len(seen), -1))
        distances[images, :, rows] = xp.sqrt(xp.maximum(squares, 0)).reshape(
            *squares.shape[:2], -1, width
        )

    def pullback(gradient: Array) -> tuple[Array, Array]:
        # The distance has no slope where it is zero: none is taken.
        slopes = xp.where(distances > 0, gradient / xp.where(distances > 0, distances, 1), 0)
        slopes = slopes.reshape(len(values), len(prototypes), -1)
        (used,) = xp.nonzero(slopes.any(axis=(0, 1)))
        if _FEW * len(used) < height * width:
            return _back_from_few(slopes, used, values, prototypes, window)
        seen, matrix = (
            columns(window_views(values, window)),
            prototypes.reshape(len(prototypes), -1),
        )
        to_seen = seen * slopes.sum(axis=1, keepdims=True) - xp.matmul(matrix.T, slopes)
        to_seen = to_seen.reshape(len(values), *prototypes.shape[1:], height, width).transpose(
            0, 1, 4, 5, 2, 3
        )
        to_matrix = matrix * slopes.sum(axis=(0, 2))[:, None] - xp.matmul(
            slopes, seen.transpose(0, 2, 1)
        ).sum(axis=0)
        return spread(to_seen, values.shape, window), to_matrix.reshape(prototypes.shape)

    return distances, pullback


def _back_from_few(
    slopes: Array, used: Array, values: Array, prototypes: Array, window: Window
) -> tuple[Array, Array]:
    """The gradient of `euclidean_distance` where it comes from few places: only they are seen."""
    xp, n_images = namespace(values), len(values)
    rows, cols = xp.divmod(used, window.count(*values.shape[2:])[1])
    # All images at each of the places.
    images = xp.repeat(xp.arange(n_images), len(used))
    rows, cols = xp.tile(rows, n_images), xp.tile(cols, n_images)
    seen = windows_at(values, window, images, rows, cols)
    by_window = slopes[:, :, used].transpose(0, 2, 1).reshape(len(seen), len(prototypes))
    flat, matrix = seen.reshape(len(seen), -1), prototypes.reshape(len(prototypes), -1)
    parts = flat * by_window.sum(axis=1, keepdims=True) - xp.matmul(by_window, matrix)
    back = add_windows(parts.reshape(seen.shape), images, rows, cols, values.shape, window)
    to_matrix = matrix * by_window.sum(axis=0)[:, None] - xp.matmul(by_window.T, flat)
    return back, to_matrix.reshape(prototypes.shape)


@dataclass(frozen=True)
class Centred:
    """Prototypes as the rows of a matrix, around their mean.

    Windows are taken around the same mean. That changes no distance, but makes the norms many times
    smaller, and with them the rounding error of |x|^2 - 2 x.w + |w|^2.
    """

    mean: Array
    matrix: Array
    norms: Array
    doubled: Array

    @classmethod
    def of(cls, prototypes: Array) -> Centred:
        """Prototypes less their mean, which loses fewer digits in products."""
        mean = prototypes.mean()
        matrix = (prototypes - mean).reshape(len(prototypes), -1)
        return cls(mean, matrix, (matrix * matrix).sum(axis=1), -2 * matrix)

    def energy(self, around: Array, window: Window) -> Array:
        """Squared norms (image, y, x) of the windows of centred maps."""
        return box_sum((around * around).sum(axis=1, keepdims=True), window)[:, 0]

    def squared_distances(self, seen: Array, energy: Array, rows: Any = slice(None)) -> Array:
        """Squared distances (image, prototype, place) of some prototypes to windows.

        Windows are centred, (image, element, place), and their squared norms known.

        Where a prototype comes so close to a window that rounding could still show, its distances
        are computed again in double precision.
        """
        xp, norms = namespace(seen), self.norms[rows]
        squares = xp.matmul(self.doubled[rows], seen)
        squares += energy[:, None]
        squares += norms[:, None]
        # |a|^2 - 2ab + |b|^2 loses digits where a is near b: those few are computed again in double
        # precision.
        if squares.size:
            close = squares.min(axis=2) < _SMALL * (energy.max(axis=1, keepdims=True) + norms)
            (again,) = xp.nonzero(close.any(axis=0))
            if len(again):
                exact = _exactly(self.matrix[rows][again], seen)
                squares[:, again] = xp.where(close[:, again, None], exact, squares[:, again])
        return squares


def _exactly(matrix: Array, seen: Array) -> Array:
    """Squared distances between rows and columns, in double precision.

    Rows are (prototype, element), columns (image, element, place).
    """
    xp = namespace(matrix)
    matrix, seen = matrix.astype(xp.float64), seen.astype(xp.float64)
    squares = -2 * xp.matmul(matrix, seen)
    squares += (seen * seen).sum(axis=1)[:, None]
    squares += (matrix * matrix).sum(axis=1)[:, None]
    return squares


def gaussian(distances: Array, sharpness: Any) -> tuple[Array, Pullback]:
    """Gaussian tuning exp(-sharpness * distance^2).

    Parameters
    ----------
    distances : array of any shape
    sharpness : float, or an array that broadcasts against `distances`
        beta of the paper: 1 / (2 sigma^2); positive.

    Returns
    -------
    responses : array with the shape of `distances`, in [0, 1]
    pullback : callable
        Carries a gradient back to `distances`.

    References
    ----------
    Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007.
    """
    responses = namespace(distances).exp(-sharpness * distances * distances)
    return responses, lambda gradient: -2 * sharpness * distances * responses * gradient


def normalised_dot_product(
    values: Array,
    prototypes: Array,
    padding: Any = 0,
    slope: float = 1.0,
    threshold: float = 0.0,
    offset: float = 1e-6,
) -> tuple[Array, Pullback]:
    """A sigmoid of the dot product divided by the norm of what the unit sees.

    1 / (1 + exp(-slope (x.w / (offset + |x|) - threshold))).

    Parameters
    ----------
    values, prototypes, padding
        As for `euclidean_distance`.
    slope, threshold, offset : float
        alpha, beta and k of the paper; the offset is positive.

    Returns
    -------
    responses : array of shape (n_images, n_prototypes, height', width'), in (0, 1)
    pullback : callable
        Carries a gradient back to `(values, prototypes)`.

    Raises
    ------
    ValueError
        If the offset is not positive, the features differ, or the window does not fit.

    References
    ----------
    Kouh & Poggio, "A canonical neural circuit for cortical nonlinear operations", Neural
    Computation 2008.
    """
    if offset <= 0:
        msg = f"`offset` must be positive, got {offset}."
        raise ValueError(msg)
    xp, window = namespace(values), window_of(values, prototypes, "prototypes", padding=padding)
    matches, back_to_inputs = correlate(values, prototypes, padding=padding)
    # Poggio & Bizzi 2004, equation 1: a divisive normalisation before the sigmoid.
    norm = xp.sqrt(box_sum((values * values).sum(axis=1, keepdims=True), window))
    cosines = matches / (offset + norm)
    responses = 1 / (1 + xp.exp(-slope * (cosines - threshold)))

    def pullback(gradient: Array) -> tuple[Array, Array]:
        to_cosines = gradient * slope * responses * (1 - responses)
        to_values, to_prototypes = back_to_inputs(to_cosines / (offset + norm))
        to_norm = -(to_cosines * cosines).sum(axis=1, keepdims=True) / (offset + norm)
        to_energy = xp.where(norm > 0, to_norm / (2 * xp.where(norm > 0, norm, 1)), 0)
        energy_shape = (len(values), 1, *values.shape[2:])
        return to_values + 2 * values * spread_sum(to_energy, energy_shape, window), to_prototypes

    return responses, pullback
