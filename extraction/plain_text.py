"""Names and labels as plain text: one form of each word, and nothing that a terminal would obey."""

from __future__ import annotations

import re
import unicodedata

# Controls of the terminal (C0, DEL, C1) and of the direction of writing, and halves of a code
# point, by which Python stands for bytes that are no UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HALVES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    r"""A name or label in one form.

    Normalised to Unicode's form C, so that a word is one word however its accents are stored;
    without blanks around it; control characters and bytes that are no UTF-8 written out.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> plain(" cafe\u0301 ") == "caf\u00e9", plain("a\x1b[31m"), plain("caf\udce9")
    (True, 'a\\x1b[31m', 'caf\\xe9')
    """
    if text.isascii() and text.isprintable():  # nearly all are
        return text.strip()
    return printable(unicodedata.normalize("NFC", text).strip())


def capital(text: str) -> str:
    """A text with a capital at its start, and all else as it is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> capital("similarity of RDMs")
    'Similarity of RDMs'
    """
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """A time as people say it.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> duration(0.2), duration(600), duration(9000)
    ('1 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def printable(text: str, kept: str = "") -> str:
    r"""A text with control characters, and bytes that are no UTF-8, written out.

    Parameters
    ----------
    text : str
    kept : str
        Control characters that stay, such as '\n'.

    Returns
    -------
    str

    Examples
    --------
    >>> printable("one\ntwo\x07", kept="\n")
    'one\ntwo\\x07'
    """
    found = _UNSAFE.sub(lambda one: one[0] if one[0] in kept else _written_out(one[0]), text)
    return _HALVES.sub(lambda one: _written_out(one[0]), found)


def _written_out(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file name that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
