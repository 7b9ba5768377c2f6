"""Compiled kernels: kept apart, shared safely, and done without."""

import os
import subprocess
import sys

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX

pytest.importorskip("numba")
PROGRAM = """
import numpy as np
from hmax_cnn import HMAX
images = np.random.default_rng(0).integers(0, 256, (2, 70, 70)).astype(np.uint8)
c1 = HMAX(layer="c1", bands=2).transform(images)
print(c1.shape, c1.tobytes().hex()[:4000])
"""


def told_by(folder, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_several_processes_fill_one_folder(tmp_path):
    """All compile or wait, and answer alike; another reads what they left."""
    running = [told_by(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept")) for _ in range(3)]
    answers = [process.communicate() for process in running]
    assert {errors for _, errors in answers} == {""}
    assert len({answer for answer, _ in answers}) == 1
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.nbc")}
    assert kept
    again, _ = told_by(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept")).communicate()
    assert again == answers[0][0]
    assert kept == {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.nbc")}


@pytest.mark.slow
def test_nowhere_to_keep_what_is_compiled(tmp_path):
    """A folder that cannot be made is no reason to fail."""
    (tmp_path / "file").write_text("no folder")
    answer, errors = told_by(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "file")).communicate()
    assert answer.startswith("(2, ")
    assert errors == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_numba_it_says_so_once(tmp_path):
    """A file that hides a module which Numba imports; HMAX answers as before, to 2e-6."""
    (tmp_path / "coverage.py").write_text("")
    twice = PROGRAM + "HMAX(layer='c1', bands=1).transform(images)"
    told = subprocess.run(
        [sys.executable, "-c", twice], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stderr.count("run up to three times slower") == 1
    assert told.stderr.count("\n") == 1
    assert told.stdout.startswith("(2, ")


def test_switched_off(monkeypatch):
    """Both ways agree to 2e-6 (seen: 3e-7), in all responses and borders."""
    images = np.random.default_rng(0).integers(0, 256, (2, 70, 90)).astype(np.uint8)
    options = {"bands": 3, "phases": (0, 90)}
    for response in ("absolute", "half", "signed", "energy"):
        for border in ("silent", "padded"):
            model = HMAX(layer=["s1", "c1"], s1_response=response, s1_border=border, **options)
            by_kernels = model.transform(images)
            alone = HMAX(layer="c1", s1_response=response, s1_border=border, **options)
            c1 = alone.transform(images)
            monkeypatch.setenv("HMAX_CNN_KERNELS", "off")
            np.testing.assert_allclose(by_kernels, model.transform(images), atol=2e-6)
            np.testing.assert_allclose(c1, alone.transform(images), atol=2e-6)
            monkeypatch.delenv("HMAX_CNN_KERNELS")
