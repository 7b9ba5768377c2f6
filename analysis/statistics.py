"""Statistics: permutation tests, comparison of models, many comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hmax_cnn.extraction.choices import check_choice

from .intervals import t_interval
from .pairing import BY_LABEL, as_series, same_order

CORRECTIONS = ("holm", "bonferroni", "fdr")


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

    Each row has the difference, its interval, p, and p corrected: by permutation, and of what is
    right or wrong by McNemar's test with mid-p, since an exact test of so few different values
    finds too little.

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

    References
    ----------
    Fagerland, Lydersen & Laake, "The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional", BMC Medical Research Methodology 2013.

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
    defined = np.isfinite(first) & np.isfinite(second)
    first, second = first[defined], second[defined]
    gap = (first - second).to_numpy(float)
    if len(gap) < 2:
        undefined = dict.fromkeys(("difference", "low", "high", "p"), np.nan)
        return undefined | {"n": len(gap), "least_p": np.nan}
    n_differ = int((gap != 0).sum())
    if np.isin(np.concatenate([first, second]), (0, 1)).all():
        p, least = _mcnemar(int((gap > 0).sum()), n_differ), 2.0**-n_differ
    else:
        test = permutation_test(first, second, n_resamples=n_resamples, random_state=random_state)
        # The least two-sided p: 2 / 2^n for n items that differ, and never below 2 / (n_resamples
        # + 1).
        p, least = test["p"], max(2.0 ** (1 - n_differ), 2 / (n_resamples + 1))
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    low, high = t_interval(gap.mean(), error, len(gap) - 1, level)
    return {
        "difference": float(gap.mean()),
        "low": float(low),
        "high": float(high),
        "p": p,
        "n": len(gap),
        "least_p": min(1.0, least),
    }


def _mcnemar(n_first: int, n_differ: int) -> float:
    """McNemar's two-sided mid-p: of the items of which one model alone is right, those of one."""
    fewer = min(n_first, n_differ - n_first)
    half = stats.binom(n_differ, 0.5)
    return float(min(1.0, 2 * (half.cdf(fewer - 1) + 0.5 * half.pmf(fewer))))
