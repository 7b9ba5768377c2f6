"""Architectures: one file a family; each function returns a Graph, and `build` finds it by name.

A function takes `n_classes`, `n_channels` and `image_shape`, and may take more; its module's other
functions are the family's variants.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from hmax_cnn.extraction.own_modules import import_named
from hmax_cnn.extraction.promises import check_promise

from ..graph import Graph

__all__ = ["build", "names"]


def names() -> dict[str, Callable[..., Graph]]:
    """Every architecture by name: the public functions of the modules here that return a Graph.

    Returns
    -------
    dict from str to callable
        Functions by name.
    """
    found: dict[str, Callable[..., Graph]] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for name, function in inspect.getmembers(
            importlib.import_module(module.name), inspect.isfunction
        ):
            if (
                function.__module__ == module.name
                and not name.startswith("_")
                and inspect.signature(function).return_annotation == "Graph"
            ):
                found[name] = function
    return found


def build(architecture: str | Callable[..., Graph], options: Mapping[str, Any]) -> Graph:
    """Build the network of this name, or from a function of the user's own.

    'my_lab.networks:mine', or the function itself.

    Parameters
    ----------
    architecture : str or callable
        A name, 'package.module:function', or a function that returns a Graph.
    options : mapping
        Arguments of the function.

    Returns
    -------
    Graph

    Raises
    ------
    ValueError
        If there is no such architecture, or it has no such option.
    TypeError
        If the function returns no Graph.
    """
    if not isinstance(options, Mapping):
        msg = f"`options` must be a mapping such as {{'n_prototypes': 100}}, got {options!r}."
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that it may be
    if callable(architecture):
        function = architecture
    else:
        function = _named(str(architecture))
    known = inspect.signature(function).parameters
    unknown = [name for name in options if name not in known]
    if unknown:
        msg = (
            f"The architecture {getattr(function, '__name__', architecture)!r} has no option "
            f"{unknown[0]!r}. It has: {', '.join(known)}."
        )
        raise ValueError(msg)
    graph = function(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
        }
    )  # TOML and JSON have lists
    if not isinstance(graph, Graph):
        msg = f"`architecture` must return a cnn.Graph, got {type(graph).__name__}."
        raise TypeError(msg)
    if not graph.outputs:
        msg = (
            f"The graph of `architecture` {getattr(function, '__name__', architecture)!r} has no "
            "`outputs`: name the layer that holds the scores."
        )
        raise ValueError(msg)
    return graph


def _named(architecture: str) -> Callable[..., Graph]:
    module, colon, name = architecture.partition(":")
    if colon:
        try:
            function = getattr(import_named(module), name)
        except (ImportError, AttributeError) as error:
            msg = f"There is no architecture {architecture!r} ({error})."
            raise ValueError(msg) from error
        check_promise(function, (Graph,), "architecture", architecture)
        return function
    known = names()
    if architecture not in known:
        msg = (
            f"`architecture` must be one of {', '.join(map(repr, sorted(known)))}, or "
            f"'package.module:function', got {architecture!r}."
        )
        raise ValueError(msg)
    return known[architecture]
