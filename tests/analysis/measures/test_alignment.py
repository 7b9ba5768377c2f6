"""Alignment of layers against formulas."""

import numpy as np
import pytest
from synthetic import population

from hmax_cnn.analysis.measures.alignment import cka, procrustes
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(30)


NONE = Resampling(0)


def test_cka_of_independent_noise():
    """The trap: 50 images, 2000 and 500 units. Biased 0.94, debiased near 0 (0.02)."""
    rng = np.random.default_rng(0)
    a, b = population(rng.standard_normal((50, 2000))), population(rng.standard_normal((50, 500)))
    assert cka(a, b, debiased=False, resampling=NONE)["value"].item() == pytest.approx(
        0.94, abs=0.005
    )
    assert cka(a, b, resampling=NONE)["value"].item() == pytest.approx(0, abs=0.03)


def test_cka_against_the_formula():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 6)), rng.standard_normal((20, 4))
    y[:, 0] += x[:, 0]
    a, b = population(x), population(y)
    centred = x - x.mean(axis=0), y - y.mean(axis=0)
    biased = np.linalg.norm(centred[1].T @ centred[0]) ** 2 / (
        np.linalg.norm(centred[0].T @ centred[0]) * np.linalg.norm(centred[1].T @ centred[1])
    )
    assert cka(a, b, debiased=False, resampling=NONE)["value"].item() == pytest.approx(biased)
    assert cka(a, a, resampling=NONE)["value"].item() == pytest.approx(1)

    def hsic(k, m):  # Song et al. 2012, equation 5, as it stands there
        n, one = len(k), np.ones(len(k))
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        terms = (
            np.trace(k @ m)
            + one @ k @ one * (one @ m @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (one @ k @ m @ one)
        )
        return terms / (n * (n - 3))

    k, m = x @ x.T, y @ y.T
    assert cka(a, b, resampling=NONE)["value"].item() == pytest.approx(
        hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
    )
    squares = np.square(x[:, None] - x[None]).sum(axis=2)
    rbf = np.exp(-squares / (2 * np.median(squares[np.triu_indices(20, 1)])))
    assert cka(a, b, "rbf", resampling=NONE)["value"].item() == pytest.approx(
        hsic(rbf, _rbf(y)) / np.sqrt(hsic(rbf, rbf) * hsic(_rbf(y), _rbf(y)))
    )
    found = cka(a, b, resampling=FEW)
    assert found["low"].item() < found["value"].item() < found["high"].item()


def _rbf(values):
    squares = np.square(values[:, None] - values[None]).sum(axis=2)
    return np.exp(-squares / (2 * np.median(squares[np.triu_indices(len(values), 1)])))


def test_procrustes():
    """1 for a rotation, scaled and shifted; by singular values else; undefined for a constant."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((15, 4)), rng.standard_normal((15, 6))
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    assert procrustes(population(x), population(3 * x @ turn + 2), NONE)[
        "value"
    ].item() == pytest.approx(1)
    centred = [v - v.mean(axis=0) for v in (x, y)]
    expected = np.linalg.svd(centred[0].T @ centred[1], compute_uv=False).sum() / np.prod(
        [np.linalg.norm(v) for v in centred]
    )
    assert procrustes(population(x), population(y), NONE)["value"].item() == pytest.approx(expected)
    assert np.isnan(procrustes(population(x), population(np.ones((15, 3))), FEW)["value"].item())
    assert np.isnan(
        cka(population(x), population(np.ones((15, 3))), resampling=FEW)["value"].item()
    )
    with pytest.raises(ValueError, match="must be of the same images"):
        procrustes(population(x), population(y[:8]))
    with pytest.raises(ValueError, match="`kernel` must be one of"):
        cka(population(x), population(y), "poly")
