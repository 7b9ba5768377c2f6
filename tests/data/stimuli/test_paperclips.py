"""Paperclips turn and are shaded round."""

import importlib
import itertools

import numpy as np
import pytest

from hmax_cnn.data import stimuli
from hmax_cnn.data.stimuli import Screen

pytestmark = pytest.mark.quick


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


def test_nothing_is_darker_than_black():
    """On a background of 0 wires run from black to the amplitude, on grey to both sides of it."""
    dark = np.asarray(stimuli.paperclips(Screen(64, 64, background=0, amplitude=255), 1)[0])
    assert dark.min() == 0
    assert 150 < dark.max() <= 255
    grey = np.asarray(stimuli.paperclips(Screen(64, 64), 1)[0])
    assert grey.min() < 127.5 < grey.max()
