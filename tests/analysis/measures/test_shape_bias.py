"""Shape bias: by hand, of codes of shape or of texture alone, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from hmax_cnn.analysis.measures.shape_bias import decided_by_shape, shape_bias
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data import Dataset
from hmax_cnn.data.stimuli import textured_shapes
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick

NONE = Resampling(0)


def test_decisions_by_hand():
    """Of four images in conflict two go by shape, one by texture, one by neither; one that agrees
    says nothing."""
    found = decided_by_shape(
        ["cat", "cat", "dog", "car", "cat"], ["cat"] * 5, ["dog", "dog", "dog", "dog", "cat"]
    )
    expected = {"n_shape": 2, "n_texture": 1, "n_images": 4, "decided": 0.75}
    assert {name: found[name] for name in expected} == expected
    assert found["shape_bias"] == pytest.approx(2 / 3)
    assert np.isnan(decided_by_shape(["car"], ["cat"], ["dog"])["shape_bias"])
    with pytest.raises(ValueError, match="one entry for each image"):
        decided_by_shape(["cat"], ["cat", "dog"], ["dog", "cat"])


def coded(of_shape, of_texture, n_classes=5, noise=0.05):
    """Responses that have so much of the shape and so much of the texture."""
    rng = np.random.default_rng(0)
    shape, texture, _ = np.indices((n_classes, n_classes, 2)).reshape(3, -1)
    own = rng.standard_normal((2, n_classes, 30))
    values = of_shape * own[0, shape] + of_texture * own[1, texture]
    values += noise * rng.standard_normal(values.shape)
    coords = {"stimulus_shape": ("image", shape), "stimulus_texture": ("image", texture)}
    return xr.DataArray(values, coords, ("image", "unit"))


@pytest.mark.parametrize("by", ["decisions", "neighbours"])
@pytest.mark.parametrize(("shape", "texture", "value"), [(1, 0, 1.0), (0, 1, 0.0)])
def test_codes_of_one_cue_alone(by, shape, texture, value):
    found = shape_bias(coded(shape, texture), by)
    assert found["layer_value"].item() == value
    assert found["layer_low"].item() <= value <= found["layer_high"].item()
    if by == "decisions":
        assert found["decided"].item() == 1
    assert found.attrs["n_conflict"] == 40


def test_neighbours_by_hand():
    """Four classes in one dimension each: the share of pairs, counted one by one."""
    found = coded(0.7, 0.6, 4, 0.8)
    value = shape_bias(found, "neighbours", metric="euclidean", resampling=NONE)["layer_value"]
    shape, texture = (found[f"stimulus_{cue}"].values for cue in ("shape", "texture"))
    shares = []
    for probe in range(len(found)):
        if shape[probe] == texture[probe]:
            continue
        distance = np.linalg.norm(found.values - found.values[probe], axis=1)
        wins = [
            distance[i] < distance[j]
            for i in range(len(found))
            for j in range(len(found))
            if shape[i] == shape[probe] != shape[j] and texture[j] == texture[probe] != texture[i]
        ]
        shares.append(np.mean(wins))
    assert value.item() == pytest.approx(np.mean(shares))
    assert 0.1 < value.item() < 0.9


def test_the_interval_has_a_width_where_all_agree():
    """Wilson's for as many images as there are classes, with Student's t: 5 (1.960 / 2.776)^2."""
    found = shape_bias(coded(1, 0, noise=0), "neighbours")
    count = 5 * (1.959964 / 2.776445) ** 2
    assert found["layer_value"].item() == 1
    assert found["layer_low"].item() == pytest.approx(count / (count + 1.959964**2), rel=1e-5)


def test_silent_images_and_missing_combinations():
    """Images without a direction are left out; a class that is left out may take all images in
    conflict with it."""
    silent = coded(1, 0, noise=0.01)
    silent.values[::7] = 0.0
    found = shape_bias(silent, "neighbours", metric="correlation", resampling=NONE)
    assert found["layer_value"].item() == 1
    few = coded(1, 1).isel(image=[0, 12, 24, 2, 10])  # 0-0, 1-1, 2-2, and 0-1 and 1-0
    for by in ("decisions", "neighbours"):
        assert np.isfinite(shape_bias(few, by, readout="nearest")["layer_value"].item())


def test_numbers_are_compared_as_numbers():
    assert decided_by_shape([1, 2], [1, 1], [2.0, 2.0])["shape_bias"] == 0.5


def test_neither_cue_gives_half_of_the_neighbours():
    found = shape_bias(coded(0, 0, noise=1.0), "neighbours")
    assert found["layer_low"].item() < 0.5 < found["layer_high"].item()
    assert shape_bias(coded(0, 0), resampling=NONE)["decided"].item() < 0.7


def test_columns_of_an_index_say_shape_and_texture():
    """The same responses as from stimuli; and the columns by other names, or given."""
    shapes = textured_shapes((32, 32), 3, 2, 18)
    model = Pixels(grid=(8, 8))
    expected = shape_bias(responses(model, shapes), "neighbours", resampling=NONE)["layer_value"]
    columns = {
        "outline": shapes.table["shape"].to_numpy(),
        "skin": shapes.table["texture"].to_numpy(),
    }
    dataset = Dataset(shapes.load().values, shapes.names, columns=columns)
    found = responses(model, dataset)
    for shape, texture in (("stimulus_outline", "stimulus_skin"), columns.values()):
        again = shape_bias(found, "neighbours", shape, texture, resampling=NONE)
        assert again["layer_value"].item() == expected.item()
    with pytest.raises(
        ValueError, match=r"`shape` must be a coordinate .* 'stimulus_outlin'.* Did"
    ):
        shape_bias(found, shape="stimulus_outlin")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"by": "colour"}, "`by` must be one of"),
        ({"metric": "cityblock"}, "`metric` must be one of"),
        ({"readout": "oracle"}, "`readout` must be one of"),
        ({"shape": [1, 2]}, "one entry for each of 50 images"),
        ({"texture": "stimulus_shape"}, "images of these in conflict, got 50 of 5 classes and 0"),
    ],
)
def test_bad_shape_bias(given, text):
    with pytest.raises(ValueError, match=text):
        shape_bias(coded(1, 1), **given)
