"""The folder of a study: where things lie, and how they are read and written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.extraction.files import clear_unfinished, written_whole

# What a study itself leaves in `responses` and `models` on its way; all else there is the user's.
_RESPONSES = re.compile(r".+\.seed\d+\.nc")
_CHECKPOINT = re.compile(r"\..+\.seed\d+\.[0-9a-f]{16}\.checkpoint")
_RUN = ".run"
KEY = "made_from"  # attribute of a result: what it was made from, as a digest


class Folder:
    """Paths within a study's folder.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results, self.tables, self.figures, self.models = (
            root / name for name in ("results", "tables", "figures", "models")
        )
        self.responses, self.code = root / "responses", root / "code"
        self.study, self.manifest = root / "study.toml", root / "manifest.json"
        self.methods, self.references = root / "methods.txt", root / "references.bib"
        self.log = root / ".log.jsonl"

    def files(self) -> list[Path]:
        """Everything in it that is meant to be seen, in order of name."""
        inside = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(
            path
            for path in inside
            if not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        )

    def begin_run(self) -> str:
        """Say which run on a cluster this folder is of; a worker of an earlier one then ends."""
        run = secrets.token_hex(8)
        (self.root / _RUN).write_text(run)
        return run

    def end_run(self) -> None:
        """No run on a cluster has this folder any more."""
        (self.root / _RUN).unlink(missing_ok=True)

    def is_of(self, run: str) -> bool:
        """Whether a run may write here; '' is one whose processes end with it."""
        if not run:
            return True
        try:
            return (self.root / _RUN).read_text() == run
        except FileNotFoundError:
            return False

    def clear_halves(self) -> None:
        """Remove what a killed process had under way.

        Every file is written under a hidden name first, that `written_whole` gives it.
        """
        clear_unfinished(self.root)

    def clear_responses(self) -> None:
        """Remove the responses that were kept for measures; a user's own file stays."""
        for path in self.responses.glob("*/*/*"):
            if _RESPONSES.fullmatch(path.name):
                path.unlink(missing_ok=True)
        for folder in (
            *self.responses.glob("*/*"),
            *self.responses.glob("*"),
            self.responses,
        ):
            with suppress(OSError):  # not empty, or not there
                folder.rmdir()

    def clear_checkpoints(self) -> None:
        """Remove how far trainings were, when they are done."""
        for path in self.models.glob(".*"):
            if _CHECKPOINT.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def written(self) -> set[Path]:
        """The files that an earlier run left, as its manifest and log have them.

        What is not among them is the user's.
        """
        known: set[Path] = {
            self.results / f"{entry['cell']}.nc" for entry in self.entries() if "cell" in entry
        }
        with suppress(OSError, ValueError, AttributeError):
            known |= {
                self.root / name
                for name in json.loads(self.manifest.read_text(encoding="utf-8"))["written"]
            }
        return known

    def note(self, **entry: Any) -> None:
        """Add a line to the log: one write, so that processes do not mix."""
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, (json.dumps(entry | {"at": round(time.time(), 3)}) + "\n").encode())
        finally:
            os.close(handle)

    def entries(self) -> list[dict[str, Any]]:
        """The lines of the log; a line that was cut off is left out."""
        found = []
        for line in self.log.read_text().splitlines() if self.log.is_file() else ():
            # A process that was killed may leave half a line.
            with suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found


def write_result(result: xr.Dataset, path: Path) -> None:
    """A dataset as netCDF 4, whole or not at all; equal datasets give equal bytes."""
    # netCDF knows no None, no truth values and no objects.
    plain = result.assign_attrs({name: _plain(value) for name, value in result.attrs.items()})
    for name in plain.variables:
        plain[name].attrs = {key: _plain(value) for key, value in plain[name].attrs.items()}
    content = plain.to_netcdf(
        engine="h5netcdf"
    )  # in memory: HDF5 cannot report a full disk cleanly
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def _plain(value: Any) -> Any:
    """What netCDF can hold as an attribute."""
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float | np.number | np.ndarray):
        return value
    return repr(value)


# A file can say that it holds more than memory does: ours are not packed, those of others little.
_LARGEST_ALWAYS, _DENSEST = 2**26, 100  # bytes; times the bytes of the file
# What h5py and xarray raise where bytes are not what they should be.
_DAMAGED = (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError, MemoryError)


def read_result(path: Path) -> xr.Dataset:
    """A dataset that `write_result` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is not netCDF 4.
    """
    if not path.is_file():
        msg = f"There is no file {path}. Check the name, or run the study."
        raise FileNotFoundError(msg)
    most = max(_LARGEST_ALWAYS, _DENSEST * path.stat().st_size)
    try:
        with xr.open_dataset(path, engine="h5netcdf", phony_dims="access") as found:
            if found.nbytes > most:
                msg = f"it says that it holds {found.nbytes} bytes in {path.stat().st_size}"
                raise ValueError(msg)
            return found.load()
    except _DAMAGED as error:
        msg = (
            f"{path} is not a readable netCDF file ({error}). Remove it, and run the study again "
            "with --resume."
        )
        raise ValueError(msg) from error


def open_results(root: str | os.PathLike[str]) -> xr.DataTree:
    """All results of a study as one tree.

    `open_results("out")["similarity/HMAX/shapes/position/seed0"]`.

    Parameters
    ----------
    root : path
        The folder that a study left.

    Returns
    -------
    xarray.DataTree
        A node for each cell.

    Raises
    ------
    FileNotFoundError
        If there are no results in it.
    """
    results = Folder(Path(root)).results
    found = sorted(path for path in results.rglob("*.nc") if not path.name.startswith("."))
    if not found:
        msg = f"There are no results in {results}. Give the folder that `hmax-cnn study run` wrote."
        raise FileNotFoundError(msg)
    return xr.DataTree.from_dict(
        {path.relative_to(results).with_suffix("").as_posix(): read_result(path) for path in found}
    )


def digest(*parts: Any) -> str:
    """A digest of plain values (as JSON) and of files (as they are)."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                # Files by their content: a copy elsewhere is the same.
                found.update(hashlib.file_digest(file, "sha256").digest())
        else:
            found.update(json.dumps(part, sort_keys=True, default=str).encode())
    return found.hexdigest()


def write_text(path: Path, text: str) -> Path:
    """Text as UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Bytes, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """JSON, whole or not at all."""
    return write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
