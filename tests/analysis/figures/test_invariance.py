"""Curves over a transformation."""

import pandas as pd
import pytest

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


def test_chance_is_that_of_each_set_of_images(made):
    """A dotted line for the images that have one; unknown images are refused."""
    table = made("invariance")["table"]
    both = pd.concat([table.assign(images=name) for name in ("digits", "wires")])
    draw = load_figure("invariance")[0]
    for chance, expected in (
        ({"wires": 0.05}, {"wires": {0.05}}),
        (0.1, {"digits": {0.1}, "wires": {0.1}}),
        (None, {}),
    ):
        drawn: dict[str, set[float]] = {}
        for axes in draw(both, chance=chance).axes:
            images = axes.get_title().replace("\n", " ").rpartition(", ")[2]
            for line in axes.lines:
                if line.get_linestyle() == ":":
                    drawn.setdefault(images, set()).add(float(line.get_ydata()[0]))
        assert drawn == expected
    with pytest.raises(ValueError, match="`chance` must be one of 'digits', 'wires', got 'rooms'"):
        draw(both, chance={"rooms": 0.1})
