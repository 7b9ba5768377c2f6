"""View-tuned units answer to their target."""

import numpy as np
import pytest
from synthetic import VALUES, grid

from hmax_cnn.analysis.measures.tolerance import (
    tolerance_range,
)
from hmax_cnn.analysis.measures.view_tuned import view_tuned_units
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(40)


def test_view_tuned_units_answer_to_their_target():
    rng = np.random.default_rng(0)
    objects = rng.standard_normal((5, 20))
    away = rng.standard_normal((9, 20)) * np.abs(VALUES)[:, None] / 4
    layer = grid(objects[:, None] + away[None], layer=("unit", ["a"] * 12 + ["b"] * 8))
    tuned = view_tuned_units(layer, targets=[0, 3], sigma=2.0)
    assert list(tuned["unit"].values) == ["a_i0", "a_i3", "b_i0", "b_i3"]
    assert tuned.sel(unit="a_i3", shift=0)[3] == 1
    expected = np.exp(-((layer.values[2, 5, :12] - layer.values[0, 4, :12]) ** 2).sum() / 8)
    assert tuned.values[2, 5, 0] == pytest.approx(expected)
    found = tolerance_range(tuned, targets=tuned["target"].values, resampling=FEW)
    assert (found["value"] > 0).all()
    with pytest.raises(ValueError, match="`sigma` must be given for layer 'all'"):
        view_tuned_units(grid(np.ones((3, 9, 4))))
    with pytest.raises(ValueError, match="`targets` must be numbers of the 5 images"):
        view_tuned_units(layer, targets=[9])
