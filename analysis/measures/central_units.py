"""Which units receptive fields are taken of: those in the middle of the image, or as named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.labelled import UnitNumbers

from ..responses import CENTRE, choose_units


def units_of(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    units: int | UnitNumbers,
    layers: Sequence[str] | None,
) -> dict[str, np.ndarray]:
    """Units by layer, from the lowest layer up.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
        In pixels.
    units : int or mapping
        How many of each layer, or indices by layer.
    layers : sequence of str or None
        With a number of units: of which layers.

    Returns
    -------
    dict
        Indices of units by layer.

    Raises
    ------
    ValueError
        If `units` is neither a positive number nor a mapping.
    """
    if isinstance(units, Mapping):
        return choose_units(model, image_shape, units=units)
    # True is an int to Python, and no number of units.
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
    """A few units of each layer with receptive fields in the middle of the image.

    They are taken from all bands in turn.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
        In pixels.
    layers : sequence of str or None
        All that have receptive fields where None.
    n_units : int
        Of each layer, at most.
    random_state : int

    Returns
    -------
    dict
        Indices of units by layer.
    """
    rng = np.random.default_rng(random_state)
    wanted = model.wanted_layers(layers if layers is not None else model.layer_names)
    geometry = model.geometry(image_shape, wanted)
    chosen = {}
    for layer, found in choose_units(model, image_shape, layers, CENTRE).items():
        bands = np.concatenate(
            [np.full(maps.shape[0], index) for index, maps in enumerate(geometry[layer])]
        )
        # Shuffled within each band, then one of each band in turn: `turn` is how many units of its
        # band come before a unit, and ties between bands are broken at random.
        order = rng.permutation(len(found))
        shuffled = order[np.argsort(bands[order], kind="stable")]
        turn = np.concatenate([np.arange((bands == band).sum()) for band in range(bands.max() + 1)])
        in_turn = np.lexsort((rng.random(len(turn)), turn))
        chosen[layer] = np.sort(found[shuffled[in_turn][:n_units]])
    return chosen
