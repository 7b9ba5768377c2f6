"""The command line, run as a user runs it: real processes, real files."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study
import xarray as xr
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_svmlight_file

from hmax_cnn.analysis.commands.main import main
from hmax_cnn.cnn.architectures import build

HMAX_CNN = [sys.executable, "-m", "hmax_cnn.analysis.commands.main"]
SMALL = ["--set", "prototypes=photographs", "--set", "bands=2", "--set", "n_prototypes=4"]


def run(*arguments, cwd=None, **options):
    return subprocess.run(
        [*HMAX_CNN, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        **options,
    )


def invoke(*arguments):
    """The same command in this process: quicker to start."""
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three classes of twelve gratings each, which any model tells apart."""
    root = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:48, :48]
    rng = np.random.default_rng(0)
    for name, across in {"level": y, "upright": x, "slanted": x + y}.items():
        (root / name).mkdir()
        for index in range(12):
            grating = (
                127
                + 90 * np.sin(2 * np.pi * across / 9 + rng.uniform(0, 6))
                + rng.normal(0, 10, y.shape)
            )
            Image.fromarray(grating.clip(0, 255).astype(np.uint8)).save(
                root / name / f"{index:02d}.png"
            )
    return root


@pytest.mark.parametrize("ending", ["npz", "csv", "nc", "svmlight"])
def test_extract(pictures, tmp_path, ending):
    done = run(
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


def test_extract_several_layers_with_resizing(pictures, tmp_path):
    done = run(
        "extract",
        pictures / "level",
        "--set",
        "bands=2",
        "--layer",
        "s1,c1",
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


def test_interrupted_extraction_goes_on(tmp_path):
    """A real process, stopped by a real Ctrl-C, then run again: the same features as in one go."""
    rng = np.random.default_rng(0)
    (tmp_path / "many").mkdir()
    for index in range(150):
        Image.fromarray(rng.integers(0, 256, (140, 140), dtype=np.uint8)).save(
            tmp_path / "many" / f"{index:03d}.png"
        )
    command = [
        "extract",
        tmp_path / "many",
        "--set",
        "prototypes=photographs",
        "--set",
        "n_prototypes=50",
        "--output",
    ]
    slowly = os.environ | {"OMP_NUM_THREADS": "1"}
    for seconds in (
        4,
        6,
        9,
        14,
        20,
        30,
    ):  # until the first 64 images are done, which takes longer on a busy machine
        process = subprocess.Popen(
            [*HMAX_CNN, *map(str, command), str(tmp_path / "f.npz")],
            stderr=subprocess.PIPE,
            text=True,
            env=slowly,
            preexec_fn=heeding_ctrl_c,
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=60)
        assert process.returncode == 130, text
        assert not (tmp_path / "f.npz").exists()
        if "Run the same command again" in text:
            break
    assert (tmp_path / ".f.npz.partial.npz").exists(), text
    assert run(*command, tmp_path / "f.npz").returncode == 0
    assert run(*command, tmp_path / "g.npz").returncode == 0
    with np.load(tmp_path / "f.npz") as one, np.load(tmp_path / "g.npz") as other:
        np.testing.assert_allclose(one["features"], other["features"], atol=2e-6)
    assert not (tmp_path / ".f.npz.partial.npz").exists()


def test_full_disk_leaves_nothing_half_written(pictures, tmp_path):
    """The process may write files of 4 kB at most, so that writing fails as on a full disk; a file
    that was there stays."""
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); from "
        "analysis.commands.main import main; main()"
    )
    for ending in ("npz", "csv", "nc", "svmlight"):
        target = tmp_path / f"features.{ending}"
        target.write_text("as it was")
        command = [
            sys.executable,
            "-B",
            "-c",
            limited,
            "extract",
            str(pictures),
            *SMALL,
            "--output",
            str(target),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert f"Cannot write {target}" in done.stderr
        assert "Nothing was left behind" in done.stderr
        assert target.read_text() == "as it was"
        assert not list(tmp_path.glob(".*"))


def test_classify_by_cross_validation(pictures, tmp_path):
    done = run(
        "classify",
        pictures,
        "--set",
        "prototype_sizes=(2, 4)",
        "--set",
        "n_prototypes=20",
        "--set",
        "bands=3",
        "--folds",
        3,
        "--format",
        "json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["features"] for row in rows] == ["pixels", "HMAX c2"]
    assert rows[1]["accuracy"] > 0.9
    assert rows[1]["low"] < rows[1]["accuracy"] <= rows[1]["high"]
    folder = tmp_path / "hmax-cnn-classify"
    assert {path.name for path in folder.iterdir()} == {
        "accuracy.csv",
        "predictions.csv",
        "run.json",
    } | {f"confusion.{e}" for e in ("pdf", "svg", "png", "csv")}
    table = pd.read_csv(folder / "predictions.csv")
    assert len(table) == 72
    assert pd.read_csv(folder / "confusion.csv")["n_pictures"].sum() == 36
    assert "<text" in (folder / "confusion.svg").read_text()
    assert json.loads((folder / "run.json").read_text())["complete"] is True


def test_classify_by_the_given_split(pictures, tmp_path):
    rows = [
        f"{label}/{i:02d}.png,{label},{'train' if i < 8 else 'test'}"
        for label in ("level", "slanted", "upright")
        for i in range(12)
    ]
    (pictures / "index.csv").write_text("\n".join(["path,label,split", *rows]))
    done = run(
        "classify",
        pictures / "index.csv",
        *SMALL,
        "--no-baseline",
        "--output",
        tmp_path / "out",
        "--format",
        "csv",
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "features,accuracy,low,high,n_test,folds,C"
    assert done.stdout.splitlines()[1].split(",")[4:6] == ["12", "1"]


def test_extracted_prototypes_come_from_training_images(pictures):
    from pathlib import Path

    from hmax_cnn.analysis.commands.features import extract
    from hmax_cnn.data import read_folder
    from hmax_cnn.hmax import HMAX

    whole = read_folder(pictures)
    split = np.where(np.arange(36) % 4 == 0, "train", "test")
    model = HMAX(n_prototypes=10, prototype_sizes=(2,), bands=2)
    extract(model, replace(whole, split=split), Path("features.npz"))
    assert set(model.prototypes_.provenance["name"]) <= {
        name for name, part in zip(whole.names, split, strict=True) if part == "train"
    }


def test_nothing_of_the_test_images_is_learned(pictures):
    """Swapping the test images for noise changes neither prototypes nor predictions for the
    others."""
    from hmax_cnn.analysis.readout import classify
    from hmax_cnn.data import read_folder
    from hmax_cnn.hmax import HMAX

    whole = read_folder(pictures)
    split = np.where(np.arange(36) % 3 == 0, "test", "train")
    rng = np.random.default_rng(1)
    arrays = np.stack([whole[i] for i in range(36)])
    noisy = arrays.copy()
    noisy[split == "test"] = rng.integers(0, 256, noisy[split == "test"].shape)
    noisy[0] = arrays[0]
    model = HMAX(prototype_sizes=(2,), n_prototypes=10, bands=2)
    results = [
        next(classify(model, replace(whole, source=source, split=split), "HMAX"))
        for source in (arrays, noisy)
    ]
    assert results[0].table["predicted"][0] == results[1].table["predicted"][0]
    assert results[0].best_c == results[1].best_c


def test_fields_summary_and_models():
    table = pd.DataFrame(
        json.loads(invoke("fields", "hmax:HMAX", "--image-size", "224", "--format", "json").stdout)
    )
    assert list(table.columns) == [
        "layer",
        "band",
        "size_y",
        "size_x",
        "step_y",
        "step_x",
        "start_y",
        "start_x",
        "status",
    ]
    assert table.loc[table["layer"] == "c1", "size_y"].tolist() == [16, 22, 28, 34, 40, 46, 52, 58]
    summary = json.loads(
        invoke(
            "summary",
            "hmax:HMAX",
            "--set",
            "preset=serre2007",
            "--image-size",
            "140x200",
            "--format",
            "json",
        ).stdout
    )
    assert summary["parameters"] == sum(row["parameters"] for row in summary["layers"])
    assert invoke("summary", "hmax:HMAX").stdout.splitlines()[-1].startswith("total")
    assert "hmax:HMAX" in invoke("models").stdout
    assert (
        "size_y_degrees"
        in invoke(
            "fields", "hmax:HMAX", "--pixels-per-degree", "36", "--format", "csv"
        ).stdout.splitlines()[0]
    )


def test_a_model_of_ones_own(tmp_path, pictures):
    (tmp_path / "my_lab.py").write_text(
        "from hmax_cnn.extraction import FeatureExtractor, Field, Maps\n\n\n"
        "class Mean(FeatureExtractor):\n"
        "    layer_names = ('mean',)\n\n"
        "    def __init__(self, layer='mean', image_shape=None, device='cpu', "
        "batch_memory=256, n_threads=None, progress=None):\n"
        "        self.layer, self.image_shape, self.device = layer, image_shape, device\n"
        "        self.batch_memory, self.n_threads, self.progress = batch_memory, n_threads, "
        "progress\n\n"
        "    def learn(self, images, labels):\n        pass\n\n"
        "    def walk(self, retina, wanted):\n"
        "        yield 'mean', [Maps(retina.values.mean(axis=(2, 3), keepdims=True), "
        "Field.whole(*retina.values.shape[2:]))], None\n"
    )
    done = run(
        "extract",
        pictures,
        "--model",
        "my_lab:Mean",
        "--output",
        "mean.csv",
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "mean.csv").shape == (36, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["extract", "nowhere", "--output", "f.npz"], "There is no folder or file nowhere"),
        (
            ["extract", "digits", "--output", "f.xlsx"],
            "--output must end in one of .npz, .csv, .nc, .svmlight",
        ),
        (
            [
                "extract",
                "digits",
                "--output",
                "no/such/folder/f.npz",
                "--model",
                "extraction:Pixels",
                "--set",
                "grid=(2,2)",
            ],
            "there is no folder no/such/folder",
        ),
        (
            ["extract", "digits", "--output", "f.npz", "--model", "hmax"],
            "MODEL must be package:Class",
        ),
        (
            ["extract", "digits", "--output", "f.npz", "--model", "hmax:Nothing"],
            "There is no model 'hmax:Nothing'",
        ),
        (
            ["extract", "digits", "--output", "f.npz", "--model", "pathlib:Path"],
            "does not derive from hmax_cnn.FeatureExtractor",
        ),
        (["extract", "digits", "--output", "f.npz", "--set", "band=3"], "has no parameter 'band'"),
        (["extract", "digits", "--output", "f.npz", "--set", "bands"], "--set must be key=value"),
        (
            ["extract", "digits", "--output", "f.npz", "--set", "bands=1", "--set", "bands=2"],
            "names 'bands' twice",
        ),
        (
            ["extract", "digits", "--output", "f.npz", "--layer", "v4"],
            "`layer` must be one of 's1', 'c1', 's2', 'c2', got 'v4'",
        ),
        (["extract", "digits", "--output", "f.npz", "--layer", "c1"], "too small for band 1"),
        (
            ["extract", "digits", "--output", "f.npz", "--resize", "bigger"],
            "`resize` must be one of",
        ),
        (["classify", "photographs"], "has no labels"),
        (["fields", "hmax:HMAX", "--image-size", "big"], "--image-size must be N or HxW"),
        (["fields", "hmax:HMAX", "--image-size", "30"], "too small for band 7"),
        (
            ["fields", "hmax:HMAX", "--set", "preset=vgg"],
            "`preset` must be one of 'georgetown', 'serre2007', got 'vgg'",
        ),
        (
            ["extract", "digits", "--output", "f.npz", "--set", "device=cuda"],
            "`device` is 'cuda', but CuPy",
        ),
    ],
)
def test_bad_input_is_one_line(arguments, text, tmp_path, monkeypatch):
    if "device=cuda" in arguments:
        from hmax_cnn.extraction.arrays import device_namespace

        try:
            device_namespace("cuda")
            pytest.skip("there is a GPU here")
        except RuntimeError:
            pass
    monkeypatch.chdir(tmp_path)
    done = invoke(*arguments)
    assert done.exit_code == 1
    assert text in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_real_process_shows_no_traceback(tmp_path):
    done = run("extract", "nowhere", "--output", "f.npz", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: There is no folder or file nowhere")
    assert "Traceback" not in done.stderr


def test_bad_pictures_are_reported_and_on_request_skipped(pictures, tmp_path):
    import shutil

    shutil.copytree(pictures / "level", tmp_path / "level")
    (tmp_path / "level" / "99.png").write_text("broken")
    command = ["extract", tmp_path / "level", *SMALL, "--output", tmp_path / "f.npz"]
    done = run(*command)
    assert (done.returncode, "99.png: is empty or not a picture" in done.stderr) == (1, True)
    assert not (tmp_path / "f.npz").exists()
    done = run(*command, "--skip-bad")
    assert done.returncode == 0
    assert "Warning: 1 of 13 pictures were left out" in done.stderr
    with np.load(tmp_path / "f.npz") as saved:
        assert len(saved["images"]) == 12
        assert "99.png" in str(saved["attributes"])


# Training ---------------------------------------------------------------------------------------


def test_train_writes_weights_that_all_commands_take(pictures, tmp_path):
    weights = tmp_path / "weights.safetensors"
    settings = [
        "--set",
        "architecture=lenet5",
        "--set",
        "epochs=2",
        "--set",
        "augmentation={'crop': 1}",
        "--set",
        "validation_fraction=0.2",
    ]
    done = run("train", pictures, "--resize", "stretch:28x28", *settings, "--output", weights)
    assert done.returncode == 0, done.stderr
    assert "9 files" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"weights.safetensors"} | {
        f"weights_{kind}.{ending}"
        for kind in ("curves", "augmentation")
        for ending in ("pdf", "svg", "png", "csv")
    }
    history = pd.read_csv(tmp_path / "weights_curves.csv")
    assert list(history["epoch"]) == [1, 2]
    assert "validation_accuracy" in history
    given = ["--set", f"weights={weights}"]
    summary = json.loads(invoke("summary", "cnn:CNN", *given, "--format", "json").stdout)
    assert summary["parameters"] == 61706 - 7 * 85  # three classes, not ten
    assert (
        invoke("fields", "cnn:CNN", *given, "--format", "csv")
        .stdout.splitlines()[7]
        .startswith("c5,,32,32")
    )
    out = tmp_path / "features.npz"
    run(
        "extract",
        pictures,
        "--resize",
        "stretch:28x28",
        "--model",
        "cnn:CNN",
        *given,
        "--layer",
        "f6_active",
        "--output",
        out,
    )
    with np.load(out) as features:
        assert features["features"].shape == (36, 84)


def test_classify_with_a_network_learned_in_each_fold(tmp_path):
    done = run(
        "classify",
        "digits",
        "--resize",
        "stretch:28x28",
        "--model",
        "cnn:CNN",
        "--set",
        "epochs=1",
        "--set",
        "batch_size=32",
        "--folds",
        "2",
        "--no-baseline",
        "--output",
        tmp_path / "results",
        "--format",
        "csv",
    )
    assert float(done.stdout.splitlines()[1].split(",")[1]) > 0.7


TRAINING = [
    "--set",
    "architecture=simplenet",
    "--set",
    "epochs=25",
    "--set",
    "augmentation={'rotation': 5}",
    "--set",
    "batch_size=8",
    "--quiet",
]


@pytest.fixture(scope="module")
def never_stopped(pictures, tmp_path_factory):
    weights = tmp_path_factory.mktemp("whole") / "whole.safetensors"
    assert run("train", pictures, *TRAINING, "--output", weights).returncode == 0
    return weights.read_bytes()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_train_goes_on_to_the_same_bytes(pictures, tmp_path, never_stopped, end):
    """Stopped after its first epoch was kept; the same command then ends with the same weights as
    one that was never stopped."""
    stopped, checkpoint = (
        tmp_path / "stopped.safetensors",
        tmp_path / ".stopped.partial.safetensors",
    )
    arguments = ["train", str(pictures), *TRAINING, "--output", str(stopped)]
    process = subprocess.Popen(
        [*HMAX_CNN, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(end)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if end == signal.SIGINT else -signal.SIGKILL), errors
    assert checkpoint.exists()
    assert not stopped.exists()
    if end == signal.SIGINT:
        assert "The same command goes on from there" in errors
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert stopped.read_bytes() == never_stopped
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["digits", "--output", "w.npz"], "--output must end in .safetensors"),
        (["digits", "--output", "nowhere/w.safetensors"], "there is no folder nowhere"),
        (
            ["digits", "--model", "hmax:HMAX", "--output", "w.safetensors"],
            "HMAX has no weights to write. Use --model cnn:CNN",
        ),
        (["photographs", "--output", "w.safetensors"], "The dataset has no labels"),
        (
            ["digits", "--set", "epochs=0", "--output", "w.safetensors"],
            "Nothing was trained: `epochs` is 0",
        ),
        (
            [
                "digits",
                "--set",
                "learning_rate=1000",
                "--resize",
                "stretch:32x32",
                "--output",
                "w.safetensors",
            ],
            "Training diverged",
        ),
        (
            [
                "digits",
                "--set",
                "augmentation={'flip': 1}",
                "--resize",
                "stretch:32x32",
                "--output",
                "w.safetensors",
            ],
            "knows mirror, crop",
        ),
    ],
)
def test_train_refuses(tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    done = invoke("train", *arguments)
    assert done.exit_code == 1
    assert text in done.stderr
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize(
    "model", ["cnn:Perceptron", "cnn:LinearClassifier", "cnn:MultilayerPerceptron", "cnn:CNN"]
)
def test_extract_from_models_that_learn_from_labels(pictures, tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    if model == "cnn:Perceptron":
        few = []
    else:
        few = ["--set", "epochs=1"]
    done = invoke("extract", pictures, "--model", model, *few, "--output", "features.npz")
    assert done.exit_code == 0, done.output
    with np.load("features.npz") as kept:
        assert len(kept["features"]) == 36


def test_a_diverged_training_does_not_stand_in_the_way(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rates = ["learning_rate=1000", "learning_rate=0.001"]
    done = [
        CliRunner().invoke(
            main,
            [
                "train",
                str(pictures),
                "--set",
                "architecture=simplenet",
                "--set",
                "epochs=2",
                "--set",
                rate,
                "--output",
                "w.safetensors",
            ],
        )
        for rate in rates
    ]
    assert [one.exit_code for one in done] == [1, 0], done[1].output
    assert "Training diverged" in done[0].stderr


def test_summary_and_fields_of_every_architecture():
    from hmax_cnn.cnn import names

    for name in names():
        if name in ("vgg", "resnet"):
            continue  # families, not published networks
        summary = invoke("summary", "cnn:CNN", "--set", f"architecture={name}", "--format", "json")
        assert summary.exit_code == 0, summary.output
        assert json.loads(summary.stdout)["parameters"] == sum(
            int(np.prod(look.shape)) for look in build(name, {}).weights().values() if look.learned
        )
        fields = invoke("fields", "cnn:CNN", "--set", f"architecture={name}", "--format", "csv")
        assert len(fields.stdout.splitlines()) == 1 + len(build(name, {}).nodes)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small study that was run."""
    folder = tmp_path_factory.mktemp("small")
    path = small_study.written(folder)
    done = invoke("study", "run", path, "--output", folder / "out", "--jobs", 1, "--json")
    assert done.exit_code == 0, done.output
    return path, folder / "out", json.loads(done.stdout)


def test_study_new_checks_and_plans(tmp_path):
    """The study to start from is one that can be run; its plan says what it takes and writes
    nothing; it is never written over."""
    assert invoke("study", "new", tmp_path / "mine.toml").exit_code == 0
    assert (
        "is a study of 4 cells and 2 figures"
        in invoke("study", "check", tmp_path / "mine.toml").stdout
    )
    assert "is there already" in invoke("study", "new", tmp_path / "mine.toml").stderr
    planned = invoke("study", "run", tmp_path / "mine.toml", "--output", tmp_path / "out", "--plan")
    assert "4 cells, 192 images to answer, 2 figures; about " in planned.stdout
    assert not (tmp_path / "out").exists()
    facts = json.loads(
        invoke(
            "study",
            "run",
            tmp_path / "mine.toml",
            "--output",
            tmp_path / "out",
            "--plan",
            "--json",
            "--jobs",
            1,
        ).stdout
    )
    assert (facts["cells"], facts["jobs"]) == (4, 1)
    assert facts["seconds"] > 0
    assert sum(row["n_images"] for row in facts["rows"]) == 192


def test_study_check_says_what_is_wrong(tmp_path):
    """With status 1, as text and as JSON."""
    path = small_study.written(tmp_path, ("grid = [8, 8]", "gird = [8, 8]"))
    done = invoke("study", "check", path)
    assert done.exit_code == 1
    assert (
        f"Error: {path}:16: [models.pixels] Pixels has no parameter 'gird'. Did you mean 'grid'?"
        in done.stderr
    )
    done = invoke("study", "check", path, "--json")
    assert done.exit_code == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["line"], problem["place"]) == (16, "models.pixels")
    assert invoke("study", "run", path, "--output", tmp_path / "out").exit_code == 1
    assert not (tmp_path / "out").exists()


def test_study_run_says_what_it_made(small):
    path, out, facts = small
    assert (facts["cells"], facts["made_now"]) == (7, 7)
    assert "report.html" in facts["files"]
    again = invoke("study", "run", path, "--output", out, "--resume")
    assert "7 cells, 0 of them made now" in again.stderr
    assert invoke("study", "run", path, "--output", out, "--resume", "--quiet").output == ""
    assert invoke("study", "run", path, "--output", out).exit_code == 1
    assert invoke("study", "run", path).exit_code == 2


def test_figure_of_a_study(small, tmp_path, monkeypatch):
    """From the folder, another measure of it, a table, and a result; width and formats as asked."""
    _, out, _ = small
    monkeypatch.chdir(tmp_path)
    done = invoke("figure", "invariance", out, "--width", "85mm", "--format", "pdf", "--json")
    assert [Path(file).name for file in json.loads(done.stdout)["files"]] == [
        "invariance.pdf",
        "invariance.csv",
        "invariance.txt",
    ]
    box = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+)", (tmp_path / "invariance.pdf").read_bytes())
    assert float(box[1]) == pytest.approx(85 / 25.4 * 72, abs=0.1)
    assert (
        invoke(
            "figure", "layers", out, "--measure", "accuracy", "--format", "svg", "--output", "other"
        ).exit_code
        == 0
    )
    assert "linear, learned" in (tmp_path / "other.svg").read_text()
    assert (
        invoke(
            "figure",
            "invariance",
            out / "tables" / "similarity.csv",
            "--format",
            "svg",
            "--output",
            "table",
        ).exit_code
        == 0
    )
    assert (tmp_path / "table.svg").is_file()
    assert (
        "Intervals are 95 % (bootstrap over images and units, 10 resamples)."
        in (tmp_path / "invariance.txt").read_text()
    )
    result = next((out / "results" / "accuracy").rglob("*.nc"))
    assert (
        invoke("figure", "confusion", result, "--format", "png", "--output", "result").exit_code
        == 0
    )
    assert {path.suffix for path in tmp_path.glob("result.*")} == {".png", ".csv"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["invarience", "OUT"],
            (
                "has no figure 'invarience', but invariance, accuracy. Did you mean "
                "'invariance'? To draw one of ours, add --measure."
            ),
        ),
        (["layers", "OUT", "--measure", "acuracy"], "Did you mean 'accuracy'?"),
        (["invariance", "OUT", "--width", "3in"], "`width` must be 'single' (85 mm)"),
        (
            ["confusion", "OUT", "--measure", "similarity"],
            "it takes a 'layer_label_predicted_table'",
        ),
        (["nothing", "OUT/tables/similarity.csv"], "`figure` must be one of accuracy"),
        (["winners", "OUT/tables/similarity.csv"], "draws results: give a study's folder"),
        (
            ["accuracy", "OUT/tables/similarity.csv"],
            "must have one number for each layer, got values over a transformation",
        ),
        (["invariance", "OUT/tables/accuracy.csv"], "`table` must have the column 'amount'"),
        (["invariance", "OUT/nothing.csv"], "There is no file or folder"),
        (["invariance", "OUT/study.toml"], "RESULTS must be a folder, a .csv or a .nc"),
        (["invariance", "OUT/tables"], "holds no study"),
        (["invariance", "OUT", "--output", "no/such/folder/x"], "there is no folder"),
    ],
)
def test_figures_that_cannot_be_drawn(small, tmp_path, monkeypatch, arguments, text):
    _, out, _ = small
    monkeypatch.chdir(tmp_path)
    done = invoke("figure", *[argument.replace("OUT", str(out)) for argument in arguments])
    assert done.exit_code == 1
    assert text in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_figures_and_report_and_completion(small):
    """The list has every figure; the report is written again; shells get something to evaluate; a
    missing name is a wrong command."""
    _, out, _ = small
    listed = json.loads(invoke("figure", "--list", "--json").stdout)
    assert {row["figure"] for row in listed} >= {"accuracy", "invariance", "overview", "winners"}
    assert all(row["shows"] and row["draws"] for row in listed)
    assert json.loads(invoke("report", out, "--json").stdout) == {
        "report": str(out / "report.html")
    }
    assert "holds no study" in invoke("report", out / "tables").stderr
    assert "_hmax_cnn_completion" in invoke("completion", "bash").stdout
    assert "#compdef hmax-cnn" in invoke("completion", "zsh").stdout
    assert invoke("figure").exit_code == 2
    parts = json.loads(invoke("study", "list", "--json").stdout)
    assert {row["kind"] for row in parts} == {"stimuli", "transformations", "measures"}
    assert "analysis.measures.populations:population_similarity" in {
        row["path"] for row in parts if row["needs"] == "transformation"
    }
    assert all(row["about"] for row in parts)
    assert "analysis.measures.tuning:phase_tuning" in invoke("study", "list").stdout


@pytest.mark.parametrize("name", ["quickstart", "tuning"])
def test_shipped_studies_that_need_no_sets(name):
    done = invoke("study", "check", Path(__file__).parents[2] / "examples" / f"{name}.toml")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["brain", "fields", "invariance", "svm"])
def test_shipped_studies(name, shared, monkeypatch):
    monkeypatch.setenv("HMAX_CNN_DATA", str(shared))
    done = invoke("study", "check", Path(__file__).parents[2] / "examples" / f"{name}.toml")
    assert done.exit_code == 0, done.output
