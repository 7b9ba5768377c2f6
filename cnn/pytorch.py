"""Any PyTorch module behind the same interface.

Torchvision, timm, transformers, segmentation networks, Siamese pairs (needs torch).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from threading import RLock
from typing import Any, final
from weakref import WeakKeyDictionary

import numpy as np

from hmax_cnn.extraction.arrays import Array, to_host
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

from .torch_fields import load_torch, tensors_in
from .torch_geometry import geometry_of
from .torch_modules import (
    as_maps,
    at_rest,
    bytes_of,
    called_plainly,
    check_weights,
    copied_tensor,
    made_module,
    multiply_adds,
    own_parameters,
    place_of,
)
from .weights import per_channel, stamp

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
    >>> module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.ReLU())  # doctest: +SKIP
    >>> model = TorchExtractor(module)  # doctest: +SKIP
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

    libraries = ("torch",)

    # The extractor's questions -------------------------------------------------------------------

    @property
    def n_channels(self) -> int:  # type: ignore[override]  # a plain class attribute in most models
        """1 where the module sees luminance, 3 where it sees red, green and blue."""
        return self.channels

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the submodules, in the order in which they return."""
        if self.module is None:
            return ()
        return tuple(self._known(self.natural_shape))

    def default_layer(self) -> str:
        """The layer meant by layer=None."""
        # Modules that hold others are no layers of their own; the last leaf is the scores.
        inner = {name.rpartition(".")[0] for name, _ in self._built().named_modules() if name} | {
            "output"
        }
        leaves = [name for name in self.layer_names if name not in inner] or ["output"]
        if len(leaves) > 1:
            return leaves[-2]
        return leaves[-1]

    def intended_shape(self) -> tuple[int, int]:
        """Height and width that the model was made for, in pixels."""
        height, width = self.natural_shape
        return height, width

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects."""
        return (0, 255) if self.standardise == "imagenet" else None

    def expected_moments(self) -> tuple[float, float]:
        """Mean and deviation that pixel values are standardised with, over channels."""
        mean, deviation = self._standard()
        return float(np.mean(mean)), float(np.mean(deviation))

    def held(self) -> dict[str, np.ndarray]:
        """Parameters and buffers of the module, those that a state_dict leaves out too."""
        return bytes_of(self._built())

    def working_bytes(self, height: int, width: int) -> int:
        """About what one image takes while it is computed, in bytes."""
        sizes = [
            int(np.prod(shape))
            for bands in self._known((height, width)).values()
            for shape, _ in bands.values()
        ]
        return 16 * max(sizes, default=height * width)

    def learn(self, images: Images, labels: Any) -> None:
        """Learn from images and labels; see `FeatureExtractor.learn`."""
        self.geometry(images[0].shape, self.wanted_layers())

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback | None]]:
        """What the submodules return; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable or None)
            A pullback, by PyTorch's own gradients, only where `retina.traced`.
        """
        known = self._known(tuple(retina.values.shape[2:]))
        counts: dict[str, int] = {}
        products: dict[str, int | None] = {}
        if not len(retina.values):  # asked for shapes, not for responses
            counts = own_parameters(self._built())
            products = self._multiply_adds(tuple(retina.values.shape[2:]))
        image, found = self._passed(retina, wanted)
        for name, bands in known.items():
            # Layers are listed in order, also those that were not recorded.
            if name not in wanted:
                yield name, [], None
                continue
            maps = []
            for number, (band, (shape, field)) in enumerate(bands.items()):
                values = np.empty((0, *shape), np.float32)
                if found:
                    # On the host in single precision, whatever the module computes in.
                    values = found[name][band].detach().float().cpu().numpy()
                n_digits = max(2, len(str(shape[0] - 1)))
                features = [f"c{index:0{n_digits}d}" for index in range(shape[0])]
                made = Maps(values, field, band, features)
                if not number:
                    # Of a submodule that is called again the first call has both.
                    n_products = 0 if ":" in name else products.get(name, 0)
                    made = replace(
                        made, n_parameters=counts.get(name, 0), n_multiply_adds=n_products
                    )
                maps.append(made)
            pullback = None
            if retina.traced and found:
                pullback = self._pullback(image, list(found[name].values()))
            yield name, maps, pullback

    def _passed(self, retina: Maps, wanted: Collection[str]) -> tuple[Any, dict[str, Any]]:
        """The image as the module sees it, and what the wanted submodules return, as maps."""
        torch = load_torch()
        if not len(retina.values):
            return None, {}
        image = self._tensor(retina.values)
        if retina.traced:
            image.requires_grad_()
        with torch.set_grad_enabled(retina.traced):
            recorded = self._recorded(image, wanted)
            found = {
                name: {part: as_maps(value, len(image)) for part, value in parts.items()}
                for name, parts in recorded.items()
            }
        return image, found

    def _pullback(self, image: Any, bands: Sequence[Any]) -> BandsPullback:
        torch = load_torch()
        deviation = np.asarray(self._standard()[1], np.float32).reshape(-1, 1, 1)

        def pullback(gradients: Sequence[Array]) -> Array:
            values, towards = [], []
            for gradient, band in zip(gradients, bands, strict=True):
                if band.requires_grad:
                    values.append(band)
                    host = np.array(to_host(gradient))
                    towards.append(torch.as_tensor(host, device=band.device, dtype=band.dtype))
            if not values:
                return np.zeros(tuple(image.shape), np.float32)
            (to_image,) = torch.autograd.grad(
                values, image, towards, retain_graph=True, allow_unused=True
            )
            if to_image is None:
                return np.zeros(tuple(image.shape), np.float32)
            # The module sees standardised pixels: by the chain rule over their deviation.
            return to_image.float().cpu().numpy() / deviation

        return pullback

    # The module ----------------------------------------------------------------------------------

    def _built(self) -> Any:
        """The module itself."""
        torch = load_torch()
        if isinstance(self.module, str):
            return made_module(
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
        return torch.as_tensor((to_host(values) - mean) / deviation).to(**place_of(module))

    def _recorded(self, image: Any, wanted: Collection[str] | None) -> dict[str, dict[str, Any]]:
        """What the wanted submodules (None is all) return, copied at once.

        {name: {part of the output: tensor}}.
        """
        module, calls, found = self._built(), dict[str, int](), dict[str, dict[str, Any]]()

        def record(name: str) -> Callable[[Any, Any, Any], None]:
            def hook(_: Any, __: Any, output: Any) -> None:
                calls[name] = calls.get(name, 0) + 1
                if calls[name] == 1:
                    call = name
                else:
                    call = f"{name}:{calls[name]}"
                if wanted is None or call in wanted:
                    # A copy: an operation in place would change what was recorded.
                    found[call] = {
                        part: copied_tensor(tensor) for part, tensor in tensors_in(output)
                    }

            return hook

        with _LOCK, at_rest(module):
            hooks = [
                one.register_forward_hook(record(name or "output"))
                for name, one in module.named_modules()
            ]
            try:
                (self.call or called_plainly)(module, image)
            finally:
                for hook in hooks:
                    hook.remove()
        return found

    def _known(
        self, shape: tuple[int, int]
    ) -> dict[str, dict[str, tuple[tuple[int, int, int], Field]]]:
        """Shape and field of each part of each submodule's output, for images of this shape."""
        torch, module = load_torch(), self._built()
        # Shapes and fields are found out once for each size of image: the first image of a size
        # costs a second pass.
        key = (tuple(shape), self.call, self.channels, repr(module))
        about = _KNOWN.setdefault(module, {})
        if key not in about:
            check_weights(module)
            # Whatever mode the caller is in: gradients and versions of tensors are needed.
            with torch.inference_mode(mode=False), _LOCK:
                # Kept when all of it is found: a measurement that fails is not.
                # Noise, not zeros: a module that divides by a norm answers to it.
                noise = torch.Generator().manual_seed(0)
                images = torch.randn((2, self.channels, *shape), generator=noise)
                images = images.to(**place_of(module))
                about[key] = geometry_of(module, self._recorded, images)
        return about[key]

    def _multiply_adds(self, shape: tuple[int, int]) -> dict[str, int | None]:
        """Multiply-accumulates of each submodule for one image of this shape, counted once."""
        torch, module = load_torch(), self._built()
        key = ("multiply-accumulates", shape, self.call, self.channels, repr(module))
        about = _KNOWN.setdefault(module, {})
        if key not in about:
            image = torch.zeros((1, self.channels, *shape)).to(**place_of(module))
            with torch.no_grad(), _LOCK, at_rest(module):
                run = partial(self.call or called_plainly, module, image)
                about[key] = multiply_adds(module, run)
        return about[key]
