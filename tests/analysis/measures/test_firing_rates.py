"""Firing-rate invariance: its threshold and its score."""

import numpy as np
import pytest
from synthetic import five_units, grid, of

from hmax_cnn.analysis.measures.firing_rates import firing_rate_invariance
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(40)


def test_firing_rate_invariance():
    """A unit that ignores the transformation has the most there is, 1 / G; noise about 1, its
    chance, the better sign a little more."""
    found = firing_rate_invariance(five_units(1000), resampling=FEW)
    assert of(found, "invariant") == pytest.approx(100, rel=1e-6)
    assert 0 <= of(found, "noise") < 5  # of 10 images at 8 values: seen 2.5
    assert of(found, "invariant", "control") < 5
    for silent in ("constant", "silent", "moving"):
        assert np.isnan(of(found, silent))


def test_firing_rate_threshold_is_calibrated():
    """On another baseline the rate met is what counts; a unit of two values cannot meet 1 % and is
    undefined."""
    rng = np.random.default_rng(0)
    values = grid(np.repeat(rng.random((50, 1, 1)), 9, axis=1))
    baseline = values.isel(shift=0, drop=True).transpose("image", "unit") * 0 + rng.random((50, 1))
    low = firing_rate_invariance(values, rate=0.1, baseline=baseline, resampling=Resampling(0))
    line = np.sort(baseline.values[:, 0])[-5]
    fires = np.sort(values.values[:, 4, 0])[::-1][:5] >= line
    turned = np.sort(values.values[:, 4, 0])[:5] <= np.sort(baseline.values[:, 0])[4]
    assert low["value"].item() == pytest.approx(max(fires.mean(), turned.mean()) / 0.1)
    binary = grid(np.repeat((rng.random((50, 1, 1)) > 0.5) * 1.0, 9, axis=1))
    assert np.isnan(
        firing_rate_invariance(binary, rate=0.02, resampling=Resampling(0))["value"].item()
    )
    with pytest.raises(
        ValueError,
        match=(
            r"`rate` must lie between 0 and 1 and be met by at least one of the 450 responses of "
            r"the baseline, got 0\.001"
        ),
    ):
        firing_rate_invariance(values, rate=0.001)
    with pytest.raises(ValueError, match="`baseline` must have dims"):
        firing_rate_invariance(values, baseline=values)
