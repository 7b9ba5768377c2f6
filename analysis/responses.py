"""Responses: what chosen units of any model answer to a set of stimuli, labelled.

What every measure takes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, Any

import numpy as np
import xarray as xr

from hmax_cnn.data import Dataset
from hmax_cnn.data.stimuli import Stimuli
from hmax_cnn.data.transformed import Transformed
from hmax_cnn.extraction import FeatureExtractor, flatten
from hmax_cnn.extraction.digests import seen_before
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.labelled import UnitNumbers, native
from hmax_cnn.extraction.maps import Maps

CENTRE = "centre"
DISTANCE = "distance"  # coordinate of units whose responses are distances: small is strong
SEEN = "learned_from"  # coordinate of images that the model has learned from
_IN_MEMORY = 256  # MiB


def choose_units(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    layers: Sequence[str] | None = None,
    units: int | str | UnitNumbers | None = None,
    random_state: int = 0,
) -> dict[str, np.ndarray]:
    """Units of each layer, by number.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
    layers : sequence of str or None
        None is all.
    units : None, int, 'centre' or mapping from layer to sequence of int
        All; at most so many of each layer, drawn without replacement, so that layers can be
        compared at equal numbers; every feature at the place of each map that is closest to the
        middle of the image; or these.
    random_state : int
        Seed of the draw.

    Returns
    -------
    dict from str to array of int
        In rising order.

    Raises
    ------
    ValueError
        If there is no such layer, no such unit, or the number is not positive.
    """
    if isinstance(units, Mapping):
        wanted = model.wanted_layers(tuple(units))
    else:
        _check_units(units)
        wanted = model.wanted_layers(layers if layers is not None else model.layer_names)
    rng = np.random.default_rng(random_state)
    chosen = {}
    for layer, bands in model.geometry(image_shape, wanted).items():
        sizes = [int(np.prod(maps.shape)) for maps in bands]
        total = sum(sizes)
        if isinstance(units, Mapping):
            picked = _listed(units[layer], layer, total)
        elif units == CENTRE:
            starts = np.cumsum([0, *sizes[:-1]])
            middle = [_central(maps, image_shape) for maps in bands]
            picked = np.concatenate([start + of for start, of in zip(starts, middle, strict=True)])
        elif units is None or int(units) >= total:  # a small layer is taken whole
            picked = np.arange(total)
        else:
            picked = np.sort(rng.choice(total, int(units), replace=False))
        chosen[layer] = picked
    return chosen


def _check_units(units: Any) -> None:
    is_number = isinstance(units, int | np.integer) and not isinstance(units, bool)
    is_centre = isinstance(units, str) and units == CENTRE
    if units is None or is_centre or (is_number and units >= 1):
        return
    msg = (
        f"`units` must be None, a number of at least 1, {CENTRE!r}, or unit numbers by "
        f"layer, got {units!r}."
    )
    raise ValueError(msg)


def _listed(numbers: Sequence[int] | np.ndarray, layer: str, total: int) -> np.ndarray:
    """Unit numbers in rising order, if the layer has them."""
    picked = np.sort(np.asarray(numbers, dtype=int))
    if not len(picked) or picked[0] < 0 or picked[-1] >= total:
        msg = f"`units` of {layer!r} must lie between 0 and {total - 1}, got {list(numbers)[:5]}."
        raise ValueError(msg)
    return picked


def _central(maps: Maps, image_shape: Sequence[int]) -> np.ndarray:
    """Numbers, within a band, of the units closest to the middle of the image.

    One per feature.
    """
    n_features, height, width = maps.shape
    # Counted in field centres: maps with uneven borders have their middle elsewhere.
    row = int(np.abs(maps.field.y.centres(height) - (image_shape[0] - 1) / 2).argmin())
    column = int(np.abs(maps.field.x.centres(width) - (image_shape[1] - 1) / 2).argmin())
    return np.arange(n_features) * height * width + row * width + column


def responses(
    model: FeatureExtractor,
    images: Any,
    layers: Sequence[str] | None = None,
    units: int | str | UnitNumbers | None = None,
    random_state: int = 0,
    memory: int = _IN_MEMORY,
) -> xr.DataArray:
    """Responses of chosen units, image by image.

    Images are read and answered in batches and not kept.

    Parameters
    ----------
    model : FeatureExtractor
        Fitted, where it must be.
    images : array or sequence
        As `FeatureExtractor.transform` takes them, of one size; `Stimuli` and `Transformed` bring
        their parameters along.
    layers, units, random_state
        As in `choose_units`.
    memory : int
        In MiB; responses that take more are kept in a temporary file, so that the number of stimuli
        is not bounded by memory.

    Returns
    -------
    xarray.DataArray
        float32, of dims (image, unit), or (image, <transformation>, unit) where `images` is a
        `Transformed`. Coordinates along `unit` as `hmax_cnn.extraction.flatten` gives them; along
        `image` the names, `label`, `group`, and the parameters of stimuli or columns of the index,
        such as `stimulus_orientation`; where the model has learned from some of these pictures,
        `learned_from` says from which; where units answer with distances (small is similar),
        `distance` says which.

    Raises
    ------
    ValueError
        If images differ in size, or there is no such layer or unit.

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> from hmax_cnn.data.transformations import shift
    >>> from hmax_cnn.data.transformed import transformed
    >>> pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16))
    >>> found = responses(Pixels(grid=(4, 4)), transformed(pictures, shift(), (-2, 0, 2)))
    >>> found.dims, found.shape
    (('image', 'shift', 'unit'), (3, 3, 16))
    """
    source = Images(images)
    shape = tuple(int(n) for n in source[0].shape)
    chosen = choose_units(model, shape, layers, units, random_state)
    wanted = model.wanted_layers(tuple(chosen))
    model.check_ready(wanted)
    geometry = model.geometry(shape, wanted)
    n_units = sum(len(picked) for picked in chosen.values())
    values = _room(len(source), n_units, memory)
    with closing(model.stream(source, wanted)) as stream:
        for first, batch in stream:
            n_done = len(next(iter(batch.values()))[0].values)
            column = 0
            for layer in geometry:
                if [maps.shape for maps in batch[layer]] != [
                    maps.shape for maps in geometry[layer]
                ]:
                    msg = (
                        f"`images` must have one size, got {tuple(source[first].shape)} for "
                        f"image {first} after {shape}. Resize them to one shape."
                    )
                    raise ValueError(msg)
                for picked, maps in _by_band(chosen[layer], batch[layer]):
                    values[first : first + n_done, column : column + len(picked)] = (
                        maps.values.reshape(n_done, -1)[:, picked]
                    )
                    column += len(picked)
    return labelled(values, images, model, geometry, chosen)


def _by_band(chosen: np.ndarray, bands: Sequence[Maps]) -> Iterator[tuple[np.ndarray, Maps]]:
    """The chosen units of each band, counted within it."""
    start = 0
    for maps in bands:
        size = int(np.prod(maps.shape))
        yield chosen[(chosen >= start) & (chosen < start + size)] - start, maps
        start += size


def _room(n_images: int, n_units: int, memory: int) -> np.ndarray:
    """An array for the responses; in a file that vanishes with it, where it is large."""
    if 4 * n_images * n_units <= memory * 2**20:
        return np.empty((n_images, n_units), np.float32)
    with tempfile.TemporaryFile(prefix="hmax-cnn-") as file:  # the mapping keeps the file
        _reserve(file, 4 * n_images * n_units)
        return np.memmap(file, np.float32, "w+", shape=(n_images, n_units))


def _reserve(file: IO[bytes], n_bytes: int) -> None:
    """Take the room on the disk now: a mapped file that finds none ends the process, wordless."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
    except OSError as error:
        msg = (
            f"The responses take {n_bytes / 2**30:.2g} GiB, which {tempfile.gettempdir()} has not "
            f"({error.strerror}). Set TMPDIR to a folder with more room, or measure fewer units."
        )
        raise OSError(error.errno, msg) from error


def labelled(
    values: np.ndarray,
    images: Any,
    model: FeatureExtractor,
    geometry: Mapping[str, Sequence[Maps]],
    chosen: Mapping[str, np.ndarray],
) -> xr.DataArray:
    """Responses with all that is known of images and units; see `responses`.

    Parameters
    ----------
    values : array of shape (n_images, n_units)
    images : array or sequence
    model : FeatureExtractor
    geometry : mapping from layer to sequence of Maps
        As `model.geometry` gives it.
    chosen : mapping from layer to array of int
        As `choose_units` gives them.

    Returns
    -------
    xarray.DataArray
        dims (image, unit), or (image, <transformation>, unit).

    Raises
    ------
    ValueError
        If a transformation has the name of a property of units.
    """
    # From shapes alone: no image is answered for them.
    flat = flatten(native(dict(geometry), [], {}), chosen)
    units = {str(name): coord for name, coord in flat.coords.items() if coord.dims == ("unit",)}
    attributes: dict[str, Any] = {"model": model.path(), "parameters": repr(model)}
    coords: dict[str, Any]
    # Numbers, where images have no names: positions, which are never taken for labels.
    names = list(getattr(images, "names", range(len(values))))
    if isinstance(images, Transformed):
        if images.name in units or images.name in ("image", "label"):
            msg = (
                f"`images` have the transformation {images.name!r}, which is what a property of "
                "units is called. Give it another `name`."
            )
            raise ValueError(msg)
        coords = {
            "image": names,
            images.name: (images.name, np.asarray(images.values), {"units": images.units}),
        }
        attributes |= {
            "transformation": images.name,
            "identity": images.identity,
        } | images.attributes
        grid = values.reshape(len(names), len(images.values), -1)
        dims: tuple[str, ...] = ("image", images.name, "unit")
    else:
        coords, grid, dims = {"image": names}, values, ("image", "unit")
    coords |= image_coords(images)
    seen = seen_before(model, images).reshape(len(names), -1).any(axis=1)
    if seen.any():
        coords[SEEN] = ("image", seen)
        attributes["n_learned_from"] = int(seen.sum())
    far = np.isin(units["layer"].values, model.distance_layers())
    if far.any():
        coords[DISTANCE] = ("unit", far)
    return xr.DataArray(grid, dims=dims, coords=coords | units, name="response", attrs=attributes)


def image_coords(images: Any) -> dict[str, Any]:
    """Coordinates of images: groups, labels, parameters of stimuli, columns of an index.

    Parameters
    ----------
    images : array or sequence

    Returns
    -------
    dict from str to (dim, values, ...)
    """
    coords: dict[str, Any] = {}
    for name, known in (("group", "groups"), ("label", "labels")):
        column = getattr(images, known, None)
        if column is not None:
            coords[name] = ("image", np.asarray(column).astype(str))
    if isinstance(images, Stimuli):
        coords |= images.coords("stimulus_")
    if isinstance(images, Dataset):
        for name, given in images.columns.items():
            column = np.asarray(given)
            plain = column.astype(str) if column.dtype == object else column
            # netCDF takes a slash for the border of a group.
            coords[f"stimulus_{name}".replace("/", "_")] = ("image", plain)
    return coords


def by_layer(found: xr.DataArray) -> Iterator[tuple[str, np.ndarray]]:
    """Each layer's name, and the numbers of its units."""
    layers = layers_of(found)
    for layer in dict.fromkeys(layers.tolist()):
        yield str(layer), np.flatnonzero(layers == layer)


def image_names(found: xr.DataArray) -> np.ndarray:
    """Names of the images; their numbers where they have none."""
    if "image" in found.coords:
        return found["image"].values
    return np.arange(found.sizes["image"])


def distance_layers(found: xr.DataArray) -> list[str]:
    """Layers whose responses are distances: the smaller, the stronger."""
    if DISTANCE not in found.coords:
        return []
    return list(dict.fromkeys(layers_of(found)[found[DISTANCE].values.astype(bool)].tolist()))


def strengths(found: xr.DataArray) -> xr.DataArray:
    """Responses of which the larger is the stronger: distances are negated.

    Parameters
    ----------
    found : xarray.DataArray
        From `responses`.

    Returns
    -------
    xarray.DataArray
        Where something was negated, the attribute `caption` says so.
    """
    layers = distance_layers(found)
    if not layers:
        return found
    sign = xr.where(found[DISTANCE].astype(bool), -1, 1).astype(found.dtype)
    text = f"Responses of {', '.join(layers)} are distances; they were negated, so that the "
    return (found * sign).assign_attrs(found.attrs, caption=f"{text}strongest is the highest")


def check_strengths(found: xr.DataArray, measure: str) -> None:
    """Refuse distances for a measure of rates, which has no meaning for them.

    Parameters
    ----------
    found : xarray.DataArray
        From `responses`.
    measure : str
        What it is called in the message.

    Raises
    ------
    ValueError
        If there are any.
    """
    layers = distance_layers(found)
    if layers:
        msg = (
            f"{measure} has no meaning for distances, where the smallest is the strongest "
            f"response, and layer {layers[0]!r} has such. Leave it out, or give the model "
            "tuning='gaussian'."
        )
        raise ValueError(msg)


def layers_of(found: xr.DataArray) -> np.ndarray:
    """The layer of every unit; without such a coordinate all are of one."""
    if "layer" in found.coords:
        layers = found["layer"].values.astype(str)
    else:
        layers = np.array("all")
    return np.broadcast_to(layers, found.sizes["unit"])
