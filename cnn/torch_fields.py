"""Receptive fields of PyTorch modules.

A tensor that knows its field, followed through the operations that it meets.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from hmax_cnn.extraction.fields import WHOLE_IMAGE, Field, Window, join
from hmax_cnn.extraction.maps import Maps

from .layers import AdaptivePool, Mode


def load_torch() -> Any:
    """PyTorch, or an error that says how it is installed."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        msg = (
            f"TorchExtractor needs PyTorch ({error}). Install it with the extra `torch`, such as "
            "`pip install 'hmax-cnn[torch]'`."
        )
        raise RuntimeError(msg) from error


def tensors_in(output: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The tensors in what a module returned, with their place in it."""
    if isinstance(output, load_torch().Tensor):
        yield name, output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from tensors_in(value, f"{name}_{key}".strip("_"))
    elif isinstance(output, tuple | list):
        for number, value in enumerate(output):
            yield from tensors_in(value, f"{name}_{number}".strip("_") if len(output) > 1 else name)


_POINTWISE = {
    "relu",
    "relu_",
    "leaky_relu",
    "leaky_relu_",
    "elu",
    "elu_",
    "gelu",
    "silu",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "relu6",
    "sigmoid",
    "tanh",
    "softplus",
    "selu",
    "prelu",
    "mish",
    "dropout",
    "dropout_",
    "dropout2d",
    "feature_dropout",
    "local_response_norm",
    "clone",
    "contiguous",
    "detach",
    "to",
    "float",
    "clamp",
    "add",
    "add_",
    "sub",
    "mul",
    "mul_",
    "div",
    "div_",
    "__add__",
    "__iadd__",
    "__radd__",
    "__mul__",
    "__imul__",
    "__rmul__",
    "__sub__",
    "__truediv__",
    "abs",
    "sqrt",
    "exp",
    "neg",
    "pow",
    "__neg__",
    "square",
    "requires_grad_",
}
# A mean and deviation over all places: every unit sees the whole image.
_OVER_PLACES = {"instance_norm", "group_norm"}
_POOLS = {"max_pool2d", "_max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "lp_pool2d"}
_JOINS = {"cat", "concat", "stack"}


def followed(image: Any) -> Any:
    """An image that knows its field, and gives what is made from it theirs."""
    tagged = image.as_subclass(followed_class())
    tagged.field, tagged.version = Field(), tagged._version  # noqa: SLF001
    tagged.sides = tuple(image.shape[2:])
    return tagged


@cache
def followed_class() -> Any:
    """The class of tensors that know their field; made once PyTorch is there."""
    torch = load_torch()

    class Followed(torch.Tensor):  # type: ignore[name-defined]  # torch is loaded when asked for
        """A tensor with the field of its units; None where it is not known."""

        field: Field | None = None
        version: int = 0  # of its values: an assignment to a part of them makes it another
        sides: tuple[int, int] = (0, 0)

        @classmethod
        def __torch_function__(
            cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            inputs = [one for one in _flat((args, kwargs)) if isinstance(one, cls)]
            with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - no other way
                fields = [(known_field(one), tuple(one.shape), one.sides) for one in inputs]
            result = super().__torch_function__(function, types, args, kwargs or {})
            with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - no other way
                for _, tensor in tensors_in(result):
                    if isinstance(tensor, cls) and fields:
                        tensor.sides = fields[0][2]
                        tensor.field = _field_after(
                            getattr(function, "__name__", ""), fields, args, kwargs or {}, tensor
                        )
                        tensor.version = tensor._version  # noqa: SLF001
            return result

    return Followed


def known_field(tensor: Any) -> Field | None:
    """Its field, unless its values were changed in place since it was found."""
    if tensor._version != tensor.version:  # noqa: SLF001
        return None
    return tensor.field


def _flat(things: Any) -> Iterator[Any]:
    if isinstance(things, tuple | list):
        for one in things:
            yield from _flat(one)
    elif isinstance(things, dict):
        yield from _flat(list(things.values()))
    else:
        yield things


def _field_after(
    name: str, inputs: Sequence[Any], args: Any, kwargs: Mapping[str, Any], result: Any
) -> Field | None:
    """The field of what an operation returns; None where the operation is unknown."""
    field, shape, sides = inputs[0]
    fields = [one for one, *_ in inputs]
    sees_all = any(one is not None and one.status == WHOLE_IMAGE for one in fields)
    if result.ndim in (2, 3) or sees_all:  # flattened or averaged: no places are left
        return Field.whole(*sides)
    if result.ndim != 4 or any(one is None for one in fields):
        return None
    if name == "conv2d":
        return field.through(_convolved(args, kwargs))
    if name == "pad":
        return _padded(field, args, kwargs)
    if name in _OVER_PLACES or (name == "batch_norm" and _over_batch(args, kwargs)):
        return Field.whole(*sides)
    if name in _POOLS:
        return field.through(_pooled(name, args, kwargs))
    if name in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        # Its windows differ from place to place: our own layer knows them.
        empty = Maps(np.empty((0, shape[1], *shape[2:]), np.float32), field)
        layer = AdaptivePool("average", tuple(result.shape[2:]))
        return layer.run([empty], {}, Mode(sides)).maps.field
    places = tuple(result.shape[2:])
    same_places = all(len(one) == 4 and one[2:] == places for _, one, _ in inputs)
    if same_places and (name in _POINTWISE or name in _JOINS or name == "batch_norm"):
        steps = {(one.y.step, one.x.step) for one in fields}
        # Branches of different steps have no one field: it is measured.
        return join(fields) if len(steps) == 1 else None
    if name == "mean" and places == (1, 1):
        return Field.whole(*sides)
    return None


def _over_batch(args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether batch normalisation takes its statistics from the batch."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "training")
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    return given.get("running_mean") is None or bool(given.get("training", False))


def _padded(field: Field, args: Any, kwargs: Mapping[str, Any]) -> Field | None:
    """The field after padding with a constant, or cropping; copies of pixels are measured."""
    given = dict(zip(("input", "pad", "mode", "value"), args, strict=False)) | dict(kwargs)
    if given.get("mode", "constant") != "constant" or len(given["pad"]) > 4:
        return None
    # From the last axis inwards: left, right, top, bottom.
    left, _, top, _ = (*(int(n) for n in given["pad"]), 0, 0, 0)[:4]
    return field.cropped(-top, -left)


def _convolved(args: Any, kwargs: Mapping[str, Any]) -> Window:
    """Window of a call of `conv2d`."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation")
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    size, dilation = tuple(given["weight"].shape[2:]), given.get("dilation", 1)
    padding = given.get("padding", 0)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        # PyTorch puts the odd pixel after, not before.
        total = [d * (k - 1) for k, d in zip(size, _two(dilation), strict=True)]
        padding = tuple((n // 2, n - n // 2) for n in total)
    return _window(size, given.get("stride", 1), padding, dilation)


def _pooled(name: str, args: Any, kwargs: Mapping[str, Any]) -> Window:
    """Window of a call of a pooling operation."""
    names: tuple[str, ...] = ("input", "norm_type", "kernel_size", "stride")
    if "max_pool2d" in name:
        names = ("input", "kernel_size", "stride", "padding", "dilation")
    elif name == "avg_pool2d":
        names = ("input", "kernel_size", "stride", "padding")
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    size = _two(given["kernel_size"])
    # No stride, or None, is the window's own size.
    stride = given.get("stride") or size
    return _window(size, stride, given.get("padding", 0), given.get("dilation", 1))


def _two(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, tuple | list) else (value,)
    return (int(pair[0]), int(pair[-1]))


def _window(size: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    by_side = isinstance(padding, tuple) and padding and isinstance(padding[0], tuple)
    sides = padding if by_side else _two(padding)
    return Window(_two(size), _two(stride), sides, _two(dilation))
