"""Features in files for the programs that read them: .npz, .csv, .nc, .parquet, .mat, .svmlight.

Written block by block, so that memory does not grow with the number of images; but for .mat, which
is put together in memory.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import h5netcdf
import h5py
import numpy as np
import pandas as pd
import xarray as xr
from scipy.io import savemat
from sklearn.datasets import dump_svmlight_file

from hmax_cnn.extraction.files import written_whole
from hmax_cnn.extraction.progress import progress_bar

from ..csv_tables import without_formulas
from .class_numbers import codes_of

_TAKEN = ("image", "images", "labels", "features", "units", "attributes", "path")
_OF_STORES = ("response", "shards", "zarr.json", "_")
_ROWS = 1024  # of a column, at a time


class Rows(Protocol):
    """Rows that are read block by block."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of images and of units."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Blocks of float32 rows."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features with everything that is known of their rows and columns.

    Attributes
    ----------
    rows : Rows
        Of shape (n_images, n_units).
    images : sequence of str
        Name of each image.
    labels : array of str of shape (n_images,), or None
    split : array of str of shape (n_images,), or None
    units : pandas.DataFrame
        One row per unit: `unit` (its name), layer, band, feature, y, x, field_size and labels.
    attributes : dict
        Model, parameters, how images were resized, what was learned from, versions.
    seen : array of bool of shape (n_images,), or None
        Images that the model has learned from, where there are such.
    columns : mapping from str to array of shape (n_images,)
        What else the index says of each image.
    """

    rows: Rows
    images: Sequence[str]
    labels: np.ndarray | None
    split: np.ndarray | None
    units: pd.DataFrame
    attributes: dict[str, str]
    seen: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def of_images(self) -> dict[str, np.ndarray]:
        """What is known of each image, by name."""
        known = {"label": self.labels, "split": self.split, "learned_from": self.seen}
        given = {name: column for name, column in known.items() if column is not None}
        # A column of the index that is called as something else here is told apart.
        taken = {*given, *_TAKEN, *map(str, self.units)}
        return given | {
            f"image_{name}" if name in taken else name: column
            for name, column in self.columns.items()
        }

    def table(self) -> pd.DataFrame:
        """What is known of each image, a row each."""
        return without_formulas(pd.DataFrame({"image": self.images} | self.of_images()))


def write(features: Features, output: Path, progress: bool | None = None) -> list[Path]:
    """Write features by the ending of the name; returns what was written.

    Raises
    ------
    ValueError, OSError
        If the ending is not one of these, or a file cannot be written; nothing half-written is
        left.
    """
    form = ending(output)
    written = [output]
    with ExitStack() as files:
        # All files are whole before the first of them takes its place.
        temporary = files.enter_context(written_whole(output))
        if form == ".svmlight":
            beside = output.with_name(f"{output.name}.csv")
            features.table().to_csv(files.enter_context(written_whole(beside)), index=False)
            written.append(beside)
            codes = np.zeros(len(features.images), int)  # the format needs one for each image
            if features.labels is not None:
                codes, classes = codes_of(features.labels.tolist(), output)
                written += classes
            _write_svmlight(features, temporary, codes, progress)
        else:
            WRITERS[form](features, temporary, progress)
    return written


def ending(output: Path) -> str:
    """The ending of a name, if features can be written under it."""
    if output.suffix not in _BYTES:
        msg = f"--output must end in one of {', '.join(_BYTES)}, or .zarr, got {output.name!r}."
        raise ValueError(msg)
    if output.suffix == ".parquet":
        pyarrow()  # missed before the work, not after it
    return output.suffix


def bytes_needed(output: Path, n_images: int, n_units: int) -> int:
    """About how many bytes a file of so many features takes, with the rows that it is made of."""
    return n_images * n_units * (4 + _BYTES[ending(output)])


def check_size(output: Path, n_images: int, n_units: int) -> None:
    """Refuse what a format cannot hold.

    Raises
    ------
    ValueError
        If it is larger.
    """
    n_bytes = 4 * n_images * n_units
    if output.suffix == ".mat" and n_bytes > _LARGEST_MAT:
        msg = (
            f"--output {output.name}: {n_images} images x {n_units} units are "
            f"{n_bytes / 2**30:.2g} GiB, and a .mat file holds at most 2 GiB in a variable. Write "
            ".nc, which MATLAB reads with ncread."
        )
        raise ValueError(msg)


# Of each number: compressed little, or written with nine digits and, for svmlight, its column.
_BYTES = {".npz": 4, ".csv": 12, ".nc": 4, ".parquet": 4, ".mat": 4, ".svmlight": 18}
_LARGEST_MAT = 2**31 - 2**20  # bytes: what a variable of MATLAB 5 can hold, and most of its readers


def _blocks(features: Features, progress: bool | None) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows with their place, and a bar for the writing."""
    with progress_bar(
        total=len(features.images), name="Writing", unit="image", progress=progress
    ) as bar:
        first = 0
        for block in features.rows:
            yield slice(first, first + len(block)), block
            first += len(block)
            bar.update(len(block))


def _write_npz(features: Features, path: Path, progress: bool | None) -> None:
    arrays: dict[str, Any] = {
        "attributes": np.array(json.dumps(features.attributes)),
        "images": np.array(features.images),
        "units": features.units["unit"].to_numpy(str),
    }
    arrays |= {
        {"label": "labels"}.get(name, name): column for name, column in features.of_images().items()
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("features.npy", "w", force_zip64=True) as entry:
            header = {"descr": "<f4", "fortran_order": False, "shape": features.rows.shape}
            np.lib.format.write_array_header_1_0(entry, header)
            for _, block in _blocks(features, progress):
                entry.write(block.tobytes())
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)


def _write_csv(features: Features, path: Path, progress: bool | None) -> None:
    table, names = features.table(), features.units["unit"]
    with path.open("w", encoding="utf-8", newline="") as file:
        for place, block in _blocks(features, progress):
            rows = pd.DataFrame(block, columns=names, index=table.index[place])
            # Nine digits bring back every float32 exactly.
            pd.concat([table[place], rows], axis=1).to_csv(
                file, header=not place.start, index=False, float_format="%.9g"
            )


def _write_nc(features: Features, path: Path, progress: bool | None) -> None:
    # What is known of units as xarray writes it, made in memory: HDF5 cannot report a full disk.
    units = xr.Dataset(coords=_of_units(features))
    path.write_bytes(units.to_netcdf(engine="h5netcdf"))
    of_images = {"image": features.images} | features.of_images()
    with h5netcdf.File(path, "a") as file:
        file.dimensions["image"] = len(features.images)
        for name, column in of_images.items():
            _write_column(file, name, column)
        response = file.create_variable("response", ("image", "unit"), np.dtype("<f4"))
        for name, value in features.attributes.items():
            response.attrs[name] = value
        others = [*of_images, *map(str, units.coords)]
        others = [name for name in others if name not in ("image", "unit")]
        response.attrs["coordinates"] = " ".join(others)
        response[0, 0] = 0  # HDF5 gives the variable its place in the file: one piece, in C order
        start = file._h5file["response"].id.get_offset()  # noqa: SLF001 - h5netcdf hides it
    # The numbers themselves go there as plain bytes, since that reports a full disk.
    with path.open("r+b") as numbers:
        numbers.seek(start)
        for _, block in _blocks(features, progress):
            numbers.write(block.tobytes())


def coordinates_of(features: Features) -> xr.Dataset:
    """What is known of images and units, labelled as in every file that xarray opens.

    Parameters
    ----------
    features : Features

    Returns
    -------
    xarray.Dataset
    """
    coords = {"image": ("image", np.array(features.images, object))}
    for name, column in features.of_images().items():
        # A column of the index is a folder of the store.
        plain = re.sub(r"[^\w .-]|^\W*$", "_", name)
        safe = f"image_{plain}" if plain in _OF_STORES or plain.startswith(".") else plain
        while safe in coords:
            safe += "_"
        coords[safe] = ("image", np.asarray(column))
    return xr.Dataset(coords=coords | _of_units(features))


def _of_units(features: Features) -> dict[str, Any]:
    """What is known of units, as coordinates."""
    coords = {}
    for name in features.units:
        column = features.units[name]
        values = column.to_numpy(str if column.dtype.kind not in "iufb" else None)
        coords[str(name)] = ("unit", values)
    return coords


def _write_column(file: h5netcdf.File, name: str, column: Sequence[Any] | np.ndarray) -> None:
    """What is known of images, some at a time: text takes much more memory than in the file."""
    kind = np.asarray(column[:1]).dtype
    if kind.kind in "OU":
        kind = h5py.string_dtype()
    elif kind.kind == "b":
        kind = np.dtype("i1")
    variable = file.create_variable(name, ("image",), kind)
    for first in range(0, len(column), _ROWS):
        some = column[first : first + _ROWS]
        variable[first : first + len(some)] = np.asarray(some, object if kind.kind == "O" else kind)


def _write_svmlight(
    features: Features, path: Path, codes: np.ndarray, progress: bool | None
) -> None:
    known = {}
    if features.labels is not None:
        pairs = zip(codes.tolist(), features.labels.tolist(), strict=True)
        known = dict(sorted(dict.fromkeys(pairs)))
    comment = f"labels: {json.dumps(known)}\nunits: {' '.join(features.units['unit'])}"
    with path.open("wb") as file:
        for place, block in _blocks(features, progress):
            dump_svmlight_file(block, codes[place], file, comment=None if place.start else comment)


def _write_parquet(features: Features, path: Path, progress: bool | None) -> None:
    """A column for each unit, a row for each image; a group of rows for each block."""
    pa, parquet = pyarrow()
    units = features.units["unit"].tolist()
    # Unlike a spreadsheet, Parquet runs no text: names stay as they are.
    table = pd.DataFrame({"image": features.images} | features.of_images())
    known = pa.Table.from_pandas(table, preserve_index=False)
    columns = [*known.schema, *(pa.field(name, pa.float32()) for name in units)]
    schema = pa.schema(columns, features.attributes)
    with parquet.ParquetWriter(path, schema) as file:
        for place, block in _blocks(features, progress):
            some = known.slice(place.start, len(block))
            values = [*some.columns, *(pa.array(column) for column in block.T)]
            file.write_table(pa.Table.from_arrays(values, schema=schema))


def _write_mat(features: Features, path: Path, progress: bool | None) -> None:
    """A variable for everything, texts as cells."""
    rows = np.empty(features.rows.shape, dtype=np.float32)
    for place, block in _blocks(features, progress):
        rows[place] = block
    units = {
        name if name == "unit" else f"unit_{name}": features.units[name] for name in features.units
    }
    known = [("image", features.images), *features.of_images().items(), *units.items()]
    names = _for_matlab(["features", "attributes", *(name for name, _ in known)])[2:]
    cells = {name: _cells(column) for name, (_, column) in zip(names, known, strict=True)}
    about = dict(zip(_for_matlab(features.attributes), features.attributes.values(), strict=True))
    with path.open("wb") as file:
        savemat(file, {"features": rows, **cells, "attributes": about}, long_field_names=True)


def _cells(column: Any) -> np.ndarray:
    """Numbers as a column, texts as cells."""
    values = np.asarray(column)
    if values.dtype.kind not in "biuf":
        values = np.array([str(value) for value in values], dtype=object)
    return values[:, None]


def _for_matlab(names: Iterable[str]) -> list[str]:
    """Names that MATLAB takes for variables, none of them twice."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if not re.match(r"[A-Za-z]", plain):
            plain = f"x{plain}"
        plain = plain[:31]  # as long as MATLAB 5 has them
        number = 1
        while plain in found:
            number += 1
            plain = f"{plain[:27]}_{number}"
        found.append(plain)
    return found


def pyarrow() -> tuple[Any, Any]:
    """The library for Parquet.

    Raises
    ------
    ValueError
        If it is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        msg = "--output as .parquet needs pyarrow: pip install 'hmax-cnn[parquet]'."
        raise ValueError(msg) from error
    return pa, parquet


WRITERS: dict[str, Callable[[Features, Path, bool | None], None]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".nc": _write_nc,
    ".parquet": _write_parquet,
    ".mat": _write_mat,
}
