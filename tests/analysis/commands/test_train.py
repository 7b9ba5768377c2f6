"""hmax-cnn train: weights into files, by whole processes."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from command_line import invoke, run

from hmax_cnn.analysis.commands.main import main

HMAX_CNN = [sys.executable, "-m", "hmax_cnn"]


@pytest.mark.slow
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


@pytest.mark.slow
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
