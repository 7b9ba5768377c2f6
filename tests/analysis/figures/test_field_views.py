"""Fields over the picture."""

from drawing import drawn

from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.stimuli import fourier_shapes

FEW = Resampling(10)


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))


SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


def test_field_views_show_the_theoretical_box(made):
    """The box is where the field is theoretical, cut at the image's edge."""
    figure = drawn(made, "field_views")
    first = next(iter(made("field_views")["results"].values())).isel(layer=0)
    patch = figure.axes[0].patches[0]
    assert (patch.get_x(), patch.get_y()) == (
        max(int(first["left"]), 0) - 0.5,
        max(int(first["top"]), 0) - 0.5,
    )
    assert patch.get_width() == min(int(first["right"]), 32) - max(int(first["left"]), 0)
