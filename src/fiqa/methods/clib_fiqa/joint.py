"""From an image embedding to the joint distribution over the 360 prompts and the score, in torch.

The one path from embedding to score, whatever tower made it: training, scoring and the ONNX graph
all go through it. fiqa.functional.soft has the marginals and the score on numpy; these carry
gradients.

    [1] Ou, Li, Wang, Kwong: CLIB-FIQA, CVPR 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fiqa.functional.soft import ANCHORS, AXES
from fiqa.methods.clib_fiqa.prompts import GRID

__all__ = ["SHAPE", "expected", "factor_joint", "joint", "marginals"]

SHAPE = tuple(len(GRID[name]) for name in AXES)
"""(3, 2, 3, 2, 2, 5): levels of blur, occlusion, pose, expression, illumination, quality."""


def joint(image: Tensor, text: Tensor, scale: Tensor | float) -> Tensor:
    """Returns P(prompt | image), (N,360) with rows that sum to 1 [1, Eq. 3].

    It is the softmax over all prompts of scale cos(image, text).

    Args:
        image: (N,D) embeddings of images, of any length.
        text: (360,D) embeddings of fiqa.methods.clib_fiqa.PROMPTS in their order, of any length.
        scale: 1 / temperature, a number above 0; CLIP's begins at 100 and is exp of what is
            learned.

    >>> text = torch.eye(360)
    >>> joint(text[:2], text, 100.0).argmax(dim=1).tolist()
    [0, 1]
    """
    cosine = functional.normalize(image, dim=1) @ functional.normalize(text, dim=1).T
    return torch.softmax(scale * cosine, dim=1)


def marginals(p: Tensor) -> dict[str, Tensor]:
    """Returns each property's own distribution: name -> (N, its levels), worst level first.

    All other properties are summed out.

    Args:
        p: (N,360) joint distribution.

    >>> [tuple(table.shape) for table in marginals(torch.full((2, 360), 1 / 360)).values()]
    [(2, 3), (2, 2), (2, 3), (2, 2), (2, 2), (2, 5)]
    """
    grid = p.reshape(-1, *SHAPE)
    return {
        name: grid.sum(dim=[other for other in range(1, 7) if other != axis])
        for axis, name in enumerate(AXES, 1)
    }


def factor_joint(p: Tensor) -> Tensor:
    """Returns the joint distribution of the factors, (N,72): the quality summed out of (N,360)."""
    return p.reshape(-1, 72, 5).sum(dim=2)


def expected(quality: Tensor) -> Tensor:
    """Returns the score of each quality distribution (N,5): (N,) in [.1, .9] [1, Eq. 2].

    It is sum_n P(n) a_n.

    >>> expected(torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0]])).double().round(decimals=3).tolist()
    [0.9]
    """
    return quality @ quality.new_tensor(ANCHORS)
