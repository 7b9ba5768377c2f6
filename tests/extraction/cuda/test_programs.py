"""Kernels as NVIDIA's own compiler takes them, without a GPU."""

import sys
from importlib import resources

import pytest
from standin import real_cupy

from hmax_cnn.extraction.cuda import graphs, symmetric

TEXTS = ["symmetric", "nearest", "windows", "normalisation", "updates"]
GENERATIONS = ["sm_75", "sm_80", "sm_90", "sm_100", "sm_120"]
# Filters as HMAX has them, and the largest and most that fit.
FILTERS = [(18, 1, 4), (symmetric.LARGEST // 2, 6, 12)]


def compiled(name, generation, options=()):
    """Machine code of one text; skips where the compiler is not installed."""
    nvrtc = real_cupy()[0].cuda.nvrtc
    text = resources.files("hmax_cnn.extraction.cuda").joinpath(f"{name}.cu").read_text()
    try:
        program = nvrtc.createProgram(text, f"{name}.cu", (), ())
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    try:
        nvrtc.compileProgram(program, (f"--gpu-architecture={generation}", *options))
        return nvrtc.getCUBIN(program)
    except nvrtc.NVRTCError as error:
        raise AssertionError(f"{error}: {nvrtc.getProgramLog(program)}") from error
    finally:
        nvrtc.destroyProgram(program)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_text_compiles_for_every_generation(generation):
    """From Turing to Blackwell; too much shared memory would be an error."""
    for name in TEXTS[1:]:
        assert len(compiled(name, generation)) > 1000
    for half, groups, filters in FILTERS:
        options = (f"-DHALF={half}", f"-DGROUPS={groups}", f"-DFILTERS={filters}", "-DRESPONSE=2")
        assert len(compiled("symmetric", generation, options)) > 1000


def test_every_text_is_tested():
    files = resources.files("hmax_cnn.extraction.cuda").iterdir()
    assert {file.name for file in files if file.name.endswith(".cu")} == {f"{n}.cu" for n in TEXTS}


@pytest.fixture
def _asked_anew():
    """Whether cuDNN is there is asked once in a process."""
    graphs.library.cache_clear()
    yield
    graphs.library.cache_clear()


@pytest.mark.usefixtures("_asked_anew")
def test_cudnn_that_cannot_be_used_is_told_of(tmp_path, monkeypatch):
    """A package without its library, as on a machine without a driver."""
    (tmp_path / "cudnn.py").write_text(
        "def create_handle():\n    raise RuntimeError('Unable to find symbol cudnnCreate')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cudnn", raising=False)
    monkeypatch.setenv("HMAX_CNN_CUDNN", "on")
    with pytest.warns(RuntimeWarning, match="cudnnCreate.*HMAX_CNN_CUDNN=off"):
        assert not graphs.available()
    sys.modules.pop("cudnn", None)
    graphs.library.cache_clear()
    monkeypatch.setenv("HMAX_CNN_CUDNN", "off")
    assert not graphs.available()
