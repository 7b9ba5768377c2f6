"""Stores: what `--plan` foretells beside what is taken, and a cluster that loses workers."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
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
        *NETWORK, "--set", "architecture=resnet18", "--layer", "layer1.0.relu2,layer2.0.relu2",
    ),
}  # fmt: skip
SIDES = (64, 128, 200)
_FOR, _START = 8.0, 2.5  # seconds that a case should take, about, and that starting takes
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
    count = int(np.clip(_FOR / seconds_each, 300, 4000 if name != "HMAX S1" else 400))
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


def cluster(counts: Sequence[int] = (1, 2), n_images: int = 2000) -> pd.DataFrame:
    """Image to C2 by some workers of a Dask cluster, undisturbed and losing one every ten seconds.

    Parameters
    ----------
    counts : sequence of int
        Workers.
    n_images : int

    Returns
    -------
    pandas.DataFrame
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pictures(root / "pictures", n_images, 200)
        calm = _digests(root, _run(root, "calm.zarr", []))
        for n_workers in counts:
            for killing in (False, True):
                name = f"{n_workers}{'k' if killing else ''}.zarr"
                with _Workers(root, n_workers) as workers:
                    seconds, n_killed = _run_over(root, name, workers, killing=killing)
                rows.append(
                    {
                        "workers": n_workers,
                        "one killed every 10 s": n_killed,
                        "seconds": round(seconds, 1),
                        "same bytes": _digests(root, name) == calm,
                    }
                )
                print(rows[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _words(output: str) -> list[str]:
    words = ["extract", "pictures", *PHOTOGRAPHS, "--shard-images", "32", "--output", output]
    return [sys.executable, "-m", "hmax_cnn", *words, "--quiet"]


def _run(root: Path, output: str, more: list[str]) -> str:
    subprocess.run([*_words(output), *more], cwd=root, check=True)
    return output


def _run_over(root: Path, output: str, workers: _Workers, *, killing: bool) -> tuple[float, int]:
    begun, n_killed = time.perf_counter(), 0
    client = subprocess.Popen([*_words(output), "--scheduler", workers.address], cwd=root)
    last = time.perf_counter()
    while client.poll() is None:
        time.sleep(0.1)
        if killing and time.perf_counter() - last > 10:
            workers.kill_one()
            n_killed, last = n_killed + 1, time.perf_counter()
    if client.returncode:
        msg = f"the client ended with {client.returncode}"
        raise RuntimeError(msg)
    return time.perf_counter() - begun, n_killed


class _Workers:
    """A scheduler and workers, each a process of its own with one core."""

    def __init__(self, root: Path, count: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.root, self.address = root, f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start("dask_scheduler", "--port", str(port))
        self.workers = [self._worker() for _ in range(count)]
        time.sleep(5)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{words[0]}", *words[1:]]
        known = os.environ | {"OMP_NUM_THREADS": "1"}
        quiet = subprocess.DEVNULL
        command += ["--no-dashboard"]
        return subprocess.Popen(command, cwd=self.root, env=known, stdout=quiet, stderr=quiet)

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._start("dask_worker", self.address, "--nthreads", "1", "--no-nanny")

    def kill_one(self) -> None:
        """The one that has been there longest; another takes its place."""
        self.workers.append(self._worker())
        self.workers.pop(0).send_signal(signal.SIGKILL)

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def _digests(root: Path, name: str) -> dict[str, str]:
    return {
        path.relative_to(root / name).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / name).rglob("*")
        if path.is_file()
    }


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
