"""Reading a store: rows as arrays, batch by batch, with all that is known of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .layout import RESPONSE
from .store import FeatureStore


def open_features(path: str | os.PathLike[str], *, partial: bool = False) -> StoredFeatures:
    """Features that `hmax-cnn extract` wrote into a store, read when they are looked at.

    Parameters
    ----------
    path : str or path
        A folder such as 'features.zarr', or an address that fsspec knows, such as
        's3://bucket/features.zarr'.
    partial : bool
        Whether a store that is not complete may be opened; what is missing reads as NaN.

    Returns
    -------
    StoredFeatures

    Raises
    ------
    FileNotFoundError
        If there is no store.
    ValueError
        If it is none of ours, or shards are missing.

    Examples
    --------
    >>> features = open_features("features.zarr")  # doctest: +SKIP
    >>> for rows, numbers in features.batches(4096):  # doctest: +SKIP
    ...     classifier.partial_fit(rows, features.labels[numbers], classes)
    """
    store = FeatureStore.at(path)
    missing = store.layout.n_shards - len(store.done())
    if missing and not partial:
        msg = (
            f"{missing} of the {store.layout.n_shards} shards of {path} are not there yet. Run the "
            "same `hmax-cnn extract` again, or open it with partial=True."
        )
        raise ValueError(msg)
    return StoredFeatures(store)


class StoredFeatures:
    """Features in a store: `features[10:20]` are the rows of ten images.

    Made by `open_features`.

    Parameters
    ----------
    store : FeatureStore

    Attributes
    ----------
    dataset : xarray.Dataset
        The same with all labels: `response` of dims (image, unit), not read yet.
    units : pandas.DataFrame
        One row per unit: its name, layer, band, feature, field centre, and so on.
    images : array of str of shape (n_images,)
    labels, split : array of str of shape (n_images,), or None
    """

    def __init__(self, store: FeatureStore) -> None:
        self.store = store
        self.dataset: xr.Dataset = xr.open_zarr(
            store.place.opened(), chunks=None, consolidated=True
        )
        self.images = self.column("image")
        self.labels, self.split = self.column("label"), self.column("split")
        names = [
            str(name)
            for name, one in self.store.layout.coordinates.coords.items()
            if one.dims == ("unit",) and name != "unit"
        ]
        self.units = pd.DataFrame({name: self.column(name) for name in ("unit", *names)})

    def column(self, name: str) -> Any:
        """What is known of each image or unit under a name, such as 'label'; None if nothing is.

        Parameters
        ----------
        name : str

        Returns
        -------
        array or None
        """
        known = self.store.layout.coordinates
        if name not in known.coords:
            return None
        values = known[name].to_numpy()
        # Text of any length, which few libraries know yet, as text of one length.
        return values if values.dtype.kind in "iufb" else values.astype(object).astype(str)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of images and of units."""
        return self.store.layout.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        n_images, n_units = self.shape
        return f"StoredFeatures({n_images} images x {n_units} units in {self.store.place})"

    def __getitem__(self, images: Any) -> np.ndarray:
        """Rows of some images: a number, a slice, numbers or a mask.

        Raises
        ------
        ValueError
            If a shard is damaged; `hmax-cnn store repair` makes it again.
        """
        response = self.dataset[RESPONSE].variable
        try:
            if isinstance(images, int | np.integer | slice):
                return np.asarray(response[images])
            numbers = np.arange(len(self))[images]
            # Each part of a shard is read once, whatever the order asked for.
            order = np.argsort(numbers, kind="stable")
            rows = np.empty((len(numbers), self.shape[1]), response.dtype)
            rows[order] = np.asarray(response[numbers[order]])
        except IndexError:  # there is no such image
            raise
        except Exception as error:  # of zarr or a codec
            text = str(error).rstrip(".")
            msg = (
                f"{self.store.place} cannot be read: {text}. Find what is damaged with `hmax-cnn "
                "store verify`, and make it again with `hmax-cnn store repair`."
            )
            raise ValueError(msg) from error
        return rows

    def responses(
        self, layers: str | Sequence[str] | None = None, images: Any = None
    ) -> xr.DataArray:
        """Responses in memory with all that is known of them, as measures take them.

        Parameters
        ----------
        layers : str, sequence of str or None
            None is all that are there.
        images : numbers or mask, or None
            Which; None is all.

        Returns
        -------
        xarray.DataArray
            float32, of dims (image, unit).

        Raises
        ------
        ValueError
            If there is no such layer, or a shard is damaged.

        Examples
        --------
        >>> found = features.responses(["c2"], features.split == "test")  # doctest: +SKIP
        """
        known = self.column("layer")
        layers = (layers,) if isinstance(layers, str) else layers
        wanted = np.ones(self.shape[1], bool) if layers is None else np.isin(known, layers)
        missing = [] if layers is None else [one for one in layers if one not in known]
        if missing:
            there = ", ".join(dict.fromkeys(known.tolist()))
            msg = f"`layers` must be among {there}, got {missing[0]!r}."
            raise ValueError(msg)
        numbers = np.arange(len(self)) if images is None else np.arange(len(self))[images]
        coords = {
            str(name): (one.dims[0], self.column(str(name))[chosen])
            for dim, chosen in (("image", numbers), ("unit", wanted))
            for name, one in self.store.layout.coordinates.coords.items()
            if one.dims == (dim,)
        }
        values = self.some(numbers, np.flatnonzero(wanted))
        attributes = dict(self.dataset[RESPONSE].attrs)
        return xr.DataArray(values, coords, ("image", "unit"), "response", attributes)

    def some(self, images: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Responses of some units to some images, read batch by batch.

        Parameters
        ----------
        images, units : integer array
            Numbers.

        Returns
        -------
        array of shape (n_images, n_units), float32
        """
        values = np.empty((len(images), len(units)), np.float32)
        done = 0
        # All units of all images might not fit into memory.
        for rows, numbers in self.batches(self.store.layout.per_shard, images):
            values[done : done + len(numbers)] = rows[:, units]
            done += len(numbers)
        return values

    def batches(
        self, size: int = 4096, images: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and the numbers of their images, so many at a time.

        Parameters
        ----------
        size : int
        images : numbers or mask, or None
            Which; None is all, in order.

        Yields
        ------
        rows : array of shape (n, n_units)
        numbers : integer array of shape (n,)
        """
        numbers = np.arange(len(self))
        if images is not None:
            numbers = numbers[images]
        for first in range(0, len(numbers), size):
            some = numbers[first : first + size]
            yield self[some], some
