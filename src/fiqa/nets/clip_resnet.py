"""The residual image tower of CLIP (RN50 and its like).

Parameter names are those of its published weights below `visual.`.

[1] Radford et al.: Learning Transferable Visual Models From Natural Language Supervision, ICML
2021, section 2.4.

It differs from the usual ResNet in three places [1]: three convolutions at the beginning instead of
one, averaging before every strided step, and attention instead of averaging at the end. The
transformers library has no such tower.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ClipResNet"]

_EXPANSION = 4
_REDUCTION = 32


class _Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a shortcut; a stride is an average after the second one,
    and before the shortcut's."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = (
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                OrderedDict(
                    [
                        ("-1", nn.AvgPool2d(stride)),
                        ("0", nn.Conv2d(inputs, outputs, 1, bias=False)),
                        ("1", nn.BatchNorm2d(outputs)),
                    ]
                )
            )

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        inner = self.pool(functional.relu(self.bn2(self.conv2(inner))))
        return functional.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


class _AttentionPool(nn.Module):
    """The mean of all places asks, mean and places answer: multi-head attention of one query,
    (N,C,H,W) -> (N,dim)."""

    def __init__(self, side: int, width: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(side**2 + 1, width) / width**0.5)
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, dim)

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2).transpose(1, 2)
        tokens = (
            torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + self.positional_embedding
        )
        query, key, value = self.q_proj(tokens[:, :1]), self.k_proj(tokens), self.v_proj(tokens)
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (query, key, value)
        )
        weight = torch.softmax(query @ key.transpose(2, 3) / key.shape[-1] ** 0.5, dim=-1)
        return self.c_proj((weight @ value).transpose(1, 2).flatten(1))


class ClipResNet(nn.Module):
    """(N,3,S,S) -> (N,dim) image embeddings.

    Args:
        layers: blocks of the four stages; (3, 4, 6, 3) is RN50.
        width: channels after the first three convolutions; 64 is RN50. The attention has width / 2
            heads.
        size: side of the input in pixels, a multiple of 32.
        dim: length of the embedding.
    """

    def __init__(self, layers: Sequence[int], *, width: int, size: int, dim: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = (
            nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(half),
        )
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, padding=1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = (
            nn.Conv2d(half, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        inputs = width
        for stage, count in enumerate(layers):
            channels, blocks = width << stage, []
            for block in range(count):
                blocks.append(_Bottleneck(inputs, channels, 2 if stage and not block else 1))
                inputs = channels * _EXPANSION
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.attnpool = _AttentionPool(size // _REDUCTION, inputs, half, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N,dim) for (N,3,size,size) normalized pixels."""
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = functional.relu(norm(conv(x)))
        x = functional.avg_pool2d(x, 2)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        result: Tensor = self.attnpool(x)
        return result
