"""Intervals: bootstrap, jackknife, Student's t, and Wilson's of proportions.

Which of them holds what it promises, and from how many images on: benchmarks/coverage.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

RESAMPLED = ("images", "units", "both")


def resampled(
    statistic: Callable[[np.ndarray], Any], n: int, n_resamples: int, random_state: int = 0
) -> np.ndarray:
    """A statistic of bootstrap samples.

    Any number of values, some of them undefined (scipy.stats.bootstrap refuses those).

    Parameters
    ----------
    statistic : callable
        From the numbers of the items drawn, of shape (n,), to a number or array.
    n : int
        How many items there are; they are drawn with replacement.
    n_resamples : int
    random_state : int

    Returns
    -------
    array of shape (n_resamples, ...)

    Examples
    --------
    >>> weights = np.arange(10.0)
    >>> resampled(lambda drawn: weights[drawn].mean(), 10, 200).mean().round(1)
    np.float64(4.6)
    """
    if n < 2 or not n_resamples:
        return np.full((n_resamples, *np.shape(statistic(np.arange(n)))), np.nan)
    rng = np.random.default_rng(random_state)
    return np.stack(
        [np.asarray(statistic(rng.integers(n, size=n)), dtype=float) for _ in range(n_resamples)]
    )


def interval(distribution: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval along the first axis.

    Undefined (NaN) where more than half of the resamples are, or there are none.
    """
    if not 0 < level < 1:
        msg = f"`level` must lie between 0 and 1, got {level}."
        raise ValueError(msg)
    values = np.asarray(distribution, dtype=float)
    if not len(values):
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    defined = np.isfinite(values)
    enough = 2 * defined.sum(axis=0) >= max(1, len(values))
    # Quantiles of the resamples that are defined, if those are at least half.
    filled = np.where(defined, values, np.nan)
    filled = np.where(enough, filled, 0.0)  # so that no column is all undefined
    low, high = np.nanquantile(filled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def wilson_interval(
    n_right: float, n: float, level: float = 0.95, n_folds: int = 1
) -> tuple[float, float]:
    """Wilson's interval of a proportion.

    Parameters
    ----------
    n_right, n : int
        How many of how many.
    level : float
    n_folds : int
        Of cross-validation: held-out images of several folds, which share training images, count
        for fewer, n / 1.75.

    Returns
    -------
    low, high : float

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson_interval(9, 10)]
    [0.596, 0.982]
    """
    share, count = n_right / n, n / (SHARED_TRAINING if n_folds > 1 else 1.0)
    z = stats.norm.ppf((1 + level) / 2)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def wilson_of_clusters(
    share: float, variance: float, n_clusters: int, most: float, level: float = 0.95
) -> tuple[float, float]:
    """Wilson's interval of a proportion of items that are no independent ones.

    It is for as many independent items as would have this variance, as with Student's t: it stays
    within 0 and 1, and has a width where all items agree, as if each cluster were one item.

    Parameters
    ----------
    share : float
    variance : float
        Of the share, over clusters.
    n_clusters : int
        Such as objects of which there are several views.
    most : float
        At most so many items.
    level : float

    Returns
    -------
    low, high : float
        Undefined (NaN) where the share or its variance is, or for a single cluster.

    References
    ----------
    Korn & Graubard, "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data", Survey Methodology 1998.

    Examples
    --------
    >>> [round(bound, 2) for bound in wilson_of_clusters(1.0, 0.0, 10, 100)]
    [0.66, 1.0]
    """
    if not (np.isfinite(share) and np.isfinite(variance)) or n_clusters < 2:
        return np.nan, np.nan
    count = float(n_clusters)
    if variance > 0 and 0 < share < 1:
        count = min(share * (1 - share) / variance, most)
    tails = stats.norm.ppf((1 + level) / 2) / stats.t.ppf((1 + level) / 2, n_clusters - 1)
    count *= tails**2
    return wilson_interval(share * count, count, level)


# By how much folds that share training images raise the variance of an accuracy, over that of as
# many independent images: where Wilson's interval holds 0.93 to 0.97 in simulation (2 to 10 folds,
# 10 to 100 images; benchmarks/coverage.py). Nadeau & Bengio's 1 + k / (k - 1) is its upper bound.
SHARED_TRAINING = 1.75


def widening(n_folds: int) -> float:
    """How much wider an interval over held-out images is, since folds share training images.

    Parameters
    ----------
    n_folds : int

    Returns
    -------
    float
        1 for a given split.

    References
    ----------
    Nadeau & Bengio, "Inference for the generalization error", Machine Learning 2003, equation 8:
    the variance of k held-out parts of n / k images, each trained on the others, is 1 + k / (k - 1)
    times that of n independent images.

    Examples
    --------
    >>> widening(1), widening(5)
    (1.0, 1.5)
    """
    if n_folds < 2:
        return 1.0
    return float(np.sqrt(1 + n_folds / (n_folds - 1)))


def left_out(n: int, n_groups: int, random_state: int = 0) -> list[np.ndarray]:
    """The items that are kept when each of some groups is left out.

    Parameters
    ----------
    n : int
        How many items there are.
    n_groups : int
        At most; with as many as items each is left out by itself.
    random_state : int
        Of the groups.

    Returns
    -------
    list of array of int
        Empty for fewer than three items, or two groups.
    """
    n_groups = min(n, n_groups)
    if n < 3 or n_groups < 2:
        return []
    order = np.arange(n)
    if n_groups < n:
        order = np.random.default_rng(random_state).permutation(n)
    return [np.setdiff1d(order, group) for group in np.array_split(order, n_groups)]


def jackknife_variance(found: np.ndarray) -> np.ndarray:
    """Variance of a statistic from its values with each group left out, along the first axis.

    Undefined where it is in more than half of them, or there are none.

    Parameters
    ----------
    found : array of shape (n_groups, ...)

    Returns
    -------
    array of shape (...)

    References
    ----------
    Tukey 1958; Shao & Wu, "A general theory for jackknife variance estimation", Annals of
    Statistics 1989.
    """
    values = np.asarray(found, dtype=float)
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    # A deviation over n - 1 is undone: the pseudo-values vary (n - 1)^2 times as much.
    return (len(values) - 1) ** 2 / len(values) * deviation_defined(values) ** 2


# Scales on which an interval is made, and the way back: bounds stay where the statistic can be.
LINKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "none": (lambda x: x, lambda x: x),
    "log": (np.log, np.exp),
    "correlation": (lambda x: np.arctanh(np.clip(x, -0.9999, 0.9999)), np.tanh),
    "below 1": (lambda x: np.log(np.maximum(1 - x, 1e-12)), lambda x: 1 - np.exp(x)),
}


def jackknife(
    statistic: Callable[[np.ndarray], Any],
    n: int,
    n_groups: int,
    level: float = 0.95,
    random_state: int = 0,
    link: str = "none",
    unbiased: bool = False,
    of_pairs: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a statistic from its values with some items left out, by Student's t.

    Nothing is drawn twice: a bootstrap would take an image that is like itself for two.

    Parameters
    ----------
    statistic : callable
        From the numbers of the items that are kept to a number or array.
    n : int
        How many items there are.
    n_groups : int
        How many groups are left out, at most `n`; 0 leaves the interval undefined.
    level : float
    random_state : int
        Of the groups.
    link : {'none', 'log', 'correlation', 'below 1'}
        The scale on which the interval is symmetric.
    unbiased : bool
        Whether its middle is corrected for the bias that the jackknife finds (Quenouille 1956).
    of_pairs : bool
        Whether it is made of pairs of items, such as similarities of images. The jackknife counts
        twice what varies from pair to pair; the surplus is found by leaving out two groups at a
        time, and taken off, down to the half that pairs alone would leave (Efron & Stein, "The
        jackknife estimate of variance", Annals of Statistics 1981).

    Returns
    -------
    low, high : arrays

    Examples
    --------
    >>> values = np.arange(10.0)
    >>> low, high = jackknife(lambda kept: values[kept].mean(), 10, 10)
    >>> round(float(low), 2), round(float(high), 2)
    (2.33, 6.67)
    """
    there, back = LINKS[link]
    with np.errstate(all="ignore"):
        whole = there(np.asarray(statistic(np.arange(n)), dtype=float))
        kept = left_out(n, n_groups, random_state)
        parts = [there(np.asarray(statistic(some), dtype=float)) for some in kept]
        found = np.array(parts).reshape(len(parts), *np.shape(whole))
        middle = whole
        if unbiased and parts:
            middle = whole + (len(parts) - 1) * (whole - mean_defined(found, axis=0))
        variance = jackknife_variance(found)
        if of_pairs and len(parts) > 3:  # of fewer, no pairs could be left out

            def on_scale(indices: np.ndarray) -> np.ndarray:
                return there(np.asarray(statistic(indices), dtype=float))

            surplus = _of_pairs(on_scale, whole, found, kept)
            # Where nothing is known of pairs the variance stays as it is.
            surplus = np.where(np.isfinite(surplus), surplus, 0.0)
            variance = np.maximum(variance - surplus, variance / 2)
        error = np.sqrt(variance)
        low, high = t_interval(middle, error, max(1, len(parts) - 1), level)
        return back(np.minimum(low, high)), back(np.maximum(low, high))


def _of_pairs(
    statistic: Callable[[np.ndarray], Any],
    whole: np.ndarray,
    found: np.ndarray,
    kept: Sequence[np.ndarray],
) -> np.ndarray:
    """What a jackknife counts twice: the variance of a statistic from pair to pair of groups.

    `whole` is its value of all items, `found` those with each group left out.
    """
    n = len(kept)
    effects = [
        n * whole
        - (n - 1) * (found[i] + found[j])
        + (n - 2) * statistic(np.intersect1d(kept[i], kept[j]))
        for i, j in combinations(range(n), 2)
    ]
    return deviation_defined(np.array(effects)) ** 2 * (len(effects) - 1) / (n * (n - 1))


def t_interval(
    value: Any, error: Any, degrees: Any, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """A value plus and minus its standard error times Student's t; undefined where either is."""
    reach = stats.t.ppf((1 + level) / 2, np.maximum(degrees, 1)) * np.asarray(error)
    return np.where(np.isfinite(value), value - reach, np.nan), np.where(
        np.isfinite(value), value + reach, np.nan
    )


def degrees_of(variances: Sequence[Any], degrees: Sequence[float]) -> np.ndarray:
    """Degrees of freedom of a sum of variances (Satterthwaite 1946)."""
    total = sum(np.asarray(variance, dtype=float) for variance in variances)
    parts = sum(
        np.asarray(variance, dtype=float) ** 2 / max(1.0, one)
        for variance, one in zip(variances, degrees, strict=True)
    )
    with np.errstate(all="ignore"):
        return np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1), max(degrees))


def normal_interval(value: Any, error: Any, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """A value plus and minus so many standard errors as the level says.

    Undefined where either is.
    """
    reach = stats.norm.ppf((1 + level) / 2) * np.asarray(error)
    return np.where(np.isfinite(value), value - reach, np.nan), np.where(
        np.isfinite(value), value + reach, np.nan
    )


def deviation_defined(draws: np.ndarray) -> np.ndarray:
    """Standard deviation along the first axis of what is defined.

    Undefined where more than half is not.
    """
    values = np.asarray(draws, dtype=float)
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    enough = (count > 1) & (2 * count >= len(values))
    safe = np.where(enough, count, 2)
    # Undefined draws are left out, not taken for zero.
    centred = np.where(defined, values - np.where(defined, values, 0).sum(axis=0) / safe, 0)
    return np.where(enough, np.sqrt((centred**2).sum(axis=0) / (safe - 1)), np.nan)


def mean_defined(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean over what is defined; undefined (NaN) where nothing is."""
    values = np.asarray(values, dtype=float)
    defined = np.isfinite(values)
    count = defined.sum(axis=axis)
    return np.where(
        count > 0,
        np.where(defined, values, 0.0).sum(axis=axis) / np.where(count > 0, count, 1),
        np.nan,
    )
