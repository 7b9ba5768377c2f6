"""Random changes of the training images."""

import numpy as np
import pytest
from digit_training import lenet
from sklearn.datasets import load_digits

from hmax_cnn.cnn import Augmentation

BUNCH = load_digits()


DIGITS = np.pad(np.kron(BUNCH.images * 15, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4))).astype(
    np.uint8
)


LABELS = np.array([f"digit {n}" for n in BUNCH.target])


FEW = slice(0, 200)


EVERYTHING = Augmentation(mirror=True, crop=3, rotation=20, shear=10, warp=1.5, colour=0.2)


def test_augmentation_is_seeded():
    one, again, other = (
        EVERYTHING.apply(DIGITS[:5], np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any(axis=(1, 2)).all()
    assert one.dtype == np.float32
    assert one.shape == DIGITS[:5].shape
    assert 0 <= one.min() <= one.max() <= 255


def test_no_augmentation_changes_nothing():
    np.testing.assert_allclose(
        Augmentation().apply(DIGITS[:3], np.random.default_rng(0)), DIGITS[:3], atol=1e-3
    )


def test_mirror_is_exact_and_half():
    changed = Augmentation(mirror=True).apply(DIGITS[:60], np.random.default_rng(0))
    mirrored = [
        np.allclose(one, digit[:, ::-1], atol=1e-3)
        for one, digit in zip(changed, DIGITS, strict=False)
    ]
    kept = [np.allclose(one, digit, atol=1e-3) for one, digit in zip(changed, DIGITS, strict=False)]
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert 15 < sum(mirrored) < 45


def test_rotation_is_in_degrees():
    """A bar turned by up to 30 degrees: its direction, from second moments, never further, and on
    average half of it (uniform)."""
    bar = np.zeros((1, 65, 65), np.float32)
    bar[:, 30:35, 10:55] = 200
    changed = Augmentation(rotation=30).apply(np.repeat(bar, 200, axis=0), np.random.default_rng(0))
    y, x = np.indices((65, 65)) - 32.0
    moments = [(image * a * b).sum() for image in changed for a, b in ((x, x), (y, y), (x, y))]
    xx, yy, xy = np.array(moments).reshape(-1, 3).T
    angles = np.rad2deg(0.5 * np.arctan2(2 * xy, xx - yy))
    assert np.abs(angles).max() == pytest.approx(30, abs=1.0)
    assert np.abs(angles).mean() == pytest.approx(15, abs=1.5)


def test_colour_shifts_channels_apart():
    grey = np.full((20, 8, 8, 3), 100, np.uint8)
    changed = Augmentation(colour=0.3).apply(grey, np.random.default_rng(0))
    means = changed.mean(axis=(1, 2))
    assert (np.abs(means - 100) <= 30 + 1e-3).all()
    assert (means.std(axis=1) > 0.1).all()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"flip": True},
            "`augmentation` knows mirror, crop, rotation, shear, warp, colour, scale, got 'flip'",
        ),
        ({"crop": -1}, "not negative for 'crop', got -1"),
        ({"shear": 90}, "a shear below 90 degrees"),
        ({"scale": 9}, "a scale of at most 4 octaves"),
        ({"rotation": "much"}, "not negative for 'rotation', got 'much'"),
    ],
)
def test_bad_augmentation_is_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        lenet(augmentation=settings).fit(DIGITS[FEW], LABELS[FEW])


def test_sizes_change_by_up_to_so_many_octaves():
    """A disc of 10 pixels ends between 5 and 20, and comes near both."""
    row, column = np.mgrid[:61, :61] - 30
    disc = np.where(np.hypot(row, column) <= 5, 200, 0).astype(np.uint8)
    changed = Augmentation(scale=1.0).apply(np.stack([disc] * 60), np.random.default_rng(0))
    widths = 2 * np.sqrt((changed > 100).sum(axis=(1, 2)) / np.pi)
    assert 4 <= widths.min() < 6
    assert 17 < widths.max() <= 21


def test_a_seed_draws_what_it_always_has():
    """Kept from before sizes could change: a warped slope, its sum and two of its pixels."""
    slope = np.tile(np.arange(24, dtype=np.uint8), (1, 24, 1))
    found = Augmentation(crop=3, warp=1.5).apply(slope, np.random.default_rng(1))[0]
    kept = [found.sum(), found[12, 12], found[3, 20]]
    np.testing.assert_allclose(kept, [7668.375, 14.114203, 22.3282], rtol=1e-5)
