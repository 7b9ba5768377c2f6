"""Winograd's way to correlate with 3 x 3 filters.

Tiles of 4 x 4 results come from 36 products instead of 144.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..fields import Window
from ..parallel import each, shares

Sides = tuple[tuple[int, ...], ...]  # zeros around a map: (top, bottom), (left, right)
_SIDE = 4  # of a tile of results, in places
_COLUMNS = (
    256  # tiles side by side in one product: wide enough for BLAS, small enough for the cache
)
_FEWEST = 16  # features and filters from which the transforms are worth their cost
FEWEST_TILES = 24  # of fewer, the filters' own transforms cost more than is saved


def suits(window: Window, shape: tuple[int, ...], n_filters: int) -> bool:
    """Whether this way is possible and the faster one for maps of this shape."""
    # Only the plain case has these transforms.
    plain = (window.size, window.stride, window.dilation) == ((3, 3), (1, 1), (1, 1))
    padded_little = max(max(sides) for sides in window.padding) <= 2
    return (
        plain
        and padded_little
        and min(shape[1], n_filters) >= _FEWEST
        and min(window.count(*shape[2:])) >= 3
        and count_tiles(window, shape) >= FEWEST_TILES
    )


def count_tiles(window: Window, shape: tuple[int, ...]) -> int:
    """Tiles of the results of all images together, for maps of this shape."""
    n_rows, n_columns = window.count(*shape[2:])
    return shape[0] * -(-n_rows // _SIDE) * -(-n_columns // _SIDE)


def correlate_3x3(values: np.ndarray, weights: np.ndarray, padding: Sides) -> np.ndarray:
    """`correlate` at stride 1 with 3 x 3 filters, on the processor.

    Parameters
    ----------
    values : numpy array of shape (n_images, n_features, height, width)
    weights : numpy array of shape (n_filters, n_features, 3, 3)
    padding : ((int, int), (int, int))
        Zeros around the map: (top, bottom), (left, right).

    Returns
    -------
    array of shape (n_images, n_filters, height', width')

    References
    ----------
    Lavin & Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, section 4.3: F(4 x
    4, 3 x 3).
    """
    tiling, (n_filters, n_features) = _Tiling(values, padding), weights.shape[:2]
    of_weights = (tiling.for_weights @ weights.reshape(-1, 9).T).reshape(-1, n_filters, n_features)
    matches = np.empty((len(values), n_filters, *tiling.count), np.result_type(values, weights))

    def match(images: slice) -> None:
        for block in tiling.blocks(images):
            # 36 products of matrices, one for each place of a transformed tile: 36 multiplications
            # for 16 results instead of 144.
            products = of_weights @ tiling.transformed(block)
            tiling.place(tiling.for_results @ products.reshape(len(products), -1), matches[block])

    each(match, shares(len(values)))
    return matches


def many_tiles(shape: tuple[int, ...]) -> bool:
    """Whether the gradient of the filters is cheaper this way.

    It is where results of this shape have tiles enough.
    """
    return shape[0] * -(-shape[2] // _SIDE) * -(-shape[3] // _SIDE) > _COLUMNS // 2


def gradient_3x3(values: np.ndarray, gradient: np.ndarray, padding: Sides) -> np.ndarray:
    """The gradient of `correlate_3x3` with respect to its filters.

    The adjoint of each of its steps.

    Parameters
    ----------
    values, padding
        As in `correlate_3x3`.
    gradient : numpy array with the shape of its result

    Returns
    -------
    array of shape (n_filters, n_features, 3, 3)
    """
    tiling = _Tiling(values, padding)

    def learn(images: slice) -> np.ndarray:
        return sum(
            tiling.spread(gradient[block]) @ tiling.transformed(block).swapaxes(1, 2)
            for block in tiling.blocks(images)
        )

    totals = each(learn, shares(len(values)))
    summed = sum(totals[1:], totals[0])
    return (tiling.for_weights.T @ summed.reshape(len(summed), -1)).T.reshape(
        gradient.shape[1], values.shape[1], 3, 3
    )


class _Tiling:
    """Padded maps cut into overlapping tiles, and what takes them there and back."""

    def __init__(self, values: np.ndarray, padding: Sides) -> None:
        self.count = tuple(
            side + sum(sides) - 2 for side, sides in zip(values.shape[2:], padding, strict=True)
        )
        self.n_tiles = tuple(-(-n // _SIDE) for n in self.count)
        (top, _), (left, _) = padding
        shape = tuple(n * _SIDE + 2 for n in self.n_tiles)
        self.values, self.corner, self.shape = values, (top, left), shape
        self.for_values, self.for_weights, self.for_results = transforms(values.dtype.str)

    def blocks(self, images: slice) -> list[slice]:
        """Runs of images whose tiles make one product."""
        step = max(1, _COLUMNS // (self.n_tiles[0] * self.n_tiles[1]))
        return [
            slice(first, min(first + step, images.stop))
            for first in range(images.start, images.stop, step)
        ]

    def transformed(self, block: slice) -> np.ndarray:
        """Tiles of these images in Winograd's domain: (place, feature, image * tile)."""
        values, (top, left) = self.values[block], self.corner
        n_images, n_features, height, width = values.shape
        around = np.zeros((n_images, n_features, *self.shape), values.dtype)
        around[:, :, top : top + height, left : left + width] = values[
            :, :, : self.shape[0] - top, : self.shape[1] - left
        ]
        extent = _SIDE + 2
        tiles = sliding_window_view(around, (extent, extent), axis=(2, 3))[:, :, ::_SIDE, ::_SIDE]
        columns = tiles.transpose(4, 5, 1, 0, 2, 3).reshape(extent * extent, -1)
        return (self.for_values @ columns).reshape(extent * extent, n_features, -1)

    def place(self, results: np.ndarray, into: np.ndarray) -> None:
        """Tiles of results, (place in the tile, filter * image * tile), into maps."""
        n_images, n_filters, height, width = into.shape
        tiles = results.reshape(_SIDE, _SIDE, n_filters, n_images, *self.n_tiles).transpose(
            3, 2, 4, 0, 5, 1
        )
        whole = tiles.reshape(n_images, n_filters, self.n_tiles[0] * _SIDE, self.n_tiles[1] * _SIDE)
        into[...] = whole[:, :, :height, :width]

    def spread(self, gradient: np.ndarray) -> np.ndarray:
        """The adjoint of `place`, in Winograd's domain.

        Of shape (place in the domain, filter, image * tile).
        """
        n_images, n_filters, height, width = gradient.shape
        whole = np.zeros(
            (n_images, n_filters, self.n_tiles[0] * _SIDE, self.n_tiles[1] * _SIDE), gradient.dtype
        )
        whole[:, :, :height, :width] = gradient
        tiles = whole.reshape(
            n_images, n_filters, self.n_tiles[0], _SIDE, self.n_tiles[1], _SIDE
        ).transpose(3, 5, 1, 0, 2, 4)
        return (self.for_results.T @ tiles.reshape(_SIDE * _SIDE, -1)).reshape(
            -1, n_filters, n_images * self.n_tiles[0] * self.n_tiles[1]
        )


@lru_cache(maxsize=4)
def transforms(dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices that take tiles and filters into Winograd's domain, and products back.

    Each for both axes at once.
    """
    values = [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
    weights = [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
    results = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    # Lavin & Gray, CVPR 2016: F(4 x 4, 3 x 3). Kronecker products make each transform one product
    # with a flattened tile.
    to_values, to_weights, to_results = (
        np.array(matrix, np.float64) for matrix in (values, weights, results)
    )
    return (
        np.kron(to_values, to_values).astype(dtype),
        np.kron(to_weights, to_weights).astype(dtype),
        np.kron(to_results, to_results).astype(dtype),
    )
