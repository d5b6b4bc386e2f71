"""MobileFaceNet: a recognizer of one million parameters, also the backbone of the quality networks.

    [1] Chen, Liu, Gao, Han: MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification
        on Mobile Devices, CCBR 2018.

Parameter names are those of the common PyTorch state dict (`conv1`, `dw_conv`, `features.N.conv`,
`conv2`, `gdconv`, `conv3`, `bn`), whose activation is ReLU6.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from fiqa import checks

__all__ = ["MobileFaceNet"]


class _Shape(NamedTuple):
    """The sizes of a variant.

    Attributes:
        stages: (expansion, channels, repeats, stride of the first) of each.
        early: stride of the separable convolution before them.
        side: of the last map.
    """

    stages: tuple[tuple[int, int, int, int], ...]
    early: int
    side: int


_SHAPES = {
    "full": _Shape(
        ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)), 1, 7
    ),
    "half": _Shape(
        ((2, 64, 3, 2), (4, 128, 1, 2), (2, 128, 4, 1), (4, 128, 1, 2), (2, 128, 1, 1)), 2, 4
    ),
}
"""Table 1 of [1]; and ours."""


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class _Separable(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.depthwise(x)))
        return torch.relu(self.bn2(self.pointwise(x)))


class _Global(nn.Module):
    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, size, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.depthwise(x))


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential(
            _conv(inputs, hidden, 1),
            _conv(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileFaceNet(nn.Module):
    """(N,3,112,112) float -> (N,dim) vectors, not normalized, or (N,512) features when `dim` is 0.

    Args:
        dim: length of the vector; 0 leaves the embedding layer out.
        variant: full, the published network; half, ours: maps of half the side and fewer repeats, a
            fifth of the multiplications.

    Raises:
        InputError: dim below 0.
        UnknownNameError: variant.
    """

    LAST = ("conv3.", "bn.")
    """Names of the layers that `dim=0` leaves out."""

    def __init__(self, dim: int = 128, *, variant: Literal["full", "half"] = "full") -> None:
        super().__init__()
        checks.in_range(dim, "dim", 0, float("inf"))
        shape = _SHAPES[checks.choice(variant, "variant", _SHAPES)]
        self.conv1 = _conv(3, 64, 3, 2)
        self.dw_conv = _Separable(64, shape.early)
        blocks, channels = [], 64
        for expansion, outputs, repeats, stride in shape.stages:
            for k in range(repeats):
                blocks.append(_Bottleneck(channels, outputs, stride if k == 0 else 1, expansion))
                channels = outputs
        self.features = nn.Sequential(*blocks)
        self.conv2 = _conv(channels, 512, 1)
        self.gdconv = _Global(512, shape.side)
        self.width = dim or 512
        self.conv3 = nn.Conv2d(512, dim, 1) if dim else None
        self.bn = nn.BatchNorm2d(dim) if dim else None

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N,dim) vectors, or the features before them, for (N,3,112,112) crops."""
        return self.tail(self.trunk(x))

    def trunk(self, x: Tensor) -> Tensor:
        """Returns the (N,512,1,1) pooled features."""
        return self.gdconv(self.conv2(self.features(self.dw_conv(self.conv1(x)))))

    def tail(self, features: Tensor) -> Tensor:
        """Returns (N,dim) vectors for (N,512,1,1) pooled features.

        That is the last layer, or nothing but another shape where `dim` is 0.
        """
        if self.conv3 is not None and self.bn is not None:
            features = self.bn(self.conv3(features))
        return features.flatten(1)
