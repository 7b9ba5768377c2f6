"""A stand-in for CuPy on machines without a GPU: arrays that behave as CuPy's where it matters,
with the functions that CuPy really has.

Implicit conversion to NumPy raises, mixing host and device arrays raises, results are never
scalars, and a function, method or keyword that the installed CuPy lacks is not there.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import cuda_on_processor
import numpy as np
import pytest
import scipy.fft

_FROM_HOST = ("asarray", "array")
_DATA = ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides")
_OPERATORS = [
    f"__{side}{name}__"
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and",
        "or",
        "xor",
    )
    for side in ("", "r", "i")
] + ["__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__", "__neg__", "__abs__", "__invert__"]


class DeviceArray:
    """An array that only the stand-in's own functions may touch."""

    __hash__ = None

    def __init__(self, host: np.ndarray) -> None:
        self._host = np.asarray(host)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
            "construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or not hasattr(_real(), ufunc.__name__):
            return NotImplemented
        return _wrapped(ufunc(*_unwrapped(inputs), **_unwrapped(options)))

    def get(self, *, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            return self._host.copy()
        np.copyto(out, self._host, casting="no")
        return out

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(_real().ndarray, name):
            raise AttributeError(f"CuPy's ndarray has no {name}")
        value = getattr(self._host, name)
        if name in _DATA:
            return value
        if callable(value):
            return _Function(name, value, getattr(_real().ndarray, name))
        return _wrapped(value)

    def __getitem__(self, index: Any) -> DeviceArray:
        return _wrapped(self._host[_unwrapped(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._host[_unwrapped(index)] = _unwrapped(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (_wrapped(item) for item in self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __int__(self) -> int:
        return int(self._host)


def _operator(name: str) -> Callable[..., Any]:
    def apply(self: DeviceArray, *others: Any) -> Any:
        result = getattr(self._host, name)(*_unwrapped(others))
        if result is NotImplemented:
            return result
        if name.startswith("__i") and name != "__invert__":
            self._host = result
            return self
        return _wrapped(result)

    return apply


for _name in _OPERATORS:
    setattr(DeviceArray, _name, _operator(_name))
DeviceArray.__module__ = "cupy"
DeviceArray.__name__ = "ndarray"


def _unwrapped(value: Any) -> Any:
    """Host values of device arrays; a host array among them is an error, as in CuPy."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(_unwrapped(item) for item in value)
    if isinstance(value, dict):
        return {key: _unwrapped(item) for key, item in value.items()}
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_wrapped(item) for item in value)
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(value)
    return value


class _Function:
    """A NumPy function or method that takes and gives device arrays, with the keywords of
    CuPy's."""

    def __init__(self, name: str, function: Callable[..., Any], real: Any = None) -> None:
        self.name, self.function, self.real = name, function, real

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if inspect.isfunction(self.real):
            inspect.signature(self.real).bind(*arguments, **options)
        else:
            _check_keywords(self.name, self.real, options)
        if self.name in _FROM_HOST and isinstance(arguments[0], np.ndarray | list | float | int):
            return DeviceArray(self.function(*arguments, **options).copy())
        return _wrapped(self.function(*_unwrapped(arguments), **_unwrapped(options)))


def _check_keywords(name: str, real: Any, options: dict[str, Any]) -> None:
    """Compiled methods have no signature but the first line of their docstring."""
    line = (getattr(real, "__doc__", None) or "").partition("\n")[0]
    if f"{name}(self" in line:
        unknown = [key for key in options if f"{key}=" not in line and f" {key}," not in line]
        if unknown:
            raise TypeError(f"CuPy's {line} takes no {', '.join(unknown)}")


class _Module(types.ModuleType):
    """NumPy's functions under CuPy's name, as far as CuPy has them."""

    def __init__(self, name: str, host: Any, real: Any) -> None:
        super().__init__(name)
        self._host, self._real = host, real

    def __getattr__(self, name: str) -> Any:
        if not hasattr(self._real, name):
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}: the installed CuPy lacks it"
            )
        value, real = getattr(self._host, name), getattr(self._real, name)
        if isinstance(value, types.ModuleType):
            return _Module(f"{self.__name__}.{name}", value, real)
        if callable(value) and not isinstance(value, type):
            return _Function(name, value, real)
        return value


def _real() -> Any:
    if isinstance(sys.modules.get("cupy"), _Module):
        return sys.modules["cupy"]._real
    return sys.modules["cupy"]


class _RawModule(cuda_on_processor.RawModule):
    """Kernels that take device arrays alone."""

    def get_function(self, name: str) -> Callable[..., None]:
        kernel = super().get_function(name)
        return lambda grid, block, arguments: kernel(grid, block, _unwrapped(arguments))


class _Stream:
    """Work is done when it is asked for: there is nothing to wait for."""

    def __init__(self, *, non_blocking: bool = False) -> None:
        pass

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def synchronize(self) -> None:
        pass


def install(monkeypatch: Any, cupy: Any, cupyx_fft: Any) -> None:
    """Put the stand-in in the place of the installed CuPy for one test."""
    module = _Module("cupy", np, cupy)
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDevice=lambda: 0,
        CUDARuntimeError=cupy.cuda.runtime.CUDARuntimeError,
    )
    module.cuda = types.SimpleNamespace(runtime=runtime, Stream=_Stream, get_current_stream=_Stream)
    module.RawModule, module.ndarray = _RawModule, DeviceArray
    pool = types.SimpleNamespace(free_all_blocks=lambda: None)
    module.get_default_memory_pool = lambda: pool
    monkeypatch.setenv("HMAX_CNN_CUDNN", "off")
    monkeypatch.setitem(sys.modules, "cupyx", types.SimpleNamespace(empty_pinned=np.empty))
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setitem(
        sys.modules, "cupyx.scipy.fft", _Module("cupyx.scipy.fft", scipy.fft, cupyx_fft)
    )


def real_cupy() -> tuple[Any, Any]:
    """The installed CuPy and its Fourier transforms; skips where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("cupy", reason="CuPy is not installed: its names cannot be checked")
        return importlib.import_module("cupy"), importlib.import_module("cupyx.scipy.fft")
