"""How a store is laid out: Zarr 3 as xarray reads it, with a record of each shard beside it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from .places import Place, read_at_most

RESPONSE, RECORDS = "response", "shards/record"  # the latter in a group of its own
DTYPES = ("float32", "float16")
_SHARD_IMAGES, _SHARD_BYTES = 256, 2**27  # at most
_CHUNK_BYTES = 2**20  # about: what is read for a single image
# Bytes: digests of what a shard was made of, of its content, and of the store that it belongs to.
RECORD = 96
KEY = "key"  # attribute: a digest of the model, its settings and the names of the images


@dataclass(frozen=True, eq=False)
class Layout:
    """All of a store but its numbers.

    Attributes
    ----------
    coordinates : xarray.Dataset
        What is known of images (dimension `image`) and units (dimension `unit`).
    attributes : mapping from str to str
        What made the features.
    dtype : {'float32', 'float16'}
    per_shard, per_chunk : int
        Images of a shard, which is a file, and of a part of it that can be read alone.
    """

    coordinates: xr.Dataset
    attributes: Mapping[str, str]
    dtype: str
    per_shard: int
    per_chunk: int

    @classmethod
    def of(
        cls,
        coordinates: xr.Dataset,
        attributes: Mapping[str, str],
        dtype: str = DTYPES[0],
        shard_images: int | None = None,
    ) -> Layout:
        """A layout whose shards can be held in memory, and lost, without regret.

        Parameters
        ----------
        coordinates : xarray.Dataset
        attributes : mapping from str to str
        dtype : {'float32', 'float16'}
        shard_images : int or None
            In a shard; None is 256, or as many as 128 MB hold.

        Raises
        ------
        ValueError
            If there is no such dtype, or no image in a shard.
        """
        if dtype not in DTYPES:
            msg = f"`dtype` must be one of {', '.join(DTYPES)}, got {dtype!r}."
            raise ValueError(msg)
        row = max(1, coordinates.sizes["unit"] * np.dtype(dtype).itemsize)
        if shard_images is not None and shard_images < 1:
            msg = f"`shard_images` must be at least 1, got {shard_images}."
            raise ValueError(msg)
        # Zarr asks for whole chunks in a shard.
        per_shard = shard_images or _power_of_two(min(_SHARD_IMAGES, _SHARD_BYTES // row))
        fitting = max(1, min(per_shard, _CHUNK_BYTES // row))
        per_chunk = next(n for n in range(fitting, 0, -1) if per_shard % n == 0)
        return cls(coordinates, attributes, dtype, per_shard, per_chunk)

    @property
    def shape(self) -> tuple[int, int]:
        """Images and units."""
        return self.coordinates.sizes["image"], self.coordinates.sizes["unit"]

    @property
    def n_shards(self) -> int:
        """Of all images; the last may have fewer."""
        return -(-self.shape[0] // self.per_shard)

    @property
    def n_bytes(self) -> int:
        """Of all numbers."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    def images_of(self, shard: int) -> slice:
        """Numbers of the images of a shard.

        Parameters
        ----------
        shard : int

        Returns
        -------
        slice
        """
        first = shard * self.per_shard
        return slice(first, min(first + self.per_shard, self.shape[0]))

    def shard_bytes(self, shard: int) -> int:
        """Bytes of the file of a shard; see `encoded`.

        Parameters
        ----------
        shard : int

        Returns
        -------
        int
        """
        images = self.images_of(shard)
        n_chunks = -(-(images.stop - images.start) // self.per_chunk)
        chunk = self.per_chunk * self.shape[1] * np.dtype(self.dtype).itemsize + 4
        return n_chunks * chunk + 16 * (self.per_shard // self.per_chunk) + 4

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """All that is there before the first shard; the root comes last.

        Yields
        ------
        name : str
        content : bytes
        """
        zarr, files = zarr_module(), dict[str, Any]()
        store = zarr.storage.MemoryStore(files)
        with warnings.catch_warnings():
            # Both are what xarray itself writes: text of any length, and all metadata in one place.
            warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
            warnings.filterwarnings("ignore", "The data type .* does not have a Zarr V3")
            texts = {
                name: {"dtype": object}
                for name, one in self.coordinates.coords.items()
                if one.dtype.kind in "OU"
            }
            self.coordinates.to_zarr(store, zarr_format=3, consolidated=False, encoding=texts)
            group = zarr.open_group(store, mode="a")
            response = group.create_array(
                RESPONSE,
                shape=self.shape,
                chunks=(self.per_chunk, self.shape[1]),
                shards=(self.per_shard, self.shape[1]),
                dtype=self.dtype,
                fill_value=float("nan"),
                compressors=[zarr.codecs.Crc32cCodec()],
                dimension_names=["image", "unit"],
            )
            response.attrs.update(self.attributes)
            group.create_array(
                RECORDS,
                shape=(self.n_shards, RECORD),
                chunks=(1, RECORD),
                dtype="uint8",
                compressors=None,
                dimension_names=["shard", "byte"],
            )
            zarr.consolidate_metadata(store)
        last = "zarr.json"
        for name in sorted(files, key=lambda name: (name == last, name)):
            yield name, files[name].to_bytes()

    def encoded(self, rows: np.ndarray) -> bytes:
        """A shard's file, made in memory, so that it is written at once or not at all.

        As Zarr's sharding codec lays it out: chunks, each with its checksum, and an index of where
        they begin and how long they are, with its own. Zarr itself takes six times as long.

        Parameters
        ----------
        rows : array of shape (n_images, n_units)

        Returns
        -------
        bytes
        """
        checksum = import_module("google_crc32c").value
        numbers = np.dtype(self.dtype).newbyteorder("<")
        index = np.full((self.per_shard // self.per_chunk, 2), 2**64 - 1, "<u8")  # none there
        pieces, end = [], 0
        for number, first in enumerate(range(0, len(rows), self.per_chunk)):
            chunk = rows[first : first + self.per_chunk]
            if len(chunk) < self.per_chunk:
                beyond = np.full((self.per_chunk - len(chunk), self.shape[1]), np.nan, numbers)
                chunk = np.concatenate([chunk, beyond])
            content = np.ascontiguousarray(chunk, numbers).tobytes()
            pieces += [content, checksum(content).to_bytes(4, "little")]
            index[number] = end, len(content) + 4
            end += len(content) + 4
        content = index.tobytes()
        return b"".join([*pieces, content, checksum(content).to_bytes(4, "little")])


def zarr_module() -> Any:
    """Zarr, which is an extra.

    Raises
    ------
    RuntimeError
        If it is not installed.
    """
    try:
        return import_module("zarr")
    except ImportError as error:
        msg = f"A store needs zarr ({error}). Install hmax-cnn with the extra `store`."
        raise RuntimeError(msg) from error


def _power_of_two(number: int) -> int:
    """The largest that is not above a number; at least 1."""
    return 1 << max(0, int(number).bit_length() - 1)


def shard_name(shard: int) -> str:
    """Of the file of a shard."""
    return f"{RESPONSE}/c/{shard}/0"


def record_name(shard: int) -> str:
    """Of the file that says what a shard was made of."""
    return f"{RECORDS}/c/{shard}/0"


def read_layout(place: Place) -> Layout | None:
    """The layout of what lies in a place; None where nothing does.

    Raises
    ------
    ValueError
        If something else lies there.
    """
    zarr_module()
    for trial in range(_TRIALS):
        text = read_at_most(place, "zarr.json", _LARGEST_ROOT)
        if text is None:
            return None
        try:
            return _parsed(place, json.loads(text))
        except (*_LIES, RecursionError) as error:
            # Another process may be putting a layout in its place: then the root is a new one soon.
            if trial < _TRIALS - 1 and place.read("zarr.json") != text:
                continue
            msg = f"{place} is not a store of features ({error}). Give another name."
            raise ValueError(msg) from error
    return None


_TRIALS = 10
_LARGEST_ROOT = 2**26  # bytes of the metadata
_LARGEST_PIECE = 2**31  # bytes of a piece of a coordinate
_LIES = (KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError)
_CODECS = {"bytes", "crc32c", "sharding_indexed", "vlen-utf8", "zstd"}
_MOST_CHUNKS, _FEW = 10_000, 4096  # pieces of a coordinate; values that a piece may have anyway
_ZSTD = b"\x28\xb5\x2f\xfd"


def _parsed(place: Place, root: Any) -> Layout:
    every = root["consolidated_metadata"]["metadata"]
    for entry in every.values():
        if entry["zarr_format"] != 3 or {"filters", "compressor"} & set(entry):
            msg = "it is not of Zarr 3"
            raise ValueError(msg)
    _check_codecs(every)
    known = every[RESPONSE]
    (codec,) = known["codecs"]
    # As we write it: what is packed could unpack to anything.
    inner = [one["name"] for one in codec["configuration"]["codecs"]]
    if codec["name"] != "sharding_indexed" or inner != ["bytes", "crc32c"]:
        msg = f"its numbers are coded by {codec['name']}, {', '.join(map(str, inner))}"
        raise ValueError(msg)
    n_images, n_units = known["shape"]
    per_shard, width = known["chunk_grid"]["configuration"]["chunk_shape"]
    per_chunk = codec["configuration"]["chunk_shape"][0]
    numbers = (n_images, n_units, per_shard, per_chunk)
    if not all(isinstance(n, int) and n > 0 for n in numbers) or per_shard % per_chunk:
        msg = f"its shapes are {numbers}"
        raise ValueError(msg)
    row = n_units * np.dtype(known["data_type"] if known["data_type"] in DTYPES else "f4").itemsize
    if per_chunk > 1 and per_chunk * row > _CHUNK_BYTES:
        msg = f"a chunk of it has {per_chunk * row} bytes"
        raise ValueError(msg)
    if width != n_units or known["data_type"] not in DTYPES:
        msg = f"its numbers are {known['data_type']}, {width} of {n_units} units in a shard"
        raise ValueError(msg)
    _check_sizes(place, every, {"image": n_images, "unit": n_units})
    try:
        found = xr.open_zarr(place.opened(), chunks=None, consolidated=True, zarr_format=3)
        attributes = dict(found[RESPONSE].attrs)
        coordinates = found.drop_vars(RESPONSE).load()
    except Exception as error:  # of xarray, zarr or a codec
        msg = f"{type(error).__name__}: {error}"
        raise ValueError(msg) from error
    if not all(isinstance(value, str) for value in attributes.values()):
        msg = "its attributes are no texts"
        raise ValueError(msg)
    return Layout(coordinates, attributes, known["data_type"], per_shard, per_chunk)


def _check_sizes(place: Place, every: Any, sides: Mapping[str, int]) -> None:
    """Refuse sizes that the bytes there cannot be of, before arrays of them are made."""
    # Names first: how many there can be says what the others can be.
    for name in sorted(every, key=lambda name: (name not in sides, name)):
        entry = every[name]
        if name == RESPONSE or entry["node_type"] != "array" or name.startswith("shards/"):
            continue
        (dimension,) = entry["dimension_names"]
        (length,) = entry["shape"]
        if length != sides[dimension]:
            msg = f"{name} has {length} values for {sides[dimension]} along {dimension}"
            raise ValueError(msg)
        (chunk,) = entry["chunk_grid"]["configuration"]["chunk_shape"]
        n_chunks = -(-length // chunk)
        if n_chunks > _MOST_CHUNKS or chunk > max(2 * length, _FEW):
            msg = f"{name} is in {n_chunks} pieces of {chunk} values"
            raise ValueError(msg)
        names = [f"{name}/c/{number}" for number in range(n_chunks)]
        pieces = [read_at_most(place, piece, _LARGEST_PIECE) or b"" for piece in names]
        n_packed, n_bytes = sum(map(len, pieces)), sum(map(unpacked_size, pieces))
        densest = max(2**26, 300 * n_packed, 0 if name in sides else 32 * length)
        if n_bytes > densest or (name in sides and 4 * length > n_bytes):
            msg = f"{name} says that it has {length} values, of {n_bytes} bytes, in {n_packed}"
            raise ValueError(msg)
    if not sides.keys() <= every.keys():
        msg = "it has no names of images and units"
        raise ValueError(msg)


def unpacked_size(content: bytes) -> int:
    """Bytes that a piece of zstd says it unpacks to; beyond measure where it does not say.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    int

    References
    ----------
    RFC 8878, 3.1.1.1, the header of a frame. What is no zstd is as long as it is.
    """
    if content[:4] != _ZSTD or len(content) < 5:
        return len(content)
    descriptor = content[4]
    alone, code = descriptor >> 5 & 1, descriptor >> 6
    width = (alone, 2, 4, 8)[code]
    if not width:
        return sys.maxsize
    # Behind the window, which a frame in one piece has not, and the number of a dictionary.
    start = 5 + (1 - alone) + (0, 1, 2, 4)[descriptor & 3]
    size = int.from_bytes(content[start : start + width], "little")
    return size + 256 if code == 1 else size


def _check_codecs(known: Any) -> None:
    """Refuse what we do not write: some codecs of others run code."""
    if isinstance(known, list):
        for one in known:
            _check_codecs(one)
    elif isinstance(known, dict):
        for key, value in known.items():
            if key in ("codecs", "index_codecs"):
                other = {one["name"] for one in value} - _CODECS
                if other:
                    msg = f"it is coded by {', '.join(sorted(map(str, other)))}"
                    raise ValueError(msg)
            _check_codecs(value)
