"""Imprinting: where patches are drawn from, and cutting them out of C1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hmax_cnn.extraction.fields import Field, Window
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.layered import LayeredModel

from .prototypes import PROVENANCE, Prototypes


def checked_labels(learning: str, labels: Any, n_images: int) -> np.ndarray | None:
    """Labels to draw images by, where `learning` needs them.

    Parameters
    ----------
    learning : str
    labels : sequence of shape (n_images,)
    n_images : int

    Returns
    -------
    array of shape (n_images,) or None

    Raises
    ------
    ValueError
        If there are none, or not one for each image.
    """
    if learning not in ("balanced", "errors"):
        return None
    found = np.asarray(labels)
    if labels is None or found.shape != (n_images,):
        msg = (
            f"`learning` {learning!r} needs a label for each image: fit(images, labels), got "
            f"{'none' if labels is None else f'labels of shape {found.shape}'}."
        )
        raise ValueError(msg)
    return found


class Draws:
    """Where each prototype will be cut.

    Drawn before any image is read, so that batches and image sizes change nothing of the rest.

    Four uniform numbers per prototype choose image, band, row and column.
    """

    def __init__(
        self, uniform: dict[int, np.ndarray], n_images: int, labels: np.ndarray | None = None
    ) -> None:
        self.uniform = uniform
        self.patches: dict[int, list[Any]] = {size: [None] * len(u) for size, u in uniform.items()}
        if labels is None:
            self.images = {size: one_of(u[:, 0], n_images) for size, u in uniform.items()}
        else:
            self.images = {size: _of_classes(u[:, 0], labels) for size, u in uniform.items()}
        self.rows: list[dict[str, Any]] = []

    @classmethod
    def of(
        cls,
        n_images: int,
        sizes: Sequence[int],
        count: int,
        seed: Any,
        labels: np.ndarray | None = None,
    ) -> Draws:
        """Draw with a seed; as many of each class where there are labels."""
        rng = np.random.default_rng(seed)
        uniform = {int(size): rng.random((count, 4)) for size in sorted(sizes)}
        return cls(uniform, n_images, labels)

    def images_needed(self) -> np.ndarray:
        """Numbers of the images that some prototype is cut from."""
        return np.unique(np.concatenate(list(self.images.values())))

    def imprint(
        self,
        image: int,
        bands: Sequence[tuple[str, Field, np.ndarray]],
        image_shape: Sequence[int],
        names: Any = None,
    ) -> None:
        """Cut every prototype that was drawn from one image out of its C1.

        (name, field, values of shape (feature, y, x)) by band.
        """
        for size, drawn in self.images.items():
            for index in np.flatnonzero(drawn == image):
                name = str(image if names is None else names[image])
                self._cut(size, int(index), image, bands, image_shape, name)

    def _cut(
        self,
        size: int,
        index: int,
        image: int,
        bands: Sequence[tuple[str, Field, np.ndarray]],
        image_shape: Sequence[int],
        name: str,
    ) -> None:
        """Cut one patch out of C1, and note where it is from."""
        _, which, down, right = self.uniform[size][index]
        # Of the bands that are large enough each is as likely as any other.
        fitting = [band for band in bands if min(band[2].shape[1:]) >= size]
        if not fitting:
            largest = max(min(values.shape[1:]) for _, _, values in bands)
            msg = (
                f"`prototype_sizes` {size} cannot be imprinted from image {image}: C1 has at most "
                f"{largest} positions a side there. Enlarge the images or leave this size out."
            )
            raise ValueError(msg)
        band, seen, values = fitting[int(which * len(fitting))]
        row, column = (
            int(u * (side - size + 1))
            for u, side in zip((down, right), values.shape[1:], strict=True)
        )
        self.patches[size][index] = values[:, row : row + size, column : column + size].copy()
        field = seen.through(Window(size))
        (top, bottom), (left, end) = field.y.edges(row), field.x.edges(column)
        where = (size, index, image, name, band, row, column)
        within = (max(top, 0), max(left, 0), min(bottom, image_shape[0]), min(end, image_shape[1]))
        self.rows.append(dict(zip(PROVENANCE, (*where, *within), strict=True)))

    def prototypes(self, orientations: Sequence[float]) -> Prototypes:
        """What was imprinted, after every needed image has been shown."""
        table = pd.DataFrame(self.rows, columns=list(PROVENANCE)).sort_values(
            ["size", "prototype"], ignore_index=True
        )
        return Prototypes(
            {size: np.stack(cut) for size, cut in self.patches.items()},
            table,
            tuple(float(angle) for angle in orientations),
        )


def imprint_all(
    model: LayeredModel, images: Images, layer: str, draws: Draws, band: int | None = None
) -> None:
    """Cut all that was drawn, in one pass over the images that a patch was drawn from.

    Parameters
    ----------
    model : LayeredModel
    images : Images
    layer : str
        That patches are cut from.
    draws : Draws
    band : int or None
        The only one of its bands that is cut from; None is all.
    """
    needed, names = draws.images_needed(), getattr(images.source, "names", None)
    chosen = slice(None)
    if band is not None:
        chosen = slice(band, band + 1)
    for first, layers in model.stream(images.subset(needed.tolist()), (layer,)):
        maps = layers[layer][chosen]
        for offset in range(len(maps[0].values)):
            image = int(needed[first + offset])
            bands = [(m.band, m.field, m.values[offset]) for m in maps]
            draws.imprint(image, bands, images[image].shape, names)


def one_of(uniform: np.ndarray, count: int) -> np.ndarray:
    """Numbers below `count`; u * n could round up to n itself."""
    return np.minimum((uniform * count).astype(int), count - 1)


def _of_classes(uniform: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Numbers of images, those of each class in turn."""
    classes = np.unique(labels)
    members = [np.flatnonzero(labels == label) for label in classes]
    return np.array(
        [
            of_class[one_of(u, len(of_class))]
            for u, of_class in zip(uniform, (members * len(uniform))[: len(uniform)], strict=True)
        ]
    )
