"""The CUDA texts beside this file, compiled by CuPy for the GPU at hand when first used.

CuPy keeps what it compiled on disk. A text holds kernels and says what their arguments are; what
else it needs to know when it is compiled, such as the side of the largest filter, are constants.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from types import ModuleType
from typing import Any

import numpy as np

from ..arrays import Array, namespace, on_gpu
from ..fields import Window

THREADS = 256  # of a block, where a kernel does not say otherwise


def numerics(xp: ModuleType) -> dict[str, str]:
    """What the last bits of results on a device depend on, beside our own versions.

    Parameters
    ----------
    xp : module
        NumPy or CuPy.

    Returns
    -------
    dict from str to str
    """
    if xp is np:
        return {"device": "cpu"}
    from . import graphs

    return {
        "device": "cuda",
        "cupy": xp.__version__,
        "tf32": os.environ.get("CUPY_TF32", "0"),
        "cudnn": graphs.version(),
    }


def suits(*arrays: Array) -> bool:
    """Whether the kernels can take these arrays: single precision, on the GPU."""
    return all(on_gpu(array) and array.dtype == np.float32 for array in arrays)


def ready(array: Array) -> Array:
    """The array as kernels take it: contiguous, float32; the same where it is so, else a copy."""
    xp = namespace(array)
    return xp.ascontiguousarray(array, dtype=xp.float32)


class Program:
    """One text, compiled with some constants; made by `program`."""

    def __init__(self, xp: ModuleType, module: Any) -> None:
        self.xp, self.module = xp, module
        # By name and GPU: asking for one anew takes as long as starting it.
        self.kernels: dict[tuple[str, int], Any] = {}

    def run(self, kernel: str, grid: Sequence[int], block: Sequence[int], *arguments: Any) -> None:
        """Start a kernel on the current stream.

        Parameters
        ----------
        kernel : str
        grid, block : sequence of int
            Blocks, and threads of each, along x, y and z. Where there are none, nothing is done.
        *arguments
            Arrays; numbers as NumPy's, or int for C's; None for a null pointer.
        """
        if 0 in grid:
            return
        key = (kernel, self.xp.cuda.runtime.getDevice())
        if key not in self.kernels:
            self.kernels[key] = self.module.get_function(kernel)
        self.kernels[key](tuple(grid), tuple(block), tuple(map(_in_c, arguments)))

    def run_for_each(self, kernel: str, n_items: int, *arguments: Any) -> None:
        """Start a kernel that has a thread for each of so many items."""
        self.run(kernel, (-(-n_items // THREADS),), (THREADS,), *arguments)


def _in_c(argument: Any) -> Any:
    """An argument with the size that the kernel expects."""
    if argument is None:
        return np.uintp(0)
    if isinstance(argument, int):
        return np.int32(argument)
    return argument


@lru_cache(maxsize=64)
def program(xp: ModuleType, name: str, **constants: int) -> Program:
    """One text, compiled with some constants, the same each time.

    Parameters
    ----------
    xp : module
        CuPy.
    name : str
        Of the file, without its ending.
    **constants : int
        By their names in the text.

    Returns
    -------
    Program
    """
    text = resources.files(__package__).joinpath(f"{name}.cu").read_text(encoding="utf-8")
    options = tuple(f"-D{key}={n}" for key, n in sorted(constants.items()))
    return Program(xp, xp.RawModule(code=text, options=options))


def geometry(window: Window, sides: Sequence[int]) -> tuple[int, ...]:
    """A window on maps of these sides, as kernels take it."""
    (above, _), (before, _) = window.padding
    count = window.count(*sides)
    return (
        *map(int, sides), *count, *window.size, *window.stride, *window.dilation, above, before,
    )  # fmt: skip
