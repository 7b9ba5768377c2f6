"""Transformations: where they go, what they undo, what comes from outside."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hmax_cnn.data import transformations as t
from hmax_cnn.data.stimuli import gratings, paperclips
from hmax_cnn.data.transformed import transformed
from hmax_cnn.data.views import views

pytestmark = pytest.mark.quick

SMOOTH = gaussian_filter(np.random.default_rng(0).standard_normal((64, 64)), 3) * 400 + 128


EVERY = {
    "shift": (t.shift(), 5.5),
    "scale": (t.scale(), 1.3),
    "rotation": (t.rotation(), 30),
    "reflection": (t.reflection(), 1),
    "contrast": (t.contrast(), 0.5),
    "luminance": (t.luminance(), 20),
    "blur": (t.blur(), 2),
    "noise": (t.noise(), 10),
    "occlusion": (t.occlusion(), 0.25),
    "clutter": (t.clutter(SMOOTH[None]), 2),
    "phase scrambling": (t.phase_scrambling(), 0.5),
}


MIDDLE = slice(16, 48), slice(16, 48)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("colours", [1, 3])
def test_every_one_has_a_name_units_and_an_identity(name, colours):
    """The identity returns the very image; a value changes it; colours are treated alike; input is
    left as it was; seeds repeat."""
    change, value = EVERY[name]
    if colours == 1:
        image = SMOOTH
    else:
        image = np.repeat(SMOOTH[..., None], 3, axis=2)
    if colours == 3 and name == "clutter":
        change = t.clutter(image[None])
    before = image.copy()
    assert change.name == name
    assert change.units
    np.testing.assert_array_equal(change(image, change.identity), image.astype(np.float32))
    found = change(image, value, 7)
    assert found.shape == image.shape
    assert found.dtype == np.float32
    assert np.abs(found - image).max() > 1
    np.testing.assert_array_equal(change(image, value, 7), found)
    np.testing.assert_array_equal(image, before)
    if colours == 3 and name != "noise":
        np.testing.assert_allclose(found[..., 0], found[..., 2], atol=1e-3)
        np.testing.assert_allclose(
            found[..., 0],
            change(SMOOTH, value, 7) if name != "clutter" else found[..., 0],
            atol=1e-2,
        )


@pytest.mark.parametrize("name", [name for name, (change, _) in EVERY.items() if change.inverse])
def test_inverses_undo(name):
    """In the middle of a smooth image, to 1 % of its range for those that interpolate (seen 0.3 %),
    else to rounding."""
    change, value = EVERY[name]
    back = change(change(SMOOTH, value), change.inverse(value))
    if name in ("shift", "scale", "rotation"):
        tolerance = 0.01 * np.ptp(SMOOTH)
    else:
        tolerance = 1e-3
    np.testing.assert_allclose(back[MIDDLE], SMOOTH[MIDDLE], atol=tolerance)


@pytest.mark.parametrize("degrees", [45, -30, 90, 10])
def test_a_rotation_of_45_degrees_is_45_degrees(degrees):
    """A vertical grating turned is the grating of that orientation: correlation above 0.999 in the
    middle."""
    upright, turned = (gratings((64, 64), (angle,), (0.08,))[0] for angle in (0, degrees))
    found = t.rotation("reflect")(upright, degrees)
    assert np.corrcoef(found[MIDDLE].ravel(), turned[MIDDLE].ravel())[0, 1] > 0.999
    if degrees == 90:
        np.testing.assert_allclose(t.rotation()(SMOOTH, 90), np.rot90(SMOOTH), atol=1e-3)


def test_shifts_go_where_they_say():
    """Right and up by whole pixels exactly; by half a pixel as a grating's phase, to 0.5 % of its
    height (seen 0.1 %), but at peaks, which are
    cut at the brightest and darkest pixels of the image."""
    np.testing.assert_array_equal(
        t.shift(0, fill=0)(SMOOTH, 3)[:, 3:], SMOOTH[:, :-3].astype(np.float32)
    )
    np.testing.assert_array_equal(
        t.shift(90, fill=0)(SMOOTH, 3)[:-3], SMOOTH[3:].astype(np.float32)
    )
    still, half = gratings((64, 64), frequencies=(1 / 16,), phases=(0, -360 / 32)).load().values
    half = np.clip(half, still.min(), still.max())
    np.testing.assert_allclose(
        t.shift(0, "edge")(still, 0.5)[MIDDLE], half[MIDDLE], atol=0.005 * 127.5
    )


def test_scale_is_a_factor_and_does_not_alias():
    """A grating enlarged twice has half the frequency; fine stripes made four times smaller become
    grey instead of moiré."""
    small, large = (gratings((64, 64), frequencies=(f,))[0] for f in (0.1, 0.05))
    assert (
        np.corrcoef(t.scale("reflect")(small, 2)[MIDDLE].ravel(), large[MIDDLE].ravel())[0, 1]
        > 0.999
    )
    fine = gratings((64, 64), frequencies=(20 / 64,))[0]
    reduced = t.scale("wrap")(fine, 0.25)
    assert reduced.std() < 0.02 * fine.std()


def test_borders_are_what_was_chosen():
    ramp = np.tile(np.arange(8.0), (8, 1))
    np.testing.assert_allclose(t.shift(border="constant", fill=99)(ramp, 2)[0, :2], 99)
    np.testing.assert_allclose(t.shift(border="edge")(ramp, 2)[0, :2], 0)
    np.testing.assert_allclose(t.shift(border="reflect")(ramp, 2)[0, :2], [2, 1])
    np.testing.assert_allclose(t.shift(border="wrap")(ramp, 2)[0, :2], [6, 7])
    rim = np.concatenate([ramp[0], ramp[-1], ramp[1:-1, 0], ramp[1:-1, -1]])
    np.testing.assert_allclose(t.shift()(ramp, 2)[0, :2], rim.mean())
    assert t.shift(fill=99).border == "constant, luminance 99"
    assert t.shift(border="wrap").border == "wrap"


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (t.shift(fill=0), 5),
        (t.rotation(fill=0), 45),
        (t.scale(fill=0), 0.5),
        (t.scale(fill=0), 0.25),
    ],
)
def test_what_comes_from_outside_is_known(change, value):
    """On a bright image the share from outside is exactly what is missing of its light; the border
    alone takes that share and leaves the rest."""
    bright = np.full((33, 33), 200.0)
    share, found = change.outside((33, 33), value), change(bright, value)
    np.testing.assert_allclose(found, 200 * (1 - share), atol=1e-3)
    alone = change.border_only(bright, value)
    np.testing.assert_allclose(alone, 200 + share * (found - 200), atol=1e-3)
    assert 0.05 < share.mean() < 0.96


def test_light_and_noise():
    assert t.contrast()(SMOOTH, 0.5).std() == pytest.approx(SMOOTH.std() / 2, rel=1e-5)
    assert t.contrast()(SMOOTH, 0.5).mean() == pytest.approx(SMOOTH.mean(), rel=1e-5)
    assert (t.luminance()(SMOOTH, 20) - SMOOTH).mean() == pytest.approx(20, rel=1e-4)
    assert (t.noise()(SMOOTH, 10) - SMOOTH).std() == pytest.approx(10, rel=0.05)
    spot = np.zeros((65, 65))
    spot[32, 32] = 1
    y = np.arange(65) - 32
    assert (t.blur()(spot, 3).sum(axis=1) * y**2).sum() == pytest.approx(9, rel=0.02)


def test_occlusion_and_clutter_cover_what_they_say():
    for share in (0.1, 0.5, 1.0):
        covered = t.occlusion(fill=-1)(SMOOTH, share, 3) == -1
        assert covered.mean() == pytest.approx(share, rel=0.1)
    textured = np.random.default_rng(0).random((3, 20, 20)) - 1000
    for seed in range(20):
        crowded = t.clutter(textured)(SMOOTH, 4, seed) < -500
        assert crowded.sum() == 4 * 16**2  # side by side
        assert not crowded[16:48, 16:48].any()
    disc = np.full((1, 20, 20), 50.0)
    disc[0, 5:15, 5:15] = 250
    assert (
        t.clutter(disc)(np.full((64, 64), 128.0), 1) != 128
    ).sum() < 0.5 * 16**2  # without its background
    assert t.clutter(textured)(SMOOTH[:7, :9], 3).shape == (7, 9)


def test_random_changes_grow_along_one_path():
    """Noise is one pattern that grows; the first distractors stay; nothing depends on which other
    values are asked for."""
    pictures = np.stack([SMOOTH, SMOOTH[::-1]])
    few, more = (
        transformed(pictures, t.noise(), (0, 10)),
        transformed(pictures, t.noise(), (0, 5, 10)),
    )
    np.testing.assert_array_equal(few[1], more[2])
    np.testing.assert_allclose(2 * (more[1] - SMOOTH), more[2] - SMOOTH, atol=1e-3)
    assert (
        np.abs(np.corrcoef((more[2] - pictures[0]).ravel(), (more[5] - pictures[1]).ravel())[0, 1])
        < 0.1
    )
    one, two = (
        t.clutter(np.random.default_rng(0).random((3, 20, 20)) - 1000)(SMOOTH, n, 1) < -500
        for n in (1, 2)
    )
    assert two[one].all()


def test_phase_scrambling_keeps_amplitudes():
    for share in (0.3, 1.0):
        found = t.phase_scrambling()(SMOOTH, share)
        np.testing.assert_allclose(
            np.abs(np.fft.fft2(found)),
            np.abs(np.fft.fft2(SMOOTH)),
            atol=1e-3 * np.abs(np.fft.fft2(SMOOTH)).max(),
        )


CLIPS = paperclips((16, 16), 2, views=(0, 10))


BAD = {
    "no identity": (
        lambda: transformed(SMOOTH[None], t.shift(), (1, 2)),
        "`values` must hold 0, at which shift changes nothing",
    ),
    "twice": (
        lambda: transformed(SMOOTH[None], t.shift(), (0, 0)),
        "`values` of shift must differ",
    ),
    "no border": (
        lambda: transformed(SMOOTH[None], t.blur(), (0, 1), border_only=True),
        "`border_only` has no meaning for blur",
    ),
    "border": (
        lambda: t.shift(border="mirror"),
        "`border` must be one of 'constant', 'edge', 'reflect', 'wrap', got 'mirror'",
    ),
    "scale": (
        lambda: t.scale()(SMOOTH, 0),
        "`value` of scale must be a finite number of at least 0.001, in times, got 0",
    ),
    "mirrored twice": (
        lambda: t.reflection()(SMOOTH, 2),
        "`value` of reflection must be a whole number from 0 to 1, in mirrored, got 2",
    ),
    "axis": (lambda: t.reflection("z"), "`axis` must be 'x' or 'y'"),
    "blur": (
        lambda: t.blur()(SMOOTH, -1),
        "`value` of blur must be a finite number from 0 to 1000, in pixels, got -1",
    ),
    "covered": (
        lambda: t.occlusion()(SMOOTH, 2),
        "`value` of occlusion must be a finite number from 0 to 1",
    ),
    "half a distractor": (
        lambda: t.clutter(SMOOTH[None])(SMOOTH, 0.5),
        "`value` of clutter must be a whole number of at least 0",
    ),
    "coloured distractor": (
        lambda: t.clutter(np.ones((1, 4, 4, 3)))(SMOOTH, 1),
        "`distractors` must have the colours of the images",
    ),
    "large distractor": (
        lambda: t.clutter(SMOOTH[None], size=0.9),
        "`size` must lie above 0 and at most at 0.25",
    ),
    "no distractor": (lambda: t.clutter([]), "`distractors` must hold at least one image"),
    "phases": (
        lambda: t.phase_scrambling()(SMOOTH, 1.5),
        "`value` of phase scrambling must be a finite number from 0 to 1",
    ),
    "not finite": (
        lambda: t.shift()(SMOOTH, np.inf),
        "`value` of shift must be a finite number, in pixels, got inf",
    ),
    "wrong value in a set": (
        lambda: transformed(SMOOTH[None], t.occlusion(), (0, 5)),
        "`value` of occlusion must be a finite number from 0 to 1",
    ),
    "labels": (
        lambda: transformed(SMOOTH[None], t.shift(), (0, 1), ["a", "b"]),
        "`labels` must be one for each of the 1 images, got 2",
    ),
    "colour": (lambda: t.shift(fill="white"), "`fill` must be one luminance"),
    "grey": (lambda: t.contrast().inverse(0), "`value` 0 cannot be undone"),
    "unknown view": (
        lambda: views(CLIPS, [0, 0, 1, None], [0, 10, 0, 10], 0),
        "must be known for every image, but image 3",
    ),
    "not an image": (lambda: t.shift()(SMOOTH[0], 1), "`image` must have shape"),
    "missing view": (
        lambda: views(CLIPS.subset([0, 1, 2]), [0, 0, 1], [0, 10, 0], 0),
        "Object 1 lacks view 10",
    ),
    "doubled view": (lambda: views(CLIPS, [0, 0, 1, 1], [0, 0, 0, 10], 0), "has view 0 twice"),
    "reference": (
        lambda: views(CLIPS, [0, 0, 1, 1], [0, 10, 0, 10], 5),
        "`reference` must be one of the angles",
    ),
    "two lengths": (lambda: views(CLIPS, [0, 1], [0], 0), "must have the same length, got 2 and 1"),
    "lengths": (lambda: views(CLIPS, [0, 1], [0, 0], 0), "one entry for each of the 4 images"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values(name):
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make()
