"""Correlation and its gradient of the maps by cuDNN, where `nvidia-cudnn-frontend` is installed.

The gradient of the filters is not: cuDNN's was seen to be 10 to 20 times less precise, relative
errors of 5e-6 to 2e-5 against 7e-7 of one product, and at times 10 times slower.

In single precision, by algorithms that give the same bits each time. With `CUPY_TF32=1` in the
environment, as everywhere in CuPy, they may use TF32, which keeps 10 bits of each factor.
`HMAX_CNN_CUDNN=off` goes without cuDNN.
"""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from queue import Empty, LifoQueue
from threading import Lock
from types import ModuleType
from typing import Any

from ..arrays import Array, namespace, step_bytes
from ..fields import Window
from ..progress import LOG
from .programs import ready

Shape = tuple[int, ...]
_MOST_PLANS = 512


def available() -> bool:
    """Whether cuDNN can be used."""
    return os.environ.get("HMAX_CNN_CUDNN", "on") != "off" and library() is not None


@cache
def library() -> ModuleType | None:
    """NVIDIA's front end, where it is installed and finds cuDNN and a driver."""
    if find_spec("cudnn") is None:
        return None
    try:
        import cudnn

        handle = cudnn.create_handle()
        cudnn.destroy_handle(handle)
    except (ImportError, OSError, RuntimeError) as error:
        msg = (
            f"`nvidia-cudnn-frontend` is installed but cannot be used ({error}): convolutions go "
            "by products of matrices, more slowly. Install `nvidia-cudnn-cu12` or "
            "`nvidia-cudnn-cu13`, whichever CUDA it is, or set HMAX_CNN_CUDNN=off."
        )
        warnings.warn(msg, RuntimeWarning, stacklevel=2)
        return None
    return cudnn


def version() -> str:
    """Of cuDNN, where it is used; 'none' where not."""
    cudnn = library() if available() else None
    return "none" if cudnn is None else str(cudnn.backend_version())


def correlate(values: Array, weights: Array, window: Window) -> Array | None:
    """Matches of filters; see `correlation.correlate`. None where cuDNN has no way to make them."""
    matches = (len(values), len(weights), *window.count(*values.shape[2:]))
    return _run(_Task.of("fprop", values.shape, weights.shape, matches, window), values, weights)


def values_back(gradient: Array, weights: Array, shape: Shape, window: Window) -> Array | None:
    """The gradient of `correlate` with respect to the maps, of this shape; or None, as there."""
    return _run(_Task.of("dgrad", shape, weights.shape, gradient.shape, window), gradient, weights)


@dataclass(frozen=True)
class _Task:
    """What a plan is made for."""

    kind: str
    maps: Shape
    filters: Shape
    matches: Shape
    window: Window
    tf32: bool

    @classmethod
    def of(cls, kind: str, maps: Shape, filters: Shape, matches: Shape, window: Window) -> _Task:
        tf32 = os.environ.get("CUPY_TF32") == "1"
        return cls(kind, tuple(maps), tuple(filters), tuple(matches), window, tf32)

    @property
    def inputs(self) -> tuple[Shape, Shape]:
        return {
            "fprop": (self.maps, self.filters),
            "dgrad": (self.matches, self.filters),
        }[self.kind]

    @property
    def output(self) -> Shape:
        return {"fprop": self.matches, "dgrad": self.maps}[self.kind]


@dataclass(frozen=True)
class _Plan:
    """A graph of one operation, ready to run."""

    graph: Any
    tensors: tuple[int, int, int]  # numbers of its two inputs and its output
    workspace: int  # in bytes

    @classmethod
    def of(cls, cudnn: ModuleType, handle: Any, task: _Task, most_bytes: int) -> _Plan:
        single = cudnn.data_type.FLOAT
        graph = cudnn.pygraph(
            handle=handle,
            io_data_type=single,
            intermediate_data_type=single,
            compute_data_type=single,
        )
        first, second = (
            graph.tensor(name=name, dim=list(shape), stride=_strides(shape), data_type=single)
            for name, shape in zip(("first", "second"), task.inputs, strict=True)
        )
        (above, below), (before, behind) = task.window.padding
        geometry = {
            "pre_padding": [above, before],
            "post_padding": [below, behind],
            "stride": list(task.window.stride),
            "dilation": list(task.window.dilation),
        }
        if task.kind == "fprop":
            made = graph.conv_fprop(image=first, weight=second, **geometry)
        else:
            made = graph.conv_dgrad(loss=first, filter=second, **geometry)
        made.set_output(True).set_dim(list(task.output)).set_stride(_strides(task.output))
        made.set_data_type(single)
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        notes = cudnn.numerical_note
        unwanted = [notes.NONDETERMINISTIC]
        if not task.tf32:
            unwanted += [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS]
        graph.deselect_numeric_notes(unwanted)
        graph.deselect_workspace_greater_than(most_bytes)
        graph.check_support()
        graph.build_plans()
        numbers = (first.get_uid(), second.get_uid(), made.get_uid())
        return cls(graph, numbers, graph.get_workspace_size())


def _strides(shape: Shape) -> list[int]:
    """Of a contiguous array, in elements."""
    strides = [1]
    for side in shape[:0:-1]:
        strides.insert(0, strides[0] * side)
    return strides


# Planning takes milliseconds, running a fraction of one.
_plans: dict[tuple[int, _Task], _Plan | None] = {}
_planning = Lock()
# A handle belongs to one GPU, and to one thread at a time, and takes megabytes: threads hand theirs
# on.
_handles: dict[int, LifoQueue[Any]] = defaultdict(LifoQueue)


@contextmanager
def _handle(cudnn: ModuleType, gpu: int, stream: int) -> Iterator[Any]:
    try:
        handle = _handles[gpu].get_nowait()
    except Empty:
        handle = cudnn.create_handle()
    cudnn.set_stream(handle, stream)
    try:
        yield handle
    finally:
        _handles[gpu].put(handle)


def _planned(cudnn: ModuleType, handle: Any, task: _Task, most_bytes: int) -> _Plan | None:
    """A plan, or None where no algorithm does as is asked."""
    try:
        return _Plan.of(cudnn, handle, task, most_bytes)
    except (RuntimeError, cudnn.cudnnGraphNotSupportedError) as error:
        LOG.warning("cuDNN has no plan for %s (%s): by columns, more slowly.", task, error)
        return None


def _run(task: _Task, first: Array, second: Array) -> Array | None:
    """What cuDNN makes of two arrays, on the current stream."""
    cudnn, xp = library(), namespace(first)
    if cudnn is None:
        msg = "cuDNN is not available."
        raise RuntimeError(msg)
    arrays = (ready(first), ready(second), xp.empty(task.output, xp.float32))
    key = (xp.cuda.runtime.getDevice(), task)
    with _handle(cudnn, key[0], xp.cuda.get_current_stream().ptr) as handle:
        with _planning:
            if key not in _plans:
                if len(_plans) >= _MOST_PLANS:
                    _plans.clear()
                _plans[key] = _planned(cudnn, handle, task, step_bytes(xp))
            plan = _plans[key]
        if plan is None:
            return None
        workspace = xp.empty(max(1, plan.workspace), xp.uint8)
        pointers = {
            tensor: array.data.ptr for tensor, array in zip(plan.tensors, arrays, strict=True)
        }
        plan.graph.execute(pointers, workspace.data.ptr, handle=handle)
    return arrays[-1]
