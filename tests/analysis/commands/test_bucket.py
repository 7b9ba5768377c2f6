"""A store in a bucket: a server that speaks S3, in a process of its own on this machine."""

import os
import socket
import subprocess
import sys
import time

import pytest
from command_line import inside, run

from hmax_cnn.extraction.store.places import Remote

pytestmark = pytest.mark.slow

pytest.importorskip("s3fs")
boto3 = pytest.importorskip("boto3")
NOBODY = os.environ | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
SMALL = ["--model", "extraction:Pixels", "--set", "grid=(4, 4)", "--shard-images", "8"]


@pytest.fixture(scope="module")
def server():
    """Its address; it answers when this returns."""
    pytest.importorskip("moto")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def bucket(server):
    """A client of another library, and what commands need to know."""
    known = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3", endpoint_url=server, aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket="pictures")
    return client, os.environ | known


def objects(client):
    found = client.list_objects_v2(Bucket="pictures")["Contents"]
    return {
        one["Key"]: client.get_object(Bucket="pictures", Key=one["Key"])["Body"].read()
        for one in found
    }


READ = """
import sys, numpy as np, xarray as xr
from hmax_cnn import open_features
there, here = (open_features(path) for path in sys.argv[1:])
np.testing.assert_array_equal(there[:], here[:])
np.testing.assert_array_equal(xr.open_zarr(sys.argv[1], chunks=None)["response"], here[:])
print(*there.shape)
"""


def test_a_store_in_a_bucket(bucket, pictures, tmp_path):
    """Made, damaged, mended, read: the same bytes as in a folder."""
    client, known = bucket
    address = "s3://pictures/some/features.zarr"
    done = run("extract", pictures, *SMALL, "--output", address, env=known)
    assert done.returncode == 0, done.stderr
    assert f"in {address}" in done.stderr
    inside("extract", pictures, *SMALL, "--output", tmp_path / "f.zarr")
    local = {
        f"some/features.zarr/{path.relative_to(tmp_path / 'f.zarr').as_posix()}": path.read_bytes()
        for path in (tmp_path / "f.zarr").rglob("*")
        if path.is_file()
    }
    assert objects(client) == local
    name = "some/features.zarr/response/c/3/0"
    client.put_object(Bucket="pictures", Key=name, Body=local[name][:-1])
    done = run("store", "repair", address, env=known)
    assert "shards made: 1, already there: 4" in done.stderr
    assert objects(client) == local
    command = [sys.executable, "-P", "-c", READ, address, str(tmp_path / "f.zarr")]
    assert subprocess.check_output(command, env=known, text=True) == "36 16\n"


def test_shards_are_not_asked_for_one_by_one(bucket, pictures, monkeypatch):
    """In a bucket each question takes tens of milliseconds: one listing, and reads at once."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, bucket[1][name])
    asked = []
    for name in ("read", "size"):
        of = getattr(Remote, name)
        monkeypatch.setattr(
            Remote, name, lambda *given, of=of: asked.append(given[1]) or of(*given)
        )
    words = ["extract", pictures, *SMALL[:4], "--shard-images", "2"]
    words += ["--output", "s3://pictures/many.zarr", "--quiet"]
    assert inside(*words).returncode == 0
    asked.clear()
    done = inside(*words[:-1])
    assert "shards made: 0, already there: 18" in done.stderr
    assert [name for name in asked if "/c/" in name and name.startswith(("shards", "resp"))] == []
    asked.clear()
    assert "18 of 18" in inside("store", "info", "s3://pictures/many.zarr").stdout
    assert [name for name in asked if name.startswith(("shards", "response/c"))] == []


def test_where_there_is_no_bucket(bucket, pictures):
    """None is made: it would cost, and the name may be a slip."""
    done = run("extract", pictures, *SMALL, "--output", "s3://nobody/features.zarr", env=bucket[1])
    assert done.returncode == 1
    assert "Cannot write s3://nobody/features.zarr" in done.stderr
    assert [one["Name"] for one in bucket[0].list_buckets()["Buckets"]] == ["pictures"]


@pytest.mark.parametrize(
    ("command", "address"), [(inside, "nosuch://bucket/f.zarr"), (run, "s3://bucket/f.zarr")]
)
def test_where_nothing_can_be_reached(pictures, command, address, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, NOBODY[name])
    done = command("extract", pictures, *SMALL, "--output", address)
    assert done.returncode == 1
    assert address in done.stderr
    assert "Traceback" not in done.stderr
