"""HMAX's winners: which patch of which image a C2 unit answered to."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.images import luminance

from ..contract import measure
from ..results import Definition

_DEFINITION = Definition(
    "best matches",
    "place of the C2 unit's best match in C1",
    "Serre et al., PAMI 2007",
    "pixels",
)


@measure(takes="model", needs=("no transformation",), given=("images",))
def best_matches(
    model: FeatureExtractor, images: Any, n_images: int = 3, n_matches: int = 4
) -> xr.Dataset:
    """The patches of pictures that come closest to prototypes, one prototype of each size.

    Parameters
    ----------
    model : FeatureExtractor
        With winners: HMAX.
    images : sequence
        Of one size; the first `n_images` are looked at.
    n_images, n_matches : int
        Pictures, and prototypes in each: of every n-th size the one whose best match in this
        picture is closest, as a share of the prototype's own length (blank prototypes fit
        anywhere).

    Returns
    -------
    xarray.Dataset
        Along (picture, match) `unit`, `response`, and the rectangle `top`, `left`, `bottom`,
        `right` in pixels, the last two one past the end; `luminance` of dims (picture, y, x).

    Raises
    ------
    TypeError
        If the model has no winners.
    """
    if not hasattr(model, "winners"):
        msg = f"`model` must know which patch won, as hmax:HMAX does, got {model.path()}."
        raise TypeError(msg)
    shown = [np.asarray(images[index]) for index in range(min(n_images, len(images)))]
    # A model without prototypes of its own takes them from the first picture: there each
    # prototype's best match is where it came from.
    fitted = model if hasattr(model, "prototypes_") else model.fit(shown[:1])
    found, patches = fitted.winners(shown), fitted.prototypes_.patches
    sizes = list(patches)[:: max(1, len(patches) // n_matches)][:n_matches]
    rows = []
    for picture in range(len(shown)):
        of_picture = found.isel(image=picture)
        for size in sizes:
            unit = _closest(of_picture["response"], patches[size], size, fitted)
            rows.append(of_picture.sel(unit=unit))
    shape = (len(shown), len(sizes))
    data: dict[str, Any] = {
        name: (("picture", "match"), np.array([row[name].item() for row in rows]).reshape(shape))
        for name in ("unit", "response", "top", "left", "bottom", "right")
    }
    pictures = np.stack([luminance(image) for image in shown])
    data["luminance"] = (("picture", "y", "x"), pictures)
    names = [str(name) for name in getattr(images, "names", range(len(images)))[: len(shown)]]
    coords = {
        "picture": names,
        "match": np.arange(len(sizes)),
        "y": np.arange(pictures.shape[1]),
        "x": np.arange(pictures.shape[2]),
    }
    known = {"n_images": len(shown), "model": model.path(), "parameters": repr(model)}
    return xr.Dataset(data, coords=coords).assign_attrs(_DEFINITION.attributes() | known)


def _closest(
    response: xr.DataArray, patches: np.ndarray, size: int, model: FeatureExtractor
) -> str:
    """The C2 unit of this size with the best match, over the length of its prototype.

    A distance grows with the prototype: without the division blank prototypes would win everywhere.
    """
    names = [f"c2_p{size:02d}_{index:03d}" for index in range(len(patches))]
    lengths = np.linalg.norm(patches.reshape(len(patches), -1), axis=1)
    relative = response.sel(unit=names).values / np.maximum(lengths, 1e-3)
    # A distance is best where it is least, other tuning functions where they are highest.
    by_distance = model.get_params()["tuning"] in (None, "distance")
    return names[int(relative.argmin() if by_distance else relative.argmax())]
