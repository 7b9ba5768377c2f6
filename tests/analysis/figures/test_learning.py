"""Learning curves: over images, or over features."""

import pandas as pd
import pytest

from hmax_cnn.analysis.figures.learning import learning

pytestmark = pytest.mark.quick


def table():
    rows = [
        {"n_train": images, "n_features": features, "value": images * features / 1000}
        for images in (5, 30)
        for features in (10, 20)
    ]
    known = {"model": "HMAX", "layer": "c2", "seed": 0, "low": 0.0, "high": 1.0, "chance": 0.1}
    return pd.DataFrame(rows).assign(**known)


@pytest.mark.parametrize(
    ("over", "names", "along"),
    [
        ("n_train", ["HMAX, 10 features", "HMAX, 20 features"], [5, 30]),
        ("n_features", ["HMAX, 5 images", "HMAX, 30 images"], [10, 20]),
    ],
)
def test_what_runs_along_the_axis(over, names, along):
    axes = learning(table(), over=over).axes[0]
    curves = {line.get_label(): line for line in axes.lines if line.get_label() in names}
    assert list(curves) == names
    assert curves[names[1]].get_xdata().tolist() == along
    assert len({(line.get_color(), line.get_marker()) for line in curves.values()}) == 2
    last = {"n_train": [10.0, 60.0], "n_features": [30.0, 60.0]}[over]
    assert curves[names[1]].get_ydata().tolist() == pytest.approx(last)


def test_no_such_axis():
    with pytest.raises(ValueError, match="`over` must be one of 'n_train', 'n_features', got 'x'"):
        learning(table(), over="x")
