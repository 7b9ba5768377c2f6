"""What features were made of: the model, what it learned from, the images, versions, as digests."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from hmax_cnn.data import Dataset
from hmax_cnn.data.files import ReadFile
from hmax_cnn.extraction import FeatureExtractor, compiled
from hmax_cnn.extraction.arrays import device_namespace
from hmax_cnn.extraction.cuda import programs
from hmax_cnn.extraction.reductions import Reduction

from .building import Places
from .fingerprints import behind, digest_of, versions_of

_AT_ONCE = 2**20  # bytes of a file: weights may be larger than memory
# Parameters that change no feature.
_WITHOUT_EFFECT = ("batch_memory", "n_threads", "progress", "device")


@dataclass(frozen=True)
class Origin:
    """Of features in a store: what finds them again.

    Attributes
    ----------
    by : bytes
        A digest of all that makes a feature but the image.
    """

    by: bytes

    @classmethod
    def of(
        cls,
        model: FeatureExtractor,
        dataset: Dataset,
        learns_from: Dataset,
        *,
        dtype: str,
        reduction: Reduction | None = None,
    ) -> Origin:
        """Of a model that has not learned yet.

        Parameters
        ----------
        model : FeatureExtractor
        dataset, learns_from : Dataset
        dtype : str
            Of the numbers.
        reduction : Reduction or None

        Returns
        -------
        Origin
        """
        by = made_by(model, dataset, learns_from, content=True)
        if reduction is not None and reduction.learns:
            by += f" {_seen_as(learns_from)} {content_of(learns_from).hex()}"
        return cls(hashlib.sha256(f"{by} {dtype} {reduction}".encode()).digest())

    def key(self, names: Sequence[str]) -> str:
        """Of a store that holds images of these names in this order."""
        return hashlib.sha256(self.by + repr(list(map(str, names))).encode()).hexdigest()

    def made_of(self, images: Dataset) -> bytes:
        """Of a shard of these images: every byte of them, in order."""
        return hashlib.sha256(self.by + content_of(images)).digest()


def to_learn(
    model: FeatureExtractor,
    dataset: Dataset,
    others: Dataset | None,
    reduction: Reduction | None = None,
) -> tuple[Dataset, str]:
    """What a model and a reduction of its features learn from, and how a reader is told.

    Parameters
    ----------
    model : FeatureExtractor
    dataset : Dataset
        Whose features are wanted.
    others : Dataset or None
        To learn from.
    reduction : Reduction or None

    Returns
    -------
    dataset : Dataset
    told : str

    Raises
    ------
    ValueError
        If it would learn the classes, or the components, of images that its features will be tested
        on.
    """
    learns = reduction is not None and reduction.learns
    if not (model.__sklearn_tags__().requires_fit or learns):
        return dataset.subset(slice(1)), ""
    training = _training_images(dataset, others)
    if training is not None:
        return training
    if learns:
        msg = (
            "`reduce` pca learns from training images only, and none are set apart here. Give a "
            "split (folders train/ and test/, or a column `split`), or images in --learn-from: the "
            "same ones, where nothing will be tested on them."
        )
        raise ValueError(msg)
    if dataset.split is not None or model.__sklearn_tags__().target_tags.required:
        msg = (
            f"{type(model).__name__} learns classes, and these images have no training part: it "
            "would learn the images that its features are tested on. Give a split (folders train/ "
            "and test/, or a column `split`), other images in --learn-from, or `weights`."
        )
        raise ValueError(msg)
    return dataset, f"all {len(dataset)} images, since none are set apart to test on"


def _training_images(dataset: Dataset, others: Dataset | None) -> tuple[Dataset, str] | None:
    """Images that may be learned from, and how a reader is told; None if none are set apart."""
    source = dataset if others is None else others
    if source.split is not None and (source.split == "train").any():
        training = source.subset(np.flatnonzero(source.split == "train"))
        return training, f"{len(training)} training images"
    if others is not None:
        return others, f"{len(others)} other images"
    return None


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


def describe(model: FeatureExtractor, dataset: Dataset) -> dict[str, str]:
    """What made the features, as text.

    Parameters
    ----------
    model : FeatureExtractor
    dataset : Dataset

    Returns
    -------
    dict from str to str
    """
    parameters = {
        name: repr(_by_content(value, {}))
        for name, value in _of_effect(model).items()
        if value is not None
    }
    return {"model": model.path(), "parameters": json.dumps(parameters)} | _framing(dataset)


def _seen_as(dataset: Dataset) -> tuple[str, str]:
    return dataset.framing.rule, dataset.background or ""


def _framing(dataset: Dataset) -> dict[str, str]:
    """How images become what the model sees, and by which versions."""
    return {
        "resize": dataset.framing.rule,
        "background": dataset.background or "",
        "resampling": "bicubic, antialiased (Pillow), before colour becomes luminance",
        "skipped": json.dumps(dataset.skipped),
        "versions": ", ".join(
            f"{name} {version(name)}"
            for name in ("hmax-cnn", "numpy", "scipy", "scikit-learn", "pillow", "tifffile")
        ),
    }


def _of_effect(model: FeatureExtractor) -> dict[str, Any]:
    known = model.get_params(deep=False).items()
    return {name: value for name, value in known if name not in _WITHOUT_EFFECT}


def made_by(
    model: FeatureExtractor, dataset: Dataset, learns_from: Dataset, *, content: bool = False
) -> str:
    """Everything but the images that rows depend on, as a digest.

    Parameters, the code and files behind them, what the model holds, what it learns from, how
    images are resized, the device and kernels, and versions. Files count by what is in them: the
    same one may have another path on another machine.

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
    # A layer counts by its name, however it was asked for.
    parameters = _of_effect(model) | {"layer": tuple(model.wanted_layers())}
    found = behind(model.path(), parameters, Places())
    framing = {name: text for name, text in _framing(dataset).items() if name != "skipped"}
    files = {str(path): _file_digest(path) for path in (*found.code, *found.data)}
    known = [
        framing,
        model.path(),
        _content(_by_content(parameters, files)),
        digest_of(model.held()),
        sorted({**found.libraries, **versions_of(model.libraries)}.items()),
        sorted(compiled.versions().items()),
        programs.numerics(device_namespace(model.device)),
        sorted(files.values()),
    ]
    digest = hashlib.sha256(repr(known).encode())
    if model.__sklearn_tags__().requires_fit:
        labels = learns_from.labels
        digest.update(repr(None if labels is None else labels.tolist()).encode())
        digest.update(repr(_seen_as(learns_from)).encode())
        digest.update(content_of(learns_from) if content else state_of(learns_from))
    return digest.hexdigest()


def _file_digest(path: Path) -> str:
    found = hashlib.sha256()
    # Without a buffer, and no more at once than there is: twice as fast for small pictures.
    with path.open("rb", buffering=0) as file:
        at_once = min(os.fstat(file.fileno()).st_size + 1, _AT_ONCE)
        while content := file.read(at_once):
            found.update(content)
    return found.hexdigest()


def _by_content(value: Any, files: Mapping[str, str]) -> Any:
    """Parameters as their values count: files by a digest, lists as tuples."""
    if isinstance(value, str | Path):
        full = str(Path(value).resolve()) if str(value) else ""
        return files.get(str(value)) or files.get(full) or value
    if isinstance(value, dict):
        return {name: _by_content(one, files) for name, one in value.items()}
    if isinstance(value, list | tuple):  # TOML knows lists only
        return tuple(_by_content(one, files) for one in value)
    return value


def _content(parameters: Any) -> str:
    """A digest of the parameters, modules with their weights included.

    Parameters that have no digest, such as a lambda, never match those of an earlier run.
    """
    try:
        # Modules with their weights: equal settings of other weights are another model.
        return str(joblib.hash(parameters))
    except (pickle.PicklingError, AttributeError, TypeError):
        return secrets.token_hex()


def content_of(images: Dataset) -> bytes:
    """Every byte of the images, in order, as a digest.

    Parameters
    ----------
    images : Dataset

    Returns
    -------
    bytes
    """

    def content(file: Path | ReadFile) -> bytes:
        if isinstance(file, ReadFile):
            return hashlib.sha256(file.content).digest()
        return bytes.fromhex(_file_digest(file))

    return _digest_of(images, content)


def state_of(images: Dataset) -> bytes:
    """The images as they are, as a digest: files by their place, size and time of change.

    To read all images again would take as long as extraction.

    Parameters
    ----------
    images : Dataset

    Returns
    -------
    bytes
    """

    def state(file: Path | ReadFile) -> bytes:
        path = file.path if isinstance(file, ReadFile) else file
        found = path.stat()
        return repr((path.resolve(), found.st_size, found.st_mtime_ns)).encode()

    return _digest_of(images, state)


def _digest_of(images: Dataset, of_file: Callable[[Path | ReadFile], bytes]) -> bytes:
    found = hashlib.sha256()
    for item in images.source:
        if isinstance(item, Path | ReadFile):
            found.update(of_file(item))
        else:
            values = np.ascontiguousarray(item)
            found.update(f"{values.shape}{values.dtype}".encode())
            found.update(hashlib.sha256(values.data).digest())
    return found.digest()
