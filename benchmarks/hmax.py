"""Image to C1 and to C2: this HMAX beside the same model in PyTorch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_sample_images

from .rounds import ON_PROCESSOR, OURS, Case, answer, timed

FOUR, EIGHT = (4, 8, 12, 16), tuple(range(2, 17, 2))
# Of 1, 2, 4 and 8, PyTorch's fastest is looked for in each run.
PLAIN = ["PyTorch, batch 2", "PyTorch, batch 4", "PyTorch, batch 8"]
PARTIAL = {
    "layer": "c2",
    "sizes": FOUR,
    "count": 250,
    "partial": True,
    "n_images": 32,
    "device": "cpu",
}


def cases() -> list[Case]:
    """The rows of the table."""
    to_c1 = PARTIAL | {"layer": "c1"}
    whole = PARTIAL | {"partial": False}
    public = PARTIAL | {"sizes": EIGHT, "count": 400, "n_images": 8}
    return [
        Case("image to C1, 250 x 250", "hmax", to_c1, PLAIN, 0.15, 0.10),
        Case("image to 1000 C2, partial windows", "hmax", PARTIAL, PLAIN, 0.20, 0.15),
        Case("image to 1000 C2, whole windows", "hmax", whole, PLAIN, 0.20, 0.15),
        Case("image to 3200 C2", "hmax", public, ["public PyTorch HMAX"], 0.05, 0.035),
    ]


def stimuli(n_images: int, side: int = 250) -> np.ndarray:
    """Different cuts of scikit-learn's two photographs, 8 bit."""
    rng = np.random.default_rng(0)
    photographs = [photograph @ (0.299, 0.587, 0.114) for photograph in load_sample_images().images]
    corners = rng.random((n_images, 2)) * [[length - side for length in photographs[0].shape]]
    return np.stack(
        [
            photographs[i % 2][int(y) : int(y) + side, int(x) : int(x) + side]
            for i, (y, x) in enumerate(corners)
        ]
    ).astype(np.uint8)


def prototypes(sizes: tuple[int, ...], count: int) -> dict[int, np.ndarray]:
    """Patches of C1 of two other cuts."""
    from hmax_cnn.hmax import HMAX

    model = HMAX(prototype_sizes=tuple(sizes), n_prototypes=count, random_state=1)
    return dict(model.fit(stimuli(202)[200:]).prototypes_.patches)


def side(name: str, options: dict[str, Any]) -> None:
    """Measure one side in this process: seconds of an image."""
    images = stimuli(options["n_images"])
    patches = prototypes(options["sizes"], options["count"])
    if name == OURS:
        run = ours(patches, options)
    elif name == ON_PROCESSOR:
        run = ours(patches, options | {"device": "cpu"})
    elif name.startswith("public"):
        run = public(patches)
    else:
        run = plain(patches, options, batch=int(name.rpartition(" ")[2]))
    check = run(images[:4])
    answer(timed(lambda: run(images), 3) / len(images), check)


def ours(
    patches: dict[int, np.ndarray], options: dict[str, Any]
) -> Callable[[np.ndarray], np.ndarray]:
    from hmax_cnn.hmax import HMAX

    model = HMAX(
        prototypes=patches,
        layer=options["layer"],
        partial_windows=options["partial"],
        device=options["device"],
    )
    return model.transform


def plain(
    patches: dict[int, np.ndarray], options: dict[str, Any], batch: int
) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    from .yardsticks.plain_hmax import PlainHMAX

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cudnn.allow_tf32 = False  # the same precision on both sides
    model = PlainHMAX(patches, options["partial"]).to(options["device"])

    def features(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = torch.tensor(images, dtype=torch.float32)[:, None].split(batch)
            moved = (part.to(options["device"]) for part in parts)
            if options["layer"] == "c1":
                found = [torch.cat([m.flatten(1) for m in model.c1(part)], 1) for part in moved]
            else:
                found = [model(part) for part in moved]
            return torch.cat(found).cpu().numpy()

    return features


def public(patches: dict[int, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    from .yardsticks.public_hmax import PublicHMAX

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = PublicHMAX(patches)

    def features(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = torch.tensor(images, dtype=torch.float32)[:, None].split(4)
            return torch.cat([model(part) for part in parts]).numpy()

    return features


if __name__ == "__main__":
    side(sys.argv[1], json.loads(sys.argv[2]))
