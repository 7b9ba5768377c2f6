"""Figures of every kind, made once for the tests that look at them."""

import itertools
from functools import cache

import numpy as np
import pandas as pd
from synthetic import VALUES, grid

from hmax_cnn.analysis.figures.tables import tables
from hmax_cnn.analysis.measures.alignment import cka as cka_measure
from hmax_cnn.analysis.measures.architecture import architecture as architecture_measure
from hmax_cnn.analysis.measures.best_matches import best_matches
from hmax_cnn.analysis.measures.brain import brain_similarity
from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.analysis.measures.field_growth import field_growth
from hmax_cnn.analysis.measures.field_views import field_views as views_measure
from hmax_cnn.analysis.measures.first_filters import first_filters
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.measures.populations import population_similarity
from hmax_cnn.analysis.measures.similarity import rdms as rdms_measure
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance, tolerance_range
from hmax_cnn.analysis.measures.tuning import (
    frequency_tuning,
    grating_responses,
    orientation_tuning,
    phase_tuning,
)
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.contract import load_figure
from hmax_cnn.cnn import CNN
from hmax_cnn.data import digits
from hmax_cnn.data.stimuli import fourier_shapes
from hmax_cnn.extraction import FilterBank, Pixels
from hmax_cnn.hmax import HMAX

FEW = Resampling(10)


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))


SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


WIDE = {
    "HMAX": HMAX(prototypes="photographs", bands=2, prototype_sizes=(2, 4), n_prototypes=4),
    "LeNet-5, untrained": CNN("lenet5", weights="untrained"),
}


def _responses(rng):
    return grid(rng.random((8, len(VALUES), 12)), layer=("unit", ["c1"] * 6 + ["c2"] * 6))


def _curves(rng):
    shifted, sized = (
        _responses(rng),
        grid(
            rng.random((8, len(VALUES), 12)),
            "scale",
            "times",
            1.0,
            2.0 ** np.arange(-4, 5),
            layer=("unit", ["c1"] * 6 + ["c2"] * 6),
        ),
    )
    parts = {
        "Position": population_similarity(shifted, resampling=FEW),
        "Size": population_similarity(sized, resampling=FEW),
    }
    return tables({"HMAX": parts, "LeNet-5, untrained": parts, "perceptron": parts})


def _brain(rng):
    still = _responses(rng).isel(shift=0, drop=True)
    subjects = rng.random((3, 28))
    return tables(
        {
            model: brain_similarity(
                rdms_measure(still), subjects, n_permutations=20, resampling=FEW
            )
            for model in ("HMAX", "a long name of a model")
        }
    )


def _alignment(rng):
    still = _responses(rng).isel(shift=0, drop=True)
    found = cka_measure(still, still, resampling=FEW)
    whole = [
        table["table"].assign(model_b=b)
        for a, b in itertools.product(("HMAX", "CNN"), repeat=2)
        for table in [tables({a: found})]
    ]
    return {"table": pd.concat(whole, ignore_index=True)}


def _classified(rng):
    pictures = digits().framed("stretch:32x32").subset(np.arange(60))
    return tables(
        {
            "pixels": classification(Pixels(grid=(4, 4)), pictures, readout="nearest", n_folds=2),
            "classical filters": classification(
                FilterBank(), pictures, readout="nearest", n_folds=2
            ),
        }
    )


def _learned(rng):
    pictures = digits().framed("stretch:32x32").subset(np.arange(80))
    return tables(
        {
            name: learning_curve(
                Pixels(grid=(side, side)),
                pictures,
                (1, 2, 3),
                readout="nearest",
                n_repeats=2,
                resampling=FEW,
            )
            for name, side in (("pixels", 8), ("few pixels", 2))
        }
    )


@cache
def _gratings():
    return grating_responses(
        HMAX(bands=1, s1_response="signed"),
        (32, 32),
        ["s1", "c1"],
        n_orientations=18,
        frequencies=(0.1, 0.2, 0.3),
        n_phases=16,
    )


def _tuned(measure):
    return lambda rng: tables(
        {name: measure(_gratings(), resampling=FEW) for name in ("HMAX", "LeNet-5, untrained")}
    )


def _grown(rng):
    results = {
        name: field_growth(model, IMAGES, n_units=2, resampling=FEW) for name, model in WIDE.items()
    }
    return tables(results)


MADE = {
    "accuracy": _classified,
    "architecture": lambda rng: tables(
        {name: architecture_measure(model, (32, 32)) for name, model in WIDE.items()}
    ),
    "bandwidths": _tuned(orientation_tuning),
    "brain": _brain,
    "cka": _alignment,
    "confusion": _classified,
    "field_views": lambda rng: {
        "results": {
            name: views_measure(model, IMAGES, SHOWN[name], n_images=1)
            for name, model in WIDE.items()
        }
    },
    "filters": lambda rng: {
        "results": {name: first_filters(model) for name, model in WIDE.items()}
    },
    "growth": _grown,
    "invariance": _curves,
    "layers": lambda rng: tables(
        {name: tolerance_range(_responses(rng), resampling=FEW) for name in ("HMAX", "CNN")}
    ),
    "learning": _learned,
    "modulation": _tuned(phase_tuning),
    "overview": _curves,
    "polar": _tuned(orientation_tuning),
    "rdms": lambda rng: tables(
        {
            name: rdms_measure(_responses(rng).isel(shift=0, drop=True))
            for name in ("HMAX", "LeNet-5, untrained")
        }
    ),
    "selectivity": lambda rng: tables(
        {
            name: selectivity_and_tolerance(_responses(rng), resampling=FEW)
            for name in ("HMAX", "CNN")
        }
    ),
    "tuning_curves": _tuned(frequency_tuning),
    "winners": lambda rng: {"results": {"HMAX": best_matches(WIDE["HMAX"], IMAGES)}},
}


def drawn(made, name, **options):
    function, contract = load_figure(name)
    found = made(name)
    return function(*(found[key] for key in contract.draws), **options)
