"""Running a study.

What is done is kept, what is not is made, on one or several processes, and then the folder is
finished.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib
from filelock import FileLock, Timeout
from joblib.externals.loky import get_reusable_executor

from hmax_cnn.extraction.files import written_whole
from hmax_cnn.extraction.progress import progress_bar

from ..interrupted import Interrupted
from .building import Places
from .cells import Cell, cells_of
from .clusters import made_on
from .fingerprints import fingerprint, forget_code
from .folder import Folder
from .measuring import Failure, run_cells
from .outputs import FigureError, finish
from .reading import read_study
from .scheduling import Task, by_images, longest_first
from .schema import Study
from .stores import find_stored
from .toml_writing import as_toml
from .work import Wanted, Work

_LOOK = 0.3  # seconds between two looks at what is done


class FailedCellsError(RuntimeError):
    """Some cells could not be made; the others are kept."""


@dataclass(frozen=True)
class Ran:
    """What a run did.

    Attributes
    ----------
    root : Path
    n_cells, n_made : int
        Of the study; made now, the others were there.
    seconds : float
    files : list of Path
    warnings : list of str
    """

    root: Path
    n_cells: int
    n_made: int
    seconds: float
    files: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def run_study(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    resume: bool = False,
    jobs: int | None = None,
    progress: bool | None = None,
    client: Any = None,
) -> Ran:
    """Run a study, or go on with it, and write everything into one folder.

    Parameters
    ----------
    path : path
        The study's file.
    output : path
        A folder that is not there yet, or is empty; or, to go on, the one of an earlier run. Of
        that, cells are kept that were made of the same things: parameters, images, files, modules.
    resume : bool
        Whether to go on.
    jobs : int or None
        Processes; one per core where None. Results do not depend on it.
    progress : bool or None
    client : distributed.Client or None
        Of a Dask cluster whose workers make the cells; they must see the files of the study and the
        folder. Figures are drawn here.

    Returns
    -------
    Ran

    Raises
    ------
    StudyError
        If the file is wrong; nothing was run.
    FileExistsError
        If the folder has something in it, and `resume` is not asked for.
    FailedCellsError
        If measures failed; the other cells are kept, and their tables, figures and page are made.
    Interrupted
        On Ctrl-C; cells that are done are kept.
    """
    started = perf_counter()
    # What modules import is known for one run only: files may have changed.
    forget_code()
    file = Path(path)
    places = Places(file.resolve().parent)
    places.forget_modules()  # they may have been edited since another run in this process
    study = read_study(file)
    folder = _opened(Path(output), resume)
    with _alone(folder):
        return _run_in(folder, study, places, jobs, progress, started, client)


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Refuse a second run in the same folder: each would remove what the other makes."""
    lock = FileLock(folder.root / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        msg = (
            f"Another run is writing into {folder.root}. Wait for its end, or give another folder."
        )
        raise RuntimeError(msg) from error
    try:
        yield
    finally:
        (folder.root / ".lock").unlink(missing_ok=True)
        lock.release()


def _run_in(
    folder: Folder,
    study: Study,
    places: Places,
    jobs: int | None,
    progress: bool | None,
    started: float,
    client: Any,
) -> Ran:
    """Make what is not there, and finish the folder."""
    output = folder.root
    jobs = jobs or joblib.cpu_count()
    work = Work(study, places, folder.root.resolve(), {})
    try:
        for name in study.images:
            work.fingerprints[name] = fingerprint(work.images(name), name, progress)
        work.stored.update(find_stored(work, progress))
    except KeyboardInterrupt:
        msg = "Interrupted before anything was computed."
        raise Interrupted(msg) from None
    cells = cells_of(study)
    folder.clear_halves()
    _same_study(folder, cells, output)
    with written_whole(folder.study) as temporary:
        temporary.write_text(as_toml(study), encoding="utf-8")
    done = set(work.cells_done(cells))
    todo = [cell for cell in cells if cell not in done]
    for cell in todo:
        work.path(cell).unlink(missing_ok=True)  # of an earlier state of the study
    try:
        failures = _run(work, todo, jobs, len(done), progress, client)
        if not study.keep_responses and not failures:
            folder.clear_responses()
        if not failures:
            folder.clear_checkpoints()
        for path in _no_longer_asked(folder, study, cells):
            path.unlink()
        warnings = _finished(work, failures, len(cells), jobs, progress)
    finally:
        folder.end_run()
        if jobs > 1:
            # So that the next run in this process imports what may have been edited.
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
    return Ran(output, len(cells), len(todo), perf_counter() - started, folder.files(), warnings)


def _no_longer_asked(folder: Folder, study: Study, cells: Sequence[Cell]) -> Iterator[Path]:
    """Results that this toolkit wrote, of measures that the study no longer has.

    A user's own file stays, and so does what was made of a model that this machine cannot run.
    """
    asked = {folder.results / cell.path for cell in cells}
    for path in (folder.written() & set(folder.results.rglob("*.nc"))) - asked:
        models = path.relative_to(folder.results).parts[1].split("~")
        if not set(models) & set(study.left_out):
            yield path


def _finished(
    work: Work, failures: Sequence[Failure], n_cells: int, jobs: int, progress: bool | None
) -> list[str]:
    """Finish what is there: one failed cell withholds nothing of the others."""
    missing = {failure.cell: failure.text for failure in failures}
    told = _told(failures, n_cells, work.root)
    try:
        warnings = finish(work.folder, work, progress, missing, jobs)
    except FigureError as error:
        if not failures:
            raise
        told += f"\n{error}"
    if failures:
        raise FailedCellsError(told)
    return warnings


def _opened(output: Path, resume: bool) -> Folder:
    if output.exists() and not output.is_dir():
        msg = f"Cannot write into {output}: it is a file. Give a folder."
        raise NotADirectoryError(msg)
    earlier = output.is_dir() and any(not path.name.startswith(".") for path in output.iterdir())
    if earlier and not resume:
        msg = (
            f"The folder {output} is not empty. Add --resume to go on with the study in it, or "
            "give another folder."
        )
        raise FileExistsError(msg)
    if earlier and not (output / "study.toml").is_file():
        msg = (
            f"The folder {output} holds no study to go on with: there is no study.toml in it. "
            "Give another folder."
        )
        raise FileExistsError(msg)
    output.mkdir(parents=True, exist_ok=True)
    if not os.access(output, os.W_OK):
        msg = f"The folder {output} is closed to writing. Give another."
        raise PermissionError(msg)
    return Folder(output)


def _same_study(folder: Folder, cells: Sequence[Cell], output: Path) -> None:
    """Refuse a folder of another study.

    With no cell in common, going on would only throw its results away.
    """
    earlier = {entry["cell"] for entry in folder.entries() if "cell" in entry}
    if earlier and not earlier & set(map(str, cells)):
        msg = (
            f"The folder {output} holds another study: none of its cells is in this one. Give "
            "another folder."
        )
        raise FileExistsError(msg)


def groups_of(
    cells: Sequence[Cell],
) -> tuple[dict[tuple[str, int], tuple[list[Cell], list[Wanted]]], list[list[Cell]]]:
    """Cells that share a fitted model, and the pairs, which come after.

    Those of one set of images together, with what pairs want of it.
    """
    single: dict[tuple[str, int], tuple[list[Cell], list[Wanted]]] = {}
    pairs: dict[Any, list[Cell]] = {}
    for cell in cells:
        if len(cell.models) == 1:
            single.setdefault((cell.models[0], cell.seed), ([], []))[0].append(cell)
            continue
        pairs.setdefault((cell.models, cell.seed), []).append(cell)
        for model in dict.fromkeys(cell.models):
            wanted = single.setdefault((model, cell.seed), ([], []))[1]
            wanted += [
                one for one in [(model, cell.images, cell.transformation)] if one not in wanted
            ]
    for group, _ in single.values():
        # Cells of the same images follow each other: responses are collected once and found in
        # memory.
        group.sort(key=lambda cell: (cell.images, cell.transformation or ""))
    return single, list(pairs.values())


def _run(
    work: Work, todo: Sequence[Cell], jobs: int, n_done: int, progress: bool | None, client: Any
) -> list[Failure]:
    failures: list[Failure] = []
    singles, pairs = groups_of(todo)
    # Pairs come after: they take responses that the single models' cells collect.
    rounds: list[list[Task]] = [
        [(group, seed, wanted) for (_, seed), (group, wanted) in singles.items()],
        [(group, group[0].seed, []) for group in pairs],
    ]
    if client is not None:
        rounds = [by_images(work, tasks) for tasks in rounds]
    if jobs > 1 or client is not None:
        rounds = [longest_first(work, tasks) for tasks in rounds]

    def kept() -> str:
        n_kept = n_done + len(work.cells_done(todo))
        return (
            f"{n_kept} of {n_done + len(todo)} cells are kept in {work.root}. Run the same command "
            "with --resume to go on."
        )

    with _bar(work, todo, n_done, progress):
        try:
            for tasks in rounds:
                for found in _made(work, tasks, jobs, client):
                    failures += found
        except KeyboardInterrupt:
            if jobs > 1 and client is None:
                get_reusable_executor().shutdown(wait=True, kill_workers=True)
            work.folder.clear_halves()
            msg = f"Interrupted: {kept()}"
            raise Interrupted(msg) from None
        except OSError as error:  # of a cluster that is lost, or a full disk
            error.add_note(f"By then {kept()}")
            raise
    return failures


def _made(work: Work, tasks: Sequence[Task], jobs: int, client: Any) -> Iterator[list[Failure]]:
    """Make the cells of tasks, here, in other processes, or on a cluster."""
    if client is not None:
        yield from made_on(client, work, tasks)
    elif jobs == 1 or len(tasks) < 2:
        for task in tasks:
            yield run_cells(work, *task)
    else:
        pool = joblib.Parallel(min(jobs, len(tasks)), return_as="generator_unordered", batch_size=1)
        yield from pool(joblib.delayed(run_cells)(work, *task) for task in tasks)


@contextmanager
def _bar(work: Work, todo: Sequence[Cell], n_done: int, progress: bool | None) -> Iterator[None]:
    """A progress bar by cells, which counts files: whichever process wrote them."""
    stop = threading.Event()
    # By time of change: a cell that is made again was there before.
    waiting = {
        work.path(cell): work.path(cell).stat().st_mtime_ns if work.path(cell).exists() else 0
        for cell in todo
    }
    with progress_bar(
        total=n_done + len(todo), initial=n_done, name="Study", unit="cell", progress=progress
    ) as bar:

        def watch() -> None:
            while not stop.wait(_LOOK):
                done = [
                    path
                    for path, before in waiting.items()
                    if path.exists() and path.stat().st_mtime_ns != before
                ]
                for path in done:
                    del waiting[path]
                bar.update(len(done))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()


def _told(failures: Sequence[Failure], n_cells: int, output: Path) -> str:
    """Which cells failed and why, each reason once."""
    reasons: dict[str, list[str]] = {}
    for failure in failures:
        reasons.setdefault(failure.text, []).append(str(failure.cell))
    lines = [
        f"  {', '.join(cells[:3])}{f' and {len(cells) - 3} more' if len(cells) > 3 else ''}: {text}"
        for text, cells in reasons.items()
    ]
    kept = n_cells - len(failures)
    return "\n".join(
        [
            f"{len(failures)} of {n_cells} cells failed:",
            *lines,
            (
                f"The other {kept}, with their tables and figures, are in {output}, and its page "
                "says what is missing. Mend the study, and run it again with --resume."
            ),
        ]
    )
