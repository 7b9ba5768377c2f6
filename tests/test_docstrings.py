"""Docstrings: numpydoc's sections for every public name, and examples for those met first."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from numpydoc.validate import validate

pytestmark = pytest.mark.quick

LISTED = Path(__file__).with_name("public_names.txt").read_text().split()
# No docstring, no summary, a parameter that is missing or unknown, no Returns, no Yields.
SECTIONS = {"GL08", "SS01", "PR01", "PR02", "RT01", "YD01"}
MET_FIRST = ("hmax_cnn", "hmax_cnn.data", "hmax_cnn.data.stimuli", "hmax_cnn.hmax")


def named(name: str) -> Any:
    """What a listed name is of; None for a module."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute, None)


def is_ours(found: Any) -> bool:
    return callable(found) and getattr(found, "__module__", "").startswith("hmax_cnn")


def is_inherited(owner: type, name: str) -> bool:
    """Whether a method is described where it is first defined, in a class of ours."""
    bases = [base for base in owner.__mro__[1:] if base.__module__.startswith("hmax_cnn")]
    return any(inspect.getdoc(vars(base).get(name)) for base in bases if name in vars(base))


def documented() -> Iterator[tuple[str, Any]]:
    """Every public function, class and method, once."""
    seen = set()
    for name in LISTED:
        found = named(name)
        if not is_ours(found) or id(found) in seen:
            continue
        seen.add(id(found))
        yield name, found
        if inspect.isclass(found):
            yield from methods_of(found, name)


def methods_of(found: type, name: str) -> Iterator[tuple[str, Any]]:
    for key, value in vars(found).items():
        method = getattr(value, "__func__", value)
        is_public = inspect.isfunction(method) and not key.startswith("_")
        if is_public and not is_inherited(found, key):
            yield f"{name}.{key}", method


def attributes_in(found: type) -> set[str]:
    """Names under Attributes: the fields of a dataclass are described there."""
    text = (inspect.getdoc(found) or "").partition("Attributes\n----------\n")[2]
    lines = re.findall(r"^([\w, ]+)(?: :.*)?$", text, re.MULTILINE)
    return {name.strip() for line in lines for name in line.split(",")}


def raises(function: Any) -> bool:
    """Whether a function itself refuses something, by `raise` or by `check_choice`."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    pending, found = list(ast.iter_child_nodes(tree)), False
    while pending:
        node = pending.pop()
        if isinstance(
            node, ast.FunctionDef | ast.Lambda
        ):  # what an inner function raises is its own
            continue
        found |= isinstance(node, ast.Raise) and node.exc is not None
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        found |= is_call and node.func.id == "check_choice"
        pending += ast.iter_child_nodes(node)
    return found


DOCUMENTED = dict(documented())


def is_described(found: Any, text: str) -> bool:
    """Whether parameters of a class that numpydoc misses are described elsewhere."""
    # Fields of a dataclass under Attributes; an abstract class describes what subclasses store.
    missed = set(re.findall(r"'(\w+)'", text))
    return inspect.isclass(found) and (inspect.isabstract(found) or missed <= attributes_in(found))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_sections_are_complete(name: str) -> None:
    found, missing = DOCUMENTED[name], []
    for code, text in validate(name)["errors"]:
        elsewhere = code in ("PR01", "PR02") and is_described(found, text)
        if code in SECTIONS and not elsewhere:
            missing.append(f"{code}: {text}")
    if inspect.isfunction(found) and raises(found) and "\nRaises\n" not in inspect.getdoc(found):
        missing.append("no Raises")
    assert not missing, f"{name}: {'; '.join(missing)}"


def is_met_first(name: str, found: Any) -> bool:
    """Models, images, stimuli, and measures that take responses, exceptions aside."""
    if inspect.isclass(found) and (issubclass(found, Exception) or inspect.isabstract(found)):
        return False
    takes = getattr(getattr(found, "contract", None), "takes", None)
    return name.rpartition(".")[0] in MET_FIRST or takes in ("responses", "pair")


def test_what_users_meet_first_has_an_example() -> None:
    first = {name: found for name, found in DOCUMENTED.items() if is_met_first(name, found)}
    assert len(first) >= 50
    without = [name for name, found in first.items() if ">>>" not in inspect.getdoc(found)]
    assert not without
