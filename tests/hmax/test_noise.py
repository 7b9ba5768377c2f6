"""Noise of spike counts at each stage of HMAX."""

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 48, 52)).astype(np.uint8)
SMALL = {"bands": 2, "prototypes": "photographs", "prototype_sizes": (4,), "n_prototypes": 12}
RATES = {"tuning": "gaussian", "sharpness": 0.2}


def values(noise, layer, images=IMAGES, **more):
    """Maps of a layer, in the order of the model."""
    model = HMAX(layer=layer, noise=noise, **(SMALL | RATES | more))
    batches = [found[layer] for _, found in model.stream(model.open_images(images), (layer,))]
    return [np.concatenate([maps.values for maps in own]) for own in zip(*batches, strict=True)]


@pytest.mark.parametrize("layer", ["s1", "c1", "s2", "c2"])
def test_variance_is_the_mean_of_spikes(layer):
    """Over 150 seeds; responses of at least 25 spikes. Standard errors of a mean are 0.08 of the
    deviation, of a variance 0.12 of it."""
    spikes = 400
    clean = values(None, layer, IMAGES[:1])
    drawn = [values({layer: spikes}, layer, IMAGES[:1], random_state=n) for n in range(150)]
    counted = 0
    for number, expected in enumerate(clean):
        seen = spikes * np.stack([one[number] for one in drawn]).astype(float)
        strong = spikes * expected > 25
        counted += strong.sum()
        mean, variance = seen.mean(axis=0)[strong], seen.var(axis=0, ddof=1)[strong]
        off = (mean - spikes * expected[strong]) / np.sqrt(spikes * expected[strong] / 150)
        assert np.abs(off).max() < 5.5
        assert (variance / (spikes * expected[strong])).min() > 0.6
        assert np.median(variance / (spikes * expected[strong])) == pytest.approx(1, abs=0.15)
    assert counted > 10


def test_a_stage_sees_the_noise_below():
    """C1 is the strongest of noisy S1, C2 of noisy S2."""
    s1 = values({"s1": 50}, "s1", s1_response="half")
    c1 = values({"s1": 50}, "c1", s1_response="half")
    strongest = np.maximum(s1[0], s1[1])[:, :, :8, :8].max(axis=(2, 3))
    np.testing.assert_array_equal(c1[0][:, :, 0, 0], strongest)
    s2, (c2,) = values({"s2": 50}, "s2"), values({"s2": 50}, "c2")
    best = np.max([maps.max(axis=(2, 3)) for maps in s2], axis=0)
    np.testing.assert_array_equal(c2[:, :, 0, 0], best)
    assert (best > values(None, "c2")[0][:, :, 0, 0]).mean() > 0.9


def test_a_picture_has_its_own():
    model = HMAX(noise={"s1": 30, "c1": 20, "s2": 60, "c2": 60}, **SMALL, **RATES)
    both = model.transform(IMAGES)
    np.testing.assert_array_equal(model.transform(IMAGES[1:2]), both[1:2])
    np.testing.assert_array_equal(model.transform(IMAGES[::-1]), both[::-1])
    assert (model.set_params(random_state=1).transform(IMAGES) != both).mean() > 0.9


def test_on_every_device(place):
    """Noise is drawn on the host: the same, to 1e-4 of responses up to 2."""
    noise = {"s1": 30, "c1": 20, "s2": 60, "c2": 60}
    options = {"noise": noise, **SMALL, **RATES}
    found = HMAX(device=place.device, **options).transform(IMAGES)
    np.testing.assert_allclose(found, HMAX(**options).transform(IMAGES), atol=1e-4)


def test_way_back():
    """So many spikes that noise is none: gradients of the clean model, to 2e-3 of the largest."""
    many = dict.fromkeys(("s1", "c1", "s2", "c2"), 1e9)
    found = []
    for noise in (None, many):
        model = HMAX(noise=noise, **SMALL, **RATES)
        found.append(np.asarray(model.image_gradient(IMAGES[:1], "c2", [0, 5])))
    clean, noisy = found
    assert np.abs(clean).max() > 0
    np.testing.assert_allclose(noisy, clean, atol=2e-3 * np.abs(clean).max())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": 5}, "`noise` must be None or the spikes of a response of 1 by layer"),
        ({"noise": {"v4": 5}}, "`noise` must be .*got 'v4'"),
        ({"noise": {"c1": 0}}, r"`noise\['c1'\]` must be a number above 0, got 0"),
        ({"noise": {"c2": 5}, "tuning": "distance"}, "`noise` of 'c2' needs responses"),
        ({"noise": {"c1": 5}, "s1_response": "signed"}, "`noise` of 'c1' needs responses"),
        ({"noise": {"c1": 5}, "random_state": None}, "`random_state` must be a whole number"),
        (
            {"noise": {"s2": 5}, "prototype_sizes": (4, 16), "partial_windows": False},
            "`prototype_sizes` 16 does not fit into C1",
        ),
    ],
)
def test_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        HMAX(**(SMALL | RATES | options)).transform(IMAGES)


def test_winners_are_those_without_noise_at_s2():
    with pytest.raises(ValueError, match="`winners` are those of S2 without noise"):
        HMAX(noise={"s2": 5}, **SMALL, **RATES).winners(IMAGES)
