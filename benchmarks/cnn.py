"""Training steps and forward passes of networks, beside PyTorch, ONNX Runtime and OpenVINO."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from typing import Any

import numpy as np

from .rounds import ON_PROCESSOR, OURS, Case, answer, timed

SMALL = {"stages": (1, 1, 2), "filters": (64, 128, 256), "n_dense": 256, "grid": 4}
VGG16 = ((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), 4096, 7, 10)
TRAINS = ["PyTorch", "PyTorch, channels last"]
PASSES = [*TRAINS, "PyTorch, compiled", "ONNX Runtime", "OpenVINO"]


def cases() -> list[Case]:
    """The rows of the table."""
    lenet = options_of("lenet5", {}, "lenet", (), 128, 28, 20, trains=True)
    small = options_of("vgg", SMALL, "vgg", (*SMALL.values(), 10), 64, 32, 5, trains=True)
    resnet18 = options_of("resnet18", {}, "resnet", ((2, 2, 2, 2), 10), 32, 64, 5, trains=True)
    one = options_of("vgg16", {}, "vgg", VGG16, 1, 224, 3)
    resnet50 = options_of("resnet50", {}, "resnet", ((3, 4, 6, 3), 10, True), 8, 224, 2)
    return [
        Case("LeNet-5, 28 x 28, batch 128, training step", "cnn", lenet, TRAINS, 1.0, 0.8),
        Case("VGG-like, 32 x 32, batch 64, training step", "cnn", small, TRAINS, 0.95, 0.80),
        Case("ResNet-18, 64 x 64, batch 32, training step", "cnn", resnet18, TRAINS, 1.15, 1.0),
        Case("VGG-16, 224 x 224, batch 1, forward", "cnn", one, PASSES, 0.75, 0.65),
        Case(
            "VGG-16, 224 x 224, batch 8, forward", "cnn", one | {"n_images": 8}, PASSES, 0.75, 0.65
        ),
        Case("ResNet-50, 224 x 224, batch 8, forward", "cnn", resnet50, PASSES, 1.0, 0.9),
    ]


def options_of(
    architecture: str,
    options: dict[str, Any],
    maker: str,
    arguments: tuple[Any, ...],
    n_images: int,
    size: int,
    repeats: int,
    *,
    trains: bool = False,
    device: str = "cpu",
) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "options": options,
        "maker": maker,
        "arguments": arguments,
        "n_images": n_images,
        "size": size,
        "repeats": repeats,
        "trains": trains,
        "device": device,
    }


def side(name: str, case: dict[str, Any]) -> None:
    """Measure one side in this process: seconds of a step or a pass."""
    from hmax_cnn.cnn import build
    from hmax_cnn.extraction.arrays import device_namespace, n_cores
    from hmax_cnn.extraction.parallel import workers

    if case.get("tf32"):
        os.environ["CUPY_TF32"] = "1"
    shape = (case["size"], case["size"])
    graph = build(case["architecture"], case["options"] | {"n_classes": 10, "image_shape": shape})
    weights = graph.draw(0)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((case["n_images"], graph.n_channels, *shape)).astype(np.float32)
    classes = rng.integers(0, 10, len(images))
    is_ours, on_gpu = name in (OURS, ON_PROCESSOR), name == OURS and case["device"] != "cpu"
    if is_ours:
        xp = device_namespace(case["device"] if on_gpu else "cpu")
        weights = {key: xp.asarray(array) for key, array in weights.items()}
        step, forward = ours(graph, weights, xp.asarray(images), xp.asarray(classes))
    else:
        step, forward = others(name, graph, weights, case, images, classes)
    check = forward()
    # Once, as around a whole training.
    with workers(n_cores()) if is_ours and not on_gpu and case["trains"] else nullcontext():
        seconds = timed(step if case["trains"] else forward, case["repeats"])
    answer(seconds, check)


Run = Callable[[], Any]


def ours(graph: Any, weights: Any, images: Any, classes: Any) -> tuple[Run, Run]:
    """The network here: training as `fit` does it, the forward pass as `transform` does it."""
    from hmax_cnn.cnn.losses import softmax_loss
    from hmax_cnn.cnn.optimisers import Optimiser
    from hmax_cnn.extraction import Maps
    from hmax_cnn.extraction.arrays import n_cores, namespace, on_gpu, settle, to_host
    from hmax_cnn.extraction.parallel import in_order, workers

    rule, (head,) = Optimiser("sgd", 0.9), graph.outputs
    memory = rule.start({name: array for name, array in weights.items() if "running" not in name})
    without_dropout = [name for name in graph.nodes if "drop" in name]

    def step() -> None:
        values, pullback, moved = graph.forward(
            images, weights, [head], training=True, frozen=without_dropout
        )
        _, gradient = softmax_loss(values[head].reshape(len(images), -1), classes)
        back = pullback({head: gradient.reshape(values[head].shape)})[0]
        rule.move(weights, memory, back, 0.001, 1)
        weights.update(moved)
        settle(namespace(images))

    def of_some(some: Any) -> np.ndarray:
        for _, maps, _ in graph.walk(Maps(some), weights, [head]):
            scores = maps.values
        return to_host(scores).reshape(len(some), -1)

    def forward() -> np.ndarray:
        if on_gpu(images):
            return of_some(images)
        batches = [images[first : first + 4] for first in range(0, len(images), 4)]
        if len(batches) == 1:
            with workers(n_cores()):
                return of_some(images)
        return np.concatenate(list(in_order(of_some, batches, n_cores())))

    return step, forward


def others(
    name: str,
    graph: Any,
    weights: Any,
    case: dict[str, Any],
    images: np.ndarray,
    classes: np.ndarray,
) -> tuple[Run, Run]:
    """The same weights in PyTorch, in one of its layouts or compiled, or in another runtime."""
    import torch

    from .yardsticks import networks

    n_threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(n_threads)
    # The same precision on both sides: by itself PyTorch uses TF32 for convolutions on a GPU.
    torch.backends.cudnn.allow_tf32 = bool(case.get("tf32"))
    torch.backends.cuda.matmul.allow_tf32 = bool(case.get("tf32"))
    module = getattr(networks, case["maker"])(*case["arguments"])
    held = [array for key, array in weights.items() if "running" not in key]
    with torch.no_grad():
        for parameter, array in zip(module.parameters(), held, strict=True):
            parameter.copy_(torch.as_tensor(array))
    module = module.to(case["device"])
    seen, right = (torch.as_tensor(array).to(case["device"]) for array in (images, classes))
    if name == "ONNX Runtime":
        return _nothing, _in_onnx_runtime(module.eval(), seen, n_threads)
    if name == "OpenVINO":
        return _nothing, _in_openvino(module.eval(), seen, n_threads)
    if "channels last" in name:
        module = module.to(memory_format=torch.channels_last)
        seen = seen.to(memory_format=torch.channels_last)
    if "compiled" in name:
        module = torch.compile(module.eval())
    rule = torch.optim.SGD(module.parameters(), 0.001, 0.9)

    def step() -> None:
        module.train()
        rule.zero_grad()
        torch.nn.functional.cross_entropy(module(seen), right).backward()
        rule.step()
        if case["device"] != "cpu":
            torch.cuda.synchronize()

    def forward() -> np.ndarray:
        module.eval()
        with torch.inference_mode():
            return module(seen).cpu().numpy()

    return step, forward


def _nothing() -> None:
    msg = "only forward passes are measured here"
    raise RuntimeError(msg)


def _in_onnx_runtime(module: Any, seen: Any, n_threads: int) -> Run:
    import onnxruntime
    import torch

    written = BytesIO()
    torch.onnx.export(module, (seen,), written, input_names=["image"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = onnxruntime.InferenceSession(
        written.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    image = seen.numpy()
    return lambda: session.run(None, {"image": image})[0]


def _in_openvino(module: Any, seen: Any, n_threads: int) -> Run:
    import openvino

    model = openvino.convert_model(module, example_input=seen)
    settings = {"INFERENCE_NUM_THREADS": n_threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    image = seen.numpy()
    return lambda: compiled(image)[0]


if __name__ == "__main__":
    side(sys.argv[1], json.loads(sys.argv[2]))
