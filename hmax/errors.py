"""Prototypes that learn from errors: through C2 and S2, from a linear readout of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.layered import LayeredModel
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import nearest_distance
from hmax_cnn.extraction.progress import progress_bar

from .anatomy import Anatomy
from .cells import window_of_prototypes
from .prototypes import Prototypes
from .stages import places, response_of

_EPOCHS = 20
_BATCH = 16
_RATE = 1e-2  # of the readout; of prototypes it is a share of their own spread
_LARGEST = 2**31  # bytes of C1 that are held


@dataclass
class _Adam:
    """Kingma & Ba, ICLR 2015, of one array.

    `cnn` has all of it for networks, and is beside this package, not below it.
    """

    rate: float
    mean: np.ndarray | float = 0.0
    square: np.ndarray | float = 0.0
    steps: int = 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.steps += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        return -self.rate * mean / (np.sqrt(square) + 1e-8)


@dataclass
class Readout:
    """A linear readout of standardised C2.

    Attributes
    ----------
    centre, spread : array of shape (n_prototypes,)
        Of C2 before anything was learned.
    weights : array of shape (n_prototypes, n_classes)
    offsets : array of shape (n_classes,)
    """

    centre: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.offsets = np.zeros(self.weights.shape[1])

    def loss(
        self, features: np.ndarray, classes: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Mean cross-entropy, and its gradients by features, weights and offsets.

        Parameters
        ----------
        features : array of shape (n_images, n_prototypes)
        classes : integer array of shape (n_images,)

        Returns
        -------
        loss : float
        to_features, to_weights, to_offsets : array
        """
        standard = (features - self.centre) / self.spread
        scores = standard @ self.weights + self.offsets
        scores = scores - scores.max(axis=1, keepdims=True)
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        right = np.arange(len(classes)), classes
        loss = float(-np.log(np.maximum(shares[right], 1e-12)).mean())
        off = shares.copy()
        off[right] -= 1
        off /= len(classes)
        return loss, off @ self.weights.T / self.spread, standard.T @ off, off.sum(axis=0)


def responses(
    c1: Sequence[np.ndarray], patches: Mapping[int, np.ndarray], anatomy: Anatomy
) -> tuple[np.ndarray, list]:
    """C2 of a batch, with the ways back to prototypes.

    Parameters
    ----------
    c1 : sequence of arrays of shape (n_images, n_features, height, width)
        By band.
    patches : mapping from size to array
    anatomy : Anatomy

    Returns
    -------
    features : array of shape (n_images, n_prototypes)
    backs : list of callable
        Of each size, from a gradient of its features to one of its prototypes.
    """
    found, backs = [], []
    for size, own in patches.items():
        window = window_of_prototypes(size, anatomy.partial_windows)
        bands = [m.values for m in places([Maps(b) for b in c1], size, anatomy.partial_windows)]
        distances, _, _, back = nearest_distance(bands, own, window.padding)
        answers, untune = response_of(anatomy, own, min(patches))(distances)
        found.append(answers)
        backs.append(_to_prototypes(back, untune))
    return np.concatenate(found, axis=1), backs


def _to_prototypes(
    back: Callable[[np.ndarray], Any], untune: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """From a gradient of responses to one of the prototypes."""
    return lambda gradient: back(untune(gradient))[1]


def trained(
    start: Prototypes,
    c1: Sequence[Sequence[np.ndarray]],
    labels: np.ndarray,
    anatomy: Anatomy,
    rng: np.random.Generator,
) -> Prototypes:
    """Prototypes that tell classes apart better than those that were imprinted.

    A linear readout and the prototypes learn together, by Adam, from cross-entropy. S1 and C1 stay
    as they are.

    Parameters
    ----------
    start : Prototypes
        Imprinted ones.
    c1 : sequence over images of sequences over bands of arrays (n_features, height, width)
    labels : array of shape (n_images,)
    anatomy : Anatomy
    rng : Generator

    Returns
    -------
    Prototypes
        Without provenance: they are no longer patches of an image.

    """
    classes = np.unique(labels, return_inverse=True)[1]
    patches = {size: own.astype(np.float32) for size, own in start.patches.items()}
    whole = [[band[None] for band in image] for image in c1]
    features = np.concatenate([responses(image, patches, anatomy)[0] for image in whole])
    spread = features.std(axis=0)
    n_classes = int(classes.max()) + 1
    readout = Readout(
        features.mean(axis=0),
        np.where(spread > 0, spread, 1),
        np.zeros((features.shape[1], n_classes)),
    )
    optimisers = {size: _Adam(_RATE * float(own.std())) for size, own in patches.items()}
    of_weights, of_offsets = _Adam(_RATE), _Adam(_RATE)
    with progress_bar(range(_EPOCHS), name="Prototypes from errors", unit="epoch") as epochs:
        for _ in epochs:
            for batch in _batches(c1, rng):
                seen = [np.stack([c1[i][b] for i in batch]) for b in range(len(c1[batch[0]]))]
                answers, backs = responses(seen, patches, anatomy)
                _, to_answers, to_weights, to_offsets = readout.loss(answers, classes[batch])
                readout.weights += of_weights.step(to_weights)
                readout.offsets += of_offsets.step(to_offsets)
                first = 0
                for (size, own), back in zip(list(patches.items()), backs, strict=True):
                    part = to_answers[:, first : first + len(own)].astype(np.float32)
                    step = optimisers[size].step(back(part))
                    patches[size] = (own + step).astype(np.float32)
                    first += len(own)
    return replace(start, patches=patches, provenance=None)


def c1_of(model: LayeredModel, images: Images) -> list[list[np.ndarray]]:
    """C1 of all images, by image and band.

    Parameters
    ----------
    model : LayeredModel
    images : Images

    Returns
    -------
    list over images of lists over bands of arrays (n_features, height, width)
    """
    return [
        [maps.values[offset] for maps in layers["c1"]]
        for _, layers in model.stream(images, ("c1",))
        for offset in range(len(layers["c1"][0].values))
    ]


def _batches(c1: Sequence[Sequence[np.ndarray]], rng: np.random.Generator) -> list[np.ndarray]:
    """Images in random order, those of one shape together."""
    by_shape: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for number in rng.permutation(len(c1)).tolist():
        shapes = tuple(band.shape for band in c1[number])
        by_shape.setdefault(shapes, []).append(number)
    return [
        np.array(members[first : first + _BATCH])
        for members in by_shape.values()
        for first in range(0, len(members), _BATCH)
    ]


def check_errors(anatomy: Anatomy, c1: Sequence[Maps], n_images: int) -> None:
    """Refuse what cannot learn from errors, before any image is looked at.

    Parameters
    ----------
    anatomy : Anatomy
    c1 : sequence of Maps
        Of one image, by band; their shapes count.
    n_images : int

    Raises
    ------
    ValueError
        If C1 of so many images does not fit into memory, or Gaussians widen with the norm.
    """
    n_bytes = 4 * n_images * sum(int(np.prod(maps.shape)) for maps in c1)
    if n_bytes > _LARGEST:
        msg = (
            f"`learning` 'errors' holds C1 of all images, {n_bytes / 2**30:.1f} GiB, more than "
            f"{_LARGEST // 2**30}. Use fewer or smaller images."
        )
        raise ValueError(msg)
    if anatomy.tuning == "gaussian_by_norm" or anatomy.is_sparse:
        msg = (
            "`learning` 'errors' moves whole prototypes under Gaussians of a fixed width: it needs "
            f"is_sparse=False and another `tuning` than 'gaussian_by_norm', got {anatomy.is_sparse}"
            f" and {anatomy.tuning!r}."
        )
        raise ValueError(msg)
