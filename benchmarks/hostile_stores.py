"""Hostile and broken stores of features, for `python -m benchmarks.hostile`."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numcodecs
from click.testing import CliRunner

from hmax_cnn.analysis.commands.main import main as commands

SMALL = ("--model", "extraction:Pixels", "--set", "grid=(4, 4)", "--shard-images", "64")
NAME = "f.zarr"
_ROOM = tempfile.TemporaryDirectory(prefix="hmax-cnn-hostile-")
Damage = Callable[[], None]


@cache
def whole() -> Path:
    """A store that is as it should be: 1,797 images, 29 shards."""
    folder = Path(_ROOM.name)
    words = ["extract", "digits", *SMALL, "--output", str(folder / NAME), "--quiet"]
    done = CliRunner().invoke(commands, words)
    if done.exit_code:
        raise RuntimeError(done.output)
    return folder / NAME


def copied(damage: Damage) -> Damage:
    """A copy of the store, damaged."""

    def write() -> None:
        shutil.copytree(whole(), NAME)
        damage()

    return write


def metadata(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Another text of the metadata, which zarr keeps in one file."""

    def write() -> None:
        path = Path(NAME, "zarr.json")
        known = json.loads(path.read_text())
        change(known["consolidated_metadata"]["metadata"])
        path.write_text(json.dumps(known))

    return write


def _set(*keys: Any) -> Damage:
    """A value at keys of the metadata of an array."""
    *path, last, value = keys

    def change(known: dict[str, Any]) -> None:
        for key in path:
            known = known[key]
        known[last] = value

    return metadata(change)


def _grid(array: str, *sides: Any) -> tuple[Any, ...]:
    return (array, "chunk_grid", "configuration", "chunk_shape", list(sides))


def metadata_that_lies() -> Iterator[tuple[str, Damage]]:
    """What is said of arrays."""
    shape = ("response", "shape")
    for name, value in {
        "10^12 images": [10**12, 16],
        "10^12 units": [1797, 10**12],
        "below 0": [-1, 16],
        "0 images": [0, 16],
        "half an image": [0.5, 16],
        "text": ["many", 16],
        "one side": [1797],
        "three sides": [1797, 16, 1],
        "nothing": None,
        "too large for a float": [10**400, 16],
    }.items():
        yield f"shape: {name}", _set(*shape, value)
    for name, value in {"0": 0, "below 0": -64, "10^15": 10**15, "text": "64", "7": 7}.items():
        yield f"images of a shard: {name}", _set(*_grid("response", value, 16))
        inner = ("response", "codecs", 0, "configuration", "chunk_shape")
        yield f"images of a chunk: {name}", _set(*inner, [value, 16])
    for name in ("numcodecs.pickle", "gzip", "os:system", "", None, [], "sharding_indexed"):
        yield f"codec: {name!r}", _set("response", "codecs", 0, "name", name)
        yield f"codec of names: {name!r}", _set("image", "codecs", 0, "name", name)
    for name in ("float64", "object", "pickle", "<f4", "int8", "", None, [], {"name": "struct"}):
        yield f"numbers: {name!r}", _set("response", "data_type", name)
    for array in ("image", "unit", "label"):
        for value in (0, -1, 10**12, 2**63):
            yield f"length of {array}: {value}", _set(array, "shape", [value])
            yield f"pieces of {array}: {value}", _set(*_grid(array, value))
        yield f"{array} is a group", _set(array, "node_type", "group")
        yield f"{array} is of another dimension", _set(array, "dimension_names", ["x"])
        yield f"no {array}", metadata(lambda known, array=array: known.pop(array))
    yield "a loop of storage transformers", _set("response", "storage_transformers", [{}])
    yield "zarr 2", _set("image", "zarr_format", 2)
    yield "attributes that are a list", _set("response", "attributes", [1])
    for name, text in {
        "no JSON": "{",
        "empty": "",
        "null": "null",
        "a number": "3",
        "nested 10^5 deep": "[" * 10**5,
        "noise": "\udcff\udcfe",
        "only a name": '{"zarr_format": 3, "node_type": "group"}',
        "numbers without end": '{"a": ' + "9" * 10**6 + "}",
    }.items():
        yield f"root: {name}", _written("zarr.json", text.encode("utf-8", "surrogateescape"))


def _written(name: str, content: bytes) -> Damage:
    return lambda: _replace(Path(NAME, name), content)


def _replace(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _packed(n_bytes: int) -> bytes:
    return bytes(numcodecs.Zstd().encode(bytes(n_bytes)))


def _of_kind(name: str, make: Callable[[Path], None]) -> Damage:
    def write() -> None:
        path = Path(NAME, name)
        path.unlink(missing_ok=True)
        make(path)

    return write


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


def _index(shard: bytes, place: int, value: int) -> bytes:
    """A shard whose index lies; the checksum of the index is right."""
    from google_crc32c import value as checksum

    index = bytearray(shard[-20:-4])
    index[8 * place : 8 * place + 8] = value.to_bytes(8, "little")
    return shard[:-20] + bytes(index) + checksum(bytes(index)).to_bytes(4, "little")


def files_that_are_none() -> Iterator[tuple[str, Damage]]:
    """Pipes, devices, links, holes and bombs in place of files."""
    shard, record, names = "response/c/3/0", "shards/record/c/3/0", "image/c/0"
    kinds: dict[str, Callable[[Path], None]] = {
        "a pipe": lambda path: os.mkfifo(path),
        "a device": lambda path: path.symlink_to("/dev/zero"),
        "a folder": lambda path: path.mkdir(),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "a link to nowhere": lambda path: path.symlink_to("nowhere"),
        "a link to a secret": lambda path: path.symlink_to("/etc/passwd"),
        "a hole of 4 TiB": _sparse,
        "empty": lambda path: path.write_bytes(b""),
        "noise": lambda path: path.write_bytes(bytes(range(256)) * 20),
    }
    for where in ("zarr.json", shard, record, names, "label/c/0"):
        for name, make in kinds.items():
            yield f"{where} is {name}", _of_kind(where, make)
    for size in (2**20, 2**28, 2**32):
        yield f"names that unpack to {size >> 20} MiB", _written_packed(names, size)
        yield f"labels that unpack to {size >> 20} MiB", _written_packed("label/c/0", size)
    endless = b"\x28\xb5\x2f\xfd\x00\x58" + b"\x02\x00\x10\x00" * 10
    yield "names that do not say how long they are", _written(names, endless)
    for place, value in ((0, 2**63), (0, 10**9), (1, 2**62), (1, 2**40), (1, 0)):
        what = ("begins at", "is as long as")[place]
        yield f"a chunk {what} {value}", _lying_index(shard, place, value)
    yield "a shard cut short", _cut(shard, -7)
    yield (
        "a shard of another",
        lambda: _replace(Path(NAME, shard), Path(NAME, "response/c/4/0").read_bytes()),
    )
    yield "a record cut short", _cut(record, -7)


def _written_packed(name: str, size: int) -> Damage:
    return lambda: _replace(Path(NAME, name), _packed(size))


def _lying_index(name: str, place: int, value: int) -> Damage:
    return lambda: _replace(Path(NAME, name), _index(Path(NAME, name).read_bytes(), place, value))


def _cut(name: str, end: int) -> Damage:
    return lambda: _replace(Path(NAME, name), Path(NAME, name).read_bytes()[:end])


REQUESTS = {
    "no JSON": "x",
    "a list": "[]",
    "a model that is a command": '{"model": "os:system"}',
    "nested": "[" * 10**5,
}


def requests_that_lie() -> Iterator[tuple[str, Damage]]:
    """What a store says that it was asked for, for `store repair`."""
    for name, text in REQUESTS.items():
        yield f"request: {name}", _set("response", "attributes", "request", text)

    def commanded(known: dict[str, Any]) -> None:
        asked = json.loads(known["response"]["attributes"]["request"])
        for key, value in {"model": "dask:Model", "images": "/dev/zero"}.items():
            known["response"]["attributes"]["request"] = json.dumps(asked | {key: value})

    yield "request: images that are a device", metadata(commanded)


ADDRESSES = (
    "nosuch://x/f.zarr",
    "s3:///f.zarr",
    "://f.zarr",
    "http://127.0.0.1:9/f.zarr",
    "file:///f/f.zarr",
    "zip://x::nothing.zip/f.zarr",
    "reference://x/f.zarr",
    "memory://f.zarr",
    "data:,x/f.zarr",
    "f.zarr\n",
    "\x1b[31mf.zarr",
    "n" * 300 + ".zarr",
    "/proc/f.zarr",
    "/dev/null/f.zarr",
    "",
    "-",
    "no/f.zarr",
)
