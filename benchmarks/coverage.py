"""How often the toolkit's intervals hold the true value, in simulation.

Known populations, Gaussian and rectified; for each interval the share of simulated studies whose
nominal 95 % interval holds the value of a very large sample.

python -m benchmarks.coverage [--studies 400] [--only cka]
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import click
import joblib
import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.analysis.measures.alignment import cka, procrustes, rdm_similarity
from hmax_cnn.analysis.measures.brain import brain_similarity
from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.analysis.measures.decoding import decoding_generalisation
from hmax_cnn.analysis.measures.equivariance import equivariance
from hmax_cnn.analysis.measures.invariance import (
    normalised_variance,
    response_similarity,
    separability,
)
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.measures.populations import population_similarity
from hmax_cnn.analysis.measures.retrieval import retrieval
from hmax_cnn.analysis.measures.selectivity import (
    dimensionality,
    lifetime_sparseness,
    population_sparseness,
)
from hmax_cnn.analysis.measures.shape_bias import shape_bias
from hmax_cnn.analysis.measures.similarity import rdms
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.statistics import compare
from hmax_cnn.data import Dataset
from hmax_cnn.extraction import Pixels

SIZES = (10, 20, 50, 100)
VALUES = 5  # of the transformation
MANY = 4000  # images of a sample that stands for the population
Bounds = Iterator[tuple[float, float, float]]  # low, high, truth


@dataclass(frozen=True)
class Population:
    """Units that answer to a few hidden features of an image, and to a transformation of it.

    Attributes
    ----------
    n_units : int
    rectified : bool
        Whether responses below 0 are 0.
    over : {'images', 'both'}
        Whether every study has the same units, or units of its own.
    """

    n_units: int = 20
    rectified: bool = False
    over: str = "images"

    def responses(self, n_images: int, seed: int, n_units: int | None = None) -> xr.DataArray:
        """Responses (image, shift, unit) of a study."""
        rng = np.random.default_rng([1, seed])
        of_units = np.random.default_rng([2, seed if self.over == "both" else 0])
        n_units = n_units or self.n_units
        weights = of_units.standard_normal((6, n_units))
        drift = 0.5 * of_units.standard_normal((VALUES, 1, n_units)) + 0.1
        hidden = rng.standard_normal((n_images, 6))
        moved = (
            hidden
            + 0.5
            * rng.standard_normal((VALUES, n_images, 6))
            * np.arange(VALUES)[:, None, None]
            / VALUES
        )
        values = moved @ weights + drift + 0.6 * rng.standard_normal((VALUES, n_images, n_units))
        if self.rectified:
            values = np.maximum(values, 0)
        coords = {
            "image": [f"i{number}" for number in range(n_images)],
            "shift": ("shift", np.arange(VALUES), {"units": "pixels"}),
            "layer": ("unit", ["all"] * n_units),
            # Two classes that the first hidden feature tells apart, not quite.
            "label": ("image", np.where(_classes(hidden, rng), "a", "b")),
        }
        return xr.DataArray(
            np.moveaxis(values, 0, 1),
            coords,
            ("image", "shift", "unit"),
            attrs={"transformation": "shift", "identity": 0},
        )

    @property
    def large(self) -> xr.DataArray:
        """A sample that stands for the population."""
        n_units = 400 if self.over == "both" else None
        return self.responses(MANY, 10**6, n_units)


def _classes(hidden: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the images each, so that folds can be stratified."""
    noisy = hidden[:, 0] + 0.8 * rng.standard_normal(len(hidden))
    return noisy > np.median(noisy)


def still(found: xr.DataArray) -> xr.DataArray:
    """The responses to images as they are."""
    return found.isel(shift=0, drop=True).assign_attrs({})


SOME = Resampling(200)
Case = Callable[[Population, int, int], Bounds]
CASES: dict[str, tuple[Case, tuple[Population, ...]]] = {}


def case(*populations: Population) -> Callable[[Case], Case]:
    """Mark a function that yields the intervals of a study and their truths."""

    def mark(function: Case) -> Case:
        CASES[function.__name__.replace("_", " ")] = (function, populations)
        return function

    return mark


GAUSSIAN, RECTIFIED = Population(), Population(rectified=True)
BOTH = Population(rectified=True, over="both")
KINDS = (GAUSSIAN, RECTIFIED, BOTH)


def per_unit_case(
    measure: Callable[..., xr.Dataset], population: Population, n: int, seed: int
) -> Bounds:
    """Of every unit, and of the layer."""
    resampling = replace(SOME, over=population.over)
    found = measure(population.responses(n, seed), resampling=resampling, progress=False)
    truth = true_value(measure, population)
    yield (*(found[f"layer_{end}"].item() for end in ("low", "high")), truth["layer_value"].item())


_KNOWN: dict[tuple[str, Population], xr.Dataset] = {}


def true_value(measure: Callable[..., xr.Dataset], population: Population) -> xr.Dataset:
    """What a measure gives for the population."""
    key = (measure.__name__, population)
    if key not in _KNOWN:
        _KNOWN[key] = measure(population.large, resampling=Resampling(0), progress=False)
    return _KNOWN[key]


@case(*KINDS)
def normalised_variance_of_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from per_unit_case(normalised_variance, population, n, seed)


@case(*KINDS)
def response_similarity_of_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from per_unit_case(response_similarity, population, n, seed)


@case(*KINDS)
def separability_of_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from per_unit_case(separability, population, n, seed)


def unit_case(
    measure: Callable[..., xr.Dataset], population: Population, n: int, seed: int
) -> Bounds:
    found = measure(population.responses(n, seed), resampling=SOME, progress=False)
    truth = true_value(measure, population)
    yield from zip(found["low"].values, found["high"].values, truth["value"].values, strict=True)


@case(GAUSSIAN, RECTIFIED)
def normalised_variance_of_units(population: Population, n: int, seed: int) -> Bounds:
    yield from unit_case(normalised_variance, population, n, seed)


@case(GAUSSIAN, RECTIFIED)
def response_similarity_of_units(population: Population, n: int, seed: int) -> Bounds:
    yield from unit_case(response_similarity, population, n, seed)


@case(GAUSSIAN, RECTIFIED)
def separability_of_units(population: Population, n: int, seed: int) -> Bounds:
    yield from unit_case(separability, population, n, seed)


def sparseness_of(
    found: xr.DataArray, resampling: Resampling, progress: bool = False
) -> xr.Dataset:
    return lifetime_sparseness(still(found), resampling, progress)


@case(RECTIFIED, BOTH)
def lifetime_sparseness_of_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from per_unit_case(sparseness_of, population, n, seed)


def curve_case(
    measure: Callable[..., xr.Dataset], population: Population, n: int, seed: int, value: int = -1
) -> Bounds:
    """At the last value of the transformation."""
    resampling = replace(SOME, over=population.over)
    found = measure(population.responses(n, seed), resampling=resampling, progress=False)
    truth = true_value(measure, population)
    low, high, true = (
        table[key].isel(shift=value).item()
        for table, key in ((found, "low"), (found, "high"), (truth, "value"))
    )
    yield low, high, true


@case(*KINDS)
def population_similarity_of_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from curve_case(population_similarity, population, n, seed)


@case(GAUSSIAN, RECTIFIED)
def population_sparseness_of_layers(population: Population, n: int, seed: int) -> Bounds:
    shown = np.abs(population.responses(n, seed))
    found = population_sparseness(still(shown), SOME)
    key = ("population sparseness", population)
    if key not in _KNOWN:
        _KNOWN[key] = population_sparseness(still(np.abs(population.large)), Resampling(0))
    yield (
        found["layer_low"].item(),
        found["layer_high"].item(),
        _KNOWN[key]["layer_value"].item(),
    )


@case(GAUSSIAN, RECTIFIED)
def dimensionality_of_layers(population: Population, n: int, seed: int) -> Bounds:
    found = dimensionality(still(population.responses(n, seed)), SOME)
    key = ("dimensionality", population)
    if key not in _KNOWN:
        _KNOWN[key] = dimensionality(still(population.large), Resampling(0))
    yield (
        found["layer_low"].item(),
        found["layer_high"].item(),
        _KNOWN[key]["layer_value"].item(),
    )


def two_models(
    population: Population, n: int, seed: int, shared: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Responses of two models that share some of their hidden features."""
    rng = np.random.default_rng([3, seed])
    of_units = np.random.default_rng(4)
    common = rng.standard_normal((n, 6))
    made = []
    for _ in range(2):
        own = rng.standard_normal((n, 6))
        hidden = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        values = hidden @ of_units.standard_normal((6, population.n_units))
        values += 0.5 * rng.standard_normal(values.shape)
        if population.rectified:
            values = np.maximum(values, 0)
        coords = {"image": [f"i{number}" for number in range(n)]}
        made.append(xr.DataArray(values, coords, ("image", "unit")))
    return made[0], made[1]


def pair_case(
    measure: Callable[..., xr.Dataset], population: Population, n: int, seed: int, shared: float
) -> Bounds:
    found = measure(*two_models(population, n, seed, shared), resampling=SOME, progress=False)
    if found["low"].isnull().all():  # the truth need not be found
        yield np.nan, np.nan, np.nan
        return
    key = (f"{measure.__name__} {shared}", population)
    if key not in _KNOWN:
        large = two_models(population, MANY, 10**6, shared)
        _KNOWN[key] = measure(*large, resampling=Resampling(0), progress=False)
    yield found["low"].item(), found["high"].item(), _KNOWN[key]["value"].item()


@case(GAUSSIAN, RECTIFIED)
def cka_of_unlike_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from pair_case(cka, population, n, seed, 0.0)


@case(GAUSSIAN, RECTIFIED)
def cka_of_like_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from pair_case(cka, population, n, seed, 0.6)


@case(GAUSSIAN, RECTIFIED)
def rdm_similarity_of_unlike_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from pair_case(rdm_similarity, population, n, seed, 0.0)


@case(GAUSSIAN, RECTIFIED)
def rdm_similarity_of_like_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from pair_case(rdm_similarity, population, n, seed, 0.6)


@case(GAUSSIAN)
def procrustes_of_layers(population: Population, n: int, seed: int) -> Bounds:
    yield from pair_case(procrustes, population, n, seed, 0.6)


@case(GAUSSIAN, RECTIFIED)
def retrieval_of_layers(population: Population, n: int, seed: int) -> Bounds:
    found = retrieval(still(population.responses(n, seed)), metric="euclidean", resampling=SOME)
    # The expectation for so many images: with more there is more to be found.
    key = (f"retrieval {n}", population)
    if key not in _KNOWN:
        values = [
            retrieval(
                still(population.responses(n, 10**6 + one)),
                None,
                "euclidean",
                resampling=Resampling(0),
            )["layer_value"].item()
            for one in range(400)
        ]
        _KNOWN[key] = xr.Dataset({"layer_value": np.mean(values)})
    yield (
        found["layer_low"].item(),
        found["layer_high"].item(),
        _KNOWN[key]["layer_value"].item(),
    )


def expected(
    name: str, population: Population, value: Callable[[int], float], n: int = 300
) -> float:
    """The mean over many studies, for a value that depends on how many images there are."""
    key = (name, population)
    if key not in _KNOWN:
        found = np.mean([value(10**6 + seed) for seed in range(n)])
        _KNOWN[key] = xr.Dataset({"value": float(found)})
    return _KNOWN[key]["value"].item()


def labelled(population: Population, n: int, seed: int) -> Dataset:
    """Images whose pixels are the responses of a population, with labels."""
    found = still(population.responses(n, seed))
    pixels = 128 + 20 * found.values.astype(np.float32).reshape(n, 4, -1)
    return Dataset(pixels, [str(name) for name in found["image"].values], found["label"].values)


@case(GAUSSIAN)
def accuracy_over_folds(population: Population, n: int, seed: int) -> Bounds:
    def of(seed: int) -> xr.Dataset:
        model = Pixels(grid=(4, 5), progress=False)
        return classification(
            model, labelled(population, n, seed), readout="nearest", progress=False
        )

    found = of(seed)
    true = expected(f"accuracy {n}", population, lambda one: of(one)["layer_value"].item())
    yield found["layer_low"].item(), found["layer_high"].item(), true


@case(GAUSSIAN)
def accuracy_over_folds_of_objects(population: Population, n: int, seed: int) -> Bounds:
    """Ten views of each object: n images of n / 10 objects would be too few, so 2 n."""

    def of(seed: int) -> xr.Dataset:
        objects = labelled(population, max(8, n // 5), seed)
        noise = np.random.default_rng([11, seed]).normal(0, 10, (10, *objects.source.shape))
        views = Dataset(
            np.concatenate(objects.source + noise).astype(np.float32),
            [f"{view}_{name}" for view in range(10) for name in objects.names],
            np.tile(objects.labels, 10),
        ).grouped(np.tile(objects.names, 10))
        model = Pixels(grid=(4, 5), progress=False)
        return classification(model, views, readout="nearest", n_folds=4, progress=False)

    found = of(seed)
    true = expected(f"objects {n}", population, lambda one: of(one)["layer_value"].item(), 150)
    yield found["layer_low"].item(), found["layer_high"].item(), true


def curve_of(population: Population, n: int, seed: int, share: float) -> Bounds:
    """A learning curve at some share of each class, the others tested, five times."""

    def of(seed: int) -> xr.Dataset:
        return learning_curve(
            Pixels(grid=(4, 5), progress=False),
            labelled(population, n, seed),
            (max(1, int(share * n / 2)),),
            readout="nearest",
            n_repeats=5,
            progress=False,
        )

    found = of(seed)
    true = expected(f"curve {share} {n}", population, lambda one: of(one)["value"].item())
    yield found["low"].item(), found["high"].item(), true


@case(GAUSSIAN)
def learning_curve_at_two_fifths(population: Population, n: int, seed: int) -> Bounds:
    yield from curve_of(population, n, seed, 0.4)


@case(GAUSSIAN)
def learning_curve_at_four_fifths(population: Population, n: int, seed: int) -> Bounds:
    yield from curve_of(population, n, seed, 0.8)


@case(GAUSSIAN)
def decoding_accuracy(population: Population, n: int, seed: int) -> Bounds:
    def of(seed: int) -> xr.Dataset:
        found = population.responses(n, seed).isel(shift=[0, VALUES - 1])
        none = Resampling(0)
        return decoding_generalisation(found, readout="nearest", resampling=none, progress=False)

    found = of(seed).isel(shift=-1)
    true = expected(f"decoding {n}", population, lambda one: of(one)["accuracy"][0, -1].item())
    yield found["accuracy_low"].item(), found["accuracy_high"].item(), true


@case(GAUSSIAN)
def equivariance_of_layers(population: Population, n: int, seed: int) -> Bounds:
    def of(seed: int, resampling: Resampling = SOME) -> xr.Dataset:
        found = population.responses(n, seed).isel(shift=[0, VALUES - 1])
        return equivariance(found, 10, resampling=resampling, progress=False)

    found = of(seed).isel(shift=-1)
    true = expected(
        f"equivariance {n}",
        population,
        lambda one: of(one, Resampling(0))["value"][0, -1].item(),
        150,
    )
    yield found["low"].item(), found["high"].item(), true


def subjects_of(
    population: Population, n: int, seed: int, n_subjects: int
) -> tuple[xr.Dataset, np.ndarray]:
    """RDMs of a model, and of subjects who share some of its features, each with noise."""
    rng = np.random.default_rng([5, seed])
    hidden = rng.standard_normal((n, 6))
    of_model = hidden @ np.random.default_rng(6).standard_normal((6, population.n_units))
    model = xr.DataArray(of_model, {"image": np.arange(n)}, ("image", "unit"))
    rows = []
    for _ in range(n_subjects):
        # What a subject shares with the model differs between subjects.
        share = rng.uniform(0.2, 0.9)
        own = share * hidden + (1 - share) * rng.standard_normal((n, 6))
        values = own @ rng.standard_normal((6, 30)) + rng.standard_normal((n, 30))
        table = xr.DataArray(values, {"image": np.arange(n)}, ("image", "unit"))
        rows.append(rdms(table)["rdm"].values[0])
    return rdms(model), np.stack(rows)


@case(replace(GAUSSIAN, n_units=30))
def brain_similarity_of_8_subjects(population: Population, n: int, seed: int) -> Bounds:
    yield from brain_case(population, n, seed, 8)


@case(replace(GAUSSIAN, n_units=30))
def brain_similarity_of_4_subjects(population: Population, n: int, seed: int) -> Bounds:
    yield from brain_case(population, n, seed, 4)


def brain_case(population: Population, n: int, seed: int, n_subjects: int) -> Bounds:
    model, subjects = subjects_of(population, n, seed, n_subjects)
    found = brain_similarity(model, subjects, n_permutations=0, resampling=SOME, progress=False)
    key = ("brain", population)
    if key not in _KNOWN:
        values = []
        for one in range(20):
            model, many = subjects_of(population, 200, 10**6 + one, 15)
            made = brain_similarity(model, many, n_permutations=0, resampling=Resampling(0))
            values.append(made["layer_value"].item())
        _KNOWN[key] = xr.Dataset({"value": np.mean(values)})
    yield found["layer_low"].item(), found["layer_high"].item(), _KNOWN[key]["value"].item()


def textured(population: Population, n: int, seed: int, of_texture: float) -> xr.DataArray:
    """Responses to n shapes, each with its own texture and with those of six others."""
    rng = np.random.default_rng([10, seed])
    of_shapes, of_textures = rng.standard_normal((2, n, population.n_units))
    shape = np.repeat(np.arange(n), 8)
    texture = (shape + np.tile([0, 0, 1, 2, 3, 4, 5, 6], n)) % n
    values = 0.6 * of_shapes[shape] + of_texture * of_textures[texture]
    values += 0.7 * rng.standard_normal(values.shape)
    coords = {
        "layer": ("unit", ["all"] * population.n_units),
        "stimulus_shape": ("image", shape),
        "stimulus_texture": ("image", texture),
    }
    return xr.DataArray(values, coords, ("image", "unit"))


def shape_case(
    population: Population, n: int, seed: int, by: str, of_texture: float = 0.5
) -> Bounds:
    def of(seed: int, resampling: Resampling = SOME) -> xr.Dataset:
        shown = textured(population, n, seed, of_texture)
        return shape_bias(shown, by, readout="nearest", resampling=resampling, progress=False)

    found = of(seed)
    true = expected(
        f"shape bias {by} {of_texture} {n}",
        population,
        lambda one: of(one, Resampling(0))["layer_value"].item(),
    )
    yield found["layer_low"].item(), found["layer_high"].item(), true


@case(GAUSSIAN)
def shape_bias_of_decisions(population: Population, n: int, seed: int) -> Bounds:
    yield from shape_case(population, n, seed, "decisions")


@case(GAUSSIAN)
def shape_bias_of_neighbours(population: Population, n: int, seed: int) -> Bounds:
    yield from shape_case(population, n, seed, "neighbours")


@case(GAUSSIAN)
def shape_bias_of_decisions_near_1(population: Population, n: int, seed: int) -> Bounds:
    yield from shape_case(population, n, seed, "decisions", 0.2)


@case(GAUSSIAN)
def shape_bias_of_neighbours_near_1(population: Population, n: int, seed: int) -> Bounds:
    yield from shape_case(population, n, seed, "neighbours", 0.2)


@case(GAUSSIAN, RECTIFIED)
def difference_of_two_models(population: Population, n: int, seed: int) -> Bounds:
    rng = np.random.default_rng([7, seed])
    one, other = rng.standard_normal((2, n)) + rng.standard_normal(n)
    if population.rectified:
        one, other = np.exp(one), np.exp(other)
    found = compare(pd.DataFrame({"one": one + 0.4, "other": other}), n_resamples=999).iloc[0]
    yield found["low"], found["high"], 0.4


@case(replace(RECTIFIED, n_units=100), replace(RECTIFIED, n_units=400))
def selectivity_against_tolerance(population: Population, n: int, seed: int) -> Bounds:
    # Over units: these images are all there are.
    whole = replace(population, over="both")
    rng = np.random.default_rng(8)
    shown = whole.responses(n, 0, 20_000)
    key = (f"trade {n}", population)
    if key not in _KNOWN:
        _KNOWN[key] = selectivity_and_tolerance(shown, Resampling(0))
    rng = np.random.default_rng([9, seed])
    part = shown.isel(unit=rng.choice(20_000, population.n_units, replace=False))
    found = selectivity_and_tolerance(part, SOME)
    yield found["layer_low"].item(), found["layer_high"].item(), _KNOWN[key]["layer_value"].item()


def covered(name: str, population: Population, n: int, n_studies: int) -> dict[str, float]:
    """Share of intervals that hold the truth, how many are given, and their mean width."""
    function, _ = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = np.array(
            [bounds for seed in range(n_studies) for bounds in function(population, n, seed)], float
        )
    if not len(rows):
        return {"coverage": np.nan, "given": 0.0}
    low, high, truth = rows.T
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return {"coverage": np.nan, "given": 0.0}
    held = (low <= truth) & (truth <= high)
    return {"coverage": float(held[known].mean()), "given": float(known.mean())}


def table_of(n_studies: int, only: str = "", sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """Coverage of every interval, a row for each population, a column for each number of images."""
    tasks = [
        (name, population, n)
        for name, (_, populations) in CASES.items()
        if only in name
        for population in populations
        for n in sizes
    ]
    found = joblib.Parallel(n_jobs=-1)(joblib.delayed(covered)(*task, n_studies) for task in tasks)
    rows = [
        {
            "interval": name,
            "units": f"{population.n_units}{', rectified' if population.rectified else ''}",
            "over": population.over,
            "images": n,
            "coverage": result["coverage"] if result["given"] > 0.5 else np.nan,
        }
        for (name, population, n), result in zip(tasks, found, strict=True)
    ]
    return pd.DataFrame(rows).pivot_table(
        index=["interval", "units", "over"],
        columns="images",
        values="coverage",
        sort=False,
        dropna=False,
    )


@click.command()
@click.option("--studies", default=400, show_default=True, help="Simulated studies of each kind.")
@click.option("--only", default="", help="Intervals whose name holds this text.")
def main(studies: int, only: str) -> None:
    """Print the share of nominal 95 % intervals that hold the truth, by number of images."""
    table = table_of(studies, only)
    error = 1.96 * np.sqrt(0.05 * 0.95 / studies)
    print(f"Coverage of nominal 95 % intervals, {studies} studies each (+- {error:.3f}):")
    print(table.dropna(how="all").round(2).to_string(na_rep="none"))


if __name__ == "__main__":
    main()
