"""What a notebook shows of images and models: small pictures, a short table."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

_SHOWN = 8  # pictures
_SIDE = 72  # pixels of the longer side of a picture on the page


def pictures_html(text: str, images: Any, names: Sequence[str]) -> str:
    """A line of text, and some of the images below it, evenly from all.

    Parameters
    ----------
    text : str
    images : sequence of arrays of shape (height, width) or (height, width, 3)
        Luminance or colour in 0..255; values beyond it are cut off.
    names : sequence of str

    Returns
    -------
    str
        HTML, pictures inside.
    """
    chosen = np.linspace(0, len(names) - 1, min(_SHOWN, len(names))).round().astype(int)
    cells = [_picture(np.asarray(images[int(index)]), names[int(index)]) for index in chosen]
    return f"<div>{escape(text)}</div><div>{''.join(cells)}</div>"


def _picture(image: np.ndarray, name: str) -> str:
    values = np.clip(image, 0, 255).astype(np.uint8)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    content = BytesIO()
    picture = Image.fromarray(values)
    picture.thumbnail((2 * _SIDE, 2 * _SIDE))
    picture.save(content, "png")
    source = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    scale = _SIDE / max(picture.size)
    width, height = (max(1, round(scale * side)) for side in picture.size)
    size = f'width="{width}" height="{height}" style="image-rendering:auto;margin:2px"'
    return f'<img src="{source}" {size} alt="{escape(name)}" title="{escape(name)}">'


def table_html(text: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A line of text, and a table below it.

    Parameters
    ----------
    text : str
    columns : sequence of str
    rows : iterable of sequences

    Returns
    -------
    str
        HTML.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><code>{escape(text)}</code></div>{table}"


def model_html(model: Any) -> str:
    """A model's parameters, and a table of its layers, with their sizes where those are known.

    Parameters
    ----------
    model : FeatureExtractor

    Returns
    -------
    str
        HTML.
    """
    known = getattr(model, "image_shape_", None) or model.intended_shape()
    if known is None:
        rows: Any = [(layer,) for layer in model.layer_names]
        return table_html(repr(model), ["layer"], rows)
    height, width = (int(side) for side in known[:2])
    table = model.summary((height, width))
    counts = table.groupby("layer", sort=False)[["units", "parameters"]].sum()
    rows = [(layer, int(units), int(weights)) for layer, units, weights in counts.itertuples()]
    columns = ["layer", f"units at {height} x {width} pixels", "parameters"]
    return table_html(repr(model), columns, rows)
