"""Tables of units and layers."""

import numpy as np
import pytest
from synthetic import UNITS, five_units

from hmax_cnn.analysis.measures.invariance import (
    normalised_variance,
)
from hmax_cnn.analysis.results import Resampling, layer_table, unit_table

pytestmark = pytest.mark.quick

FEW = Resampling(40)


def test_tables_of_units_and_layers():
    """One row per unit, one per layer, not crossed."""
    found = normalised_variance(five_units(), resampling=FEW)
    units, layers = unit_table(found), layer_table(found)
    assert units["unit"].tolist() == list(UNITS) == layers["layer"].tolist()
    np.testing.assert_array_equal(units["value"], found["value"])
    np.testing.assert_array_equal(layers["layer_high"], found["layer_high"])
    with pytest.raises(ValueError, match="`result` must have the dim 'unit'"):
        unit_table(found.drop_dims("unit"))
    with pytest.raises(TypeError, match=r"`responses` must be an xarray\.DataArray"):
        normalised_variance(five_units().values)
