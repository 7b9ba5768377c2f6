"""Tuning of S1 and C1 to gratings against the published table: bandwidths, peak frequencies, F1/F0,
and the distance to V1.

python -m benchmarks.v1_tuning
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from hmax_cnn.analysis.measures.distance_to_v1 import distance_to_v1
from hmax_cnn.analysis.measures.receptive_fields import theoretical_fields
from hmax_cnn.analysis.measures.tuning import (
    frequency_tuning,
    grating_responses,
    orientation_tuning,
    phase_tuning,
)
from hmax_cnn.analysis.responses import choose_units
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.stimuli import Screen
from hmax_cnn.hmax import HMAX

SCREEN = Screen(160, 160, pixels_per_degree=160 / 4.4)  # as in AI Memo 2004-017
PUBLISHED = {
    "s1": {
        "half": "44 (38-49)",
        "0.71": "30",
        "octaves": "1.45 (1.1-1.8)",
        "peak": "1.6-9.8",
        "field": "0.2-1.1",
    },
    "c1": {"half": "43", "0.71": "31", "octaves": "1.6", "peak": "1.8-7.8", "field": "0.4-1.7"},
}


def main() -> None:
    rows = []
    for preset in ("georgetown", "serre2007"):
        for response in ("absolute", "signed"):
            start = time.perf_counter()
            model = HMAX(preset=preset, s1_response=response)
            frequencies = np.geomspace(0.8, 16.5, 27)
            found = grating_responses(
                model, SCREEN, ["s1", "c1"], n_orientations=18, frequencies=frequencies, n_phases=16
            )
            orientation, frequency = (
                measure(found, resampling=Resampling(200))
                for measure in (orientation_tuning, frequency_tuning)
            )
            modulation = phase_tuning(found, resampling=Resampling(200))
            alike = distance_to_v1(frequency, cells="simple" if response == "signed" else "complex")
            fields = theoretical_fields(
                model, (160, 160), choose_units(model, (160, 160), ["s1", "c1"], "centre")
            ).groupby("layer")["size"]
            for layer in ("s1", "c1"):
                part = (
                    orientation.sel(layer=layer),
                    frequency.sel(layer=layer),
                    modulation.sel(layer=layer),
                )
                width = orientation["bandwidth_half"].where(
                    orientation["unit_layer"] == layer, drop=True
                )
                peak = frequency["preferred"].where(frequency["unit_layer"] == layer, drop=True)
                octaves = frequency["bandwidth_octaves"].where(
                    frequency["unit_layer"] == layer, drop=True
                )
                degrees = fields.get_group(layer).astype(float) / SCREEN.pixels_per_degree
                rows.append(
                    {
                        "preset": preset,
                        "S1 response": response,
                        "layer": layer,
                        "half height": (
                            f"{part[0].layer_bandwidth_half.item():.1f} "
                            f"({float(width.min()):.0f}-{float(width.max()):.0f})"
                        ),
                        "at 0.71": f"{part[0].layer_bandwidth_071.item():.1f}",
                        "octaves": (
                            f"{part[1].layer_bandwidth_octaves.item():.2f} "
                            f"({float(octaves.min()):.2f}-{float(octaves.max()):.2f})"
                        ),
                        "peak, cpd": f"{float(peak.min()):.2f}-{float(peak.max()):.2f}",
                        "field, degrees": f"{degrees.min():.2f}-{degrees.max():.2f}",
                        "F1/F0": f"{part[2].layer_f1_over_f0.item():.2f}",
                        "simple": f"{part[2].layer_simple.item():.0f}",
                        "distance to V1": f"{alike.layer_value.sel(layer=layer).item():.2f}",
                    }
                )
            print(
                (
                    f"{preset}, {response}: {found.sizes['image']} gratings in "
                    f"{time.perf_counter() - start:.0f} s"
                ),
                flush=True,
            )
    print(f"\n{pd.DataFrame(rows).to_string(index=False)}\n\nPublished (AI Memo 2004-017):")
    print(pd.DataFrame(PUBLISHED).T.to_string())


if __name__ == "__main__":
    main()
