"""A Dask cluster of separate processes that loses workers, its scheduler, or the command."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from .store import PHOTOGRAPHS, write_pictures


def cluster(n_images: int = 1200) -> pd.DataFrame:
    """Image to C2 by workers of a Dask cluster, undisturbed and disturbed.

    By one worker and by two, by two that lose one every ten seconds, by two that lose their
    scheduler, and by two that lose the command; the last two are begun anew.

    Parameters
    ----------
    n_images : int

    Returns
    -------
    pandas.DataFrame
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pictures(root / "pictures", n_images, 96)
        calm = _digests(root, _run(root, "calm.zarr", []))
        for n_workers, lost in ((1, ""), (2, ""), (2, "workers"), (2, "scheduler"), (2, "client")):
            name = f"{n_workers}{lost}.zarr"
            begun = time.perf_counter()
            with _Workers(root, n_workers) as workers:
                n_lost = _run_over(root, name, workers, lost)
            if lost in ("scheduler", "client"):
                with _Workers(root, n_workers) as workers:
                    _run_over(root, name, workers)
            seconds = time.perf_counter() - begun
            rows.append(
                {
                    "workers": n_workers,
                    "lost": f"{n_lost} {lost}" if lost else "",
                    "seconds": round(seconds, 1),
                    "times as fast as one": round(rows[0]["seconds"] / seconds, 2) if rows else 1,
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


def _run_over(root: Path, output: str, workers: _Workers, lost: str = "") -> int:
    """Run to the end, or until the scheduler or the command is killed; how often that was done."""
    client = subprocess.Popen(
        [*_words(output), "--scheduler", workers.address], cwd=root, stderr=subprocess.DEVNULL
    )
    n_lost, last = 0, time.perf_counter()
    while client.poll() is None:
        time.sleep(0.1)
        if lost and time.perf_counter() - last > 10:
            n_lost, last = n_lost + 1, time.perf_counter()
            if lost == "workers":
                workers.kill_one()
            else:
                victim = workers.scheduler if lost == "scheduler" else client
                victim.send_signal(signal.SIGKILL)
                client.wait()
    if client.returncode and lost not in ("scheduler", "client"):
        msg = f"the client ended with {client.returncode}"
        raise RuntimeError(msg)
    return n_lost


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
