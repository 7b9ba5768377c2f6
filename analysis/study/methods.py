"""A methods section: models, images, measures, statistics and software, as a paper has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.extraction.plain_text import capital

from ..figures.layer_names import in_print
from ..literature.bibliography import TOOLS, bibtex, keys_in, named
from .bench import to_learn
from .building import Places, build_model
from .captions import intervals
from .contract import load_measure
from .key_results import listed
from .schema import Images, Study, Transformation
from .wording import Made, attributes_of, citations

_ALWAYS = ("numpy", "scipy", "scikit-learn", "xarray", "seaborn", "matplotlib")


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
        The text has a paragraph for each of models, images, measures, and statistics and software.
    """
    keys, others = citations(found.result.attrs for found in made)
    models = [f"We compared {listed([study.label('models', name) for name in study.models])}."]
    for name in study.models:
        text, own = _model(study, places, name, images)
        models.append(text)
        keys += own
    shown = [
        _images(study.label("images", name), study.images[name], found)
        for name, found in images.items()
    ]
    for name, change in study.transformations.items():
        unit = next((_unit(one.result) for one in made if one.cell.transformation == name), "")
        shown.append(_transformation(study.label("transformations", name), change, unit))
    measures = [text for measure in study.measures for text in _measure(study, made, measure)]
    measures += _units(study)
    used = {package: version(package) for package in _ALWAYS} | dict(libraries)
    used.pop("hmax-cnn", None)
    names_of = {package: name for name, package in TOOLS.items()}
    tools = [names_of.get(package, package) for package in used]
    numbers = [f"{name} {number}" for name, number in zip(tools, used.values(), strict=True)]
    software = [*_statistics(study, made)]
    software.append(f"We used hmax-cnn {version('hmax-cnn')} with {listed(numbers)}.")
    paragraphs = {
        "Models": models,
        "Images": shown,
        "Measures": measures,
        "Statistics and software": software,
    }
    text = "\n\n".join(
        f"{title}. {' '.join(dict.fromkeys(sentences))}" for title, sentences in paragraphs.items()
    )
    return f"{text}\n", bibtex([*keys, *keys_in("; ".join(tools))], others)


def _model(
    study: Study, places: Places, name: str, images: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """What a model is, what it learned from and which layers were analysed; and what it cites."""
    table, label = study.models[name], study.label("models", name)
    tools = keys_in("; ".join(TOOLS))
    # What the class and its architecture cite, so that a model of the user's own is cited too.
    documentation = build_model(table, places, study.seeds[0]).documentation()
    keys = [key for key in keys_in(documentation) if key not in tools]
    source = "; ".join(filter(None, [table.model, named(keys)]))
    text = f"{capital(label)} ({source}) had "
    if table.parameters:
        text += f"the parameters {_settings(table.parameters)}; all others were the defaults"
    else:
        text += "default parameters"
    sentences = [text]
    if table.resize is not None:
        sentences.append(f"It saw images resized by {table.resize}")
    if table.learns_from:
        n_images = len(to_learn(images[table.learns_from]))
        source = study.label("images", table.learns_from)
        sentences.append(f"It was fitted to {n_images} images of {source}")
    if table.stores:
        sentences.append(f"Its features of pictures in {listed(table.stores)} were read from there")
    if table.layers:
        layers = list(in_print(table.layers).values())
        plural = "s" if len(layers) > 1 else ""
        sentences.append(f"We analysed its layer{plural} {listed(layers)}")
    return " ".join(f"{sentence}." for sentence in sentences), keys


def _images(label: str, table: Images, found: Any) -> str:
    height, width = np.shape(found[0])[:2]
    source = table.source
    if table.parameters:
        source += f" with {_settings(table.parameters)}"
    text = f"The set {label} had {len(found)} images of {height} x {width} pixels, from {source}"
    if table.resize != "none":
        text += f", resized by {table.resize.replace(',', ', then ')}"
    return f"{text}."


def _transformation(label: str, change: Transformation, unit: str) -> str:
    if change.views is not None:
        start = f"{change.views.reference:g}"
        return f"{capital(label)} was shown as views of the same object, relative to {start}."
    values = listed([f"{value:g}" for value in change.values or ()])
    how = str(change.transformation).rpartition(":")[2]
    text = f"{capital(label)} was changed by {how}, to {values} {unit}".rstrip()
    if change.parameters:
        text += f" ({_settings(change.parameters)})"
    return f"{text}."


def _measure(study: Study, made: Sequence[Made], measure: str) -> Iterator[str]:
    """What a measure is, and where it is from."""
    attributes = attributes_of(made, measure)
    label, path = study.label("measures", measure), study.measures[measure].measure
    name = str(attributes.get("definition", path))
    formula = str(attributes.get("formula", "")).removesuffix(".")
    source = named(keys_in(str(attributes.get("citation", ""))))
    cited = f" ({source})" if source else ""
    if formula and name.casefold() == label.casefold():
        yield f"We defined {label}{cited} as {formula}."
    elif formula:
        yield f"We measured {label} as {name}{cited}: {formula}."
    else:
        named_by = path if name.casefold() == label.casefold() else name
        yield f"We measured {label} by {named_by}{cited}."


def _statistics(study: Study, made: Sequence[Made]) -> Iterator[str]:
    """How intervals were made, measures with the same ones together; and seeds."""
    together: dict[str, list[str]] = {}
    for measure in study.measures:
        how = intervals(study, attributes_of(made, measure))
        if how:
            together.setdefault(how, []).append(study.label("measures", measure))
    for how, labels in together.items():
        of_all = len(labels) == len(study.measures)
        yield how if of_all else f"For {listed(labels)}: {how[:1].lower()}{how[1:]}"
    if len(study.seeds) == 1:
        yield f"The random seed was {study.seeds[0]}."
    else:
        seeds = listed([str(seed) for seed in study.seeds])
        yield f"All analyses were repeated with {len(study.seeds)} random seeds ({seeds})."


def _units(study: Study) -> list[str]:
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
    return [f"For {listed(names)} we analysed {how}." for how, names in counts.items()]


def _settings(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _unit(result: xr.Dataset) -> str:
    name = str(result.attrs.get("transformation", ""))
    if name in result.coords:
        return str(result[name].attrs.get("units", ""))
    return ""
