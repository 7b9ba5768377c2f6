"""What tests of figures and of studies share."""

import numpy as np
import pytest
from synthetic import VALUES, grid

LAYERED = {"layer": ("unit", ["a"] * 3 + ["b"] * 3)}


@pytest.fixture
def found():
    return grid(np.random.default_rng(0).random((6, len(VALUES), 6)), **LAYERED)
