"""Results handed over to other toolboxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .responses import image_names


def to_rsatoolbox(found: xr.DataArray | xr.Dataset) -> Any:
    """Responses as rsatoolbox's datasets, or RDMs as its RDMs.

    Needs rsatoolbox: pip install 'hmax-cnn[rsa]'.

    Parameters
    ----------
    found : xarray.DataArray or xarray.Dataset
        Responses of dims (image, unit), or the result of
        `hmax_cnn.analysis.measures.similarity.rdms`.

    Returns
    -------
    rsatoolbox.data.Dataset or rsatoolbox.rdm.RDMs
        Of responses: images are observations, with the descriptors `image` and, where they are
        known, `label`; units are channels, with `unit`, `layer`, `band` and what else is known of
        them. Of RDMs: one for each layer, with the descriptor `layer`; patterns are images.

    Raises
    ------
    ImportError
        If rsatoolbox is not installed.
    TypeError, ValueError
        If this is neither.

    Examples
    --------
    >>> from hmax_cnn import Pixels, open_dataset, responses, to_rsatoolbox
    >>> found = responses(Pixels(grid=(4, 4)), open_dataset("digits")[:5])
    >>> to_rsatoolbox(found).measurements.shape
    (5, 16)
    """
    try:
        from rsatoolbox.data import Dataset
        from rsatoolbox.rdm import RDMs
    except ImportError as error:
        msg = "to_rsatoolbox needs rsatoolbox: pip install 'hmax-cnn[rsa]'."
        raise ImportError(msg) from error
    if isinstance(found, xr.Dataset) and {"rdm", "first", "second"} <= set(found.variables):
        images = list(dict.fromkeys([*found["first"].values, *found["second"].values]))
        return RDMs(
            found["rdm"].values,
            dissimilarity_measure=str(found.attrs.get("definition", "")),
            descriptors={"model": str(found.attrs.get("model", ""))},
            rdm_descriptors={"layer": _texts(found["layer"].values)},
            pattern_descriptors={"image": _texts(images)},
        )
    if not isinstance(found, xr.DataArray) or found.dims != ("image", "unit"):
        msg = (
            "`found` must be responses of dims (image, unit), or what `rdms` returns, got "
            f"{getattr(found, 'dims', type(found).__name__)}."
        )
        raise (ValueError if isinstance(found, xr.DataArray | xr.Dataset) else TypeError)(msg)
    of_images = {"image": _texts(image_names(found))}
    if "label" in found.coords:
        of_images["label"] = _texts(found["label"].values)
    of_units = {
        str(name): _texts(values.values) if values.dtype.kind in "OU" else values.values.tolist()
        for name, values in found.coords.items()
        if values.dims == ("unit",)
    }
    return Dataset(
        np.asarray(found.values, dtype=float),
        descriptors={"model": str(found.attrs.get("model", ""))},
        obs_descriptors=of_images,
        channel_descriptors=of_units,
    )


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values]
