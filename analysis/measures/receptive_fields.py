"""Receptive fields three ways: claimed from the geometry, effective from gradients, mapped from
responses alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from tqdm.auto import tqdm

from .field_size import AREA, DEFINITIONS, field_sizes
from ..results import DEFAULT, Definition, Resampling, needs
from ..responses import CENTRE, choose_units, responses
from ..statistics import normal_interval
from hmax_cnn.data.stimuli import Screen, Stimuli, bars, gratings, sparse_noise, spots
from hmax_cnn.extraction import FeatureExtractor, flatten
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.labelled import native

PROBES = ("spots", "sparse noise", "bars", "gratings")
_ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)
_GROUPS = 10
_CERTAIN = 3.5  # standard errors: beyond them lies less than one place in 10,000 that does not matter (mean of two absolute differences)
_ROUNDING = 5e-6  # of the layer's largest response: float32, by Winograd convolution too (seen outside of fields: 9e-7)
_MAPPED = (
    "mean |response - blank| over the probes at each place",
    "|mean response with a square - without|, mean of light and dark",
)


def claimed_fields(
    model: FeatureExtractor, image_shape: Sequence[int], units: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    """What each unit claims to see of the image, from the windows below it.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
    units : mapping from layer to sequence of int
        As `analysis.responses.choose_units` gives them.

    Returns
    -------
    pandas.DataFrame
        One row per unit: unit, layer, band, size (the larger side, in pixels), status, and top,
        left, bottom, right in pixels, the last two one past the end and all uncut: a field may
        reach beyond the image.
    """
    table = flatten(
        native(model.geometry(image_shape, model.wanted_layers(tuple(units))), [], {}), units
    )
    geometry = {
        (row["layer"], row["band"]): row
        for row in model.fields(image_shape, tuple(units)).to_dict("records")
    }
    rows = []
    for unit, layer, band, y, x in zip(
        *(table[name].values for name in ("unit", "layer", "band", "y", "x")), strict=True
    ):
        field = geometry[layer, band]
        top, bottom = _edges(float(y), field["size_y"])
        left, right = _edges(float(x), field["size_x"])
        size = max(field["size_y"], field["size_x"])
        rows.append((unit, layer, band, size, field["status"], top, left, bottom, right))
    return pd.DataFrame(
        rows, columns=["unit", "layer", "band", "size", "status", "top", "left", "bottom", "right"]
    )


def _edges(centre: float, size: float) -> tuple[int, int]:
    return floor(centre - size / 2 + 0.5 + 1e-9), ceil(centre + size / 2 + 0.5 - 1e-9)


@needs("no transformation")
def effective_fields(
    model: FeatureExtractor,
    images: Any,
    units: int | Mapping[str, Sequence[int]] = 4,
    layers: Sequence[str] | None = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How much each pixel matters to a unit: the absolute gradient of its response, averaged over
    images.

    Parameters
    ----------
    model : FeatureExtractor
        With gradients: HMAX, CNN, perceptrons, pixels.
    images : array or sequence
        Of one size; read one by one.
    units : int or mapping from layer to sequence of int
        So many of each layer in the middle of the image (`central_units`), or these, as
        `analysis.responses.choose_units` gives them.
    layers : sequence of str or None
        With a number of units; None is all.
    resampling : Resampling
        Intervals of the root of the area are over images, by a jackknife that leaves out one of at
        most ten groups; 0 resamples make none.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `field` of dims (unit, y, x), of sum 1, and along `unit` the sizes, centre and shape that
        `analysis.measures.field_size.field_sizes` gives, in pixels, with `root_area_low` and
        `root_area_high`; all undefined for a unit that no pixel moves.

    Raises
    ------
    TypeError
        If the model has no gradients: use `mapped_fields`.

    References
    ----------
    Luo, Li, Urtasun & Zemel, "Understanding the effective receptive field in deep convolutional
    neural networks", NeurIPS 2016.
    """
    source = Images(images)
    shape = tuple(int(n) for n in source[0].shape[:2])
    units = _units_of(model, shape, units, layers)
    wanted = tuple(units)
    if resampling.n_resamples:
        n_groups = min(len(source), _GROUPS)
    else:
        n_groups = 1
    groups = np.zeros((n_groups, sum(map(len, units.values())), *shape), np.float32)
    if progress is None:
        shown = None
    else:
        shown = not progress
    for index in tqdm(
        range(len(source)), desc="Effective fields", unit="image", delay=2, disable=shown
    ):
        row = 0
        for layer in wanted:
            gradient = np.abs(
                model.image_gradient(
                    np.asarray(source[index])[None], layer, [int(n) for n in units[layer]]
                )[0]
            )
            if gradient.ndim == 4:
                groups[index % len(groups), row : row + len(gradient)] += gradient.sum(axis=-1)
            else:
                groups[index % len(groups), row : row + len(gradient)] += gradient
            row += len(gradient)
    definition = Definition(
        "effective receptive field",
        "mean over images of |d response / d pixel|",
        "Luo et al., NeurIPS 2016",
        "pixels",
    )
    result = _measured(
        model,
        shape,
        units,
        groups.sum(axis=0, dtype=float),
        definition,
        {"n_images": len(source)},
        tuple(map(np.arange, shape)),
        0.0,
    )
    if n_groups < 2:
        return result
    without = 1 - np.eye(n_groups, dtype=np.float32)
    sizes = np.stack(
        [
            _root_areas(np.tensordot(without, groups[:, unit], axes=1))
            for unit in range(groups.shape[1])
        ],
        axis=1,
    )
    error = np.sqrt((n_groups - 1) / n_groups * ((sizes - sizes.mean(axis=0)) ** 2).sum(axis=0))
    low, high = normal_interval(result["root_area"].values, error, resampling.level)
    bounds = {"root_area_low": ("unit", low), "root_area_high": ("unit", high)}
    return result.assign(bounds).assign_attrs(
        {"level": resampling.level, "resampled_over": "images, jackknife of groups"}
    )


def _root_areas(fields: np.ndarray) -> np.ndarray:
    """Root of the area of several maps."""
    peaks = fields.max(axis=(1, 2), keepdims=True)
    return np.where(peaks[:, 0, 0] > 0, np.sqrt((fields > AREA * peaks).sum(axis=(1, 2))), np.nan)


@needs("no transformation")
def mapped_fields(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    units: int | Mapping[str, Sequence[int]] = 4,
    probe: str = "spots",
    size: float = 4.0,
    step: float | None = None,
    n_images: int = 2000,
    background: float = 127.5,
    frequency: float = 0.1,
    random_state: int = 0,
    layers: Sequence[str] | None = None,
) -> xr.Dataset:
    """Where a unit answers to a probe, as an experimenter would map it: on any black box.

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
        own and are in steps of the grid, so that a field may come out larger than it is claimed;
        and `blank`, the response to a blank screen. The box from `top` to `right` is what certainly
        matters: it is smaller than the support by the probe's reach. Of noise the field is the
        absolute difference of mean responses with and without a square at each place, where it is
        beyond 3.5 standard errors.

    Raises
    ------
    ValueError
        If there is no such probe, or it does not fit.

    References
    ----------
    Jones & Palmer, J Neurophysiol 1987 (reverse correlation). Max pooling has sparse gradients, so
    that this is the fair one for HMAX.
    """
    screen = Screen(int(image_shape[0]), int(image_shape[1]), background=background)
    if probe not in PROBES:
        msg = f"`probe` must be one of {', '.join(map(repr, PROBES))}, got {probe!r}."
        raise ValueError(msg)
    chosen = _units_of(model, image_shape, units, layers)
    blank = (
        responses(model, screen.shown(np.zeros((1, 1)))[None], units=chosen).values[0].astype(float)
    )
    if probe == "sparse noise":
        side = int(size)
        stimuli = sparse_noise(screen, n_images, side, random_state=random_state)
        places = tuple(
            np.arange(0, n, side) + (side - 1) / 2 for n in (screen.height, screen.width)
        )
        (field, error), reach = (
            _correlated(model, stimuli, chosen, side, background),
            (side - 1) / 2,
        )
    else:
        stimuli, reach = _probes(probe, screen, size, size if step is None else step, frequency)
        places = stimuli.table["y"].unique(), stimuli.table["x"].unique()
        field = np.zeros((len(blank), len(places[0]) * len(places[1])))
        where = stimuli.table.groupby(["y", "x"], sort=False).ngroup().to_numpy()
        for part in _parts(len(stimuli)):
            np.add.at(
                field.T,
                where[part],
                np.abs(responses(model, stimuli.subset(part), units=chosen).values - blank),
            )
        field /= len(stimuli) / field.shape[1]
        error = np.zeros_like(field)
    sizes = [len(numbers) for numbers in chosen.values()]
    strongest = np.maximum(np.abs(blank), field.max(axis=1))
    largest = np.repeat([part.max() for part in np.split(strongest, np.cumsum(sizes)[:-1])], sizes)
    grid = np.where(
        field > np.maximum(_ROUNDING * largest[:, None], _CERTAIN * error), field, 0
    ).reshape(len(blank), len(places[0]), len(places[1]))
    definition = Definition(
        f"mapped receptive field, {probe}",
        _MAPPED[probe == "sparse noise"],
        "Jones & Palmer, J Neurophysiol 1987",
        "pixels",
    )
    extra = {"n_images": len(stimuli), "probe": probe, "probe_size": float(size)}
    return _measured(model, image_shape, chosen, grid, definition, extra, places, reach).assign(
        blank=("unit", blank)
    )


def _probes(
    probe: str, screen: Screen, size: float, step: float, frequency: float
) -> tuple[Stimuli, float]:
    """One probe at every place, of several kinds, and how far it reaches from its middle."""
    tiles = spots(screen, size, step)
    if probe == "spots":
        return tiles, size / 2  # the first and last pixel may be covered in part
    places = list(dict.fromkeys(zip(tiles.table["y"], tiles.table["x"], strict=True)))
    if probe == "bars":
        return bars(screen, _ORIENTATIONS, (size,), (3 * size,), (1.0, -1.0), places), np.hypot(
            size, 3 * size
        ) / 2
    return gratings(
        screen,
        _ORIENTATIONS,
        (frequency,),
        (0.0, 90.0, 180.0, 270.0),
        diameters=(size,),
        positions=places,
    ), size / 2


def _parts(n_images: int) -> Iterator[np.ndarray]:
    """Numbers of images, some at a time, so that not all responses need be held."""
    for first in range(0, n_images, 1024):
        yield np.arange(first, min(first + 1024, n_images))


def _correlated(
    model: FeatureExtractor,
    noise: Stimuli,
    units: Mapping[str, Sequence[int]],
    side: int,
    background: float,
) -> tuple[np.ndarray, np.ndarray]:
    """How far the mean response with a light, and with a dark, square at a place lies from that
    without one, and its error; (unit, place)."""
    sums, counts, squares = [], [], []
    for part in _parts(len(noise)):
        subset = noise.subset(part)
        answer = responses(model, subset, units=units).values.astype(float)
        signs = np.sign(
            np.stack(
                [
                    (subset[index][::side, ::side] - background).ravel()
                    for index in range(len(subset))
                ]
            )
        )
        kinds = [(signs == kind).astype(float) for kind in (1, -1, 0)]
        sums.append(np.stack([kind.T @ answer for kind in kinds]))
        counts.append(np.stack([kind.sum(axis=0) for kind in kinds]))
        squares.append(np.stack([answer.sum(axis=0), (answer**2).sum(axis=0)]))
    seen = np.sum(counts, axis=0)[..., None]
    light, dark, none = np.sum(sums, axis=0) / np.maximum(seen, 1)
    total, total_squares = np.sum(squares, axis=0) / len(noise)
    deviation = np.sqrt(np.maximum(total_squares - total**2, 0))
    known = [seen[kind] * seen[2] > 0 for kind in (0, 1)]
    apart = [
        np.where(known[kind], np.abs(mean - none), 0) for kind, mean in enumerate((light, dark))
    ]
    errors = [
        np.where(
            known[kind],
            deviation * np.sqrt(1 / np.maximum(seen[kind], 1) + 1 / np.maximum(seen[2], 1)),
            np.inf,
        )
        for kind in (0, 1)
    ]
    return ((apart[0] + apart[1]) / 2).T, ((errors[0] + errors[1]) / 2).T


def _measured(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    units: Mapping[str, Sequence[int]],
    fields: np.ndarray,
    definition: Definition,
    extra: Mapping[str, Any],
    places: tuple[np.ndarray, ...],
    reach: float,
) -> xr.Dataset:
    """Fields (unit, place down, place across) with their sizes, beside what the units claim."""
    steps = [float(axis[1] - axis[0]) if len(axis) > 1 else np.nan for axis in places]
    alone = 2 * reach + 1  # a single place stands for the probe itself
    pitch = tuple(
        float(step if np.isfinite(step) else other if np.isfinite(other) else alone)
        for step, other in zip(steps, steps[::-1], strict=True)
    )
    sizes = pd.DataFrame([field_sizes(field, (pitch[0], pitch[1])) for field in fields])
    for axis, (first, last) in zip(places, (("top", "bottom"), ("left", "right")), strict=True):
        known = sizes[first].notna().to_numpy()
        start, end = sizes[first].fillna(0).to_numpy(int), sizes[last].fillna(1).to_numpy(int) - 1
        sizes[first], sizes[last] = (
            np.where(known, axis[start] + reach, np.nan),
            np.where(known, axis[end] - reach + 1, np.nan),
        )
    sizes["centre_y"] += places[0][0]
    sizes["centre_x"] += places[1][0]
    total = fields.sum(axis=(1, 2), keepdims=True)
    scaled = fields / np.where(total > 0, total, 1)
    claimed = claimed_fields(model, image_shape, units)
    coords = {"unit": claimed["unit"].to_numpy(str), "y": places[0], "x": places[1]}
    coords |= {
        name: ("unit", claimed[name].to_numpy(str if name != "size" else float))
        for name in ("layer", "band", "status", "size")
    }
    data = {name: ("unit", sizes[name].to_numpy()) for name in sizes}
    data["claimed"] = ("unit", coords.pop("size")[1])
    data["contained"] = ("unit", _contained(sizes, claimed))
    data["field"] = (("unit", "y", "x"), scaled)
    known = {
        "model": model.path(),
        "parameters": repr(model),
        "height": int(image_shape[0]),
        "width": int(image_shape[1]),
    }
    dataset = xr.Dataset(data, coords=coords, attrs=definition.attributes() | known | dict(extra))
    for name in (
        "y",
        "x",
        *DEFINITIONS,
        "claimed",
        "top",
        "left",
        "bottom",
        "right",
        "centre_y",
        "centre_x",
        "sigma_y",
        "sigma_x",
    ):
        dataset[name].attrs = {"units": "pixels"} | (
            {"long_name": DEFINITIONS[name]} if name in DEFINITIONS else {}
        )
    return dataset


def _contained(sizes: pd.DataFrame, claimed: pd.DataFrame) -> np.ndarray:
    """Whether all that matters to a unit lies in the field that it claims; a unit that nothing
    moves is within any."""
    inside = [sizes[side].to_numpy() >= claimed[side].to_numpy() for side in ("top", "left")]
    inside += [sizes[side].to_numpy() <= claimed[side].to_numpy() for side in ("bottom", "right")]
    return np.logical_and.reduce(inside) | sizes["top"].isna().to_numpy()


def _units_of(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    units: int | Mapping[str, Sequence[int]],
    layers: Sequence[str] | None,
) -> dict[str, np.ndarray]:
    """Units as they were asked for, by layer from the bottom up."""
    if isinstance(units, Mapping):
        return choose_units(model, image_shape, units=units)
    if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
        msg = (
            "`units` must be a number of at least 1, or unit numbers by layer such as "
            f"{{'c1': [3, 17]}}, got {units!r}."
        )
        raise ValueError(msg)
    return central_units(model, image_shape, layers, int(units))


def central_units(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    layers: Sequence[str] | None,
    n_units: int,
    random_state: int = 0,
) -> dict[str, np.ndarray]:
    """At most so many units of each layer, of those whose fields lie in the middle of the image,
    from all bands in turn."""
    rng = np.random.default_rng(random_state)
    geometry = model.geometry(
        image_shape, model.wanted_layers(layers if layers is not None else model.layer_names)
    )
    chosen = {}
    for layer, found in choose_units(model, image_shape, layers, CENTRE).items():
        bands = np.concatenate(
            [np.full(maps.shape[0], index) for index, maps in enumerate(geometry[layer])]
        )
        order = rng.permutation(len(found))
        turn = np.concatenate(
            [np.arange((bands == band).sum()) for band in range(bands.max() + 1)]
        )  # how many of its band come before
        shuffled = order[np.argsort(bands[order], kind="stable")]
        chosen[layer] = np.sort(
            found[shuffled[np.lexsort((rng.random(len(turn)), turn))][:n_units]]
        )
    return chosen
