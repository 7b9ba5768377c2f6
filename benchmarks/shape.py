"""Shape against texture: HMAX, pixels and a network trained on ImageNet; people beside them.

    python -m benchmarks.shape

Needs the set shape_stimuli in ../shared/data or HMAX_CNN_DATA for the second table.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import SVC

from hmax_cnn.analysis.intervals import wilson_interval
from hmax_cnn.analysis.linear_svm import LinearSVM
from hmax_cnn.analysis.measures.shape_bias import shape_bias
from hmax_cnn.analysis.responses import responses
from hmax_cnn.data import Dataset, open_dataset
from hmax_cnn.data.stimuli import textured_shapes
from hmax_cnn.extraction import FeatureExtractor, Pixels
from hmax_cnn.hmax import HMAX

from .svm_accuracy import HOG, best_hog, pretrained

SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (0, 1, 2)
SIDE = 224  # what the network expects; all models see the same pictures


def models() -> dict[str, tuple[FeatureExtractor, list[str]]]:
    """What is compared on textured shapes, each with its layers."""
    found: dict[str, tuple[FeatureExtractor, list[str]]] = {
        "pixels": (Pixels(grid=(32, 32)), ["pixels"]),
        "HOG": (HOG(), ["hog"]),
        "HMAX": (HMAX(preset="serre2007", prototypes="photographs"), ["c1", "c2"]),
    }
    layers = ["_blocks.2", "_blocks.8", "_avg_pooling"]
    if (network := pretrained(layers)) is not None:
        found["EfficientNet-Lite0"] = (network, layers)
    return found


def biases() -> pd.DataFrame:
    """Shape bias by decisions and by neighbours, over seeds of shapes and textures."""
    rows = []
    for seed in SEEDS:
        shapes = textured_shapes((SIDE, SIDE), size=SIDE / 2, periods=(8, 16), random_state=seed)
        for name, (model, layers) in models().items():
            found = responses(model, shapes, layers, units=2000, random_state=seed)
            for by in ("decisions", "neighbours"):
                result = shape_bias(found, by)
                rows += [
                    {"model": name, "layer": layer, "by": by, "seed": seed}
                    | {key: of[f"layer_{key}"].item() for key in ("value", "low", "high")}
                    | {"decided": of["decided"].item() if "decided" in of else np.nan}
                    for layer, of in result.groupby("layer")
                ]
    table = pd.DataFrame(rows)
    keys = ["by", "model", "layer"]
    return table.groupby(keys, sort=False)[["value", "low", "high", "decided"]].mean().round(2)


def generalisation() -> pd.DataFrame:
    """A linear SVM of silhouettes tested on edge drawings, and the other way round; people beside.

    The two show the same objects.
    """
    dataset = open_dataset(SHARED / "shape_stimuli" / "index.csv")
    kind = np.asarray(dataset.columns["stimulus_type"])
    rows = []
    for trained, tested in (("silhouettes", "edges"), ("edges", "silhouettes")):
        split = np.where(kind == trained, "train", "test")
        for name, features in features_of(dataset, split).items():
            svm = LinearSVM(3)
            if "not standardised" in name:
                svm = plain_svm()
            svm.fit(features[kind == trained], dataset.labels[kind == trained])
            right = svm.predict(features[kind == tested]) == dataset.labels[kind == tested]
            low, high = wilson_interval(right.sum(), len(right))
            value = {"value": right.mean(), "low": low, "high": high}
            rows.append({"tested": tested, "who": name} | value)
        rows += others(tested)
    return pd.DataFrame(rows).set_index(["tested", "who"])[["value", "low", "high"]].round(3)


def plain_svm() -> GridSearchCV:
    """A linear SVM of features as they are, as HOG's authors have it."""
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    return GridSearchCV(SVC(kernel="linear"), {"C": 10.0 ** np.arange(-3, 5)}, cv=folds)


def features_of(dataset: Dataset, split: np.ndarray) -> dict[str, np.ndarray]:
    """Of every picture; prototypes and cells are chosen in the training part."""
    parted = replace(dataset, split=split)
    pictures = parted.framed("stretch:140x140")
    hmax = HMAX(preset="serre2007").fit(pictures.subset(np.flatnonzero(split == "train")))
    found = {
        "pixels": Pixels(grid=(32, 32)).transform(pictures),
        "HOG": best_hog(parted, 140),
        "HOG of 8 px, not standardised": HOG(8).transform(pictures),
        "HMAX C1": HMAX(preset="serre2007", layer="c1").transform(pictures),
        "HMAX C2": hmax.transform(pictures),
    }
    if (network := pretrained()) is not None:
        found["EfficientNet-Lite0"] = network.transform(dataset.framed("stretch:224x224"))
    return found


def others(tested: str) -> list[dict[str, object]]:
    """Published accuracies of people (lowest to highest) and of networks, from their decisions."""
    table = pd.read_csv(SHARED / "shape_stimuli" / f"responses_{tested}.csv")
    right = table["response"] == table["true_shape_category"]
    accuracy = right.groupby(table["observer"]).mean()
    people = accuracy[accuracy.index.str.contains("subject")]
    rows: list[dict[str, object]] = [
        {
            "tested": tested,
            "who": f"{len(people)} people",
            "value": people.mean(),
            "low": people.min(),
            "high": people.max(),
        }
    ]
    networks = accuracy.drop(people.index)
    return rows + [
        {"tested": tested, "who": f"{name}, ImageNet (16 categories)", "value": value}
        for name, value in networks.items()
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(biases().to_string(), "\n", flush=True)
    print(generalisation().to_string(na_rep=""))


if __name__ == "__main__":
    main()
