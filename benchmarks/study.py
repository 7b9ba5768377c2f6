"""The shipped studies: what their plans tell, and what they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
SHARED = Path(__file__).parents[2] / "shared" / "data"
STUDIES = ("quickstart", "invariance", "tuning", "fields", "svm", "brain", "pretrained")


def rows(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Seconds and memory of each study, planned and measured."""
    found = []
    for name in names or STUDIES:
        study, started = EXAMPLES / f"{name}.toml", perf_counter()
        planned = json.loads(_run(study, "--plan", "--json")[0])
        planning = perf_counter() - started
        with TemporaryDirectory() as folder:
            _, seconds, memory = _run(study, "--output", str(Path(folder, "out")), "--quiet")
        found.append(
            {
                "study": name,
                "planning s": planning,
                "planned s": planned["seconds"],
                "seconds": seconds,
                "planned MiB": planned["memory_mib"],
                "MiB": memory,
            }
        )
        print(
            f"{name}: {seconds:.0f} s, planned {planned['seconds']:.0f} "
            f"({planned['seconds'] / seconds - 1:+.0%}, in {planning:.0f} s); {memory:.0f} MiB, "
            f"planned {planned['memory_mib']:.0f} ({planned['memory_mib'] / memory - 1:+.0%})",
            flush=True,
        )
    return found


def _run(*arguments: Any) -> tuple[str, float, float]:
    """What a run printed, its seconds, and the most memory of all its processes at once, in MiB."""
    command = [sys.executable, "-m", "hmax_cnn", "study", "run", *map(str, arguments)]
    environment = {"HMAX_CNN_DATA": str(SHARED), **os.environ}
    started, most = perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None:
            most = max(most, _memory(process.pid))
            sleep(0.2)
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(" ".join(command))
    return printed, perf_counter() - started, most


def _memory(root: int) -> float:
    """Proportional memory of a process and of those that it started, in MiB: Linux alone."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            parents[int(entry.name)] = int(fields[1])
    total = 0.0
    for number in parents:
        above = number
        while above not in (root, 0) and above in parents:
            above = parents[above]
        if above == root:
            try:
                lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total
