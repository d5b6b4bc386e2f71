"""PFE: each face is a Gaussian in the space of embeddings; where it is wide, the face is bad.

    [1] Shi, Jain: Probabilistic Face Embeddings, ICCV 2019.

The mean is the unit vector of a recognizer that stays as it is; a head predicts the logarithm of
the variance of every dimension. `fiqa train` with the objective "pfe" trains the head
(recipes/pfe.toml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiqa.types import MethodCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "mutual_loss", "negative_variance"]

CARD = MethodCard(
    name="pfe",
    paper="Shi, Jain: Probabilistic Face Embeddings (ICCV 2019)",
    year=2019,
    family="trained",
    needs=("crops", "embeddings", "identities"),
    gives=("train",),
    extras=("train",),
    preprocess="the network: aligned crop 112x112 RGB, mean and std of the recognizer it stands on",
    weights=(
        "train it with recipes/pfe.toml; the authors'"
        " (github.com/seasonSH/Probabilistic-Face-Embeddings, MIT) are TensorFlow's, not read here"
    ),
    summary=(
        "Variance of the face's embedding, which a head on a frozen recognizer learns from mated"
        " pairs. The score is minus its harmonic mean."
    ),
    equation=(
        "mean over mated pairs of sum_d (mu_i - mu_j)^2 / (v_i + v_j) + log(v_i + v_j); q = -1 /"
        " mean_d(1 / v_d)"
    ),
    use=(
        "Take it to know how certain each dimension of a vector is, so that vectors can be"
        " compared or merged with it. The score comes with it."
    ),
    limits=(
        "A variance has no natural scale of 0..1. The score is at most 0, often near 0, and can be"
        " compared inside one model only."
    ),
    cost="one forward pass of the recognizer's trunk",
)


def mutual_loss(first: Tensor, second: Tensor, first_log: Tensor, second_log: Tensor) -> Tensor:
    """Returns minus twice the mutual likelihood score of mated pairs, its constant left out.

    See [1, Eq. 3].

    It is the mean over the pairs of sum_d (mu_i - mu_j)^2 / (v_i + v_j) + log(v_i + v_j).

    Args:
        first, second: (P,D) unit vectors of the two faces of each pair.
        first_log, second_log: (P,D) logarithms of their variances.

    Returns:
        a scalar; 0 without a pair.
    """
    # log(v_i + v_j) from the logarithms: the variances themselves may overflow.
    width = first_log.logaddexp(second_log)
    return ((first - second).square() * (-width).exp() + width).sum() / max(len(first), 1)


def negative_variance(log_variance: Tensor) -> Tensor:
    """Returns minus the harmonic mean of the variances: (N,) below 0, higher is better [1].

    It is -1 / mean_d(1 / v_d), for (N,D) logarithms of variances.
    """
    return -1 / (-log_variance).exp().mean(dim=1)
