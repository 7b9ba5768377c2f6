"""What a function of a study gets: whatever it asks for by the names of its parameters, and the
rest from the file.

A measure is any function that returns an xarray.Dataset or a pandas.DataFrame. It may ask for

responses (or found)
    xarray.DataArray of dims (image, unit), or (image, <transformation>, unit): of one model to one
    set of images.
a, b
    Responses of two models to the same images; the measure is then taken for every pair, a model
    with itself included.
model, models
    The fitted model, or a mapping from its label to it.
images (or dataset)
    What it looks at: a `Dataset`, `Stimuli`, or `Transformed`.
layers, image_shape, refit
    The layers that are measured, (height, width), and whether what the model learned must be
    learned again from training images only: true where it learns from these very images.
resampling, random_state (or seed), pixels_per_degree, progress
    From the study: its number of resamples and level, the seed, and so on.

units
    Of a measure that asks for no responses: what its table says, where it is a number.

A figure is any function that returns a matplotlib Figure. It asks for tables: `table` is the tidy
table of its measures, by layer; `unit_table`, `unit_orientation_table`, `layer_pair_table` and so
on are those by unit, by unit and orientation, as CSV files in `tables/` are called. It may ask for
`colours` (a mapping from the labels of models), `width`, and the `level` of intervals over seeds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..naming import nearest, unknown_parameters

RESPONSES = ("responses", "found")
PAIR = ("a", "b")
FROM_MODEL = ("model", "models", "layers", "image_shape", "refit")
IMAGES = ("images", "dataset")
FROM_STUDY = ("resampling", "random_state", "seed", "pixels_per_degree", "progress")
GIVEN = (*RESPONSES, *PAIR, *FROM_MODEL, *IMAGES, *FROM_STUDY)
FOR_FIGURES = ("colours", "width", "level")


def asks(function: Callable[..., Any]) -> set[str]:
    """The names of its parameters."""
    return set(inspect.signature(function).parameters)


def is_pair(function: Callable[..., Any]) -> bool:
    """Whether it compares two models."""
    return asks(function) >= set(PAIR)


def wants_responses(function: Callable[..., Any]) -> bool:
    """Whether it is given responses."""
    return is_pair(function) or bool(asks(function) & set(RESPONSES))


def needs(function: Callable[..., Any]) -> tuple[str, ...]:
    """What `analysis.results.needs` declares of it."""
    return tuple(getattr(function, "needs", ()))


def called(
    function: Callable[..., Any], given: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Any:
    """Call it with what it asks for; what the file says comes first."""
    wanted = asks(function)
    return function(
        **{
            name: value
            for name, value in given.items()
            if name in wanted and name not in parameters
        },
        **parameters,
    )


def measure_problems(
    function: Callable[..., Any], parameters: Mapping[str, Any], pixels_per_degree: float | None
) -> list[str]:
    """What is wrong with a measure and its parameters, a sentence each."""
    found = unknown_parameters(function, parameters)
    taken = [name for name in parameters if name in (*RESPONSES, *PAIR, "model", "models", *IMAGES)]
    found += [f"`parameters` cannot give {name!r}: the study does." for name in taken]
    given = set(GIVEN) - (set() if pixels_per_degree is not None else {"pixels_per_degree"})
    found += [
        f"it needs {name!r}, which is neither in `parameters` nor something that a study gives."
        + (
            " Give pixels_per_degree at the top of the file."
            if name == "pixels_per_degree"
            else nearest(name, GIVEN)
        )
        for name in _required(function)
        if name not in given and name not in parameters
    ]
    if not asks(function) & {*RESPONSES, *PAIR, "model", "models"}:
        found.append(
            (
                "it asks for neither `responses`, `model`, nor `a` and `b`, so there is nothing "
                "to measure."
            )
        )
    return found


def figure_problems(function: Callable[..., Any], parameters: Mapping[str, Any]) -> list[str]:
    """What is wrong with a figure and its parameters."""
    found = unknown_parameters(function, parameters)
    if not tables_of(function):
        found.append(
            "it must ask for a table, in a parameter called `table`, or such as `unit_table`."
        )
    found += [
        f"it needs {name!r}, which is not in `parameters`." for name in _required(function)
        if name not in parameters and name not in FOR_FIGURES and not name.endswith("table")
    ]  # fmt: skip
    return found


def tables_of(function: Callable[..., Any]) -> list[str]:
    """The names of the tables that a figure asks for."""
    return [
        name
        for name in inspect.signature(function).parameters
        if name == "table" or name.endswith("_table")
    ]


def draws_intervals(function: Callable[..., Any]) -> bool:
    """Whether a figure draws intervals over seeds, and so asks for their level."""
    return "level" in asks(function)


def shows_first_seed(function: Callable[..., Any]) -> bool:
    """Whether a figure of ours is of units or pictures, of which several seeds are no larger
    sample."""
    return (
        function.__module__.startswith("analysis.figures.")
        and not draws_intervals(function)
        and function.__name__ not in ("confusion", "cka")
    )


def _required(function: Callable[..., Any]) -> list[str]:
    signature = inspect.signature(function).parameters.values()
    return [
        p.name
        for p in signature
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
