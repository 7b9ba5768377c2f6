"""Linear SVM on real images: pixels, HOG, HMAX C1, C2 and both, three seeds, given splits.

    python benchmarks/svm_accuracy.py caltech101 scenes15

The sets are looked for in ../shared/data or HMAX_CNN_DATA. HOG needs scikit-image (the extra
`test`).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.feature import hog

from hmax_cnn.analysis.readout import linear_svm
from hmax_cnn.data import Dataset, read_folder
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (0, 1, 2)


def score(features: np.ndarray, dataset: Dataset, seed: int) -> float:
    """Accuracy on the given test images; C chosen inside the training images."""
    train, test = dataset.split == "train", dataset.split == "test"
    svm = linear_svm(int(train.sum()), features.shape[1], 3, seed).fit(
        features[train], dataset.labels[train]
    )
    return float(svm.score(features[test], dataset.labels[test]))


def grey(dataset: Dataset, side: int) -> np.ndarray:
    """Luminance of every picture, stretched to a square."""
    return np.concatenate(
        [
            Pixels(grid=(side, side))
            .transform(dataset.framed(f"stretch:{side}x{side}"))
            .reshape(-1, side, side)
        ]
    )


def c2(dataset: Dataset, seed: int, **parameters: object) -> np.ndarray:
    """C2 of pictures 140 px high, prototypes imprinted from the training images only."""
    pictures = dataset.framed("height:140")
    model = HMAX(preset="serre2007", random_state=seed, **parameters).fit(
        pictures.subset(np.flatnonzero(dataset.split == "train"))
    )
    return model.transform(pictures)


def evaluate(name: str) -> pd.DataFrame:
    dataset = read_folder(SHARED / name)
    fixed = {
        "pixels (16 x 16)": grey(dataset, 16).reshape(len(dataset), -1),
        "HOG (96 px)": np.stack(
            [
                hog(picture, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
                for picture in grey(dataset, 96)
            ]
        ),
        "HMAX C1 (140 x 140)": HMAX(preset="serre2007", layer="c1").transform(
            dataset.framed("stretch:140x140")
        ),
    }
    rows = []
    for seed in SEEDS:
        start = time.perf_counter()
        learned = c2(dataset, seed)
        seconds = time.perf_counter() - start
        inside = c2(dataset, seed, partial_windows=False, tuning="distance")
        features = fixed | {
            "HMAX C2": learned,
            "HMAX C1 + C2": np.hstack([fixed["HMAX C1 (140 x 140)"], learned]),
            "HMAX C2, distances": c2(dataset, seed, tuning="distance"),
            "HMAX C2, distances, whole windows": inside,
            "HMAX C1 + C2, distances, whole windows": np.hstack(
                [fixed["HMAX C1 (140 x 140)"], inside]
            ),
        }
        rows += [
            {"features": kind, "seed": seed, "accuracy": score(values, dataset, seed)}
            for kind, values in features.items()
        ]
        print(
            f"{name}, seed {seed}: imprinting and C2 of {len(dataset)} images in {seconds:.0f} s",
            flush=True,
        )
    table = pd.DataFrame(rows).pivot_table(
        index="features", columns="seed", values="accuracy", sort=False
    )
    return table.assign(mean=table.mean(axis=1), sd=table.std(axis=1, ddof=1)).round(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=["caltech101", "scenes15"])
    for name in parser.parse_args().sets:
        table = evaluate(name)
        print(f"\n{name}\n{table.to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
