"""Tolerance: its range, what comes from the border, and what it costs in selectivity."""

import numpy as np
import pytest
from synthetic import VALUES, grid

from hmax_cnn.analysis.measures.tolerance import (
    border_share,
    selectivity_and_tolerance,
    tolerance_range,
)
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.transformations import shift
from hmax_cnn.data.transformed import transformed
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick

FEW = Resampling(40)


def test_tolerance_range_of_a_gaussian():
    """A unit with a Gaussian over shift beats a distractor at height h where |shift| < sigma
    sqrt(-2 ln h)."""
    sigma, points = 2.0, np.arange(-8, 8.25, 0.25)
    target = np.exp(-(points**2) / (2 * sigma**2))
    values = np.stack([target, np.full_like(points, 0.5), np.full_like(points, 0.2)])[..., None]
    found = tolerance_range(grid(values, points=points), resampling=FEW)
    edge = sigma * np.sqrt(2 * np.log(2))
    assert found["lowest"].item() == -np.floor(edge / 0.25) * 0.25
    assert found["value"].item() == pytest.approx(2 * np.floor(edge / 0.25) * 0.25)
    assert not found["cut_off"].item()
    assert np.isnan(found["high"].item())  # of one unit there is no interval
    assert found["value"].attrs["units"] == "pixels"


def test_tolerance_range_is_contiguous_and_may_be_cut_off():
    target = np.array([5, 0, 5, 5, 5, 5, 5, 5, 5.0])
    values = np.stack([target, np.ones(9)])[..., None]
    found = tolerance_range(grid(values), resampling=Resampling(0))
    assert (found["lowest"].item(), found["highest"].item(), found["cut_off"].item()) == (
        VALUES[2],
        VALUES[-1],
        True,
    )
    never = grid(np.ones((2, 9, 1)))
    assert np.isnan(tolerance_range(never, resampling=FEW)["value"].item())
    scale = grid(values, "scale", "times", 1.0, points=2.0 ** np.arange(-4, 5))
    assert tolerance_range(scale, resampling=FEW)["value"].item() == 6
    assert tolerance_range(scale, resampling=FEW).attrs["units"] == "octaves"
    with pytest.raises(ValueError, match="rising values of shift"):
        tolerance_range(grid(values).isel(shift=slice(None, None, -1)))
    with pytest.raises(ValueError, match="`targets` must be an image number below 2"):
        tolerance_range(grid(values), targets=[7])


def test_tolerance_range_of_distractors_that_move_along():
    target, other = np.array([0, 1, 2, 3, 4, 3, 2, 1, 0.0]), np.array([0, 0, 1, 2, 1, 2, 1, 3, 0.0])
    values = np.stack([target, other])[..., None]
    here = tolerance_range(grid(values), resampling=Resampling(0))
    along = tolerance_range(grid(values), same_value=True, resampling=Resampling(0))
    assert (here["lowest"].item(), here["highest"].item()) == (-2, 2)
    assert (along["lowest"].item(), along["highest"].item()) == (-3, 2)


def test_border_share():
    """Pixels at the rim change only by what comes in; those inside only by what moves; with a
    wrapped border all moves."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 12, 12)).astype(np.uint8)
    answer = {
        alone: responses(
            Pixels(grid=(12, 12)), transformed(pictures, shift(fill=0), (0, 2), border_only=alone)
        )
        for alone in (False, True)
    }
    found = border_share(answer[False], answer[True], FEW)
    share = found["value"].values.reshape(12, 12)
    np.testing.assert_allclose(share[:, :2], 1, rtol=1e-6)
    np.testing.assert_array_equal(share[:, 2:], 0)
    with pytest.raises(ValueError, match="border_only=True"):
        border_share(answer[False], answer[False])


def test_selectivity_and_tolerance():
    """Units that answer to one image of n have selectivity 1; tolerance is what is left of their
    response, on average."""
    values = np.zeros((6, 9, 3))
    for unit, rest in enumerate((0.2, 0.5, 0.8)):
        values[: unit + 1, :, unit] = rest
        values[: unit + 1, 4, unit] = 1
    found = selectivity_and_tolerance(grid(values, layer=("unit", ["a"] * 3)), resampling=FEW)
    np.testing.assert_allclose(
        found["selectivity"], [(1 - k / 6) / (1 - 1 / 6) for k in (1, 2, 3)], rtol=1e-6
    )
    np.testing.assert_allclose(found["tolerance"], [0.2, 0.5, 0.8], rtol=1e-6)
    assert found["layer_value"].item() == pytest.approx(-1)
    few = selectivity_and_tolerance(grid(values[..., :2]), resampling=FEW)
    assert np.isnan(few["layer_value"].item())
