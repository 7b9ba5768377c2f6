"""Controls: what a reviewer asks to be beside every model.

And layers of several models that can fairly be compared.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hmax_cnn.cnn.network import Network
from hmax_cnn.extraction import FeatureExtractor, FilterBank, Pixels
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.hmax import HMAX, Prototypes


def controls(model: FeatureExtractor, random_state: int = 0) -> dict[str, FeatureExtractor]:
    """The controls that there are for a model, by name.

    Parameters
    ----------
    model : FeatureExtractor
        Fitted, where it must be.
    random_state : int
        Of shuffled and random prototypes and untrained weights.

    Returns
    -------
    dict from str to FeatureExtractor
        Always 'pixels' and 'classical filters'; for networks 'untrained', the same with weights
        drawn anew; for HMAX 'shuffled prototypes' and 'random prototypes', where it has some.

    Examples
    --------
    >>> list(controls(HMAX(prototypes="photographs")))
    ['pixels', 'classical filters', 'shuffled prototypes', 'random prototypes']
    """
    found: dict[str, FeatureExtractor] = {
        "pixels": Pixels(grid=(16, 16)),
        "classical filters": FilterBank(step=4),
    }
    if isinstance(model, Network) and (hasattr(model, "learned_") or model.is_given()):
        found["untrained"] = model.untrained(random_state)
    prototypes = model.dictionary() if isinstance(model, HMAX) else None
    if isinstance(model, HMAX) and prototypes is not None:
        # Is it what prototypes show, or only how strong they are?
        found["shuffled prototypes"] = _with(model, prototypes.shuffled(random_state))
        found["random prototypes"] = _with(model, prototypes.random(random_state))
    return found


def _with(model: HMAX, prototypes: Prototypes) -> HMAX:
    """A copy with other prototypes of the same number."""
    # A shallow copy: the model that was handed in keeps its own prototypes.
    other = copy.copy(model)
    if hasattr(other, "prototypes_"):
        other.prototypes_ = prototypes
    other.prototypes = prototypes
    return other.set_params(prototype_sizes=None, n_prototypes=None)


def matched_layers(
    models: Mapping[str, FeatureExtractor],
    image_shape: Sequence[int],
    by: str = "field_size",
    reference: str | None = None,
    layers: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Match every layer of one model to the most similar layer of each other model.

    In field size or in depth.

    Parameters
    ----------
    models : mapping from str to FeatureExtractor
    image_shape : (int, int)
    by : {'field_size', 'depth'}
        The median side of the fields, in pixels (cut at the image, compared by ratio); or the place
        between the lowest (0) and highest (1).
    reference : str or None
        Whose layers the others are matched to; None is the first.
    layers : mapping from model to layers, or None

    Returns
    -------
    pandas.DataFrame
        Columns reference_layer, reference_value, model, layer, value: matches may share a layer,
        and may be far off; look at the values.

    Raises
    ------
    ValueError
        If there is no such model or way to match.
    """
    if by not in ("field_size", "depth"):
        msg = f"`by` must be 'field_size' or 'depth', got {by!r}."
        raise ValueError(msg)
    if len(models) < 2:
        msg = f"`models` must hold at least two, got {list(models)}."
        raise ValueError(msg)
    if reference is None:
        first = next(iter(models))
    else:
        first = reference
    check_choice("reference", first, models)
    values = {
        name: _values(model, image_shape, by, (layers or {}).get(name))
        for name, model in models.items()
    }
    rows = []
    for layer, value in values[first].items():
        for name, others in values.items():
            if name != first:
                gaps = {
                    # Sizes are compared as ratios: 10 is to 20 as 100 is to 200.
                    other: abs(np.log(size / value)) if by == "field_size" else abs(size - value)
                    for other, size in others.items()
                }
                nearest = min(gaps, key=gaps.__getitem__)
                rows.append(
                    {
                        "reference_layer": layer,
                        "reference_value": value,
                        "model": name,
                        "layer": nearest,
                        "value": others[nearest],
                    }
                )
    return pd.DataFrame(rows)


def _values(
    model: FeatureExtractor, image_shape: Sequence[int], by: str, layers: Sequence[str] | None
) -> dict[str, float]:
    wanted = model.wanted_layers(layers if layers is not None else model.layer_names)
    if by == "depth":
        return {layer: index / max(1, len(wanted) - 1) for index, layer in enumerate(wanted)}
    table = model.fields(image_shape, wanted)
    # A field that reaches beyond the image sees no more than the image.
    size = np.minimum(table[["size_y", "size_x"]].max(axis=1), max(image_shape[:2]))
    return size.groupby(table["layer"], sort=False).median().astype(float).to_dict()
