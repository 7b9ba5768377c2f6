"""A study that runs in seconds: three models, one of which learns, on images that ship with the
package."""

from pathlib import Path

TEXT = """\
title = "Small"
units = 20
resamples = 10

[images.shapes]
source = "data.stimuli:fourier_shapes"
parameters = { screen = [32, 32], n_shapes = 6, sizes = [16] }

[images.digits]
source = "digits"
resize = "stretch:16x16"
per_class = 4

[models.pixels]
model = "extraction:Pixels"
parameters = { grid = [8, 8] }

[models.filters]
label = "classical filters"
model = "extraction:FilterBank"

[models.linear]
label = "linear, learned"
model = "cnn:LinearClassifier"
learns_from = "digits"
parameters = { epochs = 2 }

[transformations.position]
label = "Position"
transformation = "data.transformations:shift"
values = [-4, 0, 4]
unit = "pixels"

[measures.similarity]
label = "self-similarity under transformation"
measure = "analysis.measures.populations:population_similarity"
models = ["pixels", "filters"]
images = ["shapes"]
transformations = ["position"]

[measures.accuracy]
measure = "analysis.measures.classification:classification"
images = ["digits"]
models = ["pixels", "linear"]
parameters = { n_folds = 2, readout = "nearest" }

[measures.alignment]
measure = "analysis.measures.alignment:cka"
models = ["pixels", "filters"]
images = ["shapes"]

[figures.invariance]
figure = "invariance"
measures = ["similarity"]

[figures.accuracy]
figure = "accuracy"
measures = ["accuracy"]
width = "single"
"""


def written(folder: Path, *changes: tuple[str, str], name: str = "study.toml") -> Path:
    """The study in a file, with some of its text replaced."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text)
    return path


def without_figures(folder: Path, *changes: tuple[str, str], name: str = "study.toml") -> Path:
    """The same without figures, which take as long to draw as all the rest takes to run."""
    path = written(folder, *changes, name=name)
    path.write_text(path.read_text().partition("[figures.")[0])
    return path


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a folder but the two that say when and where: by name."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in files
        if path.name not in ("manifest.json", ".log.jsonl")
    }
