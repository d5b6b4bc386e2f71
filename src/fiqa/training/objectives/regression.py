"""A quality (and factors) learned from labels: L1 or smooth L1, pairwise ranking, the factors.

The terms are pure functions on tensors, each a scalar that carries the gradient of its predictions.

    [1] Guo et al.: DmsFIQA, equation of the student's loss:
        mean|q^ - q| + mean over pairs log(1 + exp(-s_ij (q^_i - q^_j))).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fiqa.errors import InputError
from fiqa.nets.heads import QualityNet
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.shipped import factor_hidden

__all__ = ["OBJECTIVE", "Regression", "factor_l1", "ranking", "weighted_l1", "weighted_smooth_l1"]


class Regression(Objective):
    """A quality and its factors from labels; the network gives (N, 1 + F).

    The loss is `loss.weight` times the quality term, plus `loss.ranking` and `loss.factors` times
    theirs.

    Raises:
        InputError: labels outside 0..1 and a model.output that ends there.
    """

    TERMS = ("loss_quality", "loss_ranking", "loss_factors")
    LABEL_SCALE = True

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        low, high = float(data.label.min()), float(data.label.max())
        if recipe.model.output != "linear" and not (low >= 0 and high <= 1):
            raise InputError(
                f"labels must lie in 0..1 for model.output = {recipe.model.output!r}, got"
                f" {low:g}..{high:g}.",
                hint=(
                    'data.rescale = true brings them there; model.output = "linear" keeps their'
                    " scale"
                ),
            )

    @classmethod
    def network(cls, recipe: Recipe) -> QualityNet:
        """Returns a QualityNet."""
        model = recipe.model
        return QualityNet(
            model.backbone,
            embedding=model.embedding,
            factors=model.factors,
            factor_hidden=factor_hidden(recipe),
            output=model.output,
        )

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns the terms whose weight is not 0, and the quality term in any case."""
        loss, quality = self.recipe.loss, output[:, 0]
        if loss.quality == "l1":
            terms = {"loss_quality": weighted_l1(quality, batch.label, batch.weight)}
        else:
            terms = {
                "loss_quality": weighted_smooth_l1(
                    quality, batch.label, batch.weight, beta=loss.beta
                )
            }
        total = loss.weight * terms["loss_quality"]
        if loss.ranking:
            terms["loss_ranking"] = ranking(quality, batch.order, batch.group)
            total = total + loss.ranking * terms["loss_ranking"]
        if loss.factors:
            terms["loss_factors"] = factor_l1(output[:, 1:], batch.factors, batch.weight)
            total = total + loss.factors * terms["loss_factors"]
        return {"loss": total, **terms}


OBJECTIVE = Regression


def weighted_l1(pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Returns sum(w |pred - target|) / sum(w), the first term of [1]; 0 where all weights are 0.

    Args:
        pred, target: (N,) float.
        weight: (N,) float, at least 0.
    """
    return _mean((pred - target).abs(), weight)


def weighted_smooth_l1(pred: Tensor, target: Tensor, weight: Tensor, *, beta: float) -> Tensor:
    """Returns the weighted mean of the smooth L1 of d = |pred - target|.

    That is d^2 / (2 beta) below `beta`, else d - beta / 2.

    Args:
        pred, target, weight: as weighted_l1.
        beta: above 0.
    """
    return _mean(functional.smooth_l1_loss(pred, target, reduction="none", beta=beta), weight)


def ranking(pred: Tensor, target: Tensor, group: Tensor) -> Tensor:
    """Returns the mean of log(1 + exp(-s_ij (pred_i - pred_j))) over the pairs of one group [1].

    s_ij = sign(target_i - target_j); pairs of equal targets do not count.

    Args:
        pred, target: (N,) float.
        group: (N,) int; images of one group are compared, and -1 is in none.

    Returns:
        a scalar; 0 where there is no pair.
    """
    # Each pair once; s_ij makes its order irrelevant.
    i, j = torch.triu_indices(len(pred), len(pred), offset=1, device=pred.device)
    sign = torch.sign(target[i] - target[j])
    used = (group[i] == group[j]) & (group[i] >= 0) & (sign != 0)
    loss = functional.softplus(-sign * (pred[i] - pred[j]))
    return _mean(loss, used.to(pred.dtype))


def factor_l1(pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Returns the weighted mean absolute error of the known factors.

    Args:
        pred: (N,F) float.
        target: (N,F) float, NaN where unknown: it does not count.
        weight: (N,) float, at least 0.
    """
    labelled = torch.isfinite(target)
    # 0 * NaN is NaN: an unknown target must not enter the difference at all.
    error = (pred - torch.where(labelled, target, pred.detach())).abs()
    return _mean(error, labelled * weight[:, None])


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum()
    # 0 / 1 rather than 0 / 0: a batch without a pair has no loss, and no NaN in its gradient.
    return (values * weight).sum() / torch.where(total > 0, total, torch.ones_like(total))
