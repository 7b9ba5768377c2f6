"""Gratings, Gabor patches, plaids, and gratings with a surround.

`orientation` is everywhere the direction across the stripes, in degrees counterclockwise from the x
axis, as HMAX labels its filters: at 0 the stripes are vertical. `phase` is in degrees at the middle
of the patch; a grating that drifts is one image per phase: rising phases move it against
`orientation`, by a wavelength in 360 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hmax_cnn.extraction.choices import check_choice

from .sets import Screen, Stimuli, crossed, placed, positive, within
from .waves import axes, disc, wave_at

WAVES = ("sine", "square")
_DEGREES = {"orientation": "degrees", "phase": "degrees"}


def gratings(
    screen: Screen | Sequence[int],
    orientations: Sequence[float] = (0.0,),
    frequencies: Sequence[float] = (0.1,),
    phases: Sequence[float] = (0.0,),
    contrasts: Sequence[float] = (1.0,),
    diameters: Sequence[float] | None = None,
    positions: Sequence[tuple[float, float]] | None = None,
    wave: str = "sine",
) -> Stimuli:
    """Sinusoidal or square gratings, behind a round aperture or filling the screen.

    Parameters
    ----------
    screen : Screen or (int, int)
        Height and width in pixels; a Screen with `pixels_per_degree` makes all lengths degrees of
        visual angle.
    orientations : sequence of float
        Direction across the stripes, in degrees.
    frequencies : sequence of float
        In cycles per pixel (or degree); at most 0.5 cycles per pixel.
    phases : sequence of float
        In degrees; 0 is brightest in the middle.
    contrasts : sequence of float
        From 0 to 1.
    diameters : sequence of float or None
        Of the aperture, in pixels (or degrees), its edge smoothed over one pixel; None fills the
        screen.
    positions : sequence of (float, float) or None
        Middles (y, x) from the centre of the first pixel, in pixels (or degrees); None is the
        middle of the screen.
    wave : {'sine', 'square'}
        A square wave is averaged over each pixel's extent across the stripes, so that edges are
        smooth.

    Returns
    -------
    Stimuli
        Every combination.

    Raises
    ------
    ValueError
        If a parameter is out of range, or a frequency cannot be shown with these pixels.

    Examples
    --------
    >>> shown = gratings((64, 64), orientations=range(0, 180, 30), phases=(0, 90, 180, 270))
    >>> len(shown), shown[0].shape, shown.units["frequency"]
    (24, (64, 64), 'cycles per pixel')
    """
    screen = Screen.of(screen)
    check_choice("wave", wave, WAVES)
    table = crossed(
        orientation=orientations,
        frequency=_frequencies(screen, frequencies),
        contrast=within("contrasts", contrasts, 0, 1),
        phase=phases,
    )
    if diameters is None:
        # No aperture.
        table = table.assign(diameter=np.inf)
    else:
        table = table.merge(crossed(diameter=positive("diameters", diameters)), how="cross")

    def draw(
        y: float,
        x: float,
        orientation: float,
        frequency: float,
        contrast: float,
        phase: float,
        diameter: float,
    ) -> np.ndarray:
        pattern = wave_at(screen, y, x, orientation, frequency, phase, wave)
        return screen.shown(pattern * disc(screen, y, x, diameter), contrast)

    return Stimuli(
        placed(table, screen, positions),
        draw,
        _units(screen),
        "grating",
        {"wave": wave} | screen.settings(),
    )


def gabors(
    screen: Screen | Sequence[int],
    orientations: Sequence[float] = (0.0,),
    frequencies: Sequence[float] = (0.1,),
    phases: Sequence[float] = (0.0,),
    sigmas: Sequence[float] = (8.0,),
    contrasts: Sequence[float] = (1.0,),
    positions: Sequence[tuple[float, float]] | None = None,
    aspect_ratio: float = 1.0,
) -> Stimuli:
    """Gabor patches: gratings under a Gaussian.

    Parameters
    ----------
    screen, orientations, frequencies, phases, contrasts, positions
        As in `gratings`.
    sigmas : sequence of float
        Standard deviation of the Gaussian across the stripes, in pixels (or degrees).
    aspect_ratio : float
        Width over length of the Gaussian.

    Returns
    -------
    Stimuli

    Examples
    --------
    >>> gabors((64, 64), sigmas=(4, 8)).table["sigma"].tolist()
    [4.0, 8.0]
    """
    screen = Screen.of(screen)
    (ratio,) = positive("aspect_ratio", [aspect_ratio])
    table = crossed(
        orientation=orientations,
        frequency=_frequencies(screen, frequencies),
        sigma=positive("sigmas", sigmas),
        contrast=within("contrasts", contrasts, 0, 1),
        phase=phases,
    )

    def draw(
        y: float,
        x: float,
        orientation: float,
        frequency: float,
        sigma: float,
        contrast: float,
        phase: float,
    ) -> np.ndarray:
        across, along = axes(screen, y, x, orientation)
        # In cosine phase at 0: the carrier's peak lies on the envelope's.
        envelope = np.exp(-(across**2 + (ratio * along) ** 2) / (2 * sigma**2))
        return screen.shown(
            envelope * np.cos(2 * np.pi * frequency * across + np.radians(phase)), contrast
        )

    return Stimuli(
        placed(table, screen, positions),
        draw,
        _units(screen) | {"sigma": screen.length},
        "gabor",
        {"aspect_ratio": ratio} | screen.settings(),
    )


def cross_orientation(
    screen: Screen | Sequence[int],
    orientations: Sequence[float] = (0.0,),
    frequencies: Sequence[float] = (0.1,),
    angles: Sequence[float] = (90.0,),
    contrasts: Sequence[float] = (0.5,),
    mask_contrasts: Sequence[float] = (0.0, 0.5),
    phases: Sequence[float] = (0.0,),
    diameter: float | None = None,
    positions: Sequence[tuple[float, float]] | None = None,
) -> Stimuli:
    """A grating with a second one laid over it, at an angle: cross-orientation suppression.

    Parameters
    ----------
    screen, orientations, frequencies, phases, positions
        As in `gratings`; both gratings have the same frequency and phase.
    angles : sequence of float
        From the first grating to the second, the mask, in degrees.
    contrasts, mask_contrasts : sequence of float
        Of each grating; together at most 1.
    diameter : float or None
        As `diameters` in `gratings`.

    Returns
    -------
    Stimuli

    Raises
    ------
    ValueError
        If contrasts add up to more than 1, or a value is out of range.

    Examples
    --------
    >>> cross_orientation((64, 64)).table["mask_contrast"].tolist()
    [0.0, 0.5]
    """
    screen = Screen.of(screen)
    reach = np.inf if diameter is None else positive("diameter", [diameter])[0]
    table = crossed(
        orientation=orientations,
        frequency=_frequencies(screen, frequencies),
        angle=angles,
        contrast=within("contrasts", contrasts, 0, 1),
        mask_contrast=within("mask_contrasts", mask_contrasts, 0, 1),
        phase=phases,
    )
    if (table["contrast"] + table["mask_contrast"]).max() > 1:
        msg = (
            f"`contrasts` and `mask_contrasts` must add up to at most 1, got {max(contrasts)} "
            f"and {max(mask_contrasts)}."
        )
        raise ValueError(msg)

    def draw(y: float, x: float, **of: float) -> np.ndarray:
        # Added, as on a screen: contrasts of 0.5 and 0.5 reach the whole range.
        test, mask = (
            wave_at(screen, y, x, direction, of["frequency"], of["phase"], "sine")
            for direction in (of["orientation"], of["orientation"] + of["angle"])
        )
        both = of["contrast"] * test + of["mask_contrast"] * mask
        return screen.shown(both * disc(screen, y, x, reach))

    units = _units(screen) | {"angle": "degrees"}
    known = {"diameter": reach} | screen.settings()
    return Stimuli(placed(table, screen, positions), draw, units, "cross", known)


def plaids(
    screen: Screen | Sequence[int],
    orientations: Sequence[float] = (0.0,),
    frequencies: Sequence[float] = (0.1,),
    angle: float = 90.0,
    phases: Sequence[float] = (0.0,),
    diameter: float | None = None,
    positions: Sequence[tuple[float, float]] | None = None,
) -> Stimuli:
    """Two gratings of equal contrast (0.5) across each other.

    `orientation` is the first's, the second lies `angle` degrees on.

    Parameters
    ----------
    screen, orientations, frequencies, phases, diameter, positions
        As in `gratings`.
    angle : float
        From the first grating to the second, in degrees.

    Returns
    -------
    Stimuli

    Examples
    --------
    >>> plaids((64, 64), orientations=(0, 45)).table["angle"].tolist()
    [90.0, 90.0]
    """
    return cross_orientation(
        screen, orientations, frequencies, (angle,), (0.5,), (0.5,), phases, diameter, positions
    )


def centre_surround(
    screen: Screen | Sequence[int],
    diameter: float,
    surround_diameter: float,
    orientations: Sequence[float] = (0.0,),
    angles: Sequence[float] = (0.0, 90.0),
    frequencies: Sequence[float] = (0.1,),
    phases: Sequence[float] = (0.0,),
    contrast: float = 1.0,
    surround_contrast: float = 1.0,
    positions: Sequence[tuple[float, float]] | None = None,
) -> Stimuli:
    """A disc of one grating in a ring of another.

    Parameters
    ----------
    screen, orientations, frequencies, phases, positions
        As in `gratings`.
    diameter, surround_diameter : float
        Of the disc, and outer diameter of the ring, in pixels (or degrees).
    angles : sequence of float
        From the grating of the centre to that of the surround, in degrees.
    contrast, surround_contrast : float
        From 0 to 1.

    Returns
    -------
    Stimuli

    Raises
    ------
    ValueError
        If the disc is not smaller than the ring, or a value is out of range.

    Examples
    --------
    >>> centre_surround((64, 64), 16, 48).table["angle"].tolist()
    [0.0, 90.0]
    """
    screen = Screen.of(screen)
    if not 0 < diameter < surround_diameter:
        msg = (
            f"`diameter` must be positive and less than `surround_diameter`, got {diameter} and "
            f"{surround_diameter}."
        )
        raise ValueError(msg)
    within("contrast", [contrast], 0, 1)
    within("surround_contrast", [surround_contrast], 0, 1)
    table = crossed(
        orientation=orientations,
        frequency=_frequencies(screen, frequencies),
        angle=angles,
        phase=phases,
    )

    def draw(
        y: float, x: float, orientation: float, frequency: float, angle: float, phase: float
    ) -> np.ndarray:
        # The ring is what the larger disc has and the smaller has not.
        middle, outer = disc(screen, y, x, diameter), disc(screen, y, x, surround_diameter)
        centre = contrast * middle * wave_at(screen, y, x, orientation, frequency, phase, "sine")
        ring = (
            surround_contrast
            * (outer - middle)
            * wave_at(screen, y, x, orientation + angle, frequency, phase, "sine")
        )
        return screen.shown(centre + ring)

    known = {
        "diameter": diameter,
        "surround_diameter": surround_diameter,
        "contrast": contrast,
        "surround_contrast": surround_contrast,
    }
    units = _units(screen) | {"angle": "degrees"}
    return Stimuli(
        placed(table, screen, positions), draw, units, "surround", known | screen.settings()
    )


def _frequencies(screen: Screen, frequencies: Sequence[float]) -> list[float]:
    checked = positive("frequencies", frequencies)
    if max(checked, default=0) * screen.pixel > 0.5:
        msg = (
            f"`frequencies` must be at most {0.5 / screen.pixel:g} {screen.frequency} (half "
            "a cycle per pixel: finer stripes cannot be shown), "
            f"got {max(checked)}."
        )
        raise ValueError(msg)
    return checked


def _units(screen: Screen) -> dict[str, str]:
    # Angles are in degrees on any screen; lengths and frequencies in its own unit.
    return _DEGREES | {
        "frequency": screen.frequency,
        "diameter": screen.length,
        "y": screen.length,
        "x": screen.length,
    }
