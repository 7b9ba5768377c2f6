"""What is known of shape and texture: of people and of networks trained on photographs."""

from __future__ import annotations

import pandas as pd

_GEIRHOS = "Geirhos et al., ICLR 2019"
_IMAGES = "photographs in the texture of others, 16 categories"
_READ = "computed from the published decisions"

# Share of decisions by shape, among those by shape or texture. Humans: lowest and highest person.
SHAPE_BIAS = pd.DataFrame(
    [
        ("humans", 0.93, 1.00, _IMAGES, _GEIRHOS, _READ),
        ("AlexNet, ImageNet", 0.43, 0.43, _IMAGES, _GEIRHOS, _READ),
        ("ResNet-50, ImageNet", 0.23, 0.23, _IMAGES, _GEIRHOS, _READ),
    ],
    columns=["observer", "low", "high", "images", "citation", "confidence"],
)
