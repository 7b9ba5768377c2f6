"""The main job on embedded images, from pictures to figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from analysis.features import extract, write
from analysis.figures.accuracy import accuracy
from analysis.figures.confusion import confusion
from analysis.figures.fields import fields
from analysis.figures.gabors import filters
from analysis.figures.responses import responses
from analysis.figures.style import save
from analysis.readout import Readout, classify
from cnn import CNN
from data import Dataset, digits, photographs
from extraction import FeatureExtractor, Pixels
from extraction.files import written_whole
from hmax import HMAX, PRESETS, Prototypes, gabor_bank

_N_DIGITS, _N_FOLDS, _DIGIT_SIDE, _PHOTOGRAPH_HEIGHT = 300, 3, 56, 250


def run(output: Path, progress: bool | None = None) -> list[Path]:
    """Features of two photographs, receptive fields, the filters, and digits told apart; returns what was written."""
    output.mkdir(parents=True, exist_ok=True)
    return [*_fields(output), *_filters(output), *_photographs(output, progress), *_digits(output, progress)]


def _fields(output: Path) -> list[Path]:
    table = HMAX(preset="serre2007").fields((224, 224))
    return save(fields(table, 224, "HMAX, serre2007, images of 224 x 224"), output / "fields", table)


def _filters(output: Path) -> list[Path]:
    preset = PRESETS["georgetown"]
    pairs = [(size, wavelength) for band in zip(preset.filter_sizes, preset.wavelengths, strict=True) for size, wavelength in zip(*band, strict=True)]
    banks = {size: gabor_bank(size, wavelength, preset.orientations) for size, wavelength in pairs}
    table = pd.DataFrame(pairs, columns=["size_pixels", "wavelength_pixels"])
    return save(filters(banks, preset.orientations, "S1 filters of HMAX, to one scale"), output / "filters", table)


def _photographs(output: Path, progress: bool | None) -> list[Path]:
    """C1 and the closest C2 matches of one photograph; features of both in a file."""
    pictures = photographs().framed(f"height:{_PHOTOGRAPH_HEIGHT}")
    model = HMAX(prototypes="photographs", progress=progress)
    written = write(extract(model, pictures, output / "photographs.nc", progress), output / "photographs.nc")
    china = pictures.subset([0])
    c1 = model.activations(china, ["c1"])["c1"]
    found = model.winners(china).isel(image=0)
    figure = responses(
        china[0], [c1[f"b{band}"].to_dataset() for band in (1, 3, 5, 7)], _closest(found, model.fit(china).prototypes_, (4, 8, 12, 16))
    )
    table = found.to_dataframe().reset_index().drop(columns="image")
    return [*written, *save(figure, output / "responses", table)]


def _closest(found: xr.Dataset, prototypes: Prototypes, sizes: tuple[int, ...]) -> xr.Dataset:
    """Of each prototype size the unit whose best match is closest, as a share of the prototype's own length: blank prototypes fit anywhere."""
    units = []
    for size in sizes:
        names = [f"c2_p{size:02d}_{index:03d}" for index in range(len(prototypes.patches[size]))]
        lengths = np.linalg.norm(prototypes.patches[size].reshape(len(names), -1), axis=1)
        units.append(names[int((found["response"].sel(unit=names).values / np.maximum(lengths, 1e-3)).argmin())])
    return found.sel(unit=units)


def _digits(output: Path, progress: bool | None) -> list[Path]:
    """Digits told apart from pixels, C1 and C2."""
    images = digits().subset(slice(_N_DIGITS)).framed(f"stretch:{_DIGIT_SIDE}x{_DIGIT_SIDE}")
    done = [_last(model, images, name, progress) for name, model in _models(progress).items()]
    rows = pd.DataFrame([readout.row() for readout in done])
    title = f"{_N_DIGITS} digits, {_N_FOLDS}-fold cross-validation"
    best = done[-1]
    counts = best.confusion().reset_index().melt("label", var_name="predicted", value_name="n_images")
    with written_whole(output / "predictions.csv") as temporary:
        pd.concat([readout.table.assign(features=readout.name) for readout in done]).to_csv(temporary, index=False)
    figure = confusion(best.confusion(), f"{best.name}: {100 * best.accuracy:.1f} % of {len(best.table)} digits")
    return [output / "predictions.csv", *save(accuracy(rows, 0.1, title), output / "accuracy", rows), *save(figure, output / "confusion", counts)]


def _models(progress: bool | None) -> dict[str, FeatureExtractor]:
    learned = {"progress": progress, "bands": 3, "prototype_sizes": (2, 4, 6), "n_prototypes": 60}
    return {
        "pixels, 8 x 8": Pixels(grid=(8, 8), progress=progress),
        "LeNet-5, learned": CNN("lenet5", epochs=10, progress=progress),
        "HMAX C1": HMAX(layer="c1", bands=3, progress=progress),
        "HMAX C2": HMAX(layer="c2", **learned),
        "HMAX C1 + C2": HMAX(layer=("c1", "c2"), **learned),
    }


def _last(model: FeatureExtractor, images: Dataset, name: str, progress: bool | None) -> Readout:
    *_, readout = classify(model, images, name, _N_FOLDS, progress=progress)
    return readout
