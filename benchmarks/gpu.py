"""HMAX and networks on a GPU, beside PyTorch on the same card and ourselves on the processor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from .cnn import SMALL, VGG16, options_of
from .hmax import PARTIAL
from .rounds import ON_PROCESSOR, Case

HMAX_SIDES = ["PyTorch, batch 8", "PyTorch, batch 32", ON_PROCESSOR]
NETWORK_SIDES = ["PyTorch", "PyTorch, channels last", ON_PROCESSOR]
# ms at the full single precision of an H100 or H200, 67 TFLOP/s, of one image: S1 by symmetry,
# 0.99 GFLOP and its norms; beside it 12.0 GFLOP of S2, 4 x 250 prototypes at 12,491 places of C1.
TO_C1, TO_C2 = 0.0225, 0.0225 + 0.179


def cases() -> list[Case]:
    """The rows of the table."""
    to_c2 = PARTIAL | {"device": "cuda", "n_images": 512}
    to_c1 = to_c2 | {"layer": "c1"}
    lenet = options_of("lenet5", {}, "lenet", (), 128, 28, 20, trains=True, device="cuda")
    small = options_of(
        "vgg", SMALL, "vgg", (*SMALL.values(), 10), 64, 32, 10, trains=True, device="cuda"
    )
    resnet18 = options_of(
        "resnet18", {}, "resnet", ((2, 2, 2, 2), 10), 32, 64, 10, trains=True, device="cuda"
    )
    vgg16 = options_of("vgg16", {}, "vgg", VGG16, 32, 224, 5, device="cuda")
    resnet50 = options_of(
        "resnet50", {}, "resnet", ((3, 4, 6, 3), 10, True), 32, 224, 5, device="cuda"
    )
    found = [
        Case("image to C1, 250 x 250", "hmax", to_c1, HMAX_SIDES, floor_ms=TO_C1, n_images=1),
        Case(
            "image to 1000 C2, partial windows",
            "hmax",
            to_c2,
            HMAX_SIDES,
            floor_ms=TO_C2,
            n_images=1,
        ),
    ]
    networks = {
        "LeNet-5, 28 x 28, batch 128, training step": lenet,
        "VGG-like, 32 x 32, batch 64, training step": small,
        "ResNet-18, 64 x 64, batch 32, training step": resnet18,
        "VGG-16, 224 x 224, batch 32, forward": vgg16,
        "ResNet-50, 224 x 224, batch 32, forward": resnet50,
    }
    for name, options in networks.items():
        found.append(Case(name, "cnn", options, NETWORK_SIDES, n_images=options["n_images"]))
    for name, options in networks.items():
        # Asked for, on both sides; nothing uses it by itself.
        if not options["trains"]:
            with_tf32 = options | {"tf32": True}
            found.append(
                Case(
                    f"{name}, TF32",
                    "cnn",
                    with_tf32,
                    NETWORK_SIDES[:2],
                    n_images=options["n_images"],
                )
            )
    return found


def before() -> dict[str, Any]:
    """Which card this is, and whether the tests pass on it.

    Raises
    ------
    RuntimeError
        If there is no GPU or no CuPy.
    """
    from hmax_cnn.extraction.arrays import device_namespace

    xp = device_namespace("cuda")
    card = xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)["name"].decode()
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-m", "gpu"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], check=False, capture_output=True, text=True
    )
    print(done.stdout, flush=True)
    return {"card": card, "tests": done.stdout.strip().splitlines()[-1]}
