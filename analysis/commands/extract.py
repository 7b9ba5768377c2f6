"""hmax-cnn extract: features of images into a file."""

from __future__ import annotations

from pathlib import Path

import click

from hmax_cnn.extraction.files import check_other_file, writable

from .feature_files import ending, write
from .features import extract, partial_of
from .kept_rows import KeptRows
from .options import (
    background_option,
    built_model,
    layer_option,
    model_option,
    opened_dataset,
    parse_settings,
    plainly,
    quiet_option,
    resize_option,
    say,
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
    help="features.npz, .csv, .nc, .parquet, .mat or .svmlight",
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
    (train/, or a column `split`), or from the images of --learn-from. What is done is kept
    however the command ends, and the same command goes on from there.
    """
    ending(output)
    check_other_file(output, [images, teacher, *parse_settings(settings).values()])
    writable(output)
    model = built_model(name, settings, layer, quiet)
    dataset = opened_dataset(images, resize, background, skip_bad, quiet)
    others = None
    if teacher is not None:
        others = opened_dataset(teacher, resize, background, skip_bad, quiet)
    progress = False if quiet else None
    with KeptRows(partial_of(output)) as kept:
        features = extract(model, dataset, output, kept, progress, others)
        n_images, n_units = kept.shape
        if "warning" in features.attributes:
            say(f"Warning: {features.attributes['warning']}")
        written = write(features, output, progress)
        kept.remove()
    if not quiet:
        if "learned_from" in features.attributes:
            say(f"Learned from {features.attributes['learned_from']}.")
        say(
            f"{n_images} images x {n_units} units of {'+'.join(model.wanted_layers())!r} in "
            f"{', '.join(map(str, written))}"
        )
