"""FaceQnet's student: the mean squared error of a quality, from new layers on a recognizer.

See fiqa.methods.faceqnet for its labels.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from fiqa.nets.heads import QualityNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.objectives.base import Objective, Targets

__all__ = ["OBJECTIVE", "FaceQnet"]


class FaceQnet(Objective):
    """The recipe freezes the recognizer (optim.rest); what learns is the quality's layers."""

    LABEL_SCALE = True

    @classmethod
    def network(cls, recipe: Recipe) -> QualityNet:
        """Returns a QualityNet without factors, with a hidden layer."""
        model, hidden = recipe.model, recipe.own(settings.FaceQnet).hidden
        return QualityNet(model.backbone, embedding=model.embedding, hidden=hidden)

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns mean (q^ - q)^2."""
        return {"loss": functional.mse_loss(output[:, 0], batch.label)}


OBJECTIVE = FaceQnet
