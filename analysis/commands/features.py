"""Features of many images, block by block, and what made them."""

from __future__ import annotations

import errno
import hashlib
import json
import pickle
import secrets
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor, compiled
from hmax_cnn.extraction.arrays import device_namespace
from hmax_cnn.extraction.cuda import programs
from hmax_cnn.extraction.digests import seen_before
from hmax_cnn.extraction.progress import progress_bar

from ..interrupted import Interrupted
from ..study.building import Places
from ..study.fingerprints import behind, digest_of, versions_of
from .feature_files import Features, bytes_needed, check_size
from .kept_rows import KeptRows

_AT_ONCE = 64  # images in a block


def extract(
    model: FeatureExtractor,
    dataset: Dataset,
    output: Path,
    kept: KeptRows,
    progress: bool | None = None,
    learn_from: Dataset | None = None,
) -> Features:
    """Features of every image.

    What is learned, is learned from `learn_from`, or from the training images where there is a
    split. Which images the model has learned from stands in the column `learned_from`, and in the
    attributes.

    Finished blocks of 64 images are kept beside `output` however the work ends, and found again by
    the same call if the model and the files are the same; behind a file that has changed, blocks
    are made again.

    Raises
    ------
    Interrupted
        On Ctrl-C.
    OSError
        If the disk is full, or would be before the end.
    """
    learns_from, told = to_learn(model, dataset, learn_from)
    attributes = describe(model, dataset)
    by = made_by(model, dataset, learns_from)
    model.fit(learns_from, learns_from.labels)
    try:
        _fill(kept, model, dataset, by, output, progress)
    except KeyboardInterrupt:
        msg = f"Interrupted: {_told(kept, dataset)}"
        raise Interrupted(msg) from None
    except Exception as error:
        if kept.shape[0]:
            error.add_note(f"Until then {_told(kept, dataset)}")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            error.add_note(f"Cannot write {output}: free some space, or choose another place.")
        raise
    if told:
        attributes["learned_from"] = told
    return _labelled(kept, model, dataset, attributes)


def _fill(
    kept: KeptRows,
    model: FeatureExtractor,
    dataset: Dataset,
    by: str,
    output: Path,
    progress: bool | None,
) -> None:
    """Make the blocks that are not there."""
    with progress_bar(
        total=len(dataset), unit="image", name="Extracting", progress=progress
    ) as bar:
        for number, first in enumerate(range(0, len(dataset), _AT_ONCE)):
            some = dataset.subset(slice(first, first + _AT_ONCE))
            made_of = _made_of(by, some)
            if not kept.has(number, made_of):
                rows = model.transform(some)
                if not number:
                    _check_space(output, len(dataset), rows.shape[1])
                kept.add(number, made_of, rows)
            bar.update(len(some))
    kept.keep_first(number + 1)


def _told(kept: KeptRows, dataset: Dataset) -> str:
    """What is kept, and how to go on."""
    n_done = kept.shape[0]
    if not n_done:
        return "nothing was done yet."
    return (
        f"{n_done} of {len(dataset)} images are kept in {kept.folder}. Run the same command again "
        "to go on from there."
    )


def _check_space(output: Path, n_images: int, n_units: int) -> None:
    """Refuse what the disk cannot hold, before hours of work."""
    check_size(output, n_images, n_units)
    needed, free = bytes_needed(output, n_images, n_units), shutil.disk_usage(output.parent).free
    if needed > free:
        msg = (
            f"{n_images} images x {n_units} units need about {needed / 2**30:.2g} GiB, and "
            f"{output.parent} has {free / 2**30:.2g} GiB free. Choose another place, a layer of "
            "fewer units, or .npz or .nc, which take the least."
        )
        raise OSError(msg)


def _labelled(
    rows: KeptRows, model: FeatureExtractor, dataset: Dataset, attributes: dict[str, str]
) -> Features:
    """Features with what is known of images and units, and a warning where images were learned."""
    seen = seen_before(model, dataset)
    if seen.any():
        attributes["warning"] = warning_of(int(seen.sum()), len(dataset))
    return Features(
        rows,
        dataset.names,
        dataset.labels,
        dataset.split,
        model.units(dataset[0].shape),
        attributes,
        seen if seen.any() else None,
        dataset.columns,
    )


def warning_of(n_seen: int, n_images: int) -> str:
    """Of images that a model has learned from.

    Parameters
    ----------
    n_seen, n_images : int

    Returns
    -------
    str
    """
    return (
        f"The model has learned from {n_seen} of these {n_images} images (column learned_from): a "
        "test on those would say nothing."
    )


def to_learn(
    model: FeatureExtractor, dataset: Dataset, others: Dataset | None
) -> tuple[Dataset, str]:
    """What a model learns from, and how a reader is told.

    Raises
    ------
    ValueError
        If it would learn the classes of images that its features will be tested on.
    """
    if not model.__sklearn_tags__().requires_fit:
        return dataset.subset(slice(1)), ""
    source = dataset if others is None else others
    if source.split is not None and (source.split == "train").any():
        training = source.subset(np.flatnonzero(source.split == "train"))
        return training, f"{len(training)} training images"
    if others is not None:
        return others, f"{len(others)} other images"
    if dataset.split is not None or model.__sklearn_tags__().target_tags.required:
        msg = (
            f"{type(model).__name__} learns classes, and these images have no training part: it "
            "would learn the images that its features are tested on. Give a split (folders train/ "
            "and test/, or a column `split`), other images in --learn-from, or `weights`."
        )
        raise ValueError(msg)
    return dataset, f"all {len(dataset)} images, since none are set apart to test on"


def partial_of(output: Path) -> Path:
    """Where a run keeps what is done until its output is written."""
    return output.with_name(f".{output.name}.partial")


def made_by(
    model: FeatureExtractor, dataset: Dataset, learns_from: Dataset, *, content: bool = False
) -> str:
    """Everything but the images that rows depend on, as a digest.

    Parameters, the code and files behind them, what the model holds, what it learns from, how
    images are resized, the device and kernels, and versions.

    Parameters
    ----------
    model : FeatureExtractor
    dataset, learns_from : Dataset
    content : bool
        Whether images that it learns from are told apart by every byte; by place, size and time of
        change if not.

    Returns
    -------
    str
    """
    # Without a seed a second run would learn something else: its rows would not go with the first.
    if model.get_params(deep=False).get("random_state", 0) is None:
        return secrets.token_hex()
    parameters = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in _WITHOUT_EFFECT
    }
    found = behind(model.path(), parameters, Places())
    about = describe(model, dataset)
    known = [
        {name: about[name] for name in about if name != "skipped"},
        _content(parameters),
        digest_of(model.held()),
        sorted({**found.libraries, **versions_of(model.libraries)}.items()),
        sorted(compiled.versions().items()),
        programs.numerics(device_namespace(model.device)),
    ]
    digest = hashlib.sha256(repr(known).encode())
    for path in (*found.code, *found.data):
        with path.open("rb") as file:  # weights may be larger than memory
            digest.update(hashlib.file_digest(file, "sha256").digest())
    if model.__sklearn_tags__().requires_fit:
        labels = learns_from.labels
        digest.update(repr(None if labels is None else labels.tolist()).encode())
        digest.update(content_of(learns_from) if content else _state(learns_from))
    return digest.hexdigest()


def _made_of(by: str, images: Dataset) -> str:
    """What a block of rows was made of, as a digest."""
    return hashlib.sha256(by.encode() + _state(images)).hexdigest()


def content_of(images: Dataset) -> bytes:
    """Every byte of the images, in order, as a digest.

    Parameters
    ----------
    images : Dataset

    Returns
    -------
    bytes
    """
    found = hashlib.sha256()
    for item in images.source:
        if isinstance(item, Path):
            with item.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        else:
            values = np.ascontiguousarray(item)
            found.update(f"{values.shape}{values.dtype}".encode())
            found.update(hashlib.sha256(values.data).digest())
    return found.digest()


def _state(images: Dataset) -> bytes:
    """The images as they are: files by their place, size and time of change.

    To read all images again would take as long as extraction.
    """
    digest = hashlib.sha256()
    for item in images.source:
        if isinstance(item, Path):
            state = item.stat()
            digest.update(repr((item.resolve(), state.st_size, state.st_mtime_ns)).encode())
        else:
            digest.update(np.ascontiguousarray(item).tobytes())
    return digest.digest()


def _content(parameters: dict[str, Any]) -> str:
    """A digest of the parameters, modules with their weights included.

    Parameters that have no digest, such as a lambda, never match those of an earlier run.
    """
    try:
        # Modules with their weights: equal settings of other weights are another model.
        return str(joblib.hash(parameters))
    except (pickle.PicklingError, AttributeError, TypeError):
        return secrets.token_hex()


def describe(model: FeatureExtractor, dataset: Dataset) -> dict[str, str]:
    """What made the features, as text."""
    parameters = {
        name: repr(value)
        for name, value in model.get_params(deep=False).items()
        if value is not None and name not in _WITHOUT_EFFECT
    }
    return {
        "model": model.path(),
        "parameters": json.dumps(parameters),
        "resize": dataset.framing.rule,
        "background": dataset.background or "",
        "resampling": "bicubic, antialiased (Pillow), before colour becomes luminance",
        "skipped": json.dumps(dataset.skipped),
        "versions": ", ".join(
            f"{name} {version(name)}" for name in ("hmax-cnn", "numpy", "scipy", "pillow")
        ),
    }


_WITHOUT_EFFECT = ("batch_memory", "n_threads", "progress", "device")
