"""hmax-cnn store: what lies in a store of features, whether it is whole, copies of it, an SVM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd

from hmax_cnn.extraction.files import writable
from hmax_cnn.extraction.progress import progress_bar
from hmax_cnn.extraction.store import FeatureStore, StoredFeatures, open_features
from hmax_cnn.extraction.store.layout import KEY
from hmax_cnn.extraction.store.store import MISSING, WHOLE

from ..folds import stratified
from ..naming import full_path
from ..readout import Readout
from ..streamed_svm import StreamedSVM
from .classify import check_new, save_readouts, tell
from .feature_files import Features, check_size, ending, write
from .options import (
    form_option,
    overwrite_results_option,
    plainly,
    quiet_option,
    results_option,
    say,
    show,
)
from .request import Request, say_of_store
from .stored import Part


@click.group()
def store() -> None:
    """Look at a store of features, check it, mend it, copy it.

    STORE is a folder such as features.zarr, or an address such as s3://bucket/features.zarr.
    """


@store.command()
@click.argument("where", metavar="STORE")
@form_option
@plainly
def info(where: str, form: str) -> None:
    """Say what lies in STORE and what made it."""
    found = FeatureStore.at(where)
    layout, attributes = found.layout, dict(found.layout.attributes)
    attributes.pop("request", None)
    n_done = len(found.done())
    known = {
        "images": layout.shape[0],
        "units": layout.shape[1],
        "dtype": layout.dtype,
        "MiB": round(layout.n_bytes / 2**20, 1),
        "images per shard": layout.per_shard,
        "shards": f"{n_done} of {layout.n_shards}",
    }
    rows = [(name, str(value)) for name, value in (known | attributes).items()]
    show(pd.DataFrame(rows, columns=["what", "value"]), form)


@store.command()
@click.argument("where", metavar="STORE")
@quiet_option
@plainly
def verify(where: str, quiet: bool) -> None:
    """Read every byte of the features in STORE, and say which shards are damaged or missing."""
    found = FeatureStore.at(where)
    bad = _not_whole(found, quiet=quiet)
    if bad:
        text = ", ".join(f"{shard} ({state})" for shard, state in list(bad.items())[:10])
        more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
        msg = (
            f"{len(bad)} of {found.layout.n_shards} shards are not whole: {text}{more}. Make them "
            f"again with `hmax-cnn store repair {where}`."
        )
        raise ValueError(msg)
    if not quiet:
        say(f"All {found.layout.n_shards} shards of {where} are whole.")


@store.command()
@click.argument("where", metavar="STORE")
@click.option(
    "--trust-code",
    is_flag=True,
    help="Import the module of a model of one's own that STORE names.",
)
@quiet_option
@plainly
def repair(where: str, trust_code: bool, quiet: bool) -> None:
    """Make the shards of STORE again that are damaged or missing, and no others.

    The images, the model and the versions of libraries must be what they were.
    """
    found = FeatureStore.at(where)
    asked = Request.parsed(found.layout.attributes.get("request", ""))
    if not trust_code and not full_path(asked.model).startswith("hmax_cnn."):
        msg = (
            f"{where} names a model of one's own, {asked.model}, which would be imported. If you "
            "trust the store, repeat the command with --trust-code."
        )
        raise ValueError(msg)
    extraction = asked.extraction(where, check=False, quiet=quiet)
    if extraction.store.layout.attributes[KEY] != found.layout.attributes.get(KEY):
        msg = (
            f"The images, the model or a library are no longer what {where} was made with: shards "
            "made now would be of other features. Extract anew into another store."
        )
        raise ValueError(msg)
    bad = _not_whole(found, quiet=quiet)
    changed = extraction.changed()
    if changed:
        msg = (
            f"Pictures of {len(changed)} shards, such as shard {changed[0]}, have changed "
            f"since {where} was made. To make those again too, repeat the `hmax-cnn extract`."
        )
        raise ValueError(msg)
    for shard, state in bad.items():
        if state != MISSING:
            found.discard(shard)
    told = extraction.run(progress=False if quiet else None)
    say_of_store(told, Part(), quiet=quiet)


@store.command()
@click.argument("where", metavar="STORE")
@click.argument("output", type=click.Path(path_type=Path))
@quiet_option
@plainly
def export(where: str, output: Path, quiet: bool) -> None:
    """Copy STORE into a file: .npz, .csv, .nc, .parquet, .mat or .svmlight."""
    ending(output)
    writable(output)
    features = open_features(where)
    check_size(output, *features.shape)
    written = write(_as_features(features), output, False if quiet else None)
    if not quiet:
        n_images, n_units = features.shape
        say(f"{n_images} images x {n_units} units in {', '.join(map(str, written))}")


@store.command()
@click.argument("where", metavar="STORE")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the images held out, where no split is given.",
)
@results_option
@overwrite_results_option
@form_option
@quiet_option
@plainly
def classify(where: str, seed: int, output: Path, overwrite: bool, form: str, quiet: bool) -> None:
    """How well a linear SVM tells classes apart from the features in STORE.

    Features are read batch by batch, so that they need not fit into memory. Uses the given split
    (train/ and test/, or a column `split`); without one a fifth of the images is held out. C is
    chosen inside the training images.
    """
    if not overwrite:
        check_new(output)
    writable(output / "accuracy.csv" if output.is_dir() else output)
    features = open_features(where)
    if features.labels is None:
        msg = f"{where} has no labels: extract a folder per class, or an index with labels."
        raise ValueError(msg)
    train, test = _parts(features, seed)
    seen = features.column("learned_from")
    if seen is not None and seen[test].any():
        say(
            f"Warning: the features were learned from {int(seen[test].sum())} of the {len(test)} "
            "images that are tested on: their accuracy says nothing of new ones."
        )
    attributes = dict(features.store.layout.attributes) | {"store": where, "seed": str(seed)}
    svm = StreamedSVM(seed=seed, progress=False if quiet else None)
    svm.fit(features, features.labels, train)
    name = f"{attributes['model'].partition(':')[2]} {attributes['layers'].replace(' ', '+')}"
    found = Readout(name, np.unique(features.labels))
    found.add(features.images[test].tolist(), 0, features.labels[test], svm.predict(test))
    found.best_c.append(svm.best_c_)
    written = save_readouts([found], output, attributes, complete=True)
    show(pd.DataFrame([found.row()]), form)
    if not quiet:
        tell(written, output)


def _parts(features: StoredFeatures, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of training and of held-out images."""
    if features.split is not None:
        train = np.flatnonzero(features.split == "train")
        for part in ("test", "validation"):
            held_out = np.flatnonzero(features.split == part)
            if len(train) and len(held_out):
                return train, held_out
    train, held_out = stratified(features.labels, 5, seed)[0]
    return train, held_out


def _not_whole(found: FeatureStore, *, quiet: bool) -> dict[int, str]:
    """Shards that are damaged or missing, each with which it is."""
    states = progress_bar(
        found.states(),
        total=found.layout.n_shards,
        name="Reading",
        unit="shard",
        progress=False if quiet else None,
    )
    return {shard: state for shard, state in states if state != WHOLE}


class _Shards:
    """Rows of a store, shard by shard."""

    def __init__(self, features: StoredFeatures) -> None:
        self.features = features

    @property
    def shape(self) -> tuple[int, int]:
        return self.features.shape

    def __iter__(self) -> Iterator[np.ndarray]:
        for rows, _ in self.features.batches(self.features.store.layout.per_shard):
            yield rows.astype(np.float32, copy=False)


def _as_features(stored: StoredFeatures) -> Features:
    """With what is known of images and units, as a file has it."""
    known = {
        str(name): stored.column(str(name))
        for name, one in stored.dataset.coords.items()
        if one.dims == ("image",) and name not in ("image", "label", "split", "learned_from")
    }
    attributes = dict(stored.store.layout.attributes)
    attributes.pop("request", None)
    return Features(
        _Shards(stored),
        stored.images,
        stored.labels,
        stored.split,
        stored.units,
        attributes,
        stored.column("learned_from"),
        known,
    )
