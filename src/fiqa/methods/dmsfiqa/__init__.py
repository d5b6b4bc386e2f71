"""DmsFIQA: coarse levels from judges, then a fine order inside each identity by a template.

[1] Guo, Lin, Luo, Luo, Rambach: DmsFIQA: Dms-Specific Face Image Quality Assessment for In-Cabin
Driver Monitoring System.
"""

from __future__ import annotations

from fiqa.methods.dmsfiqa.fusion import fuse, fuse_factors, fuse_judges
from fiqa.methods.dmsfiqa.levels import (
    INTERVALS,
    coarse_levels,
    fine_labels,
    fine_positions,
    level_thresholds,
)
from fiqa.methods.labeler import Labeler, needs_of
from fiqa.types import MethodCard

__all__ = [
    "CARD",
    "INTERVALS",
    "coarse_levels",
    "fine_labels",
    "fine_positions",
    "fuse",
    "fuse_factors",
    "fuse_judges",
    "labeler",
    "level_thresholds",
]

CARD = MethodCard(
    name="dmsfiqa",
    paper="Guo, Lin, Luo, Luo, Rambach: DmsFIQA (in-cabin driver monitoring)",
    year=2026,
    family="label",
    needs=("crops", "landmarks", "embeddings", "identities", "templates"),
    gives=("label",),
    extras=("vlm",),
    preprocess=(
        "aligned crop 112x112 RGB; each judge resizes and normalizes it as its model's image"
        " processor says"
    ),
    weights=(
        "the judges' own (CLIP, BLIP-2), by folder or name, under the terms that their pages state;"
        " no student is published"
    ),
    summary=(
        "Five coarse levels from judges of six factors, refined inside each identity by"
        " template similarity."
    ),
    equation=(
        "Q = mean over factors of lam q_f(A) + (1 - lam) q_f(B), cut into five levels; inside a"
        " level by cos(e, template of the identity)"
    ),
    use=(
        "Take it for frames of a camera of your own, with one good template per person and no"
        " labels."
    ),
    cost=(
        "label: one pass of each judge: a pretrained model, the shipped network, or 2 ms with the"
        " analytic one"
    ),
    limits=(
        "The judges clip, siglip and blip2 need pretrained models; analytic, fiqa and table need"
        " none."
    ),
)


def labeler() -> Labeler:
    """Returns how `fiqa label dmsfiqa` works."""
    from fiqa.methods.dmsfiqa.labeling import OPTIONS, coarse_to_fine, prepare

    return Labeler(coarse_to_fine, dict(OPTIONS), needs_of(CARD), prepare=prepare)
