"""The architecture as a model tells it."""

import pytest

from hmax_cnn.analysis.measures.architecture import architecture
from hmax_cnn.cnn import CNN

pytestmark = pytest.mark.quick


def test_architecture_is_the_models_own():
    """Rows are those of summary and fields, in the order of the layers."""
    model = CNN("lenet5", weights="untrained")
    rows = architecture(model, (32, 32), ["c1", "s2", "c3"]).to_dataframe()
    assert rows["layer"].tolist() == ["c1", "s2", "c3"]
    assert rows["value"].tolist() == [5, 6, 14]
    assert rows["features"].tolist() == [6, 6, 16]
    assert set(rows["image_width"]) == {32}
    degrees = architecture(model, (32, 32), ["c1"], pixels_per_degree=2.0)
    assert degrees["degrees"].item() == 2.5
