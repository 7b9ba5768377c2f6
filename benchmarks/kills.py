"""Commands killed at random moments, and run again: the same bytes, no stray file, no orphan.

Prints a row for each command and signal: how many trials ended with the same bytes as a run that
nobody disturbed, hidden files that were left, processes that outlived the kill by five seconds. Of
stores and studies the pieces (shards, cells) are counted that were complete when the signal came,
and how many of these were made again, by inode and time; of the others, how much of the work had to
be done again, by the time. Run by

    python -m benchmarks.kills
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

N_IMAGES = 640
STUDY = """\
title = "Killed"
seeds = [0, 1]
units = 20
resamples = 10
[models.filters]
model = "extraction:FilterBank"
[models.pixels]
model = "extraction:Pixels"
[images.digits]
source = "digits"
resize = "stretch:32x32"
first = 120
[transformations.shift]
transformation = "data.transformations:shift"
values = [-4, -2, 0, 2, 4]
[measures.tolerance]
measure = "analysis.measures.populations:population_similarity"
transformations = ["shift"]
[measures.accuracy]
measure = "analysis.measures.classification:classification"
"""


@dataclass
class Job:
    """A command, what it writes, and how far it is."""

    words: list[str]
    output: Callable[[Path], list[Path]]
    kept: Callable[[Path], float]
    again: list[str]
    pieces: Callable[[Path], list[Path]] = lambda _: []


def main() -> None:
    """Kill and run again, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=3, help="Of each command and signal.")
    parser.add_argument("--signals", nargs="+", default=["KILL", "TERM"], help="Which.")
    parser.add_argument("--only", default="", help="Part of the names of the commands.")
    asked = parser.parse_args()
    trials = asked.trials
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root)
        chosen = {name: job for name, job in jobs(root).items() if asked.only in name}
        signals = [signal.Signals[f"SIG{name}"] for name in asked.signals]
        rows = [
            row for name, job in chosen.items() for row in of_job(name, job, root, trials, signals)
        ]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    total = int(table["trials"].sum())
    print(f"{total} kills, {int(table['same bytes'].sum())} with the same bytes in the end.")


def prepare(root: Path) -> None:
    """Pictures of two classes, and a study."""
    rng = np.random.default_rng(0)
    for number in range(N_IMAGES):
        path = root / "pictures" / "ab"[number % 2] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    (root / "study.toml").write_text(STUDY)


def jobs(root: Path) -> dict[str, Job]:
    """The commands, by name."""
    pictures, found = str(root / "pictures"), {}
    for form in ("npz", "csv", "nc", "svmlight"):
        words = ["extract", pictures, "--layer", "c1", "--output", f"f.{form}"]
        found[f"extract {form}"] = Job(words, _files, _blocks, [])
    store = ["extract", pictures, "--layer", "c1", "--shard-images", "16", "--output", "f.zarr"]
    found["extract zarr"] = Job(store, _store, _shards, [], _records)
    part = [*store, "--part", "2/3"]
    found["extract zarr, part 2 of 3"] = Job(part, _store, _part, [], _records)
    few = ["--set", "bands=2", "--set", "prototypes=photographs", "--set", "n_prototypes=10"]
    classify = ["classify", pictures, *few, "--output", "out"]
    found["classify"] = Job(classify, _readout, lambda _: 0.0, ["--overwrite"])
    train = ["train", pictures, "--set", "architecture=simplenet", "--set", "epochs=8"]
    train += ["--resize", "stretch:32x32", "--output", "w.safetensors"]
    found["train"] = Job(train, _files, _epochs, [])
    study = ["study", "run", str(root / "study.toml"), "--output", "out", "--jobs", "2"]
    found["study"] = Job(study, _study, _cells, ["--resume"], _results)
    return found


def _files(folder: Path) -> list[Path]:
    # The curves of a training have the seconds of each epoch.
    found = (path for path in folder.glob("[!.]*") if path.is_file())
    return sorted(path for path in found if path.name != "w_curves.csv")


def _readout(folder: Path) -> list[Path]:
    return sorted((folder / "out").glob("[!.]*"))


def _study(folder: Path) -> list[Path]:
    inside = (folder / "out").rglob("*")
    return sorted(
        path
        for path in inside
        if path.is_file() and path.name not in ("manifest.json", ".log.jsonl")
    )


def _blocks(folder: Path) -> float:
    """Share of the images whose features are kept."""
    lines = [line for path in folder.glob(".*/blocks.jsonl") for line in path.open()]
    return 64 * len(lines) / N_IMAGES


def _store(folder: Path) -> list[Path]:
    # Hidden ones too: half-written files would be among them.
    return sorted(path for path in (folder / "f.zarr").rglob("*") if path.is_file())


def _records(folder: Path) -> list[Path]:
    """Of shards that are there: a record is written after its shard."""
    return list(folder.glob("f.zarr/shards/record/c/*/0"))


def _shards(folder: Path) -> float:
    """Share of the shards that are there with their records."""
    return 16 * len(_records(folder)) / N_IMAGES


def _part(folder: Path) -> float:
    return 3 * _shards(folder)


def _epochs(folder: Path) -> float:
    from hmax_cnn.cnn.weights import read_about

    kept = [read_about(path) for path in folder.glob(".w.partial.safetensors")]
    return max((about["state"]["epoch"] for about in kept), default=0) / 8


def _results(folder: Path) -> list[Path]:
    return list((folder / "out" / "results").rglob("[!.]*.nc"))


def _cells(folder: Path) -> float:
    return len(_results(folder)) / 8


def of_job(
    name: str, job: Job, root: Path, trials: int, signals: list[signal.Signals]
) -> list[dict[str, object]]:
    """Rows of one command: of each signal."""
    calm = root / f"{name} calm"
    started = time.perf_counter()
    run(job.words, calm)
    seconds, expected = time.perf_counter() - started, digests(job.output(calm), calm)
    rows, chance = [], np.random.default_rng(1)
    for number in signals:
        same = stray = orphans = complete = again = under_way = 0
        repeated = []
        for trial in range(trials):
            folder = root / f"{name} {number.name} {trial}"
            moment = float(chance.uniform(0.3, seconds))
            orphans += killed(job.words, folder, number, moment)
            kept = job.kept(folder)
            pieces = {path: _state(path) for path in job.pieces(folder)}
            finished = digests(job.output(folder), folder) == expected
            # Of pieces that are counted nothing has to be guessed.
            if not finished and not job.pieces(calm):
                # What runs before the first image, the import, is no work that could be kept.
                repeated.append(max(0.0, (moment - 2.5) / (seconds - 2.5)) - kept)
            run([*job.words, *job.again], folder)
            same += digests(job.output(folder), folder) == expected
            complete += len(pieces)
            again += sum(_state(path) != was for path, was in pieces.items())
            under_way += len(pieces) < len(job.pieces(folder))
            stray += len([path for path in folder.rglob(".*") if path.name != ".log.jsonl"])
        rows.append(
            {
                "command": name,
                "signal": number.name,
                "seconds": round(seconds, 1),
                "trials": trials,
                "same bytes": same,
                "stray files": stray,
                "orphans": orphans,
                "cut off under way": under_way,
                "complete pieces": complete,
                "made again": again,
                "repeated": f"{max(0.0, max(repeated, default=0.0)):.0%}",
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def _state(path: Path) -> tuple[int, int]:
    """Another one for a file that was written anew."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def run(words: list[str], folder: Path) -> None:
    """Run a command to its end."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "hmax_cnn", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{' '.join(words)} ended with {done.returncode}: {done.stderr}"
        raise RuntimeError(msg)


def killed(words: list[str], folder: Path, number: signal.Signals, moment: float) -> int:
    """Run a command and send it a signal; the number of processes that are there 5 s later."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "hmax_cnn", *words]
    # A session of its own: its workers are found by it.
    process = subprocess.Popen(
        command,
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(moment)
    process.send_signal(number)
    process.wait(timeout=60)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and members(process.pid):
        time.sleep(0.1)
    left = members(process.pid)
    if left:
        os.killpg(process.pid, signal.SIGKILL)
    return left


def members(session: int) -> int:
    """Number of living processes of a session, the resource tracker of joblib among them."""
    count = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        count += fields[3] == str(session) and fields[0] != "Z"
    return count


def digests(paths: list[Path], folder: Path) -> dict[str, str]:
    """Of files, by their place."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


if __name__ == "__main__":
    main()
