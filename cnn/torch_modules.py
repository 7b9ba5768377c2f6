"""PyTorch modules: made from a path, left as they were, their outputs as maps, fields measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.own_modules import import_named
from hmax_cnn.extraction.promises import check_promise

from .torch_fields import followed_class, known_field, load_torch
from .weights import read_tensors


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
        function = getattr(import_named(package), name)
    except (ImportError, AttributeError, ValueError) as error:
        msg = (
            "`module` must be 'package.module:function', such as 'torchvision.models:resnet18', "
            f"got {where!r} ({error})."
        )
        raise ValueError(msg) from error
    check_promise(function, (load_torch().nn.Module,), "module", where)
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
        copy.field, copy.version = known_field(tensor), copy._version  # noqa: SLF001
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


def check_weights(module: Any) -> None:
    """Refuse weights that are no numbers.

    Parameters
    ----------
    module : torch.nn.Module

    Raises
    ------
    ValueError
        If a parameter or buffer holds NaN or infinity; it is named.
    """
    torch = load_torch()
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.dtype.is_floating_point and not torch.isfinite(tensor).all():
            msg = f"`module` has NaN or infinity in {name!r}. Load its weights anew."
            raise ValueError(msg)


def multiply_adds(module: Any, run: Callable[[], Any]) -> dict[str, int | None]:
    """Multiply-accumulates of each submodule for one image, without those of submodules below it.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        Calls the module with one image.

    Returns
    -------
    dict from str to int or None
        By name as in `named_modules`, the module itself as 'output'; None where PyTorch cannot
        count.
    """
    load_torch()
    from torch.utils.flop_counter import FlopCounterMode

    names = {id(one): name for name, one in module.named_modules()}
    counter = FlopCounterMode(display=False)
    try:
        with counter:
            run()
    except (RuntimeError, NotImplementedError, AssertionError):
        return {name or "output": None for name in names.values()}
    # The counter calls a submodule 'Class.name'; two floating-point operations are one of ours.
    counts = counter.get_flop_counts()
    whole = {
        name: sum(counts.get(f"{type(module).__name__}.{name}".strip("."), {}).values()) // 2
        for name in names.values()
    }
    own: dict[str, int | None] = {}
    # From the leaves upward: a container that is never called itself, such as a ModuleList, counts
    # nothing, and what is in it is taken off the module that calls it.
    for name in sorted(whole, key=lambda one: -one.count(".") if one else 1):
        prefix = f"{name}." if name else ""
        below = [n for other, n in own.items() if other != "output" and other.startswith(prefix)]
        own[name or "output"] = max(0, whole[name] - sum(n or 0 for n in below))
    return own


def depends_on_batch(alone: Mapping[str, Any], together: Mapping[str, Any]) -> list[str]:
    """Submodules whose answer to an image depends on the images beside it.

    Parameters
    ----------
    alone, together : mapping from str to mapping from str to tensor
        What submodules return for an image by itself, and as the first of several.

    Returns
    -------
    list of str
    """
    found = []
    for name, parts in alone.items():
        for part, tensor in parts.items():
            other = together.get(name, {}).get(part)
            if other is None or not tensor.dtype.is_floating_point or other.shape[:1] < (1,):
                continue
            one, first = tensor[:1].float(), other[:1].float()
            if one.shape == first.shape and (one - first).abs().max() > _ALIKE * one.abs().max():
                found.append(name)
                break
    return found


_ALIKE = 1e-2  # of the largest response: half precision rounds by 1e-3
