"""Noise of known statistics, and pictures with some of theirs kept and the rest destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..seeds import check_seed, generator
from ..spectra import random_phases, with_spectrum
from .counts import numbered
from .sets import Screen, Stimuli, crossed, positive, within


def sparse_noise(
    screen: Screen | Sequence[int],
    n_images: int,
    size: int = 4,
    density: float = 0.1,
    contrast: float = 1.0,
    random_state: int = 0,
) -> Stimuli:
    """Light and dark squares on a grid, a few at a time.

    Parameters
    ----------
    screen : Screen or (int, int)
        Height and width in pixels.
    n_images : int
    size : int
        Side of the squares, in pixels on every screen.
    density : float
        Share of squares that are not grey, half of them light.
    contrast : float
        From 0 to 1.
    random_state : int
        Seed; image i is the same however many there are.

    Returns
    -------
    Stimuli

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> sorted(set(sparse_noise((32, 32), 1, size=8, random_state=1)[0].ravel().tolist()))
    [0.0, 127.5, 255.0]
    """
    screen = Screen.of(screen)
    if not isinstance(size, int | np.integer) or size < 1:
        msg = f"`size` must be a whole number of pixels, at least 1, got {size!r}."
        raise ValueError(msg)
    within("density", [density], 0, 1)
    check_seed(random_state)
    within("contrast", [contrast], 0, 1)
    cells = -(-screen.height // size), -(-screen.width // size)

    def draw(number: int) -> np.ndarray:
        rng = generator("sparse noise", random_state, number)
        # A generator for each number: image 17 is the same in a set of 20 and of 2000.
        signs = np.where(rng.random(cells) < density, rng.choice([-1.0, 1.0], cells), 0.0)
        return screen.shown(
            np.kron(signs, np.ones((size, size)))[: screen.height, : screen.width], contrast
        )

    settings = {
        "size": size,
        "density": density,
        "contrast": contrast,
        "random_state": random_state,
    } | screen.settings()
    return Stimuli(
        crossed(number=numbered("n_images", n_images)), draw, name="sparse", settings=settings
    )


def coloured_noise(
    screen: Screen | Sequence[int],
    n_images: int,
    exponent: float = 1.0,
    contrast: float = 0.3,
    random_state: int = 0,
) -> Stimuli:
    """Gaussian noise whose amplitude falls as 1 / frequency^exponent.

    An exponent of 0 is white noise; 1 has the amplitude spectrum of natural scenes.

    Parameters
    ----------
    screen, n_images, random_state
        As in `sparse_noise`.
    exponent : float
    contrast : float
        Standard deviation over mean luminance (root-mean-square contrast), the same in every image;
        values are cut at no light and at twice the background, so where much is cut it comes out a
        little lower.

    Returns
    -------
    Stimuli

    References
    ----------
    Field, "Relations between the statistics of natural images and the response properties of
    cortical cells", JOSA A 1987.

    Examples
    --------
    >>> coloured_noise((32, 32), 3, exponent=1.0).name
    'noise'
    """
    screen = Screen.of(screen)
    positive("contrast", [contrast])
    within("exponent", [exponent], -10, 10)
    check_seed(random_state)
    vertical, horizontal = (
        np.fft.fftfreq(screen.height)[:, None],
        np.fft.rfftfreq(screen.width)[None],
    )
    radius = np.hypot(vertical, horizontal)
    # Without the mean, at which the amplitude would be infinite.
    falloff = np.where(radius > 0, np.where(radius > 0, radius, 1.0) ** -exponent, 0.0)

    def draw(number: int) -> np.ndarray:
        white = generator(f"noise {exponent}", random_state, number).standard_normal(
            (screen.height, screen.width)
        )
        pattern = np.fft.irfft2(np.fft.rfft2(white) * falloff, s=white.shape)
        deviation = pattern.std()
        return screen.shown(
            np.clip(contrast * pattern / (deviation if deviation > 0 else 1.0), -1, 1)
        )

    settings = {
        "exponent": exponent,
        "contrast": contrast,
        "random_state": random_state,
    } | screen.settings()
    return Stimuli(
        crossed(number=numbered("n_images", n_images)), draw, name="noise", settings=settings
    )


def white_noise(
    screen: Screen | Sequence[int], n_images: int, contrast: float = 0.3, random_state: int = 0
) -> Stimuli:
    """Gaussian noise, independent in every pixel.

    Parameters
    ----------
    screen, n_images, contrast, random_state
        As in `coloured_noise`.

    Returns
    -------
    Stimuli

    Examples
    --------
    >>> len(white_noise((32, 32), 10)), white_noise((32, 32), 10)[0].dtype
    (10, dtype('float32'))
    """
    return coloured_noise(screen, n_images, 0.0, contrast, random_state)


def phase_scrambled(images: Any, random_state: int = 0) -> Stimuli:
    """Pictures with their amplitude spectrum kept and all phases random.

    Mean luminance is kept, values may leave the picture's range.

    Parameters
    ----------
    images : array of shape (n, height, width), or sequence of such images
    random_state : int

    Returns
    -------
    Stimuli

    Examples
    --------
    >>> picture = np.outer(np.arange(16.0), np.ones(16))
    >>> bool(np.isclose(phase_scrambled([picture])[0].mean(), picture.mean()))
    True
    """

    def draw(number: int) -> np.ndarray:
        picture = _grey(images, number)
        return random_phases(
            picture, 1.0, generator("phase-scrambled", random_state, number)
        ).astype(np.float32)

    return Stimuli(
        crossed(number=_each(images)),
        draw,
        name="scrambled",
        settings={"random_state": random_state},
    )


def texture_matched(images: Any, n_iterations: int = 20, random_state: int = 0) -> Stimuli:
    """Noise with the histogram and the amplitude spectrum of each picture, and nothing else of it.

    The two are imposed in turn; the histogram is exact, the spectrum as close as `n_iterations`
    bring it. This matches first- and second-order statistics only: it is no synthesis of
    higher-order texture statistics.

    Parameters
    ----------
    images : array of shape (n, height, width), or sequence of such images
    n_iterations : int
    random_state : int

    Returns
    -------
    Stimuli

    References
    ----------
    Schreiber & Schmitz, "Improved surrogate data for nonlinearity tests", Phys Rev Lett 1996
    (iterated amplitude adjustment).

    Examples
    --------
    >>> picture = np.outer(np.arange(16.0), np.ones(16))
    >>> found = np.sort(texture_matched([picture])[0], axis=None)
    >>> np.array_equal(found, np.sort(picture, axis=None))
    True
    """

    def draw(number: int) -> np.ndarray:
        picture = _grey(images, number)
        ordered = np.sort(picture, axis=None)
        found = (
            generator("texture-matched", random_state, number)
            .permutation(ordered)
            .reshape(picture.shape)
        )
        amplitude = np.abs(np.fft.rfft2(picture))
        # Alternating projections onto the picture's spectrum and onto its luminances, which end
        # with the latter exact.
        for _ in range(n_iterations):
            ranks = (
                with_spectrum(found, amplitude)
                .argsort(axis=None, kind="stable")
                .argsort(kind="stable")
            )
            found = ordered[ranks].reshape(picture.shape)
        return found.astype(np.float32)

    settings = {"random_state": random_state, "n_iterations": n_iterations}
    return Stimuli(crossed(number=_each(images)), draw, name="texture", settings=settings)


def _grey(images: Any, index: int) -> np.ndarray:
    picture = np.asarray(images[index], dtype=float)
    if picture.ndim != 2:
        msg = (
            f"`images` must be grey, of shape (height, width), got {picture.shape} for image "
            f"{index}. Convert with extraction.Pixels or a mean."
        )
        raise ValueError(msg)
    return picture


def _each(images: Any) -> range:
    """Numbers of images; there must be some."""
    if not len(images):
        msg = "`images` must hold at least one image, got none."
        raise ValueError(msg)
    return range(len(images))
