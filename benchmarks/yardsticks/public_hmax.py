"""The public PyTorch HMAX, written anew from its description.

Its steps are kept, since they decide its speed: a norm for every orientation, S2 as a convolution
of each orientation apart whose maps are all held and then added, the best match last. Borders
are those of the `georgetown` preset here, so that results can be compared; the released class pads
C1 and S2 by half a window.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hmax_cnn.hmax import PRESETS, gabor_bank


class S1(nn.Module):
    """Filters of one size at all orientations, over the norm of what they see."""

    def __init__(self, size: int, wavelength: float) -> None:
        super().__init__()
        bank = gabor_bank(size, wavelength, PRESETS["georgetown"].orientations)[:, None]
        self.half = size // 2
        self.register_buffer("gabors", torch.tensor(bank, dtype=torch.float32))
        self.register_buffer("ones", torch.ones(len(bank), 1, size, size))

    def forward(self, image: Tensor) -> Tensor:
        matches = functional.conv2d(image, self.gabors, padding=self.half).abs()
        norm = functional.conv2d(image**2, self.ones, padding=self.half).sqrt()
        norm = torch.where(norm == 0, torch.ones_like(norm), norm)
        matches = matches / norm
        inside = torch.zeros_like(matches)
        ends = [side - self.half for side in image.shape[2:]]
        inside[..., self.half + 1 : ends[0], self.half + 1 : ends[1]] = 1
        return matches * inside


class C1(nn.Module):
    """The maximum over two sizes and over a window."""

    def __init__(self, window: int, stride: int) -> None:
        super().__init__()
        self.window, self.stride = window, stride

    def forward(self, maps: list[Tensor]) -> Tensor:
        strongest = torch.maximum(*maps)
        ends = [
            (-(-side // self.stride) - 1) * self.stride + self.window - side
            for side in strongest.shape[2:]
        ]
        around = functional.pad(strongest, (0, ends[1], 0, ends[0]))
        return functional.max_pool2d(around, self.window, self.stride)


class S2(nn.Module):
    """Distances to the prototypes of one size, at every place of every band."""

    def __init__(self, patches: np.ndarray) -> None:
        super().__init__()
        self.size = patches.shape[-1]
        self.n_orientations = patches.shape[1]
        apart = np.ascontiguousarray(patches.transpose(1, 0, 2, 3))
        apart = apart.reshape(-1, 1, self.size, self.size)
        self.register_buffer("kernels", torch.tensor(apart, dtype=torch.float32))
        self.register_buffer("ones", torch.ones(1, 1, self.size, self.size))
        energy = (patches.astype(float) ** 2).sum((1, 2, 3))
        self.register_buffer("energy", torch.tensor(energy, dtype=torch.float32)[:, None, None])

    def forward(self, bands: list[Tensor]) -> list[Tensor]:
        found = []
        for band in bands:
            around = functional.pad(band, ((self.size - 1) // 2, self.size // 2) * 2)
            apart = functional.conv2d(around, self.kernels, groups=self.n_orientations)
            matches = apart.unflatten(1, (self.n_orientations, -1)).sum(1)
            squares = functional.conv2d((around**2).sum(1, keepdim=True), self.ones)
            squares = squares - 2 * matches
            squares += self.energy
            found.append(squares.clamp(min=0).sqrt())
        return found


class PublicHMAX(nn.Module):
    """Images (n, 1, height, width) in 0..255 to the C2 of every prototype."""

    def __init__(self, prototypes: Mapping[int, np.ndarray]) -> None:
        super().__init__()
        table = PRESETS["georgetown"]
        self.s1 = nn.ModuleList(
            nn.ModuleList(S1(size, wave) for size, wave in zip(sizes, waves, strict=True))
            for sizes, waves in zip(table.filter_sizes, table.wavelengths, strict=True)
        )
        pools = zip(table.pool_sizes, table.pool_strides, strict=True)
        self.c1 = nn.ModuleList(C1(window, stride) for window, stride in pools)
        self.s2 = nn.ModuleList(S2(patches) for patches in prototypes.values())

    def forward(self, images: Tensor) -> Tensor:
        simple = [[one(images) for one in band] for band in self.s1]
        bands = [pool(maps) for pool, maps in zip(self.c1, simple, strict=True)]
        tuned = [one(bands) for one in self.s2]
        return torch.cat([torch.stack([m.amin((2, 3)) for m in maps]).amin(0) for maps in tuned], 1)
