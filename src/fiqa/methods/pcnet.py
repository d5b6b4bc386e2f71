"""PCNet: a confidence per face such that the lower one of two mates is their similarity.

LightQNet's loss on the same pairs is here too.

    [1] Xie, Byrne, Zisserman: Inducing Predictive Uncertainty Estimation for Face Recognition, BMVC
        2020.
    [2] Chen, Yi, Lv: LightQNet: Lightweight Deep Face Quality Assessment for Risk-Controlled Face
        Recognition, IEEE Signal Processing Letters 2021.

The losses are functions of tensors; `fiqa train` with the objective "pcnet" minimizes them
(recipes/pcnet.toml, recipes/lightqnet.toml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiqa.types import MethodCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "cross_entropy_loss", "squared_loss"]

CARD = MethodCard(
    name="pcnet",
    paper=(
        "Xie, Byrne, Zisserman: Inducing Predictive Uncertainty Estimation for Face Recognition"
        " (BMVC 2020)"
    ),
    year=2020,
    family="trained",
    needs=("crops", "embeddings", "identities"),
    gives=("train",),
    extras=("train",),
    preprocess="the network: aligned crop 112x112 RGB, mean and std of the recognizer it stands on",
    weights=(
        "train it with recipes/pcnet.toml (LightQNet's loss: recipes/lightqnet.toml); we know of"
        " none that are published, LightQNet's are (MIT)"
    ),
    summary=(
        "The lower confidence of two images of a person learns their similarity: by a head on a"
        " frozen recognizer, or by a network of its own."
    ),
    equation=(
        "mean over mated pairs of (cos(e_i, e_j) - min(p_i, p_j))^2; LightQNet: BCE(min(p_i, p_j),"
        " sigmoid(16 (cos(e_i, e_j) - 0.4)))"
    ),
    use=(
        "Take it when you have mated pairs and a recognizer: the similarity itself is the teacher."
    ),
    limits=(
        "It learns from mated pairs only, so wrong identities in the training images are learned"
        " as bad quality."
    ),
    cost="one forward pass of the recognizer's trunk; LightQNet's: of a small network of its own",
)

_SLOPE, _MIDDLE = 16.0, 0.4


def squared_loss(similarity: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Returns the mean of (cos(e_i, e_j) - min(p_i, p_j))^2 over mated pairs [1].

    Args:
        similarity: (P,) cosines of the pairs.
        first, second: (P,) confidences of the two faces of each pair.

    Returns:
        a scalar; 0 without a pair.
    """
    return (similarity - first.minimum(second)).square().sum() / max(len(similarity), 1)


def cross_entropy_loss(
    similarity: Tensor,
    first: Tensor,
    second: Tensor,
    *,
    slope: float = _SLOPE,
    middle: float = _MIDDLE,
) -> Tensor:
    """Returns the mean binary cross-entropy of the lower confidence of each mated pair [2].

    It is that of min(p_i, p_j) and sigmoid(slope (cos(e_i, e_j) - middle)).

    Args:
        similarity: (P,) cosines of the pairs.
        first, second: (P,) logits of the confidences, p = sigmoid(logit): exact where p would be 0
            or 1.
        slope, middle: of the target; LightQNet's are 16 and 0.4.

    Returns:
        a scalar; 0 without a pair.
    """
    from torch.nn import functional

    target = (slope * (similarity - middle)).sigmoid()
    total = functional.binary_cross_entropy_with_logits(
        # The lower logit is that of the lower confidence: the sigmoid ascends.
        first.minimum(second),
        target,
        reduction="sum",
    )
    return total / max(len(similarity), 1)
