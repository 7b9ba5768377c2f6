"""What every layer is: settings, never weights; and what its weights look like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hmax_cnn.extraction import Field, Maps
from hmax_cnn.extraction.arrays import Array

Shape = tuple[int, int, int]  # features, rows, columns
Gradients = tuple[
    Sequence[Array | None], dict[str, Array]
]  # of the inputs, and of the weights by name
LayerPullback = Callable[[Array], Gradients]
STARTS = ("he", "glorot", "lecun")


@dataclass(frozen=True)
class Weight:
    """What a layer's weights look like, and what they start from.

    Attributes
    ----------
    shape : tuple of int
    start : {'he', 'glorot', 'lecun', 'signs'}, float or None
        'he': normal, variance 2 / fan_in; 'glorot': uniform, variance 2 / (fan_in + fan_out);
        'lecun': normal, variance 1 / fan_in; 'signs': -1 or 1; a number: normal, of this standard
        deviation; None: all are `fill`.
    fan_in, fan_out : int
        How many values a unit reads, and how many units read a value.
    fill : float
        Where all start alike.
    learned : bool
        Whether training moves them; False for running statistics and fixed codes.

    References
    ----------
    He et al., ICCV 2015, equation 10. Glorot & Bengio, AISTATS 2010, equation 16. LeCun et al.,
    "Efficient BackProp", 1998, equation 16.
    """

    shape: tuple[int, ...]
    start: str | float | None = None
    fan_in: int = 1
    fan_out: int = 1
    fill: float = 0.0
    learned: bool = True

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Weights to start from, float32.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        array of float32, of the weight's shape
        """
        if self.start is None:
            return np.full(self.shape, self.fill, np.float32)
        if self.start == "signs":
            return rng.choice(np.array([-1, 1], np.float32), self.shape)
        if self.start == "glorot":
            reach = np.float32(np.sqrt(6 / (self.fan_in + self.fan_out)))
            # Uniform, as Glorot & Bengio have it, in single precision: no array of doubles is
            # drawn.
            return (2 * rng.random(self.shape, np.float32) - 1) * reach
        # He et al. 2015 (rectified units) and LeCun et al. 1998.
        deviation = {"he": np.sqrt(2 / self.fan_in), "lecun": np.sqrt(1 / self.fan_in)}.get(
            str(self.start), self.start
        )
        return rng.standard_normal(self.shape, np.float32) * np.float32(deviation)


@dataclass(frozen=True)
class Mode:
    """How a network runs.

    Attributes
    ----------
    image_shape : (int, int)
        Of the images, in pixels.
    training : bool
        Batch normalisation measures its batch, and dropout drops.
    seed : tuple of int
        Of dropout.
    to_inputs : bool
        Whether the gradient of a layer's inputs is asked for.
    """

    image_shape: tuple[int, int]
    training: bool = False
    seed: tuple[int, ...] = (0,)
    to_inputs: bool = True


@dataclass(frozen=True)
class Output:
    """What a layer makes of its inputs.

    Attributes
    ----------
    maps : Maps
    pullback : callable
        Carries a gradient on the maps back to inputs and weights.
    statistics : mapping from str to array
        Running statistics of batch normalisation, moved on by this batch, by name.
    """

    maps: Maps
    pullback: LayerPullback
    statistics: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer(ABC):
    """What a node of a network does with the maps of its inputs."""

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights that it needs for inputs of these shapes, by name.

        Parameters
        ----------
        *inputs : (int, int, int)
            Features, rows and columns of each map that is read.

        Returns
        -------
        dict from str to Weight
        """
        return {}

    @abstractmethod
    def run(self, inputs: Sequence[Maps], weights: Mapping[str, Array], mode: Mode) -> Output:
        """Its maps, and what carries a gradient on them back to inputs and weights.

        Parameters
        ----------
        inputs : sequence of Maps
        weights : mapping from str to array
        mode : Mode

        Returns
        -------
        Output
        """


def plain(
    value: Array, seen: Field, pullback: Callable[[Array], Array], n_multiply_adds: int = 0
) -> Output:
    """The answer of a layer with one input and no weights."""
    maps = Maps(value, seen, n_multiply_adds=n_multiply_adds)
    return Output(maps, lambda gradient: ([pullback(gradient)], {}))


def checked_start(start: str | float) -> None:
    """Refuse what weights cannot start from."""
    if start not in STARTS and not (isinstance(start, int | float) and start >= 0):
        msg = (
            f"`initial` must be one of {', '.join(map(repr, STARTS))} or a standard deviation, "
            f"got {start!r}."
        )
        raise ValueError(msg)
