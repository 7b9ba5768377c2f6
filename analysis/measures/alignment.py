"""Alignment of populations: kernel alignment, similarity of RDMs and Procrustes between layers.

Intervals are by a jackknife of images: a bootstrap would draw images twice, and an image is always
like itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..intervals import jackknife
from ..pairing import aligned
from ..per_unit import FLAT
from ..responses import by_layer
from ..results import DEFAULT, NONE, Definition, Resampling
from .similarity import COMPARISONS, DISSIMILARITIES, compare_rdms, distances

KERNELS = ("linear", "rbf")
_COMPARED = {
    "spearman": "Spearman's correlation",
    "pearson": "Pearson's correlation",
    "cosine": "cosine",
    "kendall": "Kendall's tau-a",
}
_GROUPS = 20  # of images that the jackknife leaves out, one or two at a time: 210 kernels


@measure(takes="pair", needs=("no transformation",), given=("resampling", "progress"))
def cka(
    a: xr.DataArray,
    b: xr.DataArray,
    kernel: str = "linear",
    debiased: bool = True,
    width: float = 1.0,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Centred kernel alignment between every layer of one model and every layer of another.

    Parameters
    ----------
    a, b : xarray.DataArray
        Responses, dims (image, unit), to the same images, at least four; paired by their names,
        or by position where one side has none (the attribute `paired_by` says which).
    kernel : {'linear', 'rbf'}
    debiased : bool
        Use the unbiased estimate of the dependence: 0 on average for independent responses, where
        the usual one nears 1 when there are more units than images.
    width : float
        Of 'rbf', as a share of the median distance between images.
    resampling : Resampling
        Intervals are by a jackknife of images, in at most 20 groups, one and two at a time, on the
        scale of Fisher's z, so that they stay within -1 and 1. The biased form grows as images
        become fewer: it has none.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        `value`, `low`, `high` of dims (layer_a, layer_b); undefined for layers that do not vary.

    Raises
    ------
    ValueError
        If there is no such kernel, or responses are not to the same images, at least four.

    References
    ----------
    Kornblith, Norouzi, Lee & Hinton, "Similarity of neural network representations revisited", ICML
    2019. Song, Smola, Gretton, Bedo & Borgwardt, "Feature selection via dependence maximization",
    JMLR 2012 (HSIC_1).

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> cka(found, found).value.values.round(6).tolist()
    [[1.0]]
    """
    check_choice("kernel", kernel, KERNELS)
    name = f"CKA, {kernel}, {'debiased' if debiased else 'biased'}"
    formula = "HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))" + (
        ", HSIC_1 of Song et al." if debiased else ""
    )
    if debiased:
        hsic = _hsic_unbiased
    else:
        hsic = _hsic_biased

    def of(k: np.ndarray, m: np.ndarray) -> float:
        # Debiased, it may come out negative for noise: then there is nothing to be aligned with.
        own = hsic(k, k), hsic(m, m)
        if min(own) > 0:
            return hsic(k, m) / np.sqrt(own[0] * own[1])
        return np.nan

    return _aligned(
        a,
        b,
        lambda values: _kernel(values, kernel, width),
        of,
        Definition(name, formula, "Kornblith et al., ICML 2019"),
        resampling if debiased else None,
        progress,
    )


@measure(takes="pair", needs=("no transformation",), given=("resampling", "progress"))
def rdm_similarity(
    a: xr.DataArray,
    b: xr.DataArray,
    dissimilarity: str = "correlation",
    comparison: str = "spearman",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Representational similarity of two models: how alike the RDMs of their layers are.

    Parameters
    ----------
    a, b
        As in `cka`.
    dissimilarity : {'correlation', 'euclidean', 'squared euclidean'}
        Of `hmax_cnn.analysis.measures.similarity.rdms`.
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}
        Of `hmax_cnn.analysis.measures.similarity.compare_rdms`.
    resampling : Resampling
        As in `cka`.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        `value`, `low`, `high` of dims (layer_a, layer_b); undefined where an RDM does not vary.

    Raises
    ------
    ValueError
        If there is no such choice, or responses are not to the same images, at least four.

    References
    ----------
    Kriegeskorte, Mur & Bandettini, "Representational similarity analysis", Front Syst Neurosci
    2008. Nili et al., "A toolbox for representational similarity analysis", PLoS Comput Biol 2014.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "image": [f"{index:02d}" for index in range(12)]}
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> rdm_similarity(found, found).value.values.round(6).tolist()
    [[1.0]]
    """
    check_choice("dissimilarity", dissimilarity, DISSIMILARITIES[:3])
    check_choice("comparison", comparison, COMPARISONS)

    def of(k: np.ndarray, m: np.ndarray) -> float:
        pairs = np.triu_indices(len(k), 1)
        return compare_rdms(k[pairs], m[pairs], comparison)

    return _aligned(
        a,
        b,
        lambda values: squareform(distances(values, dissimilarity), checks=False),
        of,
        Definition(
            f"similarity of RDMs, {comparison}",
            f"{_COMPARED[comparison]} of dissimilarities of all pairs of images ({dissimilarity})",
            "Kriegeskorte et al., Front Syst Neurosci 2008",
        ),
        resampling,
        progress,
    )


@measure(takes="pair", needs=("no transformation",), given=("resampling", "progress"))
def procrustes(
    a: xr.DataArray, b: xr.DataArray, resampling: Resampling = DEFAULT, progress: bool | None = None
) -> xr.Dataset:
    """How well one population can be rotated onto another.

    Both are centred and scaled to the same size first.

    Parameters
    ----------
    a, b
        As in `cka`.
    resampling : Resampling
        Ignored: there are no intervals.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        `value`, `low`, `high` of dims (layer_a, layer_b): the nuclear norm of X'Y, 1 for the same
        up to a rotation. With more units than images it is high for independent responses as well:
        compare with a control. The squared Procrustes distance is 2 (1 - value). No intervals are
        given (`low` and `high` are undefined): the value falls as images become more, and no method
        held its 95 % at any number of them.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman, "Generalized shape metrics on neural representations",
    NeurIPS 2021.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> procrustes(found, found).value.values.round(6).tolist()
    [[1.0]]
    """

    def of(k: np.ndarray, m: np.ndarray) -> float:
        # From kernels: images times images, however many units a layer has.
        one, other = _root(_centred(k)), _root(_centred(m))
        sizes = np.linalg.norm(one), np.linalg.norm(other)
        if min(sizes) > 0:
            return float(
                np.linalg.svd(one.T @ other, compute_uv=False).sum() / (sizes[0] * sizes[1])
            )
        return np.nan

    definition = Definition(
        "Procrustes similarity",
        "|X'Y|_* / (|X|_F |Y|_F), columns centred",
        "Williams et al., NeurIPS 2021",
    )
    return _aligned(
        a, b, lambda values: _kernel(values, "linear", 1.0), of, definition, None, progress
    )


def _aligned(
    a: xr.DataArray,
    b: xr.DataArray,
    kernel: Callable[[np.ndarray], np.ndarray],
    of: Callable[[np.ndarray, np.ndarray], float],
    definition: Definition,
    resampling: Resampling | None,
    progress: bool | None,
) -> xr.Dataset:
    """A comparison of Gram matrices, for every pair of layers."""
    _check(a, b)
    b, paired_by = aligned(a, b)
    ours, others = (
        {name: kernel(given.values[:, units].astype(float)) for name, units in by_layer(given)}
        for given in (a, b)
    )
    value, low, high = (np.full((len(ours), len(others)), np.nan) for _ in range(3))
    # Kernels are computed once for each layer; resampling takes parts of them.
    for row, k in enumerate(
        progress_bar(ours.values(), name=definition.name, unit="layer", progress=progress)
    ):
        for column, m in enumerate(others.values()):
            value[row, column] = of(k, m)
            if resampling is not None:
                low[row, column], high[row, column] = jackknife(
                    partial(_of_part, of, k, m),
                    len(k),
                    min(_GROUPS, resampling.n_resamples),
                    resampling.level,
                    resampling.random_state,
                    "correlation",
                    of_pairs=True,
                )
    dims = ("layer_a", "layer_b")
    data = {"value": (dims, value), "low": (dims, low), "high": (dims, high)}
    known = {
        "model_a": a.attrs.get("model", ""),
        "model_b": b.attrs.get("model", ""),
        "n_images": len(a),
        "paired_by": paired_by,
    }
    made: dict[str, Any] = {"intervals": NONE}
    if resampling is not None:
        how = "jackknife over images and pairs, Student's t on the scale of Fisher's z"
        made = resampling.attributes() | {"resampled_over": "images", "intervals": how}
    return xr.Dataset(data, coords={"layer_a": list(ours), "layer_b": list(others)}).assign_attrs(
        definition.attributes() | known | made
    )


def _check(a: xr.DataArray, b: xr.DataArray) -> None:
    for name, given in (("a", a), ("b", b)):
        if given.dims != ("image", "unit") or len(given) < 4:
            msg = (
                f"`{name}` must have the dims (image, unit) and at least four images, got "
                f"{dict(given.sizes)}."
            )
            raise ValueError(msg)


def _of_part(
    of: Callable[[np.ndarray, np.ndarray], float], k: np.ndarray, m: np.ndarray, images: np.ndarray
) -> float:
    """The similarity of two kernels over some images."""
    pairs = np.ix_(images, images)
    return of(k[pairs], m[pairs])


def _kernel(values: np.ndarray, kernel: str, width: float) -> np.ndarray:
    """Similarities of images; zeros where no unit varies."""
    centred = values - values.mean(axis=0)
    if np.abs(centred).max(initial=0) <= FLAT * np.abs(values).max(initial=0):
        return np.zeros((len(values), len(values)))
    if kernel == "linear":
        return centred @ centred.T
    squares = squareform(pdist(values, "sqeuclidean"))
    # Of the median distance, as Kornblith et al. 2019.
    reach = (width**2) * np.median(squares[np.triu_indices(len(values), 1)])
    if reach > 0:
        return np.exp(-squares / (2 * reach))
    return np.zeros_like(squares)


def _centred(kernel: np.ndarray) -> np.ndarray:
    return kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()


def _hsic_biased(k: np.ndarray, m: np.ndarray) -> float:
    return float((_centred(k) * _centred(m)).sum())


def _hsic_unbiased(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012, equation 5."""
    n = len(k)
    k, m = (values - np.diag(np.diag(values)) for values in (k, m))
    product = (
        (k * m).sum()
        + k.sum() * m.sum() / ((n - 1) * (n - 2))
        - 2 * (k.sum(axis=0) @ m.sum(axis=0)) / (n - 2)
    )
    return float(product / (n * (n - 3)))


def _root(gram: np.ndarray) -> np.ndarray:
    """X, up to a rotation, of X X'."""
    # Any X with X X' = K has the same singular values of X' Y.
    values, vectors = np.linalg.eigh(gram)
    return vectors * np.sqrt(np.maximum(values, 0))
