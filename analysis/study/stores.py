"""Responses that lie in a store of features: found by all that made them, read and not computed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor, flatten
from hmax_cnn.extraction.labelled import native
from hmax_cnn.extraction.progress import progress_bar
from hmax_cnn.extraction.store import FeatureStore, open_features
from hmax_cnn.extraction.store.layout import KEY

from ..responses import labelled
from .building import Places, build_images, build_model
from .provenance import Origin, describe, to_learn
from .work import Asked, Stored, Work


def find_stored(work: Work, progress: bool | None = None) -> dict[Asked, Stored]:
    """What of a study lies in the stores that its models name, image by image compared.

    Parameters
    ----------
    work : Work
    progress : bool or None

    Returns
    -------
    dict from (model, images, seed) to Stored
        Of images as they are: what is transformed is not in a store.

    Raises
    ------
    ValueError
        If a store is incomplete, holds other features, or lacks a layer that is measured.
    FileNotFoundError
        If there is none.
    """
    found: dict[Asked, Stored] = {}
    for name, table in work.study.models.items():
        for address in table.stores:
            store = store_at(work.places, address)
            of_store = dict(_held(work, name, address, store, progress))
            if not of_store:
                raise ValueError(_differing(work, name, address, store))
            found |= of_store
    return found


def store_at(places: Places, address: str) -> FeatureStore:
    """A store that a study names: beside its file, or anywhere.

    Parameters
    ----------
    places : Places
    address : str

    Returns
    -------
    FeatureStore

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none.
    """
    return FeatureStore.at(_full(places, address))


def _full(places: Places, address: str) -> str:
    path = None if "://" in address else places.path(address)
    return address if path is None else str(path)


def _held(
    work: Work, name: str, address: str, store: FeatureStore, progress: bool | None
) -> Iterator[tuple[Asked, Stored]]:
    """The sets of images whose features a store holds."""
    attributes = store.layout.attributes
    if attributes.get("reduction"):
        msg = (
            f"`store` {address} of model {name!r} holds features reduced by "
            f"{attributes['reduction']}: a study takes units. Extract them without --reduce."
        )
        raise ValueError(msg)
    if store.layout.dtype != "float32":
        msg = (
            f"`store` {address} of model {name!r} holds {store.layout.dtype}, and a study takes "
            "float32. Extract them without --dtype."
        )
        raise ValueError(msg)
    for images in work.study.images:
        whole = _whole(work, name, images)
        if whole is None or not work.reading(name, images):
            continue
        for seed in work.study.seeds:
            origin = _origin(work, name, seed, whole, store)
            key = origin.key(whole.names)
            if key != attributes.get(KEY):
                continue
            _check_whole(store, origin, whole, address, progress)
            _check_layers(work, name, images, address, attributes)
            yield (name, images, seed), Stored(_full(work.places, address), key)


def _whole(work: Work, name: str, images: str) -> Dataset | None:
    """All images of a source, as an extraction takes them; None of stimuli."""
    table = work.study.images[images]
    if table.is_function:
        return None
    everything: dict[str, Any] = {
        "split": None, "skip": 0, "first": None, "per_class": None, "groups": None
    }  # fmt: skip
    resize = work.study.models[name].resize
    if resize is not None:
        everything["resize"] = resize
    made = build_images(table.model_copy(update=everything), work.places)
    return made if isinstance(made, Dataset) else None


def _origin(work: Work, name: str, seed: int, whole: Dataset, store: FeatureStore) -> Origin:
    """All that would make this model's features now."""
    table = work.study.models[name]
    model = _asked_model(work, name, seed, store)
    taught = None
    if table.learns_from is not None:
        taught = work.images(table.learns_from, None, table.resize)
    learns_from, _ = to_learn(model, whole, taught)
    return Origin.of(model, whole, learns_from, dtype=store.layout.dtype)


def _asked_model(work: Work, name: str, seed: int, store: FeatureStore) -> FeatureExtractor:
    model = build_model(work.study.models[name], work.places, seed)
    layers = tuple(store.layout.attributes.get("layers", "").split())
    known = tuple(layer for layer in layers if layer in model.layer_names)
    return model.set_params(layer=known or None)


def _check_whole(
    store: FeatureStore, origin: Origin, whole: Dataset, address: str, progress: bool | None
) -> None:
    layout = store.layout
    shards = progress_bar(
        range(layout.n_shards), name=f"Comparing {address}", unit="shard", progress=progress
    )
    other = sum(
        not store.is_made_of(shard, origin.made_of(whole.subset(layout.images_of(shard))))
        for shard in shards
    )
    if other:
        msg = (
            f"{other} of the {layout.n_shards} shards of `store` {address} are missing, or made of "
            "images that have changed since. Run the same `hmax-cnn extract` again."
        )
        raise ValueError(msg)


def _check_layers(
    work: Work, name: str, images: str, address: str, attributes: Mapping[str, str]
) -> None:
    there = attributes.get("layers", "").split()
    made = build_model(work.study.models[name], work.places, work.study.seeds[0])
    for measure in work.reading(name, images):
        asked = work.study.measures[measure].layers.get(name) or work.study.models[name].layers
        lacking = [one for one in asked or made.layer_names if one not in there]
        if lacking:
            msg = (
                f"`store` {address} of model {name!r} holds the layers {', '.join(there)}, and the "
                f"measure {measure!r} takes {lacking[0]!r}. Name `layers` that are there, or "
                "extract with --layer."
            )
            raise ValueError(msg)


def _differing(work: Work, name: str, address: str, store: FeatureStore) -> str:
    """Why a store is of no use for a study."""
    attributes, reasons = store.layout.attributes, []
    seed = work.study.seeds[0]
    sets = {images: _whole(work, name, images) for images in work.study.images}
    datasets = {images: whole for images, whole in sets.items() if whole is not None}
    if not datasets:
        reasons.append("the study has stimuli and no pictures")
    for images, whole in datasets.items():
        if not work.reading(name, images):
            reasons.append(f"no measure takes responses to {images!r} as they are")
            continue
        now = describe(_asked_model(work, name, seed, store), whole)
        differ = [
            f"{key} (there {attributes.get(key)!r}, here {now[key]!r})"
            for key in ("model", "resize", "background", "versions")
            if attributes.get(key) != now[key]
        ]
        differ += _differing_parameters(attributes.get("parameters", ""), now["parameters"])
        what = "; ".join(differ) or "the pictures, their order, or what the model learned from"
        reasons.append(f"of images {images!r} differ {what}")
    remedy = "Extract again with the same settings, or leave `store` out."
    if not any("differ" in reason for reason in reasons):
        remedy = "Leave `store` out."
    return (
        f"`store` {address} of model {name!r} holds nothing that this study takes: "
        f"{'. '.join(reasons)}. {remedy}"
    )


def _differing_parameters(there: str, here: str) -> list[str]:
    try:
        old, new = json.loads(there), json.loads(here)
        names = dict.fromkeys([*old, *new])
        return [
            f"{name} (there {old.get(name)}, here {new.get(name)})"
            for name in names
            if name != "layer" and old.get(name) != new.get(name)
        ]
    except (ValueError, TypeError, AttributeError):
        return ["parameters"]


def stored_responses(
    stored: Stored,
    model: FeatureExtractor,
    images: Any,
    units: Mapping[str, np.ndarray],
) -> xr.DataArray:
    """Responses as `responses` gives them, read from a store.

    Parameters
    ----------
    stored : Stored
    model : FeatureExtractor
        Fitted, where it must be.
    images : Dataset
        Some of those that the store holds.
    units : mapping from layer to array of int

    Returns
    -------
    xarray.DataArray
        float32, of dims (image, unit).
    """
    features = open_features(stored.address)
    geometry = model.geometry(tuple(images[0].shape), model.wanted_layers(tuple(units)))
    wanted = flatten(native(dict(geometry), [], {}), units)["unit"].values.tolist()
    columns = _places_of(wanted, features.units["unit"])
    numbers = _places_of(map(str, images.names), features.images)
    return labelled(features.some(numbers, columns), images, model, geometry, units)


def _places_of(wanted: Any, names: Sequence[Any]) -> np.ndarray:
    """Where names stand among others."""
    places = {str(name): place for place, name in enumerate(names)}
    return np.array([places[str(name)] for name in wanted], int)
