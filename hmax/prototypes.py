"""Prototypes: what S2 units are tuned to. Choosing them, and controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from hmax_cnn.extraction.digests import NOTHING

PROVENANCE = (
    "size",
    "prototype",
    "image",
    "name",
    "band",
    "row",
    "column",
    "top",
    "left",
    "bottom",
    "right",
)


SHORTEST = 1e-8  # squared length of a prototype of zeros, which would else divide by 0


def strongest(patches: np.ndarray) -> np.ndarray:
    """The strongest feature at each place of patches, the first of equals.

    Parameters
    ----------
    patches : array of shape (count, n_features, size, size)

    Returns
    -------
    array of bool of the same shape
    """
    features = np.arange(patches.shape[1])[:, None, None]
    return features == patches.argmax(axis=1)[:, None]


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Patches of C1 by size.

    Attributes
    ----------
    patches : mapping from int to float32 array of shape (count, n_features, size, size)
        Ordered by size; features in the order of the model's orientations. NaN where an input does
        not count.
    provenance : pandas.DataFrame or None
        One row per prototype, in the same order: size, prototype (its number), image (its number
        among the training images) and name, band, row and column in C1, and top, left, bottom,
        right of what it sees of the image, in pixels.
    orientations : tuple of float or None
        In degrees, where known.
    learned_from : array of uint64
        Digests of the pictures that they were cut from, where known.

    Examples
    --------
    >>> patches = np.random.default_rng(0).random((10, 4, 8, 8))
    >>> Prototypes({8: patches}).chosen(None, 3)
    Prototypes(3 of 8 x 8)
    """

    patches: Mapping[int, np.ndarray]
    provenance: pd.DataFrame | None = None
    orientations: tuple[float, ...] | None = None
    learned_from: np.ndarray = field(default_factory=NOTHING.copy)

    def __post_init__(self) -> None:
        checked = {
            int(size): _checked(int(size), self.patches[size]) for size in sorted(self.patches)
        }
        if not checked:
            msg = "`prototypes` must hold patches of at least one size, got none."
            raise ValueError(msg)
        object.__setattr__(self, "patches", checked)

    def __repr__(self) -> str:
        return f"Prototypes({', '.join(f'{len(p)} of {n} x {n}' for n, p in self.patches.items())})"

    @cached_property
    def has_gaps(self) -> bool:
        """Whether some inputs do not count."""
        # The sum of numbers of which one is NaN is NaN; of a blank dictionary one patch tells all.
        parts = (p[:1] if p.strides[0] == 0 else p for p in self.patches.values())
        return any(bool(np.isnan(part.sum())) for part in parts)

    @cached_property
    def sparse(self) -> Prototypes:
        """Only the strongest feature at each place counts, the first of equals.

        References
        ----------
        Mutch & Lowe, IJCV 2008, section 3.2.
        """
        if self.has_gaps:
            return self
        kept = {
            size: np.where(strongest(patches), patches, np.float32(np.nan))
            for size, patches in self.patches.items()
        }
        return replace(self, patches=kept)

    @staticmethod
    def blank(sizes: Sequence[int], count: int, n_features: int) -> Prototypes:
        """Zeros in the place of prototypes that are still to be learned; they take no memory.

        Parameters
        ----------
        sizes : sequence of int
            In positions of C1.
        count : int
            Of each size.
        n_features : int
            Of C1: orientations times phases.

        Returns
        -------
        Prototypes
        """
        return Prototypes(
            {
                size: np.broadcast_to(np.float32(0), (count, n_features, size, size))
                for size in sizes
            }
        )

    def chosen(self, sizes: Sequence[int] | None, count: int | None) -> Prototypes:
        """Only some sizes, and only the first `count` of each; None is all.

        Parameters
        ----------
        sizes : sequence of int or None
            None is all.
        count : int or None
            The first so many of each size; None is all.

        Returns
        -------
        Prototypes

        Raises
        ------
        ValueError
            If there are none of a size, or fewer than `count`.
        """
        if sizes is None and count is None:
            return self
        missing = sorted(set(sizes or ()) - set(self.patches))
        if missing:
            msg = (
                f"`prototype_sizes` {missing[0]} is not among the sizes of `prototypes`: "
                f"{', '.join(map(str, self.patches))}."
            )
            raise ValueError(msg)
        kept = {size: self.patches[size][:count] for size in (sizes or self.patches)}
        short = [
            size for size, patches in kept.items() if count is not None and len(patches) < count
        ]
        if short:
            msg = (
                f"`n_prototypes` must be at most {len(kept[short[0]])}, the number of "
                f"`prototypes` of size {short[0]}, got {count}."
            )
            raise ValueError(msg)
        table = self.provenance
        if table is not None:
            table = table[
                table["size"].isin(kept) & (table["prototype"] < (count or np.inf))
            ].reset_index(drop=True)
        return replace(self, patches=kept, provenance=table)

    def shuffled(self, random_state: int = 0) -> Prototypes:
        """A control: the numbers of each patch in another order.

        What is tuned to is lost, and its distribution kept.

        Parameters
        ----------
        random_state : int

        Returns
        -------
        Prototypes
            Without provenance.
        """
        rng = np.random.default_rng(random_state)
        # Within each patch: its values, and so its length, stay as they are.
        mixed = {
            size: rng.permuted(patches.reshape(len(patches), -1), axis=1).reshape(patches.shape)
            for size, patches in self.patches.items()
        }
        return replace(self, patches=mixed, provenance=None)

    def random(self, random_state: int = 0) -> Prototypes:
        """A control: normal noise with the mean and deviation of all patches of a size.

        Cut off at 0, below which C1 does not go.

        Parameters
        ----------
        random_state : int

        Returns
        -------
        Prototypes
            Without provenance.
        """
        rng = np.random.default_rng(random_state)
        noise = {
            size: np.maximum(rng.normal(np.nanmean(patches), np.nanstd(patches), patches.shape), 0)
            for size, patches in self.patches.items()
        }
        gaps = {size: np.isnan(patches) for size, patches in self.patches.items()}
        noise = {size: np.where(gaps[size], np.nan, drawn) for size, drawn in noise.items()}
        return Prototypes(noise, None, self.orientations)

    def check(self, n_features: int, orientations: Sequence[float]) -> None:
        """Refuse prototypes of other features than a model's.

        Of another number of C1 features, or of other orientations.

        Parameters
        ----------
        n_features : int
            Of C1: orientations times phases.
        orientations : sequence of float
            Of the model, in degrees.

        Raises
        ------
        ValueError
            If features or orientations differ.
        """
        for size, patches in self.patches.items():
            if patches.shape[1] != n_features:
                msg = (
                    f"`prototypes` of size {size} have {patches.shape[1]} features, but C1 "
                    f"of this model has {n_features} "
                    "(orientations x phases). Set `orientations` as they were when the "
                    "prototypes were made, or learn new ones."
                )
                raise ValueError(msg)
        if self.orientations is not None and (
            len(self.orientations) != len(orientations)
            # Half a turn of a filter is the same orientation.
            or not np.allclose(np.mod(self.orientations, 180), np.mod(orientations, 180))
        ):
            msg = (
                f"`prototypes` were made with orientations {self.orientations}, but the model "
                f"has {tuple(orientations)}. Set `orientations` likewise."
            )
            raise ValueError(msg)


def _checked(size: int, patches: np.ndarray) -> np.ndarray:
    patches = np.asarray(patches)
    if (
        patches.ndim != 4
        or patches.shape[2:] != (size, size)
        or 0 in patches.shape
        or patches.dtype.kind not in "fiu"
    ):
        msg = (
            f"`prototypes` of size {size} must be numbers of shape (count, n_features, {size}, "
            f"{size}), got {patches.dtype} of shape {patches.shape}."
        )
        raise ValueError(msg)
    checked = patches.astype(np.float32, copy=False).view()
    # One pass over most dictionaries, which have no gaps: this is done for every batch.
    if not np.isfinite(checked).all() and (
        np.isinf(checked).any() or np.isnan(checked).all(axis=(1, 2, 3)).any()
    ):
        msg = (
            f"`prototypes` of size {size} hold infinity, or a patch of NaN alone (NaN is an input "
            "that does not count). Leave those out."
        )
        raise ValueError(msg)
    checked.flags.writeable = False  # a dictionary is shared by the models that read it
    return checked
