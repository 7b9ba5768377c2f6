"""Results: a definition that can be cited, how intervals were made, and tables of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from hmax_cnn.extraction.choices import check_choice

from .intervals import RESAMPLED
from .responses import layers_of


@dataclass(frozen=True)
class Definition:
    """What a measure means.

    Attributes
    ----------
    name : str
    formula : str
        In words and symbols.
    citation : str
    units : str
        '1' for ratios.
    """

    name: str
    formula: str
    citation: str
    units: str = "1"

    def attributes(self) -> dict[str, str]:
        """As they stand in a dataset."""
        return {
            "definition": self.name,
            "formula": self.formula,
            "citation": self.citation,
            "units": self.units,
        }


MOST_RESAMPLES = 100_000  # each takes as long as the measure itself


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: the value plus and minus its standard error times Student's t.

    They hold what they promise from about ten images on (benchmarks/coverage.py).

    Attributes
    ----------
    n_resamples : int
        Groups of images that the jackknife leaves out, one after the other, at most one for each
        image; of what is bootstrapped (medians over units) the number of samples. 0 leaves
        intervals undefined.
    over : {'images', 'units', 'both'}
        What the standard error of a layer is over: images (jackknife), its units (their deviation
        over the root of their number), or the sum of both variances. That of a unit is over images,
        and undefined for 'units'.
    level : float
    random_state : int
    """

    n_resamples: int = 200
    over: str = "both"
    level: float = 0.95
    random_state: int = 0

    def __post_init__(self) -> None:
        check_choice("over", self.over, RESAMPLED)
        if not 0 <= self.n_resamples <= MOST_RESAMPLES or not 0 < self.level < 1:
            msg = (
                f"`n_resamples` must lie between 0 and {MOST_RESAMPLES}, and `level` between 0 and "
                f"1, got {self.n_resamples} and {self.level}."
            )
            raise ValueError(msg)

    def attributes(self) -> dict[str, Any]:
        """As they stand in a dataset."""
        over = "images and units" if self.over == "both" else self.over
        how = "Student's t" if self.over == "units" else "jackknife, Student's t"
        return {
            "n_resamples": self.n_resamples,
            "resampled_over": self.over,
            "intervals": f"{how}, over {over}",
            "level": self.level,
            "random_state": self.random_state,
        }


DEFAULT = Resampling()
NONE = "none"  # of intervals: no method is known that holds what it promises


# What a result keeps of the attributes of the responses that it is of.
_CARRIED = (
    "model",
    "parameters",
    "transformation",
    "identity",
    "border",
    "n_learned_from",
    "caption",
)


def described(
    dataset: xr.Dataset,
    responses: xr.DataArray,
    definition: Definition,
    resampling: Resampling | None = None,
    extra: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """A dataset with what is known of it as attributes."""
    known = {name: responses.attrs[name] for name in _CARRIED if name in responses.attrs}
    counts = {"n_images": responses.sizes["image"], "n_units_in_all": responses.sizes["unit"]}
    if "transformation" in known and known["transformation"] in responses.dims:
        # How many values of the transformation there were.
        counts["n_values"] = responses.sizes[known["transformation"]]
    if resampling is None:
        made = {}
    else:
        made = resampling.attributes()
    result = dataset.assign_attrs(
        definition.attributes() | counts | made | known | dict(extra or {})
    )
    # Units and a name on each variable that is a value of the measure: they become axis labels.
    for name in result.data_vars:
        if str(name).removeprefix("layer_") in ("value", "low", "high", "control"):
            result[name].attrs = {"units": definition.units, "long_name": definition.name}
    return result


def unit_table(result: xr.Dataset) -> pd.DataFrame:
    """What a result says of each unit.

    One row per unit, with its coordinates; `to_dataframe` would cross units with layers.

    Examples
    --------
    >>> data = {"value": ("unit", [1.0, 2.0]), "layer_value": ("layer", [1.5])}
    >>> result = xr.Dataset(data, {"unit": ["a", "b"], "layer": ["c1"]})
    >>> unit_table(result)["value"].tolist(), layer_table(result)["layer_value"].tolist()
    ([1.0, 2.0], [1.5])
    """
    return _table(result, "unit")


def layer_table(result: xr.Dataset) -> pd.DataFrame:
    """What a result says of each layer: one row per layer."""
    return _table(result, "layer")


def _table(result: xr.Dataset, dim: str) -> pd.DataFrame:
    if dim not in result.dims:
        msg = f"`result` must have the dim {dim!r}, got {', '.join(map(str, result.dims))}."
        raise ValueError(msg)
    columns = {
        str(name): found.values for name, found in result.variables.items() if found.dims == (dim,)
    }
    first = [name for name in (dim, "unit_layer") if name in columns]
    return pd.DataFrame(columns)[first + [name for name in columns if name not in first]]


def unit_coords(responses: xr.DataArray) -> dict[str, Any]:
    """Coordinates of a result.

    The names of the layers, and what is known of each unit, its layer as `unit_layer`.
    """
    layers = layers_of(responses)
    units = {
        str(name): coord
        for name, coord in responses.coords.items()
        if coord.dims == ("unit",) and name != "layer"
    }
    return units | {"layer": list(dict.fromkeys(layers.tolist())), "unit_layer": ("unit", layers)}
