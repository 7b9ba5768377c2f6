"""Hostile and unreasonable input to the command line: every case with what became of it.

Each case runs in a process of its own, forked after the imports, in a folder with files called
dask.py, cupy.py and the like that leave a trace when they are run. Prints a row for each kind of
case, and every case that hung for over 5 s, took over 500 MiB more, ended with a traceback or
another status than was expected, ran foreign code, or wrote outside its output. Run by

    python -m benchmarks.hostile
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import functools
import io
import json
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from hmax_cnn.analysis.commands.main import main as commands

from . import hostile_files, hostile_stores

SECONDS, MEBIBYTES = 5.0, 500.0
DECOYS = (
    "dask",
    "cupy",
    "sparse",
    "numba",
    "bottleneck",
    "cftime",
    "flox",
    "pyarrow",
    "imagecodecs",
)
REFUSED = (1, 2)


@dataclass(frozen=True)
class Case:
    """Words of a command, what makes their files, and the exit statuses that are right."""

    kind: str
    name: str
    words: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None
    right: tuple[int, ...] = REFUSED


STUDY = """\
title = "A study"
seeds = [0]
units = 10
resamples = 10

[models.pixels]
model = "extraction:Pixels"

[images.shapes]
source = "data.stimuli:fourier_shapes"
parameters = { screen = [32, 32], n_shapes = 6, sizes = [16] }

[transformations.shift]
transformation = "data.transformations:shift"
values = [-4, 0, 4]

[measures.similarity]
measure = "analysis.measures.populations:population_similarity"
transformations = ["shift"]
"""


def study_with(old: str, new: str) -> Callable[[], None]:
    """Write the study with one part replaced."""

    def write() -> None:
        if old not in STUDY:
            raise LookupError(old)
        Path("study.toml").write_text(STUDY.replace(old, new), encoding="utf-8")

    return write


def text_in(path: str, text: str | bytes) -> Callable[[], None]:
    """Write a file."""

    def write() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        Path(path).write_bytes(content)

    return write


CHECK = ("study", "check", "study.toml")
SYSTEM = (
    "os:system",
    "posix:abort",
    "subprocess:run",
    "shutil:rmtree",
    "builtins:exec",
    "sys:exit",
)
NUMBERS = ("-1", "0.5", "'x'", "true", "1e400", "nan", "inf", "2e9", "10_000_000_000", "[]", "{}")


def named_functions() -> Iterator[Case]:
    """What is named must be known before it is called."""
    source, change = '"data.stimuli:fourier_shapes"', '"data.transformations:shift"'
    measure = '"analysis.measures.populations:population_similarity"'
    given = "parameters = { screen = [32, 32], n_shapes = 6, sizes = [16] }"
    for path in SYSTEM:
        ran = 'parameters = { command = "touch ran" }'
        yield Case(
            "named function",
            f"source {path}",
            CHECK,
            study_with(f"source = {source}\n{given}", f'source = "{path}"\n{ran}'),
        )
        yield Case(
            "named function", f"transformation {path}", CHECK, study_with(change, f'"{path}"')
        )
        yield Case("named function", f"measure {path}", CHECK, study_with(measure, f'"{path}"'))
        yield Case(
            "named function", f"model {path}", CHECK, study_with('"extraction:Pixels"', f'"{path}"')
        )
        for model, name in (("cnn:CNN", "architecture"), ("cnn.pytorch:TorchExtractor", "module")):
            new = f'"{model}"\nparameters = {{ {name} = "{path}" }}'
            yield Case(
                "named function", f"{name} {path}", CHECK, study_with('"extraction:Pixels"', new)
            )
            words = ("summary", model, "--set", f"{name}={path}")
            yield Case("named function", f"summary {name} {path}", words)
        figure = f'{measure}\n[figures.f]\nfigure = "{path}"\nmeasures = ["similarity"]'
        yield Case("named function", f"figure {path}", CHECK, study_with(measure, figure))


def study_numbers() -> Iterator[Case]:
    """Values that no study can have."""
    places = {
        "seeds": ("seeds = [0]", "seeds = [{}]"),
        "units": ("units = 10", "units = {}"),
        "resamples": ("resamples = 10", "resamples = {}"),
        "n_shapes": ("n_shapes = 6", "n_shapes = {}"),
        "values": ("[-4, 0, 4]", "[0, {}]"),
    }
    fine = {("values", "-1"), ("values", "0.5"), ("units", "10_000_000_000")}
    # To shift by millions of pixels costs nothing.
    fine |= {("values", "2e9"), ("values", "10_000_000_000")}
    for place, (old, new) in places.items():
        for number in NUMBERS:
            right = (0, 1, 2) if (place, number) in fine else REFUSED
            made = study_with(old, new.format(number))
            yield Case("number in a study", f"{place} = {number}", CHECK, made, right)
    others = {
        "seeds of 33 bits": ("seeds = [0]", "seeds = [4294967296]"),
        "resamples without end": ("resamples = 10", "resamples = 1000000000"),
        "values without end": ("[-4, 0, 4]", f"{list(range(100_000))}"),
        "a screen as large as a field": ("[32, 32]", "[1000000, 1000000]"),
        "shapes without end": ("n_shapes = 6", "n_shapes = 1000000000"),
        "a blur of a kilometre": (
            '"data.transformations:shift"\nvalues = [-4, 0, 4]',
            '"data.transformations:blur"\nvalues = [0, 1e7]',
        ),
        "a scale without end": (
            '"data.transformations:shift"\nvalues = [-4, 0, 4]',
            '"data.transformations:scale"\nvalues = [1, 1e7]',
        ),
        "a shift beyond the moon": ("[-4, 0, 4]", "[0, 1e300]"),
    }
    for name, (old, new) in others.items():
        yield Case("number in a study", name, CHECK, study_with(old, new), (0, 1, 2))


def study_texts() -> Iterator[Case]:
    """Files that are no study, or a bomb."""
    texts = {
        "blanks after a bracket": "[" + " " * 100_000,
        "blanks in a string": 'title = "[' + " " * 3000 + '"\n',
        "dotted key": ".".join("a" * 20_000) + " = 1",
        "dotted table": "[" + ".".join("a" * 20_000) + "]",
        "dotted keys on many lines": "".join(
            ".".join("a" * 90) + f".k{i} = 1\n" for i in range(300)
        ),
        "brackets": "a = " + "[" * 50_000,
        "brackets with blanks": "a = " + "[ " * 9000,
        "braces": "a = " + "{a = " * 3000,
        "tables": "[[a]]\n" * 20_000,
        "many keys": "".join(f"k{i} = {i}\n" for i in range(50_000)),
        "a long number": "a = " + "9" * 19_000,
        "a long line": "a = '" + "x" * 500_000 + "'",
        "nothing": "",
        "null": "\0\0\0",
        "half a string": 'title = "',
        "binary": "\x7fELF\x02\x01",
        "two keys": "title = 'a'\ntitle = 'b'",
        "a date": "title = 2020-01-01",
        "escapes in a title": 'title = "\\u001b[31mred"\n[models]\n[images]\n[measures]',
        "escapes in a name": '["\\u001b]0;x\\u0007"]\na = 1',
    }
    for name, text in texts.items():
        yield Case("text of a study", name, CHECK, text_in("study.toml", text))
    yield Case("text of a study", "too long", CHECK, text_in("study.toml", "#" * 2**21))
    yield Case("text of a study", "a folder", CHECK, lambda: Path("study.toml").mkdir())
    yield Case("text of a study", "a pipe", CHECK, lambda: os.mkfifo("study.toml"))
    yield Case("text of a study", "not there", CHECK)
    yield Case("text of a study", "Latin 1", CHECK, text_in("study.toml", b"title = '\xe9'"))
    for name in ("../../x", "a b", "", "..", "/etc/passwd", "é\u202e", "CON", "a" * 300):
        made = study_with("[models.pixels]", f'[models."{name}"]')
        right = (0,) if name == "CON" else (*REFUSED, 0) if len(name) == 300 else REFUSED
        yield Case("text of a study", f"a model called {name[:12]!r}", CHECK, made, right)


def parameters() -> Iterator[Case]:
    """Parameters of models beyond reason."""
    settings = {
        "hmax:HMAX": (
            "n_prototypes=10000000",
            "n_prototypes=-1",
            "n_prototypes=1.5",
            "n_prototypes=a",
            "orientations=100000",
            "orientations=0",
            "orientations=a",
            "phases=()",
            "bands=0",
            "bands=a",
            "bands=1000000000",
            "prototype_sizes=(100000,)",
            "prototype_sizes=(0,)",
            "filter_sizes=((100001,),)",
            "sharpness=nan",
            "sharpness=-1",
            "aspect_ratio=0",
            "aspect_ratio=a",
            "value_range=(1,)",
            "preset=none",
            "tuning=none",
            "s1_border=none",
            "prototypes=nowhere.npz",
            "random_state=a",
            "random_state=-1",
            "random_state=1.5",
            "batch_memory=-5",
            "batch_memory=nan",
            "batch_memory=a",
            "n_threads=-1",
            "n_threads=a",
            "device=gpu",
            "layer=c9",
            "layer=()",
            "image_shape=(0,0)",
            "image_shape=a",
            "pool_sizes=(0,)",
            "unknown=1",
        ),
        "cnn:CNN": (
            "architecture=none",
            "architecture=vgg16:x",
            "weights=True",
            "weights=3",
            "weights=nowhere.safetensors",
            "epochs=-1",
            "epochs=a",
            "options=3",
            "options={'width':-1}",
            "standardise=(1,2)",
            "standardise=((0,),(0,))",
            "channels=7",
            "random_state=a",
            "layer=conv99",
            "batch_memory=-5",
        ),
        "extraction:Pixels": ("grid=(0,0)", "grid=a", "grid=(1000000000,1000000000)", "layer=x"),
        "extraction:FilterBank": ("wavelengths=(0,)", "orientations=1000000", "wavelengths=a"),
        "cnn:Perceptron": ("learning_rate=a", "epochs=-1", "random_state=a"),
        "cnn:MultilayerPerceptron": ("hidden=-1", "hidden=1000000000000", "hidden=a"),
    }
    for model, words in settings.items():
        for word in words:
            extract = ("extract", "digits", "--model", model, "--set", word)
            extra = ("--output", "f.npz", "--quiet")
            labelled = ("--learn-from", "digits") if model.startswith("cnn:") else ()
            yield Case("parameter", f"{model} {word}", (*extract, *labelled, *extra))
    for model in (
        "hmax:None",
        "nowhere:HMAX",
        "hmax",
        ":",
        "os:path",
        "hmax:HMAX:x",
        "",
        "a" * 9999,
    ):
        yield Case("parameter", f"model {model[:20]!r}", ("summary", model))
    for size in ("0", "-1", "x", "1x2x3", "1e9", "99999999999x99999999999", ""):
        yield Case("parameter", f"image size {size}", ("fields", "hmax:HMAX", "--image-size", size))
    for word in ("=", "x", "=1", "a=1,", "a=__import__('os').system('touch ran')"):
        yield Case("parameter", f"--set {word[:20]}", ("summary", "hmax:HMAX", "--set", word))
    for rule in ("", "none:3", "stretch:0x0", "stretch:99999x99999", "cover:-1x2", "x" * 9999):
        words = ("extract", "digits", "--resize", rule, "--output", "f.npz")
        yield Case("parameter", f"--resize {rule[:20]}", words)


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """A grey PNG by its header, with whatever content."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    )


def pictures() -> Iterator[Case]:
    """Pictures that are none, or a bomb."""
    rows = zlib.compress(bytes(8001) * 8000, 9)
    bomb = zlib.compress(bytes(2**20) * 64, 9)
    contents = {
        "empty.png": b"",
        "text.png": b"not a picture",
        "cut.png": png(100, 100, zlib.compress(bytes(50))),
        "bomb.png": png(2**30, 2**30),
        "wide.png": png(2**31 - 1, 1),
        "zero.png": png(0, 0),
        "long.png": png(10, 10, bomb),
        "script.svg": b"<svg onload='x'/>",
        "photo.heic": b"\0\0\0\x18ftypheic" + bytes(64),
        "photo.jpg": b"\0\0\0\x18ftypheic" + bytes(64),
        "head.jpg": b"\xff\xd8\xff\xe0" + bytes(64),
        "head.gif": b"GIF89a" + b"\xff" * 20,
        "head.bmp": b"BM" + b"\xff" * 60,
        "head.tif": b"II*\0\xff\xff\xff\xff",
        "loop.tif": b"II*\0\x08\0\0\0" + b"\0\0\x08\0\0\0" * 4,
        "head.pgm": b"P5 99999999 99999999 255 ",
        "comment.pgm": b"P5 #" + b"x" * 10**6,
        "head.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(20),
        "large.png": png(8000, 8000, rows),
    }
    for name, content in contents.items():
        words = ("extract", name, "--output", "f.npz", "--quiet")
        yield Case("picture", name, words, text_in(name, content))

    for what, name, write in hostile_files.frames():
        words = ("extract", name, "--output", "f.npz", "--quiet")
        yield Case("picture", what, words, write)

    def numbered(kind: Callable[[Path], None]) -> Callable[[], None]:
        def write() -> None:
            Path("set/a").mkdir(parents=True)
            Image.new("L", (8, 8)).save("set/a/one.png")
            kind(Path("set"))

        return write

    words = ("extract", "set", "--model", "extraction:Pixels", "--set", "grid=(2,2)")
    words = (*words, "--output", "f.npz", "--quiet")
    kinds: dict[str, tuple[Callable[[Path], None], tuple[int, ...]]] = {
        "a pipe": (lambda root: os.mkfifo(root / "a" / "pipe.png"), (0,)),
        "a link to itself": (lambda root: (root / "a" / "l.png").symlink_to("l.png"), (0,)),
        "a loop": (lambda root: (root / "a" / "loop").symlink_to(root.resolve()), (0,)),
        "a device": (lambda root: (root / "a" / "z.png").symlink_to("/dev/zero"), (0,)),
        "a folder called like a picture": (lambda root: (root / "a" / "x.png").mkdir(), (0,)),
        "a name with escapes": (_copied("e\x1b]0;x\x07.png"), (0,)),
        "a name that is a formula": (_copied("=cmd|'calc'!A0.png"), (0,)),
        "a name of 250 letters": (_copied("n" * 246 + ".png"), (0,)),
        "a name that is no UTF-8": (_copied(os.fsdecode(b"\xe9.png")), (0,)),
        "a hundred folders deep": (_deep, REFUSED),
        "links that multiply": (_multiplied, REFUSED),
    }
    for name, (kind, right) in kinds.items():
        yield Case("folder", name, words, numbered(kind), right)
    for (what, name), form in product(hostile_files.NAMES.items(), hostile_files.FORMS):
        made = hostile_files.named(name)
        yield Case("name", f"{what} in {form}", (*words[:-2], f"f.{form}", "--quiet"), made, (0, 1))
    yield Case("folder", "empty", words, lambda: Path("set").mkdir())
    yield Case("folder", "of notes", words, text_in("set/readme.txt", "x"))
    yield Case("folder", "/proc", ("extract", "/proc/self/fd", *words[2:]))
    yield Case("folder", "/dev/zero", ("extract", "/dev/zero", *words[2:]))
    yield Case("folder", "null in its name", ("extract", "a\0b", *words[2:]))


def _copied(name: str) -> Callable[[Path], None]:
    def copy(root: Path) -> None:
        (root / "a" / name).write_bytes((root / "a" / "one.png").read_bytes())

    return copy


def _deep(root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(100):
        os.mkdir("d", dir_fd=here)
        here = os.open("d", os.O_RDONLY, dir_fd=here)


def _multiplied(root: Path) -> None:
    below = root.resolve() / "a"
    for level in range(20):
        folder = root / f"x{level}"
        folder.mkdir()
        for link in range(8):
            (folder / f"l{link}").symlink_to(below)
        below = folder.resolve()


def indices() -> Iterator[Case]:
    """Indices, idx files, MATLAB files and archives."""
    words = ("--model", "extraction:Pixels", "--set", "grid=(2,2)", "--output", "f.npz", "--quiet")
    texts = {
        "empty.csv": "",
        "header.csv": "path,label\n",
        "no_path.csv": "name,label\na,b\n",
        "twice.csv": "path,path\na,b\n",
        "outside.csv": "path\n../../../../etc/passwd\n",
        "absolute.csv": "path\n/etc/passwd\n",
        "device.csv": "path\n/dev/zero\n",
        "null.csv": "path\na\0b\n",
        "escapes.csv": "path\n\x1b]0;x\x07.png\n",
        "long.csv": "path\n" + "x" * 10**6 + "\n",
        "field.csv": 'path\n"' + "x" * 200_000,
        "wide.csv": "path" + ",x" * 100_000 + "\n",
        "cells.csv": "path\na.png,b,c\n",
        "binary.csv": "\x7fELF",
        "utf16.csv": "path\na.png\n".encode("utf-16").decode("latin-1"),
        "url.csv": "path\nhttp://localhost:1/x.png\n",
        "images.idx3-ubyte": bytes([0, 0, 8, 3]) + b"\xff" * 12,
        "none.idx3-ubyte": bytes([0, 0, 8, 3]) + bytes(12),
        "odd.idx3-ubyte": bytes([0, 0, 99, 3]) + bytes(40),
        "cut.idx3-ubyte": bytes([0, 0, 8, 3]) + np.array([9, 9, 9], ">u4").tobytes(),
        "bomb.gz": zlib.compress(bytes(10**7), 9, 31),
        "plain.gz": b"\x1f\x8b\x08" + bytes(20),
        "archive.zip": b"PK\x03\x04" + bytes(50),
    }
    for name, text in texts.items():
        yield Case("index", name, ("extract", name, *words), text_in(name, text))
    yield Case("index", "a pipe", ("extract", "p.csv", *words), lambda: os.mkfifo("p.csv"))

    def hole(name: str, start: bytes, size: int) -> Callable[[], None]:
        def write() -> None:
            with Path(name).open("wb") as file:
                file.write(start)
                file.truncate(size)

        return write

    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    compressed = struct.pack("<II", 15, 2**30) + zlib.compress(bytes(2**20), 9)
    files = {
        "hole.mat": hole("hole.mat", head, 2**30),
        "small hole.mat": hole("small hole.mat", head, 2**27),
        "claims.mat": text_in("claims.mat", head + compressed),
        "noise.mat": text_in("noise.mat", head + b"\x0e\0\0\0\x40\0\0\0" + b"\xff" * 64),
        "v73.mat": text_in("v73.mat", b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n"),
        "pickle.npz": text_in("pickle.npz", b"cos\nsystem\n(S'touch ran'\ntR."),
        "objects.npz": _objects,
        "bomb.npz": _bomb,
        "noise.npz": text_in("noise.npz", b"PK\x03\x04" + b"\xff" * 99),
    }
    for name, made in files.items():
        chosen = ("--set", f"prototypes={name}")
        made_words = ("extract", "digits", *chosen, "--output", "f.nc", "--quiet")
        yield Case("prototypes", name, made_words, made)


def _objects() -> None:
    np.savez("objects.npz", patches=np.array([{}, []], dtype=object))


def _bomb() -> None:
    with (
        zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("patches_4.npy", "w", force_zip64=True) as entry,
    ):
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9,)}
        np.lib.format.write_array_header_1_0(entry, header)
        entry.write(bytes(2**22))


def safetensors(header: object, content: bytes = b"") -> bytes:
    """A safetensors file by its header."""
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + content


def weight_files() -> Iterator[Case]:
    """Files of weights."""
    about = {"architecture": "lenet5", "options": {}, "mean": [0.0], "deviation": [1.0]}
    abouts = {
        "deviation 0": about | {"deviation": [0.0]},
        "deviation below 0": about | {"deviation": [-1.0]},
        "mean NaN": about | {"mean": [float("nan")]},
        "mean text": about | {"mean": ["x"]},
        "architecture os:system": about | {"architecture": "os:system"},
        "architecture a list": about | {"architecture": []},
        "options a list": about | {"options": []},
        "options without end": about | {"options": {"width": 10**12}},
        "classes a number": about | {"classes": 3},
        "not JSON": "x",
    }
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    words = ("extract", "digits", "--model", "cnn:CNN", "--set", "weights=w.safetensors")
    words = (*words, "--output", "f.npz", "--quiet")
    for name, one in abouts.items():
        text = one if isinstance(one, str) else json.dumps(one)
        content = safetensors({"__metadata__": {"hmax-cnn 1": text}, "a": tensor}, bytes(4))
        yield Case("weights", name, words, text_in("w.safetensors", content))
    raw = {
        "empty": b"",
        "no header": bytes(8),
        "a header without end": struct.pack("<Q", 2**62),
        "a header of noise": safetensors(b"\xff" * 50),
        "a tensor without end": safetensors({"a": tensor | {"shape": [2**40]}}, bytes(4)),
        "overlapping tensors": safetensors({"a": tensor, "b": tensor}, bytes(4)),
        "pickled": b"\x80\x02cos\nsystem\n",
    }
    for name, content in raw.items():
        yield Case("weights", name, words, text_in("w.safetensors", content))


def outputs() -> Iterator[Case]:
    """Outputs that cannot be, or must not be, written."""
    start = ("extract", "digits", "--model", "extraction:Pixels", "--set", "grid=(2,2)", "--quiet")
    for name in (
        "f.txt",
        "f",
        "",
        ".npz",
        "no/f.npz",
        "n" * 300 + ".npz",
        "/proc/f.npz",
        "/f/f.npz",
    ):
        yield Case("output", name[:20], (*start, "--output", name))
    yield Case("output", "a folder", (*start, "--output", "f.npz"), lambda: Path("f.npz").mkdir())
    index = "path,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(4))

    def with_index() -> None:
        Path("i.csv").write_text(index)
        for number in range(4):
            Image.new("L", (8, 8), number).save(f"{number}.png")

    own = ("extract", "i.csv", "--model", "extraction:Pixels", "--set", "grid=(2,2)")
    yield Case("output", "the index itself", (*own, "--output", "i.csv"), with_index)
    yield Case("output", "the index by a link", (*own, "--output", "l.csv"), _linked(with_index))
    figure = ("figure", "layers", "table.csv", "--output", "table")
    yield Case(
        "output", "the table of a figure", figure, text_in("table.csv", "layer,value\na,1\n")
    )

    def earlier() -> None:
        with_index()
        text_in("out/run.json", "{}")()

    classify = ("classify", "i.csv", "--output", "out", "--folds", "2")
    yield Case("output", "results of an earlier run", classify, earlier)
    train = ("train", "digits", "--output", "w.npz")
    yield Case("output", "weights in npz", train)


def _linked(first: Callable[[], None]) -> Callable[[], None]:
    def write() -> None:
        first()
        Path("l.csv").symlink_to("i.csv")

    return write


def folders() -> Iterator[Case]:
    """Folders of studies from elsewhere."""
    for command in (("report", "out"), ("figure", "layers", "out")):
        name = command[0]
        yield Case("folder of a study", f"{name}: empty", command, lambda: Path("out").mkdir())
        yield Case("folder of a study", f"{name}: not there", command)
        for what, text in {
            "no TOML": "[",
            "another program's": "[tool.black]\nline-length = 100\n",
            "half of it": 'title = "x"\n[measures.a]\n',
            "a title that is a list": "title = []\n",
            "measures that are a number": "title = 'x'\nmeasures = 3\n",
            "a bomb": "a = " + "[" * 20_000,
            "noise": "\xff\xfe\0",
        }.items():
            made = text_in("out/study.toml", text)
            yield Case("folder of a study", f"{name}: {what}", command, made)

        def damaged() -> None:
            text_in("out/study.toml", STUDY)()
            text_in("out/tables/similarity.csv", "\0\0")()
            text_in("out/manifest.json", "{")()

        right = (0, 1) if name == "report" else REFUSED
        yield Case("folder of a study", f"{name}: a damaged table", command, damaged, right)

        def with_code() -> None:
            figure = '\n[figures.f]\nfigure = "their:mine"\nmeasures = ["similarity"]\n'
            text_in("out/study.toml", STUDY + figure)()
            text_in("out/code/their.py", "open('ran', 'w')\n")()

        words = ("report", "out") if name == "report" else ("figure", "f", "out")
        yield Case("folder of a study", f"{name}: with code", words, with_code, (0, 1))
    for what, write in hostile_files.lying_netcdf():
        made = functools.partial(write, Path("t.nc"))
        yield Case("folder of a study", f"netCDF: {what}", ("figure", "layers", "t.nc"), made)
    for path, text in {"t.csv": "\0", "t.nc": "noise", "t.txt": "x", "e.csv": ""}.items():
        words = ("figure", "layers", path)
        yield Case("folder of a study", f"figure of {path}", words, text_in(path, text))


def readouts() -> Iterator[Case]:
    """Classes that cannot be told apart, or too many of them."""

    def noise(n_images: int, n_classes: int) -> Callable[[], None]:
        def write() -> None:
            rng = np.random.default_rng(0)
            pixels = rng.integers(0, 256, (n_images, 16, 16), dtype=np.uint8)
            head = bytes([0, 0, 8, 3]) + np.array([n_images, 16, 16], ">u4").tobytes()
            Path("x-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
            labels = np.arange(n_images) % n_classes
            head = bytes([0, 0, 12, 1]) + np.array([n_images], ">u4").tobytes()
            Path("x-labels-idx1-ubyte").write_bytes(head + labels.astype(">i4").tobytes())

        return write

    words = ("classify", "x-images-idx3-ubyte", "--model", "extraction:Pixels", "--no-baseline")
    words = (*words, "--set", "grid=(16,16)", "--output", "out", "--quiet", "--folds", "2")
    yield Case("readout", "2,000 images of noise", words, noise(2000, 10), (0,))
    yield Case("readout", "10,000 classes", words, noise(20_000, 10_000))
    yield Case("readout", "one class", words, noise(10, 1))
    yield Case("readout", "an image of each class", words, noise(10, 10))


def stores() -> Iterator[Case]:
    """Stores of features that lie, are damaged, or cannot be."""
    harmless = (0, *REFUSED)
    hostile_stores.whole()  # made once, before the first fork
    for name, damage in hostile_stores.metadata_that_lies():
        made = hostile_stores.copied(damage)
        yield Case(
            "metadata of a store", f"info: {name}", ("store", "info", "f.zarr"), made, harmless
        )
        words = ("store", "export", "f.zarr", "f.npz", "--quiet")
        yield Case("metadata of a store", f"export: {name}", words, made, harmless)
    for name, damage in hostile_stores.files_that_are_none():
        made = hostile_stores.copied(damage)
        for command in ("verify", "classify"):
            words = ("store", command, "f.zarr", "--quiet")
            yield Case("file of a store", f"{command}: {name}", words, made, harmless)
    for name, damage in hostile_stores.requests_that_lie():
        words = ("store", "repair", "f.zarr", "--quiet")
        yield Case("request of a store", name, words, hostile_stores.copied(damage))
    for address in hostile_stores.ADDRESSES:
        name = repr(address)[:30]
        yield Case("address of a store", f"info: {name}", ("store", "info", address))
        extract = ("extract", "digits", *hostile_stores.SMALL, "--quiet", "--output", address)
        yield Case("address of a store", f"extract: {name}", extract, right=harmless)


KINDS = (
    named_functions,
    study_numbers,
    study_texts,
    parameters,
    pictures,
    indices,
    weight_files,
    outputs,
    folders,
    readouts,
    stores,
)


def main() -> None:
    """Run all cases and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="Cases whose kind or name has this in it.")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help="That a case may take; more where it is busy.",
    )
    asked = parser.parse_args()
    only, longest = asked.only, asked.seconds
    chosen = [case for kind in KINDS for case in kind()]
    if only:
        chosen = [case for case in chosen if only in f"{case.kind} {case.name}"]
    rows = [outcome(case, longest) for case in chosen]
    table = pd.DataFrame(rows)
    wrong = table[table["wrong"] != ""]
    for row in wrong.itertuples():
        print(f"{row.kind}: {row.name}: {row.wrong}: {row.text[:300]!r}")
    by_kind = table.groupby("kind", sort=False)
    summary = by_kind.agg(
        cases=("name", "size"),
        right=("wrong", lambda column: int((column == "").sum())),
        slowest_s=("seconds", "max"),
        most_mib=("mebibytes", "max"),
    )
    print(summary.to_string())
    print(f"{len(table)} cases, {len(wrong)} of them wrong.")
    if only:
        for row in table.itertuples():
            print(
                f"{row.name} [{row.status}] {row.seconds} s {row.mebibytes} MiB: {row.text[:500]}"
            )


def outcome(case: Case, longest: float = SECONDS) -> dict[str, object]:
    """Run a case in a fork, and judge it."""
    with tempfile.TemporaryDirectory() as folder:
        # Not in the temporary folder itself: what is written beside it would be outside.
        root = Path(folder) / "work"
        root.mkdir()
        for name in HOMES:
            (Path(folder) / name).mkdir()
        said = Path(folder) / "said"
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            run(case, root, said)
        status, usage, hung = waited(child, 4 * longest)
        seconds = time.perf_counter() - began
        text = said.read_text(errors="replace") if said.exists() else ""
        outside = {path.name for path in Path(folder).iterdir()} - {"work", "said", *HOMES}
        outside |= {path.name for home in HOMES for path in (Path(folder) / home).rglob("*")}
        formulas = formulas_in(root / "f.csv")
        ran = (root / "ran").exists()
    grown = usage.ru_maxrss / 1024 - MEBIBYTES_BEFORE
    faults = {
        "hung": hung or seconds > longest,
        "memory": grown > MEBIBYTES,
        "traceback": "Traceback" in text or status not in (0, 1, 2, 130),
        f"status {status}": status not in case.right,
        "ran foreign code": ran,
        "wrote outside": bool(outside),
        "a formula": formulas,
        "raw escapes": "\x1b" in text or "\x07" in text,
        "says nothing": status != 0 and len(text.strip()) < 10,
        "very long": len(text) > 5000,
    }
    return {
        "kind": case.kind,
        "name": case.name,
        "status": status,
        "seconds": round(seconds, 2),
        "mebibytes": round(grown),
        "wrong": ", ".join(name for name, is_so in faults.items() if is_so),
        "text": text,
    }


HOMES = {"home": "HOME", "cache": "XDG_CACHE_HOME", "temporary": "TMPDIR"}


def formulas_in(path: Path) -> bool:
    """Whether a spreadsheet would compute something of a table."""
    if not path.is_file():
        return False
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    return any(cell[:1] in ("=", "@", "+", "\t", "\r") for cell in cells)


def run(case: Case, root: Path, said: Path) -> None:
    """In the fork: prepare, run, and end with the command's status."""
    status = 99
    try:
        os.chdir(root)
        # What is written elsewhere than in the work's folder would be found here.
        os.environ |= {name: str(root.parent / folder) for folder, name in HOMES.items()}
        tempfile.tempdir = None
        for name in DECOYS:
            Path(f"{name}.py").write_text("open('ran', 'w')\n")
        case.prepare()
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                commands(list(case.words), prog_name="hmax-cnn")
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:
                traceback.print_exc()
        said.write_text(output.getvalue(), errors="backslashreplace")
    finally:
        os._exit(status)


def waited(child: int, most: float) -> tuple[int, resource.struct_rusage, bool]:
    """Wait for the fork, and kill it where it hangs."""
    deadline = time.monotonic() + most
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), usage, False
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return os.waitstatus_to_exitcode(status), usage, True
        time.sleep(0.005)


def warmed() -> float:
    """Import what commands import, so that forks do not; the memory that this takes, in MiB."""
    import hmax_cnn.analysis.commands.features
    import hmax_cnn.analysis.readout
    import hmax_cnn.analysis.study.drawing
    import hmax_cnn.analysis.study.running  # noqa: F401

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


MEBIBYTES_BEFORE = warmed()

if __name__ == "__main__":
    sys.exit(main())
