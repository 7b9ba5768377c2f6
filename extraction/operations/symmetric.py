"""Contrast-normalised matches of filters, a quarter of the work by the filters' symmetry.

A filter is the sum of four parts that are even or odd along y and along x. Each part is known from
one quadrant, and its match is that of the quadrant to the image folded: the four mirrored pixels
added to, or taken off, each other. A Gabor filter of 0 or 90 degrees has one part, those of 45 and
-45 degrees share two, so that four orientations need four quadrants in place of four filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, on_gpu
from ..compiled import kernels
from ..cuda import symmetric as on_cuda
from ..cuda.programs import suits as suits_cuda

_LARGEST = 63  # of a filter: from here on the Fourier transform is faster
_MARGIN = _LARGEST // 2 + 5  # the quadrants, filled up to whole steps
LARGEST_ON_GPU = on_cuda.LARGEST
_TINY = 1e-12  # parts of filters of unit norm that are rounding alone
_CLASSES = ((1, 1), (1, -1), (-1, 1), (-1, -1))


# Compared as an object, so that what is on a GPU already can be found again.
@dataclass(frozen=True, eq=False)
class Quadrants:
    """Filters of several sizes as what is left of them by symmetry.

    See `kernels.symmetric.respond` for the arrays.
    """

    weights: np.ndarray
    n_offsets: np.ndarray
    halves: np.ndarray
    mirrors: np.ndarray
    signs: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, banks: Sequence[np.ndarray]) -> Quadrants:
        """Quadrants of banks of filters.

        Parameters
        ----------
        banks : sequence of arrays of shape (n_filters, size, size)
            As many filters in each; sizes are odd and differ.

        Returns
        -------
        Quadrants
        """
        found = [_parts(bank) for bank in banks]
        counts = [max(len(parts[c]) for parts, _ in found) for c in range(4)]
        groups = _groups(counts)
        n_rows = max(bank.shape[-1] // 2 + 1 for bank in banks)
        n_columns = -(-n_rows // 4) * 4
        weights = np.zeros((len(groups), len(banks), n_rows, n_columns, 4), np.float32)
        signs = np.zeros((len(banks), len(banks[0]), 4 * len(groups)), np.float32)
        for k, (parts, uses) in enumerate(found):
            for g, group in enumerate(groups):
                for q, (c, number) in group.members.items():
                    if number < len(parts[c]):
                        side = len(parts[c][number])
                        weights[g, k, :side, :side, q] = parts[c][number]
                    for f, used_class, used, sign in uses:
                        if (used_class, used) == (c, number):
                            signs[k, f, 4 * g + q] = sign
        used = (weights != 0).any(axis=(0, 4))
        n_offsets = np.where(used.any(axis=2), n_columns - used[..., ::-1].argmax(axis=2), 0)
        mirrors = [[_CLASSES[c] for c in group.classes] for group in groups]
        return cls(
            weights,
            n_offsets.astype(np.int64),
            np.array([bank.shape[-1] // 2 for bank in banks], np.int64),
            np.array(mirrors, np.float32),
            signs,
            np.array([bank[:, 0, 0] for bank in banks], np.float32),
        )


Part = tuple[int, int, int, float]


def _parts(bank: np.ndarray) -> tuple[list[list[np.ndarray]], list[Part]]:
    """Quadrants by class, and (filter, class, number in the class, sign) of what filters need."""
    half = bank.shape[-1] // 2
    parts: list[list[np.ndarray]] = [[], [], [], []]
    uses: list[Part] = []
    for f, filter_ in enumerate(bank):
        # Outside its disc a filter is constant: that is one sum over the window.
        inside = filter_ - filter_[0, 0]
        for c, (down, across) in enumerate(_CLASSES):
            part = inside + down * inside[::-1] + across * inside[:, ::-1]
            part = (part + down * across * inside[::-1, ::-1]) / 4
            quadrant = part[half:, half:].copy()
            # Folding counts the axes twice.
            quadrant[0] /= 2
            quadrant[:, 0] /= 2
            if np.abs(quadrant).max() > _TINY:
                uses.append((f, c, *_numbered(quadrant, parts[c])))
    return parts, uses


def _numbered(quadrant: np.ndarray, known: list[np.ndarray]) -> tuple[int, float]:
    """Which of the known quadrants this is, and with which sign; a new one is added to them."""
    for number, other in enumerate(known):
        for sign in (1.0, -1.0):
            if np.abs(quadrant - sign * other).max() <= _TINY:
                return number, sign
    known.append(quadrant)
    return len(known) - 1, 1.0


@dataclass(frozen=True)
class _Group:
    """Quadrants that are matched together: up to three of one class, and one of another or none.

    Members are (class, number in the class), by place.
    """

    classes: tuple[int, int]
    members: dict[int, tuple[int, int]]


def _groups(counts: Sequence[int]) -> list[_Group]:
    """All quadrants, so many of each class, dealt into groups."""
    left = [list(range(count)) for count in counts]
    groups: list[_Group] = []
    while any(left):
        first = max(range(4), key=lambda c: len(left[c]))
        members = {q: (first, left[first].pop(0)) for q in range(min(3, len(left[first])))}
        second = max(range(4), key=lambda c: len(left[c]))
        if left[second]:
            members[3] = (second, left[second].pop(0))
        groups.append(_Group((first, second), members))
    return groups


def suits(values: Array, largest: int) -> bool:
    """Whether there is a kernel for these values and filters.

    Parameters
    ----------
    values : array
        Single precision.
    largest : int
        Side of the largest filter.

    Returns
    -------
    bool
    """
    if on_gpu(values):
        return suits_cuda(values) and largest <= LARGEST_ON_GPU
    if values.dtype != np.float32 or largest > _LARGEST:
        return False
    return kernels("symmetric") is not None


def block_maxima(
    values: Array,
    quadrants: Quadrants,
    response: str,
    bands: Sequence[int],
    blocks: Sequence[int],
    *,
    silent: bool,
) -> list[Array]:
    """Contrast-normalised responses, their maxima over the sizes of a band and square blocks.

    What `correlate_spectrum`, `divide_by_local_norm`, a rectifier and `max_pool` give one after the
    other, in one pass that keeps no map. Only where `suits` says so.

    Parameters
    ----------
    values : array of shape (n_images, 1, height, width), float32
    quadrants : Quadrants
    response : {'absolute', 'half', 'signed'}
        'signed' has one size in each band and blocks of 1.
    bands : sequence of int
        The band that each size belongs to.
    blocks : sequence of int
        Side of the blocks of each band, in pixels; 1 gives the responses themselves.
    silent : bool
        Whether places whose window reaches beyond the image are silent, and with them the first
        row and column whose window is inside; otherwise filters see zeros there.

    Returns
    -------
    list of arrays of shape (n_images, n_filters, ceil(height / block), ceil(width / block))
        One for each band.
    """
    n_images, _, height, width = values.shape
    n_filters = quadrants.signs.shape[1]
    counts = [(-(-height // side), -(-width // side)) for side in blocks]
    ends = np.cumsum([n_filters * rows * columns for rows, columns in counts])
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    respond = on_cuda.block_maxima if on_gpu(values) else _on_processor
    found = respond(
        values, quadrants, response, bands, blocks, starts, int(ends[-1]), silent=silent
    )
    return [
        found[:, start:end].reshape(n_images, n_filters, *count)
        for start, end, count in zip(starts, ends, counts, strict=True)
    ]


def _on_processor(
    values: np.ndarray,
    quadrants: Quadrants,
    response: str,
    bands: Sequence[int],
    blocks: Sequence[int],
    starts: np.ndarray,
    per_image: int,
    *,
    silent: bool,
) -> np.ndarray:
    """`block_maxima` by the kernel for the processor, bands beside each other."""
    compiled, (n_images, _, height, width) = kernels("symmetric"), values.shape
    found = np.empty((n_images, per_image), np.float32)
    for image, into in zip(values[:, 0], found, strict=True):
        # 32 more to the right, since columns are computed in whole vectors.
        padded = np.pad(image, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN + 32)))
        compiled.respond(
            padded,
            float((1e-6 * np.abs(image).max()) ** 2),
            _MARGIN,
            quadrants.weights,
            quadrants.n_offsets,
            quadrants.halves,
            quadrants.mirrors,
            quadrants.signs,
            quadrants.offsets,
            getattr(compiled, response.upper()),
            silent,
            np.asarray(bands, np.int64),
            np.asarray(blocks, np.int64),
            starts,
            height,
            width,
            into,
        )
    return found
