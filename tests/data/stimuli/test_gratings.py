"""Gratings, Gabors, plaids, centre and surround."""

import numpy as np
import pytest

from hmax_cnn.data import stimuli

pytestmark = pytest.mark.quick

SIDE = 64


def peak_frequency(image):
    """Frequency (cycles per pixel) and direction (degrees counterclockwise) of the strongest
    component."""
    padded = np.fft.fftshift(np.abs(np.fft.fft2(image - image.mean(), (512, 512))))
    row, column = np.unravel_index(padded.argmax(), padded.shape)
    up, right = (256 - row) / 512, (column - 256) / 512
    return np.hypot(up, right), np.degrees(np.arctan2(up, right)) % 180


@pytest.mark.parametrize("orientation", [0, 30, 45, 90, 120])
@pytest.mark.parametrize("wave", ["sine", "square"])
def test_gratings_have_their_orientation_and_frequency(orientation, wave):
    """By Fourier transform of a windowed grating, to the spacing of its grid; HMAX's filter of the
    same label answers most."""
    image = stimuli.gratings((128, 128), (orientation,), (0.11,), wave=wave)[0] * np.outer(
        np.hanning(128), np.hanning(128)
    )
    frequency, direction = peak_frequency(
        image - 127.5 * np.outer(np.hanning(128), np.hanning(128))
    )
    assert frequency == pytest.approx(0.11, abs=0.003)
    assert direction == pytest.approx(orientation, abs=1.5)


def test_gabor_is_hmax_filter():
    """A Gabor with HMAX's parameters is its filter inside the circle, up to the mean that is taken
    off: correlation above 0.995."""
    from hmax_cnn.hmax import gabor_bank

    bank = gabor_bank(21, 10.0, (90, -45, 0, 45))
    for orientation, weights in zip((90, -45, 0, 45), bank, strict=True):
        patch = (
            stimuli.gabors((21, 21), (orientation,), (0.1,), sigmas=(8.0,), aspect_ratio=0.3)[0]
            - 127.5
        )
        inside = np.hypot(*(np.indices((21, 21)) - 10)) <= 10.5
        assert np.corrcoef(patch[inside], weights[inside])[0, 1] > 0.995


def test_phase_moves_a_grating():
    """A quarter turn of phase is a quarter of a wavelength."""
    found = (
        stimuli.gratings((SIDE, SIDE), frequencies=(1 / 16,), phases=(0, 90), positions=[(32, 32)])
        .load()
        .values
    )
    np.testing.assert_allclose(found[1][:, :-4], found[0][:, 4:], atol=1e-3)


def test_cross_orientation_adds():
    alone = [
        stimuli.gratings((SIDE, SIDE), (angle,), contrasts=(0.5,))[0] - 127.5 for angle in (0, 90)
    ]
    np.testing.assert_allclose(
        stimuli.plaids((SIDE, SIDE))[0] - 127.5, alone[0] + alone[1], atol=1e-3
    )
    both = stimuli.cross_orientation((SIDE, SIDE), mask_contrasts=(0.0, 0.5))
    np.testing.assert_allclose(both[0] - 127.5, alone[0], atol=1e-3)


def test_centre_and_surround_are_what_they_say():
    found = stimuli.centre_surround((SIDE, SIDE), 20, 44, angles=(0, 90))
    whole = stimuli.gratings((SIDE, SIDE), diameters=(44,))
    np.testing.assert_allclose(found[0], whole[0], atol=1e-3)
    middle = slice(26, 38), slice(26, 38)
    np.testing.assert_allclose(found[1][middle], whole[0][middle], atol=1e-3)
