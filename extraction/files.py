"""Files written whole or not at all, and archives bounded before they are unpacked."""

from __future__ import annotations

import os
import re
import socket
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_ARCHIVE = 4 * 2**30  # bytes, unpacked


def writable(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can be written there: worth asking before hours of work.

    Raises
    ------
    OSError
        If the folder is missing or closed to writing, or the path is a folder itself.
    """
    target = _placed(path)
    # Tried, not asked for: a name may be too long, a disk read-only or full.
    with written_whole(target, keep_old=True) as temporary:
        temporary.write_bytes(b" ")
    return target


def check_other_file(output: str | os.PathLike[str], inputs: Iterable[Any]) -> None:
    """Refuse an output that is one of the files that it is made from.

    Parameters
    ----------
    output : path
    inputs : iterable of path or object
        What is no path, or not there, is passed over.

    Raises
    ------
    ValueError
        If it is one of them, also under another name.
    """
    target = Path(output)
    if not target.exists():
        return
    for one in inputs:
        if isinstance(one, str | os.PathLike) and Path(one).exists() and target.samefile(one):
            msg = f"--output {target} is an input of this command. Give another name."
            raise ValueError(msg)


def _placed(path: str | os.PathLike[str]) -> Path:
    """The path, if it lies in a folder and is none."""
    target = Path(path)
    try:
        has_folder, is_folder = target.parent.is_dir(), target.is_dir()
    except (OSError, ValueError) as error:  # too long, or with a null character
        msg = f"Cannot write {str(target)[:200]!r}: {_reason(error)}. Choose another name."
        raise type(error)(msg) from error
    if not has_folder:
        msg = f"Cannot write {target}: there is no folder {target.parent}. Create it first."
        raise FileNotFoundError(msg)
    if is_folder:
        msg = f"Cannot write {target}: it is a folder. Give a file name."
        raise IsADirectoryError(msg)
    return target


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def written_whole(path: str | os.PathLike[str], *, keep_old: bool = False) -> Iterator[Path]:
    """A temporary name beside `path`, which takes its place when the block ends well.

    It is removed when the block does not, or by the next writer of `path` where the process was
    killed.

    Parameters
    ----------
    path : path
    keep_old : bool
        Only try: what is written is removed, and `path` stays as it is.

    Yields
    ------
    Path

    Raises
    ------
    OSError
        If the folder is not there, or the disk is full; `path` is then as it was.
    """
    target = _placed(path)
    temporary = _begun(target)
    try:
        yield temporary
        if keep_old:
            temporary.unlink()
            return
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


# Unfinished files: their target, the machine and process that writes them, and a random end.
_UNFINISHED = re.compile(r"\.(?P<stem>.*)\.writing-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-\w{8}(\..*)?")
_LONGEST_STEM = 100  # bytes: a name of 255 must hold the rest, too


def _begun(target: Path) -> Path:
    """A new unfinished file beside a target, those of processes that were killed removed."""
    stem, suffix = (
        os.fsencode(part)[:_LONGEST_STEM].decode(errors="ignore")
        for part in (target.stem, target.suffix)
    )
    prefix = f".{stem}.writing-"
    try:
        # In the same folder: a rename within one file system is all or nothing.
        handle, name = tempfile.mkstemp(
            prefix=f"{prefix}{_host()}-{os.getpid()}-", suffix=suffix, dir=target.parent
        )
    except OSError as error:
        msg = f"Cannot write {target}: {_reason(error)}. Choose another name or another folder."
        raise type(error)(error.errno, msg) from error
    os.close(handle)
    for name_there in os.listdir(target.parent):  # noqa: PTH208 - the fastest way to all names
        if name_there.startswith(prefix) and _is_abandoned(name_there):
            (target.parent / name_there).unlink(missing_ok=True)
    return Path(name)


def clear_unfinished(folder: Path) -> None:
    """Remove what killed processes had under way in a folder, at any depth, and nothing else.

    Parameters
    ----------
    folder : Path
    """
    for path in folder.rglob(".*.writing-*"):
        if path.is_file() and _is_abandoned(path.name):
            path.unlink(missing_ok=True)


def _is_abandoned(name: str) -> bool:
    """Whether a name is that of an unfinished file whose process ended, on this machine."""
    found = _UNFINISHED.fullmatch(name)
    return found is not None and found["host"] == _host() and not _is_running(int(found["pid"]))


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # where a signal of 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:  # someone else's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _umask() -> int:
    # There is no other way to ask for it than to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


# What readers of archives raise where bytes are not what they should be.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, ValueError),
    *(RuntimeError, TypeError, SyntaxError, OverflowError, struct.error),  # RuntimeError: encrypted
)


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
    except _DAMAGED as error:
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
