"""CUDA texts compiled for the processor through a small header, and run on NumPy's arrays."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import pytest

_HEADER = Path(__file__).with_suffix(".h")
_KERNEL = re.compile(r"__global__ void (\w+)\(")
_SILENT = ("unknown-pragmas", "sign-compare", "unused-function", "unused-variable")
_OPTIONS = (
    *("-std=c++17", "-O3", "-march=native", "-U_FORTIFY_SOURCE", "-shared", "-fPIC"),
    *("-Wall", "-Werror"),
    *(f"-Wno-{name}" for name in _SILENT),
)


@cache
def built(code: str, options: Sequence[str]) -> ctypes.CDLL:
    """A text with the header around it, compiled, and kept in the folder for temporary files."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: kernels cannot be compiled for the processor")
    exports = "".join(f"EXPORT({name})\n" for name in _KERNEL.findall(code))
    whole = f'#include "{_HEADER}"\n{code}\n{exports}'
    digest = sha256(repr((whole, _HEADER.read_text(), options, _OPTIONS)).encode()).hexdigest()
    library = Path(tempfile.gettempdir(), f"hmax-cnn-cuda-{os.getuid()}", f"{digest[:24]}.so")
    if not library.exists():
        library.parent.mkdir(mode=0o700, exist_ok=True)
        # Under a name of its own first: another process or thread may be at the same text.
        unfinished = library.with_suffix(f".{os.getpid()}-{get_ident()}")
        command = ["g++", *_OPTIONS, *options, "-x", "c++", "-", "-o", str(unfinished)]
        subprocess.run(command, input=whole, text=True, check=True)
        unfinished.rename(library)
    # The lock held: "shared" memory is that of the process, one kernel at a time.
    return ctypes.PyDLL(str(library))


class Kernel:
    """A kernel that is launched as CuPy's are, on NumPy's arrays."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.name, self.library = name, library
        into = ctypes.create_string_buffer(1000)
        getattr(library, f"describe_{name}")(into)
        self.kinds = into.value.decode().split()

    def __call__(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any]) -> None:
        assert len(arguments) == len(self.kinds), (self.name, len(arguments), self.kinds)
        assert all(n <= 65535 for n in grid[1:]), grid
        values = [self._checked(*pair) for pair in zip(arguments, self.kinds, strict=True)]
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        sides = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))]
        start = getattr(self.library, f"start_{self.name}")
        start.restype = ctypes.c_bool
        together = start((ctypes.c_uint * 6)(*sides), pointers)
        assert together, f"threads of {self.name} wait for others that have ended"

    def _checked(self, argument: Any, kind: str) -> np.ndarray:
        """The argument's bytes: a number, or the address of an array."""
        if isinstance(argument, np.ndarray):
            assert kind == f"{argument.dtype}*", (self.name, argument.dtype, kind)
            assert argument.flags.c_contiguous, (self.name, argument.strides)
            return np.array([argument.ctypes.data], np.uintp)
        if kind.endswith("*"):
            assert argument == 0, (self.name, argument, kind)
            return np.array([0], np.uintp)
        assert isinstance(argument, np.generic), (self.name, argument)
        assert str(argument.dtype) == kind, (self.name, argument.dtype, kind)
        return np.array([argument])


class RawModule:
    """As CuPy's, for the processor."""

    def __init__(self, *, code: str, options: Sequence[str] = ()) -> None:
        self.library = built(code, tuple(options))

    def get_function(self, name: str) -> Kernel:
        return Kernel(self.library, name)
