"""eDifFIQA: labels of a slow teacher, lowered by the distance from the person's best faces.

A student learns them together with the embedding.

    [1] Babnik, Peer, Struc: eDifFIQA: Towards Efficient Face Image Quality Assessment based on
        Denoising Diffusion Probabilistic Models, IEEE TBIOM 2024.

The teacher's diffusion is no part of this; the prior may be its label file, or any other quality in
0..1. `fiqa train` with the objective "ediffiqa" trains the student (recipes/ediffiqa.toml).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.identities import encode, groups
from fiqa.functional.similarity import normalize
from fiqa.methods.labeler import Job, Labeler, Labels, Work, needs_of, options_of
from fiqa.types import MethodCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "best_rows", "labeler", "lowered_quality", "student_loss"]

CARD = MethodCard(
    name="ediffiqa",
    paper="Babnik, Peer, Struc: eDifFIQA (IEEE TBIOM 2024)",
    year=2024,
    family="trained",
    needs=("embeddings", "identities", "prior"),
    gives=("label", "train"),
    summary=(
        "A prior, lowered by the distance to the center of the person's best faces. The student"
        " keeps a recognizer's vector too."
    ),
    preprocess=(
        "label: none, it works on vectors; the student: aligned crop 112x112 RGB, mean and std of"
        " the recognizer it stands on"
    ),
    weights=(
        "train it with recipes/ediffiqa.toml; eDifFIQA(T) by OpenCV's zoo (CC-BY-4.0): fiqa weights"
        " pull ediffiqa_t; the authors' others name no license"
    ),
    equation=(
        "label clamp(q - d / 2, 0, 1), d = 1 - cos(e, center of the person's best fifth); student"
        " .5 (1 - cos(e, teacher's e)) + .5 |q^ - label|"
    ),
    use=(
        "Take it when you trust a slow quality and want a fast network that keeps it, together"
        " with the vector."
    ),
    limits=(
        "It is as good as its prior. The diffusion teacher of the paper is not part of fiqa; a"
        " file of its labels would work."
    ),
    cost="one forward pass of the student",
)


def lowered_quality(
    prior: ArrayLike,
    embeddings: NDArray[np.floating[Any]],
    identities: ArrayLike,
    *,
    best: float = 0.2,
    strength: float = 0.5,
    rule: Literal["identity", "published"] = "identity",
    least: int = 10,
    leave_out: bool = False,
) -> NDArray[np.float64]:
    """Returns clamp(q_i - strength d_i, 0, 1), d_i the distance from the person's best faces [1].

        d_i = 1 - cos(e_i, center of the best of the own identity)

    The center is the mean of the unit vectors of the best images. Which they are:

    - "identity" (ours): the `best` share of each identity's images by the prior, rounded up (equal
      ones: the first).
    - "published": the `best` share of all images; an identity with fewer than `least` of them has
      no label. The authors measure d on the vector of the student as it learns: fiqa train,
      `ediffiqa.rule = "published"`. Here it is measured on the recognizer's vector.

    Args:
        prior: (N,) quality in 0..1, the teacher's.
        embeddings: (N,D) of any length.
        identities: (N,) who is on the image.
        best: share that makes the centers, in (0, 1].
        strength: what a distance of 1 takes off, at least 0.
        rule: "identity" or "published".
        least: "published" alone: best images that an identity must have.
        leave_out: whether an image is left out of its own center.

    Returns:
        (N,) float64 in 0..1; NaN where there is no center. Without `leave_out` an image that is its
        identity's only best one keeps its prior.

    Raises:
        ShapeError: arrays of other lengths.
        InputError: a prior outside 0..1, NaN or zero rows, best, strength or least out of range.
        UnknownNameError: rule.

    >>> e = np.array([[1.0, 0], [0.6, 0.8], [0, 1.0]])
    >>> lowered_quality([0.9, 0.8, 0.4], e, ["a", "a", "b"], best=0.5).round(2).tolist()
    [0.9, 0.6, 0.4]
    """
    checks.in_range(strength, "strength", 0, math.inf, open_high=True)
    unit = normalize(embeddings, "embeddings")
    quality = checks.finite(
        checks.array(prior, "prior", shape=(len(unit),), dtype=np.float64), "prior"
    )
    if len(quality) and (quality.min() < 0 or quality.max() > 1):
        raise InputError(
            f"prior must lie in 0..1, got {quality.min():.4g}..{quality.max():.4g}.",
            hint="rescale it to 0..1 first",
        )
    code, classes = encode(identities, len(unit))
    top = best_rows(quality, code, best=best, rule=rule, least=least)
    total = np.zeros((classes, unit.shape[1]))
    np.add.at(total, code[top], unit[top].astype(np.float64))
    count, member = np.bincount(code[top], minlength=classes)[code], np.zeros(len(code), bool)
    center, member[top] = total[code], True
    # The direction of a sum without one of its vectors is that of the mean without it.
    if leave_out:
        center[top] -= unit[top]
        count = count - member
    length = np.linalg.norm(center, axis=1)
    cosine = np.einsum("nd,nd->n", unit, center) / np.where(length > 1e-12, length, 1.0)
    lowered = np.clip(quality - strength * (1 - cosine), 0, 1)
    return np.where(count > 0, lowered, np.nan)


def best_rows(
    quality: NDArray[np.float64],
    code: NDArray[np.int64],
    *,
    best: float,
    rule: Literal["identity", "published"],
    least: int,
) -> NDArray[np.int64]:
    """Returns the rows whose vectors make the centers, by a rule of `lowered_quality`.

    Raises: as lowered_quality.
    """
    checks.in_range(best, "best", 0, 1, open_low=True)
    checks.choice(rule, "rule", ("identity", "published"))
    checks.in_range(least, "least", 1, math.inf)
    # A hair less before rounding up: a fifth of 10 is 2, and not 3 by the last bit of .2.
    if rule == "published":
        order = np.argsort(-quality, kind="stable")[: math.ceil(best * len(quality) - 1e-9)]
        enough = np.bincount(code[order], minlength=int(code.max(initial=-1)) + 1) >= least
        return np.sort(order[enough[code[order]]])
    chosen = [
        rows[np.argsort(-quality[rows], kind="stable")[: math.ceil(best * len(rows) - 1e-9)]]
        for rows in groups(code)
    ]
    return np.concatenate(chosen) if chosen else np.empty(0, np.int64)


def student_loss(
    quality: Tensor, target: Tensor, embedding: Tensor, teacher: Tensor, *, share: float = 0.5
) -> dict[str, Tensor]:
    """Returns the two terms of the student's loss [1]; their sum is minimized.

    Each is a mean over the faces times its share.

        embedding: share (1 - cos(e, teacher e))        quality: (1 - share) |q^ - target|

    Args:
        quality, target: (N,) predicted and `lowered_quality`.
        embedding, teacher: (N,D) vectors of any length: the student's and the recognizer's.
        share: of the first term, in 0..1.
    """
    from torch.nn import functional

    count = max(len(quality), 1)
    apart = (1 - functional.cosine_similarity(embedding, teacher)).sum() / count
    return {
        "embedding": share * apart,
        "quality": (1 - share) * (quality - target).abs().sum() / count,
    }


def labeler() -> Labeler:
    """Returns how `fiqa label ediffiqa` works; our rule leaves each image out of its own center."""

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        leave_out = options["leave_out"]
        chosen = {
            **options,
            "leave_out": options["rule"] == "identity" if leave_out is None else leave_out,
        }
        value = lowered_quality(job.needed_prior(), job.needed_vectors(), job.identities, **chosen)
        return Labels(value, "no_mate", range=(0.0, 1.0))

    return Labeler(run, options_of(lowered_quality) | {"leave_out": None}, needs_of(CARD))
