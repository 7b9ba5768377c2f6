"""Textured shapes: every shape filled with every texture, so that the two can be set at odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..seeds import check_seed, generator
from .counts import numbered
from .sets import Screen, Stimuli, crossed, positive, within
from .shapes import fourier_shapes

_OCTAVES = 0.4  # standard deviation of a texture's spatial frequency
_DEGREES = 12.0  # and of its orientation


def textured_shapes(
    screen: Screen | Sequence[int],
    n_classes: int = 8,
    n_variants: int = 4,
    size: float = 48.0,
    periods: Sequence[float] = (4.0, 8.0),
    jitter: float = 0.1,
    contrast: float = 1.0,
    random_state: int = 0,
) -> Stimuli:
    """Random closed shapes filled with oriented noise, each shape with each texture.

    Shapes are those of `fourier_shapes`. Shape 3 with texture 3 is an image whose cues agree; with
    any other texture they are in conflict, as in a picture of a cat with an elephant's skin.

    Parameters
    ----------
    screen : Screen or (int, int)
    n_classes : int
        Number of shapes, and of textures; at least 2.
    n_variants : int
        Images of each combination: the noise is new, and the shape is moved.
    size : float
        Twice the root-mean-square distance of the contour from its middle, in pixels (or degrees).
    periods : sequence of float
        Of the noise, in pixels (or degrees), at least 2 pixels; textures take them in turn, and
        their orientations are spread evenly.
    jitter : float
        Standard deviation of the position, as a share of the size.
    contrast : float
        From -1 to 1; a shape is half as bright above the background as the contrast says, so that
        its outline is seen as well.
    random_state : int

    Returns
    -------
    Stimuli
        With the columns shape, texture and variant.

    Raises
    ------
    ValueError
        If a value is out of range.

    References
    ----------
    Geirhos et al., "ImageNet-trained CNNs are biased towards texture", ICLR 2019, whose images of
    two cues in conflict are made of photographs.

    Examples
    --------
    >>> found = textured_shapes((64, 64), n_classes=2, n_variants=1, size=30)
    >>> found.table[["shape", "texture"]].values.tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    screen = Screen.of(screen)
    check_seed(random_state)
    (side,) = positive("size", [size])
    # Nyquist's limit, and at least one period across the screen.
    longest = min(screen.height, screen.width) * screen.pixel
    turns = within("periods", periods, 2 * screen.pixel, longest)
    if not turns:
        msg = "`periods` must hold at least one period, got none."
        raise ValueError(msg)
    within("n_classes", [n_classes], 2, 1000)
    within("jitter", [jitter], 0, 1)
    within("contrast", [contrast], -1, 1)
    classes = numbered("n_classes", n_classes)
    table = crossed(shape=classes, texture=classes, variant=numbered("n_variants", n_variants))
    mask = replace(screen, background=0.0, amplitude=1.0)

    def draw(shape: int, texture: int, variant: int) -> np.ndarray:
        # A generator for each image: it is the same in a set of any number of variants.
        rng = generator("textured shapes", random_state, shape, texture, variant)
        y, x = np.add(screen.centre, jitter * side * rng.standard_normal(2))
        inside = fourier_shapes(mask, n_classes, [side], [(y, x)], random_state=random_state)[shape]
        # Neighbouring numbers differ in period and in orientation.
        orientation = 180.0 * texture / n_classes
        noise = _oriented_noise(rng, screen, orientation, turns[texture % len(turns)])
        return screen.shown(inside * (0.5 + 0.5 * noise), contrast)

    settings = {
        "size": side,
        "periods": turns,
        "jitter": jitter,
        "contrast": contrast,
        "random_state": random_state,
        "n_classes": n_classes,
    }
    return Stimuli(table, draw, {}, "textured", settings | screen.settings())


def _oriented_noise(
    rng: np.random.Generator, screen: Screen, orientation: float, period: float
) -> np.ndarray:
    """Noise of one orientation and period, of standard deviation 0.5, cut at -1 and 1."""
    down = np.fft.fftfreq(screen.height, screen.pixel)[:, None]
    right = np.fft.rfftfreq(screen.width, screen.pixel)[None]
    radius = np.hypot(down, right)
    with np.errstate(divide="ignore"):
        octaves = np.log2(radius * period)
    # Rows run downward: counterclockwise angles have the opposite sign there.
    angle = np.rad2deg(np.arctan2(-down, right)) - orientation
    angle = (angle + 90) % 180 - 90
    passed = np.exp(-0.5 * (octaves / _OCTAVES) ** 2 - 0.5 * (angle / _DEGREES) ** 2)
    white = rng.standard_normal((screen.height, screen.width))
    pattern = np.fft.irfft2(np.fft.rfft2(white) * passed, s=white.shape)
    return np.clip(0.5 * pattern / max(pattern.std(), 1e-12), -1, 1)
