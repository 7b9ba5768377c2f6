"""HMAX against an independent implementation, the published geometry, and what the model
promises."""

import subprocess
import sys

import numpy as np
import pytest

from hmax_cnn.extraction.arrays import to_host
from hmax_cnn.hmax import HMAX, PRESETS, Prototypes, gabor, gabor_bank

pytestmark = pytest.mark.quick

SIZES = range(2, 17, 2)


@pytest.fixture
def camera(reference):
    with np.load(reference / "hmax_camera250.npz") as arrays:
        return dict(arrays)


def test_filters(reference):
    preset = PRESETS["georgetown"]
    with np.load(reference / "gabor_filters.npz") as expected:
        for sizes, wavelengths, sigmas in zip(
            preset.filter_sizes, preset.wavelengths, preset.sigmas, strict=True
        ):
            for size, wavelength, sigma in zip(sizes, wavelengths, sigmas, strict=True):
                bank = gabor_bank(size, wavelength, preset.orientations, sigma)
                np.testing.assert_allclose(bank, expected[f"filter_{size:02d}"], atol=1e-12)


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
    away, all 3,200 here."""
    model = HMAX(
        preset="georgetown",
        prototypes=reference / "hmax_prototypes.npz",
        layer="c2",
        device=place.device,
    )
    features = model.transform(place.put(camera["image"][None]))
    assert features.shape == (1, 3200)
    expected = np.concatenate([camera[f"c2_distance_p{size:02d}"] for size in SIZES])
    np.testing.assert_allclose(features[0], expected, atol=1e-4)
    found = model.winners(place.put(camera["image"][None])).isel(image=0)
    where = np.concatenate([camera[f"c2_winner_band_row_col_p{size:02d}"] for size in SIZES])
    by_band = np.sort(
        np.concatenate([camera[f"c2_distance_per_band_p{size:02d}"] for size in SIZES], axis=1),
        axis=0,
    )
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
        "hmax_cnn.analysis.commands.main",
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


def test_field_sizes_of_serre2007():
    """REFERENCE 1.4: C1 and S2 of the first and last prototype size."""
    table = HMAX(preset="serre2007").fields((224, 224))
    assert table.loc[table["layer"] == "c1", "size_y"].tolist() == [16, 22, 28, 34, 40, 46, 52, 58]
    s2 = table[table["layer"] == "s2"]
    assert s2.loc[s2["band"].str.endswith("p04"), "size_x"].tolist() == [
        28,
        37,
        46,
        55,
        64,
        73,
        82,
        91,
    ]
    assert s2.loc[s2["band"].str.endswith("p16"), "size_x"].tolist() == [
        76,
        97,
        118,
        139,
        160,
        181,
        202,
        223,
    ]
    assert table.loc[table["layer"] == "c1", "step_y"].tolist() == list(range(4, 12))
    assert set(table.loc[table["layer"] == "c2", "status"]) == {"whole image"}


def test_imprinted_prototypes_find_their_source(images, place):
    """Distance 0 (below 1e-3) at the place that the provenance names."""
    model = HMAX(n_prototypes=20, random_state=4, device=place.device).fit(place.put(images))
    found, table = model.winners(place.put(images)), model.prototypes_.provenance
    assert len(table) == found.sizes["unit"] == 160
    for unit, row in table.iterrows():
        spot = found.isel(unit=unit, image=row["image"])
        assert spot["response"] < 1e-3
        if (
            np.linalg.norm(model.prototypes_.patches[row["size"]][row["prototype"]]) > 0.5
        ):  # blank ones fit anywhere
            assert f"b{int(spot['band'])}" == row["band"]
            offset = (row["size"] - 1) // 2
            assert (int(spot["row"]), int(spot["column"])) == (
                row["row"] + offset,
                row["column"] + offset,
            )
            assert [int(spot[side]) for side in ("top", "left", "bottom", "right")] == [
                row[s] for s in ("top", "left", "bottom", "right")
            ]


def test_patches_are_c1_of_the_named_place(images):
    model = HMAX(n_prototypes=6).fit(images)
    c1 = model.activations(images, ["c1"])
    for _, row in model.prototypes_.provenance.iterrows():
        values = c1[f"c1/{row['band']}"]["response"].values[row["image"]]
        patch = values[
            :, row["row"] : row["row"] + row["size"], row["column"] : row["column"] + row["size"]
        ]
        np.testing.assert_allclose(
            model.prototypes_.patches[row["size"]][row["prototype"]], patch, atol=2e-6
        )


@pytest.mark.parametrize("band", range(1, 9))
def test_a_shift_by_the_stride_shifts_c1(band):
    """Away from the border, where the shift brings in new pixels; to 1e-6 of rounding (seen: 0)."""
    stride = PRESETS["georgetown"].pool_strides[band - 1]
    scene = (
        np.random.default_rng(band).integers(0, 256, (160 + stride, 160 + stride)).astype(np.uint8)
    )
    here, there = (
        HMAX(layer="c1", bands=(band,))
        .activations(s[None], ["c1"])["c1"]
        .leaves[0]["response"]
        .values
        for s in (scene[:160, :160], scene[stride:, stride:])
    )
    reach = -(-(PRESETS["georgetown"].filter_sizes[band - 1][1] // 2 + 1) // stride) + 2
    kept = slice(reach, -reach)
    moved = slice(reach + 1, -reach + 1)
    np.testing.assert_allclose(there[:, :, kept, kept], here[:, :, moved, moved], atol=1e-6)


def test_georgetown_borders_are_silent(images):
    s1 = HMAX().activations(images, ["s1"])["s1"]["b1_s07"]["response"].values
    assert (s1[:, :, :4] == 0).all()
    assert (s1[:, :, -3:] == 0).all()
    assert (s1[:, :, 4:-3, 4:-3].max(axis=(1, 2, 3)) > 0).all()
    assert HMAX(bands=1).activations(images[:, :61, :60], ["c1"])["c1/b1"]["response"].shape[
        2:
    ] == (16, 15)


def test_padded_border_sees_zeros(images):
    padded = np.pad(images, ((0, 0), (18, 18), (18, 18)))
    inner = HMAX(s1_border="padded").activations(images, ["s1"])["s1"]
    outer = HMAX().activations(padded, ["s1"])["s1"]
    for node in inner.leaves[:14]:  # larger filters meet the silent border of the padded image
        np.testing.assert_allclose(
            node["response"], outer[node.name]["response"][:, :, 18:-18, 18:-18], atol=1e-6
        )
    HMAX(s1_border="padded").activations(images[:, :1, :2], ["c1"])


def test_responses_of_s1(images):
    signed, absolute, half = (
        HMAX(layer="s1", bands=2, s1_response=kind).transform(images)
        for kind in ("signed", "absolute", "half")
    )
    np.testing.assert_array_equal(np.abs(signed), absolute)
    np.testing.assert_array_equal(np.maximum(signed, 0), half)
    pair = (
        HMAX(layer="s1", bands=2, phases=(0, 90), s1_response="signed")
        .transform(images)
        .reshape(3, 4, 4, 2, 64, 64)
    )
    energy = (
        HMAX(layer="s1", bands=2, phases=(0, 90), s1_response="energy")
        .transform(images)
        .reshape(3, 4, 4, 64, 64)
    )
    np.testing.assert_allclose(np.sqrt((pair**2).sum(axis=3)), energy, atol=1e-6)


def test_energy_of_a_grating_does_not_depend_on_its_phase():
    """For drifting gratings at the filter's own frequency the energy varies by 2 %, the absolute
    even response by 93 %."""
    x = np.arange(64)
    gratings = np.stack(
        [
            np.broadcast_to(127 + 100 * np.cos(2 * np.pi * x / 6.753 + phase), (64, 64))
            for phase in np.linspace(0, np.pi, 8, endpoint=False)
        ]
    )
    kinds = {"energy": {"phases": (0, 90), "s1_response": "energy"}, "absolute": {}}
    spread = {}
    for name, parameters in kinds.items():
        node = HMAX(layer="s1", bands=2, orientations=(0,), **parameters).activations(
            gratings, ["s1"]
        )["s1"]["b2_s13"]
        at_centre = node["response"].values[:, 0, 32, 32]
        spread[name] = (at_centre.max() - at_centre.min()) / at_centre.max()
    assert spread["energy"] < 0.1 < 0.5 < spread["absolute"]


def test_quadrature_filters():
    even, odd = gabor(21, 9, 30, phase=0), gabor(21, 9, 30, phase=90)
    np.testing.assert_allclose(even, even[::-1, ::-1], atol=1e-15)
    np.testing.assert_allclose(odd, -odd[::-1, ::-1], atol=1e-15)
    assert abs((even * odd).sum()) < 1e-12


def test_any_number_of_orientations_sizes_and_phases(images):
    model = HMAX(
        filter_sizes=((5, 7, 9), (11, 21)),
        orientations=6,
        phases=(0, 45, 90),
        prototype_sizes=(3, 5),
        n_prototypes=7,
    ).fit(images)
    assert model.transform(images).shape == (3, 14)
    c1 = model.activations(images, ["c1"])["c1/b1"]
    assert c1.sizes["feature"] == 18
    assert sorted(set(c1["orientation"].values)) == [0, 30, 60, 90, 120, 150]
    assert list(c1["feature"].values[:4]) == ["o0_ph0", "o0_ph45", "o0_ph90", "o30_ph0"]


def test_gaussian_is_a_function_of_the_distance(images):
    distance = HMAX(prototypes="photographs").transform(images)
    tuned = HMAX(prototypes="photographs", tuning="gaussian", sharpness=0.3).transform(images)
    np.testing.assert_allclose(tuned, np.exp(-0.3 * distance**2), rtol=1e-5, atol=1e-30)


def test_partial_windows_ignored(images):
    counted, ignored = (
        HMAX(prototypes="photographs", partial_windows=partial) for partial in (True, False)
    )
    assert (ignored.transform(images) >= counted.transform(images) - 1e-5).all()
    found = ignored.winners(images)
    sizes = {
        f"b{band}": side
        for band, side in zip(range(1, 9), (16, 13, 11, 10, 8, 8, 7, 6), strict=True)
    }
    p16 = found.sel(unit=[str(unit) for unit in found["unit"].values if "_p16_" in str(unit)])
    assert set(p16["band"].values.ravel()) == {1}  # the only band of 16 positions a side
    assert (found["row"] <= max(sizes.values()) - 2).all()
    with pytest.raises(ValueError, match="largest band has 14 positions"):
        ignored.transform(images[:, :53, :53])


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_odd_prototypes_are_centred(images, size):
    table = HMAX(prototype_sizes=(size,), n_prototypes=1).fields((64, 64), ["c1", "s2"])
    c1, s2 = (table[table["layer"] == layer].iloc[0] for layer in ("c1", "s2"))
    assert s2["start_y"] == c1["start_y"]
    assert s2["size_y"] == c1["size_y"] + 4 * (size - 1)


def test_seed_decides_what_is_imprinted(images):
    first, same, other = (
        HMAX(random_state=seed, n_prototypes=3).fit(images).prototypes_ for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.patches[4], same.patches[4])
    assert not np.array_equal(first.patches[4], other.patches[4])
    backwards = (
        HMAX(random_state=1, n_prototypes=3, batch_memory=0, n_threads=1)
        .fit(list(images))
        .prototypes_
    )
    np.testing.assert_allclose(backwards.patches[4], first.patches[4], atol=2e-6)


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


def test_rounding_of_an_empty_background_is_no_contrast(images):
    """Ripples of 1e-13, as splines leave them around an object, change no S1 response by more than
    float32 does; they were once amplified."""
    ground = np.zeros((1, 96, 96), np.float32)
    ground[0, 30:62, 30:62] = images[0, :32, :32]
    rippled = ground + np.float32(1e-13) * np.random.default_rng(0).standard_normal(
        ground.shape
    ).astype(np.float32)
    still, moved = (HMAX(layer="s1", bands=2).transform(image) for image in (ground, rippled))
    np.testing.assert_allclose(moved, still, atol=1e-6)
