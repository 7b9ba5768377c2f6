"""Features of many images, block by block, and what made them."""

from __future__ import annotations

import errno
import hashlib
import shutil
from pathlib import Path

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.progress import progress_bar
from hmax_cnn.extraction.reductions import Reduction

from ..interrupted import Interrupted
from ..study.provenance import describe, made_by, state_of, to_learn, warning_of
from .feature_files import Features, bytes_needed, check_size
from .kept_rows import KeptRows
from .rows import Rows

_AT_ONCE = 64  # images in a block


def extract(
    model: FeatureExtractor,
    dataset: Dataset,
    output: Path,
    kept: KeptRows,
    progress: bool | None = None,
    learn_from: Dataset | None = None,
    reduce: str | None = None,
) -> Features:
    """Features of every image.

    What is learned, is learned from `learn_from`, or from the training images where there is a
    split. Which images the model has learned from stands in the column `learned_from`, and in the
    attributes.

    Finished blocks of 64 images are kept beside `output` however the work ends, and found again by
    the same call if the model and the files are the same; behind a file that has changed, blocks
    are made again.

    Raises
    ------
    Interrupted
        On Ctrl-C.
    OSError
        If the disk is full, or would be before the end.
    """
    reduction = None if reduce is None else Reduction.parsed(reduce)
    learns_from, told = to_learn(model, dataset, learn_from, reduction)
    attributes = describe(model, dataset)
    by = made_by(model, dataset, learns_from)
    if reduction is not None:
        attributes["reduction"] = str(reduce)
        seen_as = (learns_from.framing.rule, learns_from.background)
        by += f" {reduce} {seen_as} {state_of(learns_from).hex()}"
    rows = Rows.learned(model, dataset, learns_from, reduction, progress)
    try:
        _fill(kept, rows, dataset, by, output, progress)
    except KeyboardInterrupt:
        msg = f"Interrupted: {_told(kept, dataset)}"
        raise Interrupted(msg) from None
    except Exception as error:
        if kept.shape[0]:
            error.add_note(f"Until then {_told(kept, dataset)}")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            error.add_note(f"Cannot write {output}: free some space, or choose another place.")
        raise
    if told:
        attributes["learned_from"] = told
    return _labelled(kept, rows, dataset, attributes)


def _fill(
    kept: KeptRows,
    rows_of: Rows,
    dataset: Dataset,
    by: str,
    output: Path,
    progress: bool | None,
) -> None:
    """Make the blocks that are not there."""
    with progress_bar(
        total=len(dataset), unit="image", name="Extracting", progress=progress
    ) as bar:
        for number, first in enumerate(range(0, len(dataset), _AT_ONCE)):
            some = dataset.subset(slice(first, first + _AT_ONCE))
            made_of = _made_of(by, some)
            if not kept.has(number, made_of):
                rows = rows_of(some)
                if not number:
                    _check_space(output, len(dataset), rows.shape[1])
                kept.add(number, made_of, rows)
            bar.update(len(some))
    kept.keep_first(number + 1)


def _told(kept: KeptRows, dataset: Dataset) -> str:
    """What is kept, and how to go on."""
    n_done = kept.shape[0]
    if not n_done:
        return "nothing was done yet."
    return (
        f"{n_done} of {len(dataset)} images are kept in {kept.folder}. Run the same command again "
        "to go on from there."
    )


def _check_space(output: Path, n_images: int, n_units: int) -> None:
    """Refuse what the disk cannot hold, before hours of work."""
    check_size(output, n_images, n_units)
    needed, free = bytes_needed(output, n_images, n_units), shutil.disk_usage(output.parent).free
    if needed > free:
        msg = (
            f"{n_images} images x {n_units} units need about {needed / 2**30:.2g} GiB, and "
            f"{output.parent} has {free / 2**30:.2g} GiB free. Choose another place, a layer of "
            "fewer units, or .npz or .nc, which take the least."
        )
        raise OSError(msg)


def _labelled(kept: KeptRows, rows: Rows, dataset: Dataset, attributes: dict[str, str]) -> Features:
    """Features with what is known of images and units, and a warning where images were learned."""
    seen = rows.seen(dataset)
    if seen.any():
        attributes["warning"] = warning_of(int(seen.sum()), len(dataset))
    return Features(
        kept,
        dataset.names,
        dataset.labels,
        dataset.split,
        rows.units,
        attributes,
        seen if seen.any() else None,
        dataset.columns,
    )


def partial_of(output: Path) -> Path:
    """Where a run keeps what is done until its output is written."""
    return output.with_name(f".{output.name}.partial")


def _made_of(by: str, images: Dataset) -> str:
    """What a block of rows was made of, as a digest."""
    return hashlib.sha256(by.encode() + state_of(images)).hexdigest()
