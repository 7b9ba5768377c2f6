"""Where a store's bytes lie: a folder here, or a bucket behind an address."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from ..files import clear_unfinished, written_whole


class Place(Protocol):
    """A folder of objects with names such as 'response/c/12/0'."""

    def read(self, name: str) -> bytes | None:
        """The content of an object, or None where it is not there; see `read_at_most`."""

    def write(self, name: str, content: bytes) -> None:
        """An object, whole or not at all; what was there under the name is replaced."""

    def size(self, name: str) -> int | None:
        """Bytes of an object, or None where it is not there."""

    def read_many(self, names: Sequence[str], size: int) -> dict[str, bytes]:
        """The content of many objects of one size, those that are there and have it."""

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Bytes of many objects, those that are there."""

    def names(self) -> Iterator[str]:
        """Every object that is whole."""

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""

    def free(self) -> int | None:
        """Bytes that can still be written, where that is known."""

    def check(self) -> None:
        """Refuse a place that cannot hold a store, as far as that is known beforehand."""

    def try_to_write(self, content: bytes) -> bool:
        """Write and remove again, where that can be tried without a trace."""

    def clear(self) -> None:
        """Remove what killed processes left half-written."""

    def opened(self) -> Any:
        """The same for zarr to read."""


def is_store(name: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a store and not of a file.

    Parameters
    ----------
    name : str or path

    Returns
    -------
    bool

    Examples
    --------
    >>> is_store("features.zarr"), is_store("s3://bucket/features.zarr"), is_store("features.npz")
    (True, True, False)
    """
    return str(name).rstrip("/").endswith(".zarr")


def place_of(address: str | os.PathLike[str]) -> Place:
    """A folder, or what fsspec finds at an address with '://'.

    Parameters
    ----------
    address : str or path
        Such as 'features.zarr' or 's3://bucket/features.zarr'.

    Returns
    -------
    Place
    """
    text = str(address)
    if text.startswith("file://"):
        return Folder(Path(unquote(text.removeprefix("file://"))))
    if "://" in text:
        return Remote(text)
    return Folder(Path(address))


def read_at_most(place: Place, name: str, most: int) -> bytes | None:
    """The content of an object, unless it is larger than it can be.

    Parameters
    ----------
    place : Place
    name : str
    most : int
        Bytes.

    Returns
    -------
    bytes, or None where it is not there

    Raises
    ------
    ValueError
        If it is larger, or no plain file.
    """
    size = place.size(name)
    if size is None:
        return None
    if size > most:
        msg = f"{place}/{name} has {size} bytes, more than the {most} that it can have."
        raise ValueError(msg)
    return place.read(name)


class Folder:
    """A folder on a disk, which several processes and machines may share."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `Place`: under a temporary name first, then renamed."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def size(self, name: str) -> int | None:
        """See `Place`."""
        try:
            found = (self.path / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(found.st_mode):  # to read a pipe or a device might never end
            msg = f"{self.path / name} is not a plain file. Remove it, or give another store."
            raise ValueError(msg)
        return found.st_size

    def read_many(self, names: Sequence[str], size: int) -> dict[str, bytes]:
        """See `Place`."""
        right = [name for name in names if self.size(name) == size]
        return {name: content for name in right if (content := self.read(name)) is not None}

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """See `Place`."""
        return {name: size for name in names if (size := self.size(name)) is not None}

    def names(self) -> Iterator[str]:
        """See `Place`."""
        for folder, _, files in os.walk(self.path):
            for name in files:
                if ".writing-" not in name:  # not of another process that is at work
                    yield Path(folder, name).relative_to(self.path).as_posix()

    def remove(self, name: str) -> None:
        """See `Place`."""
        (self.path / name).unlink(missing_ok=True)

    def free(self) -> int | None:
        """See `Place`."""
        there = self.path
        while not there.exists():
            there = there.parent
        return shutil.disk_usage(there).free

    def check(self) -> None:
        """See `Place`: a file, or a folder in none, is likely a slip."""
        if self.path.exists() and not self.path.is_dir():
            msg = f"Cannot write a store into {self.path}: it is a file. Give another --output."
            raise FileExistsError(msg)
        if not self.path.parent.is_dir():
            msg = (
                f"Cannot write {self.path}: there is no folder {self.path.parent}. Create it first."
            )
            raise FileNotFoundError(msg)

    def try_to_write(self, content: bytes) -> bool:
        """See `Place`."""
        there = self.path
        while not there.exists():
            there = there.parent
        try:
            with (
                written_whole(there / "hmax-cnn-trial", keep_old=True) as temporary,
                temporary.open("wb") as file,
            ):
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """Remove what killed processes of this machine had under way."""
        if self.path.is_dir():
            clear_unfinished(self.path)

    def opened(self) -> Any:
        """See `Place`."""
        from zarr.storage import LocalStore

        return LocalStore(self.path, read_only=True)


_BUCKETS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "tos"}


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


class Remote:
    """A bucket, or what else fsspec knows by an address: an object there is replaced at once."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        try:
            import fsspec

            self.files, self.root = fsspec.core.url_to_fs(self.address)
        except (ImportError, ValueError) as error:
            msg = f"Cannot open {address}: {error}. Install what it needs, or use a folder."
            raise ValueError(msg) from error

    def __str__(self) -> str:
        return self.address

    def _at(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of whatever library is behind the address, as one of ours."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            msg = (
                f"{self.address} cannot be read or written: {type(error).__name__}: {error}. Check "
                "the address, the network and your credentials."
            )
            raise OSError(msg) from error

    def read(self, name: str) -> bytes | None:
        """See `Place`."""
        try:
            with self._told():
                content: bytes = self.files.cat_file(self._at(name))
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """See `Place`."""
        try:
            with self._told():
                # A bucket has no folders, and must not be made by a slip of the pen.
                if not _BUCKETS.intersection(_protocols(self.files)):
                    self.files.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
                self.files.pipe_file(self._at(name), content)
        except FileNotFoundError as error:
            msg = f"Cannot write {self.address}: {error}. Make the bucket or folder first."
            raise FileNotFoundError(msg) from error

    def size(self, name: str) -> int | None:
        """See `Place`."""
        self.files.invalidate_cache()
        try:
            with self._told():
                return int(self.files.size(self._at(name)))
        except FileNotFoundError:
            return None

    def read_many(self, names: Sequence[str], size: int) -> dict[str, bytes]:
        """See `Place`: requests at once, as far as the library knows how."""
        sizes = self.sizes(names)
        right = [name for name in names if sizes.get(name) == size]
        if not right:
            return {}
        # By ranges: other ways of reading many take '[' and '*' in an address for patterns.
        places, ends = [self._at(name) for name in right], [size] * len(right)
        with self._told():
            found = self.files.cat_ranges(places, [0] * len(right), ends, on_error="raise")
        return dict(zip(right, found, strict=True))

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """See `Place`: by one listing."""
        wanted = set(names)
        return {name: size for name, size in self._listed() if name in wanted}

    def names(self) -> Iterator[str]:
        """See `Place`."""
        for name, _ in self._listed():
            yield name

    def _listed(self) -> Iterator[tuple[str, int]]:
        self.files.invalidate_cache()
        start = len(self.root.rstrip("/")) + 1
        with contextlib.suppress(FileNotFoundError), self._told():
            found = self.files.find(self.root, detail=True)
            yield from [(name[start:], int(about["size"])) for name, about in found.items()]

    def remove(self, name: str) -> None:
        """See `Place`."""
        with contextlib.suppress(FileNotFoundError), self._told():
            self.files.rm_file(self._at(name))

    def free(self) -> int | None:
        """See `Place`: nobody knows."""
        return None

    def check(self) -> None:
        """See `Place`: nobody knows before something is written."""

    def try_to_write(self, content: bytes) -> bool:
        """See `Place`: a bucket may keep every version."""
        return False

    def clear(self) -> None:
        """Nothing is ever half there."""

    def opened(self) -> Any:
        """See `Place`."""
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(self.address, read_only=True)
