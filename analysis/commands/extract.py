"""hmax-cnn extract: features of images into a file."""

from __future__ import annotations

from pathlib import Path

import click

from hmax_cnn.extraction.files import writable

from .features import ending, extract, partial_of, write
from .options import (
    background_option,
    built_model,
    layer_option,
    model_option,
    opened_dataset,
    plainly,
    quiet_option,
    resize_option,
    settings_option,
    skip_bad_option,
)


@click.command(name="extract")
@click.argument("images", metavar="IMAGES")
@model_option
@settings_option
@layer_option
@resize_option
@background_option
@skip_bad_option
@click.option(
    "--learn-from",
    "teacher",
    metavar="IMAGES",
    help="Images that a model learns from, where IMAGES have no training part.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="features.npz, .csv, .nc or .svmlight",
)
@quiet_option
@plainly
def extract_command(
    images: str,
    name: str,
    settings: tuple[str, ...],
    layer: tuple[str, ...],
    resize: str,
    background: str | None,
    skip_bad: bool,
    teacher: str | None,
    output: Path,
    quiet: bool,
) -> None:
    """Write features of IMAGES into a file.

    IMAGES is a folder, a .csv index, an idx file, 'digits' or 'photographs'.

    A folder per class gives labels. A model that learns does so from the training part only
    (train/, or a column `split`), or from the images of --learn-from. Interrupted with Ctrl-C,
    what is done is kept, and the same command goes on from there.
    """
    ending(output)
    writable(output)
    model = built_model(name, settings, layer, quiet)
    dataset = opened_dataset(images, resize, background, skip_bad, quiet)
    others = None
    if teacher is not None:
        others = opened_dataset(teacher, resize, background, skip_bad, quiet)
    features = extract(model, dataset, output, False if quiet else None, others)
    if "warning" in features.attributes:
        click.echo(f"Warning: {features.attributes['warning']}", err=True)
    written = write(features, output)
    partial_of(output).unlink(missing_ok=True)
    if not quiet:
        n_images, n_units = features.values.shape
        if "learned_from" in features.attributes:
            click.echo(f"Learned from {features.attributes['learned_from']}.", err=True)
        click.echo(
            (
                f"{n_images} images x {n_units} units of {'+'.join(model.wanted_layers())!r} in "
                f"{', '.join(map(str, written))}"
            ),
            err=True,
        )
