"""Equivariance: how well a linear map carries the responses of a layer along a transformation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..intervals import interval, resampled, widening
from ..per_unit import FLAT, grid_of
from ..responses import by_layer
from ..results import DEFAULT, Definition, Resampling
from .populations import checked_responses, layer_curves

_LEAST_IMAGES = 50  # at 20 the interval holds 0.90 (benchmarks/coverage.py)
_MAPS = ("value", "identity_value", "control")  # learned, none, and learned from exchanged images


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def equivariance(
    responses: xr.DataArray,
    n_components: int = 50,
    n_folds: int = 5,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How well a linear map of responses to an image predicts those to its transformed version.

    The map is a ridge regression onto the transformed responses, between principal components that
    are found, like the penalty, in the training folds only.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    n_components : int
        At most so many, of the responses at the reference.
    n_folds : int
        Of images.
    resampling : Resampling
        A bootstrap of held-out images, widened for what their folds share in training (Nadeau &
        Bengio 2003); undefined below 50 images, of which it holds too rarely.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `value`: variance of held-out images explained by phi(t x) ~ A phi(x) + b, 1 is equivariant;
        `identity_value`: by phi(t x) ~ phi(x), 1 is invariant; `control`: by a map learned from
        responses that were exchanged among the training images. Undefined where the transformed
        responses do not vary.

    Raises
    ------
    ValueError
        If there are fewer images than folds.

    References
    ----------
    Lenc & Vedaldi, "Understanding image representations by measuring their equivariance and
    equivalence", CVPR 2015.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> equivariance(found, n_folds=3).identity_value.sel(shift=0).values.tolist()
    [1.0]
    """
    name, reference = checked_responses(responses)
    grid = grid_of(responses)
    if not 2 <= n_folds <= len(grid) // 2:
        msg = f"`n_folds` must lie between 2 and half of the {len(grid)} images, got {n_folds}."
        raise ValueError(msg)
    rng = np.random.default_rng(resampling.random_state)
    folds = list(KFold(n_folds, shuffle=True, random_state=resampling.random_state).split(grid))
    layers = list(by_layer(responses))
    shape = (len(layers), grid.shape[1])
    values = {key: np.full(shape, np.nan) for key in (*_MAPS, "low", "high")}
    bar = progress_bar(layers, name="Equivariance", unit="layer", progress=progress)
    for row, (_, units) in enumerate(bar):
        here = grid[:, reference, units].astype(float)
        for column in range(grid.shape[1]):
            there = grid[:, column, units].astype(float)
            lost = _lost(here, there, folds, n_components, rng)
            everything = np.arange(len(grid))
            for key in _MAPS:
                values[key][row, column] = _explained(lost, there, key, everything)
            if resampling.n_resamples and len(grid) >= _LEAST_IMAGES:
                draws = resampled(
                    partial(_explained, lost, there, "value"),
                    len(grid),
                    resampling.n_resamples,
                    resampling.random_state,
                )
                bounds = interval(draws, resampling.level)
                middle = values["value"][row, column]
                for end, bound in zip(("low", "high"), bounds, strict=True):
                    values[end][row, column] = middle + widening(n_folds) * (bound - middle)
    definition = Definition(
        "equivariance",
        "held-out variance explained by phi(t x) ~ A phi(x) + b",
        "Lenc & Vedaldi, CVPR 2015",
    )
    extra = {"n_folds": n_folds, "n_components": n_components} | _INTERVALS
    return layer_curves(responses, name, values, definition, resampling, extra)


_INTERVALS = {
    "resampled_over": "images",
    "intervals": "bootstrap of held-out images, widened since folds share training images",
}


def _lost(
    here: np.ndarray,
    there: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    n_components: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Squared error of each held-out image by each map, and by the mean of the training images."""
    lost = {key: np.zeros(len(here)) for key in (*_MAPS, "mean")}
    for train, test in folds:
        learned = _linear_map(here[train], there[train], n_components)
        # The control has the same freedom to fit, and nothing that could be learned.
        exchanged = _linear_map(here[train], there[rng.permutation(train)], n_components)
        guesses = {
            "value": learned(here[test]),
            "identity_value": here[test],
            "control": exchanged(here[test]),
            "mean": there[train].mean(axis=0),
        }
        for key, guess in guesses.items():
            lost[key][test] = ((there[test] - guess) ** 2).sum(axis=1)
    return lost


def _explained(
    lost: dict[str, np.ndarray], there: np.ndarray, key: str, images: np.ndarray
) -> float:
    """Variance of some images that a map explains; undefined where they hardly vary."""
    whole = lost["mean"][images].sum()
    if whole > FLAT**2 * (there**2).sum():
        return float(1 - lost[key][images].sum() / whole)
    return np.nan


def _linear_map(
    here: np.ndarray, there: np.ndarray, n_components: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge regression between principal components; what is learned is learned from these images.

    Where nothing varies it is their mean.
    """
    if any(np.ptp(values, axis=0).max() <= FLAT * np.abs(values).max() for values in (here, there)):
        mean = there.mean(axis=0)
        return lambda responses: np.broadcast_to(mean, (len(responses), len(mean)))
    n_kept = max(1, min(n_components, *here.shape, len(here) - 1))
    # The full solver: the randomised one would make results depend on a seed.
    outputs = PCA(max(1, min(there.shape[0] - 1, there.shape[1])), svd_solver="full").fit(there)
    # Penalties relative to the variance, so that the scale of a layer's responses does not matter.
    penalties = np.logspace(-6, 3, 10) * max(here.var(axis=0).sum(), 1e-12)
    ridge = make_pipeline(PCA(n_kept, svd_solver="full"), RidgeCV(alphas=penalties))
    ridge.fit(here, outputs.transform(there))
    return lambda responses: outputs.inverse_transform(
        ridge.predict(responses).reshape(len(responses), -1)
    )
