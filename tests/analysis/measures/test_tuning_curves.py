"""Curves run through each unit's strongest response."""

import numpy as np
import pytest
from synthetic import cells

from hmax_cnn.analysis.measures.tuning import (
    orientation_tuning,
)
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(50)


ANGLES = np.arange(0, 180, 2.5)


PHASES = np.arange(0, 360, 15.0)


def test_other_parameters_are_at_their_best():
    """Orientation is read at the preferred frequency, and phases by the rule asked for."""

    def cell(orientation, frequency, phase):
        if frequency == 0.2:
            tuned = np.exp(-((orientation - 90) ** 2) / 200)
        else:
            tuned = 0.5
        return tuned * (1 + np.cos(np.radians(phase))) / 2

    shown = cells(cell, orientation=ANGLES, frequency=(0.1, 0.2), phase=PHASES)
    found = {
        rule: orientation_tuning(shown, rule, resampling=FEW) for rule in ("max", "mean", "f1")
    }
    for rule, top in (("max", 1), ("mean", 0.5), ("f1", 0.5)):
        assert found[rule]["curve"].max().item() == pytest.approx(top)
        assert found[rule]["preferred"].item() == pytest.approx(90)
