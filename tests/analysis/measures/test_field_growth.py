"""Growth of fields with depth."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.measures.field_growth import field_growth
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN
from hmax_cnn.extraction import Pixels


def test_growth_of_two_models():
    """Claimed sizes are those of the fields; effective ones are smaller; in degrees and as a share
    of the image; training is one more model."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 32, 32)).astype(np.float32)
    trained = CNN("lenet5", epochs=1).fit(rng.integers(0, 256, (8, 32, 32)), list("abababab"))
    models = {"trained": trained, "untrained": trained.untrained(), "pixels": Pixels(grid=(4, 4))}
    layers = {"trained": ["c1", "s2", "c3"], "untrained": ["c1", "s2", "c3"]}
    parts = []
    for name, model in models.items():
        grown = field_growth(
            model,
            images,
            layers.get(name),
            n_units=4,
            pixels_per_degree=8,
            resampling=Resampling(20),
        )
        parts.append(grown.to_dataframe().assign(model=name))
    found = pd.concat(parts)
    theoretical = found[found["way"] == "theoretical"].set_index(["model", "layer"])
    assert theoretical["pixels"]["trained"].tolist() == [5, 6, 14]
    assert theoretical["degrees"]["trained"].tolist() == [5 / 8, 6 / 8, 14 / 8]
    assert theoretical["fraction"]["pixels"].tolist() == [0.25]
    assert theoretical["depth"]["trained"].tolist() == [0, 0.5, 1]
    effective = found[found["way"] == "effective"].set_index(["model", "layer"])
    assert (effective["pixels"] <= theoretical["pixels"] + 1e-9).all()
    several = effective[effective["n_units"] > 1]
    assert ((several["low"] <= several["pixels"]) & (several["pixels"] <= several["high"])).all()
    with pytest.raises(
        ValueError, match="`ways` must be one of 'theoretical', 'effective', 'mapped'"
    ):
        field_growth(models["pixels"], images, ways=("seen",))
