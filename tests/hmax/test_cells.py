"""Simple, complex and tuned cells."""

import numpy as np
import pytest

from hmax_cnn.extraction import flatten
from hmax_cnn.hmax import HMAX, PRESETS

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("band", range(1, 9))
def test_a_shift_by_the_stride_shifts_c1(band):
    """Away from the border, where the shift brings in new pixels; to 1e-6 of rounding (seen: 0)."""
    stride = PRESETS["georgetown"].pool_strides[band - 1]
    scene = (
        np.random.default_rng(band).integers(0, 256, (160 + stride, 160 + stride)).astype(np.uint8)
    )
    here, there = (
        HMAX(layer="c1", bands=(band,))
        .activations(s[None], ["c1"])["c1"]
        .leaves[0]["response"]
        .values
        for s in (scene[:160, :160], scene[stride:, stride:])
    )
    reach = -(-(PRESETS["georgetown"].filter_sizes[band - 1][1] // 2 + 1) // stride) + 2
    kept = slice(reach, -reach)
    moved = slice(reach + 1, -reach + 1)
    np.testing.assert_allclose(there[:, :, kept, kept], here[:, :, moved, moved], atol=1e-6)


def test_georgetown_borders_are_silent(images):
    s1 = HMAX().activations(images, ["s1"])["s1"]["b1_s07"]["response"].values
    assert (s1[:, :, :4] == 0).all()
    assert (s1[:, :, -3:] == 0).all()
    assert (s1[:, :, 4:-3, 4:-3].max(axis=(1, 2, 3)) > 0).all()
    assert HMAX(bands=1).activations(images[:, :61, :60], ["c1"])["c1/b1"]["response"].shape[
        2:
    ] == (16, 15)


def test_padded_border_sees_zeros(images):
    padded = np.pad(images, ((0, 0), (18, 18), (18, 18)))
    inner = HMAX(s1_border="padded").activations(images, ["s1"])["s1"]
    outer = HMAX().activations(padded, ["s1"])["s1"]
    for node in inner.leaves[:14]:  # larger filters meet the silent border of the padded image
        np.testing.assert_allclose(
            node["response"], outer[node.name]["response"][:, :, 18:-18, 18:-18], atol=1e-6
        )
    HMAX(s1_border="padded").activations(images[:, :1, :2], ["c1"])


def test_responses_of_s1(images):
    signed, absolute, half = (
        HMAX(layer="s1", bands=2, s1_response=kind).transform(images)
        for kind in ("signed", "absolute", "half")
    )
    np.testing.assert_array_equal(np.abs(signed), absolute)
    np.testing.assert_array_equal(np.maximum(signed, 0), half)
    pair = (
        HMAX(layer="s1", bands=2, phases=(0, 90), s1_response="signed")
        .transform(images)
        .reshape(3, 4, 4, 2, 64, 64)
    )
    energy = (
        HMAX(layer="s1", bands=2, phases=(0, 90), s1_response="energy")
        .transform(images)
        .reshape(3, 4, 4, 64, 64)
    )
    np.testing.assert_allclose(np.sqrt((pair**2).sum(axis=3)), energy, atol=1e-6)


def test_energy_of_a_grating_does_not_depend_on_its_phase():
    """For drifting gratings at the filter's own frequency the energy varies by 2 %, the absolute
    even response by 93 %."""
    x = np.arange(64)
    gratings = np.stack(
        [
            np.broadcast_to(127 + 100 * np.cos(2 * np.pi * x / 6.753 + phase), (64, 64))
            for phase in np.linspace(0, np.pi, 8, endpoint=False)
        ]
    )
    kinds = {"energy": {"phases": (0, 90), "s1_response": "energy"}, "absolute": {}}
    spread = {}
    for name, parameters in kinds.items():
        node = HMAX(layer="s1", bands=2, orientations=(0,), **parameters).activations(
            gratings, ["s1"]
        )["s1"]["b2_s13"]
        at_centre = node["response"].values[:, 0, 32, 32]
        spread[name] = (at_centre.max() - at_centre.min()) / at_centre.max()
    assert spread["energy"] < 0.1 < 0.5 < spread["absolute"]


def test_gaussian_is_a_function_of_the_distance(images):
    distance = HMAX(prototypes="photographs").transform(images)
    tuned = HMAX(prototypes="photographs", tuning="gaussian", sharpness=0.3).transform(images)
    np.testing.assert_allclose(tuned, np.exp(-0.3 * distance**2), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("tuning", ["gaussian_by_size", "gaussian_by_norm"])
def test_gaussians_that_scale_with_size(images, tuning):
    """By the authors' formula, in float64; S2's best is C2, and gradients follow."""
    rng = np.random.default_rng(1)
    patches = {n: rng.random((3, 4, n, n)).astype(np.float32) * n for n in (4, 8, 12)}
    distance = HMAX(prototypes=patches).transform(images).astype(float)
    model = HMAX(prototypes=patches, tuning=tuning, sharpness=0.02, layer=("s2", "c2"))
    scale = np.repeat([1.0, 2.0, 3.0], 3) ** 2
    if tuning == "gaussian_by_norm":
        squares = [(of_size.astype(float) ** 2).sum((1, 2, 3)) for of_size in patches.values()]
        scale = scale * np.concatenate(squares)
        model.set_params(sharpness=4.5)
    expected = np.exp(-model.sharpness * distance**2 / scale)
    found = model.activations(images, ["s2", "c2"])
    c2 = flatten(found).sel(unit=flatten(found)["layer"] == "c2")
    # 3e-7 was seen.
    np.testing.assert_allclose(c2, expected, atol=3e-6)
    for number, size in enumerate(patches):
        of_size = [node["response"] for name, node in found["s2"].items() if f"p{size:02d}" in name]
        best = np.max([response.max(("y", "x")) for response in of_size], axis=0)
        np.testing.assert_allclose(best, c2[:, 3 * number : 3 * number + 3], atol=1e-6)
    assert model.distance_layers() == ()


def test_large_prototypes_fall_silent_unless_gaussians_scale(images):
    """What the scaling is for: imprinted patches of 16 x 16 answer as those of 4 x 4 do."""
    means = {}
    for tuning in ("gaussian", "gaussian_by_size"):
        model = HMAX(prototypes="photographs", prototype_sizes=(4, 16), tuning=tuning, sharpness=1)
        small, large = np.split(model.transform(images), 2, axis=1)
        means[tuning] = np.median(large) / np.median(small)
    assert means["gaussian"] < 0.1 < 0.5 < means["gaussian_by_size"]


@pytest.mark.parametrize("tuning", ["gaussian_by_size", "gaussian_by_norm"])
def test_gradients_of_scaled_gaussians(images, tuning):
    patches = {n: np.random.default_rng(n).random((2, 4, n, n)).astype(np.float32) for n in (4, 8)}
    model = HMAX(prototypes=patches, tuning=tuning, sharpness=0.05, bands=2)
    image = images[:1].astype(np.float32)
    slope = model.image_gradient(image, "c2", [1, 3])[0]
    step = np.random.default_rng(0).standard_normal(image.shape[1:]).astype(np.float32)
    for unit, number in enumerate((1, 3)):
        ahead, behind = (
            model.transform(image + sign * 0.05 * step)[0, number].astype(float) for sign in (1, -1)
        )
        # Through maxima of float32: 1 % was seen.
        assert (slope[unit] * step).sum() == pytest.approx((ahead - behind) / 0.1, rel=0.1)


def test_partial_windows_ignored(images):
    counted, ignored = (
        HMAX(prototypes="photographs", partial_windows=partial) for partial in (True, False)
    )
    assert (ignored.transform(images) >= counted.transform(images) - 1e-5).all()
    found = ignored.winners(images)
    sizes = {
        f"b{band}": side
        for band, side in zip(range(1, 9), (16, 13, 11, 10, 8, 8, 7, 6), strict=True)
    }
    p16 = found.sel(unit=[str(unit) for unit in found["unit"].values if "_p16_" in str(unit)])
    assert set(p16["band"].values.ravel()) == {1}  # the only band of 16 positions a side
    assert (found["row"] <= max(sizes.values()) - 2).all()
    with pytest.raises(ValueError, match="largest band has 14 positions"):
        ignored.transform(images[:, :53, :53])


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_odd_prototypes_are_centred(images, size):
    table = HMAX(prototype_sizes=(size,), n_prototypes=1).fields((64, 64), ["c1", "s2"])
    c1, s2 = (table[table["layer"] == layer].iloc[0] for layer in ("c1", "s2"))
    assert s2["start_y"] == c1["start_y"]
    assert s2["size_y"] == c1["size_y"] + 4 * (size - 1)


def test_rounding_of_an_empty_background_is_no_contrast(images):
    """Ripples of 1e-13, as splines leave them around an object, change no S1 response by more than
    float32 does; they were once amplified."""
    ground = np.zeros((1, 96, 96), np.float32)
    ground[0, 30:62, 30:62] = images[0, :32, :32]
    rippled = ground + np.float32(1e-13) * np.random.default_rng(0).standard_normal(
        ground.shape
    ).astype(np.float32)
    still, moved = (HMAX(layer="s1", bands=2).transform(image) for image in (ground, rippled))
    np.testing.assert_allclose(moved, still, atol=1e-6)
