"""The table of hostile input: each refused in words, in time and 500 MiB, nothing of it run."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("zarr")
ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks, pipes and devices")
def test_no_case_is_wrong():
    done = subprocess.run(
        # 5 s on a quiet machine, as the table in docs/benchmarks.md has it; this one may be busy.
        [sys.executable, "-m", "benchmarks.hostile", "--seconds", "30"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *rows, last = done.stdout.splitlines()
    n_cases = int(last.split()[0])
    assert n_cases >= 600
    assert last == f"{n_cases} cases, 0 of them wrong.", "\n".join(rows)
