"""The house: imports run downward only, in no circle, and the ground floor imports nothing heavy at
its top."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "extraction": set(),
    "hmax": {"extraction"},
    "cnn": {"extraction"},
    "data": {"extraction"},
    "analysis": {"extraction", "hmax", "cnn", "data"},
}
HEAVY = {"cupy", "cupyx", "torch", "dask", "matplotlib", "seaborn"}
FILES = sorted(file for package in BELOW for file in (ROOT / package).rglob("*.py"))


def module_of(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file, top_only=False):
    tree = ast.parse(file.read_text())
    if top_only:
        nodes = tree.body
    else:
        nodes = ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_imports_run_downward(file):
    package = module_of(file).partition(".")[0]
    above = {
        name
        for name in imports_of(file)
        if name.partition(".")[0] in set(BELOW) - BELOW[package] - {package}
    }
    assert not above


def test_no_circles():
    modules = {module_of(file): file for file in FILES}
    graph = {
        name: {
            other for other in imports_of(file, top_only=True) if other in modules and other != name
        }
        for name, file in modules.items()
    }
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.parts[-2] in ("extraction", "operations", "hmax", "cnn")],
    ids=module_of,
)
def test_nothing_heavy_at_the_top(file):
    assert not {name.partition(".")[0] for name in imports_of(file, top_only=True)} & HEAVY


@pytest.mark.parametrize("one", ["hmax", "cnn", "data"])
def test_one_package_imports_no_other(one):
    import subprocess

    code = (
        f"import {one}, sys; print([name for name in sys.modules if name in "
        f"{sorted(set(BELOW) | HEAVY)}])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert set(ast.literal_eval(loaded)) <= {one, "extraction"}


def test_packages_are_named_in_full():
    import tomllib

    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert set(named) == {module_of(file) for file in FILES if file.name == "__init__.py"}
