"""Representational similarity: dissimilarity matrices, and their comparison with brains.

Intervals are by half-samples of images (drawn without replacement): a bootstrap would draw images
twice, and an image is always like itself.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from tqdm.auto import tqdm

from ..results import DEFAULT, FLAT, Definition, Resampling, described, needs
from ..responses import by_layer
from ..statistics import corrected, half_samples

DISSIMILARITIES = ("correlation", "euclidean", "squared euclidean", "crossnobis")
COMPARISONS = ("spearman", "pearson", "cosine", "kendall")


@needs("no transformation")
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
    """
    if dissimilarity not in DISSIMILARITIES:
        msg = (
            f"`dissimilarity` must be one of {', '.join(map(repr, DISSIMILARITIES))}, got "
            f"{dissimilarity!r}."
        )
        raise ValueError(msg)
    if dissimilarity == "crossnobis":
        n_dims = 3
    else:
        n_dims = 2
    if (
        responses.ndim != n_dims
        or responses.dims[0] != "image"
        or responses.dims[-1] != "unit"
        or len(responses) < 2
    ):
        if n_dims == 3:
            expected = "(image, <measurement>, unit)"
        else:
            expected = "(image, unit)"
        msg = (
            f"`responses` must have dims {expected} and at least two images for "
            f"{dissimilarity!r}, got {dict(responses.sizes)}."
        )
        raise ValueError(msg)
    found = []
    for _, units in by_layer(responses):
        values = responses.values[..., units].astype(float)
        found.append(
            _crossnobis(values, noise_precision)
            if n_dims == 3
            else _distances(values, dissimilarity)
        )
    first, second = np.triu_indices(len(responses), 1)
    if "image" in responses.coords:
        names = responses["image"].values
    else:
        names = np.arange(len(responses))
    coords = {
        "layer": [name for name, _ in by_layer(responses)],
        "first": ("pair", names[first]),
        "second": ("pair", names[second]),
    }
    if n_dims == 3:
        citation = "Walther et al., NeuroImage 2016"
    else:
        citation = "Kriegeskorte et al., Front Syst Neurosci 2008"
    formula = {
        "correlation": "1 - r",
        "euclidean": "|a - b| / sqrt(n)",
        "squared euclidean": "|a - b|^2 / n",
    }.get(dissimilarity, "mean over pairs of measurements i != j of (a_i - b_i)' P (a_j - b_j) / n")
    return described(
        xr.Dataset({"rdm": (("layer", "pair"), np.stack(found))}, coords=coords),
        responses,
        Definition(f"RDM, {dissimilarity}", formula, citation),
    )


def _distances(values: np.ndarray, dissimilarity: str) -> np.ndarray:
    if dissimilarity == "correlation":
        centred = values - values.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centred, axis=1)
        known = length > FLAT * np.abs(values).max(axis=1, initial=0) * np.sqrt(values.shape[1])
        unit = centred / np.where(known, length, 1)[:, None]
        first, second = np.triu_indices(len(values), 1)
        apart = 1 - (unit @ unit.T)[first, second]
        return np.where(known[first] & known[second], apart, np.nan)
    squares = pdist(values, "sqeuclidean") / values.shape[1]
    if dissimilarity == "euclidean":
        return np.sqrt(squares)
    return squares


def _crossnobis(values: np.ndarray, precision: np.ndarray | None) -> np.ndarray:
    """Of responses (image, measurement, unit): products of differences in one measurement and in
    another."""
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
    if precision is None:
        weighted = values
    else:
        weighted = values @ precision
    summed, summed_weighted = values.sum(axis=1), weighted.sum(axis=1)
    kernel = (summed @ summed_weighted.T - np.einsum("imu,jmu->ij", values, weighted)) / (
        n_measurements * (n_measurements - 1)
    )
    diagonal = np.diag(kernel)
    first, second = np.triu_indices(n_images, 1)
    return (
        diagonal[first] + diagonal[second] - kernel[first, second] - kernel[second, first]
    ) / n_units


def compare_rdms(a: np.ndarray, b: np.ndarray, comparison: str = "spearman") -> float:
    """How alike two dissimilarity vectors are.

    Parameters
    ----------
    a, b : arrays of shape (n_pairs,)
        Pairs that are undefined (NaN) in either are left out.
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
        If lengths differ, or there is no such comparison.

    References
    ----------
    Nili et al., "A toolbox for representational similarity analysis", PLoS Comput Biol 2014.

    Examples
    --------
    >>> round(compare_rdms(np.array([1.0, 2, 3]), np.array([1.0, 4, 9])), 6)
    1.0
    """
    if comparison not in COMPARISONS:
        msg = (
            f"`comparison` must be one of {', '.join(map(repr, COMPARISONS))}, got {comparison!r}."
        )
        raise ValueError(msg)
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
    return float(
        (stats.spearmanr if comparison == "spearman" else stats.pearsonr)(first, second).statistic
    )


def _tau_a(first: np.ndarray, second: np.ndarray) -> float:
    """Concordant minus discordant over all pairs; SciPy's tau-b with its correction for ties
    undone."""
    n_pairs = len(first) * (len(first) - 1) / 2
    untied = [
        n_pairs - sum(count * (count - 1) / 2 for count in np.unique(values, return_counts=True)[1])
        for values in (first, second)
    ]
    return float(
        stats.kendalltau(first, second).statistic * np.sqrt(untied[0] * untied[1]) / n_pairs
    )


def noise_ceiling(subjects: np.ndarray, comparison: str = "spearman") -> tuple[float, float]:
    """What a perfect model can reach, given how far subjects agree.

    Parameters
    ----------
    subjects : array of shape (n_subjects, n_pairs)
        At least two.
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
    """
    table = np.asarray(subjects, dtype=float)
    if table.ndim != 2 or len(table) < 2:
        msg = (
            "`subjects` must have shape (n_subjects, n_pairs), at least two subjects, got "
            f"{table.shape}."
        )
        raise ValueError(msg)
    same = np.nanmax(table, axis=1) == np.nanmin(table, axis=1)
    if same.any():
        msg = (
            f"`subjects` must each vary over pairs, but subject {int(same.argmax())} does not. "
            "Leave it out."
        )
        raise ValueError(msg)
    pooled = np.stack([_comparable(row, comparison) for row in table])
    high = np.mean([compare_rdms(pooled.mean(axis=0), row, comparison) for row in table])
    low = np.mean(
        [
            compare_rdms(np.delete(pooled, index, axis=0).mean(axis=0), row, comparison)
            for index, row in enumerate(table)
        ]
    )
    return float(low), float(high)


def _comparable(rdm: np.ndarray, comparison: str) -> np.ndarray:
    if comparison in ("spearman", "kendall"):
        return stats.rankdata(rdm, nan_policy="omit")
    if comparison == "pearson":
        return (rdm - np.nanmean(rdm)) / np.nanstd(rdm)
    return rdm / np.sqrt(np.nansum(rdm**2))


def brain_similarity(
    models: xr.Dataset,
    subjects: np.ndarray,
    comparison: str = "spearman",
    n_permutations: int = 1000,
    correction: str = "holm",
    resampling: Resampling = DEFAULT,
) -> xr.Dataset:
    """Similarity of every layer's RDM to those of subjects, between the bounds of what is possible.

    Parameters
    ----------
    models : xarray.Dataset
        From `rdms`.
    subjects : array of shape (n_subjects, n_pairs)
        RDMs of the same images in the same order; one row where there is one animal, or a mean.
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}
    n_permutations : int
        Of the images of the model, for p: the share of permutations, the real order included, that
        are at least as similar.
    correction : {'holm', 'bonferroni', 'fdr'}
        Over layers.
    resampling : Resampling
        Intervals are by half-samples of images.

    Returns
    -------
    xarray.Dataset
        Per layer `layer_value` (mean over subjects), `layer_low`, `layer_high`, `p`, `p_corrected`,
        and `value` of dims (layer, subject); `ceiling_low` and `ceiling_high`, undefined for a
        single subject.

    Raises
    ------
    ValueError
        If pairs differ.

    References
    ----------
    Nili et al., PLoS Comput Biol 2014.
    """
    table = np.atleast_2d(np.asarray(subjects, dtype=float))
    layers, n_pairs = models["rdm"].values, models.sizes["pair"]
    if table.ndim != 2 or table.shape[1] != n_pairs:
        msg = (
            f"`subjects` must have shape (n_subjects, {n_pairs}), the pairs of the model, got "
            f"{np.shape(subjects)}."
        )
        raise ValueError(msg)
    n_images = round((1 + np.sqrt(1 + 8 * n_pairs)) / 2)
    squares, theirs = (
        [squareform(row, checks=False) for row in layers],
        [squareform(row, checks=False) for row in table],
    )
    upper = np.triu_indices(n_images, 1)

    def alike(mine: np.ndarray, images: np.ndarray, others: np.ndarray) -> np.ndarray:
        pairs = np.triu_indices(len(images), 1)
        part = mine[np.ix_(images, images)][pairs]
        return np.array(
            [
                compare_rdms(part, brain[np.ix_(others, others)][pairs], comparison)
                for brain in theirs
            ]
        )

    everything = np.arange(n_images)
    value = np.stack([alike(mine, everything, everything) for mine in squares])
    bounds = [
        half_samples(
            lambda drawn, m=mine: alike(m, drawn, drawn).mean(),
            n_images,
            resampling.n_resamples,
            resampling.level,
            resampling.random_state,
        )
        for mine in tqdm(squares, desc="Intervals", unit="layer", delay=2, disable=None)
    ]
    p = [
        _permuted(
            mine[upper],
            mine,
            theirs,
            row.mean(),
            comparison,
            n_permutations,
            resampling.random_state,
        )
        for mine, row in zip(
            tqdm(squares, desc="Permutations", unit="layer", delay=2, disable=None),
            value,
            strict=True,
        )
    ]
    if len(table) > 1:
        low, high = noise_ceiling(table, comparison)
    else:
        low, high = (np.nan, np.nan)
    data = {
        "value": (("layer", "subject"), value),
        "layer_value": ("layer", value.mean(axis=1)),
        "layer_low": ("layer", [float(bound[0]) for bound in bounds]),
        "layer_high": ("layer", [float(bound[1]) for bound in bounds]),
        "p": ("layer", p),
        "p_corrected": ("layer", corrected(p, correction)),
        "ceiling_low": low,
        "ceiling_high": high,
    }
    definition = Definition(
        "brain similarity",
        f"mean over subjects of {comparison} between RDMs",
        "Nili et al., PLoS Comput Biol 2014",
    )
    known = {
        "n_images": n_images,
        "n_subjects": len(table),
        "n_permutations": n_permutations,
        "correction": correction,
        "comparison": comparison,
        "rdm": models.attrs["definition"],
    }
    made = resampling.attributes() | {"resampled_over": "images, half-samples"}
    return xr.Dataset(data, coords={"layer": models["layer"].values}).assign_attrs(
        definition.attributes() | known | made
    )


def _permuted(
    pairs: np.ndarray,
    mine: np.ndarray,
    theirs: list[np.ndarray],
    seen: float,
    comparison: str,
    n_permutations: int,
    random_state: int,
) -> float:
    """p of a similarity, from permutations of the model's images; ranks are taken once."""
    if not n_permutations or not np.isfinite(seen):
        return np.nan
    rng, n_images = np.random.default_rng(random_state), len(mine)
    upper = np.triu_indices(n_images, 1)
    fast = (
        comparison != "kendall"
        and np.isfinite(pairs).all()
        and all(np.isfinite(brain[upper]).all() for brain in theirs)
    )
    if not fast:
        return _slowly_permuted(mine, theirs, seen, comparison, n_permutations, rng)
    targets = np.mean([_direction(brain[upper], comparison) for brain in theirs], axis=0)
    ordered = squareform(_direction(pairs, comparison), checks=False)
    count = 1
    for _ in range(n_permutations):
        order = rng.permutation(n_images)
        count += ordered[np.ix_(order, order)][upper] @ targets >= seen - 1e-12
    return count / (n_permutations + 1)


def _slowly_permuted(
    mine: np.ndarray,
    theirs: list[np.ndarray],
    seen: float,
    comparison: str,
    n: int,
    rng: np.random.Generator,
) -> float:
    upper, count = np.triu_indices(len(mine), 1), 1
    for _ in range(n):
        order = rng.permutation(len(mine))
        part = mine[np.ix_(order, order)][upper]
        count += (
            np.mean([compare_rdms(part, brain[upper], comparison) for brain in theirs])
            >= seen - 1e-12
        )
    return count / (n + 1)


def _direction(rdm: np.ndarray, comparison: str) -> np.ndarray:
    """A vector of length 1 whose products are the comparison."""
    if comparison == "spearman":
        values = stats.rankdata(rdm)
    else:
        values = rdm
    if not (comparison == "cosine"):
        values = values - values.mean()
    return values / np.linalg.norm(values)
