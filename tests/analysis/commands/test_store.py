"""Features in a store: hmax-cnn extract into features.zarr, and hmax-cnn store."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from command_line import HMAX_CNN, inside
from PIL import Image

from hmax_cnn import open_features
from hmax_cnn.analysis.commands import preflight, stored
from hmax_cnn.data import read_folder
from hmax_cnn.extraction.store import FeatureStore

SMALL = ["--model", "extraction:Pixels", "--set", "grid=(4, 4)", "--shard-images", "8"]


def extract(images, output, *options):
    done = inside("extract", images, *SMALL, *options, "--output", output)
    assert done.returncode == 0, done.stderr
    return done.stderr


def bytes_of(folder):
    """Every file of a store, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def calm(pictures, tmp_path):
    """A store that was made without a disturbance, of five shards."""
    extract(pictures, tmp_path / "calm.zarr")
    return tmp_path / "calm.zarr"


def test_it_holds_what_a_file_holds(pictures, tmp_path, calm):
    """The same numbers, names and labels as .nc, opened by xarray alone and by us."""
    assert inside("store", "export", calm, tmp_path / "exported.nc").returncode == 0
    done = inside("extract", pictures, *SMALL[:4], "--output", tmp_path / "plain.nc")
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "plain.nc") as plain:
        plain.load()
    with xr.open_dataset(tmp_path / "exported.nc") as exported:
        np.testing.assert_array_equal(exported["response"], plain["response"])
    opened = xr.open_zarr(calm, chunks=None)
    assert set(opened.coords) == set(plain.coords)
    for name in opened.coords:
        assert list(map(str, opened[name].values)) == list(map(str, plain[name].values))
    np.testing.assert_array_equal(opened["response"], plain["response"])
    features = open_features(calm)
    assert (features.shape, len(features)) == ((36, 16), 36)
    assert features.images[0] == "level/00.png"
    assert features.labels.tolist() == plain["label"].values.tolist()
    assert features.split is None
    assert features.units["unit"].tolist() == plain["unit"].values.tolist()
    assert "36 images x 16 units" in repr(features)


@pytest.mark.parametrize("form", ["npz", "csv", "svmlight", "parquet", "mat"])
def test_export(tmp_path, calm, form):
    done = inside("store", "export", calm, tmp_path / f"features.{form}")
    assert done.returncode == 0, done.stderr
    assert f"36 images x 16 units in {tmp_path / 'features'}.{form}" in done.stderr
    assert (tmp_path / f"features.{form}").stat().st_size > 1000


def test_rows_in_any_order(calm):
    features = open_features(calm)
    everything = features[:]
    assert everything.dtype == np.float32
    np.testing.assert_array_equal(features[3], everything[3])
    for some in ([35, 0, 17, 17], slice(5, 30, 7), np.arange(36) % 5 == 0, []):
        np.testing.assert_array_equal(features[some], everything[some])
    chosen = features.labels == "slanted"
    batches = list(features.batches(5, chosen))
    assert [len(rows) for rows, _ in batches] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate([n for _, n in batches]), np.flatnonzero(chosen))
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in batches]), everything[chosen])


def test_half_precision(pictures, tmp_path, calm):
    extract(pictures, tmp_path / "half.zarr", "--dtype", "float16")
    half = open_features(tmp_path / "half.zarr")[:]
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, open_features(calm)[:].astype(np.float16))


def test_run_again_nothing_is_made(pictures, calm):
    before = {path: path.stat().st_mtime_ns for path in calm.rglob("*")}
    assert "shards made: 0, already there: 5" in extract(pictures, calm)
    assert {path: path.stat().st_mtime_ns for path in calm.rglob("*")} == before


CHANGES = {
    "a pixel": (lambda folder: _repaint(folder / "slanted" / "03.png"), 1),
    "one more at the end": (
        lambda folder: shutil.copy(folder / "level" / "00.png", folder / "upright" / "99.png"),
        1,
    ),
    "one less at the start": (lambda folder: (folder / "level" / "00.png").unlink(), 5),
    "another order": (
        lambda folder: (folder / "upright" / "11.png").rename(folder / "level" / "!.png"),
        5,
    ),
    "another class": (lambda folder: (folder / "upright").rename(folder / "vertical"), 0),
}


def _repaint(path):
    """One value changed, the file's length and time as they were."""
    pixels = np.array(Image.open(path))
    before = path.stat()
    for row in range(len(pixels)):
        changed = pixels.copy()
        changed[row, 0] ^= 1
        Image.fromarray(changed).save(path)
        if path.stat().st_size == before.st_size:
            break
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_made_again(pictures, tmp_path, name):
    """And the end is what a new store would be, byte for byte."""
    change, n_made = CHANGES[name]
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    extract(folder, tmp_path / "features.zarr")
    change(folder)
    assert f"shards made: {n_made}" in extract(folder, tmp_path / "features.zarr")
    extract(folder, tmp_path / "anew.zarr")
    assert bytes_of(tmp_path / "features.zarr") == bytes_of(tmp_path / "anew.zarr")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--set", "grid=(4, 2)"], "these differ: parameters (there: "),
        (["--model", "extraction:FilterBank"], "these differ: model"),
        (["--resize", "stretch:20x20"], "resize (there: none)"),
        (["--dtype", "float16"], "dtype (there: float32)"),
        (["--shard-images", "4"], "images per shard (there: 8)"),
    ],
)
def test_other_features_are_not_written_over(pictures, calm, options, text):
    before = bytes_of(calm)
    words = [*SMALL]
    for key in ("--set", "--model", "--shard-images"):
        if key in options:
            del words[words.index(key) : words.index(key) + 2]
    if "--model" in options:
        words = ["--shard-images", "8"]
    done = inside("extract", pictures, *words, *options, "--output", calm)
    assert done.returncode == 1
    assert "holds other features" in done.stderr
    assert text in done.stderr
    assert "--overwrite" in done.stderr
    assert bytes_of(calm) == before
    done = inside("extract", pictures, *words, *options, "--output", calm, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert open_features(calm).shape[0] == 36


@pytest.mark.slow
def test_twenty_parts_at_once_give_the_same_bytes(pictures, tmp_path):
    """And one of them twice, each a process of its own, all at the same time."""
    words = [*SMALL[:-1], "1"]
    calm, output = tmp_path / "calm.zarr", tmp_path / "parts.zarr"
    assert inside("extract", pictures, *words, "--output", calm).returncode == 0
    command = [*HMAX_CNN, "extract", str(pictures), *words, "--output", str(output), "--quiet"]
    running = [
        subprocess.Popen([*command, "--part", f"{number}/20"], stderr=subprocess.PIPE)
        for number in (*range(1, 21), 7)
    ]
    assert [process.communicate()[1] for process in running] == [b""] * 21
    assert bytes_of(output) == bytes_of(calm)


def test_the_size_of_shards_changes_no_number(pictures, tmp_path):
    options = ["--set", "prototypes=photographs", "--set", "bands=2", "--set", "n_prototypes=9"]
    found = []
    for n_images in (5, 13, 36):
        output = tmp_path / f"{n_images}.zarr"
        words = [*options, "--shard-images", n_images, "--output", output]
        assert inside("extract", pictures, *words).returncode == 0
        found.append(open_features(output)[:])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


NETWORK = [
    *("--model", "cnn:CNN", "--resize", "stretch:28x28", "--shard-images", "8"),
    *("--set", "architecture=lenet5", "--set", "random_state=0"),
]


@pytest.mark.parametrize("weights", ["untrained", "learned"])
def test_a_network_gives_the_same_bytes_anywhere(pictures, tmp_path, weights):
    """On any number of threads, in any memory, whole and in parts; also one that learns first."""
    options = list(NETWORK)
    if weights == "untrained":
        options += ["--set", "weights=untrained"]
    else:
        options += ["--set", "epochs=1", "--learn-from", pictures]
    outputs = {
        "whole": [["--set", "n_threads=1"]],
        "threads": [["--set", "n_threads=3"]],
        "memory": [["--set", "batch_memory=1"]],
        "parts": [["--part", "2/2", "--set", "n_threads=2"], ["--part", "1/2"]],
    }
    found = {}
    for name, runs in outputs.items():
        for more in runs:
            done = inside(
                "extract", pictures, *options, *more, "--output", tmp_path / f"{name}.zarr"
            )
            assert done.returncode == 0, done.stderr
        files = bytes_of(tmp_path / f"{name}.zarr")
        found[name] = {shard: files[shard] for shard in files if "/c/" in shard}
    for name in outputs:
        assert found[name] == found["whole"], name


def test_a_part_says_what_it_did_and_what_is_missing(pictures, tmp_path):
    output = tmp_path / "parts.zarr"
    assert "part 1 of 2: shards made: 2" in extract(pictures, output, "--part", "1/2")
    with pytest.raises(ValueError, match=r"3 of the 5 shards .* are not there yet"):
        open_features(output)
    some = open_features(output, partial=True)[:]
    assert np.isnan(some).all(axis=1).tolist() == [False] * 16 + [True] * 20
    done = inside("store", "verify", output)
    assert "3 of 5 shards are not whole: 2 (missing), 3 (missing)" in done.stderr


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_what_is_no_part(pictures, tmp_path, text):
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr", "--part", text)
    assert done.returncode == 1
    assert f"such as 3/20, the third of twenty parts, got '{text}'" in done.stderr
    assert not (tmp_path / "f.zarr").exists()


def test_parts_of_a_model_without_a_seed(pictures, tmp_path):
    done = inside(
        *(
            "extract",
            pictures,
            "--set",
            "random_state=None",
            "--set",
            "prototype_sizes=(4,)",
            "--output",
            tmp_path / "f.zarr",
        ),
        *("--part", "1/2"),
    )
    assert done.returncode == 1
    assert "random_state=0" in done.stderr


def test_options_of_a_store_with_a_file(pictures, tmp_path):
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.npz")
    assert done.returncode == 1
    assert "go with a store" in done.stderr


DAMAGES = {
    "a bit": (lambda path: path.write_bytes(_flipped(path.read_bytes())), "damaged"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:100]), "damaged"),
    "empty": (lambda path: path.write_bytes(b""), "damaged"),
    "removed": (Path.unlink, "missing"),
}


def _flipped(content):
    changed = bytearray(content)
    changed[300] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_mended(calm, name, monkeypatch):
    damage, state = DAMAGES[name]
    before = bytes_of(calm)
    damage(calm / "response" / "c" / "2" / "0")
    done = inside("store", "verify", calm)
    assert done.returncode == 1
    assert f"1 of 5 shards are not whole: 2 ({state})" in done.stderr
    if name == "a bit":
        # Met by a reader, it is an error and no number.
        with pytest.raises(ValueError, match="store repair"):
            open_features(calm)[:]
    made = []
    monkeypatch.setattr(
        FeatureStore,
        "put",
        lambda *given, put=FeatureStore.put: (made.append(given[1]), put(*given)),
    )
    done = inside("store", "repair", calm)
    assert done.returncode == 0, done.stderr
    assert made == [2]
    assert bytes_of(calm) == before
    done = inside("store", "verify", calm)
    assert (done.returncode, done.stderr) == (0, f"All 5 shards of {calm} are whole.\n")


def test_info(calm):
    done = inside("store", "info", calm, "--format", "json")
    known = {row["what"]: row["value"] for row in json.loads(done.stdout)}
    assert known["images"] == "36"
    assert known["shards"] == "5 of 5"
    assert known["layers"] == "pixels"
    assert json.loads(known["parameters"]) == {"grid": "(4, 4)", "layer": "'pixels'"}


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(pictures, tmp_path, calm):
    """SIGKILL three times; nothing of another name is left, and no shard is made twice."""
    output = tmp_path / "killed.zarr"
    command = [*HMAX_CNN, "extract", str(pictures), *SMALL, "--output", str(output), "--quiet"]
    shards = output / "response" / "c"
    for n_there in (1, 2, 4):
        process = subprocess.Popen(command, start_new_session=True)
        while process.poll() is None and len(list(shards.glob("*/0"))) < n_there:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
    made = {path: path.stat().st_mtime_ns for path in shards.glob("*/0")}
    with_record = {path.parent.name for path in (output / "shards" / "record" / "c").glob("*/0")}
    extract(pictures, output)
    assert bytes_of(output) == bytes_of(calm)
    kept = [path for path, when in made.items() if path.parent.name in with_record]
    assert [path.stat().st_mtime_ns for path in kept] == [made[path] for path in kept]


def test_interrupted_it_says_what_is_kept(pictures, tmp_path, monkeypatch):
    rows = stored.Rows.__call__
    third = read_folder(pictures).names[16]  # the first of its shard

    def stop(self, images):
        if images.names[0] == third:
            raise KeyboardInterrupt
        return rows(self, images)

    monkeypatch.setattr(stored.Rows, "__call__", stop)
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr")
    assert done.returncode == 130
    assert f"2 of 5 shards are kept in {tmp_path / 'f.zarr'}. Run the same command" in done.stderr
    monkeypatch.undo()
    assert "shards made: 3, already there: 2" in extract(pictures, tmp_path / "f.zarr")


def test_a_disk_that_is_too_small(pictures, tmp_path, monkeypatch):
    """It says what would fit: half of the bytes, or so many units."""
    for free, text in [
        (1200, "What would fit: --dtype float16, which takes half; --reduce units:8, or another"),
        (300, "What would fit: --reduce units:2, or another"),
        (1, "Choose another place, or fewer images."),
    ]:
        usage = shutil._ntuple_diskusage(9000, 9000 - free, free)  # noqa: SLF001
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr")
        assert done.returncode == 1
        assert text in done.stderr
        assert not (tmp_path / "f.zarr").exists()
    monkeypatch.undo()


def test_memory_that_is_too_small(pictures, tmp_path, monkeypatch):
    """Refused before the work, also by a plan; smaller shards are one of the ways."""
    row = 4 * 300 * 300
    words = ["extract", pictures, "--model", "extraction:Pixels", "--set", "grid=(300, 300)"]
    words += ["--resize", "stretch:300x300", "--output", tmp_path / "f.zarr"]
    for name in ("resident", "_peak"):  # what the process holds beside its rows
        monkeypatch.setattr(preflight, name, lambda: 2**28)
    for n_images, left, fewer in [(20, 30 * row, "1[0-9]"), (8, 9, "[12]")]:
        monkeypatch.setattr(preflight, "memory_left", lambda left=left: left)
        for more in ([], ["--plan"]):
            done = inside(*words, "--shard-images", n_images, *more)
            assert done.returncode == 1
            assert "of memory more are needed, and " in done.stderr
            ways = f"What takes less: --shard-images {fewer}, --reduce, fewer layers"
            assert re.search(ways, done.stderr), done.stderr
            assert not (tmp_path / "f.zarr").exists()
    monkeypatch.undo()
    assert inside(*words, "--plan").returncode == 0


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000))
from hmax_cnn.analysis.commands.main import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_disk_that_fills_up(pictures, tmp_path):
    """While shards are written: nothing half-written is left, and with room it goes on."""
    options = ["--model", "extraction:Pixels", "--set", "grid=(32, 32)", "--shard-images", "8"]
    words = ["extract", str(pictures), *options, "--output", str(tmp_path / "f.zarr")]
    command = [sys.executable, "-P", "-c", FULL, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no shard was done" in done.stderr
    assert "Free some space" in done.stderr
    there = bytes_of(tmp_path / "f.zarr")
    assert not [name for name in there if "/c/" in name and name.startswith(("resp", "shards"))]
    assert not [name for name in there if "writing" in name]
    assert inside(*words).returncode == 0
    assert inside(*words[:-1], tmp_path / "calm.zarr").returncode == 0
    assert bytes_of(tmp_path / "f.zarr") == bytes_of(tmp_path / "calm.zarr")


@pytest.mark.parametrize("how", ["units:5", "units:5:1", "projection:6", "pca:4", "mean"])
def test_reduced(pictures, tmp_path, calm, how):
    """The same in a store, in parts and in a file; each reduction has a key of its own."""
    options = ["--reduce", how]
    if how.startswith("pca"):
        done = inside("extract", pictures, *SMALL, *options, "--output", tmp_path / "f.zarr")
        assert done.returncode == 1
        assert "learns from training images only, and none are set apart" in done.stderr
        options += ["--learn-from", pictures]
    extract(pictures, tmp_path / "f.zarr", *options)
    features = open_features(tmp_path / "f.zarr")
    assert features.shape == (36, {"mean": 1}.get(how) or int(how.split(":")[1]))
    if how.startswith("units"):
        units = open_features(calm).units
        chosen = units["unit"].isin(features.units["unit"]).to_numpy()
        np.testing.assert_array_equal(features[:], open_features(calm)[:][:, chosen])
    for part in (2, 1):
        extract(pictures, tmp_path / "parts.zarr", *options, "--part", f"{part}/2")
    for shard in range(5):
        one, other = (tmp_path / of / f"response/c/{shard}/0" for of in ("f.zarr", "parts.zarr"))
        assert one.read_bytes() == other.read_bytes()
    done = inside("extract", pictures, *SMALL[:4], *options, "--output", tmp_path / "f.nc")
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "f.nc") as plain:
        np.testing.assert_array_equal(plain["response"], features[:])
        assert plain["unit"].values.tolist() == features.units["unit"].tolist()
    (tmp_path / "f.zarr" / "response/c/3/0").write_bytes(b"")
    assert inside("store", "repair", tmp_path / "f.zarr").returncode == 0
    np.testing.assert_array_equal(open_features(tmp_path / "f.zarr")[:], features[:])
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr")
    assert "these differ: reduction" in done.stderr


def test_images_that_components_are_learned_from_are_marked(pictures, tmp_path):
    """As those that a model has learned from; a readout warns of them."""
    options = ["--reduce", "pca:3", "--learn-from", pictures]
    told = extract(pictures, tmp_path / "f.zarr", *options)
    assert "The model has learned from 36 of these 36 images" in told
    assert open_features(tmp_path / "f.zarr").column("learned_from").all()
    done = inside("store", "classify", tmp_path / "f.zarr", "--output", tmp_path / "svm")
    assert "Warning: the features were learned from 8 of the 8 images" in done.stderr


def test_components_are_of_training_images_alone(pictures, tmp_path):
    """A test image that changes is made again, and no other."""
    for part, some in (("train", range(6)), ("test", range(6, 12))):
        for label in ("level", "upright"):
            (tmp_path / "set" / part / label).mkdir(parents=True)
            for i in some:
                shutil.copy(pictures / label / f"{i:02d}.png", tmp_path / "set" / part / label)
    options = ["--reduce", "pca:4"]
    extract(tmp_path / "set", tmp_path / "f.zarr", *options)
    _repaint(tmp_path / "set" / "test" / "level" / "07.png")
    assert "shards made: 1, already there: 2" in extract(
        tmp_path / "set", tmp_path / "f.zarr", *options
    )
    _repaint(tmp_path / "set" / "train" / "level" / "03.png")
    done = inside("extract", tmp_path / "set", *SMALL, *options, "--output", tmp_path / "f.zarr")
    assert "shards made: 3" in done.stderr


def test_what_is_no_reduction(pictures, tmp_path):
    done = inside("extract", pictures, "--reduce", "nmf:3", "--output", tmp_path / "f.npz")
    assert "`reduce` must be one of units:N, projection:N, pca:N, mean, pyramid:N" in done.stderr


NO_STORES = {
    "no folder": (lambda _: None, "There is no store"),
    "an empty folder": (Path.mkdir, "There is no store"),
    "no JSON": (lambda path: _root(path, "{"), "is not a store of features"),
    "no metadata": (lambda path: _root(path, "{}"), "is not a store of features"),
    "a list": (lambda path: _root(path, "[]"), "is not a store of features"),
    "another codec": (
        lambda path: _root(path, json.dumps(_with_codec("numcodecs.pickle"))),
        "coded by numcodecs.pickle",
    ),
    "another store": (
        lambda path: xr.Dataset({"a": ("x", [1.0])}).to_zarr(path, zarr_format=3),
        "is not a store of features",
    ),
}


def _root(path, text):
    path.mkdir()
    (path / "zarr.json").write_text(text)


def _with_codec(name):
    response = {"zarr_format": 3, "codecs": [{"name": name, "configuration": {}}]}
    return {"consolidated_metadata": {"metadata": {"response": response}}}


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("name", NO_STORES)
def test_what_is_no_store(tmp_path, name):
    make, text = NO_STORES[name]
    make(tmp_path / "f.zarr")
    for command in ("info", "verify", "repair"):
        done = inside("store", command, tmp_path / "f.zarr")
        assert done.returncode == 1
        assert text in done.stderr
        assert "Traceback" not in done.stderr


def test_a_plan_makes_nothing(pictures, tmp_path):
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr", "--plan")
    assert done.returncode == 0, done.stderr
    assert "36 images take about " in done.stderr
    assert "0.0 MiB on disk in all" in done.stderr
    assert not (tmp_path / "f.zarr").exists()


def test_without_zarr_it_says_what_to_install(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr")
    assert done.returncode == 1
    assert "Install hmax-cnn with the extra `store`" in done.stderr
    assert not (tmp_path / "f.zarr").exists()


def test_classify(tmp_path, calm):
    """Without a split: a fifth is held out. Gratings are told apart."""
    done = inside("store", "classify", calm, "--output", tmp_path / "svm", "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["features"], row["n_test"], row["folds"]) == ("Pixels pixels", 8, 1)
    assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    table = pd.read_csv(tmp_path / "svm" / "predictions.csv")
    assert len(table) == 8
    about = json.loads((tmp_path / "svm" / "run.json").read_text())
    assert about["store"] == str(calm)
    again = inside("store", "classify", calm, "--output", tmp_path / "svm")
    assert again.returncode == 1
    assert "--overwrite" in again.stderr


def test_classify_by_the_given_split(pictures, tmp_path):
    for part, first in (("train", 0), ("test", 8)):
        for label in ("level", "slanted", "upright"):
            (tmp_path / "set" / part / label).mkdir(parents=True)
            for number in range(first, first + 8 if part == "train" else 12):
                name = f"{number:02d}.png"
                shutil.copy(pictures / label / name, tmp_path / "set" / part / label / name)
    options = [*("--set", "prototypes=photographs"), *("--set", "bands=2"), "--layer", "c2"]
    done = inside("extract", tmp_path / "set", *options, "--output", tmp_path / "f.zarr")
    assert done.returncode == 0, done.stderr
    done = inside(
        *("store", "classify", tmp_path / "f.zarr", "--output", tmp_path / "svm"),
        *("--format", "json", "--quiet"),
    )
    (row,) = json.loads(done.stdout)
    table = pd.read_csv(tmp_path / "svm" / "predictions.csv")
    assert set(table["image"].str.partition("/")[0]) == {"test"}
    assert row["n_test"] == 12
    assert row["accuracy"] >= 0.9


def test_shards_of_other_images_do_not_count(pictures, tmp_path):
    """Two pictures fewer, and only the first part made again: the rest belongs to nobody now."""
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    extract(folder, tmp_path / "f.zarr")
    for name in ("00.png", "01.png"):
        (folder / "level" / name).unlink()
    extract(folder, tmp_path / "f.zarr", "--part", "1/5")
    with pytest.raises(ValueError, match=r"4 of the 5 shards .* are not there yet"):
        open_features(tmp_path / "f.zarr")
    done = inside("store", "verify", tmp_path / "f.zarr")
    assert "4 of 5 shards are not whole: 1 (missing)" in done.stderr
    extract(folder, tmp_path / "f.zarr")
    extract(folder, tmp_path / "anew.zarr")
    assert bytes_of(tmp_path / "f.zarr") == bytes_of(tmp_path / "anew.zarr")


def test_what_is_not_ours_stays(pictures, tmp_path, calm):
    """A folder of something else is refused; in a store of ours, other files are left alone."""
    other = tmp_path / "other.zarr"
    (other / "data").mkdir(parents=True)
    (other / ".zgroup").write_text("{}")
    (other / "data" / "0.0").write_text("years of work")
    for options in ([], ["--overwrite"]):
        done = inside("extract", pictures, *SMALL, *options, "--output", other)
        assert done.returncode == 1
        assert "holds something else" in done.stderr
    assert (other / "data" / "0.0").read_text() == "years of work"
    (calm / "notes.txt").write_text("mine")
    done = inside("extract", pictures, *SMALL[:2], "--output", calm, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert (calm / "notes.txt").read_text() == "mine"


def changed_root(calm, change):
    root = json.loads((calm / "zarr.json").read_text())
    change(root["consolidated_metadata"]["metadata"])
    (calm / "zarr.json").write_text(json.dumps(root))


def _of_many(metadata):
    metadata["image"]["shape"] = [2 * 10**9]
    metadata["image"]["chunk_grid"]["configuration"]["chunk_shape"] = [2 * 10**9]
    metadata["response"]["shape"][0] = 2 * 10**9


def _of_zarr_2(metadata):
    metadata["image"] = {
        "zarr_format": 2, "shape": [36], "chunks": [36], "dtype": "|O", "fill_value": None,
        "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}], "compressor": None, "order": "C",
    }  # fmt: skip


LIES = {
    "many images": _of_many,
    "Zarr 2 and a pickle": _of_zarr_2,
    "no images": lambda metadata: metadata.pop("image"),
    "shards of nothing": lambda metadata: metadata["response"]["chunk_grid"].update(
        configuration={"chunk_shape": [0, 16]}
    ),
    "negative": lambda metadata: metadata["response"].update(shape=[-36, 16]),
    "more labels": lambda metadata: metadata["label"].update(shape=[37]),
    "complex numbers": lambda metadata: metadata["response"].update(data_type="complex64"),
}


@pytest.mark.parametrize("name", LIES)
def test_metadata_that_lie(calm, name):
    """Refused at once, before anything is made as large as they say, or decoded as they say."""
    changed_root(calm, LIES[name])
    began = time.monotonic()
    for command in ("info", "verify"):
        done = inside("store", command, calm)
        assert done.returncode == 1
        assert "is not a store of features" in done.stderr
    assert time.monotonic() - began < 5


def test_other_images_under_the_name_are_refused(pictures, tmp_path, calm):
    """A slip would cost hours; a few that come or go are what `extract` is run again for."""
    before = bytes_of(calm)
    done = inside("extract", "photographs", *SMALL, "--output", calm)
    assert done.returncode == 1
    assert "holds features of 36 images, of which 0 are among these 2" in done.stderr
    assert bytes_of(calm) == before
    assert "2 images x 16 units" in extract("photographs", calm, "--overwrite")


def test_repair_refuses_pictures_that_changed(pictures, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    extract(folder, tmp_path / "f.zarr")
    (tmp_path / "f.zarr" / "response/c/1/0").write_bytes(b"")
    _repaint(folder / "slanted" / "03.png")
    before = bytes_of(tmp_path / "f.zarr")
    done = inside("store", "repair", tmp_path / "f.zarr")
    assert done.returncode == 1
    assert "Pictures of 1 shards, such as shard 1, have changed" in done.stderr
    assert bytes_of(tmp_path / "f.zarr") == before


def test_repair_makes_nothing_else(pictures, tmp_path):
    """Where the images are others by now, it refuses."""
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    extract(folder, tmp_path / "f.zarr")
    before = bytes_of(tmp_path / "f.zarr")
    (folder / "level" / "00.png").unlink()
    done = inside("store", "repair", tmp_path / "f.zarr")
    assert done.returncode == 1
    assert "no longer what" in done.stderr
    assert bytes_of(tmp_path / "f.zarr") == before


def test_repair_imports_nothing_unasked(calm):
    root = calm / "zarr.json"
    root.write_text(root.read_text().replace("extraction:Pixels", "antigravity_of_mine:Pixels"))
    done = inside("store", "repair", calm)
    assert done.returncode == 1
    assert "--trust-code" in done.stderr


def test_columns_of_any_name(pictures, tmp_path):
    """An index whose columns are called as things of the store, or as no file may be."""
    names = ["response", "shards", "..", "a/b", "zarr.json", "unit", "grün"]
    lines = [",".join(["path", *names])]
    for number in range(3):
        path = pictures / "level" / f"{number:02d}.png"
        lines.append(",".join([str(path), *[f"{number}{name[:1]}" for name in names]]))
    (tmp_path / "index.csv").write_text("\n".join(lines))
    done = inside("extract", tmp_path / "index.csv", *SMALL, "--output", tmp_path / "f.zarr")
    assert done.returncode == 0, done.stderr
    opened = xr.open_zarr(tmp_path / "f.zarr", chunks=None)
    assert "grün" in opened.coords
    of_images = [name for name, one in opened.coords.items() if one.dims == ("image",)]
    assert len(of_images) == 1 + len(names)
    assert open_features(tmp_path / "f.zarr").shape == (3, 16)
    assert {path.name for path in tmp_path.iterdir()} == {"index.csv", "f.zarr"}


def test_an_address_of_a_file(pictures, tmp_path, calm):
    extract(pictures, f"file://{tmp_path}/a%20b.zarr")
    assert bytes_of(tmp_path / "a b.zarr") == bytes_of(calm)


@pytest.mark.parametrize(
    ("where", "text"), [("file.zarr", "it is a file"), ("nowhere/f.zarr", "there is no folder")]
)
def test_where_no_store_can_be(pictures, tmp_path, where, text):
    """Known before anything is learned, and nothing is made."""
    (tmp_path / "file.zarr").write_text("")
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / where)
    assert done.returncode == 1
    assert text in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file.zarr"]
