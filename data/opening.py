"""Opening a set of images by its name: a folder, a file, or what scikit-learn ships."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_sample_images

from hmax_cnn.extraction.plain_text import plain

from .datasets import Dataset
from .folders import read_folder
from .idx import read_idx
from .images import SUFFIXES
from .indices import ENDINGS, read_index
from .signatures import PICTURE, kind_of


def digits() -> Dataset:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, scaled from 0..16 to 0..255.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> digits()[0].dtype, len(digits())
    (dtype('uint8'), 1797)
    """
    bunch = load_digits()
    return Dataset(
        (bunch.images * (255 / 16)).round().astype(np.uint8),
        [f"{i:04d}" for i in range(len(bunch.images))],
        bunch.target.astype(str),
    )


def photographs() -> Dataset:
    """scikit-learn's two sample photographs, 427 x 640 pixels in colour.

    CC BY 2.0, see its `datasets/images/README.txt`.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> photographs().names
    ['china', 'flower']
    """
    bunch = load_sample_images()
    return Dataset(np.stack(bunch.images), [Path(name).stem for name in bunch.filenames])


NAMED = {"digits": digits, "photographs": photographs}
ROOT = "HMAX_CNN_DATA"  # names a folder with sets of images


def in_data_folder(name: str | os.PathLike[str]) -> Path | None:
    """A file or folder in the folder that HMAX_CNN_DATA names.

    Parameters
    ----------
    name : path or str
        Relative to that folder.

    Returns
    -------
    Path or None
        None where there is none, or the variable is not set.
    """
    root = os.environ.get(ROOT)
    if not root or not (Path(root) / name).exists():
        return None
    return Path(root) / name


def open_dataset(where: str | os.PathLike[str]) -> Dataset:
    """Images from a folder, an index (.csv, .tsv), an idx file (and its labels) or a name.

    The names are 'digits' and 'photographs'.

    Parameters
    ----------
    where : path or str
        What is not in the working folder is looked for in the folder that the environment variable
        HMAX_CNN_DATA names. For an idx file the labels are looked for under the same name, with
        'labels-idx1' for 'images-idx3'.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError, ValueError
        If there is nothing, or nothing readable, of this name.

    Examples
    --------
    >>> open_dataset("digits").framed("cover:32x32")[0].shape
    (32, 32)
    """
    path, name = Path(where), os.fspath(where)
    if not path.exists() and name not in NAMED:
        path = in_data_folder(where) or path
    if path.is_dir():
        return read_folder(path)
    if name in NAMED:
        return NAMED[name]()
    if not path.exists():
        root = os.environ.get(ROOT)
        named = f" ({root})" if root else ", which is not set"
        msg = (
            f"There is no folder or file {path}, nor in the folder that {ROOT} names{named}. Give "
            f"one, or one of the sets that need no file: {', '.join(NAMED)}."
        )
        raise FileNotFoundError(msg)
    if not path.is_file():
        msg = f"{path} is a pipe, a socket or a device. Give a folder or a regular file."
        raise ValueError(msg)
    if path.suffix.lower() in ENDINGS:
        return read_index(path)
    kind = PICTURE if path.suffix.lower() in SUFFIXES else kind_of(path)
    if kind == PICTURE:
        return Dataset([path], [plain(path.name)])
    if kind is not None:
        msg = f"{path} is a picture in a format that cannot be read ({kind}). Convert it to PNG."
        raise ValueError(msg)
    # MNIST's own names, with a hyphen or, as some archives unpack them, a dot.
    beside = path.with_name(
        path.name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1")
    )
    return read_idx(path, beside if beside != path and beside.is_file() else None)
