"""Units in the middle: few, and of all bands."""

from field_models import MODELS

from hmax_cnn.analysis.measures.central_units import central_units
from hmax_cnn.analysis.measures.receptive_fields import theoretical_fields
from hmax_cnn.hmax import HMAX


def test_central_units_are_few_and_in_the_middle():
    units = central_units(MODELS["LeNet-5"][0], (32, 32), ["c1", "c3"], 3)
    theoretical = theoretical_fields(MODELS["LeNet-5"][0], (32, 32), units)
    assert theoretical.groupby("layer").size().tolist() == [3, 3]
    assert (abs((theoretical["left"] + theoretical["right"]) / 2 - 16) <= 1.5).all()


def test_central_units_are_of_all_bands():
    """Eight of C1's four bands: two of each; so a layer's mean does not hang on the draw."""
    theoretical = theoretical_fields(
        HMAX(bands=4), (96, 96), central_units(HMAX(bands=4), (96, 96), ["c1"], 8)
    )
    assert theoretical["band"].value_counts().to_dict() == {"b1": 2, "b2": 2, "b3": 2, "b4": 2}
