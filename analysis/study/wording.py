"""What a study says of itself in words: captions, a methods section, and citations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from ..contract import FigureContract
from ..literature.bibliography import TOOLS, bibtex, keys_in, named, unknown_in
from ..results import NONE
from .bench import to_learn
from .building import Places, build_model
from .cells import Cell
from .contract import load_figure, load_measure
from .schema import Figure, Images, Study, Transformation

_ALWAYS = ("numpy", "scipy", "scikit-learn", "xarray", "seaborn", "matplotlib")


@dataclass(frozen=True)
class Made:
    """A result, and the cell that it is of."""

    cell: Cell
    result: xr.Dataset


def first_sentence(function: Any) -> str:
    """The first paragraph of a docstring.

    Parameters
    ----------
    function : callable or class

    Returns
    -------
    str
    """
    return _plain((inspect.getdoc(function) or "").partition("\n\n")[0])


def description(function: Any) -> str:
    """What a docstring says before its first section.

    Parameters
    ----------
    function : callable or class

    Returns
    -------
    str
    """
    text = re.split(r"\n\w+\n-{3,}\n", inspect.getdoc(function) or "")[0]
    return _plain(text)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


# Captions -----------------------------------------------------------------------------------------


def caption(
    study: Study,
    name: str,
    table: Figure,
    made: Sequence[Made],
    missing: Sequence[Cell] = (),
) -> str:
    """The caption of a figure.

    Parameters
    ----------
    study : Study
    name : str
        Of the figure.
    table : Figure
        Its table in the file.
    made : sequence of Made
        The results that it shows.
    missing : sequence of Cell
        Those that it would show, had they not failed.

    Returns
    -------
    str
        What it shows, the measures, how intervals were computed, n, seeds, and literature.
    """
    function, contract = load_figure(table.figure)
    sentences = [table.caption or description(function) or name]
    for measure in dict.fromkeys(found.cell.measure for found in made):
        attributes = _attributes(made, measure)
        default = attributes.get("definition", study.measures[measure].measure)
        label = _capital(study.label("measures", measure))
        sentences.append(f"{label}: {attributes.get('formula', default)}.")
        sentences.append(_intervals(study, attributes, contract))
    sentences.append(_counts(study, made))
    if missing:
        sentences.append(f"Not shown, since they failed: {', '.join(map(str, missing))}")
    said = [str(one.result.attrs["caption"]) for one in made if "caption" in one.result.attrs]
    sentences += dict.fromkeys(said)
    seeds = study.seeds
    if contract.seeds == "first":
        seeds = seeds[:1]
    sentences.append(f"Seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}.")
    cited, others = citations(found.result.attrs for found in made)
    if cited or others:
        sentences.append(f"After {'; '.join(filter(None, [named(cited), *others]))}.")
    return _joined(map(_ended, sentences))


def _attributes(made: Sequence[Made], measure: str) -> Mapping[str, Any]:
    """Attributes of a measure's results: of models that learn, whose formula says more, if any."""
    every = [found.result.attrs for found in made if found.cell.measure == measure]
    # Of several models the longest formula: one may lack a part that another has.
    return max(every, key=lambda found: len(str(found.get("formula", ""))), default={})


def _intervals(
    study: Study, attributes: Mapping[str, Any], figure: FigureContract | None = None
) -> str:
    """How intervals were computed; for a figure, only for one that draws them."""
    if figure is not None and "level" not in figure.given:
        return ""
    percent = f"{100 * float(attributes.get('level', study.level)):g} %"
    if len(study.seeds) > 1:
        n_seeds = len(study.seeds)
        return (
            f"Intervals are {100 * study.level:g} % (Student's t over {n_seeds} seeds; of what "
            "does not depend on the seed, those of one seed)."
        )
    if attributes.get("intervals") == NONE:
        return "No intervals are given: none is known that holds what it promises."
    if "intervals" in attributes:
        return f"Intervals are {percent} ({attributes['intervals']})."
    if "resampled_over" not in attributes:
        return ""
    return f"Intervals are {percent} (over {attributes['resampled_over']})."


def _counts(study: Study, made: Sequence[Made]) -> str:
    """Numbers of images and of units."""
    by_images: dict[str, set[int]] = {}
    units: set[int] = set()
    for found in made:
        counts = by_images.setdefault(study.label("images", found.cell.images), set())
        # As a measure states it: pairs and parts of a set may be fewer.
        counts.add(int(found.result.attrs.get("n_images", 0)))
        if "n_units" in found.result:
            units |= {int(n) for n in np.atleast_1d(found.result["n_units"].values)}
    parts = []
    for name, counts in by_images.items():
        # Zero stands for results that state no number.
        if counts - {0}:
            parts.append(f"{'/'.join(map(str, sorted(counts - {0})))} images of {name}")
    text = ", ".join(parts)
    if units - {0}:
        fewest, most = min(units - {0}), max(units)
        span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        text = "; ".join(filter(None, [text, f"{span} units of each layer"]))
    return f"n = {text}." if text else ""


def citations(attributes: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Literature that results name.

    Parameters
    ----------
    attributes : iterable of mapping
        Of each result.

    Returns
    -------
    keys : list of str
        Entries of our bibliography.
    others : list of str
        Citations that are none of ours.
    """
    texts: dict[str, None] = {}
    for found in attributes:
        for key in ("citation", "interval_citation"):
            if found.get(key):
                texts[str(found[key])] = None
    keys = dict.fromkeys(key for text in texts for key in keys_in(text))
    return list(keys), list(dict.fromkeys(part for text in texts for part in unknown_in(text)))


# Methods ------------------------------------------------------------------------------------------


def methods(
    study: Study,
    places: Places,
    made: Sequence[Made],
    images: Mapping[str, Any],
    libraries: Mapping[str, str],
) -> tuple[str, str]:
    """A methods section, and the BibTeX of all that it cites.

    Parameters
    ----------
    study : Study
    places : Places
    made : sequence of Made
    images : mapping from str to images
        By their names in the file.
    libraries : mapping from str to str
        Versions of what was used beside the packages that every study uses.

    Returns
    -------
    text, references : str
    """
    cited, others = citations(found.result.attrs for found in made)
    names = _listed([study.label("models", name) for name in study.models])
    sentences = [f"We compared {names} with hmax-cnn {version('hmax-cnn')}."]
    keys = list(cited)
    for name in study.models:
        text, own = _model_sentence(study, places, name, images)
        sentences.append(text)
        keys += own
    sentences += [
        _images_sentence(study.label("images", name), study.images[name], found)
        for name, found in images.items()
    ]
    for name, change in study.transformations.items():
        unit = next((_unit(one.result) for one in made if one.cell.transformation == name), "")
        label = study.label("transformations", name)
        sentences.append(_transformation_sentence(label, change, unit))
    for measure in study.measures:
        sentences += _measure_sentences(study, made, measure)
    sentences += [*_units_sentences(study), _seeds_sentence(study)]
    used = {package: version(package) for package in _ALWAYS} | dict(libraries)
    used.pop("hmax-cnn", None)
    names_of = {package: name for name, package in TOOLS.items()}
    tools = [names_of.get(package, package) for package in used]
    listed = ", ".join(f"{name} {n}" for name, n in zip(tools, used.values(), strict=True))
    sentences.append(f"Analyses used {listed}.")
    return _joined(sentences), bibtex([*keys, *keys_in("; ".join(tools))], others)


def _model_sentence(
    study: Study, places: Places, name: str, images: Mapping[str, Any]
) -> tuple[str, list[str]]:
    table = study.models[name]
    tools = keys_in("; ".join(TOOLS))
    # What the class and its architecture cite, so that a model of the user's own is cited too.
    documentation = build_model(table, places, study.seeds[0]).documentation()
    keys = [key for key in keys_in(documentation) if key not in tools]
    text = f"For {study.label('models', name)} we used {table.model}"
    if table.parameters:
        text += f" with {_settings(table.parameters)}"
    else:
        text += " with its default parameters"
    if table.resize is not None:
        text += f", shown pictures resized by {table.resize}"
    if table.learns_from:
        n_images = len(to_learn(images[table.learns_from]))
        text += f", fitted on {n_images} images of {study.label('images', table.learns_from)}"
    if table.layers:
        text += f"; we analysed layers {', '.join(table.layers)}"
    if keys:
        text += f" ({named(keys)})"
    return f"{text}.", keys


def _images_sentence(label: str, table: Images, found: Any) -> str:
    height, width = np.shape(found[0])[:2]
    source = table.source
    if table.parameters:
        source += f", with {_settings(table.parameters)}"
    text = f"{_capital(label)} were {len(found)} images of {height} x {width} pixels ({source})"
    if table.resize != "none":
        rule, _, size = table.resize.partition(":")
        text += f", resized to {size} pixels ({rule})"
    return f"{text}."


def _transformation_sentence(label: str, change: Transformation, unit: str) -> str:
    if change.views is not None:
        start = f"{change.views.reference:g}"
        return f"{_capital(label)} was rotation in depth: views of one object, relative to {start}."
    values = ", ".join(f"{value:g}" for value in change.values or ())
    text = f"{_capital(label)} was {change.transformation}"
    if change.parameters:
        text += f" with {_settings(change.parameters)}"
    return f"{text}, at {values} {unit}".rstrip() + "."


def _measure_sentences(study: Study, made: Sequence[Made], measure: str) -> list[str]:
    attributes = _attributes(made, measure)
    label, path = study.label("measures", measure), study.measures[measure].measure
    name, formula = attributes.get("definition", path), attributes.get("formula")
    # Worded so that a label may be singular or plural.
    if name == label and formula:
        text = f"We defined {label} as {formula}"
    elif name == label:
        text = f"We measured {label} by {path}"
    elif formula:
        text = f"For {label} we measured {name}: {formula}"
    else:
        text = f"For {label} we measured {name}"
    source = named(keys_in(str(attributes.get("citation", ""))))
    if source:
        text += f" ({source})"
    sentences = [f"{text}."]
    if attributes:
        sentences.append(_intervals(study, attributes))
    return sentences


def _units_sentences(study: Study) -> list[str]:
    """How many units of each layer were analysed in which measures."""
    counts: dict[str, list[str]] = {}
    for name, measure in study.measures.items():
        if not load_measure(measure.measure)[1].takes_responses:
            continue
        units = measure.units or study.units
        how = f"up to {units} units of each layer, drawn at random"
        if units == "centre":
            how = "one unit of each feature, at the centre of the image"
        elif units == "all":
            how = "all units of each layer"
        counts.setdefault(how, []).append(study.label("measures", name))
    return [f"For {_listed(names)} we analysed {how}." for how, names in counts.items()]


def _seeds_sentence(study: Study) -> str:
    if len(study.seeds) == 1:
        return f"The random seed was {study.seeds[0]}."
    seeds = ", ".join(map(str, study.seeds))
    return f"All analyses were repeated with {len(study.seeds)} random seeds ({seeds})."


def _settings(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _unit(result: xr.Dataset) -> str:
    name = str(result.attrs.get("transformation", ""))
    if name in result.coords:
        return str(result[name].attrs.get("units", ""))
    return ""


def _listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them; with semicolons where a name has a comma of its own."""
    if len(names) == 1:
        return names[0]
    comma = ";" if any("," in name for name in names) else ","
    last = f"{comma} and " if len(names) > 2 or comma == ";" else " and "
    return f"{comma} ".join(names[:-1]) + last + names[-1]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ended(sentence: str) -> str:
    if not sentence or sentence.endswith((".", "?", "!")):
        return sentence
    return f"{sentence}."


def _joined(sentences: Iterable[str]) -> str:
    """Sentences one after the other, none twice."""
    return " ".join(dict.fromkeys(filter(None, sentences))) + "\n"
