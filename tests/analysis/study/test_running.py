"""Running a study, killed, interrupted, resumed; what of the user's counts and stays."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from filelock import FileLock
from PIL import Image
from small_study import contents, without_figures, written

from hmax_cnn.analysis.figures.seeds import over_seeds
from hmax_cnn.analysis.figures.tables import tables
from hmax_cnn.analysis.interrupted import Interrupted
from hmax_cnn.analysis.study import open_results, run_study
from hmax_cnn.analysis.study.running import FailedCellsError
from hmax_cnn.data import SkippedImagesWarning

SLOW = '''
import time
import xarray as xr
from hmax_cnn import measure

@measure(takes="responses", given=("random_state",))
def slow(responses, seconds=0.2, random_state=0):
    """Takes its time."""
    time.sleep(seconds)
    return xr.Dataset({"layer_value": ("layer", [float(responses.mean())])}, {"layer": ["all"]})
'''


def running(path, output, *options):
    """The command that runs a study in a process of its own."""
    module = "hmax_cnn"
    command = [sys.executable, "-m", module, "study", "run", str(path), "--output", str(output)]
    return [*command, *options]


@pytest.mark.slow
def test_the_same_twice_on_two_processes(ran, tmp_path):
    """A second run, on two processes, gives the same bytes in every file but the manifest."""
    path, out, _ = ran
    run_study(path, tmp_path / "again", jobs=2, progress=False)
    one, other = contents(out), contents(tmp_path / "again")
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.slow
def test_as_run_again(ran, tmp_path):
    """The study that was written out, with its defaults, makes the same results."""
    _, out, _ = ran
    run_study(out / "study.toml", tmp_path / "again", jobs=1, progress=False)
    assert contents(out) == contents(tmp_path / "again")


@pytest.mark.slow
def test_killed_three_times_and_resumed(tmp_path):
    """SIGKILL at random places, then --resume: nothing half-written, and in the end the same bytes
    as a run that nobody disturbed."""
    (tmp_path / "slow_measure.py").write_text(SLOW)
    slow = """[measures.slow]
measure = "slow_measure:slow"
images = ["shapes"]
models = ["pixels", "filters", "linear"]
transformations = ["position"]

[measures.alignment]"""
    small = """[images.small]
source = "digits"
resize = "stretch:32x32"
per_class = 2

[models.pixels]"""
    path = without_figures(
        tmp_path,
        ("[measures.alignment]", slow),
        ("[models.pixels]", small),
        ('learns_from = "digits"', 'learns_from = "small"'),
        ('models = ["pixels", "linear"]', 'models = ["pixels"]'),
    )
    run_study(path, tmp_path / "calm", jobs=1, progress=False)
    command = running(path, tmp_path / "killed", "--resume", "--quiet", "--jobs")
    chance = np.random.default_rng(1)
    for n_cells, jobs in ((1, "2"), (3, "1"), (5, "1")):
        process = subprocess.Popen([*command, jobs], start_new_session=True, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while (
            len(list((tmp_path / "killed").glob("results/**/seed*.nc"))) < n_cells
            and time.monotonic() < deadline
            and process.poll() is None
        ):
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for kept in (tmp_path / "killed").glob("results/**/[!.]*.nc"):
            xr.load_dataset(kept, engine="h5netcdf")
    done = subprocess.run([*command, "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, other = contents(tmp_path / "calm"), contents(tmp_path / "killed")
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.slow
def test_interrupted_by_hand(tmp_path):
    """Ctrl-C ends with status 130 and says what is kept and how to go on; going on makes only the
    rest."""
    (tmp_path / "slow_measure.py").write_text(SLOW)
    path = written(
        tmp_path,
        ("analysis.measures.populations:population_similarity", "slow_measure:slow"),
        ("units = 20", "units = 20\nseeds = [0, 1, 2]"),
        ('[figures.invariance]\nfigure = "invariance"\nmeasures = ["similarity"]\n', ""),
    )
    command = running(path, tmp_path / "out", "--jobs", "1")
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("results/**/seed*.nc")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "cells are kept in" in said
    assert "with --resume to go on" in said
    n_kept = len(list((tmp_path / "out").glob("results/**/[!.]*.nc")))
    assert n_kept >= 1
    assert not list((tmp_path / "out").rglob(".seed*"))
    done = run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False)
    assert done.n_made == done.n_cells - n_kept


@pytest.mark.slow
def test_only_what_changed_is_made_again(tmp_path):
    """A resumed study keeps cells of the same things: a changed measure, model or module is made
    again, a measure that is gone is taken away."""
    (tmp_path / "own_measure.py").write_text(SLOW)
    path = without_figures(tmp_path, ("analysis.measures.alignment:cka", "own_measure:slow"))
    assert run_study(path, tmp_path / "out", jobs=1, progress=False).n_made == 6
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 0
    without_figures(
        tmp_path,
        ("analysis.measures.alignment:cka", "own_measure:slow"),
        ("n_folds = 2", "n_folds = 3"),
    )
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 2
    (tmp_path / "own_measure.py").write_text(SLOW.replace("0.2", "0.01"))
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 2
    gone = (
        '[measures.alignment]\nmeasure = "analysis.measures.alignment:cka"\nmodels = ["pixels", '
        '"filters"]\nimages = ["shapes"]\n'
    )
    without_figures(tmp_path, (gone, ""), ("n_folds = 2", "n_folds = 3"), ("[8, 8]", "[4, 4]"))
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 2
    assert not (tmp_path / "out" / "results" / "alignment").exists() or not list(
        (tmp_path / "out" / "results" / "alignment").rglob("*.nc")
    )
    assert not (tmp_path / "out" / "tables" / "alignment.csv").exists()


def test_folders_that_are_not_ours(ran, tmp_path):
    """Nothing is written over: a folder with something in it needs --resume, and a study in it."""
    path, out, _ = ran
    with pytest.raises(
        FileExistsError,
        match=r"is not empty. Add --resume to go on with the study in it, or give another folder",
    ):
        run_study(path, out, progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(FileExistsError, match="holds no study to go on with"):
        run_study(path, tmp_path / "other", resume=True, progress=False)
    assert (tmp_path / "other" / "thesis.tex").read_text() == "mine"
    with pytest.raises(NotADirectoryError, match=r"it is a file\. Give a folder"):
        run_study(path, path, progress=False)


FAILS = """
from hmax_cnn import measure

@measure(takes="responses")
def fails(responses):
    raise ValueError("`responses` are not to its taste.")
"""


FAILS_FOR_ONE = """
from hmax_cnn import measure
from hmax_cnn.analysis.measures.populations import population_similarity

@measure(takes="responses", needs=("transformation",), given=("resampling",))
def similarity(responses, resampling):
    if "Pixels" in responses.attrs["model"]:
        raise ValueError("`responses` are not to its taste.")
    return population_similarity(responses, resampling=resampling)
"""


@pytest.mark.slow
def test_a_figure_of_some_that_failed(tmp_path):
    """One of two models fails: the figure shows the other, and its caption says so."""
    (tmp_path / "half_failing.py").write_text(FAILS_FOR_ONE)
    path = written(
        tmp_path, ("analysis.measures.populations:population_similarity", "half_failing:similarity")
    )
    with pytest.raises(FailedCellsError, match="1 of 7 cells failed"):
        run_study(path, tmp_path / "out", jobs=1, progress=False)
    shown = pd.read_csv(tmp_path / "out" / "figures" / "invariance.csv")
    assert shown["model"].unique().tolist() == ["classical filters"]
    told = "Not shown, since they failed: similarity/pixels/shapes/position/seed0."
    assert told in (tmp_path / "out" / "figures" / "invariance.txt").read_text()


@pytest.mark.slow
def test_a_cell_that_fails(tmp_path):
    """The others are made and kept; the reason is told once, with the cells; mended, only they are
    made."""
    (tmp_path / "failing.py").write_text(FAILS)
    path = written(
        tmp_path, ("analysis.measures.populations:population_similarity", "failing:fails")
    )
    with pytest.raises(
        FailedCellsError,
        match=(
            r"2 of 7 cells failed:\n  similarity/pixels/shapes/position/seed0, "
            r"similarity/filters.*to its taste"
        ),
    ) as raised:
        run_study(path, tmp_path / "out", jobs=1, progress=False)
    assert "The other 5, with their tables and figures, are in" in str(raised.value)
    out = tmp_path / "out"
    assert (out / "figures" / "accuracy.png").is_file()
    assert not (out / "figures" / "invariance.png").exists()  # of failed cells only
    assert {path.stem for path in (out / "tables").glob("*.csv")} == {
        *("accuracy", "accuracy.layer_image", "accuracy.layer_label_predicted", "alignment"),
        *("missing", "not_significant_or_undefined", "key_results"),
    }
    page = (out / "report.html").read_text()
    assert "similarity/pixels/shapes/position/seed0: ValueError: `responses` are not to" in page
    written(tmp_path)
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 2
    assert (out / "figures" / "invariance.png").is_file()
    assert not (out / "tables" / "missing.csv").exists()
    assert "missing" not in (out / "report.html").read_text().lower()


OWN = {
    "my_model.py": '''
from collections.abc import Iterator
import numpy as np
from hmax_cnn import FeatureExtractor, Maps

class Squares(FeatureExtractor):
    """Squared luminance."""

    layer_names = ("squares",)

    def __init__(self, power=2, *, layer="squares", image_shape=None, device="cpu", batch_memory=256, n_threads=None, progress=None):
        self.power, self.layer, self.image_shape, self.device = power, layer, image_shape, device
        self.batch_memory, self.n_threads, self.progress = batch_memory, n_threads, progress

    def learn(self, images, labels):
        pass

    def walk(self, retina, wanted):
        yield "squares", [Maps(retina.values**self.power, retina.field)], None
''',
    "my_measure.py": '''
import pandas as pd
from hmax_cnn import measure

@measure(takes="responses")
def range_of(responses, factor=1.0):
    """How far responses reach."""
    return pd.DataFrame({"layer": [str(responses["layer"].values[0])], "value": [factor * float(responses.max() - responses.min())], "low": [0.0], "high": [1e9]})
''',
    "my_figure.py": '''
from matplotlib.figure import Figure
from hmax_cnn import figure

@figure(draws="table", seeds="mean")
def ranges(table, width="single", colours=None):
    """Ranges as bars."""
    figure = Figure()
    figure.subplots().bar(table["model"], table["value"], color=[colours[model] for model in table["model"]])
    return figure
''',
}


@pytest.mark.slow
def test_own_model_measure_and_figure(tmp_path):
    """Three small files beside the study take part, on other processes, too; nothing of ours is
    edited."""
    for name, text in OWN.items():
        (tmp_path / name).write_text(text)
    path = written(
        tmp_path,
        (
            'model = "extraction:FilterBank"',
            'model = "my_model:Squares"\nparameters = { power = 3 }',
        ),
        (
            'measure = "analysis.measures.alignment:cka"',
            'measure = "my_measure:range_of"\nparameters = { factor = 2.0 }',
        ),
        (
            'figure = "accuracy"\nmeasures = ["accuracy"]',
            'figure = "my_figure:ranges"\nmeasures = ["alignment"]',
        ),
    )
    run_study(path, tmp_path / "out", jobs=2, progress=False)
    table = pd.read_csv(tmp_path / "out" / "tables" / "alignment.csv")
    assert table["layer"].tolist() == ["pixels", "squares"]
    assert table["value"].iloc[1] > table["value"].iloc[0] > 0
    assert "Ranges as bars." in (tmp_path / "out" / "figures" / "accuracy.txt").read_text()
    assert set(json.loads((tmp_path / "out" / "manifest.json").read_text())["modules"]) == set(OWN)


OWN_DESIGN = """
import numpy as np
import pandas as pd
from hmax_cnn import measure

@measure(takes="responses", given=("random_state",), design=("size",))
def spread(responses, random_state=0):
    \"\"\"Spread of a sample of images, by its size.\"\"\"
    order = np.random.default_rng(random_state).permutation(responses.sizes["image"])
    rows = []
    for size in (2, 4):
        value = float(responses.isel(image=order[:size]).std("image").mean())
        rows.append({"layer": str(responses["layer"].values[0]), "size": size, "value": value})
    return pd.DataFrame(rows).assign(low=np.nan, high=np.nan)
"""


def test_a_design_of_ones_own(tmp_path):
    """The mean over seeds is taken for each row of the design that a measure declares."""
    (tmp_path / "my_spread.py").write_text(OWN_DESIGN)
    path = without_figures(
        tmp_path,
        ("units = 20", "units = 20\nseeds = [0, 1]"),
        ('measure = "analysis.measures.alignment:cka"', 'measure = "my_spread:spread"'),
    )
    run_study(path, tmp_path / "out", jobs=1, progress=False)
    table = pd.read_csv(tmp_path / "out" / "tables" / "alignment.csv")
    assert table.groupby("model")["size"].apply(list).tolist() == [[2, 4, 2, 4]] * 2
    found = tables(open_results(tmp_path / "out"))["table"].query("measure == 'alignment'")
    assert "size" in found.attrs["design"]
    means = over_seeds(found)
    assert means.groupby("model")["size"].apply(list).tolist() == [[2, 4]] * 2
    first = table.query("model == 'pixels' and size == 2")["value"]
    of_pixels = means.query("model == 'pixels' and size == 2")["value"]
    assert of_pixels.item() == pytest.approx(first.mean())


@pytest.mark.slow
def test_several_seeds(tmp_path):
    """Every cell is made for each seed; weights and units differ, images do not."""
    path = written(
        tmp_path,
        ("units = 20", "units = 20\nseeds = [0, 1, 2]"),
        ('models = ["pixels", "filters"]\nimages = ["shapes"]\n\n', 'images = ["digits"]\n\n'),
    )
    run_study(path, tmp_path / "out", jobs=1, progress=False)
    table = pd.read_csv(tmp_path / "out" / "tables" / "accuracy.csv")
    assert table.groupby("model")["seed"].apply(list).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert "Student's t over 3 seeds" in (tmp_path / "out" / "figures" / "accuracy.txt").read_text()
    models = [
        (tmp_path / "out" / "models" / f"linear-seed{seed}.npz").read_bytes() for seed in (0, 1)
    ]
    assert models[0] != models[1]
    assert (
        "linear-seed1.npz"
        in json.loads((tmp_path / "out" / "manifest.json").read_text())["models"]["linear"]["1"][
            "made_from"
        ]
    )


def test_interrupted_before_anything(tmp_path, monkeypatch):
    """Ctrl-C while images are read is told as such."""
    monkeypatch.setattr(
        "hmax_cnn.analysis.study.running.fingerprint",
        lambda *_: (_ for _ in ()).throw(KeyboardInterrupt),
    )
    with pytest.raises(Interrupted, match="before anything was computed"):
        run_study(without_figures(tmp_path), tmp_path / "out", jobs=1, progress=False)


def test_damaged_files_are_made_again(tmp_path):
    """A result whose bytes were changed on disk is no result."""
    path = without_figures(tmp_path)
    run_study(path, tmp_path / "out", jobs=1, progress=False)
    kept = contents(tmp_path / "out")
    for number, name in enumerate(
        sorted(name for name in kept if name.startswith("results/similarity"))
    ):
        damaged = bytearray(kept[name])
        damaged[: 600 if number else len(damaged) // 2] = b"\0" * (
            600 if number else len(damaged) // 2
        )
        (tmp_path / "out" / name).write_bytes(damaged)
    assert run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False).n_made == 2
    assert contents(tmp_path / "out") == kept


@pytest.mark.slow
def test_what_is_the_users_stays(tmp_path):
    """Files that the study did not write are left alone, hidden ones too; another study's folder is
    not taken over."""
    path = written(tmp_path)
    run_study(path, tmp_path / "out", jobs=1, progress=False)
    mine = [
        tmp_path / "out" / name
        for name in (
            "tables/notes.csv",
            "figures/mine.png",
            ".git-blame-ignore-revs",
            "results/own.nc",
        )
    ]
    for file in mine:
        file.write_text("mine")
    for _ in range(2):
        run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False)
        assert all(file.read_text() == "mine" for file in mine)
    renamed = [
        (f"[measures.{old}]", f"[measures.{new}]")
        for old, new in (("similarity", "a"), ("accuracy", "b"), ("alignment", "c"))
    ]
    drawn = [
        (f'measures = ["{old}"]', f'measures = ["{new}"]')
        for old, new in (("similarity", "a"), ("accuracy", "b"))
    ]
    other = written(tmp_path, *renamed, *drawn, name="other.toml")
    with pytest.raises(
        FileExistsError, match="holds another study: none of its cells is in this one"
    ):
        run_study(other, tmp_path / "out", resume=True, jobs=1, progress=False)
    assert (tmp_path / "out" / "results" / "similarity").is_dir()


def test_images_that_a_model_has_learned_from(tmp_path):
    """Learned images under another name are learned images: readouts learn anew, and measures of
    responses with labels are warned of."""
    same = (
        '[images.again]\nsource = "digits"\nresize = "stretch:16x16"\nper_class = '
        "3\n\n[models.pixels]"
    )
    alignment = (
        'measure = "analysis.measures.alignment:cka"\nmodels = ["pixels", "filters"]\nimages = '
        '["shapes"]'
    )
    retrieval = (
        'measure = "analysis.measures.retrieval:retrieval"\nmodels = ["linear"]\nimages = ["again"]'
    )
    shown = ('images = ["digits"]\nmodels', 'images = ["again"]\nmodels')
    path = without_figures(tmp_path, ("[models.pixels]", same), shown, (alignment, retrieval))
    done = run_study(path, tmp_path / "out", jobs=1, progress=False)
    assert open_results(tmp_path / "out")["accuracy/linear/again/seed0"].attrs["learned_anew"] == 1
    assert any(
        "'alignment' shows 'linear, learned' images of 'again' that it has learned from" in warning
        for warning in done.warnings
    )


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    """SIGKILL of the process that the user sees: its workers are soon gone.

    Within five seconds on a quiet machine (benchmarks/kills.py); this one may be busy.
    """
    (tmp_path / "slow_measure.py").write_text(SLOW.replace("seconds=0.2", "seconds=20"))
    slow = """[measures.slow]
measure = "slow_measure:slow"
images = ["shapes"]

[measures.alignment]"""
    path = without_figures(tmp_path, ("[measures.alignment]", slow))
    command = running(path, tmp_path / "killed", "--quiet", "--jobs", "2")
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    def living():
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if fields[3] == str(process.pid) and fields[0] != "Z":
                    found.append(stat)
        return found

    deadline = time.monotonic() + 120
    while len(living()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 40
    while living() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not living()


def test_files_of_the_user_stay(ran, tmp_path):
    """Whatever the user keeps in a study's folder, going on removes only what a study made."""
    path, out, _ = ran
    shutil.copytree(out, tmp_path / "out")
    mine = [".notes-20240101.txt", "responses/mine.txt", "models/.mine.checkpoint"]
    for name in mine:
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("mine")
    run_study(path, tmp_path / "out", resume=True, jobs=1, progress=False)
    assert all((tmp_path / "out" / name).read_text() == "mine" for name in mine)


def test_one_run_at_a_time_in_a_folder(ran, tmp_path):
    path, _, _ = ran
    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / ".lock"),
        pytest.raises(RuntimeError, match="Another run is writing into"),
    ):
        run_study(path, tmp_path / "out", jobs=1, progress=False)


def test_what_is_doubtful_of_images_is_told(tmp_path):
    """A picture in training and test, and a file that cannot be read, stand in the warnings."""
    rng = np.random.default_rng(0)
    for part, one, number in product(("train", "val"), "ab", range(2)):
        place = tmp_path / "set" / part / one / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture = rng.integers(0, 256, (32, 32), dtype=np.uint8)
        Image.fromarray(picture).save(place)
    root = tmp_path / "set"
    shutil.copy(root / "train" / "a" / "0.png", root / "val" / "a" / "2.png")
    (root / "val" / "b" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(16))
    study = """title = "Doubtful"
resamples = 4
[models.pixels]
model = "extraction:Pixels"
parameters = { grid = [4, 4] }
[images.set]
source = "set"
[measures.accuracy]
measure = "analysis.measures.classification:classification"
"""
    (tmp_path / "study.toml").write_text(study)
    with pytest.warns(SkippedImagesWarning, match=r"HEIC\): val/b/phone\.heic"):
        done = run_study(tmp_path / "study.toml", tmp_path / "out", jobs=1, progress=False)
    told = "\n".join(done.warnings)
    assert "Images 'set': 1 held-out images are training images too" in told
    assert "Images 'set': 1 files were passed over, such as val/b/phone.heic" in told
