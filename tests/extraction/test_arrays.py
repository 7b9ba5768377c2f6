"""Devices: asking for a GPU that is not there."""

import pytest

from hmax_cnn.hmax import HMAX


def test_asking_for_a_missing_gpu(monkeypatch, images):
    import importlib

    real = importlib.import_module

    def without(name, *rest):
        if name == "cupy":
            raise ModuleNotFoundError("No module named 'cupy'")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(RuntimeError, match=r"CuPy cannot be imported.*extra `gpu`"):
        HMAX(layer="c1", device="cuda").transform(images)
    assert HMAX(layer="c1", device="auto").transform(images).shape[0] == 3
