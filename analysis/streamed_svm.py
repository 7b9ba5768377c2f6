"""A linear SVM of features that need not fit into memory: passes over a store, batch by batch.

The problem is that of scikit-learn's LinearSVC, one class against the rest with squared hinge loss,
which is smooth: L-BFGS solves it with one pass for each step, to the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from scipy.optimize import minimize

from hmax_cnn.extraction.progress import progress_bar

from .folds import stratified
from .linear_svm import C_GRID

_BATCH, _BATCH_BYTES = 4096, 2**26  # rows at once, and bytes of them in double precision
_IN_MEMORY = 2**30  # bytes of rows that are kept rather than read in every pass
_MOST_STEPS = 200


class Rows(Protocol):
    """Features that are read by number, such as `StoredFeatures`."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of images and of units."""

    def batches(self, size: int, images: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and the numbers of their images."""


class StreamedSVM:
    """A linear SVM on standardised features, C chosen by a fifth of the training images.

    Parameters
    ----------
    c_grid : sequence of float
        In rising order.
    seed : int
        Of the fifth.
    progress : bool or None

    Attributes
    ----------
    best_c_ : float
    classes_ : array of shape (n_classes,)
    coef_ : array of shape (n_classes or 1, n_units)
        Of standardised features.
    intercept_ : array of shape (n_classes or 1,)
    """

    def __init__(
        self, c_grid: Sequence[float] = C_GRID, seed: int = 0, progress: bool | None = None
    ) -> None:
        self.c_grid, self.seed, self.progress = c_grid, seed, progress

    def fit(self, features: Rows, labels: np.ndarray, numbers: np.ndarray) -> StreamedSVM:
        """Choose C inside some images, then learn from all of them.

        Parameters
        ----------
        features : Rows
        labels : array of shape (n_images,)
            Of all images.
        numbers : integer array
            Of the training images.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are fewer than two classes, or a class has fewer than five training images.
        """
        self.classes_ = np.unique(labels[numbers])
        if len(self.classes_) < 2:
            only = str(self.classes_[0])
            msg = f"An SVM tells classes apart, and all training images are {only!r}."
            raise ValueError(msg)
        codes = np.searchsorted(self.classes_, labels)
        inner, held_out = stratified(labels[numbers], 5, self.seed)[0]
        weights = np.zeros((features.shape[1] + 1, self._n_problems))
        accuracy = []
        problem = _Problem(features, codes, numbers[inner], self._n_problems)
        test = problem.others(numbers[held_out])
        bar = progress_bar(
            self.c_grid, name="Choosing C", unit="C", progress=self.progress, leave=False
        )
        solutions = []
        for c in bar:
            weights = problem.solved(c, weights)
            solutions.append(weights)
            accuracy.append(test.accuracy(weights))
        best = int(np.argmax(accuracy))  # the smallest C of several
        self.best_c_ = float(self.c_grid[best])
        del problem, test  # their rows, before those of all images are read
        self._problem = _Problem(features, codes, numbers, self._n_problems)
        weights = self._problem.solved(self.best_c_, solutions[best])
        self.coef_, self.intercept_ = weights[:-1].T, weights[-1]
        self._weights = weights
        return self

    @property
    def _n_problems(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def predict(self, numbers: np.ndarray) -> np.ndarray:
        """Classes of some images.

        Parameters
        ----------
        numbers : integer array

        Returns
        -------
        array of shape (n_images,)
        """
        return self.classes_[self._problem.others(numbers).predicted(self._weights)]


class _Problem:
    """Images whose classes are to be told apart, standardised as the training images are."""

    def __init__(
        self,
        features: Rows,
        codes: np.ndarray,
        numbers: np.ndarray,
        n_problems: int,
        scaling: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self.features, self.codes, self.numbers = features, codes, numbers
        self.n_problems = n_problems
        self._kept: list[tuple[np.ndarray, np.ndarray]] | None = None
        self._at_once = min(_BATCH, max(1, _BATCH_BYTES // (8 * features.shape[1])))
        if 4 * len(numbers) * features.shape[1] <= _IN_MEMORY:
            self._kept = list(features.batches(self._at_once, numbers))
        self.mean, self.factor = self._scaling() if scaling is None else scaling

    def others(self, numbers: np.ndarray) -> _Problem:
        """Other images, on the same scale."""
        scaling = (self.mean, self.factor)
        return _Problem(self.features, self.codes, numbers, self.n_problems, scaling)

    def _read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(self._kept or self.features.batches(self._at_once, self.numbers))

    def _scaling(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and one over the deviation; 0 where a feature does not vary beyond rounding.

        As `linear_svm.Varying` has it: a millionth of the largest feature.
        """
        count, mean = 0, np.zeros(self.features.shape[1])
        squares, low, high = np.zeros_like(mean), mean + np.inf, mean - np.inf
        for rows, _ in self._read():
            # Chan, Golub & LeVeque 1983: sums of squares around means of parts, put together.
            own = rows.mean(axis=0, dtype=np.float64)
            off, total = own - mean, count + len(rows)
            squares += ((rows - own) ** 2).sum(axis=0) + off**2 * (count * len(rows) / total)
            mean, count = mean + off * (len(rows) / total), total
            low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
        varies = high - low > 1e-6 * np.maximum(abs(low), abs(high)).max()
        if not varies.any():
            varies = squares > 0
        deviation = np.sqrt(squares / count)
        return mean, np.where(varies, 1 / np.where(deviation > 0, deviation, 1), 0)

    def _standardised(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows with a last column of ones, and the codes of their classes."""
        for rows, numbers in self._read():
            scaled = np.ones((len(rows), rows.shape[1] + 1))
            np.subtract(rows, self.mean, out=scaled[:, :-1])
            scaled[:, :-1] *= self.factor
            yield scaled, self.codes[numbers]

    def solved(self, c: float, start: np.ndarray) -> np.ndarray:
        """Weights of least loss; (n_units + 1, n_problems), the last row the intercepts."""

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = flat.reshape(start.shape)
            total, slope = 0.5 * float(flat @ flat), weights.copy()
            for rows, codes in self._standardised():
                sides = self._sides(codes)
                short = np.maximum(0, 1 - sides * (rows @ weights))
                total += c * float((short * short).sum())
                slope -= 2 * c * (rows.T @ (sides * short))
            return total, slope.ravel()

        options = {"maxiter": _MOST_STEPS, "maxfun": 2 * _MOST_STEPS, "ftol": 1e-10, "gtol": 1e-6}
        found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        weights: np.ndarray = found.x.reshape(start.shape)
        return weights

    def _sides(self, codes: np.ndarray) -> np.ndarray:
        """1 for the class of a problem, -1 for the rest; of two classes, for the second."""
        if self.n_problems == 1:
            return np.where(codes == 1, 1.0, -1.0)[:, None]
        return np.where(codes[:, None] == np.arange(self.n_problems), 1.0, -1.0)

    def predicted(self, weights: np.ndarray) -> np.ndarray:
        """Codes of classes."""
        scores = [rows @ weights for rows, _ in self._standardised()]
        found = np.concatenate(scores) if scores else np.empty((0, self.n_problems))
        if self.n_problems == 1:
            return (found[:, 0] > 0).astype(int)
        return found.argmax(axis=1)

    def accuracy(self, weights: np.ndarray) -> float:
        """Share of images whose class is found."""
        return float((self.predicted(weights) == self.codes[self.numbers]).mean())
