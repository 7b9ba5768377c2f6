"""What many tests share: arrays on every device, image sets, an outside reference."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import standin
from threadpoolctl import threadpool_limits

from hmax_cnn.extraction.arrays import to_host
from hmax_cnn.extraction.operations import spectra

mpl.use("Agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    # There is a process for each core already; PyTorch and commands that are run read it here.
    threadpool_limits(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
collect_ignore = ["in_pytorch.py"]  # imported where PyTorch is; it holds no tests
SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass
class Place:
    """Where a test's arrays live."""

    name: str
    device: str

    def put(self, host: Any) -> Any:
        array = np.array(host)
        if self.device == "cuda":
            return sys.modules["cupy"].asarray(array)
        if self.name == "read-only":
            array.flags.writeable = False
        return array

    def host(self, array: Any) -> np.ndarray:
        assert self.device == "cpu" or not isinstance(array, np.ndarray), (
            "the result left the device"
        )
        return to_host(array)


@pytest.fixture(params=["compiled", "NumPy"])
def compiled_and_not(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Once with the kernels that Numba compiles, once by the plain definition."""
    if request.param == "NumPy":
        monkeypatch.setenv("HMAX_CNN_KERNELS", "off")
    else:
        pytest.importorskip("numba")
    return request.param


PLACES = ["numpy", "read-only", "stand-in", pytest.param("cupy", marks=pytest.mark.gpu)]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """NumPy, read-only NumPy, the stand-in for CuPy, and CuPy where there is a GPU."""
    spectra.filter_spectra.cache_clear()
    if request.param in ("numpy", "read-only"):
        return Place(request.param, "cpu")
    cupy, cupyx_fft = standin.real_cupy()
    if request.param == "stand-in":
        standin.install(monkeypatch, cupy, cupyx_fft)
    else:
        try:
            cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            pytest.skip(f"no GPU: {error}")
    return Place(request.param, "cuda")


@pytest.fixture
def shared() -> Path:
    """The folder of shared image sets."""
    if not SHARED.is_dir():
        pytest.skip(f"no image sets at {SHARED}; HMAX_CNN_DATA says where they are")
    return SHARED


@pytest.fixture
def reference(shared: Path) -> Path:
    """The folder of outputs of an independent HMAX."""
    folder = shared.parent / "reference"
    if not folder.is_dir():
        pytest.skip(f"no reference outputs at {folder}")
    return folder


@pytest.fixture
def images() -> np.ndarray:
    """Three smooth random pictures of 64 x 64 pixels, 8 bit."""
    rng = np.random.default_rng(0)
    rough = rng.standard_normal((3, 64, 64)).cumsum(axis=1).cumsum(axis=2)
    low, high = rough.min(axis=(1, 2), keepdims=True), rough.max(axis=(1, 2), keepdims=True)
    return (255 * (rough - low) / (high - low) * 0.7 + rng.integers(0, 70, rough.shape)).astype(
        np.uint8
    )
