"""hmax-cnn extract: features into files, by whole processes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from command_line import inside, invoke, run
from PIL import Image
from sklearn.datasets import load_svmlight_file

HMAX_CNN = [sys.executable, "-m", "hmax_cnn"]


SMALL = ["--set", "prototypes=photographs", "--set", "bands=2", "--set", "n_prototypes=4"]


@pytest.mark.parametrize("ending", ["npz", "csv", "nc", "svmlight"])
def test_extract(pictures, tmp_path, ending):
    command = run if ending == "npz" else inside
    done = command(
        "extract", pictures, *SMALL, "--layer", "c2", "--output", tmp_path / f"features.{ending}"
    )
    assert done.returncode == 0, done.stderr
    assert "36 images x 32 units of 'c2'" in done.stderr
    path = tmp_path / f"features.{ending}"
    if ending == "npz":
        with np.load(path) as saved:
            values, names, labels, units = (
                saved["features"],
                saved["images"],
                saved["labels"],
                saved["units"],
            )
            assert json.loads(str(saved["attributes"]))["model"] == "hmax_cnn.hmax:HMAX"
    elif ending == "csv":
        table = pd.read_csv(path)
        values, names, labels, units = (
            table.iloc[:, 2:].to_numpy(),
            table["image"],
            table["label"],
            table.columns[2:],
        )
    elif ending == "nc":
        with xr.open_dataarray(path) as array:
            array.load()
        values, names, labels, units = (
            array.values,
            array["image"].values,
            array["label"].values,
            array["unit"].values,
        )
        assert array["prototype_size"].values[-1] == 16
        assert array.attrs["resize"] == "none"
    else:
        matrix, codes = load_svmlight_file(str(path))
        beside = pd.read_csv(tmp_path / "features.svmlight.csv")
        classes = np.unique(beside["label"])
        values, names, labels, units = (
            matrix.toarray(),
            beside["image"],
            classes[codes.astype(int)],
            ["c2_p02_000"],
        )
    assert values.shape == (36, 32)
    assert names[0] == "level/00.png"
    assert list(labels) == ["level"] * 12 + ["slanted"] * 12 + ["upright"] * 12
    assert units[0] == "c2_p02_000"
    from hmax_cnn.data import read_folder
    from hmax_cnn.hmax import HMAX

    expected = HMAX(prototypes="photographs", bands=2, n_prototypes=4).transform(
        read_folder(pictures)
    )
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("layers", [("s1,c1",), ("s1", "--layer", "c1")])
def test_extract_several_layers_with_resizing(pictures, tmp_path, layers):
    done = inside(
        "extract",
        pictures / "level",
        "--set",
        "bands=2",
        "--layer",
        *layers,
        "--resize",
        "stretch:20x24",
        "--output",
        tmp_path / "f.nc",
        "--quiet",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with xr.open_dataarray(tmp_path / "f.nc") as array:
        assert set(array["layer"].values) == {"s1", "c1"}
        assert array.sizes["unit"] == 4 * (4 * 20 * 24 + 5 * 6 + 4 * 5)
        assert array.attrs["resize"] == "stretch:20x24"


def heeding_ctrl_c():
    """A shell that runs this in the background makes its children deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_interrupted_extraction_goes_on(tmp_path):
    """A real process, stopped by a real Ctrl-C, then run again: the same features as in one go."""
    rng = np.random.default_rng(0)
    (tmp_path / "many").mkdir()
    for index in range(130):
        Image.fromarray(rng.integers(0, 256, (96, 96), dtype=np.uint8)).save(
            tmp_path / "many" / f"{index:03d}.png"
        )
    few = ("prototypes=photographs", "n_prototypes=20", "bands=5")
    command = ["extract", tmp_path / "many", *(word for one in few for word in ("--set", one))]
    process = subprocess.Popen(
        [*HMAX_CNN, *map(str, command), "--output", str(tmp_path / "f.npz")],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=heeding_ctrl_c,
    )
    # Until the first 64 images are done.
    deadline = time.monotonic() + 60
    while (
        not (tmp_path / ".f.npz.partial" / "blocks.jsonl").exists()
        and time.monotonic() < deadline
        and process.poll() is None
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert "Run the same command again" in text
    assert not (tmp_path / "f.npz").exists()
    assert (tmp_path / ".f.npz.partial").is_dir(), text
    assert run(*command, "--output", tmp_path / "f.npz").returncode == 0
    assert invoke(*command, "--output", tmp_path / "g.npz").exit_code == 0
    with np.load(tmp_path / "f.npz") as one, np.load(tmp_path / "g.npz") as other:
        np.testing.assert_allclose(one["features"], other["features"], atol=2e-6)
    assert not list(tmp_path.glob(".*"))


LIMITED = """\
import json, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from hmax_cnn.analysis.commands.main import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as ended:
        print("ended with", ended.code, file=sys.stderr)
"""


def test_full_disk_leaves_nothing_half_written(pictures, tmp_path):
    """The process may write files of 4 kB at most, so that writing fails as on a full disk; a file
    that was there stays."""
    targets = [tmp_path / f"features.{ending}" for ending in ("npz", "csv", "nc", "svmlight")]
    for target in targets:
        target.write_text("as it was")
    commands = [["extract", str(pictures), *SMALL, "--output", str(path)] for path in targets]
    done = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.split("ended with 1")
    assert len(said) == len(targets) + 1, done.stderr
    for target, text in zip(targets, said, strict=False):
        assert f"Cannot write {target}" in text
        assert "are kept" not in text  # the first block did not fit
        assert target.read_text() == "as it was"
    assert not list(tmp_path.glob(".*"))


def test_extracted_prototypes_come_from_training_images(pictures, tmp_path):
    from hmax_cnn.analysis.commands.features import extract
    from hmax_cnn.analysis.commands.kept_rows import KeptRows
    from hmax_cnn.data import read_folder
    from hmax_cnn.hmax import HMAX

    whole = read_folder(pictures)
    split = np.where(np.arange(36) % 4 == 0, "train", "test")
    model = HMAX(n_prototypes=10, prototype_sizes=(2,), bands=2)
    with KeptRows(tmp_path / ".kept") as kept:
        extract(model, replace(whole, split=split), tmp_path / "features.npz", kept)
    assert set(model.prototypes_.provenance["name"]) <= {
        name for name, part in zip(whole.names, split, strict=True) if part == "train"
    }


def test_bad_pictures_are_reported_and_on_request_skipped(pictures, tmp_path):
    import shutil

    shutil.copytree(pictures / "level", tmp_path / "level")
    (tmp_path / "level" / "99.png").write_text("broken")
    command = ["extract", tmp_path / "level", *SMALL, "--output", tmp_path / "f.npz"]
    done = inside(*command)
    assert (done.returncode, "99.png: is empty or not a picture" in done.stderr) == (1, True)
    assert not (tmp_path / "f.npz").exists()
    done = run(*command, "--skip-bad")
    assert done.returncode == 0
    assert "Warning: 1 of 13 pictures were left out" in done.stderr
    with np.load(tmp_path / "f.npz") as saved:
        assert len(saved["images"]) == 12
        assert "99.png" in str(saved["attributes"])


@pytest.mark.parametrize(
    "model", ["cnn:Perceptron", "cnn:LinearClassifier", "cnn:MultilayerPerceptron", "cnn:CNN"]
)
def test_extract_from_models_that_learn_from_labels(pictures, tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    if model == "cnn:Perceptron":
        few = []
    else:
        few = ["--set", "epochs=1"]
    alone = invoke("extract", pictures, "--model", model, *few, "--output", "features.npz")
    assert alone.exit_code == 1
    assert "learns classes, and these images have no training part" in alone.output
    few += ["--learn-from", pictures]
    done = invoke("extract", pictures, "--model", model, *few, "--output", "features.npz")
    assert done.exit_code == 0, done.output
    assert "Warning: The model has learned from 36 of these 36 images" in done.output
    assert "Learned from 36 other images." in done.output
    with np.load("features.npz") as kept:
        assert len(kept["features"]) == 36


@pytest.fixture
def shuffled(tmp_path):
    """Noise pictures of three classes whose labels mean nothing, half of them for training."""
    rng = np.random.default_rng(0)
    rows = ["path,label,split"]
    for number in range(60):
        name = f"p{number:02d}.png"
        picture = rng.integers(0, 256, (12, 12), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / name)
        rows.append(f"{name},{'abc'[number % 3]},{'train' if number < 30 else 'test'}")
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "index.csv"


NETWORK = ["--set", "hidden=50", "--set", "epochs=60", "--set", "random_state=1"]


def test_features_of_shuffled_labels_tell_nothing(shuffled, tmp_path):
    """A network learns the training part by heart; what it learned tells nothing of the others, and
    the file says what it learned from."""
    command = ["extract", shuffled, "--model", "cnn:MultilayerPerceptron", *NETWORK]
    done = invoke(*command, "--layer", "scores", "--output", tmp_path / "f.nc")
    assert done.exit_code == 0, done.output
    assert "Warning: The model has learned from 30 of these 60 images" in done.output
    with xr.load_dataarray(tmp_path / "f.nc") as found:
        assert found.attrs["learned_from"] == "30 training images"
        assert found["learned_from"].values.tolist() == [1] * 30 + [0] * 30
        best = found.values.argmax(axis=1)
        right = np.array(["a", "b", "c"])[best] == found["label"].values
    assert right[:30].mean() > 0.9
    assert right[30:].mean() < 0.6  # chance 0.33; the 99.9th percentile of 30 is 0.6


def test_a_network_is_not_classified_on_what_it_was_trained_on(shuffled, tmp_path):
    """The pair `train` and `classify` of one set of shuffled labels: its own split is kept to, and
    without one it is refused."""
    weights = tmp_path / "w.safetensors"
    small = ["--set", "architecture=simplenet", "--set", "epochs=2"]
    trained = invoke("train", shuffled, *small, "--resize", "stretch:64x64", "--output", weights)
    assert trained.exit_code == 0, trained.output
    command = ["--model", "cnn:CNN", "--set", f"weights={weights}", "--layer", "dense1"]
    command += ["--resize", "stretch:64x64", "--output", tmp_path / "out", "--no-baseline"]
    kept = invoke("classify", shuffled, *command)
    assert kept.exit_code == 0, kept.output
    rows = shuffled.read_text().splitlines()
    shuffled.write_text("\n".join(row.rpartition(",")[0] for row in rows) + "\n")
    refused = invoke("classify", shuffled, *command, "--overwrite")
    assert refused.exit_code == 1
    assert "has learned from 30 of the 60 images that it would be tested on" in refused.output
    again = invoke("train", shuffled, *small, "--test", shuffled, "--output", weights)
    assert "60 of the 60 test images are training images too, such as 'p00.png'" in again.output


def test_all_that_an_index_says_is_carried(tmp_path):
    """Columns of the index stand in every format; one that is called as a column of the units, or
    as another array, is told apart."""
    rows = ["path,label,object,y,features"]
    for number in range(6):
        Image.fromarray(np.full((8, 8), number * 9, np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{'ab'[number % 2]},o{number // 2},{number},f{number}")
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    command = ["extract", tmp_path / "index.csv", "--model", "extraction:Pixels"]
    command += ["--set", "grid=(2, 2)", "--quiet", "--output"]
    for ending in ("npz", "csv", "nc", "svmlight"):
        done = invoke(*command, tmp_path / f"f.{ending}")
        assert done.exit_code == 0, done.output
    objects, heights = ["o0", "o0", "o1", "o1", "o2", "o2"], list(range(6))
    with np.load(tmp_path / "f.npz") as kept:
        assert kept["object"].tolist() == objects
        assert kept["features"].shape == (6, 4)
        assert kept["image_features"].tolist() == [f"f{number}" for number in range(6)]
    for name in ("f.csv", "f.svmlight.csv"):
        table = pd.read_csv(tmp_path / name)
        assert (table["object"].tolist(), table["image_y"].tolist()) == (objects, heights)
    found = xr.load_dataarray(tmp_path / "f.nc")
    assert found["object"].values.tolist() == objects
    assert found["image_y"].values.tolist() == heights
    assert found["y"].dims == ("unit",)


def test_what_is_done_is_kept_when_a_picture_goes(tmp_path):
    """A picture is damaged meanwhile: blocks before it are kept, and not made again."""
    rng = np.random.default_rng(0)
    (tmp_path / "many").mkdir()
    for number in range(130):
        picture = rng.integers(0, 256, (12, 12), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "many" / f"{number:03d}.png")
    from hmax_cnn import Pixels
    from hmax_cnn.analysis.commands.features import extract
    from hmax_cnn.analysis.commands.kept_rows import KeptRows
    from hmax_cnn.data import ImageError, read_folder

    dataset = read_folder(tmp_path / "many")
    whole = (tmp_path / "many" / "100.png").read_bytes()
    (tmp_path / "many" / "100.png").write_bytes(b"gone")
    model = Pixels(grid=(3, 3), progress=False)
    with KeptRows(tmp_path / ".k") as kept:
        with pytest.raises(ImageError) as caught:
            extract(model, dataset, tmp_path / "f.npz", kept)
        assert "64 of 130 images are kept" in caught.value.__notes__[0]
    (tmp_path / "many" / "100.png").write_bytes(whole)
    before = (tmp_path / ".k" / "blocks.jsonl").read_text()
    with KeptRows(tmp_path / ".k") as kept:
        extract(model, dataset, tmp_path / "f.npz", kept)
        np.testing.assert_array_equal(np.concatenate([*kept]), model.transform(dataset))
    assert (tmp_path / ".k" / "blocks.jsonl").read_text().startswith(before)
    # A set that has become smaller has no rows of what it no longer has.
    with KeptRows(tmp_path / ".k") as kept:
        extract(model, dataset[:64], tmp_path / "f.npz", kept)
        assert kept.shape == (64, 9)
        np.testing.assert_array_equal(np.concatenate([*kept]), model.transform(dataset[:64]))


def test_what_the_disk_cannot_hold_is_refused_after_the_first_block(
    pictures, tmp_path, monkeypatch
):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    done = invoke("extract", pictures, *SMALL, "--output", tmp_path / "f.csv")
    assert done.exit_code == 1
    assert "36 images x 32 units need about" in done.output
    assert "has 9.3e-08 GiB free" in done.output
    assert not list(tmp_path.iterdir())


def test_files_of_the_working_folder_are_not_run(pictures, tmp_path):
    """A dask.py beside the pictures: xarray looks for dask, and must not find that."""
    for name in ("dask", "cupy", "sparse", "numba", "cftime"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\n")
    command = [Path(sys.executable).with_name("hmax-cnn"), "extract", pictures, *SMALL]
    words = [*map(str, command), "--layer", "c2", "--output", "f.nc"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_end_of_a_job_or_terminal_is_as_ctrl_c(tmp_path, end, status):
    """Also where it comes while Python still imports: no traceback, and nothing left behind."""
    words = ("--set", "bands=2", "--resize", "stretch:96x96")
    for wait in (0.4, 2.5):
        process = subprocess.Popen(
            [*HMAX_CNN, "extract", "digits", *words, "--output", str(tmp_path / "f.npz")],
            stderr=subprocess.PIPE,
            text=True,
            # After nohup it would rightly ignore the end of the terminal.
            preexec_fn=lambda: signal.signal(end, signal.SIG_DFL),
        )
        time.sleep(wait)
        process.send_signal(end)
        _, text = process.communicate(timeout=60)
        assert "Traceback" not in text
        # Before Python has set its handlers, the signal ends it as it does any process.
        assert process.returncode in (status, 130, -end), text
    assert not (tmp_path / "f.npz").exists()
