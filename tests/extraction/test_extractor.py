"""The contract of every feature extractor."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from every_model import default, small
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from hmax_cnn.analysis.models import discover
from hmax_cnn.cnn import CNN, LinearClassifier, MultilayerPerceptron, Perceptron
from hmax_cnn.extraction import FeatureExtractor, FilterBank, Pixels, flatten
from hmax_cnn.hmax import HMAX

MODELS = pytest.mark.parametrize(
    "model_class", discover(), ids=lambda model_class: model_class.__name__
)


ANY_RANGE = (-np.inf, np.inf)


FLAT = [
    Pixels(grid=(1, 1), image_shape=(1, -1)),
    HMAX(layer="c1", bands=1, s1_border="padded", value_range=ANY_RANGE, image_shape=(1, -1)),
    HMAX(
        prototype_sizes=(1, 2),
        n_prototypes=3,
        bands=1,
        s1_border="padded",
        value_range=ANY_RANGE,
        image_shape=(-1, 1),
    ),
]
FLAT[2].set_params(prototype_sizes=(1,))


CLASSIFIERS = [
    LinearClassifier(),
    MultilayerPerceptron(16, learning_rate=0.05),
    Perceptron(epochs=50),
]


LABELS = [0, 1, 0]


FEW = {"n_prototypes": 20}


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)  # data that no plane separates
@parametrize_with_checks(FLAT + CLASSIFIERS)
def test_scikit_learn_rules(estimator, check):
    check(estimator)


def test_every_model_is_discovered():
    assert {
        Pixels,
        FilterBank,
        HMAX,
        CNN,
        LinearClassifier,
        MultilayerPerceptron,
        Perceptron,
    } <= set(discover())


@MODELS
def test_clone_and_refit_are_like_fresh(model_class, images):
    model = default(model_class).fit(images, LABELS)
    fresh = clone(model)
    assert not hasattr(fresh, "image_shape_")
    other = default(model_class).set_params(layer=model.layer_names[0]).fit(images[:, :50], LABELS)
    other.set_params(layer=model.layer).fit(images, LABELS)
    np.testing.assert_array_equal(other.transform(images), model.transform(images))
    np.testing.assert_array_equal(
        fresh.fit(images, LABELS).transform(images), model.transform(images)
    )


def test_refit_forgets(images):
    model = HMAX(n_prototypes=3).fit(images).set_params(orientations=6).fit(images)
    np.testing.assert_array_equal(
        model.transform(images),
        HMAX(n_prototypes=3, orientations=6).fit(images, LABELS).transform(images),
    )
    with pytest.raises(NotFittedError, match="'s2', 'c2' must be learned"):
        model.set_params(layer="c1").fit(images, LABELS).activations(images)


@MODELS
def test_batches_threads_and_order_change_nothing(model_class, images):
    """To 2e-6 of the largest response, what rounding of other matrix shapes leaves (seen:
    1.2e-6)."""
    model = default(model_class).fit(images, LABELS)
    whole = model.transform(images)
    atol = 2e-6 * max(1, np.abs(whole).max())
    for parameters in ({"batch_memory": 0}, {"n_threads": 1}, {"n_threads": 3}):
        np.testing.assert_allclose(
            copy.deepcopy(model).set_params(**parameters).transform(images), whole, atol=atol
        )
    np.testing.assert_allclose(model.transform(images[::-1])[::-1], whole, atol=atol)
    np.testing.assert_allclose(model.transform(list(images)), whole, atol=atol)


@MODELS
def test_layers_in_one_pass_are_the_layers_one_by_one(model_class, images):
    model = small(model_class).fit(images, LABELS)
    together = model.activations(images)
    for layer in model.layer_names:
        single = copy.deepcopy(model).set_params(layer=layer)
        flat = flatten(together[layer])
        np.testing.assert_allclose(
            single.transform(images), flat.values, atol=2e-6 * max(1, np.abs(flat.values).max())
        )
        assert list(single.get_feature_names_out()) == list(flat["unit"].values)
        assert len(set(flat["unit"].values)) == flat.sizes["unit"]
        assert all(coord.ndim == 1 for coord in flat.coords.values())
        pd.testing.assert_frame_equal(
            single.units(images[0].shape),
            pd.DataFrame({n: c.values for n, c in flat.coords.items() if c.dims == ("unit",)}),
        )


@MODELS
def test_stops_at_the_highest_layer_asked_for(model_class, images):
    model = default(model_class).fit(images, LABELS)
    lowest = model.layer_names[0]
    reached = []
    walk = model.walk

    def watched(retina, wanted):
        for name, bands, pullback in walk(retina, wanted):
            reached.append(name)
            yield name, bands, pullback

    model.walk = watched
    model.activations(images, [lowest])
    assert set(reached) == {lowest}


@MODELS
def test_geometry_agrees_with_activations(model_class, images):
    model = default(model_class).fit(images, LABELS)
    table = model.fields(images[0].shape, pixels_per_degree=20)
    tree = model.activations(images)
    assert list(table.columns[:9]) == [
        "layer",
        "band",
        "size_y",
        "size_x",
        "step_y",
        "step_x",
        "start_y",
        "start_x",
        "size_y_degrees",
    ]
    for (_, row), (_, size), node in zip(
        table.iterrows(), model.summary(images[0].shape).iterrows(), tree.leaves, strict=True
    ):
        assert node.path == "/" + "/".join(filter(None, (row["layer"], row["band"])))
        assert (node.attrs["size_y"], node.attrs["start_x"], node.attrs["status"]) == (
            row["size_y"],
            row["start_x"],
            row["status"],
        )
        assert node["response"].shape[1:] == (size["features"], size["height"], size["width"])
        assert row["size_y_degrees"] == row["size_y"] / 20
        assert float(node["y"][0]) == row["start_y"]


@MODELS
def test_noise_outside_a_field_changes_nothing(model_class, images):
    """For random units of every layer, of a few bands, the whole image outside the theoretical
    field replaced by noise; to 1e-5 of rounding (seen: 4e-7)."""
    rng = np.random.default_rng(3)
    model = small(model_class).fit(images, LABELS)
    tree = model.activations(images)
    by_layer = {}
    for node in tree.leaves:
        by_layer.setdefault(node.path.split("/")[1], []).append(node)
    for node in [node for bands in by_layer.values() for node in bands[:: max(1, len(bands) // 3)]]:
        maps = model.geometry(images[0].shape, (node.path.split("/")[1],))[node.path.split("/")[1]]
        field = next(m for m in maps if m.band == "/".join(node.path.split("/")[2:])).field
        if field.status == "whole image":
            continue
        _, n_features, height, width = node["response"].shape
        feature, y, x = rng.integers(n_features), rng.integers(height), rng.integers(width)
        (top, bottom), (left, right) = field.y.edges(int(y)), field.x.edges(int(x))
        disturbed = rng.integers(0, 256, images.shape).astype(np.uint8)
        inside = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
        disturbed[(slice(None), *inside)] = images[(slice(None), *inside)]
        again = model.activations(disturbed[:1], [node.path.split("/")[1]])[node.path]["response"]
        np.testing.assert_allclose(
            again[:, feature, y, x], node["response"][:1, feature, y, x], atol=1e-5, rtol=1e-6
        )


@MODELS
def test_same_on_every_device(model_class, images, place):
    """To 1e-5 of the largest response, for float32 sums in another order: what is demanded of S1
    and C1."""
    model = default(model_class).fit(images, LABELS)
    expected = model.transform(images)
    moved = clone(model).set_params(device=place.device).fit(place.put(images), LABELS)
    features = moved.transform(place.put(images))
    assert isinstance(features, np.ndarray)
    np.testing.assert_allclose(features, expected, atol=1e-5 * max(1, np.abs(expected).max()))
    np.testing.assert_allclose(
        moved.transform(images), expected, atol=1e-5 * max(1, np.abs(expected).max())
    )
    for node, other in zip(
        moved.activations(images).leaves, model.activations(images).leaves, strict=True
    ):
        np.testing.assert_allclose(
            node["response"],
            other["response"],
            atol=1e-5 * max(1, float(np.abs(other["response"]).max())),
        )


@MODELS
def test_pickles(model_class, images):
    model = default(model_class).fit(images, LABELS)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).transform(images), model.transform(images)
    )


def test_set_output_names_columns(images):
    model = HMAX(prototypes="photographs", bands=2).set_output(transform="pandas")
    frame = model.transform(images)
    assert list(frame.columns[[0, 717]]) == ["c2_p02_000", "c2_p16_017"]
    assert HMAX(layer="c1").fit(images).get_feature_names_out()[0] == "c1_b1_o90_y0_x0"
    assert (
        HMAX(layer="s1", image_shape=(40, 41)).get_feature_names_out()[-1]
        == "s1_b8_s37_o45_y39_x40"
    )
    with pytest.raises(NotFittedError, match="image_shape"):
        HMAX(layer="c1").get_feature_names_out()


def test_pipeline_and_grid_search_on_unflattened_images(images):
    many = np.concatenate([images, images[:, ::-1], images[:, :, ::-1], images[:, ::-1, ::-1]])
    search = GridSearchCV(
        make_pipeline(
            HMAX(layer="c2", n_prototypes=4, prototype_sizes=(2, 4)), SVC(kernel="linear")
        ),
        {"hmax__bands": [1, 2], "svc__C": [1, 10]},
        cv=2,
    )
    search.fit(many, np.tile([0, 1, 2], 4))
    assert search.best_estimator_["hmax"].prototypes_.patches[4].shape == (4, 4, 4, 4)
    assert set(search.predict(many)) <= {0, 1, 2}


def test_flat_rows_are_images(images):
    flat = images.reshape(3, -1)
    np.testing.assert_array_equal(
        HMAX(layer="c1", image_shape=(64, 64)).transform(flat), HMAX(layer="c1").transform(images)
    )
    np.testing.assert_array_equal(
        HMAX(layer="c1", image_shape=(64, 64)).transform(list(images)),
        HMAX(layer="c1").transform(images),
    )
    np.testing.assert_array_equal(
        HMAX(layer="c1", image_shape=(-1, 64)).transform(images), HMAX(layer="c1").transform(images)
    )


def test_names_are_unique_where_half_a_turn_matters(images):
    model = HMAX(
        layer="c1", bands=1, orientations=(0, 90, 180, 270), phases=(90,), s1_response="half"
    ).fit(images)
    assert len(set(model.get_feature_names_out())) == model.transform(images).shape[1]
    twice = HMAX(
        filter_sizes=((7, 7),), wavelengths=((3.5, 5.0),), sigmas=((2.8, 4.0),)
    ).activations(images, ["s1"])
    assert [node.name for node in twice.leaves] == ["b1_s07_w3.5", "b1_s07_w5"]


def test_a_model_of_ones_own_needs_few_lines(images):
    class Mean(FeatureExtractor):
        layer_names = ("mean",)

        def __init__(
            self,
            layer="mean",
            image_shape=None,
            device="cpu",
            batch_memory=256,
            n_threads=None,
            progress=None,
        ):
            self.layer, self.image_shape, self.device = layer, image_shape, device
            self.batch_memory, self.n_threads, self.progress = batch_memory, n_threads, progress

        def learn(self, images, labels):
            pass

        def walk(self, retina, wanted):
            from hmax_cnn.extraction import Field, Maps

            means = retina.values.mean(axis=(2, 3), keepdims=True)
            yield "mean", [Maps(means, Field.whole(*retina.values.shape[2:]))], None

    np.testing.assert_allclose(
        Mean().fit_transform(images)[:, 0], images.mean(axis=(1, 2)), rtol=1e-5
    )
    assert list(Mean().get_feature_names_out()) == ["mean_f00"]
