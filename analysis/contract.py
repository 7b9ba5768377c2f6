"""What a measure says of itself where it is defined: all that a study asks of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from hmax_cnn.extraction.choices import check_choice

Function = TypeVar("Function", bound=Callable[..., Any])
Contract = TypeVar("Contract")

TAKES = ("responses", "pair", "model")
NEEDS = ("labels", "transformation", "no transformation", "strengths")
FOR_MEASURES = (
    "images",
    "image_shape",
    "layers",
    "units",
    "refit",
    "features",
    "resampling",
    "random_state",
    "pixels_per_degree",
    "progress",
)


def _takes_none(parameters: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class MeasureContract:
    """What a measure takes and gives; `measure` has the parameters."""

    takes: str
    needs: tuple[str, ...]
    given: tuple[str, ...]
    design: tuple[str, ...]
    gradients: Callable[[Mapping[str, Any]], bool]

    @property
    def takes_responses(self) -> bool:
        """Whether it is taken of responses, of one model or of two."""
        return self.takes in ("responses", "pair")

    @property
    def sees_images(self) -> bool:
        """Whether its numbers depend on the images."""
        return self.takes_responses or "images" in self.given


def measure(
    *,
    takes: Literal["responses", "pair", "model"],
    needs: Sequence[str] = (),
    given: Sequence[str] = (),
    design: Sequence[str] = (),
    gradients: Callable[[Mapping[str, Any]], bool] = _takes_none,
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
        fitted anew on training images only), 'features' (responses of these layers to these images
        that lie in a store already, or None), 'resampling', 'random_state', 'pixels_per_degree' and
        'progress'.
    design : sequence of str
        Numeric columns of a result given as a table that say what a row is of, such as a number
        of images, and are not measured. Dimensions and coordinates of a dataset are known to be.
    gradients : callable
        gradients(parameters) says whether it takes image gradients of the model, with these
        parameters: a model that has none is refused before a study runs.

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
        check_parameters(function, given, 2 if takes == "pair" else 1)
        contract = MeasureContract(takes, tuple(needs), tuple(given), tuple(design), gradients)
        # The function itself is handed back: it is called in Python as if it were not marked.
        function.contract = contract  # type: ignore[attr-defined]
        return function

    return mark


def check_parameters(function: Callable[..., Any], given: Sequence[str], n_first: int) -> None:
    """Refuse a function that lacks what its mark says it has.

    Parameters
    ----------
    function : callable
    given : sequence of str
        Parameters that the study fills in.
    n_first : int
        How many parameters are handed over before them.

    Raises
    ------
    TypeError
        If it lacks one.
    """
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
    return contract_of(function, MeasureContract, "measure", path)


def contract_of(function: Any, kind: type[Contract], name: str, path: str) -> Contract:
    """The contract that a mark left on a function.

    Parameters
    ----------
    function : object
    kind : type
        Of contract.
    name : str
        Of the mark.
    path : str
        Of the function, for the message.

    Returns
    -------
    contract

    Raises
    ------
    TypeError
        If there is none.
    """
    contract = getattr(function, "contract", None)
    if not isinstance(contract, kind):
        msg = f"`{name}` {path!r} is no {name}: mark the function with @hmax_cnn.{name}(...)."
        raise TypeError(msg)
    return contract
