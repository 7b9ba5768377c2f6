"""Growth of fields with cortical areas beside it."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.figures.tables import tables
from hmax_cnn.analysis.measures.field_growth import field_growth
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.contract import load_figure
from hmax_cnn.extraction import Pixels

FEW = Resampling(10)


def test_cortex_beside_growth():
    """With degrees and an eccentricity there is a panel of areas, pale those that were only
    recalled, which are drawn only where that is asked for."""
    found = field_growth(
        Pixels(grid=(4, 4)),
        np.random.default_rng(0).random((1, 32, 32)),
        n_units=2,
        pixels_per_degree=4,
        resampling=FEW,
    )
    table = tables({"pixels": found})["table"]
    read = load_figure("growth")[0](table, "degrees", eccentricity=5.0)
    assert read.axes[1].get_xticklabels()[0].get_text() == "TE"
    figure = load_figure("growth")[0](table, "degrees", eccentricity=5.0, recalled=True)
    depth, cortex = figure.axes
    assert depth.get_yscale() == "log"
    assert depth.lines[0].get_ydata().tolist() == [2.0]
    marks = {
        label.get_text(): line
        for label, line in zip(cortex.get_xticklabels(), cortex.lines, strict=False)
    }
    assert marks["V1"].get_ydata()[0] == pytest.approx(0.21 * 5)
    assert marks["V1"].get_color() == "#BBBBBB"
    assert marks["TE"].get_ydata().tolist() == [2.8, 26.0]
    with pytest.raises(
        ValueError, match="`units` must be one of 'pixels', 'fraction', 'degrees', got 'metres'"
    ):
        load_figure("growth")[0](table, "metres")
    with pytest.raises(ValueError, match="`eccentricity` needs units='degrees'"):
        load_figure("growth")[0](table, "pixels", 5)


def test_intervals_end_at_one_pixel():
    """Wide intervals, also of a share of the image, stay on the axis: no size is below a pixel."""
    table = pd.DataFrame({"model": "m", "layer": ["a", "b"], "way": "theoretical"})
    table = table.assign(depth=[0.0, 1.0], pixels=[22.0, 40.0], low=[-16.0, 30.0], high=60.0)
    table["fraction"] = table["pixels"] / 64
    for units, smallest in (("pixels", 1.0), ("fraction", 1 / 64)):
        axes = load_figure("growth")[0](table, units).axes[0]
        low, high = axes.get_ylim()
        assert smallest / 1.1 <= low < table[units].min()
        assert high < 2 * table[units].max()
        bars = axes.collections[0].get_segments()
        assert bars[0][:, 1].min() == pytest.approx(smallest)
        assert bars[1][:, 1].min() == pytest.approx(30 * smallest)


def test_models_with_the_same_sizes_are_told_apart():
    """Set apart along the axis of depth, the first over the others."""
    one = pd.DataFrame({"layer": ["a", "b"], "way": "theoretical", "depth": [0.0, 1.0]})
    one = one.assign(pixels=[5.0, 9.0], low=4.0, high=10.0)
    table = pd.concat([one.assign(model="trained"), one.assign(model="untrained")])
    axes = load_figure("growth")[0](table).axes[0]
    trained, untrained = (container.lines[0] for container in axes.containers)
    assert min(untrained.get_xdata() - trained.get_xdata()) > 0.01
    assert trained.get_zorder() > untrained.get_zorder()
