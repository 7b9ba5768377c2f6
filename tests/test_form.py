"""The form of the code: sections of docstrings, and ceilings that may fall and never rise."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from numpydoc.validate import validate

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[1]
LISTED = Path(__file__).with_name("public_names.txt").read_text().split()
ROOMS = ("hmax_cnn.analysis.measures.", "hmax_cnn.extraction.operations.", "hmax_cnn.data.stimuli.")
# No docstring, no summary, a parameter that is missing or unknown, no Returns.
SECTIONS = {"GL08", "SS01", "PR01", "PR02", "RT01"}
LONG_MODULE, LONG_FUNCTION = 400, 40  # lines, those of a docstring not counted for functions
MODULES_THAT_ARE_LONG, FUNCTIONS_THAT_ARE_LONG = 5, 55  # lower these when you shorten one


def described(name: str) -> bool:
    """Whether a listed name is a function whose docstring has to have all its sections."""
    *_, module, function = name.split(".")
    is_figure = name.startswith("hmax_cnn.analysis.figures.") and module == function
    return is_figure or (name.startswith(ROOMS) and function.islower())


@pytest.mark.parametrize("name", [name for name in LISTED if described(name)])
def test_docstrings_have_their_sections(name: str) -> None:
    found = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in SECTIONS]
    assert not found, f"{name}: {'; '.join(found)}"


def sources() -> list[Path]:
    folders = ("hmax_cnn", "extraction", "hmax", "cnn", "data", "analysis")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py")]


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function from its first statement that is not the docstring."""
    first = 1 if ast.get_docstring(function, clean=False) and len(function.body) > 1 else 0
    return int(function.end_lineno or 0) - function.body[first].lineno + 1


def test_modules_and_functions_grow_no_longer() -> None:
    modules, functions = [], []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > LONG_MODULE:
            modules.append(path.relative_to(ROOT).as_posix())
        functions += [
            f"{path.relative_to(ROOT).as_posix()}: {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and body_lines(node) > LONG_FUNCTION
        ]
    assert len(modules) <= MODULES_THAT_ARE_LONG, f"over {LONG_MODULE} lines: {modules}"
    assert len(functions) <= FUNCTIONS_THAT_ARE_LONG, f"over {LONG_FUNCTION} lines: {functions}"
