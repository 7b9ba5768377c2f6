"""What a model is: which there are, their layers, fields and sizes."""

from __future__ import annotations

import json

import click
import pandas as pd

from ..models import table
from .options import (
    built_model,
    form_option,
    image_sides,
    image_size_option,
    plainly,
    settings_option,
    show,
    show_list,
)


@click.command()
@form_option
@plainly
def models(form: str) -> None:
    """List the models that there are."""
    show_list(table(), form, "model", "layers", "about")


@click.command()
@click.argument("name", metavar="MODEL")
@settings_option
@image_size_option
@click.option(
    "--pixels-per-degree",
    type=click.FloatRange(min=0, min_open=True),
    help="Adds the same columns in degrees of visual angle.",
)
@form_option
@plainly
def fields(
    name: str,
    settings: tuple[str, ...],
    image_size: str | None,
    pixels_per_degree: float | None,
    form: str,
) -> None:
    """Receptive fields of every layer: size, step, and centre of the first, in pixels."""
    model = built_model(name, settings)
    show(model.fields(image_sides(image_size, model), pixels_per_degree=pixels_per_degree), form)


@click.command()
@click.argument("name", metavar="MODEL")
@settings_option
@image_size_option
@form_option
@plainly
def summary(name: str, settings: tuple[str, ...], image_size: str | None, form: str) -> None:
    """Layers, output shapes, parameters and multiply-accumulates, with totals."""
    model = built_model(name, settings)
    rows = model.summary(image_sides(image_size, model))
    # Features and sizes have no sum.
    total = {"layer": "total", "band": ""} | {
        column: int(rows[column].sum())
        for column in ("units", "parameters", "multiply_accumulates")
    }
    if form == "json":
        click.echo(
            json.dumps(
                {
                    "layers": rows.to_dict(orient="records"),
                    **{name: total[name] for name in list(total)[2:]},
                },
                indent=1,
            )
        )
        return
    rows = pd.concat([rows, pd.DataFrame([total])], ignore_index=True).astype(
        {"features": "Int64", "height": "Int64", "width": "Int64"}
    )
    show(rows.astype(object).where(rows.notna(), ""), form)
