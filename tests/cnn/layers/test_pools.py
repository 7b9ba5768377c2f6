"""Fields of adaptive pooling."""

import numpy as np
import pytest
from layer_graphs import graph_of

from hmax_cnn.cnn.layers import (
    AdaptivePool,
)
from hmax_cnn.extraction import Field, Maps, Window

pytestmark = pytest.mark.quick


def test_adaptive_fields():
    graph = graph_of(AdaptivePool("average", (3, 3)), channels=1, shape=(9, 12))
    ((_, maps, _),) = graph.walk(Maps(np.empty((0, 1, 9, 12), np.float32)), None, ["n0"])
    assert maps.field == Field().through(Window((3, 4), stride=(3, 4)))
    ((_, uneven, _),) = graph.walk(Maps(np.empty((0, 1, 10, 12), np.float32)), None, ["n0"])
    assert uneven.field.status == "largest path"
