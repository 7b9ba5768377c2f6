"""hmax-cnn train: a network on images, and its weights into a file."""

from __future__ import annotations

from pathlib import Path

import click

from hmax_cnn.data import open_dataset
from hmax_cnn.extraction.files import writable

from .options import (
    background_option,
    built_model,
    cluster_options,
    parse_settings,
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
@click.option(
    "--seeds",
    metavar="N,N,...",
    help="Train once for each, such as 0,1,2; files are named after them.",
)
@cluster_options
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
    seeds: str | None,
    scheduler: str | None,
    n_workers: int | None,
    quiet: bool,
) -> None:
    """Train a network on DATASET and write its weights.

    Uses the training images of a given split (train/ and test/, or a column `split`), and says the
    accuracy on the test images. Writes the curves of loss and accuracy beside the weights.
    Interrupted with Ctrl-C, what is done is kept, and the same command goes on from there, to the
    same numbers.
    """
    from .spread import workers
    from .training import Asked

    if output.suffix != ".safetensors":
        msg = f"--output must end in .safetensors, got {output}."
        raise ValueError(msg)
    writable(output)
    asked = Asked(name, settings, dataset, test, resize, background, skip_bad)
    if seeds is None:
        if scheduler is not None or n_workers is not None:
            msg = "--scheduler and --workers go with --seeds: a training is done by one process."
            raise ValueError(msg)
        done = asked.run(output, quiet=quiet)
    else:
        wanted = _seeds(seeds, settings)
        built_model(name, settings, quiet=True)  # what is wrong is told before a cluster is there
        for where in filter(None, (dataset, test)):
            open_dataset(where)
        with workers(scheduler, n_workers, quiet=quiet) as client:
            done = asked.run_seeds(output, wanted, client, quiet=quiet)
    show(done.table, "text")
    if not quiet:
        say(f"{len(done.written)} files: {', '.join(map(str, done.written))}")


def _seeds(text: str, settings: tuple[str, ...]) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        msg = f"--seeds must be whole numbers with commas between, such as 0,1,2, got {text!r}."
        raise ValueError(msg)
    seeds = list(map(int, parts))
    if len(set(seeds)) < len(seeds):
        msg = f"--seeds must differ, got {text!r}."
        raise ValueError(msg)
    for name in ("random_state", "checkpoint"):
        if name in parse_settings(settings):
            msg = f"--seeds sets the {name} of each: leave --set {name} out."
            raise ValueError(msg)
    return seeds
