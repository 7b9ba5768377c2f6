"""hmax-cnn study and report: comparison studies from one file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from hmax_cnn.extraction.files import written_whole

from .options import cluster_options, json_option, plainly, quiet_option, say, show


@click.group()
def study() -> None:
    """Run comparison studies: from one TOML file to a folder with results, figures and a report.

    Exit codes: 0 done; 1 something is wrong, and the text says what; 2 the command was written
    wrongly; 130 interrupted, what is done is kept.
    """


@study.command()
@click.argument("file", type=click.Path(path_type=Path))
@plainly
def new(file: Path) -> None:
    """Write a commented study into FILE, to start from."""
    from importlib.resources import files

    if file.exists():
        msg = f"{file} is there already. Give another name."
        raise FileExistsError(msg)
    with written_whole(file) as temporary:
        temporary.write_text(
            files("hmax_cnn.analysis.study")
            .joinpath("template.toml")
            .read_text(encoding="utf-8")
            .replace("FILE", str(file)),
            encoding="utf-8",
        )
    say(
        f"A study to start from is in {file}. Look at it, then: hmax-cnn study run {file} "
        f"--output {file.stem}"
    )


@study.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@plainly
def check(file: Path, as_json: bool) -> None:
    """Say what is wrong in a study's FILE, each with its line; nothing is run."""
    from dataclasses import asdict

    from ..study.cells import cells_of
    from ..study.reading import StudyError, read_study

    try:
        found = read_study(file)
    except StudyError as error:
        # Scripts get a list of problems, people the first lines of it.
        if not as_json:
            raise
        click.echo(
            json.dumps({"problems": [asdict(problem) for problem in error.problems]}, indent=1)
        )
        sys.exit(1)
    # A file without problems is told as what it will make.
    n_cells = len(cells_of(found))
    click.echo(
        json.dumps({"problems": [], "cells": n_cells})
        if as_json
        else f"{file} is a study of {n_cells} cells and {len(found.figures)} figures."
    )


@study.command(name="list")
@json_option
@plainly
def list_command(as_json: bool) -> None:
    """List what a study can be made of: stimuli, transformations, measures, by path."""
    from ..study.listing import parts

    rows = parts()
    if as_json:
        show(rows, "json")
        return
    # Grouped as a study's file is: stimuli, transformations, measures.
    for kind, some in rows.groupby("kind", sort=False):
        click.echo(f"{kind}:")
        for row in some.itertuples():
            click.echo(
                f"  {row.path}{f'  (needs {row.needs})' if row.needs else ''}\n      {row.about}"
            )


@study.command(name="run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for everything; not needed for a plan.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the study in that folder: cells that are done, of the same things, are kept.",
)
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Only say what the whole of it takes: cells, images, time and memory.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes; one per core if not given. Results do not depend on it.",
)
@cluster_options
@quiet_option
@json_option
@plainly
def run_command(
    file: Path,
    output: Path | None,
    resume: bool,
    only_plan: bool,
    jobs: int | None,
    scheduler: str | None,
    n_workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the study in FILE, and write everything into the folder --output.

    Results, tables, figures and a report.

    After Ctrl-C, or a change of the file, the same command with --resume goes on.
    """
    from ..study.running import run_study
    from .spread import workers

    if only_plan:
        _show_plan(file, jobs, as_json)
        return
    if output is None:
        msg = "--output is needed: a folder for everything."
        raise click.UsageError(msg)
    # JSON on standard output must stay JSON: no bar beside it.
    progress = False if quiet or as_json else None
    with workers(scheduler, n_workers, quiet=quiet or as_json) as client:
        done = run_study(file, output, resume, jobs, progress, client)
    for warning in done.warnings if not quiet else ():
        say(f"Warning: {warning}")
    if as_json:
        facts = {
            "output": str(output),
            "cells": done.n_cells,
            "made_now": done.n_made,
            "seconds": round(done.seconds, 2),
            "warnings": done.warnings,
        }
        click.echo(
            json.dumps(
                facts | {"files": [path.relative_to(output).as_posix() for path in done.files]},
                indent=1,
            )
        )
    elif not quiet:
        _tell(
            output,
            done.files,
            f"{done.n_cells} cells, {done.n_made} of them made now, in {done.seconds:.0f} s",
        )


def _show_plan(file: Path, jobs: int | None, as_json: bool) -> None:
    from ..study.planning import in_words, plan
    from ..study.reading import read_study

    found = plan(file, jobs)
    if as_json:
        facts = {
            "cells": found.n_cells,
            "images": found.n_images,
            "seconds": round(found.seconds, 1),
            "memory_mib": round(found.memory_mib),
        }
        click.echo(
            json.dumps(
                facts | {"jobs": found.jobs, "rows": found.rows.to_dict("records")}, indent=1
            )
        )
        return
    click.echo(found.rows.to_string(index=False))
    click.echo(in_words(found, read_study(file)))


def _tell(output: Path, files: list[Path], first: str) -> None:
    """What was made, and where."""
    say(f"{first}. In {output}:")
    for kind in ("results", "tables", "figures"):
        n_files = sum(path.relative_to(output).parts[0] == kind for path in files)
        say(f"  {kind}/ ({n_files} files)")
    say(f"  {', '.join(path.name for path in files if path.parent == output)}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@plainly
def report(folder: Path, as_json: bool) -> None:
    """Write report.html of a study's FOLDER again, from the files in it."""
    from ..study.report import write_report

    path = write_report(folder)
    click.echo(json.dumps({"report": str(path)}) if as_json else str(path))
