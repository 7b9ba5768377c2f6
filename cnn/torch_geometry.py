"""Shapes and fields of what a PyTorch module returns: followed, else measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.images import InputWarning

from .torch_fields import followed, load_torch
from .torch_modules import as_maps, depends_on_batch, described_parts
from .torch_reach import field_of, made_linear, reached

# From a batch of images, and the names of submodules (None is all), to what these return.
Record = Callable[[Any, Collection[str] | None], Mapping[str, Mapping[str, Any]]]
Geometry = dict[str, dict[str, tuple[tuple[int, int, int], Field]]]


def geometry_of(module: Any, record: Record, images: Any) -> Geometry:
    """Shape and field of each part of each submodule's output.

    Parameters
    ----------
    module : torch.nn.Module
    record : callable
        Calls the module.
    images : tensor of shape (2, n_channels, height, width)
        Noise.

    Returns
    -------
    dict from str to dict from str to ((n_features, height, width), Field)

    Warns
    -----
    InputWarning
        If what a submodule returns for an image depends on the other images of the batch.
    """
    torch = load_torch()
    shape = (int(images.shape[2]), int(images.shape[3]))
    with torch.no_grad():
        _warn_of_batch(record(images[:1], None), record(images, None))
        seen = record(followed(images[:1].clone()), None)
    found = {
        name: bands for name, parts in seen.items() if (bands := described_parts(parts, shape))
    }
    unknown = {
        name for name, bands in found.items() if any(field is None for _, field in bands.values())
    }
    reach = _measured(module, record, images[:1], unknown) if unknown else {}
    made: Geometry = {}
    for name, bands in found.items():
        made[name] = {}
        for part, (maps, field) in bands.items():
            if field is None:
                # Of an operation without derivatives nothing less than the image is certain.
                lit = reach.get((name, part))
                field = Field.whole(*shape) if lit is None else field_of(lit, shape)
            made[name][part] = (maps, field)
    return made


def _measured(
    module: Any, record: Record, image: Any, unknown: Collection[str]
) -> Mapping[tuple[str, str], Any]:
    """What reaches the maps of some submodules; nothing where PyTorch has no derivative."""

    def as_recorded_maps(batch: Any) -> dict[str, dict[str, Any]]:
        return {
            name: {part: as_maps(value, len(batch)) for part, value in parts.items()}
            for name, parts in record(batch, unknown).items()
        }

    try:
        with made_linear(module):
            return reached(as_recorded_maps, image)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return {}


def _warn_of_batch(alone: Mapping[str, Any], together: Mapping[str, Any]) -> None:
    found = depends_on_batch(alone, together)
    if found:
        msg = (
            f"The responses of {found[0]!r} to an image depend on the other images of its batch, "
            "as those of batch normalisation without running statistics do: they change with "
            "`batch_memory` and with what else is shown. Give it running statistics."
        )
        warnings.warn(msg, InputWarning, stacklevel=2)
