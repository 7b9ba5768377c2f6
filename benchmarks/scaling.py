"""How time grows with images, prototypes, batch and cores: exponents fitted to medians."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .hmax import prototypes, stimuli
from .rounds import timed

GROWS = {
    "image side": ("side", (64, 128, 256, 512, 1024), {}),
    "prototypes of 8 x 8": ("count", (100, 300, 1000, 3000, 10000), {}),
    "images in a call": ("n_images", (1, 4, 16, 64), {"side": 128}),
    "cores": ("n_threads", (1, 2), {"n_images": 16}),
}
DEFAULTS = {"side": 250, "count": 250, "n_images": 4, "n_threads": None}


def measured(options: dict[str, Any]) -> float:
    """Seconds of one call, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scaling", json.dumps(DEFAULTS | options)]
    folder = Path(__file__).parents[1]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return float(done.stdout)


def rows() -> list[dict[str, Any]]:
    """Seconds at each value, and the exponent of a straight line through their logarithms."""
    found = []
    for name, (option, values, others) in GROWS.items():
        seconds = [measured(others | {option: value}) for value in values]
        # The upper half: at the start fixed costs hide how it grows.
        upper = slice(len(values) // 2 - (len(values) == 2), None)
        logs = np.log(values[upper]), np.log(seconds[upper])
        exponent = float(np.polyfit(*logs, 1)[0])
        found.append({"grows": name, "values": values, "seconds": seconds, "exponent": exponent})
        told = ", ".join(f"{v}: {1000 * s:.0f} ms" for v, s in zip(values, seconds, strict=True))
        print(f"{name}: {told}; exponent {exponent:.2f}", flush=True)
    return found


def main(options: dict[str, Any]) -> None:
    """Measure one call of HMAX in this process."""
    from hmax_cnn.hmax import HMAX

    side = options["side"]
    images = stimuli(options["n_images"], min(side, 400))
    if side > 400:
        images = np.tile(images, (1, 3, 3))[:, :side, :side]
    # Patches of 250 x 250 pixels, again and again with a little noise: no two are the same.
    patches = prototypes((8,), 250)[8]
    rng = np.random.default_rng(0)
    times = -(-options["count"] // 250)
    many = np.tile(patches, (times, 1, 1, 1))[: options["count"]]
    many = many + 0.01 * rng.random(many.shape, np.float32)
    model = HMAX(prototypes={8: many}, n_threads=options["n_threads"], batch_memory=4096)
    print(timed(lambda: model.transform(images), 3))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
