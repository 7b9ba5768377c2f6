"""Shapes, digits, silhouettes and drawings."""

import numpy as np
import pytest
from scipy import ndimage

from hmax_cnn.data import stimuli
from hmax_cnn.data.stimuli import Screen

pytestmark = pytest.mark.quick

SIDE = 64


PICTURES = np.kron(np.random.default_rng(0).random((2, 8, 8)), np.ones((8, 8))) * 255


def test_circles_have_their_area_and_middle():
    """No irregularity is a circle: its area to 3 % at 8 pixels and 1 % from 16 on (seen 1.6, 0.4),
    its middle to 0.02 pixels; light on black."""
    for size, tolerance in ((8, 0.03), (16, 0.01), (40, 0.01)):
        for position in ((31.5, 31.5), (30.2, 33.7)):
            shape = (
                stimuli.fourier_shapes(
                    Screen(SIDE, SIDE, background=0, amplitude=200),
                    1,
                    (size,),
                    [position],
                    irregularity=0,
                )[0]
                / 200
            )
            assert shape.sum() == pytest.approx(np.pi * size**2 / 4, rel=tolerance)
            middle = [(shape * axis).sum() / shape.sum() for axis in np.indices(shape.shape)]
            np.testing.assert_allclose(middle, position, atol=0.02)


def test_no_shape_crosses_itself():
    """Of 60 irregular shapes none has a hole of more than a few pixels, which bays that nearly
    close leave, or falls apart."""
    for shape in (stimuli.fourier_shapes((SIDE, SIDE), 60, irregularity=0.6)[i] for i in range(60)):
        pieces = np.bincount(ndimage.label(shape > 135)[0].ravel())[1:]
        assert pieces.max() > 0.98 * pieces.sum()  # a neck may be thinner than a pixel
        assert (ndimage.binary_fill_holes(shape > 135) ^ (shape > 135)).sum() <= 5


def test_rough_shapes_come_to_an_end():
    """Contours that would nearly always cross themselves are drawn ever more evenly."""
    for options in ({"n_harmonics": 30}, {"n_harmonics": 12, "irregularity": 1.0}):
        assert (stimuli.fourier_shapes((SIDE, SIDE), 1, **options)[0] > 200).sum() > 300


def test_shapes_are_closed_and_of_their_size():
    """An outline around the silhouette; twice the size has four times the area (to 3 %)."""
    for index in range(3):
        small, large = (
            stimuli.fourier_shapes((160, 160), 3, (size,)).subset([index])[0] > 200
            for size in (40, 80)
        )
        assert large.sum() / small.sum() == pytest.approx(4, rel=0.03)
        outline = (
            stimuli.fourier_shapes((160, 160), 3, (80,), style="outline").subset([index])[0] > 200
        )
        assert (
            ndimage.binary_dilation(large, iterations=3)[outline].mean() > 0.98
        )  # all but thin spikes


def test_digits_are_where_and_as_large_as_asked():
    found = stimuli.placed_digits((SIDE, SIDE), 10, (24,), positions=[(20, 40)])
    assert list(found.load()["label"].values) == list("0123456789")
    for image in (found[index] - 127.5 for index in range(10)):
        rows, columns = np.nonzero(image > 30)
        assert rows.min() >= 20 - 15
        assert rows.max() <= 20 + 15
        assert columns.mean() == pytest.approx(40, abs=4)
        assert 15 < rows.max() - rows.min() < 30


def test_drawings_of_mirrored_pictures_are_mirrored():
    for make in (stimuli.edge_drawings, stimuli.silhouettes):
        np.testing.assert_allclose(
            make(PICTURES[:, :, ::-1])[0][:, ::-1], make(PICTURES)[0], atol=1e-3
        )


def test_small_digits_do_not_flicker():
    """Light of a digit of 3 pixels as it moves over one pixel: to 5 % (seen 1.2; 28 without
    smoothing)."""
    light = [
        stimuli.placed_digits((16, 16), 1, (3,), [(7.5, 7.5 + shift)])[0].sum() - 127.5 * 256
        for shift in np.arange(0, 1, 0.125)
    ]
    assert np.ptp(light) < 0.05 * np.mean(light)


def test_silhouettes_and_edges():
    square = np.full((1, 32, 32), 50.0)
    square[0, 8:24, 8:24] = 200
    square[0, 12:20, 12:20] = 50
    filled = stimuli.silhouettes(square)[0]
    assert (filled[8:24, 8:24] == 0).all()
    assert (filled[:8] == 127.5).all()
    drawn = stimuli.edge_drawings(square, sigma=1.0)[0] < 100
    assert drawn[16, 6:10].any()
    assert not drawn[:4].any()
    assert stimuli.edge_drawings(np.ones((1, 9, 9)))[0][0].any() != 0
