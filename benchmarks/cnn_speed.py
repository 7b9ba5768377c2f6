"""Networks here against the same networks in PyTorch: training steps and forward passes, in turn,
one process per side.

    python benchmarks/cnn_speed.py
    python benchmarks/cnn_speed.py --rounds 3 --only resnet18

Outputs of both sides from the same weights are compared in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

import numpy as np

SMALL = {"stages": (1, 1, 2), "filters": (64, 128, 256), "n_dense": 256, "grid": 4}
# Architecture, its options, PyTorch's maker and arguments, images, side, training or not, repeats.
CASES = {
    "LeNet-5, 28 x 28, batch 128, training step": ("lenet5", {}, "lenet", (), 128, 28, True, 30),
    "VGG-like, 32 x 32, batch 64, training step": (
        "vgg",
        SMALL,
        "vgg",
        (*SMALL.values(), 10),
        64,
        32,
        True,
        5,
    ),
    "ResNet-18, 64 x 64, batch 32, training step": (
        "resnet18",
        {},
        "resnet",
        ((2, 2, 2, 2), 10),
        32,
        64,
        True,
        5,
    ),
    "VGG-16, 224 x 224, batch 8, forward": (
        "vgg16",
        {},
        "vgg",
        ((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), 4096, 7, 10),
        8,
        224,
        False,
        2,
    ),
    "ResNet-50, 224 x 224, batch 8, forward": (
        "resnet50",
        {},
        "resnet",
        ((3, 4, 6, 3), 10, True),
        8,
        224,
        False,
        2,
    ),
}


def one_side(side: str, case: str) -> None:
    """Time one side in this process and print what was measured."""
    architecture, options, maker, arguments, n_images, size, trains, repeats = CASES[case]
    from hmax_cnn.cnn import build
    from hmax_cnn.extraction.arrays import n_cores
    from hmax_cnn.extraction.parallel import workers

    graph = build(architecture, options | {"n_classes": 10, "image_shape": (size, size)})
    weights = graph.draw(0)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((n_images, graph.n_channels, size, size)).astype(np.float32)
    classes = rng.integers(0, 10, n_images)
    run, scores = (pytorch if side == "pytorch" else ours)(
        graph, weights, maker, arguments, images, classes, trains
    )
    check = np.asarray(scores()).tolist()
    with (
        workers(n_cores()) if side == "ours" and trains else nullcontext()
    ):  # once, as around a whole training
        run()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(times), "peak_mb": peak, "check": check}))


def pytorch(graph, weights, maker, arguments, images, classes, trains):
    """The same weights in PyTorch's module."""
    import plain_networks
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    module = getattr(plain_networks, maker)(*arguments)
    held = [array for name, array in weights.items() if "running" not in name]
    with torch.no_grad():
        for parameter, array in zip(module.parameters(), held, strict=True):
            parameter.copy_(torch.as_tensor(array))
    seen, right = torch.as_tensor(images), torch.as_tensor(classes)
    rule = torch.optim.SGD(module.parameters(), 0.001, 0.9)

    def step() -> None:
        module.train()
        rule.zero_grad()
        torch.nn.functional.cross_entropy(module(seen), right).backward()
        rule.step()

    def forward() -> np.ndarray:
        module.eval()
        with torch.no_grad():
            return module(seen).numpy()

    return step if trains else forward, forward


def ours(graph, weights, maker, arguments, images, classes, trains):
    """The network here: training as `fit` does it, the forward pass as `transform` does it."""
    from hmax_cnn.cnn.losses import softmax_loss
    from hmax_cnn.cnn.optimisers import Optimiser
    from hmax_cnn.extraction import Maps
    from hmax_cnn.extraction.arrays import n_cores
    from hmax_cnn.extraction.parallel import in_order

    rule, (head,) = Optimiser("sgd", 0.9), graph.outputs
    memory = rule.start({name: array for name, array in weights.items() if "running" not in name})

    def step() -> None:
        values, pullback, moved = graph.forward(
            images,
            weights,
            [head],
            training=True,
            frozen=[name for name in graph.nodes if "drop" in name],
        )
        _, gradient = softmax_loss(values[head].reshape(len(images), -1), classes)
        rule.move(
            weights, memory, pullback({head: gradient.reshape(values[head].shape)})[0], 0.001, 1
        )
        weights.update(moved)

    def of_some(some: np.ndarray) -> np.ndarray:
        for _, maps, _ in graph.walk(Maps(some), weights, [head]):
            scores = maps.values
        return scores.reshape(len(some), -1)

    def forward() -> np.ndarray:
        batches = [images[first : first + 4] for first in range(0, len(images), 4)]
        return np.concatenate(list(in_order(of_some, batches, n_cores())))

    return step if trains else forward, forward


def measured(side: str, case: str) -> dict:
    command = [sys.executable, __file__, "--side", side, "--case", case]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        one_side(chosen.side, chosen.case)
        return
    print(
        f"{'':46}{'PyTorch ms':>12}{'ours ms':>10}{'ratio (min - max)':>22}"
        f"{'peak MB':>14}{'difference':>12}"
    )
    for case in CASES:
        if chosen.only.lower() not in case.lower().replace("-", ""):
            continue
        rounds = [
            {side: measured(side, case) for side in ("pytorch", "ours")}
            for _ in range(chosen.rounds)
        ]
        ratios = [r["ours"]["seconds"] / r["pytorch"]["seconds"] for r in rounds]
        theirs, own = (
            1000 * statistics.median(r[side]["seconds"] for r in rounds)
            for side in ("pytorch", "ours")
        )
        peaks = "/".join(
            f"{max(r[side]['peak_mb'] for r in rounds):.0f}" for side in ("pytorch", "ours")
        )
        expected = np.asarray(rounds[0]["pytorch"]["check"])
        difference = np.linalg.norm(
            np.asarray(rounds[0]["ours"]["check"]) - expected
        ) / np.linalg.norm(expected)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"
        print(
            f"{case:46}{theirs:12.1f}{own:10.1f}{spread:>22}{peaks:>14}{difference:12.1e}",
            flush=True,
        )
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch"))
    print(
        f"{len(os.sched_getaffinity(0))} cores, {chosen.rounds} rounds, medians; Python "
        f"{platform.python_version()}, {versions}"
    )


if __name__ == "__main__":
    main()
