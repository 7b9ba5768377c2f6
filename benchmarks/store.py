"""Stores: what `--plan` foretells beside what is taken, what storing adds, and many images."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from hmax_cnn.data import open_dataset

PHOTOGRAPHS = ("--set", "prototypes=photographs")
NETWORK = ("--model", "cnn:CNN", "--set", "weights=untrained", "--set", "random_state=0")
PLANS = {
    "HMAX S1": ("--layer", "s1"),
    "HMAX C1": ("--layer", "c1"),
    "HMAX C2": PHOTOGRAPHS,
    "HMAX C1 and C2": ("--layer", "c1,c2", *PHOTOGRAPHS),
    "serre2007 C2": ("--set", "preset=serre2007", *PHOTOGRAPHS),
    "Gabor energy": ("--model", "extraction:FilterBank"),
    "pixels": ("--model", "extraction:Pixels"),
    "SimpleNet": (*NETWORK, "--set", "architecture=simplenet"),
    "ResNet-18": (*NETWORK, "--set", "architecture=resnet18"),
    "ResNet-18, two layers": (
        *NETWORK, "--set", "architecture=resnet18", "--layer", "layer1.0.relu,layer2.0.relu",
    ),
}  # fmt: skip
SIDES = (64, 128, 200)
_FOR, _START = 5.0, 2.5  # seconds that a case should take, about, and that starting takes
_NEEDS_COLOUR = ("ResNet-18", "ResNet-18, two layers")


def write_pictures(folder: Path, count: int, side: int, *, colour: bool = False) -> Path:
    """Noise with structure, in two classes."""
    rng = np.random.default_rng(0)
    shape = (side // 8, side // 8, 3) if colour else (side // 8, side // 8)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        small.resize((side, side)).save(path)
    return folder


def plans(only: str = "") -> pd.DataFrame:
    """Each model at each size: told before, taken then.

    Parameters
    ----------
    only : str
        Part of the names of the cases.

    Returns
    -------
    pandas.DataFrame
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, side in ((name, side) for name in PLANS for side in SIDES):
            if only.lower() in name.lower():
                rows.append(_plan_of(Path(folder), name, side))
                print(rows[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _plan_of(folder: Path, name: str, side: int) -> dict[str, Any]:
    colour = name in _NEEDS_COLOUR
    few = write_pictures(folder / f"{side} {colour} few", 64, side, colour=colour)
    seconds_each = max(0.001, _told(_plan(few, name))[0] - _START) / 64
    count = int(np.clip(_FOR / seconds_each, 280, 4000 if name != "HMAX S1" else 400))
    many = write_pictures(folder / f"{side} {colour} {count}", count, side, colour=colour)
    seconds, memory = _told(_plan(many, name))
    output = folder / "f.zarr"
    begun = time.perf_counter()
    command = [*_extract(many, name), "--output", str(output)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - begun
    if status:
        msg = f"{' '.join(command)} ended with {status}"
        raise RuntimeError(msg)
    shutil.rmtree(output)
    shutil.rmtree(many)
    return {
        "model": name,
        "side": side,
        "images": count,
        "told, s": round(seconds, 1),
        "taken, s": round(taken, 1),
        "time": f"{seconds / taken - 1:+.0%}",
        "told, MiB": round(memory),
        "taken, MiB": round(usage.ru_maxrss / 1024),
        "memory": f"{memory / (usage.ru_maxrss / 1024) - 1:+.0%}",
    }


def _extract(pictures: Path, name: str) -> list[str]:
    return [sys.executable, "-m", "hmax_cnn", "extract", str(pictures), *PLANS[name]]


def _plan(pictures: Path, name: str) -> str:
    command = [*_extract(pictures, name), "--output", str(pictures.parent / "p.zarr"), "--plan"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def _told(text: str) -> tuple[float, float]:
    """Seconds and MiB in the line of a plan."""
    found = re.search(r"take about (.+?) and ([\d.]+) MiB", text)
    if found is None:
        raise LookupError(text)
    units = {"h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"([\d.]+) (h|min|s)", found[1])
    return sum(float(number) * units[unit] for number, unit in parts), float(found[2])


def names(count: int = 100_000) -> Iterator[str]:
    """How long a folder of many pictures takes to list.

    Parameters
    ----------
    count : int

    Yields
    ------
    str
    """
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            path = Path(folder) / f"{number % 100:02d}" / f"{number:06d}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"not looked at")
        for _ in range(3):
            begun = time.perf_counter()
            found = open_dataset(folder)
            yield f"{len(found)} names of pictures listed in {time.perf_counter() - begun:.2f} s"


LENET = (
    *NETWORK, "--set", "architecture=lenet5", "--layer", "c1,s2,c3,f6", "--resize", "stretch:28x28",
)  # fmt: skip


def overhead(rounds: int = 5) -> pd.DataFrame:
    """What a store adds to computing the same rows and letting them go, each in its process.

    Parameters
    ----------
    rounds : int

    Returns
    -------
    pandas.DataFrame
    """
    cases = {"HMAX C2, 64 x 64": (PHOTOGRAPHS, 64, 1200), "LeNet-5, 28 x 28": (LENET, 64, 20_000)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, (words, side, count) in cases.items():
            pictures = write_pictures(root / name, count, side)
            seconds: dict[str, list[float]] = {"alone": [], "stored": []}
            for _ in range(rounds):
                for kind, found in seconds.items():
                    found.append(_side(kind, pictures, root / "f.zarr", words))
            more = np.array(seconds["stored"]) / np.array(seconds["alone"]) - 1
            rows.append(
                {
                    "features": name,
                    "images": count,
                    "computing, s": round(float(np.median(seconds["alone"])), 2),
                    "stored, s": round(float(np.median(seconds["stored"])), 2),
                    "more": f"{np.median(more):+.1%} ({more.min():+.1%} to {more.max():+.1%})",
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _side(kind: str, pictures: Path, output: Path, words: Sequence[str]) -> float:
    command = [sys.executable, "-m", "benchmarks.store", kind, str(pictures), str(output), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(output, ignore_errors=True)
    return float(done.stdout.split()[-1])


def one_side(kind: str, pictures: str, output: str, words: Sequence[str]) -> float:
    """Seconds of computing, or of computing and storing, once all is imported and compiled."""
    from hmax_cnn.analysis.commands.request import Request
    from hmax_cnn.extraction.store.layout import zarr_module

    pairs = list(zip(words[::2], words[1::2], strict=True))
    given = {"--model": "hmax:HMAX", "--layer": "c2", "--resize": "none", **dict(pairs)}
    extraction = Request(
        images=pictures,
        model=given["--model"],
        settings=tuple(value for name, value in pairs if name == "--set"),
        layer=tuple(given["--layer"].split(",")),
        resize=given["--resize"],
        background=None,
        skip_bad=False,
        learn_from=None,
        dtype="float32",
        shard_images=None,
        reduce=None,
    ).extraction(output, check=False, quiet=True)
    layout, dataset = extraction.store.layout, extraction.dataset
    zarr_module()
    extraction.rows(dataset.subset(slice(64)))
    begun = time.perf_counter()
    if kind == "stored":
        extraction.run(progress=False)
    else:
        for shard in range(layout.n_shards):
            extraction.rows(dataset.subset(layout.images_of(shard)))
    return time.perf_counter() - begun


MANY = {
    "HMAX C2": PHOTOGRAPHS,
    "LeNet-5, four layers": LENET,
    "pixels, 128 x 128": ("--model", "extraction:Pixels", "--set", "grid=(128, 128)", "--resize",
                          "stretch:128x128"),
}  # fmt: skip


def many(counts: Sequence[int] = (2000, 20_000)) -> pd.DataFrame:
    """Few and many images of 64 x 64 pixels into a store: seconds, memory; then an SVM of them.

    Parameters
    ----------
    counts : sequence of int

    Returns
    -------
    pandas.DataFrame
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for count in counts:
            pictures = write_pictures(root / str(count), count, 64)
            for name, words in MANY.items():
                output = root / "f.zarr"
                asked = ["extract", str(pictures), *words, "--output", str(output), "--quiet"]
                row: dict[str, Any] = {"features": name, "images": count}
                row["s"], row["MiB"] = _measured(asked, root)
                row["MB stored"] = round(_size(output) / 1e6)
                if name != "LeNet-5, four layers":
                    svm = ["store", "classify", str(output), "--output", str(root / "svm")]
                    row["SVM, s"], row["SVM, MiB"] = _measured([*svm, "--quiet"], root)
                    shutil.rmtree(root / "svm")
                shutil.rmtree(output)
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _measured(words: Sequence[str], folder: Path) -> tuple[float, int]:
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "hmax_cnn", *words], cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        msg = f"{' '.join(words)} ended with {status}"
        raise RuntimeError(msg)
    return round(time.perf_counter() - begun, 1), round(usage.ru_maxrss / 1024)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    print(one_side(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
