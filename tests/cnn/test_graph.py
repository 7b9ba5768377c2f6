"""Graphs: seeds, branches, and what is run."""

import numpy as np
import pytest
from layer_graphs import branches, graph_of

from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.layers import (
    Add,
    Concatenate,
    Conv,
    Dense,
    Pool,
    Weight,
)
from hmax_cnn.extraction import Maps

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("start", "variance"),
    [("he", 2 / 200), ("lecun", 1 / 200), ("glorot", 2 / 300), (0.07, 0.07**2)],
)
def test_starts(start, variance):
    drawn = Weight((100, 200), start, fan_in=200, fan_out=100).draw(np.random.default_rng(0))
    assert drawn.dtype == np.float32
    assert drawn.var() == pytest.approx(variance, rel=0.03)
    assert abs(drawn.mean()) < 4 * np.sqrt(variance / drawn.size)


def test_starts_depend_on_seed_and_name_only():
    one, other = graph_of(Conv(4, 3), Conv(5, 3)), graph_of(Conv(4, 3), Pool("max", 2), Dense(3))
    np.testing.assert_array_equal(one.draw(7)["n0.weight"], other.draw(7)["n0.weight"])
    assert (one.draw(7)["n0.weight"] != one.draw(8)["n0.weight"]).any()


def test_misaligned_branches_say_so():
    graph = Graph(1, (16, 16))
    one = graph.add("one", Conv(2, 3))
    other = graph.add("other", Conv(2, 3, padding=((0, 0), (0, 0))), "image")
    shifted = graph.add("shifted", Conv(2, 2, padding=((1, 0), (1, 0))), other)
    graph.add("aligned", Add(), one, other)
    graph.add("misaligned", Concatenate(), one, shifted)
    seen = {
        name: maps.field
        for name, maps, _ in graph.walk(
            Maps(np.empty((0, 1, 16, 16), np.float32)), None, graph.nodes
        )
    }
    assert (seen["aligned"].status, seen["aligned"].y.size) == ("exact", 3)
    assert (seen["misaligned"].status, seen["misaligned"].y.size) == ("largest path", 4)


def test_only_what_leads_to_the_wanted_is_run():
    graph = branches()
    image = Maps(RNG.standard_normal((1, 2, 8, 9)).astype(np.float32))
    assert [name for name, *_ in graph.walk(image, graph.draw(0), ["other"])] == ["other"]
