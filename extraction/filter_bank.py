"""FilterBank: classical image filters as features, a baseline between pixels and simple cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, final

import numpy as np

from .arrays import Array, namespace
from .extractor import FeatureExtractor
from .fields import Window
from .images import Images
from .layered import BandsPullback
from .maps import Maps
from .operations import correlate

_SOBEL = np.outer((1, 2, 1), (-1, 0, 1)) / 8  # right minus left, per pixel
_LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)


@final
class FilterBank(FeatureExtractor):
    """Mean, Gaussian, Sobel (strength and direction) and Laplace filters on a grid.

    Parameters
    ----------
    size : int
        Side of the mean and of the Gaussian window, in pixels; odd.
    sigma : float
        Of the Gaussian, in pixels.
    step : int
        Distance between windows, in pixels.
    layer, image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`; the only layer is 'filters', its bands are 'mean', 'gaussian',
        'sobel' and 'laplace'.

    Examples
    --------
    >>> slope = np.tile(np.arange(5.0), (1, 5, 1))
    >>> FilterBank(size=5, step=5).transform(slope).round(3)
    array([[2., 2., 1., 0., 0.]], dtype=float32)
    """

    layer_names = ("filters",)

    def __init__(
        self,
        size: int = 5,
        sigma: float = 1.0,
        step: int = 2,
        *,
        layer: str | Sequence[str] = "filters",
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.size = size
        self.sigma = sigma
        self.step = step
        self.layer = layer
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def learn(self, images: Images, labels: Any) -> None:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        images : Images
        labels : object
            Ignored.
        """
        self.geometry(images[0].shape, self.layer_names)

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback]]:
        """Correlate with every filter; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable)
        """
        xp, values = namespace(retina.values), retina.values
        # Of each image: what is small against it is rounding.
        largest = xp.abs(values).max(axis=(1, 2, 3))[:, None, None]
        bands, backs = [], []
        for name, weights in self._filters().items():
            filters = xp.asarray(weights, values.dtype)[:, None]
            matches, to_values = correlate(values, filters, self.step)
            names, back = [name], _to_values(to_values)
            # Two slopes become a strength and a direction, which is what a text-book shows.
            if name == "sobel":
                matches, back = _polar(matches, back, largest)
                names = ["strength", "direction"]
            field = retina.field.through(Window(weights.shape[-1], self.step))
            bands.append(Maps(matches, field, name, names, n_parameters=weights.size))
            backs.append(back)

        def pullback(gradients: Sequence[Array]) -> Array:
            return sum(back(gradient) for back, gradient in zip(backs, gradients, strict=True))

        yield "filters", bands, pullback

    def first_filters(self) -> dict[str, np.ndarray]:
        """The classical filters, by name."""
        return self._filters()

    def _filters(self) -> dict[str, np.ndarray]:
        if (
            isinstance(self.size, bool)
            or not isinstance(self.size, int | np.integer)
            or self.size < 1
            or self.size % 2 == 0
            or not self.sigma > 0
        ):
            msg = (
                f"`size` must be an odd number of pixels and `sigma` positive, got {self.size!r} "
                f"and {self.sigma!r}."
            )
            raise ValueError(msg)
        offsets = np.arange(self.size) - self.size // 2
        bell = np.exp(-(offsets**2) / (2 * self.sigma**2))
        bell /= bell.sum()
        square = np.full((self.size, self.size), 1 / self.size**2)
        return {
            "mean": square[None],
            "gaussian": np.outer(bell, bell)[None],
            "sobel": np.stack([_SOBEL, -_SOBEL.T]),
            "laplace": _LAPLACE[None],
        }


def _to_values(pullback: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """The pullback to the map alone, without the weights."""
    return lambda gradient: pullback(gradient)[0]


def _polar(
    slopes: Array, pullback: Callable[[Array], Any], largest: Array
) -> tuple[Array, Callable[[Array], Array]]:
    """Strength and direction of the slope.

    In pixel values per pixel, and in degrees counterclockwise of where it rises.

    A slope along an axis below a millionth of the image's largest value is rounding and counts as
    0, so that an even image has no direction.
    """
    xp = namespace(slopes)
    # Where there is no slope but rounding, the direction would be noise.
    slopes = xp.where(xp.abs(slopes) > 1e-6 * largest[:, None], slopes, 0)
    right, up = slopes[:, 0], slopes[:, 1]
    strength = xp.hypot(right, up)
    degrees = slopes.dtype.type(180 / np.pi)

    def back(gradient: Array) -> Array:
        # The direction of no slope is constant: its gradient is zero.
        safe = xp.where(strength > 0, strength, 1)
        to_strength, to_direction = gradient[:, 0] / safe, gradient[:, 1] * degrees / safe**2
        both = xp.stack(
            [to_strength * right - to_direction * up, to_strength * up + to_direction * right],
            axis=1,
        )
        return pullback(both.astype(slopes.dtype))

    return xp.stack([strength, xp.arctan2(up, right) * degrees], axis=1), back
