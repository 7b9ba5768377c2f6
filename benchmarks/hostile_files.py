"""More of `hostile`: pictures of many frames, names in files of text, netCDF that lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

# A folder's names, as they reach files that other programs open.
NAMES = {
    "a formula": "=cmd|'calc'!A0.png",
    "another formula": "@SUM(1+1).png",
    "a line break": "one\ntwo.png",
    "a return": "one\r=1+1.png",
    "quotes": "\"one\" 'two' `three`.png",
    "markup": "<script>alert(1)<!--.png",
    "a comma and a semicolon": "a,b;c\t.png",
    "escapes": "e\x1b]0;x\x07.png",
    "no UTF-8": os.fsdecode(b"\xe9.png"),
    "right to left": "\u202egnp.exe.png",
    "a null's look": "a\u2400b.png",
}
FORMS = ("csv", "svmlight", "nc", "npz", "parquet", "mat")


def frames() -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Pictures with more than one frame: name, file and what makes it.

    Yields
    ------
    what : str
    path : str
    write : callable
    """

    def write(path: str, count: int, side: int, **options: object) -> Callable[[], None]:
        def make() -> None:
            # No two frames alike: equal ones would be stored once.
            shown = [Image.new("L", (side, side), number % 251) for number in range(count)]
            shown[0].save(path, save_all=True, append_images=shown[1:], **options)

        return make

    yield "two frames", "two.gif", write("two.gif", 2, 8)
    yield "2,000 frames", "many.gif", write("many.gif", 2000, 8)
    yield "300 larger frames", "large.gif", write("large.gif", 300, 400)
    yield "an animated PNG", "moves.png", write("moves.png", 20, 200)
    yield "20 larger frames of a PNG", "large.png", write("large.png", 20, 1000)
    yield "500 pages", "pages.tif", write("pages.tif", 500, 8, compression="tiff_deflate")
    yield "an animated WebP", "moves.webp", write("moves.webp", 30, 200)


def named(name: str) -> Callable[[], None]:
    """Two pictures of two classes, one of this name, in a folder `set`.

    Parameters
    ----------
    name : str

    Returns
    -------
    callable
    """

    def make() -> None:
        for label, file in (("a", name), ("b", "other.png")):
            folder = Path("set", label)
            folder.mkdir(parents=True)
            with (folder / file).open("wb") as opened:
                Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(opened, "PNG")

    return make


def lying_netcdf() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Files of netCDF 4 that say that they hold more than they do, or are cut off.

    Yields
    ------
    what : str
    write : callable
        Takes the path.
    """
    import h5py

    def sized(shape: tuple[int, ...], **options: object) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            with h5py.File(path, "w") as file:
                file.create_dataset("response", shape, "f4", **options)

        return make

    def cut(share: float) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            sized((100, 100))(path)
            content = path.read_bytes()
            path.write_bytes(content[: int(share * len(content))])

        return make

    def loops(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_group("inner")["outer"] = file["/"]
            file["soft"] = h5py.SoftLink("/soft")
            file["outside"] = h5py.ExternalLink("/etc/passwd", "/")

    chunked = {"chunks": (1024, 1024)}
    packed = {"chunks": (2048, 2048), "compression": "gzip", "fillvalue": 0}
    yield "a hole of 4 TB", sized((2**20, 2**20), **chunked)
    yield "a hole of 3 GB", sized((28_000, 28_000), **chunked)
    yield "packed, 1.6 GB", sized((20_000, 20_000), **packed)
    yield "a side of 2^62", sized((2**62,), chunks=(1024,))
    yield "cut at half", cut(0.5)
    yield "cut near its end", cut(0.99)
    yield "cut at its head", cut(0.001)
    yield "loops and links out of it", loops
