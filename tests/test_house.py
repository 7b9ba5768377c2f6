"""The house: imports run downward only, in no circle, and the ground floor imports nothing
heavy."""

import ast
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hmax_cnn

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[1]
BELOW = {
    "extraction": set(),
    "hmax": {"extraction"},
    "cnn": {"extraction"},
    "data": {"extraction"},
    "analysis": {"extraction", "hmax", "cnn", "data"},
}
# Inside the analysis: each room or module may import those named before it in the same list.
GROUND = [
    "interrupted",
    "csv_tables",
    "naming",
    "literature",
    "pairing",
    "intervals",
    "statistics",
    "contract",
    "models",
    "responses",
    "exchange",
    "folds",
    "linear_svm",
    "streamed_svm",
    "tournament",
    "readout",
    "controls",
    "results",
    "per_unit",
]
ROOMS = {
    "measures": set(GROUND),
    "figures": set(GROUND),
    "study": {*GROUND, "figures"},
    "commands": {*GROUND, "measures", "figures", "study"},
}
HEAVY = {"cupy", "cupyx", "torch", "dask", "numba", "matplotlib", "seaborn"}
FILES = sorted(file for package in BELOW for file in (ROOT / package).rglob("*.py"))


def module_of(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file, top_only=False):
    """Our modules by their short names, and others by theirs; inside functions, too."""
    tree = ast.parse(file.read_text())
    package = file.relative_to(ROOT).parts[:-1]
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("hmax_cnn.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = (node.module or "").removeprefix("hmax_cnn.")
            if node.level:
                above = package[: len(package) - node.level + 1]
                stem = ".".join([*above, *([node.module] if node.module else [])])
            yield stem
            yield from (f"{stem}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_imports_run_downward(file):
    """No arrow upward, and no package named by what it was called when it was installed alone."""
    package = module_of(file).partition(".")[0]
    others = set(BELOW) - BELOW[package] - {package}
    assert not {name for name in imports_of(file) if name.partition(".")[0] in others}
    text = file.read_text()
    for name in BELOW:
        assert f"\nfrom {name}." not in text
        assert f"\nimport {name}\n" not in text


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.parts[len(ROOT.parts)] == "analysis"], ids=module_of
)
def test_order_inside_the_analysis(file):
    own = module_of(file).split(".")[1:2]
    if not own:
        return
    (room,) = own
    allowed = ROOMS.get(room) or set(GROUND[: GROUND.index(room)])
    reached = {
        name.split(".")[1]
        for name in imports_of(file)
        if name.startswith("analysis.") and name != "analysis."
    }
    assert reached - {room} <= allowed


def test_no_circles():
    modules = {module_of(file): file for file in FILES}
    graph = {}
    for name, file in modules.items():
        found = {other for other in imports_of(file, top_only=True) if other in modules}
        # A package is loaded before the modules inside it: that is no circle.
        graph[name] = {other for other in found if not name.startswith(f"{other}.")} - {name}
    assert list(TopologicalSorter(graph).static_order())


GROUND_FLOOR = [
    file for file in FILES if file.parts[-2] in ("extraction", "operations", "hmax", "cnn")
]


@pytest.mark.parametrize("file", GROUND_FLOOR, ids=module_of)
def test_nothing_heavy_at_the_top(file):
    assert not {name.partition(".")[0] for name in imports_of(file, top_only=True)} & HEAVY


@pytest.mark.parametrize("one", ["hmax", "cnn", "data"])
def test_one_package_imports_no_other(one):
    code = f"import hmax_cnn.{one}, sys; print(list(sys.modules))"
    command = [sys.executable, "-P", "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    loaded = set(ast.literal_eval(printed))
    ours = {name.split(".")[1] for name in loaded if name.startswith("hmax_cnn.")}
    assert ours <= {one, "extraction"}
    assert not loaded & HEAVY


def test_the_face_is_lazy():
    """The face imports nothing before it is used, and has every name that it lists."""
    code = "import hmax_cnn, sys; print([n for n in sys.modules if n.startswith('hmax_cnn.')])"
    command = [sys.executable, "-P", "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(printed) == []
    for name in hmax_cnn.__all__:
        assert getattr(hmax_cnn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'HMXA'"):
        hmax_cnn.HMXA  # noqa: B018 - the access is what is tested


def test_packages_are_named_in_full():
    """Every package has its line, so that a new folder cannot be forgotten in the wheel."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {module_of(file) for file in FILES if file.name == "__init__.py"}
    full = {"hmax_cnn", *(f"hmax_cnn.{name}" for name in packages)}
    assert set(settings["packages"]) == full
    folders = {name: name.removeprefix("hmax_cnn.").replace(".", "/") for name in full}
    assert settings["package-dir"] == folders
