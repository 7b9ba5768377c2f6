"""Image gradients of any model, from the pullbacks that its walk yields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Array, device_namespace, to_host
from .batches import LARGEST_BATCH
from .images import Images, to_retina
from .labelled import UnitNumbers
from .maps import Maps

if TYPE_CHECKING:
    from types import ModuleType

    from .layered import BandsPullback, LayeredModel


def gradients_of_units(model: LayeredModel, source: Images, units: UnitNumbers) -> np.ndarray:
    """The gradient of each unit's response with respect to the pixels of each image.

    One pass upward serves the units of all layers.

    Parameters
    ----------
    model : LayeredModel
    source : Images
        Of one size.
    units : mapping from str to sequence of int
        Of each layer, counted through its bands.

    Returns
    -------
    array of shape (n_images, n_units, height, width[, 3]), float32
        Units in the order of `units`.

    Raises
    ------
    TypeError
        If the model's walk yields no pullback for one of these layers.
    """
    xp, found = device_namespace(model.device), []
    for _, batch in source.batches(lambda _: LARGEST_BATCH["cpu"]):
        retina = Maps(to_retina(batch, xp, model.n_channels), traced=True)
        # One backward pass for each unit: gradients of single units are wanted, not of their sum.
        by_layer = {
            layer: [to_host(pullback(_one_hot(bands, int(n), xp))) for n in units[layer]]
            for layer, bands, pullback in _traced(model, retina, units)
        }
        gradients = [gradient for layer in units for gradient in by_layer[layer]]
        found.append(np.stack(gradients, axis=1))
    gradient = np.moveaxis(np.concatenate(found), 2, -1)
    if model.n_channels == 1:
        return gradient[..., 0]
    return gradient


def has_gradients(model: LayeredModel, image_shape: Sequence[int], layer: str) -> bool:
    """Whether units of a layer have gradients with respect to the image; tried on a blank one.

    Parameters
    ----------
    model : LayeredModel
        Fitted, where it must be.
    image_shape : (int, int)
        Height and width of the image, in pixels.
    layer : str

    Returns
    -------
    bool
    """
    xp = device_namespace(model.device)
    blank = xp.zeros((1, model.n_channels, *image_shape[:2]), np.float32)
    for name, _, pullback in model.walk(Maps(blank, traced=True), (layer,)):
        if name == layer:
            return pullback is not None
    return False


def _traced(
    model: LayeredModel, retina: Maps, layers: Collection[str]
) -> Iterator[tuple[str, list[Array], BandsPullback]]:
    """Of each layer its name, the values of its bands, and the way back."""
    left = set(layers)
    for name, bands, pullback in model.walk(retina, layers):
        if name in left and pullback is not None:
            left.remove(name)
            yield name, [maps.values for maps in bands], pullback
        if not left:
            return
    msg = (
        f"{type(model).__name__} has no gradients: its `walk` yields no pullback for "
        f"{', '.join(map(repr, sorted(left)))}. Use a model with pullbacks, such as hmax.HMAX or "
        "cnn.CNN."
    )
    raise TypeError(msg)


def _one_hot(bands: Sequence[Array], number: int, xp: ModuleType) -> list[Array]:
    """Gradients of the bands that are 1 at one unit, for every image, and 0 elsewhere."""
    towards = [xp.zeros(tuple(band.shape), band.dtype) for band in bands]
    # Units are numbered through all bands of the layer.
    for band in towards:
        size = int(np.prod(band.shape[1:]))
        if number < size:
            band.reshape(len(band), -1)[:, number] = 1
            break
        number -= size
    return towards
