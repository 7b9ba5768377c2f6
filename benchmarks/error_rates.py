"""How often tests find a difference where there is none, in simulation, at a level of 0.05.

python -m benchmarks.error_rates [--studies 1000]
"""

from __future__ import annotations

from collections.abc import Callable

import click
import joblib
import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.analysis.measures.brain import brain_similarity
from hmax_cnn.analysis.measures.similarity import rdms
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.statistics import compare, permutation_test

SIZES = (10, 20, 50, 100)
LEVEL = 0.05


def scores(n: int, n_models: int, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Scores of models that do not differ, on items that are harder or easier for all of them."""
    item = rng.standard_normal((n, 1))
    values = item + rng.standard_normal((n, n_models))
    if kind == "skewed":
        values = np.exp(values)
    if kind == "right or wrong":
        values = (values > -0.8).astype(float)
    return pd.DataFrame(values, columns=[f"m{number}" for number in range(n_models)])


def of_pair(kind: str) -> Callable[[int, int], float]:
    def p(n: int, seed: int) -> float:
        table = scores(n, 2, kind, np.random.default_rng([1, seed]))
        return float(compare(table, n_resamples=999)["p"].iloc[0])

    return p


def of_four(kind: str) -> Callable[[int, int], float]:
    """The smallest corrected p of six pairs: of any false difference at all."""

    def p(n: int, seed: int) -> float:
        table = scores(n, 4, kind, np.random.default_rng([2, seed]))
        return float(compare(table, n_resamples=999)["p_corrected"].min())

    return p


def of_samples(n: int, seed: int) -> float:
    rng = np.random.default_rng([3, seed])
    found = permutation_test(
        rng.standard_normal(n), rng.standard_normal(n), paired=False, n_resamples=999
    )
    return found["p"]


def of_interval(kind: str) -> Callable[[int, int], float]:
    """0 where the interval of a difference leaves out 0, else 1."""

    def p(n: int, seed: int) -> float:
        table = scores(n, 2, kind, np.random.default_rng([4, seed]))
        row = compare(table, n_resamples=9).iloc[0]
        return float(row["low"] <= 0 <= row["high"])

    return p


def brains(n: int, seed: int, n_subjects: int, *, agree: bool) -> xr.Dataset:
    """A model that has nothing of brains, which have something or nothing in common."""
    rng = np.random.default_rng([5, seed])
    shared = rng.standard_normal((n, 6))

    def rdm(values: np.ndarray) -> xr.Dataset:
        return rdms(xr.DataArray(values, {"image": np.arange(n)}, ("image", "unit")))

    subjects = []
    for _ in range(n_subjects):
        hidden = shared if agree else rng.standard_normal((n, 6))
        values = hidden @ rng.standard_normal((6, 30)) + rng.standard_normal((n, 30))
        subjects.append(rdm(values)["rdm"].values[0])
    model = rdm(rng.standard_normal((n, 6)) @ rng.standard_normal((6, 30)))
    return brain_similarity(
        model, np.stack(subjects), n_permutations=199, resampling=Resampling(0), progress=False
    )


def of_brain(n_subjects: int) -> Callable[[int, int], float]:
    return lambda n, seed: float(brains(n, seed, n_subjects, agree=True)["p"].item())


def of_ceiling(n_subjects: int) -> Callable[[int, int], float]:
    return lambda n, seed: float(brains(n, seed, n_subjects, agree=False)["ceiling_p"].item())


TESTS: dict[str, Callable[[int, int], float]] = {
    "compare, Gaussian scores": of_pair("Gaussian"),
    "compare, skewed scores": of_pair("skewed"),
    "compare, right or wrong": of_pair("right or wrong"),
    "compare, any of six pairs (Holm), Gaussian": of_four("Gaussian"),
    "compare, any of six pairs (Holm), right or wrong": of_four("right or wrong"),
    "interval of compare leaves out 0, Gaussian": of_interval("Gaussian"),
    "interval of compare leaves out 0, skewed": of_interval("skewed"),
    "permutation_test, unpaired": of_samples,
    "brain_similarity, one subject": of_brain(1),
    "brain_similarity, four subjects": of_brain(4),
    "noise ceiling, four subjects": of_ceiling(4),
}


def rate(name: str, n: int, n_studies: int) -> float:
    """Share of studies with p at or below the level."""
    return float(np.mean([TESTS[name](n, seed) <= LEVEL for seed in range(n_studies)]))


@click.command()
@click.option("--studies", default=1000, show_default=True, help="Simulated studies of each kind.")
@click.option("--only", default="", help="Tests whose name holds this text.")
def main(studies: int, only: str) -> None:
    """Print the share of studies that find a difference at 0.05 where there is none."""
    tasks = [(name, n) for name in TESTS if only in name for n in SIZES]
    found = joblib.Parallel(n_jobs=-1)(joblib.delayed(rate)(*task, studies) for task in tasks)
    rows = [(*task, value) for task, value in zip(tasks, found, strict=True)]
    table = pd.DataFrame(rows, columns=["test", "items", "rate"])
    error = 1.96 * np.sqrt(LEVEL * (1 - LEVEL) / studies)
    print(f"Share of {studies} studies with p <= {LEVEL} where nothing differs (+- {error:.3f}):")
    print(table.pivot_table(index="test", columns="items", values="rate", sort=False).to_string())


if __name__ == "__main__":
    main()
