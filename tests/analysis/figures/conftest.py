"""Tables and results to draw."""

import numpy as np
import pytest
from drawing import MADE

from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.stimuli import fourier_shapes

FEW = Resampling(10)


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))


SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


@pytest.fixture(scope="session")
def made():
    """Tables for each figure, made once."""
    kept = {}
    return lambda name: kept.setdefault(name, MADE[name](np.random.default_rng(0)))
