"""hmax-cnn classify: how well a readout tells classes apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pandas as pd

from hmax_cnn.extraction import FeatureExtractor, Pixels
from hmax_cnn.extraction.files import writable, written_whole

from ..csv_tables import write_csv
from ..interrupted import Interrupted
from ..study.provenance import describe
from .options import (
    background_option,
    built_model,
    cluster_options,
    form_option,
    layer_option,
    model_option,
    opened_dataset,
    overwrite_results_option,
    plainly,
    quiet_option,
    resize_option,
    results_option,
    say,
    settings_option,
    show,
    skip_bad_option,
)


@click.command()
@click.argument("dataset", metavar="DATASET")
@model_option
@settings_option
@layer_option
@resize_option
@background_option
@skip_bad_option
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Of the cross-validation, where no split is given.",
)
@click.option(
    "--groups",
    metavar="COLUMN",
    help="A column of the index, such as object: images that agree in it stay in one fold.",
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
@results_option
@overwrite_results_option
@cluster_options
@form_option
@quiet_option
@plainly
def classify(
    dataset: str,
    name: str,
    settings: tuple[str, ...],
    layer: tuple[str, ...],
    resize: str,
    background: str | None,
    skip_bad: bool,
    folds: int,
    groups: str | None,
    seed: int,
    baseline: bool,
    output: Path,
    overwrite: bool,
    scheduler: str | None,
    n_workers: int | None,
    form: str,
    quiet: bool,
) -> None:
    """How well a linear SVM tells the classes of DATASET apart from a model's features.

    Uses the given split (train/ and test/, or a column `split`), or cross-validation. C and
    prototypes are learned on training images only. Writes accuracy, predictions and the confusion
    matrix into the folder --output.
    """
    from ..readout import Readout
    from ..readout import classify as run
    from .spread import workers

    model = built_model(name, settings, layer, quiet)
    if not overwrite:
        check_new(output)
    writable(output / "accuracy.csv" if output.is_dir() else output)
    # A worker may have been started in another folder.
    where = dataset if scheduler is None or not Path(dataset).exists() else Path(dataset).resolve()
    images = opened_dataset(str(where), resize, background, skip_bad, quiet)
    if groups is not None:
        images = images.grouped(groups)
    layers = "+".join(model.wanted_layers())
    compared: list[tuple[FeatureExtractor, str]] = [(model, f"{name.partition(':')[2]} {layers}")]
    if baseline:
        grid = tuple(min(16, side) for side in images[0].shape[:2])
        # The baseline first: a model that does no better than pixels is seen at once.
        compared.insert(0, (Pixels(grid=grid, progress=False), "pixels"))
    about = describe(model, images) | {"dataset": dataset, "folds": str(folds), "seed": str(seed)}
    about |= {"groups": groups or ""}
    done: dict[str, Readout] = {}
    progress = False if quiet else None
    try:
        with workers(scheduler, n_workers, quiet=quiet) as client:
            for one, label in compared:
                # A result for every fold that is done: the last of a model holds all of them.
                for result in run(one, images, label, folds, seed, progress, client):
                    done[label] = result
    except KeyboardInterrupt:
        if not done:
            raise
        save_readouts(list(done.values()), output, about, complete=False)
        n_folds = sum(len(result.best_c) for result in done.values())
        msg = f"Interrupted: what was done ({n_folds} folds) is in {output}."
        raise Interrupted(msg) from None
    written = save_readouts(list(done.values()), output, about, complete=True)
    show(pd.DataFrame([result.row() for result in done.values()]), form)
    if not quiet:
        tell(written, output)


def tell(written: list[Path], output: Path) -> None:
    """Say what was measured, and where it is."""
    say("Accuracy with Wilson's 95 % interval; linear SVM, C chosen inside the training images.")
    say(f"{len(written)} files in {output}: {', '.join(path.name for path in written)}")


def check_new(output: Path) -> None:
    """Refuse to replace results that took hours, perhaps, without a word."""
    run = output / "run.json"
    # What was interrupted is made again.
    if run.exists() and '"complete": false' not in run.read_text(errors="replace"):
        msg = (
            f"{output} holds the results of an earlier run. Give another --output, or replace them "
            "with --overwrite."
        )
        raise FileExistsError(msg)


def save_readouts(
    done: list[Any], output: Path, attributes: dict[str, str], complete: bool
) -> list[Path]:
    """Accuracy, predictions and the last model's confusion matrix."""
    from ..figures.confusion import confusion
    from ..figures.style import save

    output.mkdir(exist_ok=True)
    accuracy = pd.DataFrame([result.row() for result in done])
    predictions = pd.concat([result.table.assign(features=result.name) for result in done])
    last = done[-1]
    counts = (
        last.confusion()
        .reset_index()
        .melt("label", var_name="predicted", value_name="n_pictures")
        .assign(model=last.name)
    )
    written = [
        write_csv(accuracy, output / "accuracy.csv"),
        write_csv(predictions, output / "predictions.csv"),
        *save(confusion(counts, width="single"), output / "confusion", counts),
    ]
    # Last: it says that all the others are there.
    with written_whole(output / "run.json") as temporary:
        temporary.write_text(json.dumps(attributes | {"complete": complete}, indent=1))
    return [*written, output / "run.json"]
