"""Simple and complex cells drawn from measured distributions of macaque V1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from numbers import Real

import numpy as np

# The histograms of the code of Dapello et al. 2020, which names their sources.
# De Valois et al., Vision Res 1982: preferred orientation, in degrees.
_ORIENTATION = ((-22.5, 22.5, 67.5, 112.5, 157.5), (66, 49, 77, 54))
# De Valois et al., Vision Res 1982: preferred spatial frequency, in cycles per degree.
_FREQUENCY = ((0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2), (4, 4, 8, 25, 32, 26, 28, 12, 8))
# Ringach, J Neurophysiol 2002: widths of the envelope across and along the grating, in periods;
# rows are across.
_WIDTHS = tuple(10.0 ** np.linspace(-1, 0.2, 6))
_COUNTS = ((2, 0, 1, 0, 0), (8, 9, 4, 1, 0), (1, 2, 19, 17, 3), (0, 0, 1, 7, 4), (0, 0, 0, 0, 0))


@dataclass(frozen=True)
class Tuning:
    """What each of some cells prefers.

    Attributes
    ----------
    orientations, phases : array of shape (n_cells,)
        In degrees, as in `gabor`.
    frequencies : array of shape (n_cells,)
        In cycles per degree of visual angle.
    across, along : array of shape (n_cells,)
        Standard deviations of the envelope, in periods of the grating.
    """

    orientations: np.ndarray
    phases: np.ndarray
    frequencies: np.ndarray
    across: np.ndarray
    along: np.ndarray


def drawn_tuning(
    n_cells: int, highest_frequency: float, correlation: float, seed: int | None
) -> Tuning:
    """Tuning of cells, drawn from the measured distributions.

    Parameters
    ----------
    n_cells : int
    highest_frequency : float
        In cycles per degree; bins of the histogram that reach beyond it are left out.
    correlation : float
        Of frequency and width across the grating, as ranks.
    seed : int or None

    Returns
    -------
    Tuning

    Raises
    ------
    ValueError
        If no frequency is left, or `correlation` does not lie between -1 and 1.

    References
    ----------
    Dapello et al., "Simulating a primary visual cortex at the front of CNNs improves robustness to
    image perturbations", NeurIPS 2020, and their code.
    """
    from scipy.stats import norm

    edges = np.array([edge for edge in _FREQUENCY[0] if edge <= highest_frequency])
    if len(edges) < 2:
        msg = (
            f"`highest_frequency` must be at least {_FREQUENCY[0][1]} cycles per degree, got "
            f"{highest_frequency!r}."
        )
        raise ValueError(msg)
    if not isinstance(correlation, Real) or not -1 < correlation < 1:
        msg = f"`correlation` must lie between -1 and 1, got {correlation!r}."
        raise ValueError(msg)
    rng = np.random.default_rng(seed)
    counts = np.array(_COUNTS, float)
    orientations = _from_histogram(rng.random(n_cells), *_ORIENTATION) % 180
    phases = 360 * rng.random(n_cells)
    # Ranks that are correlated as those of two normal variables are.
    first, second = rng.standard_normal((2, n_cells))
    ranks = norm.cdf(first), norm.cdf(correlation * first + np.sqrt(1 - correlation**2) * second)
    across = 10 ** _from_histogram(ranks[0], np.log10(_WIDTHS), counts.sum(axis=1))
    frequencies = 2 ** _from_histogram(ranks[1], np.log2(edges), _FREQUENCY[1][: len(edges) - 1])
    rows = np.clip(np.searchsorted(_WIDTHS, across) - 1, 0, len(counts) - 1)
    along = np.array(
        [
            10 ** _from_histogram(u, np.log10(_WIDTHS), counts[row])
            for u, row in zip(rng.random(n_cells), rows, strict=True)
        ]
    )
    return Tuning(orientations, phases, frequencies, across, along)


def _from_histogram(uniform: np.ndarray, edges: object, counts: object) -> np.ndarray:
    """Values whose distribution is a histogram's, even within a bin."""
    shares = np.cumsum(np.asarray(counts, float))
    return np.interp(uniform, np.concatenate([[0], shares / shares[-1]]), np.asarray(edges))


@lru_cache(maxsize=4)
def drawn_filters(
    n_cells: int,
    size: int,
    pixels_per_degree: float,
    highest_frequency: float,
    correlation: float,
    seed: int | None,
) -> tuple[np.ndarray, Tuning]:
    """Gabors of drawn cells, each with its quadrature partner.

    Parameters
    ----------
    n_cells : int
    size : int
        Side of the filters, in pixels; odd.
    pixels_per_degree : float
    highest_frequency, correlation, seed
        As in `drawn_tuning`.

    Returns
    -------
    filters : array of shape (n_cells, 2, size, size), float32
        At the cell's phase, and a quarter of a period on. An envelope has the sum 1, as in the code
        of Dapello et al.; filters keep their mean.
    tuning : Tuning
    """
    tuning = drawn_tuning(n_cells, highest_frequency, correlation, seed)
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    angle = np.deg2rad(tuning.orientations)[:, None, None]
    period = (pixels_per_degree / tuning.frequencies)[:, None, None]  # in pixels
    wide, long = tuning.across[:, None, None] * period, tuning.along[:, None, None] * period
    across = column * np.cos(angle) - row * np.sin(angle)
    along = column * np.sin(angle) + row * np.cos(angle)
    envelope = np.exp(-((across / wide) ** 2 + (along / long) ** 2) / 2) / (2 * np.pi * wide * long)
    phase = np.deg2rad(tuning.phases)[:, None, None]
    waves = [np.cos(2 * np.pi * across / period + phase + turn) for turn in (0, np.pi / 2)]
    filters = np.stack([envelope * wave for wave in waves], axis=1).astype(np.float32)
    for array in (filters, *vars(tuning).values()):
        array.flags.writeable = False  # shared by all models that draw the same cells
    return filters, tuning
