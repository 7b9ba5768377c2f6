"""Modules of the user's own: found when they are named, and no others."""

import importlib
import sys

import pytest

from hmax_cnn.extraction.own_modules import import_named, look_in

pytestmark = pytest.mark.quick


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    # What other tests named, and the folder that these lie in.
    monkeypatch.setattr("hmax_cnn.extraction.own_modules._finder.folders", [])
    for name in ("named_one", "its_helper", "nobodys"):
        (tmp_path / f"{name}.py").write_text("N = 1\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "named_one.py").write_text(
        "import its_helper\n\ndef later():\n    import nobodys\n    return nobodys.N\n"
    )
    look_in(tmp_path)
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("named_one", "its_helper", "nobodys"):
        sys.modules.pop(name, None)


def test_only_what_is_named_and_what_that_imports(folder):
    """A file beside the user's module is nobody's until the module asks for it: xarray, which
    looks whether dask is there, never runs a dask.py."""
    assert str(folder) not in sys.path
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nobodys")
    found = import_named("named_one")
    assert found.its_helper.N == 1
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nobodys")
    assert found.later() == 1


def test_what_is_installed_comes_first(folder):
    (folder / "json.py").write_text("raise SystemExit\n")
    assert import_named("json").dumps([]) == "[]"
