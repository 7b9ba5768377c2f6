"""Shapes with textures."""

import numpy as np
import pytest

from hmax_cnn.data import stimuli

pytestmark = pytest.mark.quick


def shown(n_classes=4, **parameters):
    return stimuli.textured_shapes((96, 96), n_classes, 2, 56, jitter=0, **parameters)


def test_every_shape_has_every_texture():
    """Without jitter each image covers the shape of its number (where the noise is not at its
    lowest, which is the background's); noise of one texture is new in each image."""
    found, shapes = shown(), stimuli.fourier_shapes((96, 96), 4, (56,))
    assert len(found) == 4 * 4 * 2
    for index, shape in enumerate(found.table["shape"]):
        inside = shapes[shape] > 127.5
        assert (found[index][~inside] == 127.5).all()
        assert (found[index][inside] > 127.5).mean() > 0.95
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("texture", range(4))
def test_textures_have_their_orientation_and_period(texture):
    """By the centre of gravity of the spectrum of many variants; the outline blurs it a little: 5
    degrees and a quarter of an octave."""
    found = stimuli.textured_shapes((128, 128), 4, 8, 80, (4.0, 8.0), 0)
    chosen = found.table.query(f"shape == texture == {texture}").index
    power = sum(np.abs(np.fft.fft2(found[index] - found[index].mean())) ** 2 for index in chosen)
    down, right = np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128), indexing="ij")
    radius = np.hypot(down, right)
    power = np.where(radius > 0.08, power, 0)  # without the outline's
    turn = (power * np.exp(2j * np.arctan2(-down, right))).sum()
    angle = np.degrees(np.angle(turn)) / 2 % 180
    assert abs((angle - 45 * texture + 90) % 180 - 90) < 5
    period = 1 / np.exp((power * np.log(np.maximum(radius, 1e-9))).sum() / power.sum())
    assert abs(np.log2(period / (4, 8)[texture % 2])) < 0.25


def test_an_image_does_not_depend_on_how_many_there_are():
    few, many = stimuli.textured_shapes((64, 64), 3, 1), stimuli.textured_shapes((64, 64), 3, 5)
    row = many.table.query("shape == 2 and texture == 1 and variant == 0").index[0]
    mine = few.table.query("shape == 2 and texture == 1").index[0]
    np.testing.assert_array_equal(few[mine], many[row])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"n_classes": 1}, "`n_classes` must lie between 2 and 1000"),
        ({"size": 0}, "`size` must be positive"),
        ({"periods": (4, 1)}, "`periods` must lie between 2 and 32"),
        ({"periods": ()}, "`periods` must hold at least one"),
        ({"jitter": 2}, "`jitter` must lie between 0 and 1"),
        ({"contrast": 2}, "`contrast` must lie between -1 and 1"),
    ],
)
def test_bad_textured_shapes(given, text):
    with pytest.raises(ValueError, match=text):
        stimuli.textured_shapes((32, 32), **given)
