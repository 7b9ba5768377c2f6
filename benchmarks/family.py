"""Every member of the HMAX family: time of an image, beside what it computes."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import pandas as pd

from .hmax import stimuli

YARDSTICK = "georgetown"
N_IMAGES = 8


def members() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Models that have learned, each with the layers that multiply, which are counted."""
    from hmax_cnn.hmax import HMAX, V1HMAX, ColourHMAX, PyramidHMAX

    shown = stimuli(4)
    few = {"n_prototypes": 100}
    made: dict[str, tuple[Any, tuple[str, ...]]] = {
        name: (HMAX(name, **few, prototype_sizes=(4, 8, 12, 16)), ("s1", "s2"))
        for name in (YARDSTICK, "georgetown_borders", "serre2007")
    }
    made["sparse"] = (HMAX("serre2007", is_sparse=True, **few), ("s1", "s2"))
    for name in ("riesenhuber1999", "serre_riesenhuber2004"):
        made[name] = (HMAX(name), ("s1", "s2"))
    for name in ("mutch_lowe2008_base", "mutch_lowe2008"):
        made[name] = (PyramidHMAX(name, **few), ("s1", "s2"))
    deep = PyramidHMAX("pnas2007", n_bypass=50, n_third=50, **few)
    made["pnas2007"] = (deep, ("s1", "s2", "s2b", "s3"))
    made["V1"] = (V1HMAX(**few), ("v1", "s2"))
    made["colour"] = (ColourHMAX(n_prototypes=50), ("so_s1", "so_s2", "do_s1", "do_s2"))
    for model, _ in made.values():
        model.fit(shown)  # grey, which colour HMAX sees in all three planes
    return made


def rows(n_rounds: int = 5) -> pd.DataFrame:
    """Time of an image, multiply-adds of its filters and prototypes, and time for one of them.

    Parameters
    ----------
    n_rounds : int
        Members in turn.

    Returns
    -------
    pandas.DataFrame
        The last column is the time for a multiply-add over that of `georgetown`.
    """
    made, images = members(), stimuli(N_IMAGES)
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for number in range(n_rounds + 1):
        for name, (model, _) in made.items():
            start = perf_counter()
            model.transform(images)
            if number:  # the first compiles, and fills caches
                seconds[name].append(perf_counter() - start)
    table = []
    for name, (model, layers) in made.items():
        summary = model.summary(images[0].shape)
        counted = summary[summary["layer"].isin(layers)]["multiply_accumulates"].sum()
        each = median(seconds[name]) / N_IMAGES
        table.append(
            {
                "member": name,
                "features": model.transform(images[:1]).shape[1],
                "ms": round(1e3 * each, 1),
                "million multiply-adds": round(counted / 1e6),
                "ns": 1e9 * each / counted,
            }
        )
    found = pd.DataFrame(table)
    own = found.loc[found["member"] == YARDSTICK, "ns"].item()
    found["times georgetown"] = (found["ns"] / own).round(2)
    return found.drop(columns="ns")
