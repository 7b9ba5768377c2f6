"""PyTorch modules: made from a path, left as they were, their outputs as maps, fields measured."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from hmax_cnn.extraction.fields import Field, Span

from .torch_fields import followed_class, load_torch
from .weights import read_tensors

MEASURED = "measured"  # of a field: where gradients reach, since the graph could not be followed
N_NOISE = 4  # noise images that a field is measured with


def place_of(module: Any) -> dict[str, Any]:
    """Where a module computes, and in what precision."""
    torch = load_torch()
    one = next((p for p in module.parameters() if p.dtype.is_floating_point), torch.empty(0))
    return {"device": one.device, "dtype": one.dtype}


def called_plainly(module: Any, image: Any) -> Any:
    """Call a module with the image alone."""
    return module(image)


def made_module(where: str, weights: tuple[str, int] | None, seed: int) -> Any:
    """A module from the function that makes it, with these weights."""
    package, _, name = where.partition(":")
    try:
        function = getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError, ValueError) as error:
        msg = (
            "`module` must be 'package.module:function', such as 'torchvision.models:resnet18', "
            f"got {where!r} ({error})."
        )
        raise ValueError(msg) from error
    return _made(function, where, weights, seed)


# By the function itself: one that was edited and imported anew is another.
@lru_cache(maxsize=4)
def _made(
    function: Callable[[], Any], where: str, weights: tuple[str, int] | None, seed: int
) -> Any:
    torch = load_torch()
    # The caller's own random numbers are left as they were.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = function()
    if not isinstance(module, torch.nn.Module):
        msg = f"`module` {where!r} must make a torch.nn.Module, got {type(module).__name__}."
        raise TypeError(msg)
    if weights is not None:
        try:
            module.load_state_dict(
                {key: torch.as_tensor(array) for key, array in read_tensors(weights[0]).items()}
            )
        except RuntimeError as error:
            msg = f"{weights[0]} does not fit {where!r}: {error}"
            raise ValueError(msg) from error
    return module


def bytes_of(module: Any) -> dict[str, np.ndarray]:
    """Every parameter and buffer by name, type and shape, as bytes: NumPy has no bfloat16."""
    torch = load_torch()
    tensors = (*module.named_parameters(), *module.named_buffers())
    return {
        f"{name} {tensor.dtype} {tuple(tensor.shape)}": tensor.detach()
        .cpu()
        .reshape(-1)
        .view(torch.uint8)
        .numpy()
        for name, tensor in tensors
    }


@contextmanager
def at_rest(module: Any) -> Iterator[None]:
    """Evaluation mode, and every submodule's own mode again afterwards."""
    # Each module has a mode of its own: a frozen part of a network may be at rest while the rest
    # trains.
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for one, mode in modes:
            one.training = mode


def copied_tensor(tensor: Any) -> Any:
    """The tensor as it is now, with its field."""
    copy = tensor.clone()
    if isinstance(tensor, followed_class()):
        copy.field = tensor.field
    return copy


def as_maps(tensor: Any, n_images: int) -> Any:
    """A tensor as (image, feature, y, x): tokens lie along y."""
    if tensor.ndim == 0 or tensor.shape[0] != n_images:
        if tensor.ndim and tensor.shape[0] % n_images == 0:
            tensor = tensor.reshape(n_images, -1)
        else:
            tensor = tensor.expand(n_images, *tensor.shape)
    if tensor.ndim == 4:
        return tensor
    # Tokens (image, token, feature) of a transformer become maps (feature, token, 1).
    if tensor.ndim == 3:
        return tensor.transpose(1, 2)[..., None]
    return tensor.reshape(n_images, -1, 1, 1)


def own_parameters(module: Any) -> dict[str, int]:
    """Parameters that each submodule holds itself, not in others below it."""
    return {
        name or "output": sum(p.numel() for p in one.parameters(recurse=False))
        for name, one in module.named_modules()
    }


def described_parts(
    parts: Mapping[str, Any], shape: tuple[int, int]
) -> dict[str, tuple[tuple[int, int, int], Field | None]]:
    """Shape and field of each part of an output; None where the field could not be followed."""
    found = {}
    for part, tensor in parts.items():
        if not tensor.dtype.is_floating_point:
            continue
        maps = tuple(as_maps(tensor, 1).shape[1:])
        field = getattr(tensor, "field", None)
        if tensor.ndim != 4 or (maps[1:] == (1, 1) and field is None):
            field = Field.whole(*shape)
        found[part] = (maps, field)
    return found


def two_units(shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Places of two units in a map, a third in from its opposite corners."""
    _, height, width = shape
    return [(height // 3, width // 3), (height - 1 - height // 3, width - 1 - width // 3)]


def reached_pixels(maps: Any, image: Any, y: int, x: int) -> np.ndarray:
    """Where in the image a unit, all features together, has a gradient."""
    torch = load_torch()
    if not maps.requires_grad:
        return np.ones(image.shape[2:])
    unit = maps[0, :, y, x]
    # A random sum over features: their gradients do not cancel as those of a plain sum can.
    weights = torch.randn(unit.shape, generator=torch.Generator().manual_seed(1)).to(unit)
    (gradient,) = torch.autograd.grad(
        (unit * weights).sum(), image, retain_graph=True, allow_unused=True
    )
    if gradient is None:
        return np.zeros(image.shape[2:])
    return gradient.float().abs().sum(dim=(0, 1)).cpu().numpy()


def measured_field(
    reached: np.ndarray, shape: tuple[int, int, int], sides: tuple[int, int]
) -> Field:
    """The field of a map whose two units reach there.

    Wide enough for both, its step from the distance of their centres.

    Where a unit reaches the border its centre says nothing: then units are taken to lie evenly over
    the image.
    """
    spans = []
    for axis, (n, side) in enumerate(zip(shape[1:], sides, strict=True)):
        boxes = [np.flatnonzero(unit.any(axis=1 - axis)) for unit in reached]
        (low, high), (low2, high2) = (
            (int(box[0]), int(box[-1])) if len(box) else (0, side - 1) for box in boxes
        )
        first, second = n // 3, n - 1 - n // 3
        # A field cut by the border does not tell where its middle is.
        inside = min(low, low2) > 0 and max(high, high2) < side - 1
        even = Fraction(side, n)
        apart = Fraction(low2 + high2 - low - high, 2)
        step, middle, missed = even, (even - 1) / 2, Fraction(0)
        if inside:
            if second > first:
                step = _plain_step(apart / (second - first), second - first)
            middle = Fraction(low + high, 2) - first * step
            missed = abs(apart - step * (second - first))
        spans.append(Span(max(high - low, high2 - low2) + 1 + 2 * missed, step, middle))
    if all(span.size >= side for span, side in zip(spans, sides, strict=True)) or any(
        span.step <= 0 for span in spans
    ):
        return Field.whole(*sides)
    return Field(spans[0], spans[1], MEASURED)


def _plain_step(step: Fraction, n_steps: int) -> Fraction:
    """The plain step that a measured one stands for.

    A whole number, or one over one, where it is within a pixel over the way.
    """
    plain = step
    if step >= Fraction(3, 4):
        plain = Fraction(round(step))
    elif step > 0:
        plain = Fraction(1, max(1, round(1 / step)))
    if abs(plain - step) * n_steps <= 1:
        return plain
    return step
