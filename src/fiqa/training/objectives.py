"""What training minimizes: pure functions on tensors, each a scalar that carries the gradient of its predictions.

[1] Guo et al.: DmsFIQA, equation of the student's loss: mean|q^ - q| + mean over pairs log(1 + exp(-s_ij (q^_i - q^_j))).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["factor_l1", "ranking", "weighted_l1", "weighted_smooth_l1"]


def weighted_l1(pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Returns sum(w |pred - target|) / sum(w), the first term of [1]; 0 where all weights are 0.

    Args:
        pred, target: (N,) float.
        weight: (N,) float, at least 0.
    """
    return _mean((pred - target).abs(), weight)


def weighted_smooth_l1(pred: Tensor, target: Tensor, weight: Tensor, *, beta: float) -> Tensor:
    """Returns the weighted mean of d^2 / (2 beta) where d = |pred - target| is below `beta`, else d - beta / 2. Args as weighted_l1; beta > 0."""
    return _mean(functional.smooth_l1_loss(pred, target, reduction="none", beta=beta), weight)


def ranking(pred: Tensor, target: Tensor, group: Tensor) -> Tensor:
    """Returns the mean of log(1 + exp(-s_ij (pred_i - pred_j))) over the pairs of one group whose targets differ, s_ij = sign(target_i - target_j) [1].

    Args:
        pred, target: (N,) float.
        group: (N,) int; images of one group are compared, and -1 is in none.

    Returns: a scalar; 0 where there is no pair.
    """
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
    known = torch.isfinite(target)
    error = (pred - torch.where(known, target, pred.detach())).abs()
    return _mean(error, known * weight[:, None])


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum()
    return (values * weight).sum() / torch.where(total > 0, total, torch.ones_like(total))
