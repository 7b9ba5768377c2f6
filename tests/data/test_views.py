"""Views of objects as a transformation."""

import numpy as np
import pytest

from hmax_cnn.data import open_dataset
from hmax_cnn.data.stimuli import paperclips
from hmax_cnn.data.views import views

pytestmark = pytest.mark.quick


def test_views_of_wires_and_objects(shared):
    clips = paperclips((32, 32), 3, views=(-20, 0, 20))
    found = views(clips, clips.table["object"], clips.table["view"], 0)
    np.testing.assert_array_equal(found[5], clips[5])
    assert found.names == ["0", "1", "2"]
    coil = open_dataset(shared / "coil20" / "index.csv")
    turning = views(coil, coil.labels, coil.columns["angle_deg"], 0)
    assert (len(turning.names), len(turning.values)) == (20, 36)
    assert turning.names[3] == "obj04"
    if "obj4/x" in coil.names:
        index = list(coil.names).index("obj4/x")
    else:
        index = next(
            i
            for i, (label, angle) in enumerate(
                zip(coil.labels, coil.columns["angle_deg"], strict=True)
            )
            if label == "obj04" and angle == 90
        )
    np.testing.assert_array_equal(turning[3 * 36 + 9], coil[index])
