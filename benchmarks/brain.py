"""Layers of pixels, filters, HMAX and a CNN, trained and untrained, against human and macaque IT:
92 objects of Kriegeskorte et al. 2008.

    python -m benchmarks.brain --output brain

The set is looked for in ../shared/data or HMAX_CNN_DATA; the CNN and HMAX's prototypes are learned
on caltech101.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from hmax_cnn.analysis.controls import controls
from hmax_cnn.analysis.figures.brain import brain
from hmax_cnn.analysis.figures.style import save
from hmax_cnn.analysis.figures.tables import tables
from hmax_cnn.analysis.measures.brain import brain_similarity
from hmax_cnn.analysis.measures.similarity import compare_rdms, noise_ceiling, rdms
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN
from hmax_cnn.data import Dataset, read_folder, read_index
from hmax_cnn.extraction import FeatureExtractor, FilterBank, Pixels
from hmax_cnn.hmax import HMAX

SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
N_UNITS, SIDE = 2000, 96


def luminance(images: Dataset, side: int) -> np.ndarray:
    return Pixels(grid=(side, side)).transform(images).reshape(-1, side, side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("brain"))
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    brains = np.load(SHARED / "kriegeskorte92" / "rdms.npz")
    human = np.array(
        [[rankdata(session) for session in subject] for subject in brains["hIT_subject_session"]]
    ).mean(axis=1)
    macaque, mean = brains["mIT_674neurons"], brains["hIT_mean_fig1"]
    print("Published RDMs, Spearman with mean human IT and macaque IT:")
    for name in brains.files:
        if brains[name].ndim == 1 and name not in ("hIT_mean_fig1",):
            print(
                f"  {name:22s} {compare_rdms(brains[name], mean):6.3f} "
                f"{compare_rdms(brains[name], macaque):6.3f}"
            )
    print("Noise ceiling of human IT: {:.3f} to {:.3f}\n".format(*noise_ceiling(human)))

    pictures = read_folder(SHARED / "caltech101").framed(f"cover:{SIDE}x{SIDE}")
    train = np.flatnonzero(pictures.split == "train")
    seen, labels = luminance(pictures.subset(train), SIDE), pictures.labels[train]
    network = CNN(
        "simplenet",
        channels=1,
        epochs=40,
        optimiser="adam",
        learning_rate=1e-3,
        augmentation={"mirror": True, "crop": 8},
    )
    network.fit(seen, labels)
    hmax = HMAX(preset="serre2007", n_prototypes=100).fit(
        pictures.subset(train).framed("height:140")
    )
    objects = read_index(SHARED / "kriegeskorte92" / "index.csv")
    small = luminance(objects, SIDE)
    models: dict[str, tuple[FeatureExtractor, object]] = {
        "pixels, 32 x 32": (Pixels(), objects),
        "classical filters": (FilterBank(step=4), small),
        "HMAX": (hmax, objects),
        "HMAX, shuffled": (controls(hmax)["shuffled prototypes"].set_params(layer="c2"), objects),
        "CNN": (network, small),
        "CNN, untrained": (network.untrained(1), small),
    }
    for animal, subjects in (("human", human), ("macaque", macaque)):
        results = {}
        for name, (model, images) in models.items():
            start = time.perf_counter()
            if name == "HMAX, shuffled":
                layers = ["c2"]
            else:
                layers = None
            found = rdms(responses(model, images, layers, N_UNITS))
            results[name] = brain_similarity(found, subjects, resampling=Resampling(200))
            print(
                (
                    f"{animal}, {name}: {found.sizes['layer']} layers in "
                    f"{time.perf_counter() - start:.1f} s"
                ),
                flush=True,
            )
        table = tables(results)["table"]
        if animal == "human":
            whose = "four people"
        else:
            whose = "macaques, 674 cells"
        save(brain(table, f"Similarity of RDMs, IT of {whose}, 92 objects"), output / animal, table)
        print(f"\n{table.round(3).to_string(index=False)}\n", flush=True)
    print(f"Written to {output}/")


if __name__ == "__main__":
    main()
