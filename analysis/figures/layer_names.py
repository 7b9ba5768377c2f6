"""Names of layers as papers have them: S1, C1 and conv2_1 for s1, c1_active and layer1.0.relu."""

from __future__ import annotations

import re
from collections.abc import Iterable

# HMAX (Riesenhuber & Poggio 1999), LeNet-5 (LeCun et al. 1998), ResNet (He et al. 2016, Table 1).
_STAGE = re.compile(r"([scfv])(\d)([ab]?)")
# Single- and double-opponent (Zhang, Barhomi & Serre 2012).
_OPPONENT = re.compile(r"([sd]o)_([sc]\d)")
_HIDDEN = re.compile(r"hidden(\d+)")
_BLOCK = re.compile(r"layer(\d)\.(\d+)\.relu")


def in_print(layers: Iterable[str]) -> dict[str, str]:
    """The layers of one model, and what a paper calls each.

    Of a layer before and after its nonlinearity the second is called active.

    Parameters
    ----------
    layers : iterable of str

    Returns
    -------
    dict from str to str

    Examples
    --------
    >>> list(in_print(["s1", "c2", "do_c1", "hidden1_active", "layer1.0.relu", "pool1"]).values())
    ['S1', 'C2', 'DO C1', 'hidden 1', 'conv2_1', 'pool1']
    >>> in_print(["c1", "c1_active"])
    {'c1': 'C1', 'c1_active': 'C1 (active)'}
    """
    layers = list(dict.fromkeys(layers))
    names = {}
    for layer in layers:
        before = layer.removesuffix("_active")
        names[layer] = _printed(before)
        if before != layer and before in layers:
            names[layer] += " (active)"
    # No two layers share a name.
    taken = list(names.values())
    return {layer: name if taken.count(name) == 1 else layer for layer, name in names.items()}


def _printed(layer: str) -> str:
    if stage := _STAGE.fullmatch(layer):
        return f"{stage[1].upper()}{stage[2]}{stage[3]}"
    if opponent := _OPPONENT.fullmatch(layer):
        return f"{opponent[1].upper()} {opponent[2].upper()}"
    if hidden := _HIDDEN.fullmatch(layer):
        return f"hidden {hidden[1]}"
    if block := _BLOCK.fullmatch(layer):
        return f"conv{int(block[1]) + 1}_{int(block[2]) + 1}"
    return layer
