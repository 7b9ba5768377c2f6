"""FilterBank: classical image filters as features, a baseline between pixels and simple cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, final

import numpy as np

from extraction.arrays import Array, namespace
from extraction.extractor import FeatureExtractor
from extraction.fields import Window
from extraction.images import Images
from extraction.maps import Maps
from extraction.operations import correlate

_SOBEL = np.outer((1, 2, 1), (-1, 0, 1)) / 8  # right minus left, per pixel
_LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)


@final
class FilterBank(FeatureExtractor):
    """Mean, Gaussian, Sobel (strength and direction) and Laplace filters on a grid of whole windows.

    Parameters
    ----------
    size : int
        Side of the mean and of the Gaussian window, in pixels; odd.
    sigma : float
        Of the Gaussian, in pixels.
    step : int
        Distance between windows, in pixels.
    layer, image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`; the only layer is 'filters', its bands are 'mean', 'gaussian', 'sobel' and 'laplace'.

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

    def _learn(self, images: Images, labels: Any) -> None:
        self._geometry(images[0].shape, self.layer_names)

    def _forward(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, list[Maps]]]:
        filters, bands = self._filters(), []
        for (name, weights), (values, _) in zip(filters.items(), self._answers(retina, filters), strict=True):
            field = retina.field.through(Window(weights.shape[-1], self.step))
            names = ["strength", "direction"] if name == "sobel" else [name]
            bands.append(Maps(values, field, name, names, n_parameters=weights.size))
        yield "filters", bands

    def _traced(self, retina: Maps, layer: str) -> tuple[list[Array], Callable[[Sequence[Array]], Array]]:
        answers = self._answers(retina, self._filters())
        return [values for values, _ in answers], lambda gradients: sum(back(g) for (_, back), g in zip(answers, gradients, strict=True))

    def _answers(self, retina: Maps, filters: dict[str, np.ndarray]) -> list[tuple[Array, Callable[[Array], Array]]]:
        """Values of every band, and what carries a gradient on them back to the retina."""
        xp, answers = namespace(retina.values), []
        for name, weights in filters.items():
            matches, pullback = correlate(retina.values, xp.asarray(weights, retina.values.dtype)[:, None], self.step)
            largest = xp.abs(retina.values).max(axis=(1, 2, 3), initial=0)[:, None, None]
            answers.append(_polar(matches, pullback, largest) if name == "sobel" else (matches, _to_values(pullback)))
        return answers

    def first_filters(self) -> dict[str, np.ndarray]:
        """The classical filters, by name."""
        return self._filters()

    def _filters(self) -> dict[str, np.ndarray]:
        if isinstance(self.size, bool) or not isinstance(self.size, int | np.integer) or self.size < 1 or self.size % 2 == 0 or not self.sigma > 0:
            msg = f"`size` must be an odd number of pixels and `sigma` positive, got {self.size!r} and {self.sigma!r}."
            raise ValueError(msg)
        offsets = np.arange(self.size) - self.size // 2
        bell = np.exp(-(offsets**2) / (2 * self.sigma**2))
        bell /= bell.sum()
        square = np.full((self.size, self.size), 1 / self.size**2)
        return {"mean": square[None], "gaussian": np.outer(bell, bell)[None], "sobel": np.stack([_SOBEL, -_SOBEL.T]), "laplace": _LAPLACE[None]}


def _to_values(pullback: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """The pullback to the map alone, without the weights."""
    return lambda gradient: pullback(gradient)[0]


def _polar(slopes: Array, pullback: Callable[[Array], Any], largest: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Strength of the slope, in pixel values per pixel, and direction in which it rises, in degrees counterclockwise.

    A slope along an axis below a millionth of the image's largest value is rounding and counts as 0, so that an even image has no direction.
    """
    xp = namespace(slopes)
    slopes = xp.where(xp.abs(slopes) > 1e-6 * largest[:, None], slopes, 0)
    right, up = slopes[:, 0], slopes[:, 1]
    strength = xp.hypot(right, up)
    degrees = slopes.dtype.type(180 / np.pi)

    def back(gradient: Array) -> Array:
        safe = xp.where(strength > 0, strength, 1)
        to_strength, to_direction = gradient[:, 0] / safe, gradient[:, 1] * degrees / safe**2
        both = xp.stack([to_strength * right - to_direction * up, to_strength * up + to_direction * right], axis=1)
        return pullback(both.astype(slopes.dtype))[0]

    return xp.stack([strength, xp.arctan2(up, right) * degrees], axis=1), back
