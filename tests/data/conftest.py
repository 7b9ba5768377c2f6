"""A folder of pictures."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(
        [
            "train/cat/b.png",
            "train/cat/a.PNG",
            "train/dog/c.jpg",
            "test/dog/d.png",
            ".hidden/x.png",
            "train/cat/notes.txt",
        ]
    ):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("notes")
        else:
            grey = np.full((10, 12 + index), 40 * index, np.uint8)
            Image.fromarray(grey).save(path, format="PNG")
    return tmp_path / "set"
