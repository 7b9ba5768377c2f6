"""Parts of a set: what is trained on, validated on and tested on, by the names people give them."""

from __future__ import annotations

PARTS = ("train", "validation", "test")
_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
SPELLED = ", ".join(_NAMES)


def part_named(text: str) -> str | None:
    """The part that a folder or a cell of an index names.

    Parameters
    ----------
    text : str

    Returns
    -------
    {'train', 'validation', 'test'} or None
        None for any other word.

    Examples
    --------
    >>> part_named("Training"), part_named("val"), part_named("cats")
    ('train', 'validation', None)
    """
    return _NAMES.get(text.strip().casefold())
