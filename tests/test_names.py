"""The public names: listed in a file, so that they change on purpose and never by the way."""

from __future__ import annotations

import inspect
import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.quick

LISTED = Path(__file__).with_name("public_names.txt")
PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]


def public_names() -> list[str]:
    """What every package lists, and every function of the modules of measures and figures."""
    names = set()
    for package in PACKAGES:
        names |= {f"{package}.{name}" for name in import_module(package).__all__}
    for room in ("measures", "figures"):
        package = import_module(f"hmax_cnn.analysis.{room}")
        for found in pkgutil.iter_modules(package.__path__):
            names |= functions(import_module(f"{package.__name__}.{found.name}"))
    return sorted(names)


def functions(module: ModuleType) -> set[str]:
    """The public functions that a module defines, by their full names."""
    return {
        f"{module.__name__}.{name}"
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def test_public_names_are_the_listed_ones() -> None:
    found, listed = public_names(), LISTED.read_text().split()
    gone = sorted(set(listed) - set(found))
    new = sorted(set(found) - set(listed))
    assert not gone, f"public names are gone; say so in CHANGELOG.md and {LISTED.name}: {gone}"
    assert not new, f"new public names; is that meant? Then add them to {LISTED.name}: {new}"
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("package", PACKAGES)
def test_listed_names_exist_and_are_public(package: str) -> None:
    module = import_module(package)
    assert module.__all__, f"{package} lists no public names"
    for name in module.__all__:
        assert name == "__version__" or not name.startswith("_")
        assert hasattr(module, name) or import_module(f"{package}.{name}").__doc__
