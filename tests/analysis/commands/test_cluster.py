"""Extraction on a Dask cluster whose processes are killed."""

import os
import pickle
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import pytest
from command_line import HMAX_CNN, inside, run
from PIL import Image
from small_study import without_figures

from hmax_cnn.analysis.commands.training import Asked
from hmax_cnn.analysis.study.building import Places
from hmax_cnn.analysis.study.cells import cells_of
from hmax_cnn.analysis.study.clusters import _on_worker
from hmax_cnn.analysis.study.fingerprints import fingerprint
from hmax_cnn.analysis.study.reading import read_study
from hmax_cnn.analysis.study.work import Work
from hmax_cnn.extraction import cluster as cluster_module

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
SMALL = ["--model", "extraction:Pixels", "--set", "grid=(4, 4)", "--shard-images", "2"]


def bytes_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def calm(pictures, tmp_path_factory):
    """What an undisturbed run makes, of 18 shards."""
    output = tmp_path_factory.mktemp("calm") / "f.zarr"
    done = inside("extract", pictures, *SMALL, "--output", output)
    assert done.returncode == 0, done.stderr
    return bytes_of(output)


def test_workers_on_this_machine(pictures, tmp_path, calm):
    done = run("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "Progress of every piece: http://127.0.0.1:" in done.stderr
    assert "shards made: 18, already there: 0" in done.stderr
    assert bytes_of(tmp_path / "f.zarr") == calm


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:Exception ignored in")
def test_its_page_of_progress_and_a_gpu_for_each_worker(monkeypatch):
    """The page is there; workers are dealt out over the GPUs, also one that was restarted."""

    def gpu_of_worker():
        return os.environ.get("CUDA_VISIBLE_DEVICES")

    monkeypatch.setattr(cluster_module, "visible_gpus", lambda: ["2", "5"])
    with cluster_module.cluster(n_workers=3) as client:
        with urllib.request.urlopen(client.dashboard_link, timeout=30) as page:  # noqa: S310
            text = page.read().decode()
        assert "Bokeh" in text
        assert "needs bokeh" not in text
        before, pids = client.run(gpu_of_worker), client.run(os.getpid)
        assert sorted(before.values()) == ["2", "2", "5"]
        lost = next(address for address, gpu in before.items() if gpu == "5")
        os.kill(pids[lost], signal.SIGKILL)
        deadline, now = time.monotonic() + 60, pids
        while len(now) < 3 or pids[lost] in now.values():
            assert time.monotonic() < deadline
            time.sleep(0.1)
            now = client.run(os.getpid, on_error="ignore")
        assert sorted(client.run(gpu_of_worker).values()) == ["2", "2", "5"]


def test_gpus_that_are_there(monkeypatch):
    """As many as CUDA finds, by the names that the job was given."""
    known = cluster_module.visible_gpus()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7,9")
    assert cluster_module.visible_gpus() == ["4", "7", "9"][: len(known)]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# Slow on purpose, so that a signal meets work under way.
SLOW = '''
import os
import time
from hmax_cnn import Pixels

class Slow(Pixels):
    """Takes its time."""

    def walk(self, retina, wanted):
        time.sleep(0.05)
        yield from super().walk(retina, wanted)

class Learns(Slow):
    """Writes down where it learns."""

    def fit(self, images, y=None):
        with open("-".join(["learned", "where"]), "a") as file:
            print(os.getpid(), file=file)
        return super().fit(images, y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags
'''


class Cluster:
    """A scheduler and workers, each a process of its own, which a test kills."""

    def __init__(self, folder):
        (folder / "slowly.py").write_text(SLOW)
        self.folder, self.port = folder, free_port()
        self.processes = []

    def start(self, *words, before=None):
        command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        known = os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=self.folder, env=known, preexec_fn=before, **quiet)
        self.processes.append(process)
        return process

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    def scheduler(self):
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        return self.start("dask_scheduler", *options)

    def worker(self, before=None):
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "30"]
        return self.start("dask_worker", self.address, *options, before=before)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.stop()


def wait_until(there, process):
    """Until something is there, while a process works."""
    deadline = time.monotonic() + 60
    while not there() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def wait_for(folder, n_shards, process):
    """Until so many shards are there."""
    records = folder / "shards" / "record" / "c"
    wait_until(lambda: len(list(records.glob("*/0"))) >= n_shards, process)


def test_killed_workers_scheduler_and_client(pictures, tmp_path, cluster):
    """A worker is killed and another comes; then the scheduler; then, on a new one, the client."""
    output = tmp_path / "f.zarr"
    slow = ["--model", "slowly:Slow", *SMALL[2:]]
    command = [*HMAX_CNN, "extract", str(pictures), *slow, "--output", str(output)]
    over = [*command, "--scheduler", cluster.address]
    cluster.scheduler()
    first = cluster.worker()
    client = subprocess.Popen(over, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(output, 2, client)
    first.kill()
    cluster.worker()
    wait_for(output, 5, client)
    cluster.processes[0].kill()
    _, told = client.communicate(timeout=60)
    assert client.returncode == 1, told
    assert "The scheduler was lost" in told
    assert "Run the same command again to go on from there" in told
    cluster.stop()
    cluster.scheduler()
    cluster.worker()
    n_done = len(list((output / "shards" / "record" / "c").glob("*/0")))
    client = subprocess.Popen(over, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(output, n_done + 2, client)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    done = subprocess.run(over, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The same workers, one picture fewer since.
    fewer = tmp_path / "pictures"
    shutil.copytree(pictures, fewer)
    words = [str(fewer) if word == str(pictures) else word for word in over]
    words[words.index(str(output))] = "fewer.zarr"
    subprocess.run([*words, "--quiet"], cwd=tmp_path, check=True)
    (fewer / "level" / "00.png").unlink()
    subprocess.run([*words, "--quiet"], cwd=tmp_path, check=True)
    calm = tmp_path / "calm.zarr"
    words = [*command[:-1], str(calm), "--quiet"]
    subprocess.run(words, cwd=tmp_path, check=True)
    anew = [word.replace(str(pictures), str(fewer)) for word in command[:-1]]
    subprocess.run([*anew, str(tmp_path / "anew.zarr"), "--quiet"], cwd=tmp_path, check=True)
    assert bytes_of(tmp_path / "fewer.zarr") == bytes_of(tmp_path / "anew.zarr")
    one, other = bytes_of(output), bytes_of(calm)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


def test_a_worker_that_stands_still(pictures, tmp_path, cluster):
    """For a while: the other does what it can meanwhile. Each has built the model once."""
    cluster.scheduler()
    slow, _ = cluster.worker(), cluster.worker()
    words = ["--model", "slowly:Learns", *SMALL[2:], "--output", "f.zarr"]
    command = [*HMAX_CNN, "extract", str(pictures), *words]
    over = [*command, "--scheduler", cluster.address]
    client = subprocess.Popen(over, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "f.zarr", 4, client)
    slow.send_signal(signal.SIGSTOP)
    n_done = len(list((tmp_path / "f.zarr/shards/record/c").glob("*/0")))
    wait_for(tmp_path / "f.zarr", n_done + 3, client)
    slow.send_signal(signal.SIGCONT)
    _, told = client.communicate(timeout=60)
    assert client.returncode == 0, told
    learned = (tmp_path / "learned-where").read_text().split()
    assert len(learned) == len(set(learned)) == 3  # the client, and two workers
    words[-1] = "calm.zarr"
    subprocess.run([*command[:-1], "calm.zarr", "--quiet"], cwd=tmp_path, check=True)
    assert bytes_of(tmp_path / "f.zarr") == bytes_of(tmp_path / "calm.zarr")


def little_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000))


def test_a_disk_that_fills_up_under_a_worker(pictures, tmp_path, cluster):
    """It is told as it is here; with room the same command makes the rest."""
    cluster.scheduler()
    full = cluster.worker(little_room)
    options = ["--model", "extraction:Pixels", "--set", "grid=(32, 32)", "--shard-images", "8"]
    words = ["extract", pictures, *options, "--output"]
    over = ["--scheduler", cluster.address]
    done = inside(*words, tmp_path / "f.zarr", *over)
    assert done.returncode == 1
    assert "no shard was done" in done.stderr
    assert "Free some space" in done.stderr
    full.kill()
    cluster.worker()
    done = inside(*words, tmp_path / "f.zarr", *over)
    assert done.returncode == 0, done.stderr
    assert inside(*words, tmp_path / "calm.zarr").returncode == 0
    assert bytes_of(tmp_path / "f.zarr") == bytes_of(tmp_path / "calm.zarr")


def contents(folder):
    """All but what says when."""
    return {
        name: content
        for name, content in bytes_of(folder).items()
        if name not in ("manifest.json", ".log.jsonl")
    }


def test_a_study_loses_a_worker_and_its_client(tmp_path, cluster):
    """Cells that are done stay; the bytes are those of a run on one process."""
    (tmp_path / "slowly.py").write_text(SLOW)
    plain = without_figures(tmp_path, ('"extraction:Pixels"', '"slowly:Slow"'))
    command = [*HMAX_CNN, "study", "run", str(plain), "--quiet", "--output"]
    done = subprocess.run([*command, "calm", "--jobs", "1"], cwd=tmp_path, check=False)
    assert done.returncode == 0
    cluster.scheduler()
    first = cluster.worker()
    over = [*command, "over", "--scheduler", cluster.address]
    client = subprocess.Popen(over, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    cells = tmp_path / "over" / "results"
    wait_until(lambda: len(list(cells.rglob("*.nc"))) >= 1, client)
    first.kill()
    cluster.worker()
    wait_until(lambda: len(list(cells.rglob("*.nc"))) >= 3, client)
    client.kill()
    client.communicate()
    kept = {path: path.stat().st_mtime_ns for path in cells.rglob("*.nc")}
    done = subprocess.run([*over, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert contents(tmp_path / "over") == contents(tmp_path / "calm")


def test_seeds_are_trained_anywhere(pictures, tmp_path, cluster):
    """The same weights on workers as here, and none is trained twice."""
    cluster.scheduler()
    cluster.worker()
    words = ["train", pictures, "--resize", "stretch:28x28", "--set", "architecture=lenet5"]
    words += ["--set", "epochs=2", "--seeds", "0, 3", "--output"]
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    done = inside(*words, tmp_path / "here" / "w.safetensors")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:1] == ["seed"]
    over = ["--scheduler", cluster.address]
    done = inside(*words, tmp_path / "there" / "w.safetensors", *over)
    assert done.returncode == 0, done.stderr
    assert "10 files" in done.stderr
    here, there = bytes_of(tmp_path / "here"), bytes_of(tmp_path / "there")
    assert {name for name in here if name.endswith("safetensors")} == {
        "w-seed0.safetensors",
        "w-seed3.safetensors",
    }
    weights = [name for name in here if name.endswith(".safetensors")]
    assert set(here) == set(there)
    assert [name for name in weights if here[name] != there[name]] == []
    assert here["w-seed0.safetensors"] != here["w-seed3.safetensors"]
    alone = tmp_path / "alone.safetensors"
    settings = ["--set", "random_state=3", "--set", "n_threads=1", "--quiet"]
    assert inside(*words[:-3], *settings, "--output", alone).returncode == 0
    assert alone.read_bytes() == here["w-seed3.safetensors"]


def test_seeds_that_are_done_are_not_trained_again(pictures, tmp_path):
    """Where a run of several was cut off: the curves say the same seconds."""
    asked = Asked("cnn:CNN", ("epochs=2",), str(pictures), None, "stretch:28x28", None, False)
    for _ in range(2):
        asked.run(tmp_path / "w-seed1.safetensors", 1, quiet=True, keep=True)
        kept = bytes_of(tmp_path)
    asked.run_seeds(tmp_path / "w.safetensors", [1], None, quiet=True)
    done = bytes_of(tmp_path)
    assert set(kept) - set(done) == {".w-seed1.partial.safetensors"}
    assert done["w-seed1_curves.csv"] == kept["w-seed1_curves.csv"]
    assert done["w-seed1.safetensors"] == kept["w-seed1.safetensors"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--seeds", "0,x"], "must be whole numbers with commas between"),
        (["--seeds", "1,1"], "must differ"),
        (["--seeds", "1", "--set", "random_state=2"], "leave --set random_state out"),
        (["--seeds", "1", "--set", "checkpoint=c"], "leave --set checkpoint out"),
        (["--workers", "2"], "go with --seeds"),
    ],
)
def test_what_are_no_seeds(pictures, tmp_path, options, text):
    done = inside("train", pictures, *options, "--output", tmp_path / "w.safetensors")
    assert done.returncode == 1
    assert text in done.stderr


def test_folds_are_done_anywhere(pictures, tmp_path, cluster):
    cluster.scheduler()
    cluster.worker()
    words = ["classify", pictures, "--set", "prototypes=photographs", "--set", "bands=2"]
    words += ["--folds", "3", "--output"]
    assert inside(*words, tmp_path / "here").returncode == 0
    done = inside(*words, tmp_path / "there", "--scheduler", cluster.address)
    assert done.returncode == 0, done.stderr
    assert bytes_of(tmp_path / "here") == bytes_of(tmp_path / "there")


def test_a_model_of_ones_own_is_found_by_workers(pictures, tmp_path, monkeypatch):
    """Its module lies in the folder of the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slowly.py").write_text(SLOW)
    words = ["classify", pictures, "--model", "slowly:Slow", "--set", "grid=(4, 4)"]
    done = run(*words, "--folds", 2, "--workers", 1, "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_sees_other_images_measures_nothing(tmp_path):
    """Under the same names: node-local copies, perhaps."""
    shown = tmp_path / "shown"
    shown.mkdir()
    for number in range(4):
        Image.new("L", (16, 16), 40 * number).save(shown / f"{number}.png")
    (tmp_path / "study.toml").write_text(OTHER)
    study = read_study(tmp_path / "study.toml")
    work = Work(study, Places(tmp_path), tmp_path / "out", {})
    work.folder.root.mkdir()
    work.fingerprints["shown"] = fingerprint(work.images("shown"), "shown", progress=False)
    theirs = pickle.loads(pickle.dumps(replace(work, process=None, run=work.folder.begin_run())))
    cells = cells_of(study)
    Image.new("L", (16, 16), 7).save(shown / "2.png")
    with pytest.raises(OSError, match="sees other images 'shown'"):
        _on_worker((cells, 0, []), theirs)
    Image.new("L", (16, 16), 80).save(shown / "2.png")
    # The command has ended meanwhile, or has begun anew.
    work.folder.end_run()
    assert _on_worker((cells, 0, []), theirs) == []
    assert not list(tmp_path.rglob("*.nc"))
    theirs = replace(theirs, run=work.folder.begin_run())
    assert _on_worker((cells, 0, []), theirs) == []
    assert len(list((tmp_path / "out" / "results").rglob("*.nc"))) == len(cells)


OTHER = """\
title = "Other"
[images.shown]
source = "shown"
[models.pixels]
model = "extraction:Pixels"
parameters = { grid = [4, 4] }
[measures.dimensionality]
measure = "analysis.measures.selectivity:dimensionality"
"""


def test_nobody_answers(pictures, tmp_path):
    done = run(
        *("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr"),
        *("--scheduler", f"tcp://127.0.0.1:{free_port()}"),
    )
    assert done.returncode == 1
    assert "Timed out" in done.stderr
    assert not (tmp_path / "f.zarr").exists()


def test_what_is_no_address(pictures, tmp_path):
    done = inside(
        "extract", pictures, *SMALL, "--output", tmp_path / "f.zarr", "--scheduler", "nonsense"
    )
    assert done.returncode == 1
    assert (
        "`scheduler` must be an address such as tcp://10.0.0.1:8786, got 'nonsense'" in done.stderr
    )


def test_without_dask_it_says_what_to_install(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr", "--workers", 1)
    assert done.returncode == 1
    assert "Install hmax-cnn with the extra `cluster`" in done.stderr
