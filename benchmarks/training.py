"""What training reaches on real images, three seeds: LeNet-5 on MNIST (5,000 training images),
SimpleNet on fifteen kinds of scenes.

    python -m benchmarks.training mnist scenes15

The sets are looked for in ../shared/data or HMAX_CNN_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hmax_cnn.cnn import CNN
from hmax_cnn.data import Dataset, read_folder, read_idx

SHARED = Path(os.environ.get("HMAX_CNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (0, 1, 2)
DIGITS = {"crop": 2, "rotation": 10, "shear": 5}
SCENES = {"mirror": True, "crop": 4, "rotation": 5, "colour": 0.1}


def mnist() -> tuple[Dataset, Dataset]:
    """5,000 training and 10,000 test images."""
    sets = (SHARED / "mnist" / f"{name}-images-idx3-ubyte.gz" for name in ("train5k", "t10k"))
    training, test = (
        read_idx(images, str(images).replace("images-idx3", "labels-idx1")) for images in sets
    )
    return training, test


def scenes15() -> tuple[Dataset, Dataset]:
    """The given split, 64 x 64 pixels, luminance."""
    pictures = read_folder(SHARED / "scenes15").framed("stretch:64x64")
    return tuple(
        pictures.subset(np.flatnonzero(pictures.split == part)) for part in ("train", "test")
    )


CASES = {
    "mnist": [
        ("LeNet-5", {"architecture": "lenet5", "epochs": 20, "learning_rate": 0.02}),
        (
            "LeNet-5, augmented",
            {"architecture": "lenet5", "epochs": 20, "learning_rate": 0.02, "augmentation": DIGITS},
        ),
    ],
    "scenes15": [
        ("SimpleNet", {"architecture": "simplenet", "epochs": 60, "batch_size": 32}),
        (
            "SimpleNet, augmented",
            {"architecture": "simplenet", "epochs": 60, "batch_size": 32, "augmentation": SCENES},
        ),
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=list(CASES))
    for name in parser.parse_args().sets:
        training, test = {"mnist": mnist, "scenes15": scenes15}[name]()
        rows = []
        for label, settings in CASES[name]:
            for seed in SEEDS:
                start = time.perf_counter()
                model = CNN(**settings, random_state=seed, progress=False).fit(
                    training, training.labels
                )
                seconds = time.perf_counter() - start
                last = model.history_.iloc[-1]
                rows.append(
                    {
                        "network": label,
                        "seed": seed,
                        "training": last["accuracy"],
                        "test": model.score(test, test.labels),
                        "seconds": seconds,
                    }
                )
        table = pd.DataFrame(rows)
        summary = table.groupby("network", sort=False).agg(
            training=("training", "mean"),
            test=("test", "mean"),
            lowest=("test", "min"),
            highest=("test", "max"),
            seconds=("seconds", "median"),
        )
        print(
            (
                f"{name}: {len(training)} training and {len(test)} test images, seeds "
                f"{SEEDS}\n{summary.round(4).to_string()}\n"
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
