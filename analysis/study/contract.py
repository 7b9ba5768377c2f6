"""What a study asks of a measure or a figure: its contract, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..contract import MeasureContract, measure_contract
from ..figures import figure_names
from ..figures.contract import FigureContract, figure_contract
from ..naming import load, nearest, unknown_parameters


def load_measure(path: str) -> tuple[Callable[..., Any], MeasureContract]:
    """A measure and its contract.

    Parameters
    ----------
    path : str
        'package.module:function'.

    Returns
    -------
    function : callable
    contract : MeasureContract

    Raises
    ------
    TypeError
        If it is no measure.
    ValueError
        If there is nothing of this name.
    """
    function = load(path, "measure")
    return function, measure_contract(function, path)


def load_figure(name: str) -> tuple[Callable[..., Any], FigureContract]:
    """A figure and its contract.

    Parameters
    ----------
    name : str
        One of ours, or a path.

    Returns
    -------
    function : callable
    contract : FigureContract

    Raises
    ------
    TypeError
        If it is no figure.
    ValueError
        If there is nothing of this name.
    """
    path = name
    if ":" not in name:
        if name not in figure_names():
            known = ", ".join(figure_names())
            msg = (
                f"`figure` must be one of {known}, or a path such as 'my_figures:mine', got "
                f"{name!r}.{nearest(name, figure_names())}"
            )
            raise ValueError(msg)
        path = f"analysis.figures.{name}:{name}"
    function = load(path, "figure")
    return function, figure_contract(function, name)


def called(
    function: Callable[..., Any],
    first: Sequence[Any],
    given: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> Any:
    """Call a measure or figure; what the file says comes before what the study fills in.

    Parameters
    ----------
    function : callable
    first : sequence
        What it takes or draws.
    given : mapping from str to object
        What its contract lets the study fill in.
    parameters : mapping from str to object
        Of the file.

    Returns
    -------
    object
    """
    # What the study's file says goes before what the study fills in.
    return function(*first, **{**given, **parameters})


def measure_problems(
    path: str, parameters: Mapping[str, Any], pixels_per_degree: float | None
) -> Iterator[str]:
    """What is wrong with the parameters of a measure.

    Parameters
    ----------
    path : str
    parameters : mapping from str to object
        Of the file.
    pixels_per_degree : float or None
        Of the study.

    Yields
    ------
    str
        A sentence each.
    """
    function, contract = load_measure(path)
    yield from unknown_parameters(function, parameters)
    if contract.takes == "pair":
        n_first = 2
    else:
        n_first = 1
    first = list(inspect.signature(function).parameters)[:n_first]
    for name in parameters:
        # The study hands these over itself.
        if name in (*first, "images"):
            yield f"`parameters` cannot give {name!r}: the study does."
    filled = set(contract.given)
    if pixels_per_degree is None:
        filled.discard("pixels_per_degree")
    for name in _required(function)[n_first:]:
        if name in filled or name in parameters:
            continue
        text = f"it needs {name!r}, which is neither in `parameters` nor filled in by the study."
        if name == "pixels_per_degree":
            text += " Give pixels_per_degree at the top of the file."
        yield text


def figure_problems(name: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the parameters of a figure.

    Parameters
    ----------
    name : str
    parameters : mapping from str to object
        Of the file.

    Yields
    ------
    str
        A sentence each.
    """
    function, contract = load_figure(name)
    yield from unknown_parameters(function, parameters)
    for needed in _required(function)[len(contract.draws) - len(contract.optional) :]:
        if needed not in parameters and needed not in contract.given:
            yield f"it needs {needed!r}, which is not in `parameters`."


def _required(function: Callable[..., Any]) -> list[str]:
    signature = inspect.signature(function).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in signature if p.default is p.empty and p.kind not in several]
