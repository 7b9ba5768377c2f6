"""Captions of figures, as a journal has them, and what a picture shows in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hmax_cnn.extraction.plain_text import capital

from ..figures.contract import FigureContract
from ..results import NONE
from .cells import Cell
from .contract import load_figure
from .schema import Figure, Study
from .wording import Made, attributes_of, description

_BANDS = {
    "sem": "Bands and bars are one standard error of the mean over seeds on either side.",
    "range": "Bands and bars run from the smallest to the largest value of all seeds.",
    "none": "",
}


def caption(
    study: Study,
    name: str,
    table: Figure,
    made: Sequence[Made],
    missing: Sequence[Cell] = (),
) -> str:
    """The caption of a figure: what is drawn, of what, and how sure it is.

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
        The title is the first sentence. Definitions and literature stand in the methods.
    """
    function, contract = load_figure(table.figure)
    measures = list(dict.fromkeys(found.cell.measure for found in made))
    sentences = [table.caption or description(function) or name]
    if len(measures) == 1 and "level" in contract.given:
        attributes, label = attributes_of(made, measures[0]), study.label("measures", measures[0])
        if not table.caption:
            title = sentences[0].partition(". ")
            sentences = [_titled(label, title[0]), title[2]]
        if attributes.get("formula"):
            sentences.append(f"{capital(label)}: {attributes['formula']}")
    if table.figure == "layers":
        sentences += _marks(made)
    sentences.append(_precision(study, made, measures, contract, table))
    if missing:
        sentences.append(f"Not shown, since they failed: {', '.join(map(str, missing))}")
    said = [str(one.result.attrs["caption"]) for one in made if "caption" in one.result.attrs]
    sentences += dict.fromkeys(said)
    return " ".join(map(_ended, filter(None, dict.fromkeys(sentences)))) + "\n"


def _marks(made: Sequence[Made]) -> Iterator[str]:
    """What crosses and triangles mean, where there are such."""
    if any("layer_control" in found.result for found in made):
        yield "Crosses mark the control."
    cut_off = [found.result["layer_cut_off"] for found in made if "layer_cut_off" in found.result]
    if any(bool((share > 0).any()) for share in cut_off):
        yield (
            "Triangles mark lower bounds: ranges of units that reach the end of what was shown, "
            "where it cuts them off."
        )


def _titled(label: str, title: str) -> str:
    """The title of a figure of one measure, which names it."""
    if label.casefold() in title.casefold():
        return title
    return f"{capital(label)}. {title}"


def _precision(
    study: Study,
    made: Sequence[Made],
    measures: Iterable[str],
    contract: FigureContract,
    table: Figure,
) -> str:
    """Intervals, numbers of images and units, and seeds, in one sentence or two."""
    bands = table.parameters.get("bands", "interval")
    if "level" not in contract.given:
        text = ""
    elif bands != "interval":
        text = _BANDS[bands]
    else:
        value = str(table.parameters.get("value", "value"))
        methods = [intervals(study, attributes_of(made, measure), value) for measure in measures]
        different = list(dict.fromkeys(filter(None, methods)))
        text = different[0] if len(different) == 1 else ""
        if len(different) > 1:
            text = f"Intervals are {100 * study.level:g} %; the methods say how each was made."
    parts = [_counts(study, made)]
    if len(study.seeds) > 1:
        shown = {
            "first": "first of",
            "mean": "mean over",
            "sum": "sum over",
        }[contract.seeds]
        parts.append(f"{shown} {len(study.seeds)} seeds")
    counted = "; ".join(filter(None, parts))
    return " ".join(filter(None, [text, f"{counted}." if counted else ""]))


def intervals(study: Study, attributes: Mapping[str, Any], value: str = "value") -> str:
    """How the intervals of a measure were computed.

    Parameters
    ----------
    study : Study
    attributes : mapping
        Of its results.
    value : str
        Which of its values, such as 'accuracy'.

    Returns
    -------
    str
        A sentence, or nothing.
    """
    percent = f"{100 * float(attributes.get('level', study.level)):g} %"
    if len(study.seeds) == 2:
        return "Two seeds give no interval; what does not depend on the seed has that of one."
    if len(study.seeds) > 2:
        n_seeds = len(study.seeds)
        return (
            f"Intervals are {100 * study.level:g} % (Student's t over {n_seeds} seeds; of what "
            "does not depend on the seed, those of one seed)."
        )
    if attributes.get("intervals") == NONE:
        return "No intervals are given: none is known that holds what it promises."
    how = attributes.get(f"intervals_{value}", attributes.get("intervals"))
    if how is not None:
        return f"Intervals are {percent} ({how})."
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
    return f"n = {text}" if text else ""


def _ended(sentence: str) -> str:
    sentence = sentence.strip()
    if not sentence or sentence.endswith((".", "?", "!")):
        return sentence
    return f"{sentence}."


def in_words(figure: str, caption: str, results: Sequence[str]) -> str:
    """What a picture shows, for whoever does not see it.

    Parameters
    ----------
    figure : str
        The figure's name in the study.
    caption : str
        Of the figure: its title is said.
    results : sequence of str
        Sentences on what its measures gave.

    Returns
    -------
    str
    """
    title = caption.partition(". ")[0].rstrip(".\n")
    return " ".join([f"Plot: {title}.", *results, f"Its numbers are in {figure}.csv."])
