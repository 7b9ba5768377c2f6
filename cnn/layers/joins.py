"""Layers that only rearrange: flatten, add, concatenate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from hmax_cnn.extraction import Field, Maps, join
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import Array, namespace

from .layer import Gradients, Layer, Mode, Output, plain


@final
@dataclass(frozen=True)
class Flatten(Layer):
    """All values of an image as features of a single place."""

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        values = inputs[0].values
        flat = values.reshape(len(values), int(np.prod(values.shape[1:])), 1, 1)
        return plain(
            flat, Field.whole(*mode.image_shape), lambda gradient: gradient.reshape(values.shape)
        )


@final
@dataclass(frozen=True)
class Add(Layer):
    """The sum of several maps of one shape."""

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        if len({maps.shape for maps in inputs}) > 1:
            msg = (
                "The maps to add must have one shape, got "
                f"{', '.join(str(maps.shape) for maps in inputs)}."
            )
            raise ValueError(msg)
        total = ops.add([maps.values for maps in inputs])
        maps = Maps(total, join(maps.field for maps in inputs))
        return Output(maps, lambda gradient: ([gradient] * len(inputs), {}))


@final
@dataclass(frozen=True)
class Concatenate(Layer):
    """The features of several maps, one after the other."""

    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and the way back; see `Layer.run`."""
        if len({maps.shape[1:] for maps in inputs}) > 1:
            msg = (
                "The maps to concatenate must have one height and width, got "
                f"{', '.join(str(maps.shape) for maps in inputs)}."
            )
            raise ValueError(msg)
        xp = namespace(inputs[0].values)
        edges = np.cumsum([0, *(maps.shape[0] for maps in inputs)])

        def pullback(gradient: Array) -> Gradients:
            return [gradient[:, first:last] for first, last in pairwise(edges)], {}

        # The gradient is cut where the values were put together.
        values = xp.concatenate([maps.values for maps in inputs], axis=1)
        return Output(Maps(values, join(maps.field for maps in inputs)), pullback)
