"""A training from images to weights, with its curves and its accuracy on held-out images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hmax_cnn.cnn import Augmentation, DivergenceError
from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.cluster import spread
from hmax_cnn.extraction.digests import SeenBeforeError, picture_digests
from hmax_cnn.extraction.progress import progress_bar

from ..figures.curves import curves
from ..figures.pictures import pictures
from ..figures.style import save
from ..interrupted import Interrupted
from ..intervals import wilson_interval
from .options import built_model, opened_dataset, parse_settings


@dataclass
class Trained:
    """What a training gave.

    Attributes
    ----------
    table : pandas.DataFrame
        One row: epochs, images, loss and accuracy on training images, accuracy on test images with
        Wilson's 95 % interval.
    written : list of Path
    """

    table: pd.DataFrame
    written: list[Path]


@dataclass(frozen=True)
class Asked:
    """The arguments of `hmax-cnn train`, but for where it writes to."""

    model: str
    settings: tuple[str, ...]
    dataset: str
    test: str | None
    resize: str
    background: str | None
    skip_bad: bool

    def run(
        self, output: Path, seed: int | None = None, *, quiet: bool, keep: bool = False
    ) -> Trained:
        """Open the images, build the model and train it; see `run`.

        Parameters
        ----------
        output : Path
        seed : int or None
            In place of the model's own.
        quiet : bool
        keep : bool
            Whether the checkpoint stays when all is done.

        Returns
        -------
        Trained
        """
        model = built_model(self.model, self.settings, quiet=quiet)
        if seed is not None:
            model.set_params(random_state=seed)
            if "n_threads" not in parse_settings(self.settings):
                # Sums over threads differ in their last bits: here as on any worker.
                model.set_params(n_threads=1)
        framing = (self.resize, self.background, self.skip_bad, quiet)
        images, others = opened_dataset(self.dataset, *framing), None
        if self.test is not None:
            others = opened_dataset(self.test, *framing)
        return run(model, images, others, output, keep=keep)

    def run_seeds(self, output: Path, seeds: Sequence[int], client: Any, *, quiet: bool) -> Trained:
        """Train once for each seed, here or on a cluster.

        Checkpoints stay until all are done: seeds that are done are not trained again.

        Parameters
        ----------
        output : Path
            Each seed's files are named after it, such as weights-seed3.safetensors.
        seeds : sequence of int
        client : distributed.Client or None
        quiet : bool

        Returns
        -------
        Trained
            A row for each seed.
        """
        outputs = {
            seed: output.with_name(f"{output.stem}-seed{seed}.safetensors") for seed in seeds
        }
        here = ((seed, _train(seed, self, outputs)) for seed in seeds)
        full = replace(self, dataset=_full(self.dataset), test=self.test and _full(self.test))
        files = {seed: path.resolve() for seed, path in outputs.items()}
        trained = here if client is None else spread(client, _train, list(seeds), full, files)
        done: dict[int, Trained] = {}
        with progress_bar(
            total=len(seeds), name="Training", unit="seed", progress=False if quiet else None
        ) as bar:
            for seed, one in trained:
                done[seed] = one
                bar.update()
        for path in outputs.values():
            _checkpoint(path).unlink(missing_ok=True)
        rows = [done[seed].table.assign(seed=seed) for seed in seeds]
        table = pd.concat(rows, ignore_index=True)
        table.insert(0, "seed", table.pop("seed"))
        written = [output.parent / path.name for seed in seeds for path in done[seed].written]
        return Trained(table, written)


def _train(seed: int, asked: Asked, outputs: Mapping[int, Path]) -> Trained:
    return asked.run(outputs[seed], seed, quiet=True, keep=True)


def _full(where: str) -> str:
    """A place as a worker in another folder finds it."""
    return str(Path(where).resolve()) if Path(where).exists() else where


def _checkpoint(output: Path) -> Path:
    return output.with_name(f".{output.stem}.partial.safetensors")


def run(
    model: FeatureExtractor,
    dataset: Dataset,
    test: Dataset | None,
    output: Path,
    *,
    keep: bool = False,
) -> Trained:
    """Train on the training images of a dataset, and test on the others.

    Weights, curves and an example of the augmentation are written; the checkpoint is removed unless
    it is to be kept.

    Raises
    ------
    ValueError
        If there are no labels, a test image is a training image, or the model's weights cannot be
        written.
    Interrupted
        After Ctrl-C; what is done is kept beside `output`.
    """
    if not hasattr(model, "write") or not hasattr(model, "predict"):
        msg = f"{type(model).__name__} has no weights to write. Use --model cnn:CNN."
        raise ValueError(msg)
    if dataset.labels is None:
        msg = (
            "The dataset has no labels: give a folder per class, an index with a column `label`, "
            "or a labelled set."
        )
        raise ValueError(msg)
    training, test = _split(dataset, test)
    if test is not None:
        _check_apart(training, test)
    checkpoint = _checkpoint(output)
    _fit(model, training, checkpoint)
    model.write(output)
    if not keep:
        checkpoint.unlink(missing_ok=True)
    title = f"{model.architecture or 'lenet5'}, {len(training)} training images"
    stem = output.with_name(f"{output.stem}_curves")
    written = [output, *save(curves(model.history_, title), stem, model.history_)]
    augmentation = Augmentation.of(model.augmentation)
    if augmentation is not None:
        stem = output.with_name(f"{output.stem}_augmentation")
        written += _augmented(training, augmentation, stem)
    last = model.history_.iloc[-1]
    row = {
        "epochs": int(last["epoch"]),
        "images": len(training),
        "loss": round(last["loss"], 4),
        "training_accuracy": round(last["accuracy"], 4),
    }
    if test is not None:
        row |= _tested(model, test)
    return Trained(pd.DataFrame([row]), written)


def _check_apart(training: Dataset, test: Dataset) -> None:
    shared = np.isin(picture_digests(test), picture_digests(training))
    if shared.any():
        msg = (
            f"{shared.sum()} of the {len(test)} test images are training images too, such as "
            f"{test.names[int(shared.argmax())]!r}: the test accuracy would say nothing. Take "
            "them out of one of the two."
        )
        raise SeenBeforeError(msg)


def _fit(model: FeatureExtractor, training: Dataset, checkpoint: Path) -> None:
    """Train, with a checkpoint for an interruption; what is of no use for going on is removed."""
    if model.checkpoint is None:
        model.set_params(checkpoint=checkpoint)
    try:
        model.fit(training, training.labels)
    except KeyboardInterrupt:
        kept = "nothing was done yet."
        if Path(model.checkpoint).exists():
            kept = f"what was done is in {model.checkpoint}. The same command goes on from there."
        msg = f"Interrupted: {kept}"
        raise Interrupted(msg) from None
    except DivergenceError:
        checkpoint.unlink(missing_ok=True)  # of no use: the remedy is another training
        raise
    if model.history_.empty:
        msg = "Nothing was trained: `epochs` is 0. Set epochs to train, also from given weights."
        raise ValueError(msg)


def _tested(model: FeatureExtractor, test: Dataset) -> dict[str, float]:
    """Accuracy on test images, with Wilson's 95 % interval."""
    n_right = int((model.predict(test) == test.labels).sum())
    low, high = wilson_interval(n_right, len(test))
    return {
        "n_test": len(test),
        "test_accuracy": round(n_right / len(test), 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _split(dataset: Dataset, test: Dataset | None) -> tuple[Dataset, Dataset | None]:
    """Images to train on, and images to test on where there are any."""
    if dataset.given_split is None:
        return dataset, test
    train, held_out = dataset.given_split
    return dataset.subset(train), dataset.subset(held_out) if test is None else test


def _augmented(dataset: Dataset, augmentation: Augmentation, stem: Path) -> list[Path]:
    """Six training images, each with five random changes."""
    chosen = [
        dataset[int(i)] for i in np.linspace(0, len(dataset) - 1, min(6, len(dataset))).astype(int)
    ]
    rng = np.random.default_rng(0)
    changed = [np.clip(augmentation.apply(np.stack([image] * 5), rng), 0, 255) for image in chosen]
    # The image itself first, then what training may see of it.
    rows = [[image, *others] for image, others in zip(chosen, changed, strict=True)]
    figure = pictures(
        rows, title="Training images (left) and random changes of them", scale="row", width="single"
    )
    return save(figure, stem, pd.DataFrame([vars(augmentation)]))
