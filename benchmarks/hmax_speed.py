"""Image to C2: this HMAX against the same model written the plain way in PyTorch, in turn, one
process per side.

python benchmarks/hmax_speed.py                    # processor
python benchmarks/hmax_speed.py --device cuda      # GPU: images per second of both
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_images

SIZES, COUNT = (4, 8, 12, 16), 250


def stimuli(n_images: int) -> np.ndarray:
    """Different 250 x 250 cuts of scikit-learn's two photographs, 8 bit."""
    rng = np.random.default_rng(0)
    photographs = [photograph @ (0.299, 0.587, 0.114) for photograph in load_sample_images().images]
    corners = rng.random((n_images, 2)) * [[side - 250 for side in photographs[0].shape]]
    return np.stack(
        [
            photographs[i % 2][int(y) : int(y) + 250, int(x) : int(x) + 250]
            for i, (y, x) in enumerate(corners)
        ]
    ).astype(np.uint8)


def prototypes() -> dict[int, np.ndarray]:
    """Patches of C1 of two other cuts."""
    from hmax_cnn.hmax import HMAX

    model = HMAX(prototype_sizes=SIZES, n_prototypes=COUNT, random_state=1).fit(stimuli(202)[200:])
    return dict(model.prototypes_.patches)


def one_side(side: str, n_images: int, device: str, batch: int, partial: bool) -> None:
    """Time one side in this process and print what was measured."""
    images, patches = stimuli(n_images), prototypes()
    if side == "pytorch":
        from plain_pytorch import features

        def run(some: np.ndarray) -> np.ndarray:
            return features(some, patches, batch, device, partial)
    else:
        from hmax_cnn.hmax import HMAX

        run = HMAX(prototypes=patches, device=device, partial_windows=partial).transform
    run(images[: min(n_images, 2 * batch)])
    start = time.perf_counter()
    result = run(images)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {"seconds_per_image": seconds / n_images, "peak_mb": peak, "check": result[:4].tolist()}
        )
    )


def measured(side: str, arguments: argparse.Namespace, batch: int, n_images: int) -> dict:
    command = [
        sys.executable,
        __file__,
        "--side",
        side,
        "--images",
        str(n_images),
        "--batch",
        str(batch),
        "--device",
        arguments.device,
        "--windows",
        arguments.windows,
    ]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--batch",
        type=int,
        default=4,
        help="of PyTorch: 4 was its fastest of 1, 2, 4, 8 on 2 cores",
    )
    parser.add_argument(
        "--windows",
        choices=["partial", "whole"],
        default="partial",
        help="S2 windows that reach beyond C1 count, or do not",
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--side", choices=["pytorch", "hmax-cnn"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        one_side(
            arguments.side,
            arguments.images,
            arguments.device,
            arguments.batch,
            arguments.windows == "partial",
        )
        return
    rounds = [
        {
            side: measured(side, arguments, arguments.batch, arguments.images)
            for side in ("pytorch", "hmax-cnn")
        }
        for _ in range(arguments.rounds)
    ]
    agreement = max(
        np.abs(np.subtract(r["pytorch"]["check"], r["hmax-cnn"]["check"])).max() for r in rounds
    )
    many = measured("hmax-cnn", arguments, arguments.batch, 4 * arguments.images)
    print(
        f"250 x 250 images, {len(SIZES)} x {COUNT} prototypes, image to C2, "
        f"{arguments.windows} windows, {arguments.device}; "
        f"{arguments.rounds} rounds of {arguments.images}"
    )
    print(f"{'':24}{'images/s':>10}{'ms/image':>10}{'peak MB':>10}{'ratio (min - max)':>24}")
    ratios = [
        r["hmax-cnn"]["seconds_per_image"] / r["pytorch"]["seconds_per_image"] for r in rounds
    ]
    for side, ratio in (
        ("pytorch", "1.00"),
        ("hmax-cnn", f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"),
    ):
        seconds = statistics.median(r[side]["seconds_per_image"] for r in rounds)
        peak = max(r[side]["peak_mb"] for r in rounds)
        print(f"{side:24}{1 / seconds:10.1f}{1000 * seconds:10.1f}{peak:10.0f}{ratio:>24}")
    print(
        f"{f'hmax-cnn, {4 * arguments.images} images':24}{1 / many['seconds_per_image']:10.1f}"
        f"{1000 * many['seconds_per_image']:10.1f}{many['peak_mb']:10.0f}"
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch"))
    print(
        f"largest difference of a distance: {agreement:.1e}; Python "
        f"{platform.python_version()}, {versions}"
    )


if __name__ == "__main__":
    main()
