"""Features of any number of images into a store, shard by shard."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.digests import seen_before
from hmax_cnn.extraction.progress import progress_bar
from hmax_cnn.extraction.store import FeatureStore, Layout
from hmax_cnn.extraction.store.places import place_of

from ..interrupted import Interrupted
from .feature_files import Features, coordinates_of
from .features import content_of, describe, made_by, to_learn, warning_of
from .preflight import preflight


@dataclass(frozen=True)
class Part:
    """Which of so many equal parts of the work is done here, from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def parsed(cls, text: str) -> Part:
        """From text such as '3/20'.

        Raises
        ------
        ValueError
            If it is no such text.
        """
        number, _, of = text.partition("/")
        if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
            return cls(int(number), int(of))
        msg = f"--part must be such as 3/20, the third of twenty parts, got {text!r}."
        raise ValueError(msg)

    def of_shards(self, n_shards: int) -> range:
        """The shards of this part: neighbours, as even as can be."""
        first, end = ((self.number + i - 1) * n_shards // self.of for i in (0, 1))
        return range(first, end)


@dataclass(frozen=True)
class Told:
    """What an extraction did."""

    store: FeatureStore
    attributes: dict[str, str]
    n_made: int
    n_there: int


def extract_to_store(
    model: FeatureExtractor,
    dataset: Dataset,
    address: str,
    *,
    request: str = "",
    part: Part = Part(),
    dtype: str = "float32",
    shard_images: int | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
    learn_from: Dataset | None = None,
    tell: Callable[[str], None] | None = None,
    only_plan: bool = False,
) -> Told:
    """Features of every image, or of those of one part.

    Shards that are there already, made of the same images by the same model, are left as they are.

    Parameters
    ----------
    model : FeatureExtractor
    dataset : Dataset
    address : str
        A folder, or an address that fsspec knows.
    request : str
        How to ask for the same again; kept in the store.
    part : Part
    dtype : {'float32', 'float16'}
    shard_images : int or None
        In a shard; None is 256, or as many as 128 MB hold.
    overwrite : bool
        Whether other features that lie there may be replaced.
    progress : bool or None
    learn_from : Dataset or None
    tell : callable or None
        Is told beforehand what it will take, where that is worth a trial.
    only_plan : bool
        Whether that is all that is wanted.

    Returns
    -------
    Told

    Raises
    ------
    Interrupted
        On Ctrl-C.
    OtherFeaturesError, ValueError
        If there are other features there, or parts would not go together.
    OSError
        If the disk is full, or would be.
    """
    if part.of > 1 and model.get_params(deep=False).get("random_state", 0) is None:
        msg = "--part needs a model that is the same each time: give --set random_state=0."
        raise ValueError(msg)
    learns_from, told = to_learn(model, dataset, learn_from)
    attributes = describe(model, dataset) | {
        "layers": " ".join(model.wanted_layers()), "request": request
    }  # fmt: skip
    by = made_by(model, dataset, learns_from, content=True)
    model.fit(learns_from, learns_from.labels)
    if told:
        attributes["learned_from"] = told
    coordinates, n_seen = _coordinates(model, dataset)
    if n_seen:
        attributes["warning"] = warning_of(n_seen, len(dataset))
    layout = Layout.of(coordinates, attributes, dtype, shard_images)
    _check_space(address, layout)
    shards, n_made = part.of_shards(layout.n_shards), 0
    n_images = sum(_n_images(layout, shard) for shard in shards)
    if tell is not None and (only_plan or n_images > layout.per_shard):
        tell(preflight(model, dataset, layout, n_images).text())
    if only_plan:
        return Told(FeatureStore(place_of(address), layout), attributes, 0, 0)
    store = FeatureStore.prepared(address, layout, overwrite=overwrite)
    work = _Work(store, model, dataset, hashlib.sha256(f"{by} {dtype}".encode()).digest())
    try:
        n_made = work.fill(shards, progress)
    except KeyboardInterrupt:
        msg = f"Interrupted: {_kept(store)}"
        raise Interrupted(msg) from None
    except Exception as error:
        error.add_note(f"Until then {_kept(store)}")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            error.add_note(f"Cannot write {address}: free some space, or choose another place.")
        raise
    return Told(store, attributes, n_made, len(shards) - n_made)


def _kept(store: FeatureStore) -> str:
    n_done, n_shards = len(store.done()), store.layout.n_shards
    if not n_done:
        return "nothing was done yet."
    return (
        f"{n_done} of {n_shards} shards are kept in {store.place}. Run the same command again to "
        "go on from there."
    )


def _n_images(layout: Layout, shard: int) -> int:
    images = layout.images_of(shard)
    return images.stop - images.start


class _Work:
    """Making the shards of a store."""

    def __init__(
        self, store: FeatureStore, model: FeatureExtractor, dataset: Dataset, by: bytes
    ) -> None:
        self.store, self.model, self.dataset, self.by = store, model, dataset, by

    def fill(self, shards: range, progress: bool | None) -> int:
        """Make the shards that are not there; returns how many those were."""
        n_images = sum(_n_images(self.store.layout, shard) for shard in shards)
        n_made = 0
        bar = progress_bar(total=n_images, unit="image", name="Extracting", progress=progress)
        with bar, ThreadPoolExecutor(1) as writer:
            waiting: Future[None] | None = None
            try:
                for shard, made_of in self._wanted(shards, bar):
                    rows = self._rows(shard)
                    # While one shard is written the next is made.
                    if waiting is not None:
                        waiting.result()
                    waiting = writer.submit(self.store.put, shard, made_of, rows)
                    n_made += 1
                    bar.update(len(rows))
            finally:
                if waiting is not None:
                    waiting.result()
        return n_made

    def _wanted(self, shards: range, bar: object) -> Iterator[tuple[int, bytes]]:
        for shard in shards:
            made_of = self._made_of(shard)
            if self.store.has(shard, made_of):
                bar.update(_n_images(self.store.layout, shard))  # type: ignore[attr-defined]
                continue
            yield shard, made_of

    def _made_of(self, shard: int) -> bytes:
        """Of the model and of every byte of the images, in order."""
        images = self.dataset.subset(self.store.layout.images_of(shard))
        return hashlib.sha256(self.by + content_of(images)).digest()

    def _rows(self, shard: int) -> np.ndarray:
        rows = self.model.transform(self.dataset.subset(self.store.layout.images_of(shard)))
        return rows.astype(self.store.layout.dtype, copy=False)


def _coordinates(model: FeatureExtractor, dataset: Dataset) -> tuple[xr.Dataset, int]:
    """What is known of images and units, and how many images the model has learned from."""
    seen = seen_before(model, dataset)
    known = Features(
        _NoRows((len(dataset), 0)),
        dataset.names,
        dataset.labels,
        dataset.split,
        model.units(dataset[0].shape),
        {},
        seen if seen.any() else None,
        dataset.columns,
    )
    return coordinates_of(known), int(seen.sum())


@dataclass(frozen=True)
class _NoRows:
    shape: tuple[int, int]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(())


def _check_space(address: str, layout: Layout) -> None:
    """Refuse what the disk cannot hold, before hours of work."""
    free = place_of(address).free()
    if free is None or layout.n_bytes <= free:
        return
    n_images, n_units = layout.shape
    msg = (
        f"{n_images} images x {n_units} units of {layout.dtype} need {layout.n_bytes / 2**30:.2g} "
        f"GiB, and {address} has {free / 2**30:.2g} GiB free. Choose another place, fewer layers "
        "or a layer of fewer units, or --dtype float16, which takes half."
    )
    raise OSError(msg)
