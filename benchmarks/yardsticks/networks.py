"""The yardstick: the networks of `cnn_speed.py` as one writes them in PyTorch."""

from __future__ import annotations

import torch
from torch import nn


def lenet() -> nn.Module:
    """LeNet-5 for 28 x 28 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 120, 5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def vgg(
    stages: tuple[int, ...], filters: tuple[int, ...], n_dense: int, grid: int, n_classes: int
) -> nn.Module:
    """A VGG."""
    layers: list[nn.Module] = []
    n_in = 3
    for n_layers, n_filters in zip(stages, filters, strict=True):
        for _ in range(n_layers):
            layers += [nn.Conv2d(n_in, n_filters, 3, padding=1), nn.ReLU(inplace=True)]
            n_in = n_filters
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(grid), nn.Flatten()]
    n_in *= grid * grid
    for _ in range(2 if n_dense else 0):
        layers += [nn.Linear(n_in, n_dense), nn.ReLU(inplace=True), nn.Dropout(0.0)]
        n_in = n_dense
    return nn.Sequential(*layers, nn.Linear(n_in, n_classes))


class Block(nn.Module):
    """Convolutions and a shortcut: two 3 x 3, or 1 x 1, 3 x 3, 1 x 1."""

    def __init__(self, n_in: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        if bottleneck:
            n_out = 4 * width
        else:
            n_out = width
        if bottleneck:
            sizes = [(n_in, width, 1, 1), (width, width, 3, stride), (width, n_out, 1, 1)]
        else:
            sizes = [(n_in, width, 3, stride), (width, width, 3, 1)]
        layers: list[nn.Module] = []
        for one, other, window, step in sizes:
            layers += [
                nn.Conv2d(one, other, window, step, window // 2, bias=False),
                nn.BatchNorm2d(other),
                nn.ReLU(inplace=True),
            ]
        self.body = nn.Sequential(*layers[:-1])
        wider = n_in != n_out
        if wider:
            self.shortcut = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )
        else:
            self.shortcut = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu_(self.body(x) + self.shortcut(x))


def resnet(stages: tuple[int, ...], n_classes: int, bottleneck: bool = False) -> nn.Module:
    """A ResNet."""
    layers = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    n_in = 64
    for stage, n_blocks in enumerate(stages):
        for block in range(n_blocks):
            width = 64 * 2**stage
            layers.append(Block(n_in, width, 2 if stage and not block else 1, bottleneck))
            if bottleneck:
                n_in = 4 * width
            else:
                n_in = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, n_classes))
