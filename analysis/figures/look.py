"""How a figure is drawn, whatever it shows: order, names, scales, limits, references, type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from hmax_cnn.extraction.choices import check_choice

from ..naming import nearest
from .choosing import LAYERS, check_known, columns_in_print, highest, ordered
from .contract import FigureContract
from .fonts import installed
from .layer_names import in_print
from .legends import BESIDE, LEGENDS, place_legend
from .marks import checked_references, draw_references
from .settings import check_limits, check_names, check_number, check_texts
from .style import style
from .typefaces import type_again, wrap_labels

SCALES: dict[str, dict[str, Any]] = {
    "linear": {"value": "linear"},
    "log2": {"value": "log", "base": 2},
    "log10": {"value": "log", "base": 10},
}
HIGHEST = "highest"
_NAMES = ("paper", "technical")
_LABELLED = ("model", "model_b", *LAYERS, "images", "transformation", "measure")


@dataclass(frozen=True)
class Look:
    """How figures are drawn: one for all figures of a paper, handed to each as `look`.

    Attributes
    ----------
    models : sequence of str or None
        Only these, in this order, by their labels.
    layers : sequence of str, 'highest' or None
        Only these, in this order, by the names that models have for them; 'highest' keeps the
        highest layer of each model, so that models stand side by side in one panel.
    labels : mapping from str to str, or None
        What is written in place of the label of a model, layer, measure, set of images or
        transformation.
    layer_names : {'paper', 'technical'}
        S1, C1 and conv2_1 as in papers, or s1, c1 and layer1.0.relu as in the models.
    colours : mapping from model to colour, or None
    x_scale, y_scale : {'linear', 'log2', 'log10'} or None
        None leaves what the figure chooses.
    x_limits, y_limits : (float, float) or None
    references : mapping from str to float or (float, float), or None
        What others have, or chance: a dotted line or a grey band on the axis of values, with its
        name.
    legend : {'below', 'right', 'none'}, a place of matplotlib, or None
        Places such as 'upper left' are for axes of the caller.
    font : str, sequence of str or None
        A family of type, or several, of which the first that is installed is taken.
    font_size : float or None
        Of labels, in points; titles and ticks follow. Where it is None, that of matplotlib's
        settings if those were changed, else 7.5.
    height : float or None
        Of the figure, in millimetres.

    Examples
    --------
    >>> Look(models=["HMAX", "pixels"], y_scale="log2", font_size=7).models
    ['HMAX', 'pixels']
    """

    models: Sequence[str] | None = None
    layers: Sequence[str] | str | None = None
    labels: Mapping[str, str] | None = None
    layer_names: str = "paper"
    colours: Mapping[str, str] | None = None
    x_scale: str | None = None
    y_scale: str | None = None
    x_limits: Sequence[float] | None = None
    y_limits: Sequence[float] | None = None
    references: Mapping[str, float | Sequence[float]] | None = None
    legend: str | None = None
    font: str | Sequence[str] | None = None
    font_size: float | None = None
    height: float | None = None

    def __post_init__(self) -> None:
        check_choice("layer_names", self.layer_names, _NAMES)
        check_names("models", self.models)
        if self.layers != HIGHEST:
            check_names("layers", self.layers)
        for name in ("x_scale", "y_scale"):
            if getattr(self, name) is not None:
                check_choice(name, getattr(self, name), tuple(SCALES))
        for axis in "xy":
            check_limits(axis, getattr(self, f"{axis}_limits"), getattr(self, f"{axis}_scale"))
        for name in ("labels", "colours"):
            check_texts(name, getattr(self, name))
        if self.legend is not None:
            check_choice("legend", self.legend, LEGENDS)
        check_number("font_size", self.font_size, 3, 40, "points")
        check_number("height", self.height, 15, 500, "mm")
        checked_references(self.references)

    @classmethod
    def of(cls, given: Look | Mapping[str, Any] | None) -> Look:
        """A look from its fields by name.

        Parameters
        ----------
        given : Look, mapping or None

        Returns
        -------
        Look

        Raises
        ------
        TypeError
            If it is something else.
        ValueError
            If there is no such field, or a value is wrong.
        """
        if isinstance(given, Look):
            return given
        if not isinstance(given, Mapping | None):
            msg = f"`look` must be a Look or a mapping of its fields, got {type(given).__name__}."
            raise TypeError(msg)
        for name in given or ():
            if name not in FIELDS:
                msg = (
                    f"`look` has no {name!r}.{nearest(str(name), FIELDS)} It has: "
                    f"{', '.join(FIELDS)}."
                )
                raise ValueError(msg)
        return cls(**(given or {}))

    def on(self, found: Any) -> Any:
        """A table, or results by model, with what is drawn in its order and by its names.

        Parameters
        ----------
        found : pandas.DataFrame or mapping from str to xarray.Dataset

        Returns
        -------
        pandas.DataFrame or dict
            Anything else is given back as it is, for the figure to refuse.

        Raises
        ------
        ValueError
            If there is no such model or layer.
        """
        if isinstance(found, pd.DataFrame):
            attributes = dict(found.attrs)
            # Rows are told apart by their place: an index may repeat itself.
            found = self._named(self._chosen(found.reset_index(drop=True)))
            found.attrs = attributes
        elif isinstance(found, Mapping):
            of_datasets = all(isinstance(one, xr.Dataset) for one in found.values())
            return self._on_results(found) if of_datasets else found
        return found

    def colours_of(self, given: Mapping[str, str] | None) -> dict[str, str] | None:
        """Colours by model as it is labelled here: the look's own before those that are given.

        Parameters
        ----------
        given : mapping from model to colour, or None

        Returns
        -------
        dict or None
        """
        known = {**(given or {}), **(self.colours or {})}
        for old, new in (self.labels or {}).items():
            if old in known:
                known.setdefault(new, known[old])
        return known or None

    @contextmanager
    def typed(self) -> Iterator[None]:
        """Draw with the look's type.

        Yields
        ------
        None
        """
        over: dict[str, Any] = {}
        if self.font is not None:
            over["font.family"] = [installed(self.font)]
        if self.font_size is not None:
            over["font.size"] = self.font_size
        with style(over):
            yield

    def finish(
        self, figure: Figure, ax: Axes | None, scales: Sequence[str], values: str | None
    ) -> None:
        """Set scales, limits, references and the legend of a figure that is drawn.

        Parameters
        ----------
        figure : Figure
        ax : Axes or None
            Of the caller, if the figure was drawn there.
        scales : sequence of {'x', 'y'}
            The axes of this figure that have a scale.
        values : {'x', 'y', None}
            The axis of values.

        Raises
        ------
        ValueError
            If the figure has no such axis.
        """
        panels = [ax] if ax is not None else list(filter(_is_plot, figure.axes))
        for axis in "xy":
            self._set_axis(panels, axis, has_scale=axis in scales)
        if self.references:
            if values is None:
                msg = "`references` are for figures with an axis of values, which this one has not."
                raise ValueError(msg)
            for axes in panels:
                draw_references(axes, checked_references(self.references), values)
        if self.height is not None and ax is None:
            figure.set_figheight(self.height / 25.4)
        if ax is None and self.legend in Legend.codes and self.legend not in BESIDE:
            msg = (
                f"`legend` {self.legend!r} is a place in axes of the caller (`ax`). A figure has "
                "'below', 'right' and 'none'."
            )
            raise ValueError(msg)
        if self.legend is not None:
            place_legend(figure, ax, self.legend)
        if ax is not None:
            wrap_labels(ax)
            if self.font is not None or self.font_size is not None:
                type_again(ax)

    def _chosen(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of the models and layers that are drawn, in their order."""
        models = {
            column: list(dict.fromkeys(table[column].dropna()))
            for column in ("model", "model_b")
            if column in table
        }
        if self.layers == HIGHEST:
            table = highest(table)
        elif self.layers is not None:
            for column in LAYERS:
                if column in table:
                    table = ordered(table, column, self.layers, "layers")
        # Layers are in order within their models, which are in theirs.
        for column, known in models.items():
            if self.models is not None:
                check_known("models", self.models, known)
                known = list(self.models)
            if self.models is not None or self.layers is not None:
                table = ordered(table, column, known, "models", complete=True)
        return table

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Models, layers and the rest by what is written of them."""
        new = {column: table[column].astype(str) for column in _LABELLED if column in table}
        if self.layer_names == "paper":
            new |= columns_in_print(table)
        for column, names in new.items():
            # By the name that the look writes, or by the one that the table has.
            known = {name: name for name in names} | dict(self.labels or {})
            old = table[column].map(lambda name: (self.labels or {}).get(str(name)))
            new[column] = old.fillna(names.map(known)).where(table[column].notna())
        return table.assign(**new)

    def _on_results(self, results: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
        labels = self.labels or {}
        if self.models is not None:
            check_known("models", self.models, results)
            results = {model: results[model] for model in self.models if model in results}
        found = {}
        for model, result in results.items():
            if "layer" in result.dims:
                names = [str(name) for name in result["layer"].values]
                if self.layers == HIGHEST:
                    names = names[-1:]
                elif self.layers is not None:
                    names = [str(name) for name in self.layers if name in names]
                result = result.sel(layer=names)
                printed = in_print(names) if self.layer_names == "paper" else {}
                written = [labels.get(name, printed.get(name, name)) for name in names]
                result = result.assign_coords(layer=written)
            found[labels.get(model, model)] = result
        return found

    def _set_axis(self, panels: Sequence[Axes], axis: str, *, has_scale: bool) -> None:
        scale, limits = getattr(self, f"{axis}_scale"), getattr(self, f"{axis}_limits")
        for name, wanted in (("scale", scale), ("limits", limits)):
            if wanted is not None and not (has_scale and panels):
                msg = f"`{axis}_{name}` is not for this figure, which has no such axis of numbers."
                raise ValueError(msg)
        for axes in panels:
            if scale is not None:
                _check_positive(axes, axis, scale)
                _scaled(axes, axis, scale)
            if limits is not None:
                axes.set(**{f"{axis}lim": tuple(limits)})


def drawn_in(
    look: Look | Mapping[str, Any] | None,
    function: Callable[..., Any],
    contract: FigureContract,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
) -> Any:
    """A figure, drawn in a look.

    Parameters
    ----------
    look : Look, mapping or None
    function : callable
        The figure.
    contract : FigureContract
        Its contract.
    arguments : sequence
    options : mapping from str to object
        What it is called with.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen, signature = Look.of(look), inspect.signature(function)
    call = signature.bind(*arguments, **options)
    for name in list(signature.parameters)[: len(contract.draws)]:
        if name in call.arguments:
            call.arguments[name] = chosen.on(call.arguments[name])
    if "colours" in signature.parameters:
        call.arguments["colours"] = chosen.colours_of(call.arguments.get("colours"))
    with chosen.typed():
        figure = function(*call.args, **call.kwargs)
        if isinstance(figure, Figure):
            chosen.finish(figure, call.arguments.get("ax"), contract.scales, contract.values)
    return figure


FIELDS = tuple(field.name for field in fields(Look))


def _is_plot(axes: Axes) -> bool:
    """Whether a panel is a plot: no picture, no polar plot, no colour bar, no empty place."""
    is_bar = axes.get_label() == "<colorbar>"
    return bool(axes.axison and axes.name == "rectilinear" and not axes.images and not is_bar)


def _check_positive(axes: Axes, axis: str, scale: str) -> None:
    """Refuse a logarithm of numbers that have none."""
    # Lines across the panel, such as chance, are not among the numbers.
    own = [line for line in axes.lines if line.get_transform() == axes.transData]
    numbers = [np.asarray(getattr(line, f"get_{axis}data")(), dtype=float) for line in own]
    found = np.concatenate([[np.inf], *numbers])
    if scale != "linear" and np.nanmin(found) <= 0:
        where = f" of the panel {axes.get_title()!r}" if axes.get_title() else ""
        msg = (
            f"`{axis}_scale` {scale!r} is for numbers above 0, but those{where} go down to "
            f"{np.nanmin(found):.3g}. Give such panels a figure of their own, or leave it out."
        )
        raise ValueError(msg)


def _scaled(axes: Axes, axis: str, scale: str) -> None:
    low, high = getattr(axes, f"get_{axis}lim")()
    if scale != "linear" and min(low, high) <= 0:
        # Limits of a linear axis that a logarithm cannot have.
        own = [line for line in axes.lines if line.get_transform() == axes.transData]
        numbers = [np.asarray(getattr(line, f"get_{axis}data")(), dtype=float) for line in own]
        least = float(np.nanmin(np.concatenate([[high], *numbers])))
        getattr(axes, f"set_{axis}lim")(least / 1.3, high)
    getattr(axes, f"set_{axis}scale")(**SCALES[scale])
    if scale != "linear":
        numbers = getattr(axes, f"{axis}axis")
        numbers.set_major_formatter("{x:g}")
        numbers.set_minor_formatter("")
