"""LightQNet's loss on the pairs of PCNet: cross-entropy with a steep function of the similarity.

See fiqa.methods.pcnet.
"""

from __future__ import annotations

from torch import Tensor

from fiqa.methods.pcnet import cross_entropy_loss
from fiqa.training import settings
from fiqa.training.objectives.pcnet import MatedQuality

__all__ = ["OBJECTIVE", "LightQNet"]


class LightQNet(MatedQuality):
    """The network gives logits; the quality is their sigmoid, in 0..1."""

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns sigmoid(output)."""
        return output.sigmoid()

    def pair_loss(self, similarity: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns cross_entropy_loss with the recipe's slope and middle."""
        own = self.recipe.own(settings.LightQNet)
        return cross_entropy_loss(similarity, first, second, slope=own.slope, middle=own.middle)


OBJECTIVE = LightQNet
