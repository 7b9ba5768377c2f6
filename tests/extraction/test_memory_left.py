"""Memory that is left to this process."""

from pathlib import Path

import numpy as np
import pytest

from hmax_cnn.extraction.memory_left import memory_left, resident


def test_memory_that_is_left():
    """Of this machine, as the system says it; less when some is taken."""
    if not Path("/proc/meminfo").exists():
        assert memory_left() is None
        return
    before, own = memory_left(), resident()
    taken = np.ones(50_000_000)
    assert 0 < memory_left() < before - 200e6
    assert resident() - own == pytest.approx(taken.nbytes, rel=0.1)


@pytest.mark.parametrize("version", [1, 2])
def test_memory_that_a_job_may_take(tmp_path, version):
    """The tightest of its own limit, those above it and the machine's; pages of files are free."""
    group = tmp_path / "sys/fs/cgroup" / ("memory" if version == 1 else "") / "slurm" / "job"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 900 kB\nMemAvailable:    800 kB\n")
    controllers = "9:cpu:/other\n4:memory:" if version == 1 else "0::"
    (tmp_path / "proc/self/cgroup").write_text(f"{controllers}/slurm/job\n")
    names = [("limit_in_bytes", "usage_in_bytes"), ("max", "current")][version - 1]
    for folder, numbers in [(group, ("500000", "400000")), (group.parent, ("600000", "590000"))]:
        for name, number in zip(names, numbers, strict=True):
            (folder / f"memory.{name}").write_text(f"{number}\n")
        (folder / "memory.stat").write_text("anon 7\ninactive_file 30000\n")
    assert memory_left(tmp_path) == 40_000
    (group.parent / f"memory.{names[0]}").write_text("max\n" if version == 2 else f"{2**62}\n")
    assert memory_left(tmp_path) == 130_000
    (group / f"memory.{names[0]}").unlink()
    assert memory_left(tmp_path) == 800 * 1024
