"""What is known of the visual cortex.

Sizes of receptive fields and tuning of V1, each number with its definition, source and confidence.
"""

from __future__ import annotations

import pandas as pd

_COLUMNS = (
    "area",
    "species",
    "what",
    "low",
    "high",
    "per_eccentricity",
    "definition",
    "citation",
    "confidence",
)
_READ, _SECOND_HAND, _RECALLED = (
    "read in the abstract",
    "read, quoted by others",
    "recalled, not read again: for orientation only",
)
_FREEMAN = "Freeman & Simoncelli, Nature Neuroscience 2011"

RECEPTIVE_FIELDS = pd.DataFrame(
    [
        (
            "V1",
            "macaque",
            "diameter over eccentricity",
            0.21,
            0.21,
            True,
            "diameter",
            _FREEMAN,
            _RECALLED,
        ),
        (
            "V2",
            "macaque",
            "diameter over eccentricity",
            0.46,
            0.46,
            True,
            "diameter",
            _FREEMAN,
            _RECALLED,
        ),
        (
            "V4",
            "macaque",
            "diameter over eccentricity",
            0.84,
            0.84,
            True,
            "diameter",
            _FREEMAN,
            _RECALLED,
        ),
        (
            "TE",
            "macaque",
            "range of sizes",
            2.8,
            26.0,
            False,
            "as the paper maps it",
            "Op de Beeck & Vogels, J Comp Neurol 2000",
            _READ,
        ),
        (
            "IT, at least",
            "macaque",
            "least size",
            10.0,
            float("inf"),
            False,
            "side, fovea included",
            "Gross et al. 1969",
            _SECOND_HAND,
        ),
        (
            "IT, natural scenes",
            "macaque",
            "twice the radius",
            22.0,
            22.0,
            False,
            "radius 11 degrees, natural",
            "Rolls group",
            _SECOND_HAND,
        ),
        (
            "IT, plain ground",
            "macaque",
            "twice the radius",
            78.0,
            78.0,
            False,
            "radius 39 degrees, plain",
            "Rolls group",
            _SECOND_HAND,
        ),
    ],
    columns=list(_COLUMNS),
)

# (edges, counts of cells) of macaque V1, read in the data that published comparisons use
V1_ORIENTATION = ((-22.5, 22.5, 67.5, 112.5, 157.5), (110, 83, 100, 92))
_EDGES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2, 16.0, 22.4)
V1_FREQUENCY = {
    "simple": (_EDGES, (0, 4, 4, 8, 25, 33, 26, 28, 12, 5, 2, 1)),
    "complex": (_EDGES, (0, 0, 0, 9, 9, 7, 10, 23, 12, 8, 3, 3)),
}

# Medians of macaque V1 as AI Memo 2004-017 gives them beside its models, read there: full widths
# in degrees, and octaves.
V1_BANDWIDTHS = {
    "bandwidth_half": {"simple": 34.0, "complex": 44.0},
    "bandwidth_octaves": {"simple": 1.45, "complex": 1.6},
}


def field_sizes_at(eccentricity: float) -> pd.DataFrame:
    """Sizes of receptive fields of cortical areas, for an overlay.

    Parameters
    ----------
    eccentricity : float
        In degrees of visual angle; positive: areas whose fields grow with it are given for this
        place.

    Returns
    -------
    pandas.DataFrame
        Columns area, species, what, low, high (degrees), per_eccentricity, definition, citation,
        confidence.

    Raises
    ------
    ValueError
        If the eccentricity is not positive.

    Examples
    --------
    >>> field_sizes_at(5.0).set_index("area").loc["V2", "low"].round(2).item()
    2.3
    """
    if not eccentricity > 0:
        msg = f"`eccentricity` must be positive, in degrees, got {eccentricity!r}."
        raise ValueError(msg)
    table = RECEPTIVE_FIELDS.copy()
    factor = table["per_eccentricity"].map({True: eccentricity, False: 1.0})
    return table.assign(low=table["low"] * factor, high=table["high"] * factor)
