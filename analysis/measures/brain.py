"""Similarity to the brain from responses and a file of measured dissimilarities."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial.distance import squareform

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.files import read_npz
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..intervals import (
    degrees_of,
    deviation_defined,
    jackknife_variance,
    left_out,
    mean_defined,
    t_interval,
)
from ..pairing import paired_rdms
from ..results import DEFAULT, Definition, Resampling
from ..statistics import corrected
from .rdm_permutations import agreement_p, permuted_p
from .similarity import compare_rdms, noise_ceiling, rdms

AGAINST = ("each", "mean")


@measure(takes="responses", needs=("no transformation",), given=("resampling", "progress"))
def similarity_to_brain(
    responses: xr.DataArray,
    subjects: str | os.PathLike[str],
    array: str,
    names: str | None = None,
    dissimilarity: str = "correlation",
    comparison: str = "spearman",
    n_permutations: int = 1000,
    against: str = "each",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How alike the RDMs of a model's layers and of brains are.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, unit).
    subjects : path
        An .npz archive.
    array : str
        Its array of dissimilarities: (pair,), (subject, pair), or (subject, session, pair), of
        which the mean over sessions is taken. Pairs in the order of numpy.triu_indices(n, 1).
    names : str or None
        Its array of the names of the images, by which they are paired with those of the responses.
        None assumes that both are in one order, and says so in the attribute `paired_by`.
    dissimilarity, comparison, n_permutations, against, resampling
        As in `brain_similarity` and `hmax_cnn.analysis.measures.similarity.rdms`.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        As `hmax_cnn.analysis.measures.brain.brain_similarity` returns it.

    Raises
    ------
    ValueError
        If there is no such array, or it is of other images.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "image": list("abcdefghijkl")}
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "brains.npz", V4=noise.random((3, 66)))
    ...     made = similarity_to_brain(found, Path(folder) / "brains.npz", "V4", n_permutations=9)
    >>> made.layer_value.shape, made.attrs["brain"]
    ((1,), 'V4')
    """
    arrays = read_npz(subjects)
    for parameter, name in (("array", array), ("names", names)):
        if name is not None and name not in arrays:
            known = ", ".join(map(repr, arrays))
            msg = f"`{parameter}` must be one of {known} in {subjects}, got {name!r}."
            raise ValueError(msg)
    measured: Any = np.atleast_2d(np.asarray(arrays[array], dtype=float))
    if measured.ndim == 3:  # (subject, session, pair); a session may lack a pair
        measured = mean_defined(measured, axis=1)
    if names is not None:
        measured = _named(measured, arrays[names].astype(str))
    found = brain_similarity(
        rdms(responses, dissimilarity),
        measured,
        comparison,
        n_permutations,
        against=against,
        resampling=resampling,
        progress=progress,
    )
    return found.assign_attrs(brain=array)


def _named(measured: np.ndarray, names: np.ndarray) -> xr.DataArray:
    """RDMs of shape (subject, pair) with the names of their images."""
    first, second = np.triu_indices(len(names), 1)
    if len(first) != measured.shape[-1]:
        msg = (
            f"`names` must be of the images of {measured.shape[-1]} pairs, got {len(names)} names, "
            f"of {len(first)} pairs."
        )
        raise ValueError(msg)
    coords = {"first": ("pair", names[first]), "second": ("pair", names[second])}
    return xr.DataArray(measured, coords, ("subject", "pair"))


def brain_similarity(
    models: xr.Dataset,
    subjects: Any,
    comparison: str = "spearman",
    n_permutations: int = 1000,
    correction: str = "holm",
    against: str = "each",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Similarity of every layer's RDM to those of subjects, between the bounds of what is possible.

    Parameters
    ----------
    models : xarray.Dataset
        From `rdms`.
    subjects : array, DataArray or `rdms` of shape ([n_subjects,] n_pairs)
        RDMs of the same images; one row where there is one animal, or a mean. Those with the
        coordinates first and second, as `rdms` returns them, are paired by the names of images,
        others by position. A subject of whom nothing is known (all NaN) is left out of means, and
        warned of.
    comparison : {'spearman', 'pearson', 'cosine', 'kendall'}
    n_permutations : int
        Of the images of the model, for p: the share of permutations, the real order included, that
        are at least as similar.
    correction : {'holm', 'bonferroni', 'fdr'}
        Over layers.
    against : {'each', 'mean'}
        The RDM of each subject, or the mean of all, of which there is then one: it has less noise,
        and says nothing of how subjects differ.
    resampling : Resampling
        Intervals are for new images and new subjects; of one subject, for that subject.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        Per layer `layer_value` (mean over subjects), `layer_low`, `layer_high`, `p`, `p_corrected`,
        and `value` of dims (layer, subject); `ceiling_low` and `ceiling_high`, undefined for a
        single subject, and `ceiling_p`, that of the lower bound: whether subjects agree more than
        by chance, by permutation of the images. The attribute `paired_by` says what images were
        paired by.

    Raises
    ------
    ValueError
        If they are of other images, or no subject is known.

    References
    ----------
    Nili et al., PLoS Comput Biol 2014.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> brain_similarity(rdms(found), noise.random((3, 66)), n_permutations=9).layer_value.shape
    (1,)
    """
    check_choice("against", against, AGAINST)
    table, names, paired_by = _subjects(models, subjects)
    every = table[np.isfinite(table).any(axis=1)]
    if against == "mean":
        table, names = mean_defined(every, axis=0)[None], np.array(["mean"])
    layers = models["rdm"].values
    known = np.isfinite(table).any(axis=1)
    squares = [squareform(row, checks=False) for row in layers]
    theirs = [squareform(row, checks=False) for row in table[known]]
    n_images = len(squares[0])
    everything = np.arange(n_images)
    value = np.full((len(squares), len(table)), np.nan)
    value[:, known] = [_alike(mine, theirs, everything, comparison) for mine in squares]
    mean = mean_defined(value, axis=1)
    low, high = _bounds(squares, theirs, comparison, resampling, progress)
    bar = progress_bar(squares, name="Permutations", unit="layer", progress=progress)
    p = [
        permuted_p(mine, theirs, seen, comparison, n_permutations, resampling.random_state)
        for mine, seen in zip(bar, mean, strict=True)
    ]
    # One subject has nobody to agree with: there is no ceiling.
    ceiling, ceiling_p = (np.nan, np.nan), np.nan
    if len(every) > 1:
        ceiling = noise_ceiling(every, comparison)
        ceiling_p = agreement_p(every, comparison, n_permutations, resampling.random_state)
    data = {
        "value": (("layer", "subject"), value),
        "layer_value": ("layer", mean),
        "layer_low": ("layer", low),
        "layer_high": ("layer", high),
        "p": ("layer", p),
        "p_corrected": ("layer", corrected(p, correction)),
        "ceiling_low": ceiling[0],
        "ceiling_high": ceiling[1],
        "ceiling_p": ceiling_p,
    }
    about = {
        "n_images": n_images,
        "n_subjects": len(every),
        "against": against,
        "paired_by": paired_by,
        "n_permutations": n_permutations,
        "correction": correction,
        "comparison": comparison,
        "rdm": models.attrs["definition"],
    }
    coords = {"layer": models["layer"].values, "subject": names}
    return xr.Dataset(data, coords=coords).assign_attrs(about | _described(about, resampling))


def _described(about: dict[str, Any], resampling: Resampling) -> dict[str, Any]:
    """Definition and intervals, as attributes."""
    comparison, n_subjects = about["comparison"], about["n_subjects"]
    formula = f"mean over subjects of {comparison} between RDMs"
    if about["against"] == "mean":
        formula = f"{comparison} between RDMs, with the mean of subjects"
    definition = Definition("brain similarity", formula, "Nili et al., PLoS Comput Biol 2014")
    over = "images and subjects"
    if n_subjects == 1:
        over = "images, for this subject"
    elif about["against"] == "mean":
        over = "images, for these subjects"
    how = f"jackknife over images, Student's t over {over}"
    made = resampling.attributes() | {"resampled_over": over, "intervals": how}
    return definition.attributes() | made


def _subjects(models: xr.Dataset, subjects: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """RDMs of subjects in the order of the model's pairs, their names, and the kind of pairing."""
    if isinstance(subjects, xr.Dataset):
        subjects = subjects["rdm"]
    rows, paired_by = paired_rdms(models["rdm"], subjects, ("models", "subjects"))
    table = np.atleast_2d(rows)
    if table.ndim != 2:
        msg = f"`subjects` must have shape (n_subjects, n_pairs), got {np.shape(subjects)}."
        raise ValueError(msg)
    names = np.arange(len(table))
    if isinstance(subjects, xr.DataArray) and subjects.ndim == 2:
        names = np.asarray(subjects[subjects.dims[0]].values)
    unknown = ~np.isfinite(table).any(axis=1)
    if unknown.all():
        msg = "`subjects` must have at least one with dissimilarities, but all are undefined (NaN)."
        raise ValueError(msg)
    if unknown.any():
        left = ", ".join(map(str, names[unknown]))
        msg = f"Of subject {left} nothing is known (all NaN): left out of means and ceilings."
        warnings.warn(msg, UserWarning, stacklevel=3)
    return table, names, paired_by


def _alike(
    mine: np.ndarray, theirs: list[np.ndarray], images: np.ndarray, comparison: str
) -> np.ndarray:
    """Similarity of a square RDM to each subject's, over the pairs of some images."""
    pairs, chosen = np.triu_indices(len(images), 1), np.ix_(images, images)
    part = mine[chosen][pairs]
    return np.array([compare_rdms(part, brain[chosen][pairs], comparison) for brain in theirs])


def _bounds(
    squares: list[np.ndarray],
    theirs: list[np.ndarray],
    comparison: str,
    resampling: Resampling,
    progress: bool | None,
) -> tuple[list[float], list[float]]:
    """Intervals of the mean over subjects, for new subjects and new images.

    Variances over subjects and over images add up, as those of the dual bootstrap do (Schuett et
    al., eLife 2023): each holds what the two have in common, so that the sum errs to the wide side.
    """
    n_images, n_subjects = len(squares[0]), len(theirs)
    kept = left_out(n_images, resampling.n_resamples, resampling.random_state)
    low, high = [], []
    for mine in progress_bar(squares, name="Intervals", unit="layer", progress=progress):
        whole = _alike(mine, theirs, np.arange(n_images), comparison)
        means = [mean_defined(_alike(mine, theirs, images, comparison)) for images in kept]
        variances, degrees = [jackknife_variance(np.array(means))], [len(kept) - 1]
        if n_subjects > 1:
            variances.append(deviation_defined(whole) ** 2 / n_subjects)
            degrees.append(n_subjects - 1)
        ends = t_interval(
            mean_defined(whole),
            np.sqrt(sum(variances)),
            degrees_of(variances, degrees),
            resampling.level,
        )
        low.append(max(-1.0, float(ends[0])) if kept else np.nan)
        high.append(min(1.0, float(ends[1])) if kept else np.nan)
    return low, high
