"""Growth of fields with cortical areas beside it."""

import numpy as np
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
