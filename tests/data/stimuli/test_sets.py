"""All stimuli: labels, seeds, degrees, refusals."""

import numpy as np
import pytest

from hmax_cnn.data import stimuli
from hmax_cnn.data.stimuli import Screen

pytestmark = pytest.mark.quick

SIDE = 64


PICTURES = np.kron(np.random.default_rng(0).random((2, 8, 8)), np.ones((8, 8))) * 255


EVERY = {
    "bars": stimuli.bars((SIDE, SIDE), (0, 45), (4, 6)),
    "edges": stimuli.edges((SIDE, SIDE), (0, 30)),
    "spots": stimuli.spots((SIDE, SIDE), 16),
    "gratings": stimuli.gratings((SIDE, SIDE), (0, 30), (0.1,), (0, 90)),
    "square gratings": stimuli.gratings((SIDE, SIDE), (0, 30), (0.1,), wave="square"),
    "gabors": stimuli.gabors((SIDE, SIDE), (0, 30)),
    "plaids": stimuli.plaids((SIDE, SIDE), (0, 30)),
    "cross-orientation": stimuli.cross_orientation((SIDE, SIDE)),
    "centre-surround": stimuli.centre_surround((SIDE, SIDE), 16, 40),
    "sparse noise": stimuli.sparse_noise((SIDE, SIDE), 3),
    "white noise": stimuli.white_noise((SIDE, SIDE), 3),
    "coloured noise": stimuli.coloured_noise((SIDE, SIDE), 3),
    "phase-scrambled": stimuli.phase_scrambled(PICTURES),
    "texture-matched": stimuli.texture_matched(PICTURES),
    "shapes": stimuli.fourier_shapes((SIDE, SIDE), 3),
    "outlines": stimuli.fourier_shapes((SIDE, SIDE), 3, style="outline"),
    "digits": stimuli.placed_digits((SIDE, SIDE), 3),
    "paperclips": stimuli.paperclips((SIDE, SIDE), 2, views=(0, 30), sizes=(48,)),
    "silhouettes": stimuli.silhouettes(PICTURES),
    "edge drawings": stimuli.edge_drawings(PICTURES),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_is_labelled_seeded_and_float32(name):
    """Images of one shape, the parameters along them, the same again and one by one, and a subset
    that is a part."""
    found = EVERY[name]
    loaded = found.load()
    assert loaded.dims == ("image", "y", "x")
    assert loaded.shape == (len(found), SIDE, SIDE)
    assert loaded.dtype == np.float32
    assert np.isfinite(loaded.values).all()
    assert {"y_" if c == "y" else "x_" if c == "x" else c for c in found.table} <= set(
        loaded.coords
    )
    assert len(set(found.names)) == len(found)
    np.testing.assert_array_equal(found.subset([len(found) - 1])[0], loaded.values[-1])
    np.testing.assert_array_equal(found[0], found[0])
    assert any((loaded.values[0] != image).any() for image in loaded.values[1:])


def test_degrees_are_degrees():
    """The same picture in pixels and in degrees of visual angle, for every kind with lengths."""
    screen = Screen(SIDE, SIDE, pixels_per_degree=16)
    pairs = [
        (
            stimuli.gratings((SIDE, SIDE), (20,), (0.125,), diameters=(32,)),
            stimuli.gratings(screen, (20,), (2,), diameters=(2,)),
        ),
        (
            stimuli.bars((SIDE, SIDE), (20,), (4,), (24,), positions=[(16, 32)]),
            stimuli.bars(screen, (20,), (0.25,), (1.5,), positions=[(1, 2)]),
        ),
        (
            stimuli.gabors((SIDE, SIDE), sigmas=(8,)),
            stimuli.gabors(screen, frequencies=(1.6,), sigmas=(0.5,)),
        ),
        (stimuli.fourier_shapes((SIDE, SIDE), 1, (32,)), stimuli.fourier_shapes(screen, 1, (2,))),
        (
            stimuli.paperclips((SIDE, SIDE), 1, sizes=(48,)),
            stimuli.paperclips(screen, 1, sizes=(3,)),
        ),
        (stimuli.placed_digits((SIDE, SIDE), 1, (32,)), stimuli.placed_digits(screen, 1, (2,))),
        (stimuli.spots((SIDE, SIDE), 16), stimuli.spots(screen, 1)),
    ]
    for pixels, degrees in pairs:
        np.testing.assert_allclose(degrees[0], pixels[0], atol=1e-3)
    assert pairs[0][1].load()["diameter"].attrs["units"] == "degrees"
    assert pairs[0][1].load()["frequency"].attrs["units"] == "cycles per degree"


def test_what_all_share_is_recorded():
    """Settings that are no columns stand in the attributes of the array."""
    found = stimuli.centre_surround(Screen(SIDE, SIDE, 16), 1, 3).load().attrs
    assert (found["surround_diameter"], found["pixels_per_degree"], found["background"]) == (
        3,
        16,
        127.5,
    )
    assert stimuli.coloured_noise((SIDE, SIDE), 1, 1.5).load().attrs["exponent"] == 1.5
    assert stimuli.gratings((SIDE, SIDE), wave="square").load().attrs["wave"] == "square"


BAD = {
    "frequency": (
        lambda: stimuli.gratings((9, 9), frequencies=(0.7,)),
        r"`frequencies` must be at most 0\.5 cycles per pixel",
    ),
    "negative frequency": (
        lambda: stimuli.gratings((9, 9), frequencies=(-1,)),
        r"`frequencies` must be positive, got -1\.0",
    ),
    "contrast": (
        lambda: stimuli.gratings((9, 9), contrasts=(1.5,)),
        r"`contrasts` must lie between 0 and 1, got 1\.5",
    ),
    "wave": (
        lambda: stimuli.gratings((9, 9), wave="saw"),
        "`wave` must be one of 'sine', 'square', got 'saw'",
    ),
    "nothing": (
        lambda: stimuli.gratings((9, 9), orientations=()),
        "There must be at least one grating",
    ),
    "not finite": (
        lambda: stimuli.gratings((9, 9), orientations=(np.nan,)),
        "`orientation` must be finite",
    ),
    "screen": (
        lambda: Screen(0, 5),
        "`height` must be a whole number of pixels, at least 1, got 0",
    ),
    "screen of three": (
        lambda: stimuli.bars((9, 9, 3)),
        r"`screen` must be a Screen or \(height, width\)",
    ),
    "degrees": (lambda: Screen(9, 9, -1), "`pixels_per_degree` must be positive"),
    "surround": (
        lambda: stimuli.centre_surround((9, 9), 8, 4),
        "`diameter` must be positive and less than `surround_diameter`",
    ),
    "mask": (
        lambda: stimuli.cross_orientation((9, 9), contrasts=(0.8,), mask_contrasts=(0.5,)),
        "must add up to at most 1",
    ),
    "spot": (lambda: stimuli.spots((9, 9), 20), "`size` must fit into the screen"),
    "noise size": (
        lambda: stimuli.sparse_noise((9, 9), 1, size=0.5),
        "`size` must be a whole number of pixels",
    ),
    "density": (
        lambda: stimuli.sparse_noise((9, 9), 1, density=2),
        "`density` must lie between 0 and 1",
    ),
    "harmonics": (
        lambda: stimuli.fourier_shapes((9, 9), 1, n_harmonics=0),
        "`n_harmonics` must lie between 1 and 50",
    ),
    "style": (
        lambda: stimuli.fourier_shapes((9, 9), 1, style="dotted"),
        "`style` must be one of 'filled', 'outline'",
    ),
    "axis": (
        lambda: stimuli.paperclips((9, 9), 1, axis="w"),
        "`axis` must be one of 'y', 'x', 'z'",
    ),
    "segments": (
        lambda: stimuli.paperclips((9, 9), 1, n_segments=1),
        "`n_segments` must be a whole number of at least 2",
    ),
    "black": (
        lambda: Screen(9, 9, background=0),
        "`amplitude` must be given where `background` is 0",
    ),
    "background": (
        lambda: Screen(9, 9, background=np.nan),
        "`background` must be a luminance of at least 0",
    ),
    "one number": (lambda: stimuli.bars(64), r"`screen` must be a Screen or \(height, width\)"),
    "positions": (
        lambda: stimuli.bars((9, 9), positions=(3, 4)),
        r"`positions` must be a list of pairs \(y, x\)",
    ),
    "no position": (
        lambda: stimuli.bars((9, 9), positions=[(np.nan, 4)]),
        r"`positions` must be a list of pairs \(y, x\)",
    ),
    "number": (
        lambda: stimuli.white_noise((9, 9), 2.5),
        r"`n_images` must be a whole number of at least 1, got 2\.5",
    ),
    "no shapes": (
        lambda: stimuli.fourier_shapes((9, 9), 0),
        "`n_shapes` must be a whole number of at least 1, got 0",
    ),
    "seed": (
        lambda: stimuli.paperclips((9, 9), 1, random_state=-1),
        "`random_state` must be a whole number of at least 0, got -1",
    ),
    "thickness": (
        lambda: stimuli.paperclips((9, 9), 1, thickness=0),
        "`thickness` must be positive",
    ),
    "margin": (lambda: stimuli.spots((9, 9), 2, margin=-3), "`margin` must lie between 0"),
    "spot size": (lambda: stimuli.spots((9, 9), -1), "`size` must be positive"),
    "no pictures": (lambda: stimuli.phase_scrambled([]), "`images` must hold at least one image"),
    "alpha": (lambda: stimuli.silhouettes(np.ones((1, 8, 8, 4)))[0], "`images` must have shape"),
    "exponent": (
        lambda: stimuli.white_noise((9, 9), 1, np.nan),
        "`contrast` must be positive, got nan",
    ),
    "digits": (lambda: stimuli.placed_digits((9, 9), 0), "`n_digits` must lie between 1 and 1797"),
}


def test_single_images_are_asked_for_by_number():
    found = stimuli.bars((9, 9))
    np.testing.assert_array_equal(found[-1], found[0])
    for wrong in (1, slice(0, 1)):
        with pytest.raises(IndexError, match="Several are had by `subset`"):
            found[wrong]
    assert stimuli.gratings((9, 9), frequencies=0.1).table["frequency"].tolist() == [0.1]


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters(name):
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make()
