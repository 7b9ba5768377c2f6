"""Features on disk, shard by shard: found again by all that made them, never half-written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import import_module

import numpy as np

from .layout import KEY, RECORD, Layout, read_layout, record_name, shard_name
from .places import Place, place_of

_PIECE = 2**20  # bytes: stays in the cache
MISSING, DAMAGED, WHOLE = "missing", "damaged", "whole"


class OtherFeaturesError(ValueError):
    """A store holds features of something else."""


class FeatureStore:
    """A store that is being written, checked or mended; `open_features` reads it.

    Many processes may write shards at once: a shard of the same images and model has the same
    bytes, and takes its place whole.

    Parameters
    ----------
    place : Place
    layout : Layout
        What lies there.
    """

    def __init__(self, place: Place, layout: Layout) -> None:
        self.place, self.layout = place, layout
        self._seen: dict[int, bytes] = {}

    @classmethod
    def at(cls, address: str | os.PathLike[str]) -> FeatureStore:
        """A store that is there.

        Parameters
        ----------
        address : str or path

        Returns
        -------
        FeatureStore

        Raises
        ------
        FileNotFoundError, ValueError
            If there is none.
        """
        place = place_of(address)
        layout = read_layout(place)
        if layout is None:
            msg = f"There is no store of features in {address}. Make one with `hmax-cnn extract`."
            raise FileNotFoundError(msg)
        return cls(place, layout)

    def prepare(self, *, overwrite: bool = False) -> None:
        """Put the layout where it is to be, or find it there.

        Where the same model's features of other images lie there, shards that are made of the same
        images stay of use.

        Parameters
        ----------
        overwrite : bool

        Raises
        ------
        OtherFeaturesError
            If another model's features lie there, or those of other settings, unless they are to be
            overwritten.
        """
        self.place.clear()
        there = self._there(overwrite=overwrite)
        if there is not None and not overwrite:
            _check_same(there, self.layout, self.place)
            _check_images(there, self.layout, self.place)
        wanted = dict(self.layout.objects())
        if there is None:
            self._check_alone(wanted)
        elif any(self.place.read(name) != wanted[name] for name in wanted):
            self._clear_other(there, wanted)
        self._put_layout(wanted)

    def _there(self, *, overwrite: bool) -> Layout | None:
        try:
            return read_layout(self.place)
        except ValueError:
            if not overwrite:
                raise
            return None

    def _check_alone(self, wanted: Mapping[str, bytes]) -> None:
        """Refuse a folder that holds something else: what is not ours is never removed."""
        own = wanted.keys() | _numbers_of(self.layout)
        other = next((name for name in self.place.names() if name not in own), None)
        if other is not None:
            msg = f"{self.place} holds something else, such as {other}. Give another --output."
            raise OtherFeaturesError(msg)

    def _clear_other(self, there: Layout, wanted: Mapping[str, bytes]) -> None:
        """Remove what belongs to another layout alone, the root first: nobody reads a mixture."""
        self.place.remove("zarr.json")
        keep, old = _numbers_of(self.layout) | wanted.keys(), _numbers_of(there)
        arrays = tuple(f"{name}/" for name in map(str, there.coordinates.variables))
        for name in list(self.place.names()):
            if (name.startswith(arrays) or name in old) and name not in keep:
                self.place.remove(name)

    def _put_layout(self, wanted: Mapping[str, bytes]) -> None:
        """All but the numbers, the root last; what is already so stays."""
        for name, content in wanted.items():
            if self.place.read(name) != content:
                self.place.write(name, content)

    def has(self, shard: int, made_of: bytes) -> bool:
        """Whether a shard is there, made of these things; its content is looked at by `states`.

        Parameters
        ----------
        shard : int
        made_of : bytes
            A digest of 32 bytes.

        Returns
        -------
        bool
        """
        if self._seen.get(shard, b"")[:32] == made_of:
            return True
        record = self._record_of(shard, made_of)
        if record is None:
            return False
        if record[64:] != self._key:  # of the same images, in a store of more or fewer
            self.place.write(record_name(shard), record[:64] + self._key)
        return True

    def was_made_of(self, shard: int) -> bytes | None:
        """What a shard was made of, whole or not; None where nothing says so.

        Parameters
        ----------
        shard : int

        Returns
        -------
        bytes or None
        """
        record = self._own_record(shard)
        return None if record is None else record[:32]

    def is_made_of(self, shard: int, made_of: bytes) -> bool:
        """As `has`, for a store that is only read.

        Parameters
        ----------
        shard : int
        made_of : bytes
            A digest of 32 bytes.

        Returns
        -------
        bool
        """
        return self._record_of(shard, made_of) is not None

    def _record_of(self, shard: int, made_of: bytes) -> bytes | None:
        """The record of a shard that is there, made of these things."""
        record = self._record(shard)
        if record is None or record[:32] != made_of or not self._size_is_right(shard):
            return None
        return record

    def put(self, shard: int, made_of: bytes, rows: np.ndarray) -> None:
        """Write a shard, and then what it was made of.

        Parameters
        ----------
        shard : int
        made_of : bytes
            A digest of 32 bytes.
        rows : array of shape (n_images, n_units)

        Raises
        ------
        ValueError
            If it has another number of rows or units than the store.
        OSError
            If it cannot be written; what was there before stays.
        """
        self._seen.pop(shard, None)
        images = self.layout.images_of(shard)
        expected = (images.stop - images.start, self.layout.shape[1])
        if rows.shape != expected:
            msg = (
                f"Shard {shard} must be of {expected[0]} images x {expected[1]} units, got "
                f"{rows.shape[0]} x {rows.shape[1]}. Resize the images to one shape, or use a "
                "layer that sees the whole image."
            )
            raise ValueError(msg)
        content = self.layout.encoded(rows)
        # The numbers first: a record stands for bytes that are there. An old record must not stand
        # for new ones.
        if self._record(shard) is not None:
            self.place.remove(record_name(shard))
        self.place.write(shard_name(shard), content)
        self.place.write(record_name(shard), made_of + digest_of(content) + self._key)

    def discard(self, shard: int) -> None:
        """Forget a shard, so that it is made again.

        Parameters
        ----------
        shard : int
        """
        self._seen.pop(shard, None)
        self.place.remove(record_name(shard))

    def states(self) -> Iterator[tuple[int, str]]:
        """Each shard and whether it is whole, damaged or missing; every byte is read.

        Yields
        ------
        shard : int
        state : {'whole', 'damaged', 'missing'}
        """
        for shard in range(self.layout.n_shards):
            record, size = self._own_record(shard), self.place.size(shard_name(shard))
            if record is None or size is None:
                yield shard, MISSING
            elif not self._is_whole(shard, size, record[32:64]):
                yield shard, DAMAGED
            else:
                yield shard, WHOLE

    def _is_whole(self, shard: int, size: int, digest: bytes) -> bool:
        if not self._is_of_right_size(shard, size):
            return False
        return digest_of(self.place.read(shard_name(shard)) or b"") == digest

    def done(self) -> list[int]:
        """Shards that are there, by their records and sizes.

        Returns
        -------
        list of int
        """
        return sorted(self._own(range(self.layout.n_shards)))

    def look(self, shards: Sequence[int]) -> None:
        """Look for many shards at once, for `has`: in a bucket to ask for each is slow.

        Parameters
        ----------
        shards : sequence of int
        """
        self._seen = self._own(shards)

    def _own(self, shards: Sequence[int]) -> dict[int, bytes]:
        """Records of the shards that are there and belong to this model and these images."""
        records = self.place.read_many([record_name(shard) for shard in shards], RECORD)
        sizes = self.place.sizes([shard_name(shard) for shard in shards])
        found = {}
        for shard in shards:
            record = self._if_own(records.get(record_name(shard)))
            if record is not None and self._is_of_right_size(shard, sizes.get(shard_name(shard))):
                found[shard] = record
        return found

    def bytes_there(self, shards: Iterable[int]) -> int:
        """Bytes that some shards take already, of these features or others.

        Parameters
        ----------
        shards : iterable of int

        Returns
        -------
        int
        """
        return sum(self.place.sizes([shard_name(shard) for shard in shards]).values())

    @property
    def _key(self) -> bytes:
        return sha256(self.layout.attributes.get(KEY, "").encode()).digest()

    def _record(self, shard: int) -> bytes | None:
        # What is larger is no record, and is not read.
        if self.place.size(record_name(shard)) != RECORD:
            return None
        return self.place.read(record_name(shard))

    def _own_record(self, shard: int) -> bytes | None:
        """The record of a shard that belongs to this model and these images."""
        return self._if_own(self._record(shard))

    def _if_own(self, record: bytes | None) -> bytes | None:
        is_own = record is not None and len(record) == RECORD and record[64:] == self._key
        return record if is_own else None

    def _size_is_right(self, shard: int) -> bool:
        return self._is_of_right_size(shard, self.place.size(shard_name(shard)))

    def _is_of_right_size(self, shard: int, size: int | None) -> bool:
        return size == self.layout.shard_bytes(shard)


def _check_same(there: Layout, wanted: Layout, place: Place) -> None:
    """Refuse to write features of one model over those of another."""
    pairs = {name: (there.attributes.get(name), wanted.attributes.get(name)) for name in _DECIDE}
    pairs |= {
        "dtype": (there.dtype, wanted.dtype),
        "units": (str(there.shape[1]), str(wanted.shape[1])),
        "images per shard": (str(there.per_shard), str(wanted.per_shard)),
    }
    other = [f"{name} (there: {old})" for name, (old, new) in pairs.items() if old != new]
    if other:
        msg = (
            f"{place} holds other features; these differ: {', '.join(other)}. Give another "
            "--output, or write over them with --overwrite."
        )
        raise OtherFeaturesError(msg)


def _check_images(there: Layout, wanted: Layout, place: Place) -> None:
    """Refuse to write over features of a set of other images: a slip would cost hours."""
    old, new = (set(map(str, one.coordinates["image"].values)) for one in (there, wanted))
    n_common = len(old & new)
    if 2 * n_common < len(old):
        msg = (
            f"{place} holds features of {len(old)} images, of which {n_common} are among these "
            f"{len(new)}. Give another --output, or write over them with --overwrite."
        )
        raise OtherFeaturesError(msg)


def _numbers_of(layout: Layout) -> set[str]:
    """Names of all shards and records."""
    shards = range(layout.n_shards)
    return {shard_name(i) for i in shards} | {record_name(i) for i in shards}


# Attributes that say what features are; all that makes them stands in the record of each shard.
_DECIDE = ("model", "parameters", "layers", "reduction", "resize", "background")


def digest_of(content: bytes) -> bytes:
    """What tells whether a file is as it was written: SHA-256 of the CRC-32C of each of its pieces.

    Every change that lies within 32 bits is told, and of others all but one in 4 thousand million.
    SHA-256 of all bytes would take ten times as long, a fifth of the time of a small network.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    bytes
        32 of them.
    """
    checksum = import_module("google_crc32c").value
    pieces = (content[i : i + _PIECE] for i in range(0, len(content), _PIECE))
    checksums = b"".join(checksum(piece).to_bytes(4, "little") for piece in pieces)
    return sha256(checksums + len(content).to_bytes(8, "little")).digest()
