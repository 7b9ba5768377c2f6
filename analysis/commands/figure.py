"""hmax-cnn figure: one figure drawn again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import json_option, parse_settings, plainly, show_list


@click.command()
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
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help=(
        "A parameter of the figure, or of its look: models, layers, labels, colours, y_scale, "
        "y_limits, references, legend, font, font_size; may be given several times."
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
@click.option(
    "--trust-code",
    is_flag=True,
    help="Run modules in the folder's code/: only of folders whose makers you trust.",
)
@json_option
@plainly
def figure(
    name: str | None,
    results: Path | None,
    listed: bool,
    measure: str | None,
    width: str | None,
    forms: tuple[str, ...],
    output: Path | None,
    trust_code: bool,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Draw the figure NAME from RESULTS: a study's folder, a table (.csv) or a result (.nc).

    NAME is a figure of the study, one of ours, or a path such as my_figures:mine.
    """
    from ..study.drawing import draw, listing

    if listed:
        show_list(listing(), "json" if as_json else "text", "figure", "draws", "shows")
        return
    if name is None or results is None:
        msg = "NAME and RESULTS are needed; `hmax-cnn figure --list` has the names."
        raise click.UsageError(msg)
    forms = forms or ("pdf", "svg", "png")
    written = draw(
        name, results, measure, width, forms, output, trust_code, parse_settings(settings)
    )
    click.echo(
        json.dumps({"files": list(map(str, written))}) if as_json else "\n".join(map(str, written))
    )
