"""Extraction on a Dask cluster whose processes are killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from command_line import HMAX_CNN, inside, run

pytest.importorskip("distributed")
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


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# Slow on purpose, so that a signal meets work under way.
SLOW = '''
import time
from hmax_cnn import Pixels

class Slow(Pixels):
    """Takes its time."""

    def walk(self, retina, wanted):
        time.sleep(0.02 * len(retina.values))
        yield from super().walk(retina, wanted)
'''


class Cluster:
    """A scheduler and workers, each a process of its own, which a test kills."""

    def __init__(self, folder):
        (folder / "slowly.py").write_text(SLOW)
        self.folder, self.port = folder, free_port()
        self.processes = []

    def start(self, *words):
        command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        known = os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=self.folder, env=known, **quiet)
        self.processes.append(process)
        return process

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    def scheduler(self):
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        return self.start("dask_scheduler", *options)

    def worker(self):
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "30"]
        return self.start("dask_worker", self.address, *options)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.stop()


def wait_for(folder, n_shards, process):
    """Until so many shards are there."""
    deadline = time.monotonic() + 60
    records = folder / "shards" / "record" / "c"
    while len(list(records.glob("*/0"))) < n_shards and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


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


def test_nobody_answers(pictures, tmp_path):
    done = run(
        *("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr"),
        *("--scheduler", f"tcp://127.0.0.1:{free_port()}"),
    )
    assert done.returncode == 1
    assert "Timed out" in done.stderr
    assert not (tmp_path / "f.zarr").exists()


def test_without_dask_it_says_what_to_install(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr", "--workers", 1)
    assert done.returncode == 1
    assert "Install hmax-cnn with the extra `cluster`" in done.stderr
