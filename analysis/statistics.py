"""Statistics: intervals, permutation tests, comparison of models, many comparisons.

Intervals are by bootstrap over stimuli and units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hmax_cnn.extraction.choices import check_choice

from .pairing import BY_LABEL, as_series, same_order

RESAMPLED = ("images", "units", "both")
CORRECTIONS = ("holm", "bonferroni", "fdr")


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
        parts = [
            there(np.asarray(statistic(kept), dtype=float))
            for kept in left_out(n, n_groups, random_state)
        ]
        found = np.array(parts).reshape(len(parts), *np.shape(whole))
        middle = whole
        if unbiased and parts:
            middle = whole + (len(parts) - 1) * (whole - mean_defined(found, axis=0))
        error = np.sqrt(jackknife_variance(found))
        low, high = t_interval(middle, error, max(1, len(parts) - 1), level)
        return back(np.minimum(low, high)), back(np.maximum(low, high))


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


def permutation_test(
    a: Any, b: Any, paired: bool = True, n_resamples: int = 9999, random_state: int = 0
) -> dict[str, float]:
    """Whether the means of two samples differ, by permutation (scipy.stats.permutation_test).

    Parameters
    ----------
    a, b : arrays, Series or DataArrays of shape (n,), (m,)
        With `paired` of the same items, by their labels where both have some, else in the same
        order: their signs are then permuted, which is exact for few items.
    paired : bool
    n_resamples, random_state : int

    Returns
    -------
    dict
        difference (mean of a minus mean of b), p (two-sided), n.

    Raises
    ------
    ValueError
        If there are fewer than two defined values, or paired samples differ in length.

    Examples
    --------
    >>> permutation_test([1, 2, 3, 4], [0, 1, 2, 3])["difference"]
    1.0
    """
    if paired:
        columns = same_order({"a": a, "b": b}, "item")
        first, second = (columns[name].to_numpy(float) for name in ("a", "b"))
        both = np.isfinite(first) & np.isfinite(second)
        first, second = first[both], second[both]
    else:
        first, second = (as_series(x, name).to_numpy(float) for name, x in (("a", a), ("b", b)))
        first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    if min(len(first), len(second)) < 2:
        msg = (
            f"A permutation test needs at least two defined values of each, got {len(first)} and "
            f"{len(second)}."
        )
        raise ValueError(msg)
    # Exact where there are no more permutations than resamples.
    found = stats.permutation_test(
        (first, second),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=n_resamples,
        rng=np.random.default_rng(random_state),
    )
    return {"difference": float(found.statistic), "p": float(found.pvalue), "n": len(first)}


def corrected(p: Sequence[float], method: str = "holm") -> np.ndarray:
    """P-values corrected for many comparisons; undefined ones stay so and do not count.

    Parameters
    ----------
    p : sequence of float
    method : {'holm', 'bonferroni', 'fdr'}
        Family-wise error (Holm 1979; Bonferroni), or false discovery rate (Benjamini & Hochberg
        1995).

    Returns
    -------
    array

    Examples
    --------
    >>> corrected([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=float)
    defined = np.isfinite(values)
    check_choice("method", method, CORRECTIONS)
    if ((values[defined] < 0) | (values[defined] > 1)).any():
        msg = f"`p` must lie between 0 and 1, got {values.tolist()}."
        raise ValueError(msg)
    result, kept = values.copy(), values[defined]
    if method == "fdr":
        if len(kept):  # scipy refuses an empty list
            result[defined] = stats.false_discovery_control(kept)
        return result
    if method == "bonferroni":
        result[defined] = np.minimum(kept * len(kept), 1)
        return result
    # Holm 1979: the smallest p times n, the next times n - 1, and never less than the one before.
    order = kept.argsort(kind="stable")
    steps = np.maximum.accumulate((len(kept) - np.arange(len(kept))) * kept[order])
    result[defined] = np.minimum(steps, 1)[order.argsort(kind="stable")]
    return result


def compare(
    scores: pd.DataFrame | Mapping[str, Any],
    method: str = "holm",
    reference: str | None = None,
    n_resamples: int = 9999,
    level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Every pair of models, or one with each other, on the same items.

    Each row has the difference, its interval, p by permutation, and p corrected.

    Parameters
    ----------
    scores : pandas.DataFrame or mapping from str to array, Series or DataArray of shape (n_items,)
        One column per model (or layer), one row per item, such as a test image: right or wrong,
        similarity, or any score. In a mapping, columns with labels (the index of a series, the
        coordinate of a labelled array) are paired by them.
    method : {'holm', 'bonferroni', 'fdr'}
        As in `corrected`.
    reference : str or None
        Compare this column with each other only: fewer tests to correct for. None compares all
        pairs.
    n_resamples : int
        Of the permutation test; the interval is Student's t.
    level : float
        Of the interval.
    random_state : int

    Returns
    -------
    pandas.DataFrame
        Columns a, b, difference (a minus b), low, high, p, p_corrected, n, and least_p, the
        smallest p that there is with so many items that differ: where it is above 0.05 after
        correction, nothing could have been significant. Undefined for fewer than two items. Its
        attribute `paired_by` says what items were paired by.

    Raises
    ------
    ValueError
        If there are fewer than two columns, or they are of other items.
    """
    scores = same_order(scores, "item")
    paired_by = scores.attrs.get("paired_by", BY_LABEL)
    scores = scores.astype(float)
    if scores.shape[1] < 2:
        msg = (
            "`scores` must have a column for each of at least two models, got "
            f"{list(scores.columns)}."
        )
        raise ValueError(msg)
    pairs: Iterable[tuple[Any, ...]] = combinations(scores.columns, 2)
    if reference is not None:
        check_choice("reference", reference, scores.columns)
        pairs = product([reference], scores.columns.drop(reference))
    rows = []
    for a, b in pairs:
        found = _compared(scores[a], scores[b], n_resamples, level, random_state)
        rows.append({"a": a, "b": b} | found)
    table = pd.DataFrame(rows)
    table.insert(6, "p_corrected", corrected(table["p"], method))
    table.attrs["paired_by"] = paired_by
    return table


def _compared(
    first: pd.Series, second: pd.Series, n_resamples: int, level: float, random_state: int
) -> dict[str, float]:
    """Difference of two columns, with its interval and p; undefined for fewer than two items."""
    gap = (first - second).to_numpy(float)
    gap = gap[np.isfinite(gap)]
    if len(gap) < 2:
        undefined = dict.fromkeys(("difference", "low", "high", "p"), np.nan)
        return undefined | {"n": len(gap), "least_p": np.nan}
    test = permutation_test(first, second, n_resamples=n_resamples, random_state=random_state)
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    low, high = t_interval(gap.mean(), error, len(gap) - 1, level)
    # The least two-sided p: 2 / 2^n for n items that differ, and never below 2 / (n_resamples + 1).
    least = max(2.0 ** (1 - int((gap != 0).sum())), 2 / (n_resamples + 1))
    return {
        "difference": test["difference"],
        "low": float(low),
        "high": float(high),
        "p": test["p"],
        "n": test["n"],
        "least_p": min(1.0, least),
    }
