"""How many things of a kind a set of stimuli shows."""

from __future__ import annotations

from hmax_cnn.extraction.choices import check_count

_MOST = 100_000  # things of a kind


def numbered(name: str, count: int) -> range:
    """Numbers of so many things.

    Raises
    ------
    ValueError
        If it is no whole number of at least 1, or more than anyone could show.
    """
    check_count(name, count, _MOST, "No experiment shows more; each takes milliseconds to draw.")
    return range(int(count))
