"""hmax-cnn: the command line."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd
from sklearn.exceptions import NotFittedError

from hmax_cnn.data import Dataset, open_dataset
from hmax_cnn.extraction import FeatureExtractor, Pixels
from hmax_cnn.extraction.arrays import device_namespace
from hmax_cnn.extraction.files import writable, written_whole

from ..interrupted import Interrupted
from ..models import load_model, parse_settings, table
from .features import describe, ending, extract, partial_of, write

_EXPECTED = (ValueError, TypeError, OSError, RuntimeError, NotFittedError, MemoryError)
_INTERRUPTED = 130


def _plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Errors and warnings as one line of text, not as a traceback; Ctrl-C ends with status 130."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
        try:
            command(*arguments, **options)
        except Interrupted as event:
            click.echo(str(event), err=True)
            sys.exit(_INTERRUPTED)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)
        except _EXPECTED as error:
            raise click.ClickException(str(error) or type(error).__name__) from error

    return run


def _show(rows: pd.DataFrame, form: str) -> None:
    if form == "csv":
        click.echo(rows.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(rows.to_json(orient="records", indent=1))
    else:
        click.echo(rows.to_string(index=False))


_settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the model; may be given several times.",
)
_model = click.option(
    "--model",
    "name",
    default="hmax:HMAX",
    show_default=True,
    metavar="PACKAGE:CLASS",
    help="The model; see `hmax-cnn models`.",
)
_layer = click.option(
    "--layer", help="Layer, or several with commas between; the model's own choice if not given."
)
_form = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="How tables are printed.",
)
_resize = click.option(
    "--resize", default="none", show_default=True, metavar="RULE",
    help=("height:H, shorter:N, longer:N, stretch:HxW, cover:HxW or crop:HxW, in pixels; several "
"with commas between."),
)  # fmt: skip
_background = click.option(
    "--background", help="Colour under transparent pixels; without it such pictures are refused."
)
_skip_bad = click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out pictures that cannot be read, with a warning that names them.",
)
_quiet = click.option("--quiet", is_flag=True, help="No progress bars and no closing line.")
_image_size = click.option(
    "--image-size",
    metavar="N or HxW",
    help="Of the images, in pixels; if not given what the model was made for, or else 224.",
)


def _built(
    name: str, settings: tuple[str, ...], layer: str | None = None, quiet: bool = False
) -> FeatureExtractor:
    chosen = parse_settings(settings)
    if layer is not None:
        layers = tuple(part.strip() for part in layer.split(","))
        if len(layers) == 1:
            chosen["layer"] = layers[0]
        else:
            chosen["layer"] = layers
    model = load_model(name, chosen)
    model.wanted_layers()  # an unknown layer or a missing GPU is refused before anything is read
    device_namespace(model.device)
    if quiet:
        model.set_params(progress=False)
    return model


def _opened(
    where: str, resize: str, background: str | None, skip_bad: bool, quiet: bool
) -> Dataset:
    return (
        open_dataset(where)
        .framed(resize, background)
        .checked(skip_bad, progress=False if quiet else None)
    )


def _sides(text: str | None, model: FeatureExtractor) -> tuple[int, int]:
    if text is None:
        return model.intended_shape() or (224, 224)
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        msg = f"--image-size must be N or HxW in pixels, got {text!r}."
        raise ValueError(msg)
    return int(sides[0]), int(sides[-1])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hmax-cnn")
def main() -> None:
    """HMAX, perceptrons and convolutional networks: studies, figures, features, fields and a
    readout.

    A MODEL is package:Class, such as hmax:HMAX; its parameters are given with --set.
    """


@main.command()
@_form
@_plainly
def models(form: str) -> None:
    """List the models that there are."""
    _show(table(), form)


@main.command()
@click.argument("name", metavar="MODEL")
@_settings
@_image_size
@click.option(
    "--pixels-per-degree",
    type=click.FloatRange(min=0, min_open=True),
    help="Adds the same columns in degrees of visual angle.",
)
@_form
@_plainly
def fields(
    name: str,
    settings: tuple[str, ...],
    image_size: str | None,
    pixels_per_degree: float | None,
    form: str,
) -> None:
    """Receptive fields of every layer: size, step, and centre of the first, in pixels."""
    model = _built(name, settings)
    _show(model.fields(_sides(image_size, model), pixels_per_degree=pixels_per_degree), form)


@main.command()
@click.argument("name", metavar="MODEL")
@_settings
@_image_size
@_form
@_plainly
def summary(name: str, settings: tuple[str, ...], image_size: str | None, form: str) -> None:
    """Layers, output shapes, parameters and multiply-accumulates, with totals."""
    model = _built(name, settings)
    rows = model.summary(_sides(image_size, model))
    total = {"layer": "total", "band": ""} | {
        column: int(rows[column].sum())
        for column in ("units", "parameters", "multiply_accumulates")
    }
    if form == "json":
        click.echo(
            json.dumps(
                {
                    "layers": rows.to_dict(orient="records"),
                    **{name: total[name] for name in list(total)[2:]},
                },
                indent=1,
            )
        )
        return
    rows = pd.concat([rows, pd.DataFrame([total])], ignore_index=True).astype(
        {"features": "Int64", "height": "Int64", "width": "Int64"}
    )
    _show(rows.astype(object).where(rows.notna(), ""), form)


@main.command(name="extract")
@click.argument("images", metavar="IMAGES")
@_model
@_settings
@_layer
@_resize
@_background
@_skip_bad
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="features.npz, .csv, .nc or .svmlight",
)
@_quiet
@_plainly
def extract_command(
    images: str,
    name: str,
    settings: tuple[str, ...],
    layer: str | None,
    resize: str,
    background: str | None,
    skip_bad: bool,
    output: Path,
    quiet: bool,
) -> None:
    """Features of IMAGES (a folder, a .csv index, an idx file, 'digits' or 'photographs') into a
    file.

    A folder per class gives labels. Interrupted with Ctrl-C, what is done is kept, and the same
    command goes on from there.
    """
    ending(output)
    writable(output)
    model = _built(name, settings, layer, quiet)
    dataset = _opened(images, resize, background, skip_bad, quiet)
    features = extract(model, dataset, output, progress=False if quiet else None)
    written = write(features, output)
    partial_of(output).unlink(missing_ok=True)
    if not quiet:
        n_images, n_units = features.values.shape
        click.echo(
            (
                f"{n_images} images x {n_units} units of {'+'.join(model.wanted_layers())!r} in "
                f"{', '.join(map(str, written))}"
            ),
            err=True,
        )


@main.command()
@click.argument("dataset", metavar="DATASET")
@_model
@_settings
@_layer
@_resize
@_background
@_skip_bad
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Of the cross-validation, where no split is given.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the folds."
)
@click.option(
    "--baseline/--no-baseline",
    default=True,
    show_default=True,
    help="Also the same SVM on pixels, averaged over a 16 x 16 grid.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("hmax-cnn-classify"),
    show_default=True,
    help="Folder for results.",
)
@_form
@_quiet
@_plainly
def classify(
    dataset: str, name: str, settings: tuple[str, ...], layer: str | None, resize: str, background: str | None, skip_bad: bool,
    folds: int, seed: int, baseline: bool, output: Path, form: str, quiet: bool,
) -> None:  # fmt: skip
    """How well a linear SVM tells the classes of DATASET apart from a model's features.

    Uses the given split (train/ and test/, or a column `split`), or cross-validation. C and
    prototypes are learned on training images only. Writes accuracy, predictions and the confusion
    matrix into the folder --output.
    """
    from ..readout import Readout
    from ..readout import classify as run

    model = _built(name, settings, layer, quiet)
    writable(output / "accuracy.csv" if output.is_dir() else output)
    images = _opened(dataset, resize, background, skip_bad, quiet)
    layers = "+".join(model.wanted_layers())
    compared: list[tuple[FeatureExtractor, str]] = [(model, f"{name.partition(':')[2]} {layers}")]
    if baseline:
        compared.insert(
            0,
            (
                Pixels(grid=tuple(min(16, side) for side in images[0].shape[:2]), progress=False),
                "pixels",
            ),
        )
    done: list[Readout] = []
    about = describe(model, images) | {"dataset": dataset, "folds": str(folds), "seed": str(seed)}
    try:
        for one, label in compared:
            for number, result in enumerate(
                run(one, images, label, folds, seed, progress=False if quiet else None)
            ):
                if number:
                    done = [*done[:-1], result]
                else:
                    done = [*done, result]
    except KeyboardInterrupt:
        if not done:
            raise
        _save_readouts(done, output, about, complete=False)
        msg = (
            f"Interrupted: what was done ({sum(len(r.best_c) for r in done)} folds) is in {output}."
        )
        raise Interrupted(msg) from None
    written = _save_readouts(done, output, about, complete=True)
    _show(pd.DataFrame([result.row() for result in done]), form)
    if not quiet:
        click.echo(
            (
                "Accuracy with Wilson's 95 % interval; linear SVM, C chosen inside the training "
                "images."
            ),
            err=True,
        )
        click.echo(
            f"{len(written)} files in {output}: {', '.join(path.name for path in written)}",
            err=True,
        )


def _save_readouts(
    done: list[Any], output: Path, attributes: dict[str, str], complete: bool
) -> list[Path]:
    """Accuracy, predictions and the last model's confusion matrix."""
    from ..figures.confusion import confusion
    from ..figures.style import save

    output.mkdir(exist_ok=True)
    tables = {
        "accuracy.csv": pd.DataFrame([result.row() for result in done]),
        "predictions.csv": pd.concat(
            [result.table.assign(features=result.name) for result in done]
        ),
    }
    written = []
    for name, rows in tables.items():
        with written_whole(output / name) as temporary:
            rows.to_csv(temporary, index=False)
        written.append(output / name)
    with written_whole(output / "run.json") as temporary:
        temporary.write_text(json.dumps(attributes | {"complete": complete}, indent=1))
    last = done[-1]
    counts = (
        last.confusion()
        .reset_index()
        .melt("label", var_name="predicted", value_name="n_pictures")
        .assign(model=last.name)
    )
    return [
        *written,
        output / "run.json",
        *save(confusion(counts, width="single"), output / "confusion", counts),
    ]


@main.command()
@click.argument("dataset", metavar="DATASET")
@click.option(
    "--model",
    "name",
    default="cnn:CNN",
    show_default=True,
    metavar="PACKAGE:CLASS",
    help="A model whose weights can be written.",
)
@_settings
@click.option(
    "--test", "test", metavar="DATASET", help="Images to test on, where DATASET has no split."
)
@_resize
@_background
@_skip_bad
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="weights.safetensors"
)
@_quiet
@_plainly
def train(
    dataset: str, name: str, settings: tuple[str, ...], test: str | None, resize: str, background: str | None, skip_bad: bool,
    output: Path, quiet: bool,
) -> None:  # fmt: skip
    """Train a network on DATASET and write its weights.

    Uses the training images of a given split (train/ and test/, or a column `split`), and says the
    accuracy on the test images. Writes the curves of loss and accuracy beside the weights.
    Interrupted with Ctrl-C, what is done is kept, and the same command goes on from there, to the
    same numbers.
    """
    from .training import run

    if output.suffix != ".safetensors":
        msg = f"--output must end in .safetensors, got {output}."
        raise ValueError(msg)
    writable(output)
    model = _built(name, settings, quiet=quiet)
    images = _opened(dataset, resize, background, skip_bad, quiet)
    if test is None:
        others = None
    else:
        others = _opened(test, resize, background, skip_bad, quiet)
    done = run(model, images, others, output)
    _show(done.table, "text")
    if not quiet:
        click.echo(f"{len(done.written)} files: {', '.join(map(str, done.written))}", err=True)


@main.group()
def study() -> None:
    """Run comparison studies: from one TOML file to a folder with results, figures and a report.

    Exit codes: 0 done; 1 something is wrong, and the text says what; 2 the command was written
    wrongly; 130 interrupted, what is done is kept.
    """


_json = click.option("--json", "as_json", is_flag=True, help="Say it in JSON, for scripts.")


@study.command()
@click.argument("file", type=click.Path(path_type=Path))
@_plainly
def new(file: Path) -> None:
    """Write a commented study into FILE, to start from."""
    from importlib.resources import files

    if file.exists():
        msg = f"{file} is there already. Give another name."
        raise FileExistsError(msg)
    with written_whole(file) as temporary:
        temporary.write_text(
            files("analysis.study")
            .joinpath("template.toml")
            .read_text(encoding="utf-8")
            .replace("FILE", str(file)),
            encoding="utf-8",
        )
    click.echo(
        (
            f"A study to start from is in {file}. Look at it, then: hmax-cnn study run {file} "
            f"--output {file.stem}"
        ),
        err=True,
    )


@study.command()
@click.argument("file", type=click.Path(path_type=Path))
@_json
@_plainly
def check(file: Path, as_json: bool) -> None:
    """Say what is wrong in a study's FILE, each with its line; nothing is run."""
    from dataclasses import asdict

    from ..study.cells import cells_of
    from ..study.reading import StudyError, read_study

    try:
        found = read_study(file)
    except StudyError as error:
        if not as_json:
            raise
        click.echo(
            json.dumps({"problems": [asdict(problem) for problem in error.problems]}, indent=1)
        )
        sys.exit(1)
    n_cells = len(cells_of(found))
    click.echo(
        json.dumps({"problems": [], "cells": n_cells})
        if as_json
        else f"{file} is a study of {n_cells} cells and {len(found.figures)} figures."
    )


@study.command(name="list")
@_json
@_plainly
def list_command(as_json: bool) -> None:
    """List what a study can be made of: stimuli, transformations, measures, by path."""
    from ..study.listing import parts

    rows = parts()
    if as_json:
        _show(rows, "json")
        return
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
@_quiet
@_json
@_plainly
def run_command(
    file: Path,
    output: Path | None,
    resume: bool,
    only_plan: bool,
    jobs: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the study in FILE, and write results, tables, figures and a report into the folder
    --output.

    After Ctrl-C, or a change of the file, the same command with --resume goes on.
    """
    from ..study.running import run_study

    if only_plan:
        _show_plan(file, jobs, as_json)
        return
    if output is None:
        msg = "--output is needed: a folder for everything."
        raise click.UsageError(msg)
    done = run_study(file, output, resume, jobs, progress=False if quiet or as_json else None)
    for warning in done.warnings if not quiet else ():
        click.echo(f"Warning: {warning}", err=True)
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
    from ..study.planning import described, plan
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
    click.echo(described(found, read_study(file)))


def _tell(output: Path, files: list[Path], first: str) -> None:
    """What was made, and where."""
    click.echo(f"{first}. In {output}:", err=True)
    for kind in ("results", "tables", "figures"):
        click.echo(
            (
                f"  {kind}/ "
                f"({sum(path.parent.name == kind or kind in path.relative_to(output).parts[:1] for path in files)} "
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                ""
                "files)"
            ),
            err=True,
        )
    click.echo(f"  {', '.join(path.name for path in files if path.parent == output)}", err=True)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_json
@_plainly
def report(folder: Path, as_json: bool) -> None:
    """Write report.html of a study's FOLDER again, from the files in it."""
    from ..study.report import write_report

    path = write_report(folder)
    click.echo(json.dumps({"report": str(path)}) if as_json else str(path))


@main.command()
@click.argument("name", required=False)
@click.argument("results", type=click.Path(path_type=Path), required=False)
@click.option("--list", "listed", is_flag=True, help="List the figures that there are.")
@click.option(
    "--measure",
    help="Of a study's folder: which results to draw, where NAME is none of its figures.",
)
@click.option(
    "--width",
    default=None,
    metavar="MM",
    help=(
        "single (85 mm), middle (114), double (174), or such as 120mm; the study's own if not "
        "given."
    ),
)
@click.option(
    "--format",
    "forms",
    type=click.Choice(["pdf", "svg", "png"]),
    multiple=True,
    help="May be given several times; all if not given.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Name of the files, without ending; NAME in the working folder if not given.",
)
@_json
@_plainly
def figure(
    name: str | None,
    results: Path | None,
    listed: bool,
    measure: str | None,
    width: str | None,
    forms: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Draw the figure NAME from RESULTS: a study's folder, a table (.csv) or a result (.nc).

    NAME is a figure of the study, one of ours, or a path such as my_figures:mine.
    """
    from ..study.drawing import draw, listing

    if listed:
        _show(listing(), "json" if as_json else "text")
        return
    if name is None or results is None:
        msg = "NAME and RESULTS are needed; `hmax-cnn figure --list` has the names."
        raise click.UsageError(msg)
    written = draw(name, results, measure, width, forms or ("pdf", "svg", "png"), output)
    click.echo(
        json.dumps({"files": list(map(str, written))}) if as_json else "\n".join(map(str, written))
    )


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what a shell needs to complete our commands.

    For bash, add to ~/.bashrc: eval "$(hmax-cnn completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(main, {}, "hmax-cnn", "_HMAX_CNN_COMPLETE").source())


if __name__ == "__main__":
    main(prog_name="hmax-cnn")
