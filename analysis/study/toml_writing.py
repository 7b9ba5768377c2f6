"""A study as TOML again, with every default filled in."""

from __future__ import annotations

from typing import Any

import tomlkit

from .schema import Study

_SECTIONS = ("models", "images", "transformations", "measures", "figures")


def as_toml(study: Study) -> str:
    """The file that makes the same study, nothing left to a default.

    What is None has no value in TOML, and is left out.
    """
    content = _without_none(study.model_dump())
    top = {name: value for name, value in content.items() if name not in _SECTIONS}
    document = tomlkit.document()
    document.add(tomlkit.comment("As it was run, with every default filled in."))
    for name, value in top.items():
        document.add(name, _inline(value))
    for section in _SECTIONS:
        for name, table in content[section].items():
            written = tomlkit.table()
            for key, value in table.items():
                written.add(key, _inline(value))
            document.setdefault(section, tomlkit.table(is_super_table=True)).add(name, written)
    return tomlkit.dumps(document)


def _inline(value: Any) -> Any:
    """Nested tables on one line, as they are usually written in the file."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for name, inner in value.items():
            table.add(name, _inline(inner))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(_inline(inner))
        return array
    return tomlkit.item(value)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value
