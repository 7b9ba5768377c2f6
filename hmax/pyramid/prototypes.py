"""Drawing prototypes that know where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..imprinting import one_of
from ..placed import PlacedPrototypes
from .anatomy import PyramidAnatomy, check_sizes
from .stages import Scale


def checked(given: Any, anatomy: PyramidAnatomy) -> Mapping[str, PlacedPrototypes]:
    """Prototypes that were handed in, if they are those of a model's stages.

    Parameters
    ----------
    given : mapping from stage to PlacedPrototypes
    anatomy : PyramidAnatomy

    Returns
    -------
    mapping from stage to PlacedPrototypes

    Raises
    ------
    ValueError, TypeError
        If a stage is missing, or has other features or sizes than it can have.
    """
    stages = ("s2", "s2b", "s3") if anatomy.is_deep else ("s2",)
    if not isinstance(given, Mapping) or not set(stages) <= set(given):
        what = list(given) if isinstance(given, Mapping) else type(given).__name__
        msg = f"`prototypes` must have the keys {', '.join(map(repr, stages))}, got {what}."
        raise ValueError(msg)
    for stage in stages:
        own = given[stage]
        if not isinstance(own, PlacedPrototypes):
            msg = (
                f"`prototypes` of {stage!r} must be PlacedPrototypes, which know where they come "
                f"from, got {type(own).__name__}."
            )
            raise TypeError(msg)
        n_features = anatomy.orientations
        if stage == "s3":
            n_features = sum(len(patches) for patches in given["s2"].patches.values())
        for size, patches in own.patches.items():
            if patches.shape[1:] != (n_features, size, size):
                msg = (
                    f"`prototypes` of {stage!r} must have the shape (count, {n_features}, {size}, "
                    f"{size}), got {patches.shape}."
                )
                raise ValueError(msg)
        check_sizes(f"prototypes of {stage!r}", list(own.patches))
    return given


@dataclass
class PlacedDraws:
    """Where each prototype will be cut, drawn before any image is read.

    Four uniform numbers per prototype choose image, scale, row and column.
    """

    uniform: dict[int, np.ndarray]
    images: dict[int, np.ndarray]
    cut: dict[tuple[int, int], tuple[np.ndarray, int, tuple[float, float]]] = field(
        default_factory=dict
    )

    @classmethod
    def of(
        cls, n_images: int, sizes: Sequence[int], count: int, rng: np.random.Generator
    ) -> PlacedDraws:
        """Draw with a generator."""
        uniform = {int(size): rng.random((count, 4)) for size in sorted(sizes)}
        images = {size: one_of(u[:, 0], n_images) for size, u in uniform.items()}
        return cls(uniform, images)

    def images_needed(self) -> np.ndarray:
        """Numbers of the images that some prototype is cut from."""
        return np.unique(np.concatenate(list(self.images.values())))

    def imprint(self, image: int, offset: int, layers: Sequence[Scale], base: int) -> None:
        """Cut every prototype that was drawn from one image.

        Parameters
        ----------
        image : int
        offset : int
            Of the image within its batch.
        layers : sequence of Scale
            On the host.
        base : int
            Side of the window.

        Raises
        ------
        ValueError
            If a prototype is larger than what is known of any scale.
        """
        for size, drawn in self.images.items():
            for index in np.flatnonzero(drawn == image):
                self.cut[size, int(index)] = self._one(size, int(index), offset, layers, base)

    def _one(
        self, size: int, index: int, offset: int, layers: Sequence[Scale], base: int
    ) -> tuple[np.ndarray, int, tuple[float, float]]:
        _, which, down, right = self.uniform[size][index]
        boxes = [_box(layer, size) for layer in layers]
        fitting = [number for number, box in enumerate(boxes) if box is not None]
        if not fitting:
            msg = (
                f"`prototype_sizes` {size} fits into no scale of an image. Use a larger "
                "`base_size`, or leave this size out."
            )
            raise ValueError(msg)
        scale = fitting[int(which * len(fitting))]
        layer, (top, n_rows, left, n_columns) = layers[scale], boxes[scale] or (0, 0, 0, 0)
        row, column = top + int(down * n_rows), left + int(right * n_columns)
        patch = layer.values[offset, :, row : row + size, column : column + size].copy()
        half = (size - 1) / 2
        y, x = (
            (layer.axis.start + (at + half) * layer.axis.space + base / 2) / base
            for at in (row, column)
        )
        return patch, scale, (y, x)

    def prototypes(self) -> PlacedPrototypes:
        """What was cut, after every needed image has been shown."""
        order = [(size, n) for size, drawn in self.images.items() for n in range(len(drawn))]
        cut = [self.cut[key] for key in order]
        patches = {
            size: np.stack([self.cut[size, n][0] for n in range(len(drawn))])
            for size, drawn in self.images.items()
        }
        scales, places = [one[1] for one in cut], [one[2] for one in cut]
        return PlacedPrototypes(patches, np.array(scales), np.array(places))


def _box(layer: Scale, size: int) -> tuple[int, int, int, int] | None:
    """First row, number of rows, first column, number of columns at which a patch is known."""
    known = np.asarray(layer.known if layer.known.ndim == 2 else layer.known.all(axis=0))
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    if min(len(rows), len(columns)) < size:
        return None
    return int(rows[0]), len(rows) - size + 1, int(columns[0]), len(columns) - size + 1
