"""Batches, and pixel values that are out of range."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hmax_cnn.extraction import InputWarning
from hmax_cnn.extraction.arrays import own_stream
from hmax_cnn.hmax import HMAX


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda images: images / 255, "multiply by 255"),
        (lambda images: (images - images.mean()) / images.std(), "z-scores"),
        (lambda images: images * 257.0, "Divide by"),
    ],
)
def test_unexpected_range_is_warned_of(images, change, text):
    with pytest.warns(InputWarning, match=text):
        HMAX(layer="c1").transform(change(images))


@pytest.mark.parametrize("images_like", [np.uint8, np.float32, np.float64, np.int64, np.float16])
def test_expected_range_is_not(images, images_like):
    HMAX(layer="c1").transform(images.astype(images_like))
    HMAX(layer="c1").transform(np.zeros((1, 64, 64), images_like))


@pytest.mark.parametrize("memory", [-5, float("nan"), float("inf"), "a", None])
def test_what_is_no_amount_of_memory(memory):
    with pytest.raises(ValueError, match="`batch_memory` must be a number of MiB of at least 0"):
        HMAX(batch_memory=memory).wanted_layers()


@pytest.mark.parametrize("seed", ["a", -1, 1.5])
def test_what_is_no_seed(seed):
    with pytest.raises(ValueError, match="`random_state` must be a whole number of at least 0"):
        HMAX(random_state=seed).wanted_layers()


def test_an_image_that_would_fill_memory_is_refused_before_it_does():
    with pytest.raises(ValueError, match=r"8000 x 8000 pixels takes about 11\.4 GiB in HMAX"):
        HMAX(prototypes="photographs").geometry((8000, 8000), ("c2",))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_prototypes": 10**7}, "`n_prototypes` would take"),
        ({"orientations": 100_000}, "`orientations` must lie between 1 and 1000"),
        ({"orientations": tuple(range(100_000))}, "`orientations` would take"),
        ({"bands": 10**9}, "`bands` must lie between 1 and 8"),
    ],
)
def test_models_that_would_fill_memory(settings, text):
    with pytest.raises(ValueError, match=text):
        HMAX(**settings).geometry((64, 64), ("c1",))


def test_a_wrong_layer_of_many_is_answered_with_the_nearest():
    from hmax_cnn.cnn import CNN

    with pytest.raises(ValueError, match="`layer` must be one of") as caught:
        CNN("resnet50", layer="layer3.relu").wanted_layers()
    assert len(str(caught.value)) < 300
    assert "'layer3.1.relu" in str(caught.value)


@pytest.mark.parametrize("n_images", [1, 2, 7])
def test_batches_on_a_gpu_come_in_order(place, n_images):
    """Two are under way at once, each on a stream of its own; here of one image each."""
    if place.device == "cpu":
        pytest.skip("of a GPU only")
    images = np.random.default_rng(0).integers(0, 256, (n_images, 40, 40)).astype(np.uint8)
    options = {"layer": "c1", "bands": 1, "batch_memory": 0}
    expected = HMAX(**options).transform(images)
    found = HMAX(**options, device="cuda").transform(images)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_thread_keeps_its_stream(place):
    """CuPy keeps freed memory by stream: with new ones, memory would grow with the batches."""
    if place.device == "cpu":
        pytest.skip("of a GPU only")
    cupy, found = sys.modules["cupy"], []
    for _ in range(2):
        with own_stream(cupy) as stream:
            found.append(stream)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: found.append(own_stream(cupy).__enter__())).result()
    assert found[0] is found[1]
    assert found[0] is not found[2]


@pytest.mark.gpu
def test_memory_of_a_gpu_is_bounded_and_given_back():
    """Batches of 64 MB, and the steps of 128 MB of each of the two that are under way."""
    cupy = pytest.importorskip("cupy")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no GPU: {error}")
    images = np.random.default_rng(0).integers(0, 256, (300, 250, 250)).astype(np.uint8)
    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    before = pool.total_bytes()
    model = HMAX(prototypes="photographs", device="cuda", batch_memory=64)
    most = 0
    for _ in model.stream(model.open_images(images), ("c2",)):
        most = max(most, pool.total_bytes() - before)
    assert most < (64 + 2 * 128) * 2**20
    # Filters folded for the GPU stay there.
    assert pool.total_bytes() - before < 8 * 2**20
