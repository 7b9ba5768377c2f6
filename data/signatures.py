"""What a file is, by its first bytes: a picture that can be read, one that cannot, or neither."""

from __future__ import annotations

import os

# Formats by the bytes at the start, or behind the length of the first box ("ftyp").
_READ = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)
_NOT_READ = {
    b"8BPS": "Photoshop",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"#?RADIANCE": "Radiance HDR",
    b"FUJIFILM": "raw photograph",
    b"%PDF": "PDF",
    b"<svg": "SVG",
}
_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"heim": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": "raw photograph",
}
# Endings of pictures that cannot be read, for files whose first bytes say nothing of it.
_ENDINGS = {
    ".heic": "HEIC",
    ".heif": "HEIF",
    ".avif": "AVIF",
    ".jp2": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".jxl": "JPEG XL",
    ".psd": "Photoshop",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
    ".svg": "SVG",
    ".tga": "Targa",
    ".dng": "raw photograph",
    ".cr2": "raw photograph",
    ".cr3": "raw photograph",
    ".nef": "raw photograph",
    ".arw": "raw photograph",
}
PICTURE = "picture"


def kind_of(path: str | os.PathLike[str], content: bytes | None = None) -> str | None:
    """What a file holds.

    Parameters
    ----------
    path : path
        Of a regular file.
    content : bytes or None
        Of the file, where it was read already.

    Returns
    -------
    str or None
        'picture' for what can be read, the name of a format that cannot, such as 'HEIC', or None
        for what is no picture.
    """
    if content is None:
        with open(path, "rb") as file:  # noqa: PTH123 - a name that is no UTF-8 is no problem here
            content = file.read(32)
    head = content[:32]
    ending = os.path.splitext(os.fspath(path))[1].lower()  # noqa: PTH122
    if ending in _ENDINGS:  # raw photographs begin as TIFF does
        return _ENDINGS[ending]
    if head.startswith(_READ) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return PICTURE
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return PICTURE
    # Portable maps: P1 to P6 and white space.
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return PICTURE
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((name for start, name in _NOT_READ.items() if head.startswith(start)), None)
