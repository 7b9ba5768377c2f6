"""Similarity to the brain between its bounds."""

import numpy as np
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


def test_areas_have_panels_and_subjects_ticks():
    """Two measures are two panels, each with the ceiling and the subjects of its own; over seeds a
    subject has one tick, its mean; a single animal has none."""
    rows = pd.DataFrame(
        {
            "measure": ["human IT", "macaque IT"],
            "model": "m",
            "layer": "c2",
            "value": [0.2, 0.4],
            "low": 0.1,
            "high": 0.5,
            "p_corrected": 0.01,
            "ceiling_low": [0.3, 0.6],
            "ceiling_high": [0.5, 0.9],
        }
    )
    subjects = pd.DataFrame(
        {
            "measure": ["human IT"] * 4 + ["macaque IT"] * 2,
            "model": "m",
            "layer": "c2",
            "seed": [0, 0, 1, 1, 0, 1],
            "subject": [0, 1, 0, 1, 0, 0],
            "value": [0.1, 0.3, 0.2, 0.4, 0.4, 0.4],
        }
    )
    figure = load_figure("brain")[0](rows, subjects)
    assert [axes.get_title() for axes in figure.axes] == ["Human IT", "Macaque IT"]
    assert [axes.patches[0].get_x() for axes in figure.axes] == pytest.approx([0.3, 0.6])
    ticks = [
        [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"]
        for axes in figure.axes
    ]
    np.testing.assert_allclose(ticks[0][0], [0.15, 0.35])
    assert ticks[1] == []
    assert load_figure("brain")[0](rows.iloc[:1]).axes[0].get_title() == ""
