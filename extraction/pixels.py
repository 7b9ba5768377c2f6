"""Pixels: the image itself as features, the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from typing import Any, final

import numpy as np

from .arrays import Array, namespace
from .extractor import FeatureExtractor
from .fields import Field, Span
from .images import Images
from .layered import BandsPullback
from .maps import Maps


@final
class Pixels(FeatureExtractor):
    """Luminance averaged over a grid: the same number of features for images of any size.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns; an image smaller than the grid is refused.
    layer, image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`; the only layer is 'pixels'.

    Examples
    --------
    >>> Pixels(grid=(1, 2)).transform(np.arange(8.0).reshape(1, 2, 4))
    array([[2.5, 4.5]], dtype=float32)
    """

    layer_names = ("pixels",)

    def __init__(
        self,
        grid: tuple[int, int] = (32, 32),
        *,
        layer: str | Sequence[str] = "pixels",
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.grid = grid
        self.layer = layer
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def learn(self, images: Images, labels: Any) -> None:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        images : Images
        labels : object
            Ignored.
        """
        self.geometry(images[0].shape, self.layer_names)

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback]]:
        """Average over the cells of the grid; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable)

        Raises
        ------
        ValueError
            If the image is smaller than the grid.
        """
        down, right = self._matrices(retina)
        sides = retina.values.shape[2:]
        y, x = (_cell(n, side) for n, side in zip(self.grid, sides, strict=True))
        # Averages as two products of matrices: cells need not be whole pixels wide.
        values = down @ retina.values @ right.T

        def pullback(gradients: Sequence[Array]) -> Array:
            return down.T @ gradients[0] @ right

        yield "pixels", [Maps(values, Field(y, x), features=["luminance"])], pullback

    def _matrices(self, retina: Maps) -> tuple[Array, Array]:
        """What averages over rows, and over columns."""
        xp, sides = namespace(retina.values), retina.values.shape[2:]
        if any(not 1 <= n <= side for n, side in zip(self.grid, sides, strict=True)):
            msg = (
                f"`grid` must lie between 1 x 1 and the image's {sides[0]} x {sides[1]} pixels, "
                f"got {self.grid}."
            )
            raise ValueError(msg)
        down, right = (
            xp.asarray(_averages(n, side), retina.values.dtype)
            for n, side in zip(self.grid, sides, strict=True)
        )
        return down, right


def _averages(n_cells: int, side: int) -> np.ndarray:
    """The matrix (cell, pixel) that averages over cells of side / n_cells pixels.

    Pixels on a border count by their share.
    """
    edges = np.linspace(0, side, n_cells + 1)[:, None]
    # How much of each pixel lies before each edge; differences are what each cell covers.
    covered = np.clip(edges - np.arange(side), 0, 1)
    return np.diff(covered, axis=0) * n_cells / side


def _cell(n_cells: int, side: int) -> Span:
    """The span of a cell; its size is a fraction where cells cut through pixels."""
    width = Fraction(side, n_cells)
    return Span(width, width, (width - 1) / 2)
