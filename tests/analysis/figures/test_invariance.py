"""Curves over a transformation."""

import pandas as pd

from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.contract import load_figure
from hmax_cnn.data.stimuli import fourier_shapes

FEW = Resampling(10)


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))


SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


def test_many_curves_get_rows(made):
    """More than eight curves are split by model, each row with its layers in a legend."""
    table = made("invariance")["table"]
    one = table[table["model"] == "HMAX"]
    many = pd.concat([one.assign(model=model) for model in ("a", "b", "c", "d", "e")])
    figure = load_figure("invariance")[0](many)
    assert len(figure.axes) == 2 * many["model"].nunique()
