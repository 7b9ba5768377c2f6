"""Dense connections: every unit sees every input."""

from __future__ import annotations

from ..arrays import Array, namespace
from ..parallel import each, shares
from .windows import Pullback


def dense(values: Array, weights: Array, to_values: bool = True) -> tuple[Array, Pullback]:
    """Dot products of all of each image's values with weights.

    Parameters
    ----------
    values : array of shape (n_images, ...)
        Flattened in C order.
    weights : array of shape (n_units, n_values)
    to_values : bool
        False where nobody asks for the gradient of `values`: the pullback then gives None in its
        place.

    Returns
    -------
    sums : array of shape (n_images, n_units)
    pullback : callable
        Carries a gradient with the shape of `sums` back to `(values, weights)`.

    Raises
    ------
    ValueError
        If the weights are for another number of values.
    """
    xp, n_values = namespace(values), weights.shape[1]
    # A walk without images still tells shapes.
    if len(values):
        flat = values.reshape(len(values), -1)
    else:
        flat = values.reshape(0, n_values)
    if flat.shape[1] != n_values:
        msg = (
            f"`weights` must be for the {flat.shape[1]} values of each image, got shape "
            f"{weights.shape}."
        )
        raise ValueError(msg)
    # Units are shared out among the workers: weights are by far the largest array.
    sums = xp.empty((len(flat), len(weights)), xp.result_type(values, weights))

    def fill(units: slice) -> None:
        sums[:, units] = flat @ weights[units].T

    each(fill, shares(len(weights), at_least=64))

    def pullback(gradient: Array) -> tuple[Array | None, Array]:
        to_weights = xp.empty(weights.shape, sums.dtype)

        def learn(units: slice) -> None:
            xp.matmul(gradient[:, units].T, flat, out=to_weights[units])

        each(learn, shares(len(weights), at_least=64))
        return (gradient @ weights).reshape(values.shape) if to_values else None, to_weights

    return sums, pullback
