"""Losses: gradients by finite differences."""

import numpy as np
import pytest

from hmax_cnn.cnn.losses import LOSSES

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_gradients_are_finite_differences(loss):
    scores, classes = 3 * RNG.standard_normal((6, 4)), RNG.integers(0, 4, 6)
    value, gradient = LOSSES[loss](scores, classes)
    towards = RNG.standard_normal(scores.shape)
    ends = [LOSSES[loss](scores + sign * 1e-6 * towards, classes)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx((gradient * towards).sum(), rel=1e-7)
    assert np.isfinite(LOSSES[loss](1e4 * scores, classes)[0])
    assert value > 0
