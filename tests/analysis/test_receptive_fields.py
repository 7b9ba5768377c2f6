"""Receptive fields: effective and mapped ones lie within the theoretical one, and have the size
that
theory gives."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.literature.cortex import field_sizes_at
from hmax_cnn.analysis.measures.central_units import central_units
from hmax_cnn.analysis.measures.field_growth import field_growth
from hmax_cnn.analysis.measures.field_size import field_sizes
from hmax_cnn.analysis.measures.mapped_fields import mapped_fields
from hmax_cnn.analysis.measures.receptive_fields import effective_fields, theoretical_fields
from hmax_cnn.analysis.responses import choose_units
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN, Graph
from hmax_cnn.cnn.architectures import build
from hmax_cnn.cnn.layers import Activation, Add, Conv, Pool
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

NONE = Resampling(0)


def misaligned(n_classes=4, n_channels=1, image_shape=(32, 32)):
    """Two branches, a 3 x 3 convolution without padding and a crop at one corner, whose fields do
    not have one centre."""
    graph = Graph(n_channels, image_shape)
    graph.add("below", Conv(4, 5))
    graph.add("left", Conv(4, 3, stride=2, padding=((1, 0), (1, 0))), "below")
    graph.add("right", Conv(4, 7, stride=2, padding=((0, 5), (0, 5))), "below")
    graph.add("sum", Add(), "left", "right")
    graph.add("active", Activation("relu"))
    graph.outputs[graph.last] = 1.0
    return graph


MODELS = {
    "HMAX": (HMAX(prototypes="photographs", n_prototypes=4, bands=2), 64, 4),
    "LeNet-5": (CNN("lenet5", weights="untrained"), 32, 3),
    "ResNet-18": (CNN("resnet18", weights="untrained"), 64, 8),
    "misaligned": (CNN(misaligned, weights="untrained"), 32, 2),
}


@pytest.mark.parametrize("name", MODELS)
def test_effective_and_mapped_fields_lie_in_the_theoretical(name):
    """For random units of every layer. Gradients count above 1e-5 of the largest, responses above
    5e-6 of the layer's: rounding of float32."""
    model, side, size = MODELS[name]
    images = np.random.default_rng(0).integers(0, 256, (1, side, side)).astype(np.float32)
    units = choose_units(model, (side, side), None, 2, random_state=1)
    assert set(units) == set(model.layer_names)
    effective = effective_fields(model, images, units, resampling=NONE)
    mapped = mapped_fields(model, (side, side), units, size=size)
    for found in (effective, mapped):
        assert found["contained"].all(), found.where(~found["contained"], drop=True)[
            ["top", "left", "bottom", "right"]
        ].to_dataframe()
        assert float((found["root_area"].notnull()).mean()) > 0.6  # the others are silent here
    assert set(effective["status"].values) <= {"exact", "largest path", "whole image"}
    if name == "misaligned":
        assert "largest path" in effective["status"].values


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


@pytest.mark.parametrize("probe", ["spots", "sparse noise", "bars", "gratings"])
def test_every_probe_finds_a_pixel_average(probe):
    """A unit that averages a square of 8 x 8: the centre to half a pixel, and the size to the reach
    of the probe."""
    found = mapped_fields(
        Pixels(grid=(4, 4)), (32, 32), {"pixels": [5]}, probe, size=2, n_images=1500, frequency=0.25
    )
    assert found["contained"].item()
    weights = found["field"].values[0]
    y = found["y"].values[weights.max(axis=1) > 0.5 * weights.max()]
    assert y.mean() == pytest.approx(11.5, abs=0.5)
    assert 6 <= y.max() - y.min() <= 14
    assert found.attrs["probe"] == probe
    assert found["blank"].item() == pytest.approx(127.5)


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


def test_sizes_of_known_fields():
    """A Gaussian by fit and by moments (4 sigma), a disc by the root of its area, an ellipse by
    shape; zeros are undefined."""
    y, x = np.mgrid[:81, :81] - 40
    turned = np.radians(30)
    along, across = x * np.cos(turned) - y * np.sin(turned), x * np.sin(turned) + y * np.cos(turned)
    bell = field_sizes(np.exp(-0.5 * ((along / 8) ** 2 + (across / 4) ** 2)))
    assert bell["gaussian"] == pytest.approx(4 * np.sqrt(32), rel=1e-3)
    assert bell["moments"] == pytest.approx(4 * np.sqrt(32), rel=0.01)
    assert bell["elongation"] == pytest.approx(2, rel=0.01)
    assert bell["orientation"] == pytest.approx(30, abs=0.5)
    disc = field_sizes((np.hypot(y, x) <= 10).astype(float), pixel=2.0)
    assert disc["root_area"] == pytest.approx(2 * np.sqrt(np.pi) * 10, rel=0.01)
    assert disc["full_support"] == 42
    assert all(np.isnan(value) for value in field_sizes(np.zeros((5, 5))).values())
    wide = field_sizes(np.exp(-0.5 * ((y[::4] / 8) ** 2 + (x[::4] / 8) ** 2)), pixel=(4.0, 1.0))
    assert wide["gaussian"] == pytest.approx(32, rel=1e-3)
    assert wide["moments"] == pytest.approx(32, rel=0.01)
    point = np.zeros((5, 5))
    point[2, 3] = 1
    assert np.isnan(field_sizes(point)["gaussian"])
    assert field_sizes(point)["full_support"] == 1
    with pytest.raises(ValueError, match="finite and at least 0"):
        field_sizes(-np.ones((3, 3)))


def test_growth_of_two_models():
    """Claimed sizes are those of the fields; effective ones are smaller; in degrees and as a share
    of the image; training is one more model."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 32, 32)).astype(np.float32)
    trained = CNN("lenet5", epochs=1).fit(rng.integers(0, 256, (8, 32, 32)), list("abababab"))
    models = {"trained": trained, "untrained": trained.untrained(), "pixels": Pixels(grid=(4, 4))}
    layers = {"trained": ["c1", "s2", "c3"], "untrained": ["c1", "s2", "c3"]}
    parts = []
    for name, model in models.items():
        grown = field_growth(
            model,
            images,
            layers.get(name),
            n_units=4,
            pixels_per_degree=8,
            resampling=Resampling(20),
        )
        parts.append(grown.to_dataframe().assign(model=name))
    found = pd.concat(parts)
    theoretical = found[found["way"] == "theoretical"].set_index(["model", "layer"])
    assert theoretical["pixels"]["trained"].tolist() == [5, 6, 14]
    assert theoretical["degrees"]["trained"].tolist() == [5 / 8, 6 / 8, 14 / 8]
    assert theoretical["fraction"]["pixels"].tolist() == [0.25]
    assert theoretical["depth"]["trained"].tolist() == [0, 0.5, 1]
    effective = found[found["way"] == "effective"].set_index(["model", "layer"])
    assert (effective["pixels"] <= theoretical["pixels"] + 1e-9).all()
    several = effective[effective["n_units"] > 1]
    assert ((several["low"] <= several["pixels"]) & (several["pixels"] <= several["high"])).all()
    with pytest.raises(
        ValueError, match="`ways` must be one of 'theoretical', 'effective', 'mapped'"
    ):
        field_growth(models["pixels"], images, ways=("seen",))


def test_central_units_are_few_and_in_the_middle():
    units = central_units(MODELS["LeNet-5"][0], (32, 32), ["c1", "c3"], 3)
    theoretical = theoretical_fields(MODELS["LeNet-5"][0], (32, 32), units)
    assert theoretical.groupby("layer").size().tolist() == [3, 3]
    assert (abs((theoretical["left"] + theoretical["right"]) / 2 - 16) <= 1.5).all()


def test_central_units_are_of_all_bands():
    """Eight of C1's four bands: two of each; so a layer's mean does not hang on the draw."""
    theoretical = theoretical_fields(
        HMAX(bands=4), (96, 96), central_units(HMAX(bands=4), (96, 96), ["c1"], 8)
    )
    assert theoretical["band"].value_counts().to_dict() == {"b1": 2, "b2": 2, "b3": 2, "b4": 2}


def test_theoretical_fields_are_the_models_own():
    """Against the table of fields, for a band of HMAX: first unit at its start."""
    model = HMAX(bands=2)
    table = model.fields((64, 64), ["c1"]).iloc[0]
    first = theoretical_fields(model, (64, 64), {"c1": [0]}).iloc[0]
    assert (first["size"], first["left"]) == (
        table["size_x"],
        table["start_x"] - (table["size_x"] - 1) / 2,
    )


def test_cortical_sizes():
    """Areas with a slope grow with eccentricity, others do not; every row says what it is and how
    far to trust it."""
    near, far = field_sizes_at(2.0).set_index("area"), field_sizes_at(4.0).set_index("area")
    assert far.loc["V4", "low"] == pytest.approx(2 * near.loc["V4", "low"])
    assert far.loc["TE", "high"] == near.loc["TE", "high"] == 26
    assert isinstance(near, pd.DataFrame)
    assert near[["definition", "citation", "confidence"]].map(len).to_numpy().min() > 3
    with pytest.raises(ValueError, match="`eccentricity` must be positive"):
        field_sizes_at(0)


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
