"""The first HMAX, against a slow loop; prototypes of which only some inputs count."""

from itertools import product

import numpy as np
import pytest

from hmax_cnn.data.stimuli import Screen, paperclips
from hmax_cnn.hmax import HMAX, PRESETS, Prototypes, gaussian_derivative
from hmax_cnn.hmax.arrangements import arrangements

pytestmark = pytest.mark.quick


def slow_filter(size, degrees):
    """(x^2 / sigma^2 - 1) exp(-r^2 / 2 sigma^2) with x across the bar, its sign turned."""
    sigma, angle, half = size / 4, np.deg2rad(degrees), size // 2
    values = np.zeros((size, size))
    for row, column in product(range(-half, half + 1), repeat=2):
        across = column * np.cos(angle) - row * np.sin(angle)
        radius = row * row + column * column
        bell = np.exp(-radius / (2 * sigma**2))
        values[row + half, column + half] = -(across**2 / sigma**2 - 1) * bell
    values -= values.mean()
    return values / np.sqrt((values**2).sum())


def slow_c2(image):
    """S1 to C2 of Riesenhuber & Poggio 1999, one unit at a time, in float64."""
    bands = [((7, 9), 4), ((11, 13, 15), 6), ((17, 19, 21), 9), ((23, 25, 27, 29), 12)]
    height, width = image.shape
    best = np.full(256, np.inf)
    for sizes, pool in bands:
        strongest = np.zeros((4, height, width))
        for size, number in product(sizes, range(4)):
            filters = slow_filter(size, 45 * number)
            around = np.pad(image.astype(float), size // 2)
            for y, x in product(range(height), range(width)):
                seen = around[y : y + size, x : x + size]
                length = np.sqrt((seen**2).sum())
                response = abs((seen * filters).sum()) / (length or 1.0)
                strongest[number, y, x] = max(strongest[number, y, x], response)
        step = -(-pool // 2)
        c1 = np.array(
            [
                [
                    [of_one[y : y + pool, x : x + pool].max() for x in range(0, width, step)]
                    for y in range(0, height, step)
                ]
                for of_one in strongest
            ]
        )
        for y, x in product(range(c1.shape[1] - 2), range(c1.shape[2] - 2)):
            cells = [c1[:, y, x], c1[:, y, x + 2], c1[:, y + 2, x], c1[:, y + 2, x + 2]]
            for index, chosen in enumerate(product(range(4), repeat=4)):
                square = sum((cell[o] - 1) ** 2 for cell, o in zip(cells, chosen, strict=True))
                best[index] = min(best[index], square)
    return np.exp(-best / 2)


def test_the_first_hmax_against_a_slow_loop():
    """3e-7 was seen."""
    clip = paperclips(Screen(37, 41, background=0, amplitude=255), 1, sizes=(30,))
    image = np.asarray(clip[0], np.float32)
    found = HMAX("riesenhuber1999").transform(image[None])[0]
    np.testing.assert_allclose(found, slow_c2(image), atol=2e-6)


def test_filters_are_the_second_derivative():
    """Of a Gaussian, by finite differences, up to mean and norm."""
    size, sigma, angle = 15, 3.0, np.deg2rad(30)

    def bell(across, along):
        return np.exp(-(across**2 + along**2) / (2 * sigma**2))

    row, column = np.mgrid[:size, :size] - 7
    across = column * np.cos(angle) - row * np.sin(angle)
    along = column * np.sin(angle) + row * np.cos(angle)
    step = 1e-3
    second = bell(across + step, along) - 2 * bell(across, along) + bell(across - step, along)
    expected = -(second - second.mean())
    found = gaussian_derivative(size, 30, sigma)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-6)


def test_what_the_presets_are():
    """Twelve sizes in four bands, 256 features that need no images; the memo's have the published
    Gabors and eight bands."""
    first, memo = (PRESETS[name] for name in ("riesenhuber1999", "serre_riesenhuber2004"))
    assert [len(band) for band in first.filter_sizes] == [2, 3, 3, 4]
    assert (first.pool_sizes, first.pool_strides) == ((4, 6, 9, 12), (2, 3, 5, 6))
    assert memo.filter_sizes == PRESETS["georgetown"].filter_sizes
    images = np.random.default_rng(0).integers(0, 256, (2, 80, 80)).astype(np.uint8)
    for name in ("riesenhuber1999", "serre_riesenhuber2004"):
        assert HMAX(name).transform(images).shape == (2, 256)
        assert not HMAX(name).__sklearn_tags__().requires_fit
    imprinted = HMAX("riesenhuber1999", prototypes="imprinted", n_prototypes=5).fit(images)
    assert imprinted.transform(images).shape == (2, 5)
    with pytest.raises(ValueError, match="`prototypes` 'arrangements' are n\\^4"):
        HMAX("riesenhuber1999", orientations=9).transform(images)


def test_chosen_shapes_bring_their_widths():
    """A derivative has a sigma of a quarter of its size, wherever it is chosen."""
    model = HMAX(filter_shape="gaussian_derivative", bands=1)
    filters = model.first_filters()["7 px"]
    np.testing.assert_allclose(filters[2], gaussian_derivative(7, 0), atol=1e-12)
    with pytest.raises(ValueError, match="`filter_shape` 'gaussian_derivative' has one phase"):
        HMAX(filter_shape="gaussian_derivative", phases=(0, 90)).transform(np.zeros((1, 60, 60)))


def test_only_the_strongest_feature_counts():
    """A sparse prototype of 4 x 4 has 16 inputs; against distances computed by hand. 2e-6 seen."""
    images = np.random.default_rng(1).integers(0, 256, (2, 90, 90)).astype(np.uint8)
    given = {"prototypes": "photographs", "prototype_sizes": (4,), "n_prototypes": 6, "bands": 2}
    dense, sparse = HMAX(**given), HMAX(**given, is_sparse=True)
    patches = dense.dictionary().patches[4]
    kept = sparse.dictionary().sparse.patches[4]
    assert (np.isfinite(kept).sum(axis=1) == 1).all()
    np.testing.assert_array_equal(np.nanmax(kept, axis=1), patches.max(axis=1))
    c1 = dense.activations(images, ["c1"])["c1"]
    best = np.full((2, 6), np.inf)
    for band in ("b1", "b2"):
        maps = np.pad(c1[band]["response"].values, ((0, 0), (0, 0), (1, 2), (1, 2)))
        views = np.lib.stride_tricks.sliding_window_view(maps, (4, 4), axis=(2, 3))
        off = views[:, None] - kept[None, :, :, None, None].astype(float)
        squares = np.nansum(off**2, axis=(2, 5, 6))
        best = np.minimum(best, squares.min(axis=(2, 3)))
    np.testing.assert_allclose(sparse.transform(images), np.sqrt(best), atol=1e-5)
    winners = sparse.winners(images)
    np.testing.assert_array_equal(winners["response"].values, sparse.transform(images))


def test_gaps_survive_a_file_and_controls(tmp_path):
    from hmax_cnn.hmax import read_prototypes, write_prototypes

    all_of = arrangements(4)
    write_prototypes(all_of, tmp_path / "arranged.npz")
    again = read_prototypes(tmp_path / "arranged.npz")
    np.testing.assert_array_equal(again.patches[3], all_of.patches[3])
    assert again.has_gaps
    for control in (all_of.shuffled(), all_of.random()):
        assert np.isfinite(control.patches[3]).sum() == 4 * 256
    with pytest.raises(ValueError, match="or a patch of NaN alone"):
        Prototypes({2: np.full((1, 4, 2, 2), np.nan)})


def test_gradients_of_arrangements():
    """By finite differences of one pixel."""
    clip = np.asarray(paperclips(Screen(40, 40, background=0, amplitude=255), 1, sizes=(30,))[0])
    model, image = HMAX("riesenhuber1999", bands=1), clip.astype(np.float64) + 20
    gradient = model.image_gradient(image[None], "c2", 7)[0]
    y, x = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    step = np.zeros_like(image)
    step[y, x] = 0.5
    high, low = (float(model.transform((image + s)[None])[0, 7]) for s in (step, -step))
    assert gradient[y, x] == pytest.approx(high - low, rel=0.05)
