"""Options that commands share, and how they report errors and print tables."""

from __future__ import annotations

import ast
import functools
import logging
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pandas as pd
from sklearn.exceptions import NotFittedError

from hmax_cnn.data import Dataset, open_dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.arrays import device_namespace
from hmax_cnn.extraction.plain_text import printable
from hmax_cnn.extraction.progress import LOG

from ..csv_tables import without_formulas
from ..interrupted import Interrupted, exit_status, heeding_signals
from ..models import load_model

_EXPECTED = (ValueError, TypeError, OSError, RuntimeError, NotFittedError, MemoryError)


_LONGEST = 1000  # letters of a line of a message
_COLUMNS = 80  # of a terminal


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Errors and warnings as one line of text, not as a traceback.

    Ctrl-C ends with status 130, SIGTERM with 143 and a closed terminal with 129.
    """

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        # One line, without the place in our code, which says nothing to a user.
        warnings.showwarning = lambda message, *_, **__: say(f"Warning: {message}")
        _show_log()
        try:
            with heeding_signals():
                command(*arguments, **options)
        except (Interrupted, KeyboardInterrupt) as event:
            say(str(event) or "Interrupted.")
            sys.exit(exit_status())
        # `| head` has seen enough.
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)
        except _EXPECTED as error:
            text = "\n".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())])
            raise click.ClickException(_told(text)) from error

    return run


def _show_log() -> None:
    """Lines of the log on standard error: how far a job is that nobody watches."""
    if not LOG.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)


def _told(text: str) -> str:
    """A message, each line of it of a length that can be read."""
    lines = printable(text, kept="\n\t").split("\n")
    return "\n".join(line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..." for line in lines)


def say(text: str) -> None:
    """A line for whoever looks on; without what a terminal would obey, such as a name's colours."""
    with suppress(OSError):  # the terminal may be closed
        click.echo(printable(text, kept="\n\t"), err=True)


def show(rows: pd.DataFrame, form: str) -> None:
    """Print a table as text, CSV or JSON."""
    if form == "csv":
        click.echo(printable(without_formulas(rows).to_csv(index=False), kept="\n"), nl=False)
    elif form == "json":
        click.echo(rows.to_json(orient="records", indent=1))
    else:
        click.echo(printable(_in_columns(rows), kept="\n"))


def _in_columns(rows: pd.DataFrame) -> str:
    """A table as text: words from the left, numbers from the right."""
    shown, widths = rows.copy(), {}
    for column in rows:
        if not pd.api.types.is_numeric_dtype(rows[column]):
            shown[column] = rows[column].astype(str)
            widths[column] = max([len(str(column)), *shown[column].str.len()])
    left = {column: f"{{:<{width}}}".format for column, width in widths.items()}
    names = {column: left[column](str(column)) if column in left else column for column in rows}
    text = shown.rename(columns=names).to_string(
        index=False, formatters={names[column]: one for column, one in left.items()}
    )
    return "\n".join(line.rstrip() for line in text.split("\n"))


def show_list(rows: pd.DataFrame, form: str, name: str, beside: str, about: str) -> None:
    """Print a list of things: as text each with its name, and what it is below, in 80 columns."""
    if form != "text":
        show(rows, form)
        return
    for _, row in rows.iterrows():
        click.echo(row[name])
        for text in (row[about], f"{beside}: {row[beside]}"):
            filled = textwrap.fill(printable(str(text)), _COLUMNS - 4)
            click.echo(textwrap.indent(filled, "    "))


settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the model; may be given several times.",
)


model_option = click.option(
    "--model",
    "name",
    default="hmax:HMAX",
    show_default=True,
    metavar="PACKAGE:CLASS",
    help="The model; see `hmax-cnn models`.",
)


layer_option = click.option(
    "--layer",
    multiple=True,
    help="Layer, given several times or several with commas between, whose features are put side "
    "by side; the model's own choice if not given.",
)


form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="How tables are printed.",
)


resize_option = click.option(
    "--resize",
    default="none",
    show_default=True,
    metavar="RULE",
    help=(
        "height:H, shorter:N, longer:N, stretch:HxW, cover:HxW, crop:HxW or pad:HxW, in pixels; "
        "several with commas between."
    ),
)


background_option = click.option(
    "--background", help="Colour under transparent pixels; without it such pictures are refused."
)


skip_bad_option = click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out pictures that cannot be read, with a warning that names them.",
)


results_option = click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("hmax-cnn-classify"),
    show_default=True,
    help="Folder for results.",
)


overwrite_results_option = click.option(
    "--overwrite", is_flag=True, help="Replace results of an earlier run in --output."
)


def cluster_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that let the workers of a Dask cluster do the work: `scheduler`, `n_workers`."""
    scheduler = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Address of a Dask scheduler whose workers do the work, such as tcp://10.0.0.1:8786.",
    )
    workers = click.option(
        "--workers",
        "n_workers",
        type=click.IntRange(min=1),
        help="Do the work with so many Dask workers on this machine.",
    )
    return scheduler(workers(command))


quiet_option = click.option("--quiet", is_flag=True, help="No progress bars and no closing line.")


image_size_option = click.option(
    "--image-size",
    metavar="N or HxW",
    help="Of the images, in pixels; if not given what the model was made for, or else 224.",
)


json_option = click.option("--json", "as_json", is_flag=True, help="Say it in JSON, for scripts.")


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Parameters from `key=value`.

    A value that reads as a Python literal is one, any other is text.

    Raises
    ------
    ValueError
        If there is no '=' or a key comes twice.

    Examples
    --------
    >>> parse_settings(["bands=4", "preset=georgetown", "phases=(0, 90)"])
    {'bands': 4, 'preset': 'georgetown', 'phases': (0, 90)}
    """
    parsed: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            msg = f"--set must be key=value, got {setting!r}."
            raise ValueError(msg)
        if key.strip() in parsed:
            msg = f"--set names {key.strip()!r} twice. Keep one."
            raise ValueError(msg)
        try:
            # Literals only: nothing is evaluated. What is no literal is text.
            parsed[key.strip()] = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError):
            parsed[key.strip()] = text.strip()
    return parsed


def built_model(
    name: str, settings: tuple[str, ...], layer: tuple[str, ...] = (), quiet: bool = False
) -> FeatureExtractor:
    """The model of the command line, its layer and device checked before anything is read."""
    chosen = parse_settings(settings)
    layers = tuple(part.strip() for text in layer for part in text.split(","))
    if len(layers) == 1:
        chosen["layer"] = layers[0]
    elif layers:
        chosen["layer"] = layers
    model = load_model(name, chosen)
    model.wanted_layers()  # an unknown layer or a missing GPU is refused before anything is read
    device_namespace(model.device)
    if quiet:
        model.set_params(progress=False)
    return model


def opened_dataset(
    where: str,
    resize: str,
    background: str | None,
    skip_bad: bool,
    quiet: bool,
    check: bool = True,
) -> Dataset:
    """The images of the command line, resized and, unless that is left out, checked."""
    images = open_dataset(where).framed(resize, background)
    if not check:
        return images
    return images.checked(skip_bad, progress=False if quiet else None)


def image_sides(text: str | None, model: FeatureExtractor) -> tuple[int, int]:
    """Height and width from --image-size, or what the model was made for."""
    if text is None:
        return model.intended_shape() or (224, 224)
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        msg = f"--image-size must be N or HxW in pixels, got {text!r}."
        raise ValueError(msg)
    return int(sides[0]), int(sides[-1])
