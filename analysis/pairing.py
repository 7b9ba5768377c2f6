"""Two labelled things brought into one order by the labels that both carry, or refused.

The same pictures listed in another order are the same pictures: what is compared is paired by name,
never by position, unless a side has no names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

BY_LABEL = "labels"
BY_ORDER = "order, assumed to be the same: one side has no labels"
_NAMED = 3  # labels that a message lists


def aligned(
    a: xr.DataArray, b: xr.DataArray, dim: str = "image", names: tuple[str, str] = ("a", "b")
) -> tuple[xr.DataArray, str]:
    """The second in the order of the first along a dimension.

    Parameters
    ----------
    a, b : xarray.DataArray
        With that dimension. Its coordinate of the same name holds the labels; without one, the
        coordinates along it that both have, such as layer, feature and place of a unit, are one
        label together. A coordinate of 0, 1, 2, ... counts positions and is no label.
    dim : str
    names : (str, str)
        What the two are called in messages.

    Returns
    -------
    xarray.DataArray
        `b` in the order of `a`.
    str
        What they were paired by, for the attribute `paired_by`.

    Raises
    ------
    ValueError
        If one has labels that the other lacks, labels are not unique, or, without labels, the two
        differ in length.

    Examples
    --------
    >>> a = xr.DataArray([1, 2], {"image": ["x", "y"]}, "image")
    >>> aligned(a, a[::-1])[0].values.tolist()
    [1, 2]
    """
    order, how = order_of(_labels(a, b, dim), _labels(b, a, dim), dim, names)
    return b.isel({dim: order}), how


def _labels(given: xr.DataArray, other: xr.DataArray, dim: str) -> np.ndarray:
    """Labels along a dimension; positions where there are none."""
    if dim in given.coords:
        # A shift of 0, 1, 2 px is what it says, not a position.
        kind = None if dim in ("image", "unit") else object
        return np.asarray(given[dim].values, dtype=kind)
    shared = [
        str(name)
        for name, coord in given.coords.items()
        if coord.dims == (dim,) and name in other.coords and other[name].dims == (dim,)
    ]
    if not shared or dim == "image":  # classes and the like say nothing of which image it is
        return np.arange(given.sizes[dim])
    return pd.MultiIndex.from_arrays([given[name].values for name in shared]).to_numpy()


def order_of(
    ours: Sequence[Any] | np.ndarray,
    theirs: Sequence[Any] | np.ndarray,
    what: str,
    names: tuple[str, str],
) -> tuple[np.ndarray, str]:
    """Where each of our labels stands among theirs.

    Parameters
    ----------
    ours, theirs : sequences of shape (n,), (m,)
        0, 1, 2, ... are positions and no labels.
    what : str
        What is labelled, such as 'image', for messages.
    names : (str, str)
        What the two are called in messages.

    Returns
    -------
    array of int of shape (n,), str
        Numbers into `theirs`, and what they were paired by.

    Raises
    ------
    ValueError
        As in `aligned`.
    """
    first, second = pd.Index(ours), pd.Index(theirs)
    if _counts_positions(first) or _counts_positions(second):
        if len(first) != len(second):
            msg = (
                f"`{names[0]}` and `{names[1]}` must be of the same {what}s, got {len(first)} and "
                f"{len(second)}."
            )
            raise ValueError(msg)
        return np.arange(len(first)), BY_ORDER
    if first.equals(second):
        return np.arange(len(first)), BY_LABEL
    _check_same(first, second, what, names)
    return second.get_indexer(first), BY_LABEL


def _counts_positions(labels: pd.Index) -> bool:
    return pd.api.types.is_integer_dtype(labels.dtype) and labels.equals(pd.RangeIndex(len(labels)))


def _check_same(first: pd.Index, second: pd.Index, what: str, names: tuple[str, str]) -> None:
    """Refuse labels that only one has, and those that stand for two."""
    lacks = [
        f"`{name}` lacks {_listed(missing)}"
        for name, missing in zip(
            names, (second.difference(first), first.difference(second)), strict=True
        )
        if len(missing)
    ]
    if lacks:
        msg = (
            f"`{names[0]}` and `{names[1]}` must be of the same {what}s: {' and '.join(lacks)}. "
            f"Select the {what}s that both have, or leave their labels out to pair by position."
        )
        raise ValueError(msg)
    for name, labels in zip(names, (first, second), strict=True):
        if not labels.is_unique:
            twice = labels[labels.duplicated()][0]
            msg = (
                f"`{name}` has the {what} {twice!r} twice, and the two list their {what}s in "
                "different orders: give each a label of its own."
            )
            raise ValueError(msg)


def _listed(labels: pd.Index) -> str:
    shown = ", ".join(repr(label) for label in labels[:_NAMED].tolist())
    if len(labels) > _NAMED:
        return f"{shown} and {len(labels) - _NAMED} more"
    return shown


def class_labels(found: xr.DataArray, labels: Any = None) -> np.ndarray:
    """Classes of the images of some responses, in their order.

    Parameters
    ----------
    found : xarray.DataArray
        With the dim image.
    labels : sequence of shape (n_images,), pandas.Series, xarray.DataArray or None
        A series whose index, or an array whose coordinate `image`, holds names of images is paired
        by name. None takes the coordinate `label`.

    Returns
    -------
    array of str of shape (n_images,)

    Raises
    ------
    ValueError
        If there are none, or those of other images.
    """
    if labels is None and "label" not in found.coords:
        msg = "`labels` are needed: these responses have no coordinate label."
        raise ValueError(msg)
    return _in_order_of(found, found["label"] if labels is None else labels, "labels")


def _in_order_of(found: xr.DataArray, given: Any, name: str) -> np.ndarray:
    """A text for each image of some responses, paired by the names of images."""
    series, n_images = as_series(given, name), found.sizes["image"]
    if len(series) != n_images:
        msg = f"`{name}` must be one for each of the {n_images} images, got {len(series)}."
        raise ValueError(msg)
    images = _labels(found, found, "image")
    order, _ = order_of(images, series.index, "image", ("responses", name))
    return series.to_numpy()[order].astype(str)


def image_groups(found: xr.DataArray, groups: Any = None) -> np.ndarray | None:
    """Which images of some responses belong together, in their order.

    Parameters
    ----------
    found : xarray.DataArray
        With the dim image.
    groups : sequence of shape (n_images,), pandas.Series, xarray.DataArray or None
        As in `class_labels`; None takes the coordinate `group`.

    Returns
    -------
    array of str of shape (n_images,), or None
        None where nothing is known of groups.

    Raises
    ------
    ValueError
        If they are those of other images.
    """
    if groups is None and "group" not in found.coords:
        return None
    return _in_order_of(found, found["group"] if groups is None else groups, "groups")


def as_series(given: Any, name: str) -> pd.Series:
    """A value for each item, with the labels of the items where they are known.

    Parameters
    ----------
    given : sequence, pandas.Series or xarray.DataArray of shape (n,)
    name : str
        Of the parameter, for the message.

    Returns
    -------
    pandas.Series
        Its index counts 0, 1, 2, ... where there are no labels.

    Raises
    ------
    ValueError
        If it has more than one dimension.
    """
    values = np.asarray(given)
    if values.ndim != 1:
        msg = f"`{name}` must have shape (n,), got shape {values.shape}."
        raise ValueError(msg)
    if isinstance(given, pd.Series):
        return given
    if isinstance(given, xr.DataArray):
        return pd.Series(values, index=_labels(given, given, str(given.dims[0])))
    return pd.Series(values)


def same_order(columns: Mapping[str, Any], what: str) -> pd.DataFrame:
    """Columns of labelled values, in the order of the first.

    Parameters
    ----------
    columns : mapping from str to sequence, pandas.Series or xarray.DataArray of shape (n,)
    what : str
        What a row is of, for messages.

    Returns
    -------
    pandas.DataFrame
        With the attribute `paired_by`.

    Raises
    ------
    ValueError
        If two columns are not of the same items.
    """
    if isinstance(columns, pd.DataFrame):
        return columns  # its rows are its pairs
    series = {str(name): as_series(column, str(name)) for name, column in columns.items()}
    names, pairings = list(series), {}
    made = pd.DataFrame(index=series[names[0]].index) if names else pd.DataFrame()
    for name, column in series.items():
        order, pairings[name] = order_of(made.index, column.index, what, (names[0], name))
        made[name] = column.to_numpy()[order]
    if BY_ORDER in pairings.values():
        made.attrs["paired_by"] = BY_ORDER
    else:
        made.attrs["paired_by"] = BY_LABEL
    return made


def pair_labels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A label for each pair of images, whichever of the two is named first.

    Parameters
    ----------
    first, second : arrays of shape (n_pairs,)
        Names of images.

    Returns
    -------
    array of tuple of shape (n_pairs,)
    """
    swapped = first > second
    low, high = np.where(swapped, second, first), np.where(swapped, first, second)
    return pd.MultiIndex.from_arrays([low, high]).to_numpy()


def paired_rdms(
    a: xr.DataArray, b: Any, names: tuple[str, str] = ("a", "b")
) -> tuple[np.ndarray, str]:
    """Dissimilarities of the second in the order of the pairs of the first.

    Parameters
    ----------
    a : xarray.DataArray
        Whose last dim is pair, with the coordinates first and second.
    b : xarray.DataArray or array of shape (..., n_pairs)
    names : (str, str)
        What the two are called in messages.

    Returns
    -------
    array of shape (..., n_pairs)
    str
        What they were paired by.

    Raises
    ------
    ValueError
        If they are of other images.
    """
    values = np.asarray(b, dtype=float)
    n_pairs = a.sizes["pair"]
    known = isinstance(b, xr.DataArray) and {"first", "second"} <= set(b.coords)
    # Names that only count images are positions, as those of responses to an array are.
    if not known or not all(_is_named(rdm) for rdm in (a, b)):
        if values.ndim < 1 or values.shape[-1] != n_pairs:
            msg = (
                f"`{names[1]}` must have {n_pairs} pairs in its last dimension, as `{names[0]}`, "
                f"got shape {values.shape}."
            )
            raise ValueError(msg)
        return values, BY_ORDER
    ours, theirs = (pd.unique(np.concatenate([x["first"], x["second"]])) for x in (a, b))
    _check_same(pd.Index(ours), pd.Index(theirs), "image", names)
    mine, yours = (pair_labels(x["first"].values, x["second"].values) for x in (a, b))
    order, how = order_of(mine, yours, "pair", names)
    return values[..., order], how


def _is_named(rdm: xr.DataArray) -> bool:
    """Whether images have names, not only numbers."""
    return {"first", "second"} <= set(rdm.coords) and not pd.api.types.is_integer_dtype(
        rdm["first"].dtype
    )
