"""Receptive fields of PyTorch graphs: ours, torchlens's, and what gradients reach.

    python -m benchmarks.torch_fields

The graphs are those of tests/cnn/test_torch_reach.py. Needs torchlens 2.36 or newer and pytest.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torchlens

from hmax_cnn.cnn.pytorch import TorchExtractor

sys.path.append(str(Path(__file__).parents[1] / "tests" / "cnn"))
from test_torch_reach import GRAPHS, SIDE, built, seen_by_gradients


def by_gradients(plain: Any) -> tuple[int, int]:
    """The largest extent of what a unit sees, down and across, as gradients show it."""
    sizes = [tuple(end - first for first, end in seen) for _, *seen in seen_by_gradients(plain)]
    return max(down for down, _ in sizes), max(across for _, across in sizes)


def by_torchlens(module: Any) -> tuple[str, str]:
    """Status and size, or why there is none."""
    try:
        trace = torchlens.trace(module, torch.rand(1, 3, SIDE, SIDE))
        view = trace[trace.layer_labels[-1]].receptive_field
        status = str(view.status.value)
        sizes = [str(SIDE) if axis.kind == "full" else str(axis.size) for axis in view.axes or ()][
            -2:
        ]
        return status, " x ".join(sizes)
    except Exception as error:  # any of another package
        return type(error).__name__, ""


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name in GRAPHS:
        module, plain = built(name)
        model = TorchExtractor(module, natural_shape=(SIDE, SIDE))
        field = model.geometry((SIDE, SIDE), ("output",))["output"][0].field
        ours = [
            SIDE if field.status == "whole image" else int(span.size) for span in (field.y, field.x)
        ]
        status, theirs = by_torchlens(module)
        rows.append(
            {
                "graph": name,
                "gradients": " x ".join(map(str, by_gradients(plain))),
                "hmax-cnn": f"{' x '.join(map(str, ours))} {field.status}",
                "torchlens": f"{theirs} {status}".strip(),
            }
        )
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
