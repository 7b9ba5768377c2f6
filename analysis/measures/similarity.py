"""Representational similarity: dissimilarity matrices, and their comparison with brains."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy import stats
from scipy.spatial.distance import pdist

from hmax_cnn.extraction.choices import check_choice

from ..contract import measure
from ..pairing import paired_rdms
from ..per_unit import FLAT
from ..responses import by_layer, image_names
from ..results import Definition, described

DISSIMILARITIES = ("correlation", "euclidean", "squared euclidean", "crossnobis")
_FORMULAS = {
    "correlation": "1 - r",
    "euclidean": "|a - b| / sqrt(n)",
    "squared euclidean": "|a - b|^2 / n",
    "crossnobis": "mean over pairs of measurements i != j of (a_i - b_i)' P (a_j - b_j) / n",
}
COMPARISONS = ("spearman", "pearson", "cosine", "kendall")


@measure(takes="responses", needs=("no transformation",))
def rdms(
    responses: xr.DataArray,
    dissimilarity: str = "correlation",
    noise_precision: np.ndarray | None = None,
) -> xr.Dataset:
    """Representational dissimilarity matrices of every layer.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, unit); for 'crossnobis' (image, <measurement>, unit): repeated measurements, or
        values of a transformation, over which a difference must hold to count.
    dissimilarity : {'correlation', 'euclidean', 'squared euclidean', 'crossnobis'}
        1 - Pearson's correlation over units; distance over the root of the number of units; its
        square; or the square estimated from pairs of different measurements, which is 0 on average,
        and can be negative, where there is only noise.
    noise_precision : array of shape (n_units, n_units) or None
        Of crossnobis, for responses of one layer: the inverse covariance of the noise. None is the
        identity.

    Returns
    -------
    xarray.Dataset
        `rdm` of dims (layer, pair), pairs in the order of numpy.triu_indices(n, 1), with the
        coordinates `first` and `second`; undefined where a correlation is of a response that is the
        same in all units.

    Raises
    ------
    ValueError
        If there is no such dissimilarity, or responses have the wrong dims.

    References
    ----------
    Kriegeskorte, Mur & Bandettini, "Representational similarity analysis", Front Syst Neurosci
    2008. Walther et al., "Reliability of dissimilarity measures for multi-voxel pattern analysis",
    NeuroImage 2016 (crossnobis).

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> rdms(found).sizes["pair"]  # 12 * 11 / 2
    66
    """
    check_choice("dissimilarity", dissimilarity, DISSIMILARITIES)
    crossvalidated = dissimilarity == "crossnobis"
    _check_dims(responses, dissimilarity, 3 if crossvalidated else 2)
    found = []
    for _, units in by_layer(responses):
        values = responses.values[..., units].astype(float)
        if crossvalidated:
            found.append(_crossnobis(values, noise_precision))
        else:
            found.append(distances(values, dissimilarity))
    first, second = np.triu_indices(len(responses), 1)
    names = image_names(responses)
    coords = {
        "layer": [name for name, _ in by_layer(responses)],
        "first": ("pair", names[first]),
        "second": ("pair", names[second]),
    }
    citation = "Kriegeskorte et al., Front Syst Neurosci 2008"
    if crossvalidated:
        citation = "Walther et al., NeuroImage 2016"
    definition = Definition(f"RDM, {dissimilarity}", _FORMULAS[dissimilarity], citation)
    made = xr.Dataset({"rdm": (("layer", "pair"), np.stack(found))}, coords=coords)
    return described(made, responses, definition)


def _check_dims(responses: xr.DataArray, dissimilarity: str, n_dims: int) -> None:
    named = responses.dims[:1] == ("image",) and responses.dims[-1:] == ("unit",)
    if responses.ndim != n_dims or not named or len(responses) < 2:
        expected = "(image, <measurement>, unit)" if n_dims == 3 else "(image, unit)"
        msg = (
            f"`responses` must have dims {expected} and at least two images for "
            f"{dissimilarity!r}, got {dict(responses.sizes)}."
        )
        raise ValueError(msg)


def distances(values: np.ndarray, dissimilarity: str) -> np.ndarray:
    """Dissimilarities of all pairs of images.

    Parameters
    ----------
    values : array of shape (n_images, n_units)
    dissimilarity : {'correlation', 'euclidean', 'squared euclidean'}

    Returns
    -------
    array of shape (n_pairs,)
        In the order of numpy.triu_indices(n, 1).
    """
    if dissimilarity == "correlation":
        centred = values - values.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centred, axis=1)
        # A response that is the same in all units has no correlation with another.
        known = length > FLAT * np.abs(values).max(axis=1, initial=0) * np.sqrt(values.shape[1])
        unit = centred / np.where(known, length, 1)[:, None]
        first, second = np.triu_indices(len(values), 1)
        apart = 1 - (unit @ unit.T)[first, second]
        return np.where(known[first] & known[second], apart, np.nan)
    # Over the number of units, so that layers of different size compare.
    squares = pdist(values, "sqeuclidean") / values.shape[1]
    if dissimilarity == "euclidean":
        return np.sqrt(squares)
    return squares


def _crossnobis(values: np.ndarray, precision: np.ndarray | None) -> np.ndarray:
    """Of responses (image, measurement, unit).

    Products of differences in one measurement and in another.
    """
    n_images, n_measurements, n_units = values.shape
    if n_measurements < 2:
        msg = f"'crossnobis' needs at least two measurements of every image, got {n_measurements}."
        raise ValueError(msg)
    if precision is not None and np.shape(precision) != (n_units, n_units):
        msg = (
            f"`noise_precision` must have shape ({n_units}, {n_units}), for the units of one "
            f"layer, got {np.shape(precision)}."
        )
        raise ValueError(msg)
    weighted = values if precision is None else values @ precision
    # Products over all pairs of measurements, less those of a measurement with itself, which hold
    # the noise: two products of sums instead of a loop over pairs.
    summed, summed_weighted = values.sum(axis=1), weighted.sum(axis=1)
    kernel = summed @ summed_weighted.T - np.einsum("imu,jmu->ij", values, weighted)
    kernel /= n_measurements * (n_measurements - 1)
    diagonal = np.diag(kernel)
    first, second = np.triu_indices(n_images, 1)
    return (
        diagonal[first] + diagonal[second] - kernel[first, second] - kernel[second, first]
    ) / n_units


def compare_rdms(a: Any, b: Any, comparison: str = "spearman") -> float:
    """How alike two dissimilarity vectors are.

    Parameters
    ----------
    a, b : arrays or DataArrays of shape (n_pairs,)
        Of `rdms` they are paired by the names of their images, else by position. Pairs that are
        undefined (NaN) in either are left out.
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}
        Rank or linear correlation, cosine, or Kendall's tau-a, which does not favour models that
        predict ties.

    Returns
    -------
    float
        Undefined (NaN) where one does not vary.

    Raises
    ------
    ValueError
        If they are of other images, lengths differ, or there is no such comparison.

    References
    ----------
    Nili et al., "A toolbox for representational similarity analysis", PLoS Comput Biol 2014.

    Examples
    --------
    >>> round(compare_rdms(np.array([1.0, 2, 3]), np.array([1.0, 4, 9])), 6)
    1.0
    """
    check_choice("comparison", comparison, COMPARISONS)
    if isinstance(a, xr.DataArray) and a.dims == ("pair",):
        b, _ = paired_rdms(a, b)
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        msg = (
            f"RDMs must be vectors of the same pairs, got shapes {first.shape} and {second.shape}."
        )
        raise ValueError(msg)
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if len(first) < 2:
        return np.nan
    if comparison == "cosine":
        length = np.linalg.norm(first) * np.linalg.norm(second)
        if length > 0:
            return float(first @ second / length)
        return np.nan
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    if comparison == "kendall":
        return _tau_a(first, second)
    correlate = stats.spearmanr if comparison == "spearman" else stats.pearsonr
    return float(correlate(first, second).statistic)


def _tau_a(first: np.ndarray, second: np.ndarray) -> float:
    """Concordant minus discordant over all pairs.

    SciPy's tau-b with its correction for ties undone.
    """
    n_pairs = len(first) * (len(first) - 1) / 2
    untied = []
    for values in (first, second):
        counts = np.unique(values, return_counts=True)[1]
        untied.append(n_pairs - (counts * (counts - 1) / 2).sum())
    tau_b = stats.kendalltau(first, second).statistic
    return float(tau_b * np.sqrt(untied[0] * untied[1]) / n_pairs)


def noise_ceiling(subjects: np.ndarray, comparison: str = "spearman") -> tuple[float, float]:
    """What a perfect model can reach, given how far subjects agree.

    Parameters
    ----------
    subjects : array of shape (n_subjects, n_pairs)
        At least two. Subjects of whom nothing is known (all NaN) are left out.
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}

    Returns
    -------
    low, high : float
        Mean similarity of each subject to the mean of the others, and to the mean of all. RDMs are
        ranked (spearman, kendall), standardised (pearson) or scaled to length 1 (cosine) before
        they are averaged.

    Raises
    ------
    ValueError
        If there are fewer than two subjects.

    References
    ----------
    Nili et al., "A toolbox for representational similarity analysis", PLoS Comput Biol 2014.

    Examples
    --------
    >>> subjects = np.arange(10.0) + np.random.default_rng(0).random((4, 10))
    >>> [round(bound, 2) for bound in noise_ceiling(subjects)]
    [1.0, 1.0]
    """
    table = np.asarray(subjects, dtype=float)
    if table.ndim == 2:
        table = table[np.isfinite(table).any(axis=1)]
    if table.ndim != 2 or len(table) < 2:
        msg = (
            "`subjects` must have shape (n_subjects, n_pairs), at least two subjects with "
            f"dissimilarities, got {table.shape}."
        )
        raise ValueError(msg)
    same = np.nanmax(table, axis=1) == np.nanmin(table, axis=1)
    if same.any():
        msg = (
            f"`subjects` must each vary over pairs, but subject {int(same.argmax())} does not. "
            "Leave it out."
        )
        raise ValueError(msg)
    # The mean of ranks, or of scaled RDMs, maximises the mean similarity (for Kendall's tau
    # approximately): no model can do better.
    pooled = np.stack([_comparable(row, comparison) for row in table])
    high = np.mean([compare_rdms(pooled.mean(axis=0), row, comparison) for row in table])
    low = []
    for index, row in enumerate(table):
        others = np.delete(pooled, index, axis=0).mean(axis=0)
        low.append(compare_rdms(others, row, comparison))
    return float(np.mean(low)), float(high)


def _comparable(rdm: np.ndarray, comparison: str) -> np.ndarray:
    if comparison in ("spearman", "kendall"):
        return stats.rankdata(rdm, nan_policy="omit")
    if comparison == "pearson":
        return (rdm - np.nanmean(rdm)) / np.nanstd(rdm)
    return rdm / np.sqrt(np.nansum(rdm**2))
