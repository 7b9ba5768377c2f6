"""Sides measured in turn, each in a process of its own, and the table that is made of them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

OURS = "hmax-cnn"
ON_PROCESSOR = "hmax-cnn on the processor"  # to agree with, and to be faster than, on a GPU
_PACKAGES = (
    "cupy-cuda12x",
    "cupy-cuda13x",
    "numpy",
    "scipy",
    "numba",
    "torch",
    "onnxruntime",
    "openvino",
    "scikit-learn",
)


@dataclass
class Case:
    """One row of a table.

    Attributes
    ----------
    name : str
    module : str
        Of this package, whose `side` measures one side.
    options : mapping
        What it is called with.
    against : sequence of str
        Names of the other sides.
    at_most, stretch : float or None
        What the ratio to the fastest of them should be.
    floor_ms : float or None
        What the arithmetic alone takes at the full speed of an H200.
    n_images : int or None
        Of what is timed, where images per second are told.
    """

    name: str
    module: str
    options: Mapping[str, Any]
    against: Sequence[str]
    at_most: float | None = None
    stretch: float | None = None
    floor_ms: float | None = None
    n_images: int | None = None
    found: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def timed(run: Callable[[], Any], repeats: int) -> float:
    """Seconds of one call, the median of several, after one that is not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return median(seconds)


def answer(seconds: float, check: Any) -> None:
    """Print what a side measured, for the process that compares."""
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    told = {"seconds": seconds, "peak_mb": peak, "check": np.asarray(check, float).ravel().tolist()}
    print(json.dumps(told))


def measure(case: Case, n_rounds: int) -> None:
    """Every side once in each round, in turn."""
    for _ in range(n_rounds):
        for side in (*case.against, OURS):
            command = [sys.executable, "-m", f"benchmarks.{case.module}", side]
            done = subprocess.run(
                [*command, json.dumps(dict(case.options))],
                capture_output=True,
                text=True,
                cwd=Path(__file__).parents[1],
            )
            if done.returncode:
                reason = done.stderr.strip().splitlines()[-1]
                print(f"  {side} cannot be measured: {reason}", file=sys.stderr)
                continue
            case.found.setdefault(side, []).append(json.loads(done.stdout.splitlines()[-1]))


def row_of(case: Case) -> dict[str, Any]:
    """Medians, the ratio to the fastest other side, and how far results differ."""
    seconds = {side: median(one["seconds"] for one in found) for side, found in case.found.items()}
    others = {side: seconds[side] for side in case.against if side in seconds}
    if OURS not in seconds or not others:
        msg = f"{case.name!r} needs {OURS} and one other side; measured were: {[*seconds]}."
        raise RuntimeError(msg)
    fastest = min(others, key=lambda side: others[side])
    pairs = zip(case.found[OURS], case.found[fastest], strict=False)
    ratios = [own["seconds"] / other["seconds"] for own, other in pairs]
    differences = {side: _difference(case.found, side) for side in others}
    return {
        "case": case.name,
        "fastest other": fastest,
        "its ms": 1000 * others[fastest],
        "our ms": 1000 * seconds[OURS],
        "ratio": median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "at most": case.at_most,
        "stretch": case.stretch,
        "its MB": max(one["peak_mb"] for one in case.found[fastest]),
        "our MB": max(one["peak_mb"] for one in case.found[OURS]),
        "difference": differences[fastest],
        "all differences": differences,
        "images per second": None if case.n_images is None else case.n_images / seconds[OURS],
        "of the floor": None if case.floor_ms is None else case.floor_ms / (1000 * seconds[OURS]),
        "all ms": {side: 1000 * value for side, value in seconds.items()},
    }


def _difference(found: Mapping[str, list[dict[str, Any]]], side: str) -> float:
    """How far our results are from another side's, relative to their norm."""
    expected = np.asarray(found[side][0]["check"])
    differs = np.asarray(found[OURS][0]["check"]) - expected
    return float(np.linalg.norm(differs) / np.linalg.norm(expected))


def show(row: Mapping[str, Any]) -> str:
    """One row, over two lines: what was measured, and every side."""
    aim = ""
    if row["at most"] is not None:
        aim = f", at most {row['at most']:g} wanted ({row['stretch']:g})"
    if row["images per second"] is not None:
        aim += f"; {row['images per second']:.0f} images per second"
    if row["of the floor"] is not None:
        aim += f"; {row['of the floor']:.2f} of the floor's speed"
    if ON_PROCESSOR in row["all differences"]:
        aim += f"; {row['all differences'][ON_PROCESSOR]:.1e} from the processor"
    sides = ", ".join(f"{side} {value:.1f}" for side, value in row["all ms"].items())
    return (
        f"{row['case']}\n"
        f"  {row['ratio']:.2f} ({row['lowest']:.2f} - {row['highest']:.2f}) of "
        f"{row['fastest other']}{aim}; {row['our MB']:.0f} and {row['its MB']:.0f} MB; "
        f"difference {row['difference']:.1e}\n  ms: {sides}"
    )


def conditions(n_rounds: int) -> dict[str, Any]:
    """What was measured on, and with what."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": found,
        "rounds": n_rounds,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    vectors = "AVX-512" if "avx512f" in names.get("flags", "") else "AVX2"
    return f"{names.get('model name', platform.processor())}, {vectors}"


def run_cases(cases: Sequence[Case], n_rounds: int, output: Path | None, **about_all: Any) -> None:
    """Measure, print row by row, and write JSON."""
    rows, about = [], conditions(n_rounds) | about_all
    print(json.dumps(about), flush=True)
    for case in cases:
        measure(case, n_rounds)
        rows.append(row_of(case))
        print(show(rows[-1]), flush=True)
        # After each row: what was measured is kept, also where the next is interrupted.
        write(output, {"conditions": about, "rows": rows}, quiet=case is not cases[-1])


def write(output: Path | None, found: Mapping[str, Any], *, quiet: bool = False) -> None:
    """JSON, whole or not at all."""
    if output is None:
        return
    partial = output.with_name(f".{output.name}.partial")
    partial.write_text(json.dumps(found, indent=1))
    partial.replace(output)
    if not quiet:
        print(f"Wrote {output}")
