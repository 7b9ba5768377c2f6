"""Any PyTorch module behind the same interface: torchvision, timm, transformers, segmentation
networks, Siamese pairs (needs torch)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from os import PathLike
from threading import RLock
from typing import Any, final
from weakref import WeakKeyDictionary

import numpy as np

from .torch_fields import followed, followed_class, load_torch, tensors_in
from .weights import per_channel, read_tensors, stamp
from hmax_cnn.extraction.arrays import Array, to_host
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import Field, Span
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.maps import Maps

MEASURED = "measured"  # of a field: where gradients of noise images reach, since the graph could not be followed
_LOCK = RLock()  # hooks of two threads on one module would hear each other
_KNOWN: WeakKeyDictionary[Any, dict[Any, Any]] = (
    WeakKeyDictionary()
)  # what was found out about each module


@final
class TorchExtractor(FeatureExtractor):
    """Any PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module or str
        The module, or 'package.module:function' that makes it, such as
        'torchvision.models:resnet18'.
    layer : str, sequence of str or None
        Names of submodules as `named_modules` gives them; further calls of the same submodule are
        'name:2', 'name:3'. None is what the last of them reads.
    weights : path or None
        A safetensors file for `load_state_dict`; for modules named by a str.
    call : callable or None
        How the module is called: takes the module and a tensor of images (n, channels, height,
        width). None is `module(images)`; a Siamese pair may be called as `lambda module, images:
        module(images, images.flip(-1))`.
    channels : {1, 3}
        Luminance, or red, green and blue.
    standardise : 'imagenet' or (means, deviations)
        What is taken off pixel values 0..255 and what they are then divided by, per channel.
    natural_shape : (int, int)
        Height and width of images, in pixels, that the module surely takes: its layers are found
        with one.
    random_state : int
        Seed of a module named by a str, where it draws weights.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`; the module computes where its own parameters are.

    Notes
    -----
    Values are copied as soon as a submodule returns, so that in-place operations cannot reach them.
    Fields are followed through the module's operations; where one of them is unknown, the field is
    where the gradient of noise images reaches, and its status says 'measured'. The module runs in
    evaluation mode and is left as it was.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> model = TorchExtractor(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.ReLU()))  # doctest: +SKIP
    >>> model.layer_names  # doctest: +SKIP
    ('0', '1', 'output')
    """

    def __init__(
        self,
        module: Any = None,
        *,
        layer: str | Sequence[str] | None = None,
        weights: str | PathLike[str] | None = None,
        call: Callable[[Any, Any], Any] | None = None,
        channels: int = 3,
        standardise: str | tuple[Sequence[float], Sequence[float]] = "imagenet",
        natural_shape: tuple[int, int] = (224, 224),
        random_state: int = 0,
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = 1,
        progress: bool | None = None,
    ) -> None:
        self.module = module
        self.layer = layer
        self.weights = weights
        self.call = call
        self.channels = channels
        self.standardise = standardise
        self.natural_shape = natural_shape
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    # The extractor's questions ---------------------------------------------------------------------------------------

    @property
    def n_channels(self) -> int:
        """1 where the module sees luminance, 3 where it sees red, green and blue."""
        return self.channels

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the submodules, in the order in which they return."""
        if self.module is None:
            return ()
        return tuple(self._known(self.natural_shape))

    def default_layer(self) -> str:
        inner = {name.rpartition(".")[0] for name, _ in self._built().named_modules() if name} | {
            "output"
        }
        leaves = [name for name in self.layer_names if name not in inner] or ["output"]
        if len(leaves) > 1:
            return leaves[-2]
        return leaves[-1]

    def intended_shape(self) -> tuple[int, int]:
        return tuple(self.natural_shape)

    def expected_range(self) -> tuple[float, float]:
        return (0, 255)

    def working_bytes(self, height: int, width: int) -> int:
        sizes = [
            int(np.prod(shape))
            for bands in self._known((height, width)).values()
            for shape, _ in bands.values()
        ]
        return 16 * max(sizes, default=height * width)

    def learn(self, images: Images, labels: Any) -> None:
        self.geometry(images[0].shape, self.wanted_layers())

    def _forward(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, list[Maps]]]:
        known = self._known(tuple(retina.values.shape[2:]))
        found: Mapping[str, Mapping[str, Any]] = {}
        if len(retina.values):
            with load_torch().no_grad():
                found = self._recorded(self._tensor(retina.values), wanted)
        if not len(retina.values):
            counts = _parameters(self._built())
        else:
            counts = {}
        for name, bands in known.items():
            if name not in wanted:
                yield name, []
                continue
            maps = []
            for number, (band, (shape, field)) in enumerate(bands.items()):
                if found:
                    values = _as_maps(found[name][band], len(retina.values)).float().cpu().numpy()
                else:
                    values = np.empty((0, *shape), np.float32)
                features = [
                    f"c{index:0{max(2, len(str(shape[0] - 1)))}d}" for index in range(shape[0])
                ]
                maps.append(
                    Maps(
                        values,
                        field,
                        band,
                        features,
                        n_parameters=0 if number else counts.get(name, 0),
                    )
                )
            yield name, maps

    def _traced(
        self, retina: Maps, layer: str
    ) -> tuple[list[Array], Callable[[Sequence[Array]], Array]]:
        torch = load_torch()
        image = self._tensor(retina.values).requires_grad_()
        n_images = len(retina.values)
        with torch.enable_grad():
            bands = [
                _as_maps(value, n_images)
                for value in self._recorded(image, (layer,))[layer].values()
            ]
        deviation = np.asarray(self._standard()[1], np.float32).reshape(-1, 1, 1)

        def pullback(gradients: Sequence[Array]) -> Array:
            towards = [
                torch.as_tensor(np.array(to_host(g)), device=band.device, dtype=band.dtype)
                for g, band in zip(gradients, bands, strict=True)
            ]
            moving = [
                (band, toward)
                for band, toward in zip(bands, towards, strict=True)
                if band.requires_grad
            ]
            if not moving:
                return np.zeros(retina.values.shape, np.float32)
            values, along = zip(*moving, strict=True)
            (gradient,) = torch.autograd.grad(
                values, image, along, retain_graph=True, allow_unused=True
            )
            if gradient is None:
                return np.zeros(retina.values.shape, np.float32)
            return gradient.cpu().numpy() / deviation

        return [band.detach().cpu().numpy() for band in bands], pullback

    # The module ------------------------------------------------------------------------------------------------------

    def _built(self) -> Any:
        """The module itself."""
        torch = load_torch()
        if isinstance(self.module, str):
            return _made(
                self.module,
                None if self.weights is None else stamp(self.weights),
                self.random_state,
            )
        if not isinstance(self.module, torch.nn.Module):
            msg = (
                "`module` must be a torch.nn.Module or 'package.module:function' that makes "
                f"one, got {self.module!r}."
            )
            raise TypeError(msg)
        if self.weights is not None:
            msg = (
                "`weights` are for a module named by a str. Load them into the module yourself, "
                "with load_state_dict."
            )
            raise ValueError(msg)
        return self.module

    def _standard(self) -> tuple[Sequence[float], Sequence[float]]:
        return per_channel(self.standardise, self.channels)

    def _tensor(self, values: Array) -> Any:
        """Images as the module sees them, where it is."""
        torch, module = load_torch(), self._built()
        mean, deviation = (
            np.asarray(part, np.float32).reshape(-1, 1, 1) for part in self._standard()
        )
        return torch.as_tensor((to_host(values) - mean) / deviation).to(**_place(module))

    def _recorded(self, image: Any, wanted: Collection[str] | None) -> dict[str, dict[str, Any]]:
        """What the wanted submodules (None is all) return, copied at once: {name: {part of the
        output: tensor}}."""
        module, calls, found = self._built(), dict[str, int](), dict[str, dict[str, Any]]()

        def record(name: str) -> Callable[[Any, Any, Any], None]:
            def hook(_: Any, __: Any, output: Any) -> None:
                calls[name] = calls.get(name, 0) + 1
                if calls[name] == 1:
                    call = name
                else:
                    call = f"{name}:{calls[name]}"
                if wanted is None or call in wanted:
                    found[call] = {part: _copied(tensor) for part, tensor in tensors_in(output)}

            return hook

        with _LOCK, _at_rest(module):
            hooks = [
                one.register_forward_hook(record(name or "output"))
                for name, one in module.named_modules()
            ]
            try:
                (self.call or _plainly)(module, image)
            finally:
                for hook in hooks:
                    hook.remove()
        return found

    def _known(
        self, shape: tuple[int, int]
    ) -> dict[str, dict[str, tuple[tuple[int, int, int], Field]]]:
        """Shape and field of each part of each submodule's output, for images of this shape."""
        torch, module = load_torch(), self._built()
        key = (tuple(shape), self.call, self.channels, repr(module))
        about = _KNOWN.setdefault(module, {})
        if key not in about:
            noise = torch.Generator().manual_seed(0)
            image = torch.randn((1, self.channels, *shape), generator=noise).to(**_place(module))
            with torch.no_grad(), _LOCK:
                seen = self._recorded(followed(image), None)
            about[key] = {
                name: bands for name, parts in seen.items() if (bands := _described(parts, shape))
            }
            self._measure(about[key], image)
        return about[key]

    def _measure(
        self, known: dict[str, dict[str, tuple[tuple[int, int, int], Field | None]]], image: Any
    ) -> None:
        """Fill in the fields that could not be followed: from gradients of noise images."""
        unknown = {
            name
            for name, bands in known.items()
            if any(field is None for _, field in bands.values())
        }
        if not unknown:
            return
        torch = load_torch()
        reach: dict[tuple[str, str], np.ndarray] = {}
        for seed in range(_N_NOISE):
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(image.shape, generator=generator).to(image).requires_grad_()
            with torch.enable_grad():
                found = self._recorded(noise, unknown)
            for name in unknown:
                for part, (shape, field) in known[name].items():
                    if field is None:
                        maps = _as_maps(found[name][part], 1)
                        reach[name, part] = reach.get((name, part), 0) + np.stack(
                            [_reach(maps, noise, *unit) for unit in _two_units(shape)]
                        )
        sides = tuple(image.shape[2:])
        for (name, part), total in reach.items():
            shape = known[name][part][0]
            known[name][part] = (shape, _measured_field(total > 0, shape, sides))


_N_NOISE = 4  # noise images that a field is measured with


def _place(module: Any) -> dict[str, Any]:
    """Where a module computes, and in what precision."""
    torch = load_torch()
    one = next((p for p in module.parameters() if p.dtype.is_floating_point), torch.empty(0))
    return {"device": one.device, "dtype": one.dtype}


def _plainly(module: Any, image: Any) -> Any:
    return module(image)


@lru_cache(maxsize=4)
def _made(where: str, weights: tuple[str, int] | None, seed: int) -> Any:
    """A module from the function that makes it, with these weights."""
    torch, (package, _, name) = load_torch(), where.partition(":")
    try:
        function = getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError, ValueError) as error:
        msg = (
            "`module` must be 'package.module:function', such as 'torchvision.models:resnet18', "
            f"got {where!r} ({error})."
        )
        raise ValueError(msg) from error
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


@contextmanager
def _at_rest(module: Any) -> Iterator[None]:
    """Evaluation mode, and every submodule's own mode again afterwards."""
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for one, mode in modes:
            one.training = mode


def _copied(tensor: Any) -> Any:
    """The tensor as it is now, with its field."""
    copy = tensor.clone()
    if isinstance(tensor, followed_class()):
        copy.field = tensor.field
    return copy


def _as_maps(tensor: Any, n_images: int) -> Any:
    """A tensor as (image, feature, y, x): tokens lie along y."""
    if tensor.ndim == 0 or tensor.shape[0] != n_images:
        if tensor.ndim and tensor.shape[0] % n_images == 0:
            tensor = tensor.reshape(n_images, -1)
        else:
            tensor = tensor.expand(n_images, *tensor.shape)
    if tensor.ndim == 4:
        return tensor
    if tensor.ndim == 3:
        return tensor.transpose(1, 2)[..., None]
    return tensor.reshape(n_images, -1, 1, 1)


def _parameters(module: Any) -> dict[str, int]:
    """Parameters that each submodule holds itself, not in others below it."""
    return {
        name or "output": sum(p.numel() for p in one.parameters(recurse=False))
        for name, one in module.named_modules()
    }


def _described(
    parts: Mapping[str, Any], shape: tuple[int, int]
) -> dict[str, tuple[tuple[int, int, int], Field | None]]:
    """Shape and field of each part of an output; None where the field could not be followed."""
    found = {}
    for part, tensor in parts.items():
        if not tensor.dtype.is_floating_point:
            continue
        maps = tuple(_as_maps(tensor, 1).shape[1:])
        field = getattr(tensor, "field", None)
        if tensor.ndim != 4 or maps[1:] == (1, 1):
            if field is None or tensor.ndim != 4:
                field = Field.whole(*shape)
        found[part] = (maps, field)
    return found


def _two_units(shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Places of two units in a map, a third in from its opposite corners."""
    return [tuple(n // 3 for n in shape[1:]), tuple(n - 1 - n // 3 for n in shape[1:])]


def _reach(maps: Any, image: Any, y: int, x: int) -> np.ndarray:
    """Where in the image a unit, all features together, has a gradient."""
    torch = load_torch()
    if not maps.requires_grad:
        return np.ones(image.shape[2:])
    unit = maps[0, :, y, x]
    weights = torch.randn(unit.shape, generator=torch.Generator().manual_seed(1)).to(unit)
    (gradient,) = torch.autograd.grad(
        (unit * weights).sum(), image, retain_graph=True, allow_unused=True
    )
    if gradient is None:
        return np.zeros(image.shape[2:])
    return gradient.float().abs().sum(dim=(0, 1)).cpu().numpy()


def _measured_field(
    reached: np.ndarray, shape: tuple[int, int, int], sides: tuple[int, int]
) -> Field:
    """The field of a map whose two units reach there: wide enough for both, its step from the
    distance of their centres.

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
        inside = min(low, low2) > 0 and max(high, high2) < side - 1
        even = Fraction(side, n)
        apart = Fraction(low2 + high2 - low - high, 2)
        if inside and second > first:
            step = _plain_step(apart / (second - first), second - first)
        else:
            step = even
        if inside:
            middle = Fraction(low + high, 2) - first * step
        else:
            middle = (even - 1) / 2
        if inside:
            missed = abs(apart - step * (second - first))
        else:
            missed = 0
        spans.append(Span(max(high - low, high2 - low2) + 1 + 2 * missed, step, middle))
    if all(span.size >= side for span, side in zip(spans, sides, strict=True)) or any(
        span.step <= 0 for span in spans
    ):
        return Field.whole(*sides)
    return Field(*spans, MEASURED)


def _plain_step(step: Fraction, n_steps: int) -> Fraction:
    """The whole number, or one over one, that a measured step stands for, where it is within a
    pixel over the way."""
    if step >= Fraction(3, 4):
        plain = Fraction(round(step))
    else:
        if step > 0:
            plain = Fraction(1, max(1, round(1 / step)))
        else:
            plain = step
    if abs(plain - step) * n_steps <= 1:
        return plain
    return step
