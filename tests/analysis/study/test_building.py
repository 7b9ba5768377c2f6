"""Models, images and transformations from a study's tables."""

import numpy as np
import pytest
from small_study import without_figures

from hmax_cnn.analysis.study import open_results, run_study
from hmax_cnn.analysis.study.building import Places, build_images
from hmax_cnn.analysis.study.schema import Images


def test_test_images_are_not_learned_ones(tmp_path):
    """Of a set with a split a model learns from the training images: readouts of the others keep
    what it has learned, and nobody is warned."""
    from PIL import Image

    from hmax_cnn.data import digits

    pictures = digits().framed("stretch:16x16").subset(np.arange(60))
    for name, picture in zip(pictures.names, pictures.source, strict=True):
        Image.fromarray(np.asarray(picture)).save(tmp_path / f"{name}.png")
    sides = ["train", "test"] * 30
    lines = [
        f"{name}.png,{label},{side}"
        for name, label, side in zip(pictures.names, pictures.labels, sides, strict=True)
    ]
    (tmp_path / "index.csv").write_text("\n".join(["path,label,split", *lines]) + "\n")
    given = (
        '[images.all]\nsource = "index.csv"\n\n[images.unseen]\nsource = "index.csv"\nsplit = '
        '"test"\n\n[models.pixels]'
    )
    alignment = (
        'measure = "analysis.measures.alignment:cka"\nmodels = ["pixels", "filters"]\nimages = '
        '["shapes"]'
    )
    retrieval = (
        'measure = "analysis.measures.retrieval:retrieval"\nmodels = ["linear"]\nimages = '
        '["unseen"]'
    )
    shown = (
        'images = ["digits"]\nmodels = ["pixels", "linear"]',
        'images = ["all"]\nmodels = ["linear"]',
    )
    path = without_figures(
        tmp_path,
        ("[models.pixels]", given),
        ('learns_from = "digits"', 'learns_from = "all"'),
        shown,
        (alignment, retrieval),
    )
    done = run_study(path, tmp_path / "out", jobs=1, progress=False)
    assert not any("learned from" in warning for warning in done.warnings)
    accuracy = open_results(tmp_path / "out")["accuracy/linear/all/seed0"]
    assert (accuracy.attrs["learned_anew"], accuracy.attrs["n_images"]) == (1, 30)
    assert "fitted to 30 images of all" in (tmp_path / "out" / "methods.txt").read_text()


def test_a_study_divides_images_by_a_column(tmp_path):
    from PIL import Image

    lines = ["file,label,kind"]
    for number in range(4):
        Image.fromarray(np.full((8, 8), 30 * number, np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'ab'[number % 2]},{('edges', 'filled')[number // 2]}")
    (tmp_path / "index.csv").write_text("\n".join(lines) + "\n")
    table = Images(source="index.csv", train_where={"kind": "edges"})
    images = build_images(table, Places(tmp_path))
    assert images.split.tolist() == ["train", "train", "test", "test"]
    absent = Images(source="index.csv", train_where={"shape": "edges"})
    with pytest.raises(ValueError, match=r"`train_where` .*must be a column of the index"):
        build_images(absent, Places(tmp_path))
    drawn = Images(
        source="data.stimuli:paperclips",
        parameters={"screen": [20, 20], "n_objects": 1, "sizes": [10]},
        train_where={"object": "0"},
    )
    with pytest.raises(TypeError, match="`train_where` is for pictures with an index"):
        build_images(drawn, Places(tmp_path))


def test_images_with_groups(tmp_path):
    """`groups` names a column of the index; others are refused by name, and so are stimuli."""
    from PIL import Image

    for number in range(4):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / f"{number}.png")
    rows = ["path,label,object", *(f"{number}.png,a,o{number // 2}" for number in range(4))]
    (tmp_path / "index.csv").write_text("\n".join(rows))
    places = Places(tmp_path)
    made = build_images(Images(source="index.csv", groups="object", skip=1), places)
    assert made.groups.tolist() == ["o0", "o1", "o1"]
    with pytest.raises(ValueError, match="must be a column of the index, 'object', got 'thing'"):
        build_images(Images(source="index.csv", groups="thing"), places)
    shapes = {"screen": [32, 32], "n_shapes": 3}
    source = "data.stimuli:fourier_shapes"
    with pytest.raises(TypeError, match="for pictures with an index"):
        build_images(Images(source=source, parameters=shapes, groups="object"), places)
