"""Losses: how wrong scores of classes are, and the gradient that says which way is better."""

from __future__ import annotations

from collections.abc import Callable

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.operations import sigmoid, softplus

Loss = Callable[[Array, Array], tuple[float, Array]]


def softmax(scores: Array) -> Array:
    """Probabilities from scores of shape (n_images, n_classes): exp(s) over its sum."""
    xp = namespace(scores)
    powers = xp.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def softmax_loss(scores: Array, classes: Array) -> tuple[float, Array]:
    """Cross-entropy of the softmax: minus the mean log probability of the right class.

    Parameters
    ----------
    scores : array of shape (n_images, n_classes)
    classes : array of int of shape (n_images,)
        The right ones.

    Returns
    -------
    loss : float
        Mean over images.
    gradient : array with the shape of `scores`
    """
    xp = namespace(scores)
    above = scores - scores.max(axis=1, keepdims=True)
    powers = xp.exp(above)
    total = powers.sum(axis=1, keepdims=True)
    right = _right(scores, classes)
    losses = xp.log(total) - (above * right).sum(axis=1, keepdims=True)
    return float(losses.mean()), (powers / total - right) / len(scores)


def logistic_loss(scores: Array, classes: Array) -> tuple[float, Array]:
    """Sum over classes of the cross-entropy of 'this class or not', mean over images.

    Parameters and Returns are those of `softmax_loss`.
    """
    right = _right(scores, classes)
    losses = softplus(scores)[0] - scores * right
    return float(losses.sum(axis=1).mean()), (sigmoid(scores)[0] - right) / len(scores)


def squared_loss(scores: Array, classes: Array) -> tuple[float, Array]:
    """Half the squared distance of the scores to 1 for the right class and -1 for others.

    The mean over images.

    Parameters and Returns are those of `softmax_loss`.
    """
    away = scores - (2 * _right(scores, classes) - 1)
    return float((away * away).sum(axis=1).mean() / 2), away / len(scores)


def _right(scores: Array, classes: Array) -> Array:
    """1 for the right class of each image, else 0."""
    return (namespace(scores).arange(scores.shape[1]) == classes[:, None]).astype(scores.dtype)


LOSSES: dict[str, Loss] = {
    "softmax": softmax_loss,
    "logistic": logistic_loss,
    "squared": squared_loss,
}
