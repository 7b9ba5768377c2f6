"""Features of many images, written for the programs that read them.

.npz, .csv, .nc and .svmlight.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import xarray as xr
from sklearn.datasets import dump_svmlight_file

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.digests import seen_before
from hmax_cnn.extraction.files import read_npz, written_whole
from hmax_cnn.extraction.progress import progress_bar

from ..interrupted import Interrupted
from ..study.building import Places
from ..study.fingerprints import behind, digest_of, versions_of

_TAKEN = ("image", "images", "labels", "features", "units", "attributes", "path")
_AT_ONCE = 64  # images between two places where Ctrl-C keeps what is done


@dataclass(frozen=True, eq=False)
class Features:
    """Features with everything that is known of their rows and columns.

    Attributes
    ----------
    values : float32 array of shape (n_images, n_units)
    images : sequence of str
        Name of each image.
    labels : array of str of shape (n_images,), or None
    split : array of str of shape (n_images,), or None
    units : pandas.DataFrame
        One row per unit: `unit` (its name), layer, band, feature, y, x, field_size and labels.
    attributes : dict
        Model, parameters, how images were resized, what was learned from, versions.
    seen : array of bool of shape (n_images,), or None
        Images that the model has learned from, where there are such.
    columns : mapping from str to array of shape (n_images,)
        What else the index says of each image.
    """

    values: np.ndarray
    images: list[str]
    labels: np.ndarray | None
    split: np.ndarray | None
    units: pd.DataFrame
    attributes: dict[str, str]
    seen: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def of_images(self) -> dict[str, np.ndarray]:
        """What is known of each image, by name."""
        known = {"label": self.labels, "split": self.split, "learned_from": self.seen}
        given = {name: column for name, column in known.items() if column is not None}
        # A column of the index that is called as something else here is told apart.
        taken = {*given, *_TAKEN, *map(str, self.units)}
        return given | {
            f"image_{name}" if name in taken else name: column
            for name, column in self.columns.items()
        }

    def to_xarray(self) -> xr.DataArray:
        """Dims (image, unit) with plain one-dimensional coordinates."""
        coords: dict[str, Any] = {"image": self.images}
        coords |= {name: ("image", column) for name, column in self.of_images().items()}
        coords |= {
            str(name): (
                "unit",
                self.units[name].to_numpy(
                    str if self.units[name].dtype.kind not in "iufb" else None
                ),
            )
            for name in self.units
        }
        return xr.DataArray(
            self.values,
            dims=("image", "unit"),
            coords=coords,
            name="response",
            attrs=self.attributes,
        )


def extract(
    model: FeatureExtractor,
    dataset: Dataset,
    output: Path,
    progress: bool | None = None,
    learn_from: Dataset | None = None,
) -> Features:
    """Features of every image.

    What is learned, is learned from `learn_from`, or from the training images where there is a
    split. Which images the model has learned from stands in the column `learned_from`, and in the
    attributes.

    Interrupted with Ctrl-C, finished blocks of 64 images are kept beside `output` and found again
    by the same call, if the model, the files and their contents are the same.

    Raises
    ------
    Interrupted
        On Ctrl-C, after what is done was written.
    """
    learns_from, told = _to_learn(model, dataset, learn_from)
    attributes, partial = describe(model, dataset), partial_of(output)
    key = _key(model, dataset, learns_from)
    # Without a seed a second run would learn something else: its rows would not go with the first.
    repeatable = model.get_params(deep=False).get("random_state", 0) is not None
    rows = _resumed(partial, key) if repeatable else []
    n_done = sum(map(len, rows))
    model.fit(learns_from, learns_from.labels)
    with progress_bar(
        total=len(dataset),
        initial=n_done,
        unit="image",
        name="Extracting",
        progress=progress,
    ) as bar:
        try:
            while n_done < len(dataset):
                some = dataset.subset(slice(n_done, n_done + _AT_ONCE))
                rows.append(model.transform(some))
                n_done += len(some)
                bar.update(len(some))
        except KeyboardInterrupt:
            if not rows:
                msg = "Interrupted before the first images were done; nothing was kept."
                raise Interrupted(msg) from None
            with written_whole(partial) as temporary, temporary.open("wb") as file:
                np.savez(file, features=np.concatenate(rows), key=np.array(key))
            msg = (
                f"Interrupted: {n_done} of {len(dataset)} images are kept in {partial}. Run the "
                "same command again to go on from there."
            )
            raise Interrupted(msg) from None
    if told:
        attributes["learned_from"] = told
    return _labelled(np.concatenate(rows), model, dataset, attributes)


def _labelled(
    values: np.ndarray, model: FeatureExtractor, dataset: Dataset, attributes: dict[str, str]
) -> Features:
    """Features with what is known of images and units, and a warning where images were learned."""
    seen = seen_before(model, dataset)
    if seen.any():
        attributes["warning"] = (
            f"The model has learned from {seen.sum()} of these {len(dataset)} images (column "
            "learned_from): a test on those would say nothing."
        )
    return Features(
        values,
        list(dataset.names),
        dataset.labels,
        dataset.split,
        model.units(dataset[0].shape),
        attributes,
        seen if seen.any() else None,
        dataset.columns,
    )


def _to_learn(
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
    """Where an interrupted run keeps what is done."""
    return output.with_name(f".{output.name}.partial.npz")


def _key(model: FeatureExtractor, dataset: Dataset, learns_from: Dataset) -> str:
    """What must be the same for an interrupted run to go on.

    Parameters, the code and files behind them, what the model holds, and every image's file as it
    is.
    """
    parameters = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in _WITHOUT_EFFECT
    }
    found = behind(model.path(), parameters, Places())
    known = [
        describe(model, dataset),
        _content(parameters),
        digest_of(model.held()),
        sorted({**found.libraries, **versions_of(model.libraries)}.items()),
        list(dataset.names),
        *(None if column is None else list(column) for column in (dataset.labels, dataset.split)),
    ]
    digest = hashlib.sha256(repr(known).encode())
    for file in (*found.code, *found.data):
        digest.update(file.read_bytes())
    for item in (*dataset.source, *learns_from.source):
        if isinstance(item, Path):
            # Size and time of change: to read all images again would take as long as extraction.
            state = item.stat()
            digest.update(repr((item.resolve(), state.st_size, state.st_mtime_ns)).encode())
        else:
            digest.update(np.ascontiguousarray(item).tobytes())
    return digest.hexdigest()


def _content(parameters: dict[str, Any]) -> str:
    """A digest of the parameters, modules with their weights included.

    Parameters that have no digest, such as a lambda, never match those of an earlier run.
    """
    try:
        # Modules with their weights: equal settings of other weights are another model.
        return str(joblib.hash(parameters))
    except (pickle.PicklingError, AttributeError, TypeError):
        return secrets.token_hex()


def _resumed(partial: Path, key: str) -> list[np.ndarray]:
    """What an interrupted run of the same model over the same images left."""
    if not partial.is_file():
        return []
    kept = read_npz(partial)
    if str(kept["key"]) == key:
        return [kept["features"]]
    return []


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


def write(features: Features, output: Path) -> list[Path]:
    """Write features by the ending of the name; returns what was written.

    Raises
    ------
    ValueError, OSError
        If the ending is not one of these, or the file cannot be written; nothing half-written is
        left.
    """
    with written_whole(output) as temporary:
        WRITERS[ending(output)](features, temporary)
    if ending(output) != ".svmlight":
        return [output]
    beside = output.with_name(f"{output.name}.csv")
    with written_whole(beside) as temporary:
        _rows(features).to_csv(temporary, index=False)
    return [output, beside]


def ending(output: Path) -> str:
    """The ending of a name, if features can be written under it."""
    if output.suffix not in WRITERS:
        msg = f"--output must end in one of {', '.join(WRITERS)}, got {output.name!r}."
        raise ValueError(msg)
    return output.suffix


def _rows(features: Features) -> pd.DataFrame:
    table = pd.DataFrame({"image": features.images})
    for name, column in features.of_images().items():
        table[name] = column
    return table


def _write_npz(features: Features, path: Path) -> None:
    arrays: dict[str, Any] = {
        "features": features.values,
        "images": np.array(features.images),
        "units": features.units["unit"].to_numpy(str),
    }
    arrays |= {
        {"label": "labels"}.get(name, name): column for name, column in features.of_images().items()
    }
    with path.open("wb") as file:
        np.savez_compressed(file, attributes=np.array(json.dumps(features.attributes)), **arrays)


def _write_csv(features: Features, path: Path) -> None:
    table = pd.concat(
        [_rows(features), pd.DataFrame(features.values, columns=features.units["unit"])], axis=1
    )
    # Nine digits bring back every float32 exactly.
    table.to_csv(path, index=False, float_format="%.9g")


def _write_nc(features: Features, path: Path) -> None:
    # Made in memory: HDF5 cannot report a full disk cleanly.
    path.write_bytes(features.to_xarray().to_netcdf(engine="h5netcdf"))


def _write_svmlight(features: Features, path: Path) -> None:
    # The format needs a number for each image: 0 where there are no labels.
    classes, codes = np.array([], str), np.zeros(len(features.images), int)
    if features.labels is not None:
        classes, codes = np.unique(features.labels, return_inverse=True)
    comment = (
        f"labels: {json.dumps({int(i): str(name) for i, name in enumerate(classes)})}\nunits: "
        f"{' '.join(features.units['unit'])}"
    )
    dump_svmlight_file(features.values, codes, str(path), comment=comment)


WRITERS: dict[str, Callable[[Features, Path], None]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".nc": _write_nc,
    ".svmlight": _write_svmlight,
}
