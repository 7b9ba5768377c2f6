"""Images and labels in the idx format of MNIST."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .datasets import Dataset

_LARGEST = 2**31  # bytes: no header can ask for more memory than this
_TYPES: dict[int, Any] = {8: np.uint8, 9: np.int8, 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(
    images: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None
) -> Dataset:
    """Images, and labels, in the idx format of MNIST, packed (.gz) or not.

    Parameters
    ----------
    images : path
    labels : path or None

    Returns
    -------
    Dataset
        Named by number.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing, is not of this format, is shorter or longer than it says, or the two
        do not belong together.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "images.idx3-ubyte"
    ...     header = bytes([0, 0, 8, 3]) + np.array([2, 1, 3], ">u4").tobytes()
    ...     _ = file.write_bytes(header + bytes(range(6)))
    ...     found = read_idx(file)
    >>> found[1].tolist()
    [[3, 4, 5]]
    """
    pixels = _read_idx(Path(images))
    if pixels.ndim not in (3, 4):
        msg = (
            f"{images} must hold images, of 3 or 4 dimensions, got {pixels.ndim}. Are the files "
            "of images and labels swapped?"
        )
        raise ValueError(msg)
    if not pixels.size:
        msg = f"{images} holds no images: its shape is {pixels.shape}."
        raise ValueError(msg)
    classes = None if labels is None else _read_idx(Path(labels))
    if classes is not None and classes.shape != pixels.shape[:1]:
        msg = (
            f"{labels} must hold one label for each of the {len(pixels)} images, got shape "
            f"{classes.shape}."
        )
        raise ValueError(msg)
    n_digits = len(str(len(pixels) - 1))
    return Dataset(
        pixels,
        [f"{i:0{n_digits}d}" for i in range(len(pixels))],
        None if classes is None else classes.astype(str),
    )


def _read_idx(path: Path) -> np.ndarray:
    if not path.is_file():
        msg = f"There is no file {path}. Check the name."
        raise FileNotFoundError(msg)
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return _idx_array(path, packed)
        with path.open("rb") as file:
            return _idx_array(path, file)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        msg = f"{path} is not a readable gzip file ({error})."
        raise ValueError(msg) from error


def _idx_array(path: Path, file: BinaryIO | gzip.GzipFile) -> np.ndarray:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
        msg = f"{path} is not an idx file: it starts with {head.hex(' ')}."
        raise ValueError(msg)
    # Big-endian, as all of the format.
    shape = tuple(np.frombuffer(file.read(4 * head[3]), ">u4").astype(int).tolist())
    dtype = np.dtype(_TYPES[head[2]])
    # Python's whole numbers: a product of four large sides would wrap around in 64 bits.
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(shape) < head[3] or n_bytes > _LARGEST:
        msg = (
            f"{path} says that it holds {' x '.join(map(str, shape))} numbers, more than "
            f"{_LARGEST // 2**30} GiB or cut off."
        )
        raise ValueError(msg)
    # One byte more than there should be tells a longer file, without reading all of it.
    content = file.read(n_bytes + 1)
    if len(content) != n_bytes:
        relation = "more than" if len(content) > n_bytes else "only"
        msg = (
            f"{path} should hold {n_bytes} bytes for {' x '.join(map(str, shape))} numbers, but "
            f"has {relation} {min(len(content), n_bytes)}."
        )
        raise ValueError(msg)
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
