"""Peak memory of `hmax-cnn extract` as the number of images grows, in each format."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image


def growth(counts: Sequence[int], forms: Sequence[str]) -> None:
    """Measure and print."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            write_images(Path(folder) / str(count), count)
        for form in forms:
            row: dict[str, object] = {"format": form}
            for count in counts:
                peak, seconds = measured(Path(folder), count, form)
                row[f"{count} images, MiB"] = round(peak)
                print(form, count, f"{peak:.0f} MiB, {seconds:.0f} s", file=sys.stderr, flush=True)
            first, last = (row[f"{count} images, MiB"] for count in (counts[0], counts[-1]))
            row["last / first"] = f"{float(str(last)) / float(str(first)):.3f}"
            rows.append(row)
    print(pd.DataFrame(rows).to_string(index=False))


def write_images(folder: Path, count: int) -> None:
    """Pictures of 28 x 28 pixels, the same hundred again and again."""
    rng = np.random.default_rng(0)
    contents = []
    for _ in range(100):
        picture = BytesIO()
        Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(picture, "PNG")
        contents.append(picture.getvalue())
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[number % 100])


def measured(folder: Path, count: int, form: str) -> tuple[float, float]:
    """Peak of a command's resident memory in MiB, and its seconds."""
    output = folder / f"f.{form}"
    words = ["extract", str(count), "--layer", "c1", "--set", "bands=2"]
    command = [sys.executable, "-m", "hmax_cnn", *words, "--output", str(output), "--quiet"]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        msg = f"{' '.join(command)} ended with {status}"
        raise RuntimeError(msg)
    output.unlink()
    return usage.ru_maxrss / 1024, time.perf_counter() - started
