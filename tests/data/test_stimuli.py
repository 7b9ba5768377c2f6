"""Stimuli: what their parameters say they are, they are."""

import importlib
import itertools

import numpy as np
import pytest
from scipy import ndimage

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


def test_edges_are_smooth_and_areas_exact():
    """A square or bar that cuts through pixels covers its share of each: light adds up to its area,
    by hand and wherever it lies."""
    for position in ((31.5, 31.5), (31.2, 30.9)):
        bar = (
            stimuli.bars((SIDE, SIDE), (0,), (5.5,), (20.25,), positions=[position])[0] - 127.5
        ) / 127.5
        assert bar.sum() == pytest.approx(5.5 * 20.25, rel=1e-5)
    oblique = (stimuli.bars((SIDE, SIDE), (30,), (5.5,), (20.25,))[0] - 127.5) / 127.5
    assert oblique.sum() == pytest.approx(5.5 * 20.25, rel=0.01)
    assert ((oblique > 0) & (oblique < 1)).sum() > 20
    circle = (
        stimuli.gratings((SIDE, SIDE), frequencies=(1e-6,), diameters=(30,))[0] - 127.5
    ) / 127.5
    assert circle.sum() == pytest.approx(np.pi * 15**2, rel=0.002)
    square = stimuli.gratings((SIDE, SIDE), (0,), (1 / 7.5,), wave="square")[0]
    assert len(np.unique(square.round(3))) > 2


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


def test_paperclips_turn():
    """A wire at 0 and 360 degrees is the same, in the plane it is the rotated picture, and in depth
    it changes more the farther it turns."""
    clip = stimuli.paperclips((96, 96), 1, views=(0, 10, 40, 360), sizes=(80,)).load().values
    np.testing.assert_allclose(clip[3], clip[0], atol=1e-3)
    near, far = (np.abs(clip[i] - clip[0]).mean() for i in (1, 2))
    assert 0 < near < far
    covered = [
        stimuli.paperclips((96, 96), 1, views=(view,), sizes=(80,), axis="z")[0] != 127.5
        for view in (0, 90)
    ]
    overlap = (np.rot90(covered[0]) & covered[1]).sum() / covered[1].sum()
    assert overlap > 0.97
    distance = np.hypot(*(np.indices((96, 96)) - 47.5))
    assert distance[covered[0]].max() < 40.5


def test_paperclips_are_shaded_round():
    """Against the same wire made of many small steps of a ball: light on covered pixels to 0.02 on
    average (seen 0.005), also for steep segments."""
    module = importlib.import_module("hmax_cnn.data.stimuli.paperclips")
    screen = Screen(48, 48)
    corners = np.array([[10.0, 12, -8], [30, 20, 12], [31, 21, -12], [40, 40, 0]])
    light, cover = module.rendered(screen, corners, 3.0)
    steps = np.concatenate([np.linspace(a, b, 300) for a, b in itertools.pairwise(corners)])
    fine = (np.arange(96) + 0.5) / 2 - 0.5
    depth, shade = np.full((96, 96), -np.inf), np.zeros((96, 96))
    for centre in steps:
        z, normal = module.ball(fine[None], fine[:, None], centre, 3.0)
        shade = np.where(
            z > depth,
            0.15
            + 0.85 * np.clip(sum(n * t for n, t in zip(normal, module.LIGHT, strict=True)), 0, 1),
            shade,
        )
        depth = np.maximum(depth, z)
    whole = np.isfinite(depth).reshape(48, 2, 48, 2).all(axis=(1, 3))
    np.testing.assert_array_equal(cover == 1, whole)
    expected = shade.reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(light - expected)[whole].mean() < 0.02
    assert np.quantile(np.abs(light - expected)[whole], 0.95) < 0.1


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
