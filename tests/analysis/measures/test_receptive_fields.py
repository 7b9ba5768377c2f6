"""Receptive fields: theory, gradients, and where they must agree."""

import numpy as np
import pytest
from field_models import MODELS

from hmax_cnn.analysis.measures.mapped_fields import mapped_fields
from hmax_cnn.analysis.measures.receptive_fields import effective_fields, theoretical_fields
from hmax_cnn.analysis.responses import choose_units
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN, Graph
from hmax_cnn.cnn.architectures import build
from hmax_cnn.cnn.layers import Conv, Pool
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

NONE = Resampling(0)


def test_a_field_said_to_be_too_small_is_found():
    """The test above can fail: a field cut by one pixel is no longer contained."""
    model, side, _ = MODELS["LeNet-5"]
    units = choose_units(model, (32, 32), ["c3"], 4)
    images = np.random.default_rng(0).integers(0, 256, (1, side, side)).astype(np.float32)
    found = effective_fields(model, images, units, resampling=NONE)
    theoretical = theoretical_fields(model, (32, 32), units).assign(
        left=lambda table: table["left"] + 1
    )
    from hmax_cnn.analysis.measures.receptive_fields import _contained

    boxes = found[["top", "left", "bottom", "right"]].to_dataframe()
    assert not _contained(boxes, theoretical).any()


@pytest.mark.parametrize(("n_layers", "kernel"), [(5, 3), (10, 3), (20, 3), (5, 5)])
def test_stacks_of_uniform_kernels_have_the_width_of_theory(n_layers, kernel):
    """Standard deviation sqrt(n (k^2 - 1) / 12), to 2 % (seen: 1e-5)."""
    side = n_layers * (kernel - 1) + 9

    def stack(n_classes=1, n_channels=1, image_shape=(side, side)):
        graph = Graph(n_channels, image_shape)
        for index in range(n_layers):
            graph.add(f"n{index}", Conv(1, kernel, bias=False))
        graph.outputs[graph.last] = 1.0
        return graph

    model = CNN(stack, weights="untrained", standardise=([0.0], [1.0]))
    model.fit(np.zeros((1, side, side), np.float32))
    for name, weights in model.learned_.arrays.items():
        model.learned_.arrays[name] = np.full_like(weights, 1 / kernel**2)
    top = f"n{n_layers - 1}"
    found = effective_fields(
        model, np.ones((1, side, side), np.float32), {top: [40]}, resampling=NONE
    )
    expected = np.sqrt(n_layers * (kernel**2 - 1) / 12)
    assert found["sigma_y"].item() == pytest.approx(expected, rel=0.02)
    assert found["moments"].item() == pytest.approx(4 * expected, rel=0.02)
    assert (
        found["full_support"].item() <= found["theoretical"].item() == n_layers * (kernel - 1) + 1
    )


def test_effective_field_of_an_average_is_known():
    """All of 64 pixels, evenly; intervals of its size close on it; a unit of the whole image
    too."""
    rng = np.random.default_rng(0)
    found = effective_fields(Pixels(grid=(4, 4)), rng.random((5, 32, 32)), {"pixels": [5, 10]})
    np.testing.assert_array_equal(found["full_support"], [8, 8])
    np.testing.assert_allclose(found["root_area"], [8, 8])
    np.testing.assert_allclose([found["root_area_low"], found["root_area_high"]], [[8, 8], [8, 8]])
    odd = mapped_fields(Pixels(grid=(3, 3)), (21, 21), {"pixels": [4]}, size=4.7)
    assert odd["contained"].item()
    row = mapped_fields(Pixels(grid=(1, 8)), (8, 64), {"pixels": [3]}, size=8)
    assert (row["full_support"].item(), row["root_area"].item()) == (8, 8)
    np.testing.assert_allclose(found["centre_y"], [11.5, 19.5])
    np.testing.assert_allclose(found["field"].sum(["y", "x"]), 1)
    for name in ("definition", "citation", "n_images", "resampled_over", "model"):
        assert name in found.attrs


def test_theoretical_fields_are_the_models_own():
    """Against the table of fields, for a band of HMAX: first unit at its start."""
    model = HMAX(bands=2)
    table = model.fields((64, 64), ["c1"]).iloc[0]
    first = theoretical_fields(model, (64, 64), {"c1": [0]}).iloc[0]
    assert (first["size"], first["left"]) == (
        table["size_x"],
        table["start_x"] - (table["size_x"] - 1) / 2,
    )


def test_bad_requests():
    with pytest.raises(
        ValueError, match="`probe` must be one of 'spots', 'sparse noise', 'bars', 'gratings'"
    ):
        mapped_fields(Pixels(), (64, 64), {"pixels": [0]}, "lines")
    with pytest.raises(
        ValueError, match="`units` must be a number of at least 1, or unit numbers by layer"
    ):
        effective_fields(Pixels(grid=(2, 2)), np.ones((1, 8, 8)), 0)
    assert (
        effective_fields(Pixels(grid=(2, 2)), np.ones((1, 8, 8)), 3).sizes["unit"] == 1
    )  # all features of the middle
    with pytest.raises(ValueError, match="`size` must fit into the screen"):
        mapped_fields(Pixels(grid=(2, 2)), (8, 8), {"pixels": [0]}, size=20)
    assert build("lenet5", {}).image_shape == (32, 32)
    assert Pool is not None
