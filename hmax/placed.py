"""Prototypes that know where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hmax_cnn.extraction.digests import NOTHING


@dataclass(frozen=True, eq=False)
class PlacedPrototypes:
    """Patches of the layer below, by size, and where in the window they were.

    Attributes
    ----------
    patches : mapping from int to array of shape (count, n_features, size, size)
        From the smallest size upward.
    scales : array of int of shape (n_prototypes,)
        The scale that each comes from, 0 the finest, in the order of sizes.
    places : array of shape (n_prototypes, 2)
        Row and column of its middle, as shares of the window.
    learned_from : array of uint64
        Digests of the pictures that they were cut from, where known.

    Examples
    --------
    >>> patches = np.random.default_rng(0).random((5, 4, 8, 8))
    >>> PlacedPrototypes({8: patches}, np.zeros(5, int), np.full((5, 2), 0.5))
    PlacedPrototypes(5 of 8 x 8)
    """

    patches: Mapping[int, np.ndarray]
    scales: np.ndarray
    places: np.ndarray
    learned_from: np.ndarray = field(default_factory=NOTHING.copy)

    def __post_init__(self) -> None:
        n_prototypes = sum(len(of_size) for of_size in self.patches.values())
        if any(not np.isfinite(np.asarray(own)).all() for own in self.patches.values()):
            msg = (
                "`patches` hold NaN or infinity. Leave those out: which inputs of a placed "
                "prototype count, `is_sparse` says."
            )
            raise ValueError(msg)
        known = (np.shape(self.scales), np.shape(self.places))
        if list(self.patches) != sorted(self.patches) or not n_prototypes:
            msg = f"`patches` must go from the smallest size upward, got {list(self.patches)}."
            raise ValueError(msg)
        if known != ((n_prototypes,), (n_prototypes, 2)):
            msg = (
                f"`scales` and `places` must say where each of the {n_prototypes} patches was, got "
                f"shapes {known[0]} and {known[1]}."
            )
            raise ValueError(msg)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(p)} of {n} x {n}" for n, p in self.patches.items())
        return f"PlacedPrototypes({sizes})"

    @staticmethod
    def blank(sizes: Sequence[int], count: int, n_features: int) -> PlacedPrototypes:
        """Zeros in the place of prototypes that are still to be learned.

        Parameters
        ----------
        sizes : sequence of int
        count : int
            Of each size.
        n_features : int

        Returns
        -------
        PlacedPrototypes
        """
        patches = {
            int(size): np.broadcast_to(np.float32(0), (count, n_features, size, size))
            for size in sorted(sizes)
        }
        total = count * len(patches)
        return PlacedPrototypes(patches, np.zeros(total, int), np.full((total, 2), 0.5))
