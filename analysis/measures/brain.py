"""Similarity to the brain from responses and a file of measured dissimilarities."""

from __future__ import annotations

import os

import numpy as np
import xarray as xr

from ..results import DEFAULT, Resampling, needs
from .similarity import brain_similarity, rdms
from hmax_cnn.extraction.files import read_npz


@needs("no transformation")
def similarity_to_brain(
    responses: xr.DataArray,
    subjects: str | os.PathLike[str],
    array: str,
    dissimilarity: str = "correlation",
    comparison: str = "spearman",
    n_permutations: int = 1000,
    resampling: Resampling = DEFAULT,
) -> xr.Dataset:
    """How alike the RDMs of a model's layers and of brains are.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, unit), images in the order of the brain's RDMs.
    subjects : path
        An .npz archive.
    array : str
        Its array of dissimilarities: (pair,), (subject, pair), or (subject, session, pair), of
        which the mean over sessions is taken. Pairs in the order of numpy.triu_indices(n, 1).
    dissimilarity, comparison, n_permutations, resampling
        As in `analysis.measures.similarity`.

    Returns
    -------
    xarray.Dataset
        As `analysis.measures.similarity.brain_similarity` returns it.

    Raises
    ------
    ValueError
        If there is no such array, or pairs differ.
    """
    arrays = read_npz(subjects)
    if array not in arrays:
        msg = f"`array` must be one of {', '.join(map(repr, arrays))} in {subjects}, got {array!r}."
        raise ValueError(msg)
    measured = np.asarray(arrays[array], dtype=float)
    if measured.ndim == 3:
        measured = measured.mean(axis=1)
    found = brain_similarity(
        rdms(responses, dissimilarity), measured, comparison, n_permutations, resampling=resampling
    )
    return found.assign_attrs(brain=array)
