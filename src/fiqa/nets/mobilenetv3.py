"""MobileNetV3, small and large: the light backbones of quality students.

    [1] Howard et al.: Searching for MobileNetV3, ICCV 2019.

Parameter names and shapes are torchvision's (`features.N.block.K...`, `classifier.0`,
`classifier.3`), so its published state dicts load. Differs from torchvision: running statistics
follow with momentum 0.1, not 0.01, and depthwise layers begin at their own scale, because runs here
are short.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa import checks

__all__ = ["MobileNetV3"]


class _Row(NamedTuple):
    """A line of the tables of [1].

    Attributes:
        kernel: side of the depthwise convolution.
        hidden: expanded channels.
        outputs: channels that go out.
        squeeze: squeeze-and-excitation.
        swish: hard swish, else ReLU.
        stride: of the depthwise convolution.
    """

    kernel: int
    hidden: int
    outputs: int
    squeeze: bool
    swish: bool
    stride: int


_LARGE = (
    _Row(3, 16, 16, False, False, 1),
    _Row(3, 64, 24, False, False, 2),
    _Row(3, 72, 24, False, False, 1),
    _Row(5, 72, 40, True, False, 2),
    _Row(5, 120, 40, True, False, 1),
    _Row(5, 120, 40, True, False, 1),
    _Row(3, 240, 80, False, True, 2),
    _Row(3, 200, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1),
    _Row(3, 480, 112, True, True, 1),
    _Row(3, 672, 112, True, True, 1),
    _Row(5, 672, 160, True, True, 2),
    _Row(5, 960, 160, True, True, 1),
    _Row(5, 960, 160, True, True, 1),
)
_SMALL = (
    _Row(3, 16, 16, True, False, 2),
    _Row(3, 72, 24, False, False, 2),
    _Row(3, 88, 24, False, False, 1),
    _Row(5, 96, 40, True, True, 2),
    _Row(5, 240, 40, True, True, 1),
    _Row(5, 240, 40, True, True, 1),
    _Row(5, 120, 48, True, True, 1),
    _Row(5, 144, 48, True, True, 1),
    _Row(5, 288, 96, True, True, 2),
    _Row(5, 576, 96, True, True, 1),
    _Row(5, 576, 96, True, True, 1),
)
_VARIANTS = {"small": (_SMALL, 1024), "large": (_LARGE, 1280)}
"""Rows, and the width of the hidden layer of the classifier."""


def _conv(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] | None = None,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([act(inplace=True)] if act else []))


def _multiple_of_8(value: float) -> int:
    """The multiple of 8 nearest to `value`, not below 8 and not more than a tenth below `value`."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


class _Squeeze(nn.Module):
    """Squeeze-and-excitation with a hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = _multiple_of_8(channels / 4)
        self.fc1 = nn.Conv2d(channels, inner, 1)
        self.fc2 = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc2(torch.relu(self.fc1(functional.adaptive_avg_pool2d(x, 1))))
        return x * functional.hardsigmoid(scale)


class _Inverted(nn.Module):
    def __init__(self, inputs: int, row: _Row) -> None:
        super().__init__()
        act: type[nn.Module] = nn.Hardswish if row.swish else nn.ReLU
        layers: list[nn.Module] = (
            [] if row.hidden == inputs else [_conv(inputs, row.hidden, act=act)]
        )
        layers.append(_conv(row.hidden, row.hidden, row.kernel, row.stride, row.hidden, act))
        layers += [_Squeeze(row.hidden)] if row.squeeze else []
        layers.append(_conv(row.hidden, row.outputs))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and inputs == row.outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class MobileNetV3(nn.Module):
    """(N,3,H,W) float -> (N, classes), or (N, width) pooled features when `classes` is 0.

    H and W at least 32; 112, 224 and 256 are usual.

    Args:
        variant: small (pooled width 576) or large (960).
        classes: outputs of the classifier; 0 leaves it out.

    Raises:
        UnknownNameError: variant.
        InputError: classes below 0.
    """

    LAST = ("classifier.",)
    """Names of the layers that `classes=0` leaves out."""

    def __init__(
        self, variant: Literal["small", "large"] = "small", *, classes: int = 1000
    ) -> None:
        super().__init__()
        rows, hidden = _VARIANTS[checks.choice(variant, "variant", _VARIANTS)]
        checks.in_range(classes, "classes", 0, float("inf"))
        layers: list[nn.Module] = [_conv(3, 16, 3, 2, act=nn.Hardswish)]
        channels = 16
        for row in rows:
            layers.append(_Inverted(channels, row))
            channels = row.outputs
        pooled = 6 * channels
        self.features = nn.Sequential(*layers, _conv(channels, pooled, act=nn.Hardswish))
        self.width = classes or pooled
        self.classifier = nn.Sequential()
        if classes:
            layers = [
                nn.Linear(pooled, hidden),
                nn.Hardswish(inplace=True),
                nn.Dropout(0.2),
                nn.Linear(hidden, classes),
            ]
            self.classifier = nn.Sequential(*layers)
        _initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, classes), or (N, width) pooled features without a classifier."""
        return self.classifier(functional.adaptive_avg_pool2d(self.features(x), 1).flatten(1))


def _initialize(net: nn.Module) -> None:
    """Kaiming's initialization by outputs, a depthwise convolution counted by its own group, so
    that activations begin at the scale BatchNorm expects."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            fan = layer.out_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            # Counted by all groups a depthwise layer would begin near 0, and what follows with it.
            nn.init.normal_(layer.weight, std=(2 / fan) ** 0.5)
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
