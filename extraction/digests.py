"""Pictures known again: a digest of each, whatever it is resized to, in memory or in a file.

What was learned carries the digests of the pictures that it was learned from, so that nobody is
tested on them by accident.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import to_host

if TYPE_CHECKING:
    from .layered import LayeredModel

_N_BYTES = 8  # two of a million pictures share a digest with a probability of 3e-8
NOTHING = np.empty(0, np.uint64)


def picture_digests(images: Any, numbers: Iterable[int] | None = None) -> np.ndarray:
    """A digest of each picture.

    Parameters
    ----------
    images : array or sequence of arrays
        A set that knows its pictures' files or originals, such as `hmax_cnn.data.Dataset`, has a
        method `digest(number)`: a picture that is resized in another way is then the same picture.
    numbers : iterable of int or None
        Of which; the others are not read. None is all.

    Returns
    -------
    array of uint64 of shape (n_pictures,)
    """
    of_one = getattr(images, "digest", None)
    if numbers is None:
        numbers = range(len(images))
    if of_one is None:
        return np.array([digest(images[int(number)]) for number in numbers], np.uint64)
    return np.array([of_one(int(number)) for number in numbers], np.uint64)


def digest(picture: Any) -> int:
    """Of a picture: the bytes of a file, or the values of an array in single precision.

    Parameters
    ----------
    picture : Path, bytes of a file, or array

    Returns
    -------
    int
        Of 64 bits.
    """
    if isinstance(picture, Path):
        content = picture.read_bytes()
    elif isinstance(picture, bytes):
        content = picture
    else:
        values = np.ascontiguousarray(to_host(picture), np.float32)
        content = repr(values.shape).encode() + values.tobytes()
    return int.from_bytes(blake2b(content, digest_size=_N_BYTES).digest(), "little")


def as_text(digests: np.ndarray) -> str:
    """Digests as they stand in a file's header (base64 of 8 bytes each)."""
    return base64.b64encode(np.unique(digests).astype("<u8").tobytes()).decode()


def from_text(text: str) -> np.ndarray:
    """Digests from a file's header."""
    return np.frombuffer(base64.b64decode(text), "<u8").astype(np.uint64)


class SeenBeforeError(ValueError):
    """A model is tested on pictures that it learned from."""


def seen_before(model: LayeredModel, images: Any) -> np.ndarray:
    """Which of some pictures a model has learned from.

    Parameters
    ----------
    model : FeatureExtractor
    images : array or sequence

    Returns
    -------
    array of bool of shape (n_images,)
    """
    known = model.learned_from()
    if not len(known):  # nothing need be read
        return np.zeros(len(images), bool)
    return np.isin(picture_digests(images), known)


def check_unseen(model: LayeredModel, images: Any, test: Sequence[int] | np.ndarray) -> None:
    """Refuse to test a model on pictures that it has learned from.

    Parameters
    ----------
    model : FeatureExtractor
    images : array or sequence
    test : sequence of int
        Numbers of those that it is to be tested on.

    Raises
    ------
    SeenBeforeError
        If there are any; it names one.
    """
    tested = np.unique(np.asarray(test, int))
    seen = tested[seen_before(model, images)[tested]]
    if not len(seen):
        return
    names = getattr(images, "names", range(len(images)))
    msg = (
        f"The model has learned from {len(seen)} of the {len(tested)} images that it would be "
        f"tested on, such as {names[seen[0]]!r}: how well it does there says nothing. Test on "
        "other images, or let it learn anew from the training images of each fold: leave out "
        "`weights` or `prototypes` that were learned from these."
    )
    raise SeenBeforeError(msg)
