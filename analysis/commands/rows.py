"""Rows of features as they are written: those of a model, reduced where that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.batches import even_batches
from hmax_cnn.extraction.digests import NOTHING, picture_digests, seen_before
from hmax_cnn.extraction.progress import progress_bar
from hmax_cnn.extraction.reductions import FittedReduction, Reduction

_BLOCK_BYTES = 2**27  # of rows before they are reduced


@dataclass(frozen=True, eq=False)
class Rows:
    """Makes rows of features.

    Attributes
    ----------
    model : FeatureExtractor
        Ready to transform.
    units : pandas.DataFrame
        What is known of each number of a row.
    reduction : FittedReduction or None
    learned_from : array of uint64
        Digests of the pictures that the reduction has learned from.
    """

    model: FeatureExtractor
    units: pd.DataFrame
    reduction: FittedReduction | None = None
    learned_from: np.ndarray = field(default_factory=NOTHING.copy)

    @classmethod
    def learned(
        cls,
        model: FeatureExtractor,
        dataset: Dataset,
        learns_from: Dataset,
        reduction: Reduction | None,
        progress: bool | None,
    ) -> Rows:
        """Let the model learn, and the reduction after it.

        Parameters
        ----------
        model : FeatureExtractor
        dataset, learns_from : Dataset
        reduction : Reduction or None
        progress : bool or None

        Returns
        -------
        Rows
        """
        with even_batches():
            model.fit(learns_from, learns_from.labels)
        units = model.units(dataset[0].shape)
        plain = cls(model, units)
        if reduction is None:
            return plain

        def training(at_once: int) -> Iterator[np.ndarray]:
            with progress_bar(
                total=len(learns_from), unit="image", name="Learning", progress=progress
            ) as bar:
                for first in range(0, len(learns_from), at_once):
                    rows = plain(learns_from.subset(slice(first, first + at_once)))
                    yield rows
                    bar.update(len(rows))

        found = reduction.fitted(units, training)
        taught = picture_digests(learns_from) if reduction.learns else NOTHING
        return cls(model, found.units, found, np.unique(taught))

    def seen(self, dataset: Dataset) -> np.ndarray:
        """Which images the model, or the reduction, has learned from.

        Parameters
        ----------
        dataset : Dataset

        Returns
        -------
        array of bool of shape (n_images,)
        """
        seen = seen_before(self.model, dataset)
        if len(self.learned_from):
            seen = seen | np.isin(picture_digests(dataset), self.learned_from)
        return seen

    def __call__(self, images: Dataset) -> np.ndarray:
        """Rows of some images, float32: the same whoever makes them, in parts or on a cluster."""
        with even_batches():
            return self._of(images)

    def _of(self, images: Dataset) -> np.ndarray:
        if self.reduction is None:
            return self.model.transform(images)
        # All units of all images of a shard might be too many to hold.
        n_units = len(self.model.units(images[0].shape))
        at_once = max(1, _BLOCK_BYTES // (4 * n_units))
        return np.concatenate(
            [
                self.reduction(self.model.transform(images.subset(slice(first, first + at_once))))
                for first in range(0, len(images), at_once)
            ]
        )
