"""Make `hmax/photographs.npz`, the dictionary that ships with the package: prototypes imprinted
from freely licensed photographs.

    python examples/make_dictionary.py hmax/photographs.npz

The photographs come with scikit-learn and scikit-image (the extra `test`); docs/prototypes.md lists
their authors and licences.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data as pictures
from sklearn.datasets import load_sample_images

from hmax_cnn.data import Dataset, Framing
from hmax_cnn.hmax import HMAX, Prototypes, write_prototypes

HEIGHT, COUNT, SEED = 256, 100, 2007


def photographs() -> Dataset:
    """Seven photographs, 256 pixels high."""
    china, flower = load_sample_images().images
    named = {
        "china": china,
        "flower": flower,
        "astronaut": pictures.astronaut(),
        "camera": pictures.camera(),
        "coffee": pictures.coffee(),
        "chelsea": pictures.chelsea(),
        "rocket": pictures.rocket(),
    }
    framing = Framing(f"height:{HEIGHT}")
    return Dataset(
        [np.asarray(framing.apply(Image.fromarray(image))) for image in named.values()], list(named)
    )


def dictionary() -> Prototypes:
    """100 prototypes of each of eight sizes, rounded to half precision to keep the file small."""
    learned = HMAX(n_prototypes=COUNT, random_state=SEED).fit(photographs()).prototypes_
    return replace(
        learned,
        patches={size: patches.astype(np.float16) for size, patches in learned.patches.items()},
    )


if __name__ == "__main__":
    write_prototypes(dictionary(), Path(sys.argv[1]))
