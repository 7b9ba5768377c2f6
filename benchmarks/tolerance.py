"""Tolerance to position, size, rotation in the plane and in depth: pixels, perceptron, HMAX and a
CNN, trained and untrained.

    python -m benchmarks.tolerance --output tolerance

Objects are coil20's (one view each, or 36) and paperclips; what is learned is learned on
caltech101, never on them. The sets are looked for in ../shared/data or HMAX_CNN_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from hmax_cnn.analysis.controls import controls
from hmax_cnn.analysis.figures.invariance import invariance
from hmax_cnn.analysis.figures.style import save
from hmax_cnn.analysis.figures.tables import tables
from hmax_cnn.analysis.measures.decoding import decoding_generalisation
from hmax_cnn.analysis.measures.populations import population_similarity
from hmax_cnn.analysis.measures.tolerance import tolerance_range
from hmax_cnn.analysis.measures.view_tuned import view_tuned_units
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN, MultilayerPerceptron
from hmax_cnn.data import read_folder, read_index
from hmax_cnn.data.images import Framing
from hmax_cnn.data.stimuli import paperclips
from hmax_cnn.data.transformations import rotation, scale, shift
from hmax_cnn.data.transformed import Transformed, transformed
from hmax_cnn.data.views import views
from hmax_cnn.extraction import FeatureExtractor, Pixels
from hmax_cnn.hmax import HMAX

from .svm_accuracy import pretrained

SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
SIDE, N_UNITS, N_CLIPS, DEPTH = 96, 800, 40, np.arange(-60.0, 61.0, 10.0)
RESAMPLING = Resampling(200)
PRETRAINED = "EfficientNet-Lite0"


def luminance(images: object) -> np.ndarray:
    return Pixels(grid=(SIDE, SIDE)).transform(images).reshape(-1, SIDE, SIDE)


def models() -> dict[str, tuple[FeatureExtractor, list[str]]]:
    """Name of each model, and the layers asked of it; all see images of SIDE x SIDE."""
    pictures = read_folder(SHARED / "caltech101").framed(f"cover:{SIDE}x{SIDE}")
    train = np.flatnonzero(pictures.split == "train")
    seen, labels = luminance(pictures.subset(train)), pictures.labels[train]
    network = CNN(
        "simplenet",
        channels=1,
        epochs=40,
        optimiser="adam",
        learning_rate=1e-3,
        augmentation={"mirror": True, "crop": 8},
    ).fit(seen, labels)
    perceptron = MultilayerPerceptron(128, epochs=40).fit(seen, labels)
    hmax = HMAX(prototype_sizes=(4, 8), n_prototypes=100, bands=4).fit(seen)
    return {
        "pixels": (Pixels(grid=(16, 16)), ["pixels"]),
        "MLP": (perceptron, ["hidden1_active"]),
        "MLP untrained": (perceptron.untrained(1), ["hidden1_active"]),
        "HMAX": (hmax, ["c1", "c2"]),
        "HMAX shuffled": (controls(hmax)["shuffled prototypes"], ["c2"]),
        "CNN": (network, ["relu1", "relu2", "relu3"]),
        "CNN untrained": (network.untrained(1), ["relu1", "relu2", "relu3"]),
    }


def pretrained_models() -> dict[str, tuple[FeatureExtractor, list[str]]]:
    """EfficientNet-Lite0 of ImageNet, on the same pictures enlarged; none without its packages."""
    layers = ["_blocks.8", "_avg_pooling"]
    network = pretrained(layers)
    return {} if network is None else {PRETRAINED: (network, layers)}


def enlarged(images: Transformed) -> Transformed:
    """The transformed pictures at the size that an ImageNet network was trained on."""
    rule = Framing("stretch:224x224")

    def read(image: int, value: int) -> np.ndarray:
        shown = np.uint8(np.clip(images.read(image, value), 0, 255).round())
        return np.asarray(rule.apply(Image.fromarray(shown)))

    return replace(images, read=read)


def sets() -> dict[str, Transformed]:
    """Objects, transformed."""
    coil = read_index(SHARED / "coil20" / "index.csv").framed(f"stretch:{SIDE}x{SIDE}")
    angle = coil.columns["angle_deg"]
    front = coil.subset(angle == 0)
    padded = np.pad(luminance(front), ((0, 0), (SIDE // 4, SIDE // 4), (SIDE // 4, SIDE // 4)))
    objects = luminance(
        list(padded)
    )  # half as large, on the black that coil20 has, so that there is room to move
    depth = coil.subset(np.isin(np.minimum(angle, 360 - angle), np.abs(DEPTH)))
    turned = np.where(
        depth.columns["angle_deg"] > 180,
        depth.columns["angle_deg"] - 360,
        depth.columns["angle_deg"],
    )
    clips = paperclips((SIDE, SIDE), N_CLIPS, views=DEPTH, sizes=(64,))
    labels = front.labels
    return {
        "Position": transformed(objects, shift(fill=0), np.arange(-20.0, 21.0, 5.0), labels),
        "Size": transformed(objects, scale(fill=0), 2.0 ** np.arange(-1, 1.1, 0.25), labels),
        "Rotation in the plane": transformed(
            objects, rotation(fill=0), np.arange(-90.0, 91.0, 15.0), labels
        ),
        "Rotation in depth, coil20": views(depth, depth.labels, turned, 0.0),
        "Rotation in depth, paperclips": views(
            clips, clips.table["object"], clips.table["view"], 0.0
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("tolerance"))
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    similar, decoded, ranges = {}, {}, []
    everything = models() | pretrained_models()
    for title, images in sets().items():
        for name, (model, layers) in everything.items():
            start = time.perf_counter()
            shown = enlarged(images) if name == PRETRAINED else images
            found = responses(model, shown, layers, N_UNITS)
            similar.setdefault(name, {})[title] = population_similarity(
                found, resampling=RESAMPLING
            )
            decoded.setdefault(name, {})[title] = decoding_generalisation(
                found, readout="nearest", resampling=RESAMPLING
            )
            tuned = view_tuned_units(found)
            span = tolerance_range(tuned, targets=tuned["target"].values, resampling=RESAMPLING)
            for layer in span["layer"].values:
                row = span.sel(layer=layer)
                value = [
                    round(float(row[key]), 2) for key in ("layer_value", "layer_low", "layer_high")
                ]
                ranges.append(
                    (
                        title,
                        name,
                        str(layer),
                        *value,
                        span.attrs["units"],
                        round(float(span["cut_off"].mean()), 2),
                    )
                )
            print(
                f"{title}, {name}: {len(images)} images in {time.perf_counter() - start:.1f} s",
                flush=True,
            )
    drawn = {
        "pixels": ["pixels"],
        "MLP": ["hidden1_active"],
        "HMAX": ["c1", "c2"],
        "HMAX shuffled": ["c2"],
        "CNN": ["relu1", "relu3"],
        "CNN untrained": ["relu3"],
        PRETRAINED: ["_blocks.8", "_avg_pooling"],
    }
    for stem, results, label in (
        ("similarity", similar, "Self-similarity"),
        ("decoding", decoded, "Nearest object: generalisation"),
    ):
        table = tables(results)["table"]
        kept = [
            layer in drawn.get(model, ())
            for model, layer in zip(table["model"], table["layer"], strict=True)
        ]
        save(invariance(table[kept], label=label), output / stem, table)
    table = pd.DataFrame(
        ranges, columns=["set", "model", "layer", "range", "low", "high", "units", "cut off"]
    )
    table.to_csv(output / "ranges.csv", index=False)
    print(
        "\nTolerance range of view-tuned units, mean over "
        f"objects\n{table.to_string(index=False)}\n\nWritten to {output}/"
    )


if __name__ == "__main__":
    main()
