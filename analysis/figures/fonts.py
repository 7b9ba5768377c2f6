"""Fonts that are installed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from matplotlib.font_manager import findSystemFonts, fontManager


def installed(font: str | Sequence[str]) -> str:
    """The first family that is installed.

    Parameters
    ----------
    font : str or sequence of str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If none is.
    """
    families = [font] if isinstance(font, str) else list(font)
    if not families or not _is_known(families[0]):
        look_again()
    for family in families:
        if _is_known(family):
            return family
    msg = (
        f"`font` must be installed, got {font!r}. Name several: the first that is installed is "
        "taken. 'DejaVu Sans' comes with matplotlib."
    )
    raise ValueError(msg)


@cache
def look_again() -> None:
    """Take note of fonts that have come since matplotlib was first used, which keeps a list."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            with suppress(RuntimeError, OSError):  # a font that cannot be read
                fontManager.addfont(path)


def _is_known(family: str) -> bool:
    return any(entry.name == family for entry in fontManager.ttflist)
