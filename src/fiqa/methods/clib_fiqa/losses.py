"""What CLIB-FIQA minimizes, in torch: soft labels, earth mover's distance, focal loss.

The published code's reweighting of terms is here too.

[1] Ou, Li, Wang, Kwong: CLIB-FIQA, CVPR 2024. [2] Liu, Johns, Davison: End-to-End Multi-Task
Learning with Attention, CVPR 2019 (dynamic weight average).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from fiqa.functional.soft import ANCHORS

__all__ = ["dynamic_weights", "emd", "focal", "soft_label"]

Form = Literal["sample", "batch", "double-softmax"]
# Below it a logarithm or a root is cut off: their slopes at 0 are infinite.
_LEAST = 1e-12


def soft_label(
    q: Tensor, beta: Tensor | float, *, distance: Literal["squared", "absolute"] = "squared"
) -> Tensor:
    """Returns the soft label of each quality, (N,5) [1, Eq. 1].

    It is the softmax over the levels of -beta d(q, a_n).

    fiqa.functional.soft.soft_labels is the same on numpy, with its checks.

    Args:
        q: (N,) quality in 0..1.
        beta: how sharp, a number or (N,); stage 2 has beta rho.
        distance: "squared" is the published code's (q - a)^2, "absolute" what the paper prints.

    >>> soft_label(torch.tensor([0.5]), 32.0).double().round(decimals=3).tolist()
    [[0.004, 0.177, 0.638, 0.177, 0.004]]
    """
    gap = q[:, None] - q.new_tensor(ANCHORS)
    far = gap.square() if distance == "squared" else gap.abs()
    return torch.softmax(
        -torch.as_tensor(beta, dtype=q.dtype, device=q.device).reshape(-1, 1) * far, dim=1
    )


def emd(p: Tensor, q: Tensor, *, form: Literal["square", "absolute"] = "square") -> Tensor:
    """Returns the earth mover's distance of the published code between matching rows, (N,).

        sqrt(mean over the bins of (CDF p - CDF q)^2)

    By default it differs from [1, Eq. 4], which prints the sum of absolute differences; its own
    code has the root of the mean square.

    >>> float(emd(torch.tensor([[1.0, 0, 0, 0, 0]]), torch.tensor([[0.0, 1, 0, 0, 0]]))) == 0.2**0.5
    False

    Args:
        p, q: (N,5) rows that sum to 1.
        form: "square" is the published code, "absolute" the paper's print.
    """
    difference = (p - q).cumsum(dim=1)
    if form == "absolute":
        return difference.abs().sum(dim=1)
    # The root has no slope at 0, where the two distributions are the same.
    return difference.square().mean(dim=1).clamp_min(_LEAST).sqrt()


def focal(p: Tensor, level: Tensor, *, gamma: float = 2.0, form: Form = "sample") -> Tensor:
    """Returns the focal loss (1 - e^-CE)^gamma CE of a factor, (N,), 0 where unknown [1, Eq. 5, 6].

    Args:
        p: (N,L) marginal distribution of the factor.
        level: (N,) int64, -1 unknown.
        gamma: how little weight those get that are right already.
        form: "sample" has CE = -log p of the level and weighs each image by its own CE. "batch"
            weighs all by their mean CE. "double-softmax" is the published code: `p` goes through a
            softmax as if it were logits, and the weight is the batch's.

    >>> focal(torch.tensor([[0.5, 0.5]]), torch.tensor([1])).round(decimals=4).tolist()
    [0.17329999804496765]
    """
    labelled = level >= 0
    log_p = (
        functional.log_softmax(p, dim=1) if form == "double-softmax" else p.clamp_min(_LEAST).log()
    )
    cross = -log_p.gather(1, level.clamp_min(0)[:, None])[:, 0] * labelled
    weigh = cross if form == "sample" else cross.sum() / labelled.sum().clamp_min(1)
    return (1 - torch.exp(-weigh)) ** gamma * cross


def dynamic_weights(last: Tensor, before: Tensor, *, temperature: float = 2.0) -> Tensor:
    """Returns the weights of K terms, (K,) that sum to K, from their last two epochs [2, Eq. 7].

        w_k = K softmax_k(last_k / before_k / temperature): a term that falls slowly gets more

    Args:
        last, before: (K,) means, `before` above 0.
        temperature: how even; large makes all 1.

    >>> dynamic_weights(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 1.0])).tolist()
    [1.0, 1.0]
    """
    return len(last) * torch.softmax(last / before.clamp_min(_LEAST) / temperature, dim=0)
