"""Fewer numbers for each image than a layer has units, where all of them are too many to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.decomposition import IncrementalPCA
from sklearn.random_projection import SparseRandomProjection

from .parallel import one_blas_thread

UNITS, PROJECTION, PCA, MEAN, PYRAMID = "units", "projection", "pca", "mean", "pyramid"
REDUCTIONS = {
    f"{UNITS}:N": "N units, drawn without replacement",
    f"{PROJECTION}:N": "N sums of units with random weights",
    f"{PCA}:N": "N principal components of the training images",
    MEAN: "the mean of each map over its positions",
    f"{PYRAMID}:N": "means over 1, 2 x 2, 4 x 4 ... parts of each map, N levels",
}
_LARGEST = 6  # levels of a pyramid: the last has 1,024 parts
# Rows are multiplied so many at a time, the last ones filled up with zeros: a product's last bits
# depend on how many rows it has.
_ROWS = 64

Apply = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Reduction:
    """How rows of features are made shorter.

    Attributes
    ----------
    kind : {'units', 'projection', 'pca', 'mean', 'pyramid'}
    size : int
        Units, sums, components or levels; 0 where there is no number.
    seed : int
        Of what is drawn.

    References
    ----------
    Sparse random projection: Li, Hastie & Church, "Very sparse random projections", KDD 2006, by
    scikit-learn. Incremental PCA: Ross et al., IJCV 2008, by scikit-learn. Spatial pyramid:
    Lazebnik, Schmid & Ponce, CVPR 2006, with means in place of counts.

    Examples
    --------
    >>> Reduction.parsed("units:1000:7")
    Reduction(kind='units', size=1000, seed=7)
    """

    kind: str
    size: int = 0
    seed: int = 0

    @classmethod
    def parsed(cls, text: str) -> Reduction:
        """From text such as 'mean', 'pca:100', 'units:1000' or, with a seed, 'units:1000:7'.

        Parameters
        ----------
        text : str

        Returns
        -------
        Reduction

        Raises
        ------
        ValueError
            If there is no such reduction.
        """
        kind, *numbers = text.split(":")
        most = {MEAN: 0, PYRAMID: 1, PCA: 1, UNITS: 2, PROJECTION: 2}.get(kind, -1)
        is_plain = all(one.isascii() and one.isdecimal() and len(one) < 10 for one in numbers)
        if is_plain and min(most, 1) <= len(numbers) <= most:
            found = cls(kind, *map(int, numbers))
            if found.size > 0 or kind == MEAN:
                if kind == PYRAMID and found.size > _LARGEST:
                    msg = f"`reduce` must have at most {_LARGEST} levels, got {text!r}."
                    raise ValueError(msg)
                return found
        msg = (
            f"`reduce` must be one of {', '.join(REDUCTIONS)} (N above 0; a seed may follow what "
            f"is drawn, such as units:1000:7), got {text!r}."
        )
        raise ValueError(msg)

    @property
    def learns(self) -> bool:
        """Whether it learns from training images."""
        return self.kind == PCA

    def fitted(
        self, units: pd.DataFrame, training: Callable[[int], Iterable[np.ndarray]]
    ) -> FittedReduction:
        """Ready for rows of these units.

        Parameters
        ----------
        units : pandas.DataFrame
            As `FeatureExtractor.units` gives it.
        training : callable
            Gives rows of training images, so many at a time; called only where `learns`.

        Returns
        -------
        FittedReduction

        Raises
        ------
        ValueError
            If there are not more units than asked for, or too few training images.
        """
        n_units = len(units)
        if self.kind in (UNITS, PROJECTION, PCA) and self.size >= n_units:
            msg = f"`reduce` must keep fewer than the {n_units} units there are, got {self.size}."
            raise ValueError(msg)
        if self.kind == UNITS:
            rng = np.random.default_rng(self.seed)
            chosen = np.sort(rng.choice(n_units, self.size, replace=False))
            return FittedReduction(units.iloc[chosen].reset_index(drop=True), _Columns(chosen))
        if self.kind == PROJECTION:
            drawn = SparseRandomProjection(self.size, random_state=self.seed)
            drawn.fit(np.zeros((1, n_units), np.float32))
            names = _numbered(PROJECTION, self.size, units)
            return FittedReduction(names, _Sums(csr_matrix(drawn.components_, dtype=np.float32)))
        if self.kind == PCA:
            return self._principal_components(units, training)
        table, weights = _means(units, 1 if self.kind == MEAN else self.size)
        return FittedReduction(table, _Sums(weights))

    def _principal_components(
        self, units: pd.DataFrame, training: Callable[[int], Iterable[np.ndarray]]
    ) -> FittedReduction:
        found = IncrementalPCA(self.size)
        n_seen, rest = 0, np.empty((0, len(units)), np.float32)
        # Of one thread: the last bits of a decomposition depend on their number.
        with one_blas_thread:
            for rows in training(max(self.size, _ROWS)):
                rest, n_seen = np.concatenate([rest, rows]), n_seen + len(rows)
                # A step takes at least as many images as there are components.
                if len(rest) >= 2 * self.size:
                    found.partial_fit(rest[: -self.size])
                    rest = rest[-self.size :]
            if n_seen < self.size:
                msg = (
                    f"`reduce` pca:{self.size} needs at least as many training images, got "
                    f"{n_seen}."
                )
                raise ValueError(msg)
            found.partial_fit(rest)
        table = _numbered(PCA, self.size, units)
        table["explained_variance_ratio"] = found.explained_variance_ratio_
        return FittedReduction(table, _Components(found.components_, found.mean_))


@dataclass(frozen=True, eq=False)
class FittedReduction:
    """A reduction for rows of certain units.

    Attributes
    ----------
    units : pandas.DataFrame
        What is known of each number that is left.
    apply : callable
        From rows of shape (n_images, n_units) to shorter ones.
    """

    units: pd.DataFrame
    apply: Apply

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Shorter rows, float32; each the same whatever other rows are there."""
        return self.apply(rows)


@dataclass(frozen=True, eq=False)
class _Columns:
    chosen: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, self.chosen]


@dataclass(frozen=True, eq=False)
class _Sums:
    weights: csr_matrix  # (n_sums, n_units)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray((self.weights @ rows.T).T, np.float32)


@dataclass(frozen=True, eq=False)
class _Components:
    components: np.ndarray  # (n_components, n_units)
    mean: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        found = np.empty((len(rows), len(self.components)), np.float32)
        block = np.zeros((_ROWS, rows.shape[1]), self.mean.dtype)
        with one_blas_thread:
            for first in range(0, len(rows), _ROWS):
                some = rows[first : first + _ROWS]
                block[: len(some)] = some - self.mean
                found[first : first + _ROWS] = (block @ self.components.T)[: len(some)]
        return found


def _numbered(kind: str, size: int, units: pd.DataFrame) -> pd.DataFrame:
    """Units that stand for no place and no feature."""
    width = len(str(size - 1))
    layers = "+".join(dict.fromkeys(units["layer"]))
    return pd.DataFrame({"unit": [f"{kind}_{i:0{width}d}" for i in range(size)], "layer": layers})


def _means(units: pd.DataFrame, n_levels: int) -> tuple[pd.DataFrame, csr_matrix]:
    """What is known of means over parts of each map, and the weights that take them."""
    tables, blocks, n_sums = [], [], 0
    for (layer, band), of_band in units.groupby(["layer", "band"], sort=False):
        stem = "_".join(filter(None, (str(layer), str(band))))
        for level in range(n_levels):
            parts = 2**level
            cells = [_cells(of_band[axis], parts) for axis in ("y", "x")]
            if any(cell is None for cell in cells):
                break  # the maps have no more positions than that
            keys = pd.DataFrame({"feature": of_band["feature"], "cy": cells[0], "cx": cells[1]})
            groups = keys.groupby(["feature", "cy", "cx"], sort=False)
            number = groups.ngroup().to_numpy()
            weights = 1 / groups["cy"].transform("size").to_numpy()
            blocks.append((number + n_sums, of_band.index.to_numpy(), weights))
            tables.append(_of_groups(of_band, number, keys, stem, level))
            n_sums += len(tables[-1])
    rows, columns, weights = (np.concatenate(one) for one in zip(*blocks, strict=True))
    shape = (n_sums, len(units))
    table = pd.concat(tables, ignore_index=True)
    return table, csr_matrix((weights.astype(np.float32), (rows, columns)), shape)


def _cells(centres: pd.Series, parts: int) -> np.ndarray | None:
    """Which part of a map each unit lies in; None if there are fewer positions than parts."""
    places, rank = np.unique(centres, return_inverse=True)
    if len(places) < parts:
        return None
    return rank * parts // len(places)


def _of_groups(
    units: pd.DataFrame, number: np.ndarray, keys: pd.DataFrame, stem: str, level: int
) -> pd.DataFrame:
    groups = units.groupby(number)
    found: Any = groups.first()
    extent = (groups[["y", "x"]].max() - groups[["y", "x"]].min()).max(axis=1)
    found[["y", "x"]] = (groups[["y", "x"]].max() + groups[["y", "x"]].min()) / 2
    found["field_size"] += extent
    places = keys.groupby(number).first()
    suffix = "mean" if not level else f"level{level}"
    found["unit"] = [
        f"{stem}_{feature}_{suffix}" + (f"_y{y}_x{x}" if level else "")
        for feature, y, x in zip(places["feature"], places["cy"], places["cx"], strict=True)
    ]
    return found.reset_index(drop=True)
