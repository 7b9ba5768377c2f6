"""What an extraction was asked for, kept in the store so that it can be asked for again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor

from .options import built_model, opened_dataset, say
from .stored import Extraction, Part, Told


@dataclass(frozen=True)
class Request:
    """The arguments of `hmax-cnn extract`, but for where it writes to."""

    images: str
    model: str
    settings: tuple[str, ...]
    layer: tuple[str, ...]
    resize: str
    background: str | None
    skip_bad: bool
    learn_from: str | None
    dtype: str
    shard_images: int | None
    reduce: str | None

    @classmethod
    def parsed(cls, text: str) -> Request:
        """From the text that a store keeps.

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            known = json.loads(text)
            lists = {name: tuple(map(str, known[name])) for name in ("settings", "layer")}
            return cls(**known | lists)
        except (ValueError, TypeError, KeyError) as error:
            msg = f"The store does not say how it was made ({error}); extract it again."
            raise ValueError(msg) from error

    def text(self) -> str:
        """As a store keeps it: places in full, since it may be asked from anywhere."""
        full = {
            name: str(Path(where).resolve())
            for name in ("images", "learn_from")
            if (where := getattr(self, name)) is not None and Path(where).exists()
        }
        return json.dumps(asdict(self) | full)

    def opened(
        self, *, check: bool = True, quiet: bool
    ) -> tuple[FeatureExtractor, Dataset, Dataset | None]:
        """The model, the images, and those that it learns from where they are others.

        Parameters
        ----------
        check : bool
            Whether to decode every picture first, so that a bad one is met before hours of work;
            where bad ones are left out that must be.
        quiet : bool
        """
        model = built_model(self.model, self.settings, self.layer, quiet)
        framing = (self.resize, self.background, self.skip_bad, quiet, check or self.skip_bad)
        dataset, others = opened_dataset(self.images, *framing), None
        if self.learn_from is not None:
            others = opened_dataset(self.learn_from, *framing)
        return model, dataset, others

    def extraction(self, output: str, *, check: bool = True, quiet: bool) -> Extraction:
        """Ready to begin: the model has learned, the store is laid out."""
        model, dataset, others = self.opened(check=check, quiet=quiet)
        return Extraction.of(
            model,
            dataset,
            output,
            learn_from=others,
            request=self.text(),
            dtype=self.dtype,
            shard_images=self.shard_images,
            reduction=self.reduce,
            progress=False if quiet else None,
        )


def say_of_store(told: Told, part: Part, *, quiet: bool) -> None:
    """Say what was made and where."""
    if "warning" in told.attributes:
        say(f"Warning: {told.attributes['warning']}")
    if quiet:
        return
    if "learned_from" in told.attributes:
        say(f"Learned from {told.attributes['learned_from']}.")
    n_images, n_units = told.store.layout.shape
    share = "" if part.of == 1 else f"part {part.number} of {part.of}: "
    say(
        f"{share}shards made: {told.n_made}, already there: {told.n_there}; {n_images} images x "
        f"{n_units} units of {told.attributes['layers'].replace(' ', '+')!r} in {told.store.place}"
    )
