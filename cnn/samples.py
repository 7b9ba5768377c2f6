"""Samples: the labelled images that a network learns from, read, encoded and standardised."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from hmax_cnn.extraction.arrays import Array, namespace, to_host
from hmax_cnn.extraction.images import Images, to_retina

from .weights import Learned

# Bytes of decoded images that are held while training; more are decoded anew in every epoch.
_KEPT_IMAGES = 2**30


def by_channel(numbers: Sequence[float], values: Array) -> Array:
    """One number per channel, of shape (n_channels, 1, 1), on the device of the values."""
    return namespace(values).asarray(np.asarray(numbers, np.float32).reshape(-1, 1, 1))


def standardised(values: Array, learned: Learned) -> Array:
    """Pixel values as the first layer sees them: less the mean, over the deviation."""
    return (values - by_channel(learned.mean, values)) / by_channel(learned.deviation, values)


def moments(images: Images, n_channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of pixel values, per channel."""
    # Sums in double precision: the mean square of a million pixels leaves single precision's range
    # of digits.
    n_pixels, total, squares = 0, np.zeros(n_channels), np.zeros(n_channels)
    for _, batch in images.batches(_moderate):
        values = to_retina(to_host(batch), np, n_channels).astype(np.float64)
        n_pixels += values[:, 0].size
        total += values.sum(axis=(0, 2, 3))
        squares += (values * values).sum(axis=(0, 2, 3))
    mean = total / n_pixels
    deviation = np.sqrt(np.maximum(squares / n_pixels - mean**2, 0))
    # A channel that never varies is divided by 1.
    return tuple(mean.tolist()), tuple(
        np.where(deviation > 1e-6 * (1 + np.abs(mean)), deviation, 1.0).tolist()
    )


def encoded(
    name: str, images: Images, labels: Any, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The classes, and the number of each image's class among them."""
    if labels is None:
        msg = (
            f"This {name} requires y to be passed, but the target y is None. Hand in a label for "
            "each image."
        )
        raise ValueError(msg)
    labels = column_or_1d(labels, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    if len(labels) != len(images):
        msg = (
            f"`y` must hold one label for each of the {len(images)} images, got {len(labels)}. "
            "Inconsistent numbers of samples."
        )
        raise ValueError(msg)
    if classes is None:
        found = np.unique(labels)
    else:
        found = classes
    if len(found) < 2:
        msg = f"`y` must hold at least two classes, got one class: {found[0]!r}."
        raise ValueError(msg)
    unknown = labels[~np.isin(labels, found)]
    if len(unknown):
        msg = (
            f"`y` holds {unknown[0]!r}, which is not among the classes {found.tolist()}. Name "
            "all of them at the first call."
        )
        raise ValueError(msg)
    return found, np.searchsorted(found, labels)


def reader(images: Images) -> tuple[Callable[[Any], np.ndarray], str]:
    """Indices in, images out, from memory where they fit; and a digest of all images.

    Grey among coloured ones becomes coloured.
    """
    shape, runs, digest = tuple(images[0].shape), [], ""
    n_bytes = len(images) * int(np.prod(shape)) * 4
    for first, batch in images.batches(_moderate):
        if tuple(batch.shape[1:3]) != shape[:2]:
            msg = (
                f"`images` must have one size to learn from, got {tuple(batch.shape[1:3])} for "
                f"image {first} after {shape[:2]}. Resize them."
            )
            raise ValueError(msg)
        host = to_host(batch)
        # Of all pixels: a checkpoint belongs to these images and no others.
        digest = checksum([digest.encode(), host])
        runs.append(host if n_bytes <= _KEPT_IMAGES else host[:0])
    if len({run.ndim for run in runs}) == 1 and n_bytes <= _KEPT_IMAGES:
        if len({run.dtype for run in runs}) == 1:
            kept = np.concatenate(runs)
        else:
            kept = np.concatenate([run.astype(np.float32) for run in runs])
        return lambda indices: kept[indices], digest
    # Grey images among coloured ones: all get three channels.
    coloured = any(run.ndim == 4 and run.shape[3] == 3 for run in runs)

    def one(index: int) -> np.ndarray:
        image = to_host(images[index])
        if coloured and image.shape[2:] != (3,):
            return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
        return image

    return lambda indices: np.stack([one(int(index)) for index in indices]), digest


def _moderate(shape: tuple[int, ...]) -> int:
    """How many images of a shape to look at in one go: about 16 MB in double precision."""
    return max(1, min(256, 2**21 // int(np.prod(shape))))


def checksum(arrays: Any) -> str:
    """A short text that differs where arrays differ."""
    code = 0
    for array in arrays:
        code = zlib.crc32(
            array if isinstance(array, bytes) else np.ascontiguousarray(array).tobytes(), code
        )
    return f"{code:08x}"
