"""hmax-cnn slurm: the script, run as SLURM runs the tasks of an array."""

import os
import subprocess

import pytest
from command_line import inside, run

from hmax_cnn import open_features

SMALL = ["--model", "extraction:Pixels", "--set", "grid=(4, 4)", "--shard-images", "8"]


@pytest.mark.slow
def test_the_script_does_all_parts(pictures, tmp_path):
    """Each task of the array with what SLURM sets for it."""
    folder = tmp_path / "a folder; with a name"
    folder.mkdir()
    done = run(
        *("slurm", "extract", "--parts", 2, "--cpus", 2, "--time", "00:10:00"),
        *(pictures, *SMALL, "--output", "features.zarr"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "#SBATCH --array=1-2\n" in done.stdout
    assert "#SBATCH --cpus-per-task=2\n" in done.stdout
    assert "gpus" not in done.stdout
    (tmp_path / "job.sh").write_text(done.stdout)
    for task in (2, 1):
        known = os.environ | {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "2"}
        subprocess.run(["bash", str(tmp_path / "job.sh")], env=known, check=True, cwd=tmp_path)
    assert open_features(folder / "features.zarr").shape == (36, 16)


def test_with_a_gpu():
    done = inside("slurm", "extract", "--gpu", "pictures", "--output", "s3://bucket/f.zarr")
    assert "#SBATCH --gpus-per-task=1\n" in done.stdout
    assert "--set device=cuda --part" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["pictures", "--output", "f.npz"], 1, "Parts need a store"),
        (["pictures", "--output", "f.zarr", "--part", "1/2"], 1, "no --part of their own"),
        (["pictures"], 2, "--output"),
        (["pictures", "--output", "f.zarr", "--nonsense"], 2, "--nonsense"),
    ],
)
def test_what_would_fail_in_the_queue_fails_here(words, status, text):
    done = inside("slurm", "extract", *words)
    assert done.returncode == status
    assert text in done.stderr
    assert done.stdout == ""
