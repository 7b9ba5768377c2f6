"""Pictures in a grid, and training curves."""

import numpy as np
import pytest

from hmax_cnn.analysis.figures.curves import curves
from hmax_cnn.analysis.figures.occlusion import occlusion
from hmax_cnn.analysis.figures.pictures import pictures
from hmax_cnn.analysis.measures.inspection import occlusion_map
from hmax_cnn.cnn import CNN

pytestmark = pytest.mark.quick


def test_figures(images):
    model = CNN("lenet5", epochs=3, validation_fraction=0.3, progress=False).fit(
        np.repeat(images, 5, axis=0), [0, 1, 0] * 5
    )
    figure = curves(model.history_)
    loss, accuracy = figure.axes
    assert (loss.get_yscale(), accuracy.get_ylabel(), loss.get_xlabel()) == (
        "log",
        "Accuracy (%)",
        "Epoch",
    )
    np.testing.assert_allclose(
        accuracy.lines[1].get_ydata(), 100 * model.history_["validation_accuracy"]
    )
    grid = pictures(
        [list(model.filters()[:, 0]), [images[0]]], ["filters", "image"], scale="signed"
    )
    assert [len(axes.images) for axes in grid.axes] == [1] * 7 + [0] * 5
    first = model.filters()[0, 0]
    np.testing.assert_allclose(
        grid.axes[0].images[0].get_array(), 0.5 + first / (2 * np.abs(first).max()), atol=1e-6
    )
    drop = occlusion_map(model, images[0], "output", 1, window=16, stride=16)
    assert len(occlusion(images[0], drop).axes) == 3
    with pytest.raises(ValueError, match="`scale` must be one of 'each'"):
        pictures([[images[0]]], scale="none")
