"""The offline form of CLIB-FIQA's towers: any image backbone, and a table for the text tower.

It is no CLIP and is not called so.

The 360 prompt embeddings are built from one learnable vector per level, 17 in all: a prompt's is
the sum of the vectors of its six levels, normalized.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa.functional.soft import AXES
from fiqa.methods.clib_fiqa.joint import joint
from fiqa.methods.clib_fiqa.prompts import GRID
from fiqa.nets.catalog import backbone
from fiqa.nets.heads import BackboneNet

__all__ = ["Constant", "JointNet", "PromptTable", "table_net"]


class PromptTable(nn.Module):
    """(360,D) unit embeddings of PROMPTS from one learnable vector per level.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.levels = nn.ParameterDict(
            {name: torch.randn(len(GRID[name]), dim) / math.sqrt(dim) for name in AXES}
        )

    def forward(self) -> Tensor:
        """Returns the matrix; the order is that of PROMPTS, quality fastest."""
        total: Tensor | None = None
        for name in AXES:
            rows = self.levels[name]
            # Each axis multiplies the rows; the last one, the quality, runs fastest.
            total = rows if total is None else (total[:, None] + rows[None]).flatten(0, 1)
        return functional.normalize(torch.empty(0) if total is None else total, dim=1)


class Constant(nn.Module):
    """(360,D) embeddings that a frozen text tower made once.

    Args:
        text: the matrix.
    """

    text: Tensor

    def __init__(self, text: Tensor) -> None:
        super().__init__()
        self.register_buffer("text", text.detach().clone())

    def forward(self) -> Tensor:
        """Returns the matrix."""
        return self.text


class JointNet(BackboneNet):
    """(N,3,S,S) normalized crops -> (N,360) joint distribution over PROMPTS, for training.

    fiqa.methods.clib_fiqa.graph has what is left of it to score with.

    Args:
        backbone: the image tower up to its features.
        projection: features -> (N,D).
        text: gives (360,D).
        scale: 1 / temperature at the start; its logarithm is learned.
    """

    def __init__(
        self, backbone: nn.Module, projection: nn.Module, text: nn.Module, scale: float
    ) -> None:
        super().__init__()
        self.backbone, self.projection, self.text = backbone, projection, text
        self.logit_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def from_features(self, features: Tensor) -> Tensor:
        """Returns rows that sum to 1, for what the backbone gives."""
        return joint(self.projection(features), self.text(), self.logit_scale.exp())


def table_net(
    name: str, *, embedding: int = 0, hidden: int = 0, dim: int = 512, scale: float = 100.0
) -> JointNet:
    """Returns the offline form with random weights.

    Args:
        name, embedding: of the backbone, see fiqa.nets.catalog.backbone.
        hidden: width of a layer with ReLU before the projection, 0 for none.
        dim: D, length of image and prompt embeddings.
        scale: 1 / temperature at the start.

    Raises:
        UnknownNameError: no such backbone.
        InputError: an embedding that it cannot have.
    """
    body, width = backbone(name, embedding)
    last = nn.Linear(hidden or width, dim, bias=False)
    projection = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), last) if hidden else last
    return JointNet(body, projection, PromptTable(dim), scale)
