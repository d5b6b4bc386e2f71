"""Class centers that a recognizer learns, and the softmax with an additive angular margin.

    [1] Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition,
        CVPR 2019.

Centers belong to training alone: the model that is exported has none.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa import checks

__all__ = ["ClassCenters", "margin_loss"]

_EDGE = 1e-6
"""How far a cosine stays from 1, where the slope of the angle is infinite."""


class ClassCenters(nn.Module):
    """(N,dim) embeddings of any length -> (N,classes) cosines to one learned center per class.

    Args:
        classes: at least 2.
        dim: length of the embeddings.
        start: (classes,dim) where the centers begin; None begins at random.

    Raises:
        InputError: fewer than two classes, or `dim` below 1.
    """

    def __init__(self, classes: int, dim: int, start: Tensor | None = None) -> None:
        super().__init__()
        checks.in_range(classes, "classes", 2, float("inf"))
        checks.in_range(dim, "dim", 1, float("inf"))
        # drawn in any case, so that what is drawn after it is the same
        drawn = torch.randn(classes, dim) * 0.01
        self.weight = nn.Parameter(drawn if start is None else start.clone())

    def forward(self, embedding: Tensor) -> Tensor:
        """Returns (N,classes) cosines in -1..1."""
        return functional.linear(
            functional.normalize(embedding), functional.normalize(self.weight)
        ).clamp(-1, 1)


def margin_loss(
    cosine: Tensor, identity: Tensor, *, margin: float | Tensor, scale: float
) -> Tensor:
    """Returns the cross-entropy of cosines, that of the own class lowered by an angle [1, Eq. 3].

    It is that of softmax(scale * c), c the cosines with the margin.

        c_i,own = cos(min(angle_i + margin_i, pi))    c_i,other = cosine as it is    mean over i

    Args:
        cosine: (N,K) in -1..1.
        identity: (N,) int, 0..K-1.
        margin: in radians, one or (N,).
        scale: at least 0.

    Returns:
        a scalar; 0 for no rows.
    """
    own = cosine.gather(1, identity[:, None])[:, 0]
    angle = torch.acos(own.clamp(-1 + _EDGE, 1 - _EDGE)) + margin
    # Beyond pi the cosine would rise again, and a worse face would be punished less.
    lowered = cosine.scatter(1, identity[:, None], torch.cos(angle.clamp(max=math.pi))[:, None])
    return functional.cross_entropy(scale * lowered, identity, reduction="sum") / max(
        len(cosine), 1
    )
