"""Features of any number of images into a store, shard by shard."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.progress import progress_bar
from hmax_cnn.extraction.reductions import Reduction
from hmax_cnn.extraction.store import FeatureStore, Layout
from hmax_cnn.extraction.store.layout import KEY
from hmax_cnn.extraction.store.places import place_of

from ..interrupted import Interrupted
from ..study.provenance import Origin, describe, to_learn, warning_of
from .feature_files import Features, coordinates_of
from .preflight import READ_BYTES, Preflight, as_size, check_memory, preflight
from .rows import Rows


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
    n_made: int
    n_there: int

    @property
    def attributes(self) -> Mapping[str, str]:
        """What made the features."""
        return self.store.layout.attributes


@dataclass(frozen=True, eq=False)
class Extraction:
    """Features of images into a store, ready to begin.

    Attributes
    ----------
    rows : Rows
    dataset : Dataset
    store : FeatureStore
        Where they go to; nothing is there yet.
    origin : Origin
        All that makes them but the images.
    """

    rows: Rows
    dataset: Dataset
    store: FeatureStore
    origin: Origin

    @classmethod
    def of(
        cls,
        model: FeatureExtractor,
        dataset: Dataset,
        address: str,
        *,
        learn_from: Dataset | None = None,
        reduction: str | None = None,
        request: str = "",
        dtype: str = "float32",
        shard_images: int | None = None,
        progress: bool | None = None,
    ) -> Extraction:
        """Let the model learn, and lay out the store.

        Parameters
        ----------
        model : FeatureExtractor
        dataset : Dataset
        address : str
            A folder, or an address that fsspec knows.
        learn_from : Dataset or None
        reduction : str or None
            As `Reduction.parsed` reads it.
        request : str
            How to ask for the same again; kept in the store.
        dtype : {'float32', 'float16'}
        shard_images : int or None
            In a shard; None is 256, or as many as 128 MB hold.
        progress : bool or None

        Returns
        -------
        Extraction
        """
        reduced = None if reduction is None else Reduction.parsed(reduction)
        learns_from, told = to_learn(model, dataset, learn_from, reduced)
        layers = " ".join(model.wanted_layers())
        attributes = describe(model, dataset) | {"layers": layers, "request": request}
        attributes["reduction"] = reduction or ""
        origin = Origin.of(model, dataset, learns_from, dtype=dtype, reduction=reduced)
        rows = Rows.learned(model, dataset, learns_from, reduced, progress)
        if told:
            attributes["learned_from"] = told
        coordinates, n_seen = _coordinates(rows, dataset)
        if n_seen:
            attributes["warning"] = warning_of(n_seen, len(dataset))
        attributes[KEY] = origin.key(dataset.names)
        layout = Layout.of(coordinates, attributes, dtype, shard_images)
        return cls(rows, dataset, FeatureStore(place_of(address), layout), origin)

    def plan(self, part: Part) -> Preflight:
        """What a part will take, were nothing there."""
        n_images = sum(map(self._n_images, part.of_shards(self.store.layout.n_shards)))
        return preflight(self.rows, self.dataset, self.store.layout, self.store.place, n_images)

    def check(self, part: Part, planned: Preflight) -> None:
        """Refuse what neither the disk nor memory can hold.

        Raises
        ------
        OSError, MemoryError
            If they cannot; the text says what would fit.
        """
        self._check_space(part.of_shards(self.store.layout.n_shards))
        check_memory(planned, self.store.layout)

    def run(
        self,
        part: Part = Part(),
        *,
        overwrite: bool = False,
        progress: bool | None = None,
        spread_over: Elsewhere | None = None,
    ) -> Told:
        """Make the shards of a part that are not there, made of the same images by the same model.

        Parameters
        ----------
        part : Part
        overwrite : bool
            Whether other features that lie there may be replaced.
        progress : bool or None
        spread_over : callable or None
            Makes shards elsewhere, each given with what it is made of, and gives the number of each
            when it is made.

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
            If the disk is full.
        """
        if (part.of > 1 or spread_over) and self._differs_each_time():
            msg = "Parts need a model that is the same each time: give --set random_state=0."
            raise ValueError(msg)
        shards = part.of_shards(self.store.layout.n_shards)
        self._check_space(shards)
        self.store.prepare(overwrite=overwrite)
        self.store.look(shards)
        try:
            n_made = self._fill(shards, progress, spread_over)
        except KeyboardInterrupt:
            msg = f"Interrupted: {self._kept()}"
            raise Interrupted(msg) from None
        except Exception as error:
            error.add_note(f"By then {self._kept()}")
            if isinstance(error, OSError) and error.errno in _FULL:
                error.add_note("Free some space, or choose another place.")
            raise
        return Told(self.store, n_made, len(shards) - n_made)

    def changed(self) -> list[int]:
        """Shards that were made of other images than those that there are now."""
        before = {i: self.store.was_made_of(i) for i in range(self.store.layout.n_shards)}
        return [i for i, was in before.items() if was is not None and was != self._piece(i).made_of]

    def make(self, shard: int, made_of: bytes) -> bool:
        """Make one shard, unless it would be made of something else."""
        piece = self._piece(shard)
        if piece.made_of != made_of:
            return False
        for _ in self._here(iter([piece])):
            pass
        return True

    def _check_space(self, shards: range) -> None:
        """Refuse what the disk cannot hold, before hours of work."""
        layout, free = self.store.layout, self.store.place.free()
        if free is None:
            return
        n_images, n_units = layout.shape
        row = layout.n_bytes // n_images
        there = self.store.bytes_there(shards)
        needed = row * sum(map(self._n_images, shards)) - there
        if needed <= free:
            return
        share = (free + there) / (needed + there)
        msg = (
            f"{n_images} images x {n_units} units of {layout.dtype}: {as_size(needed)} more are "
            f"needed, and {self.store.place} has {as_size(free)} free. {self._what_fits(share)}"
        )
        raise OSError(msg)

    def _what_fits(self, share: float) -> str:
        """What would take so much of the room at most."""
        layout, units = self.store.layout, self.rows.units
        most, ways = int(share * layout.shape[1]), []
        if share >= 0.5 and layout.dtype == "float32":
            ways.append("--dtype float16, which takes half")
        sizes = units["layer"].value_counts(sort=False)
        fitting = [layer for layer, size in sizes.items() if size <= most]
        if fitting and len(sizes) > 1:
            ways.append(f"one of the layers {', '.join(map(str, fitting))}")
        if most and self.rows.reduction is None:
            ways.append(f"--reduce units:{most}, or another reduction")
        if not ways:
            return "Choose another place, or fewer images."
        return f"What would fit: {'; '.join(ways)}. Or choose another place."

    def _differs_each_time(self) -> bool:
        return self.rows.model.get_params(deep=False).get("random_state", 0) is None

    def _kept(self) -> str:
        n_done, n_shards = len(self.store.done()), self.store.layout.n_shards
        if not n_done:
            return "no shard was done."
        kept = f"{n_done} of {n_shards} shards are kept in {self.store.place}."
        if self._differs_each_time():
            return f"{kept} Without a random_state the same command would make other features."
        return f"{kept} Run the same command again to go on from there."

    def _fill(
        self,
        shards: range,
        progress: bool | None,
        spread_over: Elsewhere | None,
    ) -> int:
        """Make what is not there; returns how many shards those were."""
        n_images, n_made = sum(map(self._n_images, shards)), 0
        with progress_bar(
            total=n_images, unit="image", name="Extracting", progress=progress
        ) as bar:
            wanted = self._wanted(shards, bar)
            made = self._here(wanted)
            if spread_over is not None:
                made = spread_over({piece.shard: piece.made_of for piece in wanted})
            for shard in made:
                n_made += 1
                bar.update(self._n_images(shard))
        return n_made

    def _wanted(self, shards: range, bar: Any) -> Iterator[_Piece]:
        for shard in shards:
            piece = self._piece(shard)
            if self.store.has(shard, piece.made_of):
                bar.update(self._n_images(shard))
            else:
                yield piece

    def _here(self, wanted: Iterator[_Piece]) -> Iterator[int]:
        """Make shards in this process.

        While one is made, the one before it is written, and the files of the next one are read.
        """
        with ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) as reader:
            following = reader.submit(next, wanted, None)
            waiting: Future[None] | None = None
            try:
                while (piece := following.result()) is not None:
                    following = reader.submit(next, wanted, None)
                    rows = self.rows(piece.images).astype(self.store.layout.dtype, copy=False)
                    if waiting is not None:
                        waiting.result()
                    waiting = writer.submit(self.store.put, piece.shard, piece.made_of, rows)
                    yield piece.shard
            finally:
                if waiting is not None:
                    waiting.result()

    def _n_images(self, shard: int) -> int:
        images = self.store.layout.images_of(shard)
        return images.stop - images.start

    def _piece(self, shard: int) -> _Piece:
        """Made of the model and of every byte of the images, in order."""
        images = self.dataset.subset(self.store.layout.images_of(shard)).read(READ_BYTES)
        return _Piece(shard, self.origin.made_of(images), images)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A shard that is to be made."""

    shard: int
    made_of: bytes
    images: Dataset


# Takes shards, each with what it is made of; gives the number of each when it is made.
Elsewhere = Callable[[Mapping[int, bytes]], Iterator[int]]
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def _coordinates(rows: Rows, dataset: Dataset) -> tuple[xr.Dataset, int]:
    """What is known of images and units, and how many images the model has learned from."""
    seen = rows.seen(dataset)
    known = Features(
        _NoRows((len(dataset), 0)),
        dataset.names,
        dataset.labels,
        dataset.split,
        rows.units,
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
