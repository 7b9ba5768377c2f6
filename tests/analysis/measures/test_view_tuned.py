"""View-tuned units answer to their target."""

import numpy as np
import pytest
from synthetic import VALUES, grid

from hmax_cnn.analysis.measures.tolerance import (
    tolerance_range,
)
from hmax_cnn.analysis.measures.view_tuned import view_tuned_tolerance, view_tuned_units
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


def test_tolerance_counts_distractors_only():
    """Objects on a line: targets at 0 and 10, distractors at 4 and 30; a shift moves an object by
    its own amount. The unit for 0 is beaten beyond 4, whatever the other target does."""
    places = np.array([0.0, 10.0, 4.0, 30.0])
    layer = grid(places[:, None, None] + VALUES[None, :, None].astype(float))
    found = view_tuned_tolerance(layer, n_targets=2, resampling=FEW)
    inside = VALUES[np.abs(VALUES) < 4]
    assert found.sizes["unit"] == 2
    assert found["lowest"].values[0] == inside.min()
    assert found["highest"].values[0] == inside.max()
    # The unit for 10 has its distractor at a distance of 6.
    beyond = VALUES[np.abs(VALUES) < 6]
    assert found["value"].values[1] == beyond.max() - beyond.min()
    everyone = tolerance_range(
        view_tuned_units(layer, [0, 1], sigma=20.0), targets=[0, 1], resampling=FEW
    )
    assert (everyone["value"].values <= found["value"].values).all()
    with pytest.raises(ValueError, match="`n_targets` must lie between 1 and 3"):
        view_tuned_tolerance(layer, n_targets=4)
    with pytest.raises(ValueError, match="`distractors` must be numbers of the 4 images"):
        tolerance_range(view_tuned_units(layer), distractors=[9], targets=[0, 1, 2, 3])


def test_ranges_of_sizes_are_octaves():
    """A target that is recognised from 32 to 128 pixels around 64 is so over two octaves."""
    import xarray as xr

    sizes = np.array([16.0, 32.0, 64.0, 128.0, 256.0])
    # The target's response leaves its place by 3 an octave; the distractor is 7 away.
    off = 3 * np.log2(sizes / 64)
    values = np.stack([off, np.full(5, 7.0)])[:, :, None]
    layer = xr.DataArray(
        values,
        {
            "image": ["target", "other"],
            "size": ("size", sizes, {"units": "pixels"}),
            "unit": ["u"],
            "layer": ("unit", ["c2"]),
        },
        ("image", "size", "unit"),
        attrs={"identity": 64.0},
    )
    found = view_tuned_tolerance(layer, n_targets=1, octaves=True, resampling=FEW)
    assert found["value"].values.tolist() == [4.0]
    assert found["value"].units == "octaves"
    nearer = layer.copy(data=np.stack([off, np.full(5, 5.0)])[:, :, None])
    found = view_tuned_tolerance(nearer, n_targets=1, octaves=True, resampling=FEW)
    assert found["value"].values.tolist() == [2.0]
    with pytest.raises(ValueError, match="`octaves` are for lengths above 0"):
        view_tuned_tolerance(grid(np.ones((3, 9, 4))), n_targets=1, octaves=True)
    with pytest.raises(ValueError, match="`n_targets` must lie between 1 and 1, a whole number"):
        view_tuned_tolerance(layer, n_targets=1.5)
