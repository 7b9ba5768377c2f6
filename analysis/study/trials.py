"""Trials: cells of a study made for real of a few of its images, for what all will take.

Each is made of two numbers of images, and time and memory are carried on from there; a set that is
small is taken whole. Nothing stays on disk.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from hmax_cnn.extraction.batches import even_batches
from hmax_cnn.extraction.progress import silence

from .bench import Bench
from .cells import Cell
from .measuring import measured
from .work import Work
from .workers import end_with_parent

_EACH_CLASS = 6  # images of each class in a trial: readouts are fitted in five folds
_LEAST = 48  # images of a set in a trial
_WHOLE = 1.3  # times that number: sets up to there are taken whole,
_ONE_TRIAL = 4  # and up to there one trial is enough
_FIXED = 0.15  # seconds of any cell, however few its images
_CURVED = 1.3  # exponent from which on time is not taken to grow in a straight line
_STEEPEST = 2.5  # the largest that is believed
COLLECTING = ""  # of responses that pairs will take


@dataclass
class Trial:
    """What cells took, made of so many images of each set.

    Attributes
    ----------
    n_images : dict from str to int
        By set.
    seconds : dict from Cell to float
    failed : set of Cell
        Those that need more images; their seconds are those until they failed.
    learning : float
        Seconds that the model took to learn.
    private, shared : float
        MiB of the process: its own at most, and of files that processes share.
    """

    n_images: dict[str, int]
    seconds: dict[Cell, float] = field(default_factory=dict)
    failed: set[Cell] = field(default_factory=set)
    learning: float = 0.0
    private: float = 0.0
    shared: float = 0.0


def sizes_of(images: Any) -> list[int]:
    """How many images of a set the trials take, the smaller number first; one number is all."""
    labels = getattr(images, "labels", None)
    n_classes = 0 if labels is None else len(np.unique(labels))
    count = max(_LEAST, _EACH_CLASS * n_classes)
    if len(images) <= _WHOLE * count:
        return [len(images)]
    return [count] if len(images) <= _ONE_TRIAL * count else [count, 2 * count]


def few_of(images: Any, count: int) -> Any:
    """So many images of a set, of all classes and of both parts of a split alike."""
    if count >= len(images):
        return images
    columns = (getattr(images, name, None) for name in ("labels", "split"))
    kinds = [column for column in columns if column is not None]
    if not kinds:
        return images.subset(np.arange(count))
    frame = pd.DataFrame({str(number): np.asarray(kind) for number, kind in enumerate(kinds)})
    turn = frame.groupby(list(frame)).cumcount().to_numpy()
    return images.subset(np.sort(np.argsort(turn, kind="stable")[:count]))


def tried(work: Work, root: Path, cells: Sequence[Cell], number: int) -> Trial:
    """Make cells of one model or pair with the smaller (0) or larger (1) number of images.

    Parameters
    ----------
    work : Work
    root : Path
        Where responses lie meanwhile: pairs take those that their models' trials have collected.
    cells : sequence of Cell
        With one seed; `COLLECTING` in place of a measure collects responses alone.
    number : int

    Returns
    -------
    Trial
    """
    end_with_parent(work.process)
    work.places.modules()
    names, seed = cells[0].models, cells[0].seed
    with warnings.catch_warnings(), silence():
        warnings.simplefilter("ignore")  # of so few images
        here = replace(work, root=root / str(number), built={}, states={})
        here.root.mkdir(exist_ok=True)
        trial = Trial(_few_everywhere(here, cells, number))
        _forget_peak()
        with even_batches():
            benches = [Bench(here, name, seed) for name in names]
            if len(benches) == 1:
                started = perf_counter()
                with suppress(Exception):  # of few images; its cells then fail as well
                    benches[0].model  # noqa: B018, it learns
                trial.learning = perf_counter() - started
            for cell in cells:
                started = perf_counter()
                try:
                    if cell.measure == COLLECTING:
                        benches[0].collected(cell.images, cell.transformation)
                    else:
                        measured(here, cell, benches)
                except Exception:  # any measure of anyone; some need the whole set
                    trial.failed.add(cell)
                trial.seconds[cell] = perf_counter() - started
        trial.private, trial.shared = memory()
    return trial


def _few_everywhere(work: Work, cells: Sequence[Cell], number: int) -> dict[str, int]:
    """Let the study have some images only of each set that cells need; how many."""
    counts = {}
    for resize in {work.study.models[name].resize for name in cells[0].models}:
        for name in sets_of(work, cells):
            images = work.images(name, None, resize)
            sizes = sizes_of(images)
            counts[name] = sizes[min(number, len(sizes) - 1)]
            work.built[name, None, resize] = few_of(images, counts[name])
    return counts


def sets_of(work: Work, cells: Sequence[Cell]) -> list[str]:
    """The sets of images that cells of one model or pair look at, and that it learns from."""
    taught = [work.study.models[name].learns_from for name in cells[0].models]
    return list(dict.fromkeys([*(cell.images for cell in cells), *filter(None, taught)]))


def carried_on(points: Mapping[int, float], count: int) -> float:
    """What something takes for so many images, from what it took for one or two other numbers.

    Parameters
    ----------
    points : mapping from int to float
        By number of images.
    count : int

    Returns
    -------
    float
        In a straight line that does not fall, or by a power of the number where it rises faster.

    Examples
    --------
    >>> carried_on({10: 2.0, 20: 3.0}, 40), round(carried_on({10: 1.15, 20: 4.15}, 40), 6)
    (5.0, 16.15)
    """
    (most, last), *others = sorted(points.items(), reverse=True)
    if most >= count:
        return last
    if not others or others[0][1] <= 0:
        fixed = min(last, _FIXED)
        return fixed + (last - fixed) * count / most
    ((fewer, first),) = others
    if first > _FIXED and last > 2 * _FIXED:  # shorter times say nothing of how they grow
        exponent = log(max((last - _FIXED) / (first - _FIXED), 1)) / log(most / fewer)
        if exponent > _CURVED:
            return float(_FIXED + (last - _FIXED) * (count / most) ** min(exponent, _STEEPEST))
    return last + max(0.0, last - first) / (most - fewer) * (count - most)


# Memory ---------------------------------------------------------------------------------------


def _forget_peak() -> None:
    """Let the peak of this process's memory begin anew, where Linux can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def memory() -> tuple[float, float]:
    """Peak of what is this process's own, and what it shares with others, in MiB."""
    if sys.platform != "linux":
        return _RESIDENT_ELSEWHERE, 0.0
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak, of_files = (int(lines[name].split()[0]) / 1024 for name in ("VmHWM", "RssFile"))
    return peak - of_files, of_files


_RESIDENT_ELSEWHERE = 300.0  # MiB, of a process before it does anything
