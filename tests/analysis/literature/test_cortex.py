"""Cortical field sizes from the literature."""

import pandas as pd
import pytest

from hmax_cnn.analysis.literature.cortex import field_sizes_at


def test_cortical_sizes():
    """Areas with a slope grow with eccentricity, others do not; every row says what it is and how
    far to trust it."""
    near, far = field_sizes_at(2.0).set_index("area"), field_sizes_at(4.0).set_index("area")
    assert far.loc["V4", "low"] == pytest.approx(2 * near.loc["V4", "low"])
    assert far.loc["TE", "high"] == near.loc["TE", "high"] == 26
    assert isinstance(near, pd.DataFrame)
    assert near[["definition", "citation", "confidence"]].map(len).to_numpy().min() > 3
    with pytest.raises(ValueError, match="`eccentricity` must be positive"):
        field_sizes_at(0)
