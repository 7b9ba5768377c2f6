"""Weights in files.

Safetensors only, bounded and checked before they are read, names of torchvision and timm
understood.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hmax_cnn.extraction.arrays import Array, settle
from hmax_cnn.extraction.files import LARGEST_ARCHIVE, written_whole

from .graph import Graph
from .layers import Weight

FORMAT = "hmax-cnn 1"  # the only key of our headers, so that equal weights give equal bytes
IMAGENET = (
    (123.675, 116.28, 103.53),
    (58.395, 57.12, 57.375),
)  # mean and deviation of red, green, blue in 0..255, as torchvision has them
_IGNORED = "num_batches_tracked"  # PyTorch's counter beside running statistics
_NUMBERS = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8")


@dataclass
class Learned:
    """What a network has learned, or starts from.

    Attributes
    ----------
    arrays : dict of str to float32 array
        By name: 'conv1.weight'.
    mean, deviation : tuple of float
        Of the pixel values, per channel: what is taken off and divided by before the first layer.
    classes : array or None
        What the scores stand for.
    """

    arrays: dict[str, np.ndarray]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    classes: np.ndarray | None = None
    copies: dict[str, dict[str, Array]] = field(default_factory=dict, repr=False, compare=False)

    def on(self, xp: ModuleType) -> dict[str, Array]:
        """The arrays on a device, copied there once."""
        if xp is np:
            return self.arrays
        if xp.__name__ not in self.copies:
            self.copies[xp.__name__] = {
                name: xp.asarray(array) for name, array in self.arrays.items()
            }
            settle(xp)
        return self.copies[xp.__name__]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"copies": {}}

    def write(self, path: str | os.PathLike[str], about: Mapping[str, Any]) -> None:
        """Write a safetensors file, whole or not at all; `about` is kept as JSON in its header.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        own = {
            "mean": self.mean,
            "deviation": self.deviation,
            "classes": None if self.classes is None else self.classes.tolist(),
        }
        write_tensors(path, self.arrays, own | dict(about))


def write_tensors(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Arrays into a safetensors file, with `about` as JSON in its header."""
    # Contiguous arrays in one order: equal weights give equal bytes, and so equal digests.
    content = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        {FORMAT: json.dumps(about)},
    )
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def per_channel(standard: Any, n_channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and deviations of pixel values for so many channels.

    From 'imagenet' or (means, deviations).

    Raises
    ------
    ValueError
        If they are nothing of the kind.
    """
    chosen = IMAGENET if isinstance(standard, str) and standard == "imagenet" else standard
    try:
        mean, deviation = (tuple(float(n) for n in part) for part in chosen)
        good = (
            all(
                len(part) in (n_channels, 3) and np.isfinite(part).all()
                for part in (mean, deviation)
            )
            and min(deviation) > 0
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        msg = (
            f"`standardise` must be 'imagenet' or (means, deviations) of {n_channels} channels "
            f"each, deviations positive, got {standard!r}."
        )
        raise ValueError(msg)
    # Three values for a network that sees luminance: their mean.
    means, deviations = (
        part if len(part) == n_channels else (float(np.mean(part)),) for part in (mean, deviation)
    )
    return means, deviations


def stamp(path: Any) -> tuple[str, int]:
    """A path, and when it was last written: what is kept of a file is read anew when it changes."""
    if not isinstance(path, str | os.PathLike):
        msg = f"`weights` must be the name of a file, 'untrained' or None, got {path!r}."
        raise TypeError(msg)
    file = Path(path)
    return str(file), file.stat().st_mtime_ns if file.is_file() else 0


def _opened(path: str | os.PathLike[str]) -> Any:
    """An open safetensors file, of bounded size."""
    file = Path(path)
    if not file.is_file():
        msg = f"There is no file of weights {file}. Check the name and the folder."
        raise FileNotFoundError(msg)
    # Before it is opened: the file is mapped, but its arrays are copied.
    if file.stat().st_size > LARGEST_ARCHIVE:
        msg = (
            f"{file} has {file.stat().st_size / 2**30:.1f} GiB, more than the "
            f"{LARGEST_ARCHIVE // 2**30} GiB allowed."
        )
        raise ValueError(msg)
    try:
        return safe_open(file, framework="numpy")
    except (SafetensorError, OSError, ValueError) as error:
        pickled = file.suffix in (".pth", ".pt", ".bin", ".ckpt", ".pkl")
        remedy = (
            "Files that must be unpickled are never read: in PyTorch, convert with "
            "safetensors.torch.save_file(model.state_dict(), ...)."
        )
        msg = (
            f"{file} is not a safetensors file ({error}). "
            f"{remedy if pickled else 'Write it again with the safetensors package.'}"
        )
        raise ValueError(msg) from error


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file of ours says about itself; nothing for files of others.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is no safetensors file.
    """
    with _opened(path) as file:
        header = file.metadata() or {}
    if FORMAT not in header:
        return {}
    try:
        about = json.loads(header[FORMAT])
    except ValueError as error:
        msg = f"{path} has a damaged header ({error}). Write it again."
        raise ValueError(msg) from error
    if not isinstance(about, dict):
        msg = (
            f"{path} has a damaged header: it should be a JSON object, got "
            f"{type(about).__name__}. Write it again."
        )
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that it may be
    if "architecture" in about and not (
        isinstance(about["architecture"], str)
        and isinstance(about.get("options"), dict)
        and all(
            isinstance(n, int | float) and math.isfinite(n)
            for name in ("mean", "deviation")
            for n in about.get(name) or [None]
        )
        and min(about["deviation"]) > 0
        and (about.get("classes") is None or isinstance(about["classes"], list))
    ):
        msg = (
            f"{path} has a damaged header: architecture, options, mean, deviation or classes are "
            "not what they should be. Write it again."
        )
        raise ValueError(msg)
    return about


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of a safetensors file, by name."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping


def head_size(path: str | os.PathLike[str], graph: Graph) -> int | None:
    """How many classes the file's last layer tells apart; None where it cannot be told."""
    head = graph.nodes[graph.heads(graph.weights())[0]]
    with _opened(path) as file:
        names = set(file.keys())
        found = [
            f"{stem}.weight" for stem in (head.name, *head.published) if f"{stem}.weight" in names
        ]
        if found:
            # The shape stands in the header: no weights are read for it.
            return int(file.get_slice(found[0]).get_shape()[0])
        return None


def read_weights(
    path: str | os.PathLike[str],
    graph: Graph,
    wanted: Mapping[str, Weight],
    without: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """The weights of a network from a file in our own names, torchvision's or timm's.

    Parameters
    ----------
    path : path
        A safetensors file.
    graph : Graph
        The network.
    wanted : mapping from name to Weight
        What its weights must look like.
    without : sequence of str
        Layers whose weights are not read, whatever the file holds for them: a head to be replaced.

    Returns
    -------
    dict from our name to float32 array

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, it is no safetensors file, or tensors are missing, extra,
        misshapen or not numbers; all are named.
    """
    with _opened(path) as file:
        names = file.keys()  # the file is no mapping: it has keys and no iteration
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        held = {name: _in_file(name, graph, shapes) for name in wanted}
        unread = {name for name in held if name.rpartition(".")[0] in without}
        missing = [name for name in wanted if held[name] is None and name not in unread]
        extra = [
            name
            for name in shapes
            if name not in held.values()
            and not name.endswith(_IGNORED)
            # Auxiliary heads that a published file has and the network at rest does without.
            and not name.startswith(graph.spare)
        ]
        odd = [
            name
            for name in wanted
            if held[name] is not None
            and name not in unread
            and not _fits(shapes[held[name]], wanted[name].shape)
        ]
        if missing or extra or odd:
            raise ValueError(
                _misfit(
                    path,
                    missing,
                    extra,
                    [f"{held[n]} {shapes[held[n]]} where {wanted[n].shape} is needed" for n in odd],
                )
            )
        read = {
            name: source
            for name, source in held.items()
            if source is not None and name not in unread
        }
        return {
            name: _numbers(path, file, source).reshape(wanted[name].shape)
            for name, source in read.items()
        }


def _in_file(name: str, graph: Graph, shapes: Mapping[str, Any]) -> str | None:
    """What a file calls one of our weights; None where it has none."""
    layer, _, own = name.rpartition(".")
    return next(
        (
            f"{stem}.{own}"
            for stem in (layer, *graph.nodes[layer].published)
            if f"{stem}.{own}" in shapes
        ),
        None,
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a tensor is the wanted one.

    Timm keeps dense layers as convolutions over the whole map.
    """
    return shape == wanted or (
        len(wanted) == 2
        and len(shape) == 4
        and shape[0] == wanted[0]
        and int(np.prod(shape)) == int(np.prod(wanted))
    )


def _misfit(path: Any, missing: Sequence[str], extra: Sequence[str], odd: Sequence[str]) -> str:
    parts = [
        f"{len(names)} {what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
        for what, names in (
            ("missing", missing),
            ("not of this network", extra),
            ("of another shape", odd),
        )
        if names
    ]
    return (
        f"{path} does not fit the network. Tensors {'; '.join(parts)}. Check `architecture`, or "
        "set replace_head=True where only the classes differ."
    )


def _numbers(path: Any, file: Any, name: str) -> np.ndarray:
    kind = file.get_slice(name).get_dtype()
    if kind not in _NUMBERS:
        msg = (
            f"{path}: tensor {name!r} is of type {kind}, which cannot be read. Convert it to "
            "float32 first."
        )
        raise ValueError(msg)
    array = np.asarray(file.get_tensor(name), np.float32)
    if not np.isfinite(array).all():
        msg = (
            f"{path}: tensor {name!r} holds NaN or infinity. Take the weights from before "
            "training diverged."
        )
        raise ValueError(msg)
    return array
