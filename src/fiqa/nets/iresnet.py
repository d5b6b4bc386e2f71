"""iResNet 18, 50 and 100: the recognizers of the ArcFace family.

    [1] Duta, Liu, Zhu, Shao: Improved Residual Networks for Image and Video Recognition, ICPR 2020.
    [2] Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition,
        CVPR 2019, section 3.1 (112x112 input, BN-Dropout-FC-BN).

Parameter names are insightface's (`conv1`, `bn1`, `prelu`, `layer1.0.conv1`, ..., `bn2`, `fc`,
`features`), so its published state dicts load.
"""

from __future__ import annotations

from torch import Tensor, nn

from fiqa import checks
from fiqa.errors import InputError

__all__ = ["IResNet"]

_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
_CHANNELS = (64, 128, 256, 512)
_SIDE = 7
"""What four halvings leave of 112 pixels."""


class _Block(nn.Module):
    """BN, convolution, BN, PReLU, convolution with the stride, BN; the shortcut is a 1x1
    convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        _Block(inputs, outputs, 2), *(_Block(outputs, outputs, 1) for _ in range(blocks - 1))
    )


class IResNet(nn.Module):
    """(N,3,112,112) float -> (N,dim) recognition vectors, not normalized.

    Args:
        depth: 18, 50 or 100.
        dim: length of the vector, at least 1.
        dropout: share of the last features that training drops (SER-FIQ needs it above 0).

    Raises:
        InputError: a depth or dim that is none.
    """

    LAST = ()
    """Names of the layers that can be left out: none."""

    def __init__(self, depth: int = 50, *, dim: int = 512, dropout: float = 0.0) -> None:
        super().__init__()
        if depth not in _BLOCKS:
            raise InputError(f"depth must be one of {', '.join(map(str, _BLOCKS))}, got {depth}.")
        checks.in_range(dim, "dim", 1, float("inf"))
        self.width = dim
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        ends = zip((64, *_CHANNELS), _CHANNELS, _BLOCKS[depth], strict=False)
        self.layer1, self.layer2, self.layer3, self.layer4 = (_stage(*end) for end in ends)
        self.bn2 = nn.BatchNorm2d(512)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(512 * _SIDE**2, dim)
        self.features = nn.BatchNorm1d(dim)
        # As insightface does: the last layer shifts and does not scale.
        self.features.weight.requires_grad = False

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N,dim) vectors for (N,3,112,112) preprocessed crops."""
        return self.tail(self.dropout(self.trunk(x)))

    def trunk(self, x: Tensor) -> Tensor:
        """Returns the (N,25088) features that training drops from."""
        x = self.prelu(self.bn1(self.conv1(x)))
        return self.bn2(self.layer4(self.layer3(self.layer2(self.layer1(x))))).flatten(1)

    def tail(self, features: Tensor) -> Tensor:
        """Returns (N,dim) vectors for (N,25088) features: the last layer."""
        return self.features(self.fc(features))
