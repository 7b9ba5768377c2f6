"""How prototypes are learned from patches of C1, beside imprinting them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .prototypes import Prototypes

LEARNING = ("imprinted", "balanced", "errors", "kmeans", "nmf", "shuffled", "random")
_CANDIDATES = 10  # patches for each prototype that is learned from many


def n_patches(learning: str, n_prototypes: int) -> int:
    """How many patches of each size are cut.

    Parameters
    ----------
    learning : str
    n_prototypes : int
        Of each size.

    Returns
    -------
    int
    """
    if learning in ("kmeans", "nmf"):
        return n_prototypes * _CANDIDATES
    return n_prototypes


def learned(cut: Prototypes, learning: str, n_prototypes: int, seed: int) -> Prototypes:
    """Prototypes from patches that were cut at random.

    Parameters
    ----------
    cut : Prototypes
        So many patches as `n_patches` says.
    learning : str
        One of `LEARNING`; 'errors' begins with what is returned here.
    n_prototypes : int
        Of each size.
    seed : int

    Returns
    -------
    Prototypes
        Without provenance where they are no patches of an image.
    """
    if learning == "shuffled":
        return cut.shuffled(seed)
    if learning == "random":
        return cut.random(seed)
    if learning in ("imprinted", "balanced", "errors"):
        return cut
    centres = {"kmeans": _means, "nmf": _parts}[learning]
    found = {
        size: _each(patches, n_prototypes, seed, centres) for size, patches in cut.patches.items()
    }
    return replace(cut, patches=found, provenance=None)


def _each(
    patches: np.ndarray,
    count: int,
    seed: int,
    centres: Callable[[np.ndarray, int, int], np.ndarray],
) -> np.ndarray:
    from threadpoolctl import threadpool_limits

    # On one thread: sums in another order would be other prototypes on another machine's cores.
    with threadpool_limits(1):
        found = centres(patches.reshape(len(patches), -1).astype(np.float64), count, seed)
    return found.reshape(count, *patches.shape[1:]).astype(np.float32)


def _means(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Middles of clusters."""
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=1, max_iter=50, random_state=seed).fit(rows).cluster_centers_


def _parts(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Parts whose sums are the patches, each as long as the mean patch."""
    from sklearn.decomposition import MiniBatchNMF

    model = MiniBatchNMF(count, init="random", max_iter=30, random_state=seed)
    with warnings.catch_warnings():
        # Parts that are close will do: prototypes need not be the very best.
        warnings.filterwarnings("ignore", message="Maximum number of iterations")
        parts = model.fit(rows).components_
    lengths = np.linalg.norm(parts, axis=1, keepdims=True)
    wanted = np.linalg.norm(rows, axis=1).mean()
    # A part that is nowhere used stays empty.
    return np.where(lengths > 0, parts * (wanted / np.where(lengths > 0, lengths, 1)), 0)
