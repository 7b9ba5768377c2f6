"""Bars, edges and spots."""

import numpy as np
import pytest

from hmax_cnn.data import stimuli

pytestmark = pytest.mark.quick

SIDE = 64


def test_edges_are_smooth_and_areas_exact():
    """A square or bar that cuts through pixels covers its share of each: light adds up to its area,
    by hand and wherever it lies."""
    for position in ((31.5, 31.5), (31.2, 30.9)):
        bar = (
            stimuli.bars((SIDE, SIDE), (0,), (5.5,), (20.25,), positions=[position])[0] - 127.5
        ) / 127.5
        assert bar.sum() == pytest.approx(5.5 * 20.25, rel=1e-5)
    oblique = (stimuli.bars((SIDE, SIDE), (30,), (5.5,), (20.25,))[0] - 127.5) / 127.5
    assert oblique.sum() == pytest.approx(5.5 * 20.25, rel=0.01)
    assert ((oblique > 0) & (oblique < 1)).sum() > 20
    circle = (
        stimuli.gratings((SIDE, SIDE), frequencies=(1e-6,), diameters=(30,))[0] - 127.5
    ) / 127.5
    assert circle.sum() == pytest.approx(np.pi * 15**2, rel=0.002)
    square = stimuli.gratings((SIDE, SIDE), (0,), (1 / 7.5,), wave="square")[0]
    assert len(np.unique(square.round(3))) > 2
