"""Windows, and their adjoint."""

import numpy as np
import pytest

from hmax_cnn.extraction.fields import Window
from hmax_cnn.extraction.operations.windows import spread, window_views

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(5)


VALUES = RNG.random((2, 3, 9, 8)) + 0.1


def test_spread_is_the_adjoint_of_look():
    window = Window((3, 2), (2, 1), ((1, 0), (1, 2)), (1, 2))
    views = window_views(VALUES, window)
    other = RNG.standard_normal(views.shape)
    assert (views * other).sum() == pytest.approx(
        (VALUES * spread(other, VALUES.shape, window)).sum(), rel=1e-12
    )
