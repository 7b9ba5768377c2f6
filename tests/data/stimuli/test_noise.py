"""Noise, and pictures made of their statistics."""

import numpy as np
import pytest

from hmax_cnn.data import stimuli

pytestmark = pytest.mark.quick

SIDE = 64


PICTURES = np.kron(np.random.default_rng(0).random((2, 8, 8)), np.ones((8, 8))) * 255


def test_noise_has_its_statistics():
    """Amplitude falls as 1 / f^exponent: the slope of log amplitude, to 0.05 (seen 0.02); and the
    contrast asked for."""
    for exponent in (0.0, 1.0):
        found = (
            stimuli.coloured_noise((128, 128), 10, exponent, contrast=0.1).load().values / 127.5 - 1
        )
        assert found.std() == pytest.approx(0.1, rel=1e-3)
        amplitude = np.abs(np.fft.fft2(found)).mean(axis=0)
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
        kept = (radius > 0.02) & (radius < 0.4)
        slope = np.polyfit(np.log(radius[kept]), np.log(amplitude[kept]), 1)[0]
        assert slope == pytest.approx(-exponent, abs=0.05)
    sparse = stimuli.sparse_noise((SIDE, SIDE), 50, size=4, density=0.2).load().values[:, ::4, ::4]
    assert (sparse != 127.5).mean() == pytest.approx(0.2, abs=0.02)
    assert set(np.unique(sparse)) == {0, 127.5, 255}
    assert (
        stimuli.sparse_noise((SIDE, SIDE), 50)[7] == stimuli.sparse_noise((SIDE, SIDE), 8)[7]
    ).all()


def test_scrambled_pictures_keep_what_they_should():
    """Phase-scrambled: amplitudes to 1e-4 of the largest. Texture-matched: the histogram exactly,
    amplitudes to 10 % (seen 4.5 %)."""
    scrambled, matched = stimuli.phase_scrambled(PICTURES), stimuli.texture_matched(PICTURES)
    for index, picture in enumerate(PICTURES):
        amplitude = np.abs(np.fft.fft2(picture))
        np.testing.assert_allclose(
            np.abs(np.fft.fft2(scrambled[index])), amplitude, atol=1e-4 * amplitude.max()
        )
        assert abs(np.corrcoef(scrambled[index].ravel(), picture.ravel())[0, 1]) < 0.5
        np.testing.assert_array_equal(
            np.sort(matched[index], axis=None), np.sort(picture.astype(np.float32), axis=None)
        )
        apart = np.abs(np.abs(np.fft.fft2(matched[index])) - amplitude)
        assert np.linalg.norm(apart) < 0.1 * np.linalg.norm(amplitude.ravel()[1:])
    with pytest.raises(ValueError, match="`images` must be grey"):
        stimuli.phase_scrambled(np.ones((1, 8, 8, 3)))[0]


def test_seeds_are_for_one_thing_only():
    """White and 1/f noise, scrambling and noise that is added share no numbers; image i does not
    depend on how many there are."""
    white, pink = (
        stimuli.coloured_noise((SIDE, SIDE), 3, exponent)[1] - 127.5 for exponent in (0.0, 1.0)
    )
    assert abs(np.corrcoef(white.ravel(), pink.ravel())[0, 1]) < 0.1
    spot = np.zeros((1, SIDE, SIDE))
    spot[0, 20, 20] = 255
    assert (
        abs(
            np.corrcoef(
                stimuli.phase_scrambled(spot)[0].ravel(),
                stimuli.white_noise((SIDE, SIDE), 1)[0].ravel(),
            )[0, 1]
        )
        < 0.1
    )
    np.testing.assert_array_equal(
        stimuli.white_noise((SIDE, SIDE), 2)[1], stimuli.white_noise((SIDE, SIDE), 9)[1]
    )
