"""Models whose packages are not installed: they are left out of a study, with a word."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from ..naming import is_there
from .schema import Study


class LeftOutWarning(UserWarning):
    """A model was left out of a study, since a package that it requires is not installed."""


def with_what_is_there(study: Study) -> Study:
    """The study without models whose `requires` are not installed.

    Measures and figures that are of such models alone go with them. Each model that is left out is
    warned of, and named in `about`, which stands at the head of the report.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If nothing would be left.
    """
    lacking = {
        name: [package for package in model.requires if not _is_installed(package)]
        for name, model in study.models.items()
    }
    absent = [name for name, packages in lacking.items() if packages]
    if not absent:
        return study
    texts = [
        f"{study.label('models', name)} was left out, since not installed: "
        f"{', '.join(lacking[name])}."
        for name in absent
    ]
    for text in texts:
        warnings.warn(text, LeftOutWarning, stacklevel=2)
    measures = _without(study.measures, "models", absent)
    figures = _without(study.figures, "models", absent)
    gone = [name for name in study.measures if name not in measures]
    left = {
        "models": {name: model for name, model in study.models.items() if name not in absent},
        "measures": measures,
        "figures": _without(figures, "measures", gone),
        "about": " ".join(filter(None, [study.about, *texts])),
    }
    if not left["models"] or not left["measures"]:
        msg = " ".join([*texts, "Nothing is left to be measured. Install what is needed."])
        raise ValueError(msg)
    return study.without(absent, left)


def _is_installed(package: str) -> bool:
    """Whether there is a module of this name, or a distribution: skimage, or scikit-image."""
    with suppress(PackageNotFoundError):
        return bool(distribution(package))
    return is_there(package)


def _without(tables: Mapping[str, Any], key: str, absent: Collection[str]) -> dict[str, Any]:
    """Measures or figures without some names in a list of theirs; those of such names alone go."""
    kept = {}
    for name, table in tables.items():
        named = getattr(table, key)
        some = None if named is None else [one for one in named if one not in absent]
        if some != []:
            update: dict[str, Any] = {key: some}
            if isinstance(getattr(table, "layers", None), Mapping):  # by model, of measures
                update["layers"] = {
                    model: layers for model, layers in table.layers.items() if model not in absent
                }
            kept[name] = table.model_copy(update=update)
    return kept
