"""P-values of similarities of RDMs, by permutation of the images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.spatial.distance import squareform

from ..intervals import mean_defined
from .similarity import compare_rdms


def agreement_p(
    subjects: np.ndarray, comparison: str, n_permutations: int, random_state: int
) -> float:
    """P of the lower noise ceiling, from permutations of the images of each subject.

    Parameters
    ----------
    subjects : array of shape (n_subjects, n_pairs)
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}
    n_permutations : int
    random_state : int

    Returns
    -------
    float
        Undefined (NaN) without permutations.
    """
    if not n_permutations:
        return np.nan
    rng, n_images = np.random.default_rng(random_state), len(squareform(subjects[0], checks=False))
    upper = np.triu_indices(n_images, 1)
    squares = [squareform(row, checks=False) for row in subjects]
    complete = np.isfinite(subjects).all()

    def alike(row: np.ndarray, rest: np.ndarray) -> float:
        if comparison == "kendall" or not complete:
            return compare_rdms(row, rest, comparison)
        return float(_direction(row, comparison) @ _direction(rest, comparison))

    def agreement(orders: list[np.ndarray]) -> float:
        # The others are permuted as well: a mean of theirs that stays would be the same in all
        # permutations, where it should vary.
        rows = [square[np.ix_(o, o)][upper] for square, o in zip(squares, orders, strict=True)]
        table = np.stack(rows)
        rests = [mean_defined(np.delete(table, i, axis=0), axis=0) for i in range(len(table))]
        pairs = zip(rows, rests, strict=True)
        return float(np.mean([alike(row, rest) for row, rest in pairs]))

    def drawn() -> float:
        return agreement([rng.permutation(n_images) for _ in subjects])

    seen = agreement([np.arange(n_images)] * len(subjects))
    return _share_at_least(seen, drawn, n_permutations)


def permuted_p(
    mine: np.ndarray,
    theirs: list[np.ndarray],
    seen: float,
    comparison: str,
    n_permutations: int,
    random_state: int,
) -> float:
    """P of a similarity, from permutations of the model's images.

    Parameters
    ----------
    mine : array of shape (n_images, n_images)
        The RDM of the model.
    theirs : list of array of shape (n_images, n_images)
        Those of subjects.
    seen : float
        The mean similarity over subjects.
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}
    n_permutations : int
    random_state : int

    Returns
    -------
    float
        Undefined (NaN) without permutations, or where the similarity is.
    """
    if not n_permutations or not np.isfinite(seen):
        return np.nan
    rng, n_images = np.random.default_rng(random_state), len(mine)
    upper = np.triu_indices(n_images, 1)
    pairs = mine[upper]
    complete = np.isfinite(pairs).all() and all(np.isfinite(brain[upper]).all() for brain in theirs)

    def one_by_one() -> float:
        order = rng.permutation(n_images)
        part = mine[np.ix_(order, order)][upper]
        return float(np.mean([compare_rdms(part, brain[upper], comparison) for brain in theirs]))

    if comparison == "kendall" or not complete:
        return _share_at_least(seen, one_by_one, n_permutations)
    # A permutation of images moves entries of the RDM and changes none: ranks, means and lengths
    # are taken once, and each permutation costs one product with the mean over subjects.
    targets = np.mean([_direction(brain[upper], comparison) for brain in theirs], axis=0)
    ordered = squareform(_direction(pairs, comparison), checks=False)

    def at_once() -> float:
        order = rng.permutation(n_images)
        return float(ordered[np.ix_(order, order)][upper] @ targets)

    return _share_at_least(seen, at_once, n_permutations)


def _share_at_least(seen: float, drawn: Callable[[], float], n_permutations: int) -> float:
    """The share of permutations, the real order among them, that are at least as similar."""
    # Less a rounding error, so that the real order counts where it is drawn.
    count = sum(drawn() >= seen - 1e-12 for _ in range(n_permutations))
    return (count + 1) / (n_permutations + 1)


def _direction(rdm: np.ndarray, comparison: str) -> np.ndarray:
    """A vector of length 1 whose products are the comparison."""
    values = stats.rankdata(rdm) if comparison == "spearman" else rdm
    if comparison != "cosine":
        values = values - values.mean()
    return values / np.linalg.norm(values)
