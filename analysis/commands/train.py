"""hmax-cnn train: a network on images, and its weights into a file."""

from __future__ import annotations

from pathlib import Path

import click

from hmax_cnn.extraction.files import writable

from .options import (
    background_option,
    built_model,
    opened_dataset,
    plainly,
    quiet_option,
    resize_option,
    say,
    settings_option,
    show,
    skip_bad_option,
)


@click.command()
@click.argument("dataset", metavar="DATASET")
@click.option(
    "--model",
    "name",
    default="cnn:CNN",
    show_default=True,
    metavar="PACKAGE:CLASS",
    help="A model whose weights can be written.",
)
@settings_option
@click.option(
    "--test", "test", metavar="DATASET", help="Images to test on, where DATASET has no split."
)
@resize_option
@background_option
@skip_bad_option
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="weights.safetensors"
)
@quiet_option
@plainly
def train(
    dataset: str,
    name: str,
    settings: tuple[str, ...],
    test: str | None,
    resize: str,
    background: str | None,
    skip_bad: bool,
    output: Path,
    quiet: bool,
) -> None:
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
    model = built_model(name, settings, quiet=quiet)
    images = opened_dataset(dataset, resize, background, skip_bad, quiet)
    if test is None:
        others = None
    else:
        others = opened_dataset(test, resize, background, skip_bad, quiet)
    done = run(model, images, others, output)
    show(done.table, "text")
    if not quiet:
        say(f"{len(done.written)} files: {', '.join(map(str, done.written))}")
