"""Outputs of an independent HMAX family, beside the image sets."""

import os
from pathlib import Path

import numpy as np
import pytest

DATA = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))


def reference(name):
    path = DATA.parent / "reference" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return np.load(path)
