"""The literature that measures and models name, as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

# By the names that a text has, the packages that they come in.
TOOLS = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-learn": "scikit-learn",
    "xarray": "xarray",
    "seaborn": "seaborn",
    "matplotlib": "matplotlib",
    "PyTorch": "torch",
}
OWN = ("this package", "this study")


@cache
def _entries() -> dict[str, tuple[str, str, str]]:
    """By key: shorthand, title in plain small letters, and the entry."""
    found = {}
    for entry in re.split(
        r"\n(?=@)", files(__package__).joinpath("references.bib").read_text(encoding="utf-8")
    ):
        if match := re.match(r"@\w+\{(\w+),", entry):
            shorthand, title = (
                re.search(rf"\b{name} = \{{((?:[^{{}}]|\{{[^{{}}]*\}})*)\}}", entry)
                for name in ("shorthand", "title")
            )
            if shorthand and title:
                found[match[1]] = (
                    shorthand[1],
                    re.sub(r"[{}]", "", title[1]).casefold(),
                    _laid_out(entry),
                )
    return found


def _laid_out(entry: str) -> str:
    """An entry with a field on each line, without the shorthand, `&` as BibTeX has it."""
    text = re.sub(r"shorthand = \{[^{}]*\}, ", "", entry.strip())
    return re.sub(r", (?=[a-z]+ = \{)", ",\n  ", text)


def keys_in(text: str) -> list[str]:
    """The entries that a text names, by shorthand or title.

    Examples
    --------
    >>> keys_in("Araujo et al., Distill 2019; Luo et al., NeurIPS 2016")
    ['araujo2019', 'luo2016']
    """
    flat = re.sub(r"\s+", " ", text)
    return [
        key
        for key, (shorthand, title, _) in _entries().items()
        if shorthand in flat or title in flat.casefold()
    ]


def unknown_in(citation: str) -> list[str]:
    """The parts of a measure's citation that are no entry of ours."""
    return [
        part.strip()
        for part in citation.split(";")
        if part.strip() and part.strip() not in OWN and not keys_in(part)
    ]


def bibtex(keys: Iterable[str], others: Iterable[str] = ()) -> str:
    """Entries as BibTeX; texts that are no entry of ours become notes."""
    parts = [_entries()[key][2] for key in sorted(set(keys))]
    parts += [
        f"@misc{{other{number},\n  note = {{{text}}}}}"
        for number, text in enumerate(sorted(set(others)), start=1)
    ]
    if parts:
        return "\n\n".join(parts) + "\n"
    return ""


def named(keys: Iterable[str]) -> str:
    """Shorthands, as a text cites them."""
    return "; ".join(_entries()[key][0] for key in sorted(set(keys)))
