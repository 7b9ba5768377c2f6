"""Mapped receptive fields: where a unit responds to a probe, as an experimenter finds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from hmax_cnn.data.stimuli import Screen, Stimuli, bars, gratings, sparse_noise, spots
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.labelled import UnitNumbers

from ..contract import measure
from ..responses import responses
from ..results import Definition
from .central_units import units_of
from .receptive_fields import measured

PROBES = ("spots", "sparse noise", "bars", "gratings")


_ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)


# Standard errors: beyond them lies less than one place in 10,000 that does not matter (the mean of
# two absolute differences).
_CERTAIN = 3.5


# Of the layer's largest response: float32, by Winograd convolution too (seen outside of fields:
# 9e-7).
_ROUNDING = 5e-6


_MAPPED = (
    "mean |response - blank| over the probes at each place",
    "|mean response with a square - without|, mean of light and dark",
)


@measure(
    takes="model",
    needs=("no transformation",),
    given=("image_shape", "units", "random_state", "layers"),
)
def mapped_fields(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    units: int | UnitNumbers = 4,
    probe: str = "spots",
    size: float = 4.0,
    step: float | None = None,
    n_images: int = 2000,
    background: float = 127.5,
    frequency: float = 0.1,
    random_state: int = 0,
    layers: Sequence[str] | None = None,
) -> xr.Dataset:
    """Where a unit responds to a probe, as an experimenter would map it: on any black box.

    Parameters
    ----------
    model : FeatureExtractor
        Fitted, where it must be; nothing but its responses is used.
    image_shape : (int, int)
    units : int or mapping from layer to sequence of int
        As in `effective_fields`.
    probe : {'spots', 'sparse noise', 'bars', 'gratings'}
        One light or dark square at a time; many at once, and reverse correlation; bars of four
        orientations, light and dark; small gratings of four orientations and phases. All but noise:
        mean absolute response minus blank, over the kinds of probe at a place.
    size : float
        Side of a square, width of a bar (three times as long), or diameter of a grating, in pixels.
    step : float or None
        Distance between places, in pixels; None is `size`.
    n_images : int
        Of sparse noise.
    background : float
        Luminance of the blank screen.
    frequency : float
        Of gratings, in cycles per pixel.
    random_state : int
        Of sparse noise.
    layers : sequence of str or None
        With a number of units; None is all.

    Returns
    -------
    xarray.Dataset
        As `effective_fields`, without intervals, on the grid of places: sizes include the probe's
        own and are in steps of the grid, so that a field may come out larger than it is
        theoretical; and `blank`, the response to a blank screen. The box from `top` to `right` is
        what certainly matters: it is smaller than the support by the probe's reach. Of noise the
        field is the absolute difference of mean responses with and without a square at each place,
        where it is beyond 3.5 standard errors.

    Raises
    ------
    ValueError
        If there is no such probe, or it does not fit.

    References
    ----------
    Jones & Palmer, J Neurophysiol 1987 (reverse correlation). Max pooling has sparse gradients, so
    that this is the fair one for HMAX.

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> mapped_fields(Pixels(grid=(4, 4)), (16, 16), units=1).root_area.values.tolist()
    [4.0]
    """
    check_choice("probe", probe, PROBES)
    screen = Screen(int(image_shape[0]), int(image_shape[1]), background=background)
    chosen = units_of(model, image_shape, units, layers)
    blank_screen = screen.shown(np.zeros((1, 1)))[None]
    blank = responses(model, blank_screen, units=chosen).values[0].astype(float)
    if probe == "sparse noise":
        side = int(size)
        stimuli, reach = (
            sparse_noise(screen, n_images, side, random_state=random_state),
            (side - 1) / 2,
        )
        places = tuple(np.arange(0, n, side) + reach for n in (screen.height, screen.width))
        field, error = _correlated(model, stimuli, chosen, side, background)
    else:
        stimuli, reach = _probes(probe, screen, size, size if step is None else step, frequency)
        places = stimuli.table["y"].unique(), stimuli.table["x"].unique()
        field = _mean_response(model, stimuli, chosen, blank)
        error = np.zeros_like(field)
    field = np.where(field > _noise(field, error, blank, chosen), field, 0)
    grid = field.reshape(len(blank), len(places[0]), len(places[1]))
    definition = Definition(
        f"mapped receptive field, {probe}",
        _MAPPED[probe == "sparse noise"],
        "Jones & Palmer, J Neurophysiol 1987",
        "pixels",
    )
    extra = {"n_images": len(stimuli), "probe": probe, "probe_size": float(size)}
    made = measured(model, image_shape, chosen, grid, definition, extra, places, reach)
    return made.assign(blank=("unit", blank))


def _mean_response(
    model: FeatureExtractor,
    stimuli: Stimuli,
    units: UnitNumbers,
    blank: np.ndarray,
) -> np.ndarray:
    """Mean over the probes at each place of |response - blank|, of shape (unit, place)."""
    where = stimuli.table.groupby(["y", "x"], sort=False).ngroup().to_numpy()
    n_places = where.max() + 1
    field = np.zeros((len(blank), n_places))
    for part in _parts(len(stimuli)):
        change = np.abs(responses(model, stimuli.subset(part), units=units).values - blank)
        # Several probes have the same place: `+=` would count one of them.
        np.add.at(field.T, where[part], change)
    return field / (len(stimuli) / n_places)


def _noise(
    field: np.ndarray, error: np.ndarray, blank: np.ndarray, units: UnitNumbers
) -> np.ndarray:
    """What a change must exceed to count: rounding of its layer, and the error of its mean."""
    sizes = [len(numbers) for numbers in units.values()]
    strongest = np.maximum(np.abs(blank), field.max(axis=1))
    of_layers = np.split(strongest, np.cumsum(sizes)[:-1])
    largest = np.repeat([part.max() for part in of_layers], sizes)
    return np.maximum(_ROUNDING * largest[:, None], _CERTAIN * error)


def _probes(
    probe: str, screen: Screen, size: float, step: float, frequency: float
) -> tuple[Stimuli, float]:
    """One probe at every place, of several kinds, and how far it reaches from its middle."""
    tiles = spots(screen, size, step)
    if probe == "spots":
        return tiles, size / 2  # the first and last pixel may be covered in part
    places = list(dict.fromkeys(zip(tiles.table["y"], tiles.table["x"], strict=True)))
    if probe == "bars":
        shown = bars(screen, _ORIENTATIONS, (size,), (3 * size,), (1.0, -1.0), places)
        # An oblique bar reaches as far as half its diagonal.
        return shown, np.hypot(size, 3 * size) / 2
    phases = (0.0, 90.0, 180.0, 270.0)
    return gratings(
        screen, _ORIENTATIONS, (frequency,), phases, diameters=(size,), positions=places
    ), size / 2


def _parts(n_images: int) -> Iterator[np.ndarray]:
    """Numbers of images, some at a time, so that not all responses need be held."""
    for first in range(0, n_images, 1024):
        yield np.arange(first, min(first + 1024, n_images))


def _correlated(
    model: FeatureExtractor,
    noise: Stimuli,
    units: UnitNumbers,
    side: int,
    background: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Reverse correlation: how far the mean response with a square lies from that without.

    Light and dark squares, at each place, and the error; of shape (unit, place).
    """
    sums, counts, squares = [], [], []
    for part in _parts(len(noise)):
        subset = noise.subset(part)
        answer = responses(model, subset, units=units).values.astype(float)
        # One pixel of each square says whether it is light (1), dark (-1) or grey (0).
        shown = [
            (subset[index][::side, ::side] - background).ravel() for index in range(len(subset))
        ]
        signs = np.sign(np.stack(shown))
        kinds = [(signs == kind).astype(float) for kind in (1, -1, 0)]
        sums.append(np.stack([kind.T @ answer for kind in kinds]))
        counts.append(np.stack([kind.sum(axis=0) for kind in kinds]))
        squares.append(np.stack([answer.sum(axis=0), (answer**2).sum(axis=0)]))
    seen = np.sum(counts, axis=0)[..., None]
    light, dark, none = np.sum(sums, axis=0) / np.maximum(seen, 1)
    total, total_squares = np.sum(squares, axis=0) / len(noise)
    deviation = np.sqrt(np.maximum(total_squares - total**2, 0))
    apart, errors = [], []
    for kind, mean in enumerate((light, dark)):
        # A place that never had such a square says nothing: no difference, and no certainty.
        known = seen[kind] * seen[2] > 0
        apart.append(np.where(known, np.abs(mean - none), 0))
        error = deviation * np.sqrt(1 / np.maximum(seen[kind], 1) + 1 / np.maximum(seen[2], 1))
        errors.append(np.where(known, error, np.inf))
    return ((apart[0] + apart[1]) / 2).T, ((errors[0] + errors[1]) / 2).T
