"""hmax-cnn extract: features of images into a file."""

from __future__ import annotations

from pathlib import Path

import click

from hmax_cnn.extraction.cluster import dask_module
from hmax_cnn.extraction.files import check_other_file, writable
from hmax_cnn.extraction.reductions import Reduction
from hmax_cnn.extraction.store import DTYPES, is_store
from hmax_cnn.extraction.store.layout import zarr_module
from hmax_cnn.extraction.store.places import place_of

from .feature_files import ending, write
from .features import extract, partial_of
from .kept_rows import KeptRows
from .options import (
    background_option,
    cluster_options,
    layer_option,
    model_option,
    parse_settings,
    plainly,
    quiet_option,
    resize_option,
    say,
    settings_option,
    skip_bad_option,
)
from .request import Request, say_of_store
from .spread import making_shards, workers
from .stored import Part


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
    metavar="FILE",
    help="features.npz, .csv, .nc, .parquet, .mat or .svmlight; or features.zarr, a store of any "
    "size, also in a bucket (s3://...).",
)
@click.option(
    "--part",
    metavar="K/N",
    help="Of a store: do the K-th of N equal parts only, such as in an array of jobs.",
)
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default=DTYPES[0],
    show_default=True,
    help="Of the numbers in a store.",
)
@click.option(
    "--shard-images",
    type=click.IntRange(min=1),
    help="Of a store: images in a file; 256, or as many as 128 MB hold, if not given.",
)
@click.option(
    "--reduce",
    metavar="HOW",
    help="Fewer numbers for each image: units:N (drawn), projection:N (random sums), pca:N (of the "
    "training images), mean or pyramid:N (of each map).",
)
@click.option("--overwrite", is_flag=True, help="Write over a store of other features.")
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="For a store: only say what it would take in time, memory and on disk. A model that "
    "learns does so first.",
)
@cluster_options
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
    output: str,
    part: str | None,
    dtype: str,
    shard_images: int | None,
    reduce: str | None,
    overwrite: bool,
    only_plan: bool,
    scheduler: str | None,
    n_workers: int | None,
    quiet: bool,
) -> None:
    """Write features of IMAGES into a file.

    IMAGES is a folder, a .csv index, an idx file, 'digits' or 'photographs'.

    A folder per class gives labels. A model that learns does so from the training part only
    (train/, or a column `split`), or from the images of --learn-from. What is done is kept
    however the command ends, and the same command goes on from there.
    """
    asked = Request(
        images,
        name,
        settings,
        layer,
        resize,
        background,
        skip_bad,
        teacher,
        dtype,
        shard_images,
        reduce,
    )
    if reduce is not None:
        Reduction.parsed(reduce)  # before anything is read
    if is_store(output):
        share = Part() if part is None else Part.parsed(part)
        spreads = scheduler is not None or n_workers is not None
        _into_store(
            asked, output, share, overwrite=overwrite, only_plan=only_plan, quiet=quiet,
            over=(scheduler, n_workers) if spreads else None,
        )  # fmt: skip
        return
    others = (part, overwrite, shard_images, only_plan, scheduler, n_workers)
    if any(others) or dtype != DTYPES[0]:
        msg = (
            "--part, --dtype, --shard-images, --overwrite, --plan, --scheduler and --workers go "
            f"with a store, such as features.zarr, got --output {output}."
        )
        raise ValueError(msg)
    _into_file(asked, Path(output), quiet=quiet)


def _into_store(
    asked: Request,
    output: str,
    part: Part,
    *,
    overwrite: bool,
    only_plan: bool,
    over: tuple[str | None, int | None] | None,
    quiet: bool,
) -> None:
    # Before anything is learned: what is missing, and where nothing can be written.
    zarr_module()
    place_of(output).check()
    if over is not None:
        dask_module()
    # Parts decode their own images; were each to decode all, many parts would take no less time.
    alone = part.of == 1 and over is None
    extraction = asked.extraction(output, check=alone, quiet=quiet)
    n_shards = len(part.of_shards(extraction.store.layout.n_shards))
    if only_plan or (not quiet and n_shards > 1 and over is None):
        planned = extraction.plan(part)
        say(planned.text())
        extraction.check(part, planned)
    if only_plan:
        return
    progress = False if quiet else None
    if over is None:
        told = extraction.run(part, overwrite=overwrite, progress=progress)
    else:
        with workers(*over, quiet=quiet) as client:
            elsewhere = making_shards(client, asked, output)
            told = extraction.run(
                part, overwrite=overwrite, progress=progress, spread_over=elsewhere
            )
    say_of_store(told, part, quiet=quiet)


def _into_file(asked: Request, output: Path, *, quiet: bool) -> None:
    ending(output)
    check_other_file(
        output, [asked.images, asked.learn_from, *parse_settings(asked.settings).values()]
    )
    writable(output)
    model, dataset, others = asked.opened(quiet=quiet)
    progress = False if quiet else None
    with KeptRows(partial_of(output)) as kept:
        features = extract(model, dataset, output, kept, progress, others, asked.reduce)
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
