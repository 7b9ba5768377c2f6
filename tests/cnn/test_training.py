"""Training: what is learned, how it goes on after an interruption, and how it stops."""

import os
import signal
import threading

import numpy as np
import pytest
from sklearn.datasets import load_digits

from hmax_cnn.cnn import CNN, Augmentation, DivergenceError, network
from hmax_cnn.cnn.optimisers import rate_factor
from hmax_cnn.cnn.samples import reader
from hmax_cnn.data import read_idx

BUNCH = load_digits()
DIGITS = np.pad(np.kron(BUNCH.images * 15, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4))).astype(
    np.uint8
)
LABELS = np.array([f"digit {n}" for n in BUNCH.target])
FEW = slice(0, 200)


def lenet(**settings):
    return CNN("lenet5", **({"epochs": 3, "learning_rate": 0.02, "progress": False} | settings))


def same(one, other):
    assert one.learned_.arrays.keys() == other.learned_.arrays.keys()
    for name, array in one.learned_.arrays.items():
        np.testing.assert_array_equal(array, other.learned_.arrays[name], err_msg=name)


def test_lenet_learns_digits():
    """1,400 embedded digits, the other 397 to test on: at least 85 % after 5 epochs (seen: 90.9
    %)."""
    model = lenet(epochs=5).fit(DIGITS[:1400], LABELS[:1400])
    assert model.score(DIGITS[1400:], LABELS[1400:]) > 0.85
    assert list(model.history_.columns) == ["epoch", "loss", "accuracy", "learning_rate", "seconds"]
    assert model.history_["loss"].iloc[-1] < 0.2 * model.history_["loss"].iloc[0]
    probabilities = model.predict_proba(DIGITS[1400:1410])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (model.classes_[probabilities.argmax(axis=1)] == model.predict(DIGITS[1400:1410])).all()


def test_lenet_learns_mnist(shared):
    """2 epochs on the 5,000 images: at least 90 % of 1,000 test images (seen: 93 %);
    `benchmarks/training.py` goes on to 98 %."""
    training, test = (
        read_idx(
            shared / "mnist" / f"{name}-images-idx3-ubyte.gz",
            shared / "mnist" / f"{name}-labels-idx1-ubyte.gz",
        )
        for name in ("train5k", "t10k")
    )
    model = lenet(epochs=2).fit(training, training.labels)
    some = test.subset(slice(1000))
    assert model.score(some, some.labels) > 0.9


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_interrupted_and_resumed_is_the_same_bit_for_bit(tmp_path, optimiser, monkeypatch):
    """A real SIGINT in the middle of the second epoch, with augmentation, dropout and batch
    statistics; then the same call again."""
    settings = {
        "architecture": "vgg",
        "options": {"stages": (1,), "filters": (8,), "n_dense": 16, "grid": 2, "batch_norm": True},
        "channels": 1,
        "epochs": 3,
        "optimiser": optimiser,
        "learning_rate": 0.005,
        "batch_size": 32,
        "augmentation": {"mirror": True, "crop": 1},
        "validation_fraction": 0.2,
        "progress": False,
    }
    images, labels = DIGITS[FEW, ::2, ::2], LABELS[FEW]
    whole = CNN(**settings).fit(images, labels)
    checkpoint = tmp_path / "under_way.safetensors"
    interrupted = CNN(**settings, checkpoint=checkpoint)
    updates = [0]

    def watched(images):
        read, digest = reader(images)

        def counting(indices):
            updates[0] += 1
            if updates[0] == 9:
                os.kill(os.getpid(), signal.SIGINT)
            return read(indices)

        return counting, digest

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr(network, "reader", watched)
        with pytest.raises(KeyboardInterrupt):
            interrupted.fit(images, labels)
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGINT, before)
    assert checkpoint.is_file()
    assert not hasattr(interrupted, "learned_")
    resumed = CNN(**settings, checkpoint=checkpoint).fit(images, labels)
    same(resumed, whole)
    np.testing.assert_array_equal(
        resumed.history_.drop(columns="seconds"), whole.history_.drop(columns="seconds")
    )
    same(
        CNN(**settings, checkpoint=checkpoint).fit(images, labels), whole
    )  # finished: not repeated


def test_checkpoint_of_another_training_is_refused(tmp_path):
    from hmax_cnn.cnn.checkpoints import write_checkpoint
    from hmax_cnn.cnn.training import State

    checkpoint = tmp_path / "under_way.safetensors"
    write_checkpoint(checkpoint, State({}, {}), {"epochs": 9, "loss": "softmax"})
    with pytest.raises(
        ValueError, match=r"belongs to another training: its epochs is 9, not 3. Remove it"
    ):
        lenet(checkpoint=checkpoint).fit(DIGITS[FEW], LABELS[FEW])
    checkpoint.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        lenet(checkpoint=checkpoint).fit(DIGITS[FEW], LABELS[FEW])


def test_threads_give_the_same_to_rounding():
    one, other = (lenet(epochs=1, n_threads=n).fit(DIGITS[FEW], LABELS[FEW]) for n in (1, 2))
    np.testing.assert_allclose(one.transform(DIGITS[:9]), other.transform(DIGITS[:9]), atol=1e-3)
    same(one, lenet(epochs=1, n_threads=1).fit(DIGITS[FEW], LABELS[FEW]))


@pytest.mark.parametrize("rate", [1e3, 5.0])
def test_divergence_is_explained(rate):
    with pytest.raises(
        DivergenceError,
        match=r"Training diverged: the loss .* at update \d+, in epoch \d.*Lower `learning_rate`",
    ):
        lenet(learning_rate=rate, epochs=20).fit(DIGITS[FEW], LABELS[FEW])


def test_early_stopping_keeps_the_best():
    model = lenet(
        epochs=40, validation_fraction=0.3, patience=2, learning_rate=0.05, schedule="constant"
    ).fit(DIGITS[FEW], LABELS[FEW])
    history = model.history_
    assert len(history) < 40
    assert history["validation_loss"].idxmin() == len(history) - 3
    held = [i for i in range(200) if i not in set(learnt_from(model))]
    assert len(held) == pytest.approx(60, abs=5)
    assert model.score(DIGITS[held], LABELS[held]) == pytest.approx(
        history["validation_accuracy"].iloc[-3]
    )


def learnt_from(model):
    from dataclasses import fields

    from hmax_cnn.cnn.course import Course
    from hmax_cnn.cnn.training import Lesson

    targets = np.searchsorted(model.classes_, LABELS[FEW])
    given = {one.name: getattr(model, one.name) for one in fields(Course)}
    course = Course(**given)
    return Lesson(model.graph_, course, None, None, targets, np).split()[0]


def test_schedules():
    assert [rate_factor("step", p) for p in (0.2, 0.6, 0.8)] == pytest.approx([1, 0.1, 0.01])
    assert [rate_factor("cosine", p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    model = lenet(epochs=4, schedule="linear").fit(DIGITS[FEW], LABELS[FEW])
    assert (np.diff(model.history_["learning_rate"]) < 0).all()


def test_progress_shows_loss_and_accuracy_as_they_come(capsys, monkeypatch):
    """The bar of a real training, shown at once: the epoch, its loss and accuracy so far, and a
    line of bars for the losses before."""
    from hmax_cnn.cnn import training
    from hmax_cnn.extraction.progress import progress_bar

    at_once = {"delay": 0, "mininterval": 0}
    monkeypatch.setattr(
        training, "progress_bar", lambda **options: progress_bar(**(options | at_once))
    )
    model = lenet(epochs=4, progress=True).fit(DIGITS[FEW], LABELS[FEW])
    shown = capsys.readouterr().err
    assert "epoch 1/4" in shown
    assert "epoch 4/4" in shown
    assert f"accuracy {100 * model.history_['accuracy'].iloc[-1]:.1f} %" in shown
    assert "█" in shown.rpartition("accuracy")[2]


def test_partial_fit_goes_on():
    model = lenet().partial_fit(DIGITS[FEW], LABELS[FEW], classes=np.unique(LABELS))
    first = model.score(DIGITS[FEW], LABELS[FEW])
    for _ in range(8):
        model.partial_fit(DIGITS[FEW], LABELS[FEW])
    assert model.score(DIGITS[FEW], LABELS[FEW]) > max(0.9, first)
    assert len(model.history_) == 9
    with pytest.raises(ValueError, match="must be passed on the first call"):
        lenet().partial_fit(DIGITS[FEW], LABELS[FEW])
    with pytest.raises(ValueError, match="which is not among the classes"):
        model.partial_fit(DIGITS[:2], ["digit 1", "digit 11"])


def test_transfer_freezes_and_replaces_the_head(tmp_path):
    model = lenet().fit(DIGITS[FEW], LABELS[FEW])
    model.write(tmp_path / "digits.safetensors")
    even = np.where(BUNCH.target % 2, "odd", "even")[FEW]
    other = CNN(
        weights=tmp_path / "digits.safetensors",
        epochs=2,
        freeze_up_to="s4",
        replace_head=True,
        progress=False,
    ).fit(DIGITS[FEW], even)
    assert list(other.classes_) == ["even", "odd"]
    for name in ("c1.weight", "c3.bias"):
        np.testing.assert_array_equal(other.learned_.arrays[name], model.learned_.arrays[name])
    assert (other.learned_.arrays["c5.weight"] != model.learned_.arrays["c5.weight"]).any()
    assert other.learned_.mean == model.learned_.mean
    with pytest.raises(ValueError, match="`freeze_up_to` must be one of 'c1'"):
        CNN(
            weights=tmp_path / "digits.safetensors", epochs=1, freeze_up_to="c9", replace_head=True
        ).fit(DIGITS[FEW], even)
    with pytest.raises(
        ValueError, match=r"output.weight \(10, 84\) where \(2, 84\) is needed.*replace_head=True"
    ):
        CNN(weights=tmp_path / "digits.safetensors", epochs=1).fit(DIGITS[FEW], even)


def test_frozen_batch_norm_keeps_its_statistics():
    settings = {
        "architecture": "resnet",
        "options": {"stages": (1, 1)},
        "channels": 1,
        "progress": False,
    }
    model = CNN(**settings, epochs=1, freeze_up_to="layer1.0.relu").fit(DIGITS[:64], LABELS[:64])
    assert not model.learned_.arrays["bn1.running_mean"].any()
    assert model.learned_.arrays["layer2.0.bn1.running_mean"].any()


def test_auxiliary_heads_take_part():
    model = CNN(
        "googlenet",
        options={"auxiliary": True, "image_shape": (80, 80)},
        channels=1,
        epochs=1,
        batch_size=4,
        progress=False,
    )
    model.fit(np.kron(DIGITS[:8], np.ones((3, 3))).astype(np.uint8)[:, :80, :80], LABELS[:8])
    start = model.graph_.draw(0, (80, 80))
    assert (model.learned_.arrays["aux1.fc1.weight"] != start["aux1.fc1.weight"]).any()


def test_a_training_in_a_thread():
    """Where signals cannot be heard."""
    done = []
    thread = threading.Thread(
        target=lambda: done.append(lenet(epochs=1).fit(DIGITS[:40], LABELS[:40]))
    )
    thread.start()
    thread.join()
    assert len(done) == 1


# Augmentation -----------------------------------------------------------------------------------

EVERYTHING = Augmentation(mirror=True, crop=3, rotation=20, shear=10, warp=1.5, colour=0.2)


def test_augmentation_is_seeded():
    one, again, other = (
        EVERYTHING.apply(DIGITS[:5], np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any(axis=(1, 2)).all()
    assert one.dtype == np.float32
    assert one.shape == DIGITS[:5].shape
    assert 0 <= one.min() <= one.max() <= 255


def test_no_augmentation_changes_nothing():
    np.testing.assert_allclose(
        Augmentation().apply(DIGITS[:3], np.random.default_rng(0)), DIGITS[:3], atol=1e-3
    )


def test_mirror_is_exact_and_half():
    changed = Augmentation(mirror=True).apply(DIGITS[:60], np.random.default_rng(0))
    mirrored = [
        np.allclose(one, digit[:, ::-1], atol=1e-3)
        for one, digit in zip(changed, DIGITS, strict=False)
    ]
    kept = [np.allclose(one, digit, atol=1e-3) for one, digit in zip(changed, DIGITS, strict=False)]
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert 15 < sum(mirrored) < 45


def test_rotation_is_in_degrees():
    """A bar turned by up to 30 degrees: its direction, from second moments, never further, and on
    average half of it (uniform)."""
    bar = np.zeros((1, 65, 65), np.float32)
    bar[:, 30:35, 10:55] = 200
    changed = Augmentation(rotation=30).apply(np.repeat(bar, 200, axis=0), np.random.default_rng(0))
    y, x = np.indices((65, 65)) - 32.0
    moments = [(image * a * b).sum() for image in changed for a, b in ((x, x), (y, y), (x, y))]
    xx, yy, xy = np.array(moments).reshape(-1, 3).T
    angles = np.rad2deg(0.5 * np.arctan2(2 * xy, xx - yy))
    assert np.abs(angles).max() == pytest.approx(30, abs=1.0)
    assert np.abs(angles).mean() == pytest.approx(15, abs=1.5)


def test_colour_shifts_channels_apart():
    grey = np.full((20, 8, 8, 3), 100, np.uint8)
    changed = Augmentation(colour=0.3).apply(grey, np.random.default_rng(0))
    means = changed.mean(axis=(1, 2))
    assert (np.abs(means - 100) <= 30 + 1e-3).all()
    assert (means.std(axis=1) > 0.1).all()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"flip": True},
            "`augmentation` knows mirror, crop, rotation, shear, warp, colour, got 'flip'",
        ),
        ({"crop": -1}, "not negative for 'crop', got -1"),
        ({"shear": 90}, "a shear below 90 degrees"),
        ({"rotation": "much"}, "not negative for 'rotation', got 'much'"),
    ],
)
def test_bad_augmentation_is_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        lenet(augmentation=settings).fit(DIGITS[FEW], LABELS[FEW])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"loss": "hinge"}, "`loss` must be one of 'softmax', 'logistic', 'squared', got 'hinge'"),
        ({"schedule": "warm"}, "`schedule` must be one of 'constant'"),
        ({"optimiser": "rmsprop"}, "`optimiser` must be one of 'sgd', 'adam', got 'rmsprop'"),
        ({"learning_rate": -1}, "`learning_rate` must be a number from 0 to inf, got -1"),
        ({"batch_size": 0}, "`batch_size` must be a whole number from 1"),
        ({"momentum": 1.5}, "`momentum` must be a number from 0 to 1, got 1.5"),
        (
            {"patience": 3},
            "`patience` must be at least 1 and needs a `validation_fraction` above 0",
        ),
        ({"standardise": "best"}, "`standardise` must be 'imagenet' or"),
    ],
)
def test_bad_settings_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        lenet(**settings).fit(DIGITS[FEW], LABELS[FEW])


def test_bad_labels_and_images_are_refused():
    with pytest.raises(ValueError, match="requires y to be passed"):
        lenet().fit(DIGITS[FEW])
    with pytest.raises(ValueError, match="one label for each of the 200 images, got 3"):
        lenet().fit(DIGITS[FEW], LABELS[:3])
    with pytest.raises(ValueError, match="at least two classes, got one class"):
        lenet().fit(DIGITS[:5], ["a"] * 5)
    with pytest.raises(ValueError, match=r"must have one size to learn from, got \(30, 32\)"):
        lenet().fit([DIGITS[0], DIGITS[1][:30]], ["a", "b"])
    model = lenet(epochs=1).fit(DIGITS[:20], LABELS[:20])
    with pytest.raises(
        ValueError,
        match=r"`images` of 40 x 40 pixels do not suit this network.*Resize them to 32 x 32",
    ):
        model.scores(np.zeros((1, 40, 40), np.uint8))


CHANGES = {
    "images": {"images": DIGITS[200:400]},
    "network": {"options": {"dropout": 0.9}},
    "classes": {"labels": np.char.add(LABELS[FEW], "!")},
    "standardise": {"standardise": ((0.0,), (255.0,))},
    "n_threads": {"n_threads": 1},
    "learning_rate": {"learning_rate": 0.5},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_checkpoint_belongs_to_one_training(tmp_path, changed):
    settings = {
        "architecture": "simplenet",
        "options": {"dropout": 0.0},
        "epochs": 1,
        "n_threads": 2,
        "checkpoint": tmp_path / "under_way.safetensors",
    }
    images = np.kron(DIGITS[FEW], np.ones((2, 2))).astype(np.uint8)
    CNN(**settings, progress=False).fit(images, LABELS[FEW])
    other = dict(CHANGES[changed])
    others = np.kron(other.pop("images", DIGITS[FEW]), np.ones((2, 2))).astype(np.uint8)
    labels = other.pop("labels", LABELS[FEW])
    with pytest.raises(ValueError, match=f"belongs to another training: its {changed} is"):
        CNN(**(settings | other), progress=False).fit(others, labels)


def test_partial_fit_after_other_ways_to_begin():
    untrained = CNN("lenet5", weights="untrained", options={"n_classes": 10}, progress=False).fit(
        DIGITS[FEW]
    )
    untrained.partial_fit(DIGITS[FEW], LABELS[FEW], classes=np.unique(LABELS))
    assert set(untrained.predict(DIGITS[:9])) <= set(LABELS)
    with pytest.raises(ValueError, match="as many as the network has scores, 10, got 3"):
        CNN("lenet5", weights="untrained").fit(DIGITS[FEW]).partial_fit(
            DIGITS[:3], [0, 1, 2], classes=[0, 1, 2]
        )
    model = lenet(epochs=2).fit(DIGITS[FEW], LABELS[FEW]).partial_fit(DIGITS[FEW], LABELS[FEW])
    assert model.history_["epoch"].tolist() == [1, 2, 3]
    model.set_params(optimiser="adam", learning_rate=1e-4).partial_fit(DIGITS[FEW], LABELS[FEW])
    fresh = lenet()
    with pytest.raises(ValueError, match="not among the classes"):
        fresh.partial_fit(DIGITS[:2], ["a", "c"], classes=["a", "b"])
    fresh.partial_fit(DIGITS[:2], ["a", "c"], classes=["a", "b", "c"])


def test_grey_among_coloured_images():
    mixed = [DIGITS[0], np.stack([DIGITS[1]] * 3, axis=-1), DIGITS[2]]
    model = lenet(epochs=1).fit(mixed, ["a", "b", "a"])
    np.testing.assert_allclose(model.transform(mixed), model.transform(DIGITS[:3]), atol=1e-4)


def test_options_do_not_overrule_labels():
    with pytest.raises(ValueError, match="n_classes=5, but there are 10 classes"):
        lenet(options={"n_classes": 5}).fit(DIGITS[FEW], LABELS[FEW])
    with pytest.raises(ValueError, match="`freeze_up_to` 'output' leaves nothing to learn"):
        lenet(freeze_up_to="output").fit(DIGITS[FEW], LABELS[FEW])


def test_changed_parameters_do_not_change_what_was_fitted(tmp_path):
    model = lenet(epochs=1).fit(DIGITS[FEW], LABELS[FEW])
    model.set_params(architecture="simplenet").write(tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(
        CNN(weights=tmp_path / "weights.safetensors").transform(DIGITS[:3]),
        model.transform(DIGITS[:3]),
    )
