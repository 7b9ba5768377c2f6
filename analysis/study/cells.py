"""The cells of a study.

One measure of one model (or pair) on one set of images, as they are or transformed, with one seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

from .contract import load_measure
from .schema import Study


@dataclass(frozen=True)
class Cell:
    """One result of a study, by the names in its file.

    Attributes
    ----------
    measure : str
    models : tuple of str
        One, or two that are compared.
    images : str
    transformation : str or None
    seed : int
    """

    measure: str
    models: tuple[str, ...]
    images: str
    transformation: str | None
    seed: int

    @property
    def path(self) -> Path:
        """Where it lies within `results/`."""
        if self.transformation is None:
            changed = []
        else:
            changed = [self.transformation]
        return Path(
            self.measure, "~".join(self.models), self.images, *changed, f"seed{self.seed}.nc"
        )

    def __str__(self) -> str:
        return self.path.with_suffix("").as_posix()

    def columns(self, study: Study) -> dict[str, Any]:
        """What stands in front of each row of its tables."""
        row: dict[str, Any] = {
            "measure": study.label("measures", self.measure),
            "model": study.label("models", self.models[0]),
        }
        if len(self.models) > 1:
            row |= {"model_b": study.label("models", self.models[1])}
        row |= {"images": study.label("images", self.images)}
        if self.transformation is not None:
            row |= {"transformation": study.label("transformations", self.transformation)}
        return row | {"seed": self.seed}


def cells_of(study: Study) -> list[Cell]:
    """All cells, in the order of the file."""
    return [cell for measure in study.measures for cell in _of_measure(study, measure)]


def _of_measure(study: Study, measure: str) -> Iterator[Cell]:
    table = study.measures[measure]
    models = list(table.models or study.models)
    _, contract = load_measure(table.measure)
    groups: list[tuple[str, ...]] = [(model,) for model in models]
    if contract.takes == "pair":
        # Also each model with itself: its layers with each other.
        groups = list(combinations_with_replacement(models, 2))
    for seed in study.seeds:
        for group in groups:
            for images in table.images or study.images:
                for change in table.transformations or (None,):
                    yield Cell(measure, group, images, change, seed)
