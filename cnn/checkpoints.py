"""Checkpoints: a training under way in a file, from which the same training goes on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from hmax_cnn.extraction.arrays import to_host

from .training import State
from .weights import read_about, read_tensors, write_tensors

_BEST = "best "  # before the names of the best weights in a checkpoint


def write_checkpoint(path: str | os.PathLike[str], state: State, about: Mapping[str, Any]) -> None:
    """All of a state into a safetensors file, whole or not at all.

    `about` tells what training it belongs to.
    """
    arrays = (
        state.weights | state.memory | {_BEST + name: array for name, array in state.best.items()}
    )
    write_tensors(
        path,
        {name: to_host(array) for name, array in arrays.items()},
        {"state": state.about(), "training": dict(about)},
    )


def read_checkpoint(
    path: str | os.PathLike[str], fresh: State, about: Mapping[str, Any], xp: ModuleType
) -> State:
    """The state in a checkpoint, if it belongs to this training.

    Raises
    ------
    ValueError
        If it belongs to another: what differs is named.
    """
    header = read_about(path)
    belongs, kept = header.get("training", {}), header.get("state", {})
    differs = [
        # As JSON gives it back: tuples become lists.
        name
        for name, value in json.loads(json.dumps(about)).items()
        if belongs.get(name) != value
    ]
    # Weights and the optimiser's memory: without the latter the numbers would differ from those of
    # a training that was never interrupted.
    arrays = read_tensors(path)
    expected: Sequence[str] = [*fresh.weights, *fresh.memory]
    if differs or not kept or not set(expected) <= set(arrays):
        if differs:
            what = f"its {differs[0]} is {belongs.get(differs[0])!r}, not {about[differs[0]]!r}"
        else:
            what = "it lacks weights of this network"
        msg = (
            f"The checkpoint {Path(path)} belongs to another training: {what}. Remove it, or "
            "choose another `checkpoint`."
        )
        raise ValueError(msg)
    if kept["best_loss"] is None:
        best_loss = math.inf
    else:
        best_loss = kept["best_loss"]
    return State(
        **(kept | {"best_loss": best_loss}),
        weights={name: xp.asarray(arrays[name]) for name in fresh.weights},
        memory={name: xp.asarray(arrays[name]) for name in fresh.memory},
        best={
            name: xp.asarray(arrays[_BEST + name])
            for name in fresh.weights
            if _BEST + name in arrays
        },
    )
