"""What a measure and a figure say of themselves where they are defined; all that a study asks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from hmax_cnn.extraction.choices import check_choice

Function = TypeVar("Function", bound=Callable[..., Any])
Contract = TypeVar("Contract", "MeasureContract", "FigureContract")

TAKES = ("responses", "pair", "model")
NEEDS = ("labels", "transformation", "no transformation", "strengths")
FOR_MEASURES = (
    "images",
    "image_shape",
    "layers",
    "units",
    "refit",
    "resampling",
    "random_state",
    "pixels_per_degree",
    "progress",
)
SEEDS = ("mean", "first", "sum")
FOR_FIGURES = ("colours", "width", "level")


@dataclass(frozen=True)
class Cost:
    """What a measure of the model itself costs, for a plan; measures of responses need none.

    Attributes
    ----------
    fits : int
        How often a readout is fitted to each layer, and a model that learns is fitted anew.
    gradients : int
        Image gradients of single units, in each layer.
    """

    fits: int = 0
    gradients: int = 0


def _no_cost(parameters: Mapping[str, Any], n_images: int) -> Cost:
    return Cost()


@dataclass(frozen=True)
class MeasureContract:
    """What a measure takes and gives; `measure` has the parameters."""

    takes: str
    needs: tuple[str, ...]
    given: tuple[str, ...]
    design: tuple[str, ...]
    cost: Callable[[Mapping[str, Any], int], Cost]

    @property
    def takes_responses(self) -> bool:
        """Whether it is taken of responses, of one model or of two."""
        return self.takes in ("responses", "pair")

    @property
    def sees_images(self) -> bool:
        """Whether its numbers depend on the images."""
        return self.takes_responses or "images" in self.given


@dataclass(frozen=True)
class FigureContract:
    """What a figure draws; `figure` has the parameters."""

    draws: tuple[str, ...]
    seeds: str
    given: tuple[str, ...]
    optional: tuple[str, ...] = ()
    scales: tuple[str, ...] = ("x", "y")
    values: str | None = "y"


def measure(
    *,
    takes: Literal["responses", "pair", "model"],
    needs: Sequence[str] = (),
    given: Sequence[str] = (),
    design: Sequence[str] = (),
    cost: Callable[[Mapping[str, Any], int], Cost] = _no_cost,
) -> Callable[[Function], Function]:
    """Mark a function as a measure, so that a study can take it.

    Parameters
    ----------
    takes : {'responses', 'pair', 'model'}
        What the first parameter is: the responses of a model, as `hmax_cnn.responses` returns
        them, or the fitted model itself; with 'pair' the first two are responses of two models to
        the same images.
    needs : sequence of {'labels', 'transformation', 'no transformation', 'strengths'}
        What the images must have, or what responses must be: with 'strengths' larger is stronger,
        so that layers of distances are refused. A study without it is refused before it runs.
    given : sequence of str
        Parameters that the study fills in: 'images' (what the model looks at), 'image_shape',
        'layers', 'units', 'refit' (whether the model learned from these images, so that it must be
        fitted anew on training images only), 'resampling', 'random_state', 'pixels_per_degree'
        and 'progress'.
    design : sequence of str
        Numeric columns of a result given as a table that say what a row is of, such as a number
        of images, and are not measured. Dimensions and coordinates of a dataset are known to be.
    cost : callable
        cost(parameters, n_images) returns a `Cost`: what a measure of the model itself takes.

    Returns
    -------
    callable
        A decorator that returns the function as it is, with its `contract`.

    Raises
    ------
    TypeError
        If the function has no such parameter.
    ValueError
        If there is no such choice.

    Examples
    --------
    >>> @measure(takes="responses")
    ... def mean_response(responses):
    ...     return responses.mean("unit").to_dataset(name="value")
    """
    check_choice("takes", takes, TAKES)
    for need in needs:
        check_choice("needs", need, NEEDS)
    for name in given:
        check_choice("given", name, FOR_MEASURES)

    def mark(function: Function) -> Function:
        _check_parameters(function, given, 2 if takes == "pair" else 1)
        contract = MeasureContract(takes, tuple(needs), tuple(given), tuple(design), cost)
        # The function itself is handed back: it is called in Python as if it were not marked.
        function.contract = contract  # type: ignore[attr-defined]
        return function

    return mark


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
        _check_parameters(function, given, len(tables))
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
            from .figures.look import drawn_in  # matplotlib is loaded where something is drawn

            return drawn_in(look, function, contract, arguments, options)

        signature = inspect.signature(function)
        keyword = inspect.Parameter("look", inspect.Parameter.KEYWORD_ONLY, default=None)
        parameters = list(signature.parameters.values())
        # Before a parameter that takes whatever else there is.
        is_last = parameters[-1].kind is not inspect.Parameter.VAR_KEYWORD
        parameters.insert(len(parameters) if is_last else -1, keyword)
        drawn.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        drawn.contract = contract  # type: ignore[attr-defined]
        return drawn

    return mark


def _check_parameters(function: Callable[..., Any], given: Sequence[str], n_first: int) -> None:
    known = list(inspect.signature(function).parameters)
    # Refused where it is defined, not in the middle of a study.
    missing = [name for name in given if name not in known[n_first:]]
    if missing or len(known) < n_first:
        name = getattr(function, "__name__", "the function")
        if missing:
            lacking = missing[0]
        else:
            lacking = f"{n_first} parameters"
        msg = f"{name} must have {lacking!r} among its parameters, got {', '.join(known)}."
        raise TypeError(msg)


def measure_contract(function: Any, path: str) -> MeasureContract:
    """The contract of a measure.

    Parameters
    ----------
    function : object
    path : str
        Its path, for the message.

    Returns
    -------
    MeasureContract

    Raises
    ------
    TypeError
        If this is no function that `measure` marks.
    """
    return _contract(function, MeasureContract, "measure", path)


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
    return _contract(function, FigureContract, "figure", path)


def _contract(function: Any, kind: type[Contract], name: str, path: str) -> Contract:
    contract = getattr(function, "contract", None)
    if not isinstance(contract, kind):
        msg = f"`{name}` {path!r} is no {name}: mark the function with @hmax_cnn.{name}(...)."
        raise TypeError(msg)
    return contract
