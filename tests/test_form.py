"""The form of the code: lengths, conditional expressions, comments."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[1]
LONG_LINE, LONG_MODULE, LONG_FUNCTION = 100, 400, 40  # of a function without its docstring
# What the code may have at most, and, of comments, at least.
FUNCTIONS_THAT_ARE_LONG = 8
CONDITIONAL_EXPRESSIONS, COMMENTS = 1.5, 4.0  # per 100 lines of code


@dataclass
class Form:
    """Counts over all modules of the packages."""

    long_lines: list[str] = field(default_factory=list)
    long_modules: list[str] = field(default_factory=list)
    long_functions: list[str] = field(default_factory=list)
    n_code: int = 0
    n_comments: int = 0
    n_conditional: int = 0

    def count(self, path: Path) -> None:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        lines, tree = text.splitlines(), ast.parse(text)
        self.long_lines += [f"{name}: {line}" for line in lines if len(line) > LONG_LINE]
        if len(lines) > LONG_MODULE:
            self.long_modules.append(name)
        nodes = list(ast.walk(tree))
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and body_lines(node) > LONG_FUNCTION:
                self.long_functions.append(f"{name}: {node.name}")
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        self.n_comments += sum(token.type == tokenize.COMMENT for token in tokens)
        self.n_conditional += sum(isinstance(node, ast.IfExp) for node in nodes)
        documented = lines_of_docstrings(nodes)
        for number, line in enumerate(lines, start=1):
            bare = line.strip()
            self.n_code += bool(bare) and not bare.startswith("#") and number not in documented


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function from its first statement that is not the docstring."""
    first = 1 if ast.get_docstring(function, clean=False) and len(function.body) > 1 else 0
    return int(function.end_lineno or 0) - function.body[first].lineno + 1


def lines_of_docstrings(nodes: list[ast.AST]) -> set[int]:
    found: set[int] = set()
    for node in nodes:
        alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if alone and isinstance(node.value.value, str):
            found.update(range(node.lineno, node.end_lineno + 1))
    return found


@pytest.fixture(scope="module")
def form() -> Form:
    found = Form()
    for folder in ("hmax_cnn", "extraction", "hmax", "cnn", "data", "analysis"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.count(path)
    return found


def test_lines_modules_and_functions_are_short(form: Form) -> None:
    assert not form.long_lines
    assert not form.long_modules, f"over {LONG_MODULE} lines: {form.long_modules}"
    assert len(form.long_functions) <= FUNCTIONS_THAT_ARE_LONG, form.long_functions


def test_code_is_unfolded_and_commented(form: Form) -> None:
    assert 100 * form.n_conditional / form.n_code <= CONDITIONAL_EXPRESSIONS
    assert 100 * form.n_comments / form.n_code >= COMMENTS
