"""HMAX against the reference, published sizes, and its own rules."""

import subprocess
import sys

import numpy as np
import pytest

from hmax_cnn.extraction.arrays import to_host
from hmax_cnn.hmax import HMAX, Prototypes

pytestmark = pytest.mark.quick

SIZES = range(2, 17, 2)


@pytest.fixture
def camera(reference):
    with np.load(reference / "hmax_camera250.npz") as arrays:
        return dict(arrays)


def test_s1_and_c1_of_the_reference(camera, place):
    """Agreement demanded 1e-5; seen 6e-8."""
    tree = HMAX(device=place.device).activations(place.put(camera["image"][None]), ["s1", "c1"])
    by_size = {int(node["filter_size"][0]): node for node in tree["s1"].leaves}
    for size in (7, 21, 37):
        np.testing.assert_allclose(
            by_size[size]["response"][0], camera[f"s1_{size:02d}"], atol=1e-5
        )
    for band, pool in enumerate(range(8, 24, 2), start=1):
        np.testing.assert_allclose(
            tree[f"c1/b{band}"]["response"][0], camera[f"c1_{pool:02d}"], atol=1e-5
        )


def test_s2_of_the_reference(camera, reference):
    """Agreement demanded 1e-4; seen 1e-06."""
    model = HMAX(prototypes=reference / "hmax_prototypes.npz", n_prototypes=8)
    tree = model.activations(camera["image"][None], ["s2"])
    for name, expected in camera.items():
        if name.startswith("s2_distance"):
            size, pool = int(name[13:15]), int(name[17:19])
            np.testing.assert_allclose(
                tree[f"s2/b{(pool - 6) // 2}_p{size:02d}"]["response"][0], expected, atol=1e-4
            )


def test_c2_and_winners_of_the_reference(camera, reference, place):
    """Distances to 1e-4 (seen 4e-6); the same winner wherever the runner-up band is more than 1e-4
    away, all 3,200 here; 100 of each size on the stand-in, which is slow."""
    count = 100 if place.name == "stand-in" else 400
    model = HMAX(
        preset="georgetown",
        prototypes=reference / "hmax_prototypes.npz",
        n_prototypes=count,
        layer="c2",
        device=place.device,
    )
    features = model.transform(place.put(camera["image"][None]))
    assert features.shape == (1, 8 * count)
    expected = np.concatenate([camera[f"c2_distance_p{size:02d}"][:count] for size in SIZES])
    np.testing.assert_allclose(features[0], expected, atol=1e-4)
    found = model.winners(place.put(camera["image"][None])).isel(image=0)
    winners, per_band = (
        [camera[f"c2_{name}_p{size:02d}"] for size in SIZES]
        for name in ("winner_band_row_col", "distance_per_band")
    )
    where = np.concatenate([of_size[:count] for of_size in winners])
    by_band = np.sort(np.concatenate([of_size[:, :count] for of_size in per_band], axis=1), axis=0)
    clear = by_band[1] - by_band[0] > 1e-4
    assert clear.mean() > 0.99
    got = np.stack([found["band"].values - 1, found["row"].values, found["column"].values], axis=1)
    np.testing.assert_array_equal(got[clear], where[clear])
    np.testing.assert_allclose(found["response"], features[0], atol=1e-6)


def test_the_reference_through_the_command_line(camera, reference, tmp_path):
    from PIL import Image

    Image.fromarray(camera["image"]).save(tmp_path / "camera.png")
    command = [
        sys.executable,
        "-m",
        "hmax_cnn",
        "extract",
        str(tmp_path / "camera.png"),
        "--model",
        "hmax:HMAX",
    ]
    command += [
        "--set",
        "preset=georgetown",
        "--set",
        f"prototypes={reference / 'hmax_prototypes.npz'}",
        "--layer",
        "c2",
    ]
    subprocess.run([*command, "--output", str(tmp_path / "features.npz")], check=True, cwd=tmp_path)
    with np.load(tmp_path / "features.npz") as saved:
        expected = np.concatenate([camera[f"c2_distance_p{size:02d}"] for size in SIZES])
        np.testing.assert_allclose(saved["features"][0], expected, atol=1e-4)
        assert saved["units"][817] == "c2_p06_017"
        assert list(saved["images"]) == ["camera.png"]


def test_summary_counts():
    table = HMAX(preset="serre2007").summary((140, 140))
    assert table.loc[table["layer"] == "s1", "parameters"].sum() == 4 * sum(
        n * n for n in range(7, 38, 2)
    )
    assert table.loc[table["layer"] == "s2", "parameters"].sum() == 250 * 4 * (16 + 64 + 144 + 256)
    s2 = table[(table["layer"] == "s2") & (table["band"] == "b1_p04")].iloc[0]
    assert s2["multiply_accumulates"] == 35 * 35 * 250 * 4 * 16


def test_given_arrays_and_chosen_sizes(images):
    patches = {
        4: np.random.default_rng(0).random((5, 4, 4, 4)),
        2: np.random.default_rng(1).random((6, 4, 2, 2)),
    }
    assert HMAX(prototypes=patches).transform(images).shape == (3, 11)
    assert HMAX(prototypes=Prototypes(patches), prototype_sizes=(4,), n_prototypes=2).transform(
        images
    ).shape == (3, 2)
    assert list(HMAX(prototypes=patches).get_feature_names_out()[[0, 6]]) == [
        "c2_p02_000",
        "c2_p04_000",
    ]
    assert to_host(HMAX(prototypes=patches).winners(images)["band"]).shape == (3, 11)
