"""The contract of a figure: what it draws, and what a study fills in."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hmax_cnn.extraction.choices import check_choice

from ..contract import check_parameters, contract_of

SEEDS = ("mean", "first", "sum")
FOR_FIGURES = ("colours", "width", "level")


@dataclass(frozen=True)
class FigureContract:
    """What a figure draws; `figure` has the parameters."""

    draws: tuple[str, ...]
    seeds: str
    given: tuple[str, ...]
    optional: tuple[str, ...] = ()
    scales: tuple[str, ...] = ("x", "y")
    values: str | None = "y"


def figure(
    *,
    draws: str | Sequence[str],
    seeds: Literal["mean", "first", "sum"],
    given: Sequence[str] = ("colours", "width"),
    scales: Sequence[str] = ("x", "y"),
    values: Literal["x", "y"] | None = "y",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a figure: a study can draw it, and it takes a `look`.

    The marked function has one more parameter, `look`: a `hmax_cnn.analysis.figures.look.Look` or a
    mapping of its fields. Models and layers are chosen, put in order and named by it before the
    function sees its tables, and scales, limits, references and the legend are set afterwards.

    Parameters
    ----------
    draws : str or sequence of str
        What the first parameters are: tables of results by name ('table' is the one by layer,
        'unit_table' that by unit, 'curve_table' has tuning curves), or 'results', a mapping from
        the label of each model to its labelled dataset, for pictures. A table whose parameter has a
        default may be lacking.
    seeds : {'mean', 'first', 'sum'}
        What becomes of several seeds: the mean with an interval, the first alone (units and
        pictures of several are no larger sample), or the sum of counts.
    given : sequence of {'colours', 'width', 'level'}
        Parameters that the study fills in: a colour for each model, the width, and the level of
        intervals over seeds.
    scales : sequence of {'x', 'y'}
        The axes whose scale and limits can be set; none for pictures.
    values : {'x', 'y', None}
        The axis of values, on which references are drawn.

    Returns
    -------
    callable
        A decorator that returns the function with its `contract`.

    Raises
    ------
    TypeError
        If the function has no such parameter.
    ValueError
        If there is no such choice.

    Examples
    --------
    >>> import seaborn as sns
    >>> from hmax_cnn.analysis.figures.style import sheet
    >>> @figure(draws="table", seeds="mean")
    ... def strip(table, colours=None, width="single"):
    ...     with sheet(width, 2.0) as (made, panels):
    ...         sns.stripplot(table, x="model", y="value", palette=colours, ax=panels[0, 0])
    ...     return made
    """
    tables = (draws,) if isinstance(draws, str) else tuple(draws)
    check_choice("seeds", seeds, SEEDS)
    for name in given:
        check_choice("given", name, FOR_FIGURES)
    for axis in (*scales, *([] if values is None else [values])):
        check_choice("scales", axis, ("x", "y"))

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        check_parameters(function, given, len(tables))
        first = list(inspect.signature(function).parameters.values())[: len(tables)]
        optional = [
            table
            for table, parameter in zip(tables, first, strict=True)
            if parameter.default is not parameter.empty
        ]
        contract = FigureContract(
            tables, seeds, tuple(given), tuple(optional), tuple(scales), values
        )

        @functools.wraps(function)
        def drawn(*arguments: Any, look: Any = None, **options: Any) -> Any:
            from .look import drawn_in  # matplotlib is loaded where something is drawn

            return drawn_in(look, function, contract, arguments, options)

        signature = inspect.signature(function)
        keyword = inspect.Parameter("look", inspect.Parameter.KEYWORD_ONLY, default=None)
        parameters = list(signature.parameters.values())
        # Before a parameter that takes whatever else there is.
        is_last = parameters[-1].kind is not inspect.Parameter.VAR_KEYWORD
        parameters.insert(len(parameters) if is_last else -1, keyword)
        drawn.__doc__ = _with_look(inspect.getdoc(function) or "")
        drawn.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        drawn.contract = contract  # type: ignore[attr-defined]
        return drawn

    return mark


def _with_look(text: str) -> str:
    """A docstring with the parameter that the mark adds."""
    before, returns, after = text.partition("\nReturns\n-------\n")
    about = "look : Look, mapping or None\n    As in `hmax_cnn.analysis.figures.look.Look`.\n"
    return f"{before}{about}{returns}{after}" if returns else text


def figure_contract(function: Any, path: str) -> FigureContract:
    """The contract of a figure.

    Parameters
    ----------
    function : object
    path : str
        Its path, for the message.

    Returns
    -------
    FigureContract

    Raises
    ------
    TypeError
        If this is no function that `figure` marks.
    """
    return contract_of(function, FigureContract, "figure", path)
