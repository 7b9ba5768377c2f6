"""Views of objects as a transformation: rotation in depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hmax_cnn.extraction.digests import picture_digests

from .transformed import Transformed


def views(
    images: Any,
    objects: Sequence[Any],
    angles: Sequence[float],
    reference: float,
    name: str = "view",
    units: str = "degrees",
) -> Transformed:
    """A set of labelled views, such as coil20 or paperclips, as a transformation.

    The transformation is rotation in depth.

    Parameters
    ----------
    images : sequence
        One image per view.
    objects : sequence of shape (n_images,)
        Which object each shows.
    angles : sequence of float of shape (n_images,)
        Its view.
    reference : float
        The view that tolerance is measured from.
    name, units : str

    Returns
    -------
    Transformed
        One row per object, labelled by it.

    Raises
    ------
    ValueError
        If an object lacks a view that others have, or has one twice, or there is no such reference.

    Examples
    --------
    >>> from hmax_cnn.data.stimuli import paperclips
    >>> clips = paperclips((32, 32), 3, views=(-30, 0, 30))
    >>> views(clips, clips.table["object"], clips.table["view"], reference=0).values.tolist()
    [-30.0, 0.0, 30.0]
    """
    if len(objects) != len(angles):
        msg = (
            f"`objects` and `angles` must have the same length, got {len(objects)} and "
            f"{len(angles)}."
        )
        raise ValueError(msg)
    table = pd.DataFrame({"object": list(objects), "angle": np.asarray(angles, dtype=float)})
    if len(table) != len(images):
        msg = (
            f"`objects` and `angles` must have one entry for each of the {len(images)} images, "
            f"got {len(table)}."
        )
        raise ValueError(msg)
    where = _complete(table, name)
    if reference not in where.columns:
        msg = f"`reference` must be one of the angles {where.columns.tolist()}, got {reference!r}."
        raise ValueError(msg)
    numbers = where.to_numpy().astype(int)
    kinds = [str(kind) for kind in where.index]

    def read(image: int, value: int) -> np.ndarray:
        return np.asarray(images[int(numbers[image, value])])

    def original(image: int, value: int) -> int:
        return int(picture_digests(images, [numbers[image, value]])[0])

    return Transformed(
        kinds,
        where.columns.to_numpy(),
        read,
        name,
        units,
        float(reference),
        np.array(kinds),
        original=original,
    )


def _complete(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Which image shows each object (rows) at each angle (columns): one each, and none lacking."""
    unknown = np.flatnonzero(table["object"].isna() | ~np.isfinite(table["angle"]))
    if len(unknown):
        msg = (
            f"`objects` and `angles` must be known for every image, but image {unknown[0]} has "
            f"{table.iloc[unknown[0]].tolist()}. Leave it out."
        )
        raise ValueError(msg)
    # Two pictures of one view would be two answers to one question.
    doubled = table[table.duplicated()]
    if len(doubled):
        msg = (
            f"Object {doubled.iloc[0]['object']} has {name} {doubled.iloc[0]['angle']:g} twice. "
            "Keep one image of each."
        )
        raise ValueError(msg)
    where = table.assign(index=range(len(table))).pivot_table(
        index="object", columns="angle", values="index", sort=True
    )
    if where.isna().to_numpy().any():
        lacking = where.index[where.isna().any(axis=1)][0]
        msg = (
            f"Object {lacking} lacks {name} {where.columns[where.loc[lacking].isna()][0]:g}, "
            "which others have. Leave it or that view out."
        )
        raise ValueError(msg)
    return where
