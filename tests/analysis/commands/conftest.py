"""What tests of the commands share."""

import json

import numpy as np
import pytest
import small_study
from command_line import invoke
from PIL import Image


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Three classes of twelve gratings each, which any model tells apart."""
    root = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:48, :48]
    rng = np.random.default_rng(0)
    for name, across in {"level": y, "upright": x, "slanted": x + y}.items():
        (root / name).mkdir()
        for index in range(12):
            grating = (
                127
                + 90 * np.sin(2 * np.pi * across / 9 + rng.uniform(0, 6))
                + rng.normal(0, 10, y.shape)
            )
            Image.fromarray(grating.clip(0, 255).astype(np.uint8)).save(
                root / name / f"{index:02d}.png"
            )
    return root


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A small study that was run."""
    folder = tmp_path_factory.mktemp("small")
    path = small_study.written(folder)
    done = invoke("study", "run", path, "--output", folder / "out", "--jobs", 1, "--json")
    assert done.exit_code == 0, done.output
    return path, folder / "out", json.loads(done.stdout)
