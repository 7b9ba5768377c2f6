"""Time of every measure, as a multiple of the time that the model needs for the same images; and
memory, for few and many stimuli.

    python -m benchmarks.measures

The yardstick is `HMAX.activations` of the layers that are measured, in the same run. Memory is what
the process holds beyond the mapped files (RssAnon of Linux) at its peak, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from hmax_cnn.analysis.measures import (
    alignment,
    brain,
    decoding,
    equivariance,
    firing_rates,
    invariance,
    mapped_fields,
    populations,
    receptive_fields,
    selectivity,
    similarity,
    tolerance,
    tuning,
)
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.measures.retrieval import retrieval
from hmax_cnn.analysis.measures.view_tuned import view_tuned_units
from hmax_cnn.analysis.responses import choose_units, responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data import digits
from hmax_cnn.data.stimuli import Stimuli, fourier_shapes
from hmax_cnn.data.transformations import shift
from hmax_cnn.data.transformed import Transformed, transformed
from hmax_cnn.hmax import HMAX

SIDE, N_OBJECTS, VALUES, N_UNITS, ROUNDS = 96, 30, np.arange(-12.0, 13.0, 4.0), 200, 3
LAYERS = ["s1", "c1", "c2"]


def model() -> HMAX:
    return HMAX(
        prototypes="photographs", tuning="gaussian", n_prototypes=50, bands=4, progress=False
    )


def images_of(n_objects: int) -> Stimuli:
    return fourier_shapes((SIDE, SIDE), n_objects, (48,))


def stimuli(n_objects: int) -> Transformed:
    return transformed(images_of(n_objects), shift(), VALUES, labels=np.arange(n_objects) % 5)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measures() -> dict[str, Callable[[], object]]:
    """Every measure of the same responses; those that make their own images are last."""
    hmax, images = model(), stimuli(N_OBJECTS)
    found = responses(hmax, images, LAYERS, N_UNITS)
    still, few = found.sel(shift=0, drop=True), Resampling(200)
    subjects = np.random.default_rng(0).random((4, N_OBJECTS * (N_OBJECTS - 1) // 2))
    pictures = digits()[:120].framed("stretch:48x48")
    units = choose_units(hmax, (SIDE, SIDE), LAYERS, 4)
    tuned = view_tuned_units(found)
    shown = tuning.grating_responses(
        hmax, (SIDE, SIDE), ["s1", "c1"], n_orientations=8, frequencies=(0.05, 0.1, 0.2), n_phases=4
    )
    drifting = tuning.grating_responses(
        hmax, (SIDE, SIDE), ["s1", "c1"], n_orientations=2, frequencies=(0.1, 0.2, 0.3)
    )
    predicted = decoding.decoding_generalisation(
        found, readout="nearest", resampling=few, progress=False
    )["predicted"]
    border = responses(
        hmax, transformed(images_of(N_OBJECTS), shift(), VALUES, border_only=True), LAYERS, N_UNITS
    )
    return {
        "responses": lambda: responses(hmax, images, LAYERS, N_UNITS),
        "normalised variance": lambda: invariance.normalised_variance(found, resampling=few),
        "response similarity": lambda: invariance.response_similarity(found, few),
        "separability": lambda: invariance.separability(found, few),
        "firing-rate invariance": lambda: firing_rates.firing_rate_invariance(
            found, resampling=few
        ),
        "border share": lambda: tolerance.border_share(found, border, few),
        "view-tuned units": lambda: view_tuned_units(found),
        "tolerance range": lambda: tolerance.tolerance_range(
            tuned, tuned["target"].values, resampling=few
        ),
        "selectivity and tolerance": lambda: tolerance.selectivity_and_tolerance(abs(found), few),
        "population similarity": lambda: populations.population_similarity(found, resampling=few),
        "equivariance": lambda: equivariance.equivariance(found, resampling=few, progress=False),
        "decoding, svm": lambda: decoding.decoding_generalisation(
            found, resampling=few, progress=False
        ),
        "decoding, nearest": lambda: decoding.decoding_generalisation(
            found, readout="nearest", resampling=few, progress=False
        ),
        "shift consistency": lambda: decoding.shift_consistency(predicted, resampling=few),
        "orientation tuning": lambda: tuning.orientation_tuning(shown, resampling=few),
        "frequency tuning": lambda: tuning.frequency_tuning(shown, resampling=few),
        "F1/F0": lambda: tuning.phase_tuning(drifting, resampling=few),
        "population sparseness": lambda: selectivity.population_sparseness(abs(still), few),
        "lifetime sparseness": lambda: selectivity.lifetime_sparseness(abs(still), few),
        "dimensionality": lambda: selectivity.dimensionality(still, few),
        "RDMs": lambda: similarity.rdms(still),
        "brain similarity": lambda: brain.brain_similarity(
            similarity.rdms(still), subjects, resampling=few
        ),
        "CKA, debiased": lambda: alignment.cka(still, still, resampling=few),
        "Procrustes": lambda: alignment.procrustes(still, still, few),
        "retrieval": lambda: retrieval(still, resampling=few),
        "learning curve, C1 of 120 digits": lambda: learning_curve(
            HMAX(layer="c1", bands=2), pictures, (2, 5), resampling=few, progress=False
        ),
        "effective fields, 10 images": lambda: receptive_fields.effective_fields(
            hmax, _first(images, 10), units, resampling=few, progress=False
        ),
        "mapped fields, 8-pixel spots": lambda: mapped_fields.mapped_fields(
            hmax, (SIDE, SIDE), units, size=8
        ),
    }


def _first(images: object, n: int) -> list[np.ndarray]:
    return [images[index] for index in range(n)]  # type: ignore[index]


def hold(n_objects: int) -> None:
    """Responses of many units and a measure of them; prints the peak of memory that is not in
    mapped files, in MiB."""
    import threading

    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            line = next(
                line
                for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("RssAnon")
            )
            peak[0] = max(peak[0], int(line.split()[1]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    found = responses(
        model().set_params(batch_memory=64), stimuli(n_objects), ["c1"], 4000, memory=16
    )
    invariance.normalised_variance(found, resampling=Resampling(10))
    done.set()
    watcher.join()
    print(f"{n_objects * len(VALUES)} {found.nbytes / 2**20:.0f} {peak[0] / 1024:.0f}")


def main() -> None:
    if len(sys.argv) > 1:
        hold(int(sys.argv[1]))
        return
    work, images, hmax = measures(), list(stimuli(N_OBJECTS)), model()
    seconds: dict[str, list[float]] = {name: [] for name in ["activations (yardstick)", *work]}
    for _ in range(ROUNDS):
        seconds["activations (yardstick)"].append(timed(lambda: hmax.activations(images, LAYERS)))
        for name, job in work.items():
            seconds[name].append(timed(job))
    yardstick = median(seconds["activations (yardstick)"])
    rows = [
        {
            "measure": name,
            "seconds": round(median(times), 3),
            "ratio": round(median(times) / yardstick, 3),
        }
        for name, times in seconds.items()
    ]
    n_images = N_OBJECTS * len(VALUES)
    print(
        f"{n_images} images of {SIDE} x {SIDE}, {N_UNITS} units of each of "
        f"{', '.join(LAYERS)}, 200 resamples, median of {ROUNDS} rounds"
    )
    print(pd.DataFrame(rows).to_string(index=False))
    print(
        "\nMemory, 4,000 C1 units, responses in a file above 16 MiB: images, MiB of "
        "responses, peak MiB held"
    )
    for n_objects in (40, 160, 640):
        out = subprocess.run(
            [sys.executable, __file__, str(n_objects)],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ,
        ).stdout
        print(" ", out.strip(), flush=True)


if __name__ == "__main__":
    main()
