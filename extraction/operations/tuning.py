"""Tuning: how close each place of a map is to each prototype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extraction.arrays import Array, namespace, step_bytes, tiles
from extraction.fields import Window
from extraction.operations.correlation import correlate
from extraction.operations.pooling import box_sum, spread_sum
from extraction.operations.windows import Pullback, columns, look, spread, window_of

_SMALL = 1e-3  # squared distance over squared norms below which single precision loses more than 1e-4 of the distance


def dot_product(values: Array, prototypes: Array, padding: Any = 0) -> tuple[Array, Pullback]:
    """Plain dot products with the prototypes: `correlate` at stride 1."""
    return correlate(values, prototypes, padding=padding)


def euclidean_distance(values: Array, prototypes: Array, padding: Any = 0) -> tuple[Array, Pullback]:
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
        Carries a gradient back to `(values, prototypes)`; where a distance is 0 it has no slope and passes nothing on.

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
    for images, rows, squares in _squared_distances(values, prototypes, window):
        distances[images, :, rows] = xp.sqrt(xp.maximum(squares, 0)).reshape(*squares.shape[:2], -1, width)

    def pullback(gradient: Array) -> tuple[Array, Array]:
        slopes = xp.where(distances > 0, gradient / xp.where(distances > 0, distances, 1), 0)
        slopes = slopes.reshape(len(values), len(prototypes), -1)
        seen, matrix = columns(look(values, window)), prototypes.reshape(len(prototypes), -1)
        to_seen = seen * slopes.sum(axis=1, keepdims=True) - xp.matmul(matrix.T, slopes)
        to_seen = to_seen.reshape(len(values), *prototypes.shape[1:], height, width).transpose(0, 1, 4, 5, 2, 3)
        to_matrix = matrix * slopes.sum(axis=(0, 2))[:, None] - xp.matmul(slopes, seen.transpose(0, 2, 1)).sum(axis=0)
        return spread(to_seen, values.shape, window), to_matrix.reshape(prototypes.shape)

    return distances, pullback


def nearest_distance(values: Array, prototypes: Array, padding: Any = 0) -> tuple[Array, Array, Pullback]:
    """The smallest distance over all places, as C2 takes it: `euclidean_distance` and its minimum, without ever holding the map.

    Parameters are those of `euclidean_distance`.

    Returns
    -------
    distances : array of shape (n_images, n_prototypes)
    places : integer array of shape (n_images, n_prototypes)
        Index of the winning window, row * width' + column.
    pullback : callable
        Carries a gradient with the shape of `distances` back to `(values, prototypes)`.
    """
    xp, window = namespace(values), window_of(values, prototypes, "prototypes", padding=padding)
    height, width = window.count(*values.shape[2:])
    smallest = xp.full((len(values), len(prototypes)), xp.inf, values.dtype)
    places = xp.zeros(smallest.shape, xp.int64)
    for images, rows, squares in _squared_distances(values, prototypes, window):
        winners = squares.argmin(axis=-1)
        lowest = xp.take_along_axis(squares, winners[..., None], axis=-1)[..., 0]
        closer = lowest < smallest[images]
        places[images] = xp.where(closer, winners + rows.start * width, places[images])
        smallest[images] = xp.where(closer, lowest, smallest[images])

    def pullback(gradient: Array) -> tuple[Array, Array]:
        at_winners = xp.arange(height * width) == places[..., None]
        everywhere = xp.where(at_winners, gradient[..., None], 0).reshape(*places.shape, height, width)
        return euclidean_distance(values, prototypes, padding)[1](everywhere)

    return xp.sqrt(xp.maximum(smallest, 0)), places, pullback


def _squared_distances(values: Array, prototypes: Array, window: Window) -> Iterator[tuple[slice, slice, Array]]:
    """Tiles (images, rows, squared distances (image, prototype, place)), each one matrix product.

    |x - w|^2 is the product of (x, |x|^2, 1) and (-2 w, 1, |w|^2). Both sides are centred first, which makes the norms, and with them
    the rounding error, many times smaller. Prototypes that come so close to a window that rounding could still show are done again in
    double precision.
    """
    xp, size = namespace(values), prototypes[0].size
    views = look(values, window)
    n_images, _, height, width = views.shape[:4]
    centre = prototypes.mean()
    matrix = (prototypes - centre).reshape(len(prototypes), -1)
    norms = (matrix * matrix).sum(axis=1)
    left = xp.concatenate([-2 * matrix, xp.ones_like(norms)[:, None], norms[:, None]], axis=1)
    for images, rows in tiles(n_images, height, (size + 2 + len(prototypes)) * width * values.itemsize, step_bytes(xp)):
        tile = views[images, :, rows]
        right = xp.empty((len(tile), size + 2, tile.shape[2] * width), values.dtype)
        seen = right[:, :size]
        seen.reshape(len(tile), *prototypes.shape[1:], tile.shape[2], width)[...] = tile.transpose(0, 1, 4, 5, 2, 3)
        seen -= centre
        energy = xp.einsum("nkp,nkp->np", seen, seen)
        right[:, size] = energy
        right[:, size + 1] = 1
        squares = xp.matmul(left, right)
        if squares.size:
            close = squares.min(axis=(0, 2)) < _SMALL * (energy.max() + norms)
            (again,) = xp.nonzero(close)
            if len(again):
                squares[:, again] = _exactly(matrix[again], seen)
        yield images, rows, squares


def _exactly(matrix: Array, seen: Array) -> Array:
    """Squared distances between rows (prototype, element) and columns (image, element, place), in double precision."""
    xp = namespace(matrix)
    matrix, seen = matrix.astype(xp.float64), seen.astype(xp.float64)
    products = xp.matmul(matrix, seen)
    return (matrix * matrix).sum(axis=1)[:, None] - 2 * products + (seen * seen).sum(axis=1)[:, None]


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
    values: Array, prototypes: Array, padding: Any = 0, slope: float = 1.0, threshold: float = 0.0, offset: float = 1e-6
) -> tuple[Array, Pullback]:
    """A sigmoid of the dot product divided by the norm of what the unit sees: 1 / (1 + exp(-slope (x.w / (offset + |x|) - threshold))).

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
    Kouh & Poggio, "A canonical neural circuit for cortical nonlinear operations", Neural Computation 2008.
    """
    if offset <= 0:
        msg = f"`offset` must be positive, got {offset}."
        raise ValueError(msg)
    xp, window = namespace(values), window_of(values, prototypes, "prototypes", padding=padding)
    matches, back_to_inputs = correlate(values, prototypes, padding=padding)
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
