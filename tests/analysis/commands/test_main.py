"""hmax-cnn: models, fields, summary, completion, and errors in one line."""

import json
import os
import subprocess
import sys

import click
import numpy as np
import pandas as pd
import pytest
from command_line import invoke, run

from hmax_cnn.analysis.commands.main import main
from hmax_cnn.cnn.architectures import build

HMAX_CNN = [sys.executable, "-m", "hmax_cnn"]


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
            "--output must end in one of .npz, .csv, .nc, .parquet, .mat, .svmlight",
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
            "`preset` must be one of 'georgetown', 'georgetown_borders', 'cbcl2006', 'serre2007', "
            "'riesenhuber1999', 'serre_riesenhuber2004', got 'vgg'",
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


@pytest.mark.slow
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


def test_commands_are_listed_without_being_imported():
    """The list names every command; pandas, slow to import, is not needed to show it."""
    program = (
        "import sys\n"
        "from hmax_cnn.analysis.commands.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print(sorted({'pandas', 'sklearn', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert told.endswith("[]\n")
    context = click.Context(main)
    for name in main.list_commands(context):
        assert f"\n  {name} " in told
        assert main.get_command(context, name).name == name
    assert main.get_command(context, "modles") is None
