"""Similarity to the brain between its bounds."""

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from hmax_cnn.analysis.study.contract import load_figure


def test_brain_similarity_between_its_bounds():
    """A point per layer at its value, filled only where it is significant; the ceiling is a band
    from low to high."""
    table = pd.DataFrame(
        {
            "model": "m",
            "layer": ["good", "noise"],
            "value": [0.4, 0.0],
            "low": [0.3, -0.1],
            "high": [0.5, 0.1],
            "p_corrected": [0.01, 0.6],
        }
    )
    figure = load_figure("brain")[0](table.assign(ceiling_low=0.5, ceiling_high=0.7))
    axes = figure.axes[0]
    points = [
        line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    assert [point.get_xdata()[0] for point in points] == [0.4, 0.0]
    assert [to_rgb(point.get_markerfacecolor()) == to_rgb("white") for point in points] == [
        False,
        True,
    ]
    assert axes.patches[0].get_x() == pytest.approx(0.5)
