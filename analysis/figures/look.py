"""How a figure is drawn, whatever it shows: order, names, scales, limits, references, type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from hmax_cnn.extraction.choices import check_choice

from ..naming import nearest
from .choosing import (
    LAYERS,
    MODELS,
    check_different,
    check_known,
    check_labels,
    columns_in_print,
    highest,
    layers_in,
    names_in,
    ordered,
)
from .contract import FigureContract
from .fonts import installed
from .layer_names import in_print
from .legends import BESIDE, LEGENDS, place_legend
from .marks import checked_references, draw_references, mark_cut_off
from .scales import SCALES, is_plot, set_scale
from .settings import check_limits, check_names, check_number, check_texts
from .style import style
from .typefaces import type_again, wrap_labels

HIGHEST = "highest"
_NAMES = ("paper", "technical")
_LABELLED = (*MODELS, *LAYERS, "images", "transformation", "measure")


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
        for name, colour in (self.colours or {}).items():
            if not is_color_like(colour):
                msg = f"`colours` must be colours of matplotlib, got {colour!r} for {name!r}."
                raise ValueError(msg)

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
        panels = [ax] if ax is not None else list(filter(is_plot, figure.axes))
        for axis in "xy":
            self._set_axis(panels, axis, has_scale=axis in scales)
        if self.references:
            if values is None:
                msg = "`references` are for figures with an axis of values, which this one has not."
                raise ValueError(msg)
            widened = getattr(self, f"{values}_limits") is None
            for axes in panels:
                draw_references(axes, checked_references(self.references), values, widened)
        for axes in panels:
            mark_cut_off(axes)
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
        if self.layers == HIGHEST:
            table = highest(table)
        elif self.layers is not None and set(LAYERS) & set(table):
            check_known("layers", self.layers, names_in(table, LAYERS))
        models = names_in(table, MODELS)
        if self.models is not None and set(MODELS) & set(table):
            check_known("models", self.models, models)
            models = list(self.models)
        # Layers are in order within their models, which are in theirs.
        if self.layers is not None and self.layers != HIGHEST:
            for column in filter(table.__contains__, LAYERS):
                table = ordered(table, column, self.layers)
        if self.models is not None or self.layers is not None:
            for column in filter(table.__contains__, reversed(MODELS)):
                table = ordered(table, column, models)
        return table

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Models, layers and the rest by what is written of them."""
        printed = columns_in_print(table) if self.layer_names == "paper" else {}
        new = {}
        for column in filter(table.__contains__, _LABELLED):
            own = table[column].astype(str)
            both = zip(own, printed.get(column, own), strict=True)
            names = pd.Series([self._label(*pair) for pair in both], index=table.index)
            new[column] = names.where(table[column].notna())
        found = table.assign(**new)
        if self.labels:
            check_labels(table, found)
        return found

    def _label(self, name: str, printed: str) -> str:
        """What is written of a name that papers print like this."""
        labels = self.labels or {}
        return labels.get(name, labels.get(printed, printed))

    def _on_results(self, results: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
        if self.models is not None:
            check_known("models", self.models, results)
            results = {model: results[model] for model in self.models}
        if self.layers is not None and self.layers != HIGHEST:
            every = [layers_in(result) for result in results.values()]
            check_known("layers", self.layers, [name for names in every for name in names])
        models = {model: self._label(model, model) for model in results}
        check_different("models", models)
        return {models[model]: self._layers_of(result) for model, result in results.items()}

    def _layers_of(self, result: xr.Dataset) -> xr.Dataset:
        """A result with the layers that are drawn, in their order and by their names."""
        names = layers_in(result)
        if not names:
            return result
        if self.layers == HIGHEST:
            names = names[-1:]
        elif self.layers is not None:
            names = [name for name in self.layers if name in names]
        printed = in_print(names) if self.layer_names == "paper" else {}
        written = {name: self._label(name, printed.get(name, name)) for name in names}
        check_different("layers", written)
        return result.sel(layer=names).assign_coords(layer=list(written.values()))

    def _set_axis(self, panels: Sequence[Axes], axis: str, *, has_scale: bool) -> None:
        scale, limits = getattr(self, f"{axis}_scale"), getattr(self, f"{axis}_limits")
        for name, wanted in (("scale", scale), ("limits", limits)):
            if wanted is not None and not (has_scale and panels):
                msg = f"`{axis}_{name}` is not for this figure, which has no such axis of numbers."
                raise ValueError(msg)
        for axes in panels:
            if scale is not None:
                set_scale(axes, axis, scale)
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
