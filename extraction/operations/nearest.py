"""The best match anywhere.

The smallest distance over all places of all bands, without ever holding a map of distances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, namespace, step_bytes, tiles
from ..compiled import for_kernel, kernels
from ..cuda import nearest as on_cuda
from ..cuda.programs import suits as suits_cuda
from ..fields import Window
from .pooling import box_sum
from .tuning import Centred
from .windows import (
    Pullback,
    columns,
    padded,
    window_of,
    window_views,
)
from .winners import way_back_from_winners

_BLOCK = 512  # places that are looked at together
_MARGIN = 1e-5  # of the squared norms: more than the rounding error of a bound in single precision
# Share of pairs compared from which on a product of matrices compares all of them faster.
_FEW = 0.25
_EXACTLY = (1, 1, 1, 1)  # blocks of one, and one part: the bound is the distance
_ENOUGH = 1000  # places to see before that is judged: the first are compared with nothing yet
_PRUNED_FROM = 6  # side of the smallest prototypes for which a bound is cheaper than the distance


def nearest_distance(
    bands: Sequence[Array], prototypes: Array, padding: Any = 0
) -> tuple[Array, Array, Array, Pullback]:
    """The smallest distance of each prototype over all places of several maps, as C2 takes it.

    On the processor most places are excluded by a lower bound first, so that the result is exact
    but only some distances are computed.

    Parameters
    ----------
    bands : sequence of arrays of shape (n_images, n_features, height, width)
        Heights and widths may differ.
    prototypes, padding
        As in `euclidean_distance`.

    Returns
    -------
    distances : array of shape (n_images, n_prototypes)
    band, place : integer arrays of shape (n_images, n_prototypes)
        Which map has the winning window, and the window's index there, row * width' + column; the
        first where several tie.
    pullback : callable
        Carries a gradient with the shape of `distances` back to `(bands, prototypes)`, the former a
        list.

    Raises
    ------
    ValueError
        If there is no band, the features differ, or the window does not fit.

    References
    ----------
    The bound is that of partial sums in vector quantisation: with Q an orthogonal projection and r
    the residual, |x - w|^2 >= |Qx - Qw|^2 + (|r_x| - |r_w|)^2. Here Q takes the means of 2 x 2
    blocks.

    Examples
    --------
    >>> bands = [np.array([[[[3.0, 4.0]]]]), np.array([[[[0.5]]]])]
    >>> distances, band, place, _ = nearest_distance(bands, np.array([[[[4.25]]], [[[0.0]]]]))
    >>> distances.tolist(), band.tolist(), place.tolist()
    ([[0.25, 0.5]], [[0, 1]], [[1, 0]])
    """
    if not bands:
        msg = "`bands` must hold at least one map, got none."
        raise ValueError(msg)
    windows = [window_of(values, prototypes, "prototypes", padding=padding) for values in bands]
    xp = namespace(prototypes)
    counts = [
        window.count(*values.shape[2:]) for window, values in zip(windows, bands, strict=True)
    ]
    first_of_band = np.cumsum([0, *(rows * cols for rows, cols in counts)])
    if suits_cuda(*bands, prototypes):
        distances, where = on_cuda.search(bands, prototypes, windows)
    else:
        distances, where = _searched(bands, prototypes, windows, first_of_band)
    band = xp.searchsorted(xp.asarray(first_of_band[1:]), where, side="right")
    place = where - xp.asarray(first_of_band[:-1])[band]

    pullback = way_back_from_winners(bands, prototypes, windows, distances, band, place)
    return distances, band, place, pullback


def _searched(
    bands: Sequence[Array],
    prototypes: Array,
    windows: Sequence[Window],
    first_of_band: np.ndarray,
) -> tuple[Array, Array]:
    """The smallest distances, and their indices among the places of all bands."""
    xp, (height, width) = namespace(prototypes), prototypes.shape[2:]
    # A bound over 2 x 2 means leaves about 1 % of the places to compare in full. Small prototypes
    # are cheaper to compare than to bound, and on a GPU gathers cost more than they save.
    prunes = xp is np and min(height, width) >= _PRUNED_FROM and height % 2 == width % 2 == 0
    search = _Search(prototypes, len(bands[0]), first_of_band)
    if _is_compiled(bands, prototypes):
        _search_compiled(search, bands, windows)
    elif prunes:
        coarse, around = _Coarse(prototypes, search.centred), search.centred_bands(bands, windows)
        for image in range(len(bands[0])):
            search.where_possible(image, [values[image : image + 1] for values in around], coarse)
    else:
        search.everywhere(search.centred_bands(bands, windows))
    return xp.sqrt(xp.maximum(search.smallest, 0)), search.where


def _is_compiled(bands: Sequence[Array], prototypes: Array) -> bool:
    """Whether a kernel can search: single precision on the processor."""
    arrays = [*bands, prototypes]
    if not all(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in arrays):
        return False
    return kernels("nearest") is not None


def _search_compiled(search: _Search, bands: Sequence[Array], windows: Sequence[Window]) -> None:
    """The search by the kernel, image by image and map by map.

    Where block means exclude too little, as between maps of noise, the bound is the distance itself
    from the next map on.
    """
    compiled = kernels("nearest")
    n_prototypes, _, *sides = search.prototypes.shape
    features_last = for_kernel(search.prototypes.transpose(0, 2, 3, 1)).ravel()
    blocks = tuple(_block(side) for side in sides)
    # Of each feature what the means leave out is known for each quarter of a window, where there
    # are two blocks or more to it.
    parts = tuple(_n_parts(side, block) for side, block in zip(sides, blocks, strict=True))
    coarse, exact = _left_side(search.centred, search.prototypes.shape, blocks, parts), None
    n_places = np.diff(search.first_of_band)
    for image in range(len(bands[0])):
        seen_blank, n_compared, n_seen = np.zeros(1, np.bool_), 0, 0
        left_side, steps = coarse, (*blocks, *parts)
        # In their order: of windows of zeros the kernel looks at the first it meets alone.
        for index in range(len(bands)):
            n_compared += compiled.search(
                for_kernel(padded(bands[index][image : image + 1], windows[index])[0]),
                float(search.centred.mean),
                features_last,
                left_side,
                *sides,
                *steps,
                int(search.first_of_band[index]),
                seen_blank,
                search.smallest[image],
                search.where[image],
            )
            n_seen += n_places[index]
            excludes_little = n_compared > _FEW * n_seen * n_prototypes
            if n_seen >= _ENOUGH and excludes_little and steps != _EXACTLY:
                if exact is None:
                    exact = _left_side(search.centred, search.prototypes.shape, (1, 1), (1, 1))
                left_side, steps = exact, _EXACTLY


def _block(side: int) -> int:
    """Side of the blocks whose means bound a distance.

    About four blocks a side, or two: of all divisors of sides from 2 to 16 the fastest.
    """
    return max(n for n in range(1, -(-side // 4) + 1) if side % n == 0)


def _n_parts(side: int, block: int) -> int:
    return 2 if side % (2 * block) == 0 else 1


def _left_side(
    centred: Centred, shape: tuple[int, ...], blocks: Sequence[int], parts: Sequence[int]
) -> np.ndarray:
    """Rows (-2 Qw, -2 |r_w| of each part, 1, |w|^2), lowered by more than rounding."""
    count, n_features, height, width = shape
    whole = centred.matrix.astype(np.float64).reshape(shape)
    across_blocks = (count, n_features, height // blocks[0], blocks[0], width // blocks[1], -1)
    means = whole.reshape(across_blocks).sum(axis=(3, 5)) / np.sqrt(blocks[0] * blocks[1])
    energy, of_means = (
        np.square(maps).reshape(count, n_features, parts[0], rows // parts[0], parts[1], -1)
        for maps, rows in ((whole, height), (means, means.shape[2]))
    )
    energy, of_means = energy.sum(axis=(3, 5)), of_means.sum(axis=(3, 5))
    compiled = kernels("nearest")
    left_out = np.maximum(energy - of_means, 0) + compiled.RESIDUE * energy
    rows = [
        -2 * means.reshape(count, -1),
        -2 * np.sqrt(left_out).reshape(count, -1),
        np.ones(count),
        compiled.LOWERED * energy.sum(axis=(1, 2, 3)),
    ]
    return np.column_stack(rows).astype(np.float32)


class _Search:
    """The smallest squared distance so far, and where it was.

    Its index among the places of all bands.

    Bands are given padded, around the mean of the prototypes.
    """

    def __init__(self, prototypes: Array, n_images: int, first_of_band: np.ndarray) -> None:
        xp = namespace(prototypes)
        self.prototypes, self.centred, self.window = (
            prototypes,
            Centred.of(prototypes),
            Window(prototypes.shape[2:]),
        )
        self.numbers = xp.arange(len(prototypes))
        self.first_of_band = first_of_band
        self.smallest = xp.full((n_images, len(prototypes)), xp.inf, prototypes.dtype)
        self.where = xp.full((n_images, len(prototypes)), self.first_of_band[-1] - 1, xp.int64)

    def centred_bands(self, bands: Sequence[Array], windows: Sequence[Window]) -> list[Array]:
        """The maps with their borders, around the mean of the prototypes."""
        return [
            padded(values, window) - self.centred.mean
            for values, window in zip(bands, windows, strict=True)
        ]

    def compare(self, images: slice, rows: Any, seen: Array, energy: Array, places: Array) -> None:
        """Compare some prototypes with windows of known energy.

        Windows are (image, element, place), at these indices among all places.
        """
        xp = namespace(seen)
        squares = self.centred.squared_distances(seen, energy.reshape(len(seen), -1), rows)
        winners = squares.argmin(axis=-1)
        lowest = squares[xp.arange(len(seen))[:, None], self.numbers[: squares.shape[1]], winners]
        smallest, where, winners = (
            self.smallest[images, rows],
            self.where[images, rows],
            places[winners],
        )
        # Ties go to the place that comes first, whatever the order of the blocks.
        closer = (lowest < smallest) | ((lowest == smallest) & (winners < where))
        self.smallest[images, rows] = xp.where(closer, lowest, smallest)
        self.where[images, rows] = xp.where(closer, winners, where)

    def everywhere(self, bands: Sequence[Array]) -> None:
        """Compare all prototypes with all places."""
        for around, start in zip(bands, self.first_of_band, strict=False):
            xp, views, energy = (
                namespace(around),
                window_views(around, self.window),
                self.centred.energy(around, self.window),
            )
            n_images, _, height, width = views.shape[:4]
            row_bytes = sum(self.centred.matrix.shape) * width * around.itemsize
            for images, rows in tiles(n_images, height, row_bytes, step_bytes(xp)):
                places = int(start) + xp.arange(rows.start * width, rows.stop * width)
                self.compare(
                    images,
                    slice(None),
                    columns(views[images, :, rows]),
                    energy[images, rows],
                    places,
                )

    def where_possible(self, image: int, bands: Sequence[np.ndarray], coarse: _Coarse) -> None:
        """Compare with the places of one image that a lower bound does not exclude."""
        blocks, bounds = [], []
        for around, start in zip(bands, self.first_of_band, strict=False):
            views, energy = (
                window_views(around, self.window)[0].transpose(1, 2, 0, 3, 4),
                self.centred.energy(around, self.window),
            )
            bound_of = coarse.over(around, energy)
            height, width = energy.shape[1:]
            step = max(1, _BLOCK // width)
            for rows in (slice(top, min(top + step, height)) for top in range(0, height, step)):
                bounds.append(bound_of(rows))
                blocks.append(_Block(views[rows], energy[0, rows], int(start) + rows.start * width))
        nearest = np.stack([bound.argmin(axis=1) for bound in bounds])
        lowest = np.stack(
            [bound[self.numbers, at] for bound, at in zip(bounds, nearest, strict=True)]
        )
        best = lowest.argmin(axis=0)
        # The distance at the most promising place: no place whose bound lies above it can win.
        enough = self._distances_at(blocks, best, nearest[best, self.numbers])
        for block, bound, possible in zip(blocks, bounds, lowest <= enough, strict=True):
            chosen = np.flatnonzero(possible)
            if len(chosen):
                places = np.flatnonzero((bound[chosen] <= enough[chosen, None]).any(axis=0))
                seen = block.windows(places).T[None]
                self.compare(
                    slice(image, image + 1),
                    chosen,
                    seen,
                    block.energy.ravel()[places],
                    block.first + places,
                )

    def _distances_at(
        self, blocks: Sequence[_Block], best: np.ndarray, places: np.ndarray
    ) -> np.ndarray:
        """Squared distance of each prototype to one place of its block.

        The smallest distance is no larger.
        """
        squares = np.empty(len(best), self.smallest.dtype)
        for number in np.unique(best):
            (chosen,) = np.nonzero(best == number)
            squares[chosen] = (
                (blocks[number].windows(places[chosen]) - self.centred.matrix[chosen]) ** 2
            ).sum(axis=1)
        return squares


@dataclass(frozen=True)
class _Block:
    """Some rows of places of one image.

    Views (y, x, feature, window y, window x), squared norms (y, x), index of the first place.
    """

    views: np.ndarray
    energy: np.ndarray
    first: int

    def windows(self, places: np.ndarray) -> np.ndarray:
        """What is seen at some places, (place, element)."""
        row, column = np.divmod(places, self.energy.shape[1])
        return self.views[row, column].reshape(len(places), -1)


class _Coarse:
    """Lower bounds of squared distances from the means of 2 x 2 blocks.

    A matrix product with a quarter of the elements.

    Rows (-2 Qw, -2 |r_w|, 1, |w|^2) times columns (Qx, |r_x|, |x|^2, 1).
    """

    def __init__(self, prototypes: np.ndarray, centred: Centred) -> None:
        count, n_features, height, width = prototypes.shape
        means = (
            centred.matrix.reshape(count, n_features, height // 2, 2, width // 2, 2).sum(
                axis=(3, 5)
            )
            / 2
        )
        means = means.reshape(count, -1)
        # Cauchy-Schwarz on what the 2 x 2 means leave out.
        residuals = np.sqrt(np.maximum(centred.norms - (means * means).sum(axis=1), 0))
        # Lowered by more than rounding: a bound must never exclude the winner.
        lowered = np.float32(1 - _MARGIN) * centred.norms
        self.left = np.column_stack([-2 * means, -2 * residuals, np.ones_like(lowered), lowered])
        self.centred, self.window = centred, Window((height // 2, width // 2), dilation=2)

    def over(self, around: np.ndarray, energy: np.ndarray) -> Callable[[slice], np.ndarray]:
        """A function from rows of places to lower bounds (prototype, place), for one image.

        Bounds are lowered by more than their rounding error.
        """
        means = box_sum(around, Window(2)) / 2
        residuals = np.sqrt(np.maximum(energy - self.centred.energy(means, self.window), 0))
        views, lowered = window_views(means, self.window), energy - _MARGIN * energy.max()

        def bound_of(rows: slice) -> np.ndarray:
            more = (
                residuals[0, rows].ravel(),
                lowered[0, rows].ravel(),
                np.ones(lowered[0, rows].size, lowered.dtype),
            )
            return self.left @ np.vstack([columns(views[:, :, rows])[0], *more])

        return bound_of
