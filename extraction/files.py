"""Files written whole or not at all, and archives bounded before they are unpacked."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

LARGEST_ARCHIVE = 4 * 2**30  # bytes, unpacked


def writable(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can be written there: worth asking before hours of work.

    Raises
    ------
    OSError
        If the folder is missing or closed to writing, or the path is a folder itself.
    """
    target = Path(path)
    if not target.parent.is_dir():
        msg = f"Cannot write {target}: there is no folder {target.parent}. Create it first."
        raise FileNotFoundError(msg)
    if target.is_dir():
        msg = f"Cannot write {target}: it is a folder. Give a file name."
        raise IsADirectoryError(msg)
    if not os.access(target.parent, os.W_OK):
        msg = (
            f"Cannot write {target}: the folder {target.parent} is closed to writing. Choose "
            "another."
        )
        raise PermissionError(msg)
    return target


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path`, which takes its place when the block ends well.

    It is removed when the block does not.

    Raises
    ------
    OSError
        If the folder is not there, or the disk is full; `path` is then as it was.
    """
    target = writable(path)
    # In the same folder: a rename within one file system is all or nothing.
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files that others cannot read; a result should be as any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.filename == str(temporary) or error.filename is None:
            msg = (
                f"Cannot write {target}: {error.strerror or error}. Nothing was left behind; "
                "free some space or choose another place."
            )
            raise OSError(error.errno, msg) from error
        raise
    # Ctrl-C too.
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    # There is no other way to ask for it than to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays of an `.npz` archive, never unpickled.

    Refused if they would unpack to more than 4 GiB.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is not such an archive.
    """
    if not Path(path).is_file():
        msg = f"There is no file {path}. Check the name and the folder."
        raise FileNotFoundError(msg)
    try:
        with zipfile.ZipFile(path) as archive:
            # The sizes that the archive states, before anything is unpacked.
            size = sum(entry.file_size for entry in archive.infolist())
        if size <= LARGEST_ARCHIVE:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError) as error:
        msg = (
            f"{path} is not a readable .npz archive of plain arrays: {error}. Write it again "
            "with numpy.savez."
        )
        raise ValueError(msg) from error
    msg = (
        f"{path} would unpack to {size / 2**30:.1f} GiB, more than the "
        f"{LARGEST_ARCHIVE // 2**30} GiB allowed."
    )
    raise ValueError(msg)
