"""The yardstick: HMAX of the `georgetown` convention written the plain way in PyTorch, `conv2d`
everywhere and S2 maps held whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hmax_cnn.hmax import PRESETS, gabor_bank


class PlainHMAX(torch.nn.Module):
    """Images (n, 1, height, width) in 0..255 to C2 distances (n, units)."""

    def __init__(self, prototypes: Mapping[int, np.ndarray], partial_windows: bool = True) -> None:
        super().__init__()
        self.partial_windows = partial_windows
        self.anatomy = PRESETS["georgetown"]
        self.banks = {
            size: torch.tensor(
                gabor_bank(size, wavelength, self.anatomy.orientations)[:, None],
                dtype=torch.float32,
            )
            for sizes, wavelengths in zip(
                self.anatomy.filter_sizes, self.anatomy.wavelengths, strict=True
            )
            for size, wavelength in zip(sizes, wavelengths, strict=True)
        }
        self.prototypes = {size: torch.tensor(patches) for size, patches in prototypes.items()}

    def to(self, device: str) -> PlainHMAX:
        self.banks = {size: bank.to(device) for size, bank in self.banks.items()}
        self.prototypes = {size: patches.to(device) for size, patches in self.prototypes.items()}
        return self

    def s1(self, images: Tensor, size: int) -> Tensor:
        half = size // 2
        matches = functional.conv2d(images, self.banks[size], padding=half).abs()
        energy = functional.conv2d(
            images**2, torch.ones(1, 1, size, size, device=images.device), padding=half
        )
        inside = torch.zeros_like(matches)
        inside[..., half + 1 : matches.shape[2] - half, half + 1 : matches.shape[3] - half] = 1
        norm = energy.clamp(min=0).sqrt()
        return matches * inside / torch.where(norm > 0, norm, 1)

    def c1(self, images: Tensor) -> list[Tensor]:
        bands = []
        for sizes, pool, stride in zip(
            self.anatomy.filter_sizes,
            self.anatomy.pool_sizes,
            self.anatomy.pool_strides,
            strict=True,
        ):
            strongest = torch.stack([self.s1(images, size) for size in sizes]).amax(0)
            ends = [(-(-side // stride) - 1) * stride + pool - side for side in strongest.shape[2:]]
            bands.append(
                functional.max_pool2d(
                    functional.pad(strongest, (0, ends[1], 0, ends[0])), pool, stride
                )
            )
        return bands

    def s2(self, band: Tensor, patches: Tensor) -> Tensor:
        size = patches.shape[-1]
        if self.partial_windows:
            around = functional.pad(band, ((size - 1) // 2, size // 2) * 2)
        else:
            around = band
        squares = functional.conv2d(
            around**2, torch.ones(1, band.shape[1], size, size, device=band.device)
        )
        squares = (
            squares
            - 2 * functional.conv2d(around, patches)
            + (patches**2).sum((1, 2, 3))[:, None, None]
        )
        return squares.clamp(min=0).sqrt()

    def forward(self, images: Tensor) -> Tensor:
        bands = self.c1(images)
        return torch.cat(
            [
                torch.stack([self.s2(band, patches).amin((2, 3)) for band in bands]).amin(0)
                for patches in self.prototypes.values()
            ],
            1,
        )


def features(
    images: np.ndarray,
    prototypes: Mapping[int, np.ndarray],
    batch: int,
    device: str = "cpu",
    partial_windows: bool = True,
) -> np.ndarray:
    """C2 of (n, height, width) images, batch by batch."""
    model = PlainHMAX(prototypes, partial_windows).to(device)
    with torch.inference_mode():
        batches: Sequence[Tensor] = torch.tensor(images, dtype=torch.float32)[:, None].split(batch)
        return torch.cat([model(part.to(device)).cpu() for part in batches]).numpy()
