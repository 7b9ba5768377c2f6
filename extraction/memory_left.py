"""Memory that this process has, and may still take."""

from __future__ import annotations

from pathlib import Path

_HERE = Path("/")
_UNLIMITED = 2**60  # bytes: what the first version of control groups says where there is no limit


def memory_left(root: Path = _HERE) -> int | None:
    """Bytes that are free on this machine, and within the limit of its container or job.

    Parameters
    ----------
    root : path
        Where /proc and /sys lie.

    Returns
    -------
    int or None
        None where the system does not say, as only Linux does.
    """
    left = [_of_machine(root / "proc/meminfo"), *_of_groups(root)]
    known = [number for number in left if number is not None]
    return min(known, default=None)


def resident(root: Path = _HERE) -> int:
    """Bytes of memory that this process has; 0 where the system does not say.

    Parameters
    ----------
    root : path
        Where /proc lies.

    Returns
    -------
    int
    """
    try:
        lines = (root / "proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(found[0]) * 1024 if found else 0


def _of_machine(file: Path) -> int | None:
    """What can be had without swapping, as the kernel estimates it."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _of_groups(root: Path) -> list[int | None]:
    """What is left within each control group that this process belongs to, of either version."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found: list[int | None] = []
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers == "":
            top, limit, usage = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        # A group is held to the limits of those that it lies in, too. Inside a container its own
        # path may not be there: then what is mounted is its own.
        parts = [part for part in own.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            found.append(_left(top.joinpath(*parts[:depth]), limit, usage))
    return found


def _left(group: Path, limit: str, usage: str) -> int | None:
    try:
        most, used = (group / limit).read_text().strip(), (group / usage).read_text()
        # Pages of files that were read count as used, and are given up first.
        pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    if most == "max" or int(most) > _UNLIMITED:
        return None
    given_up = int(pages.get("total_inactive_file", pages.get("inactive_file", 0)))
    return int(most) - int(used) + given_up
