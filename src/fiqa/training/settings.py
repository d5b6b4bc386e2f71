"""The objectives by name, each with the table of a recipe that belongs to it.

Torch-free, because a recipe is read before torch is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from fiqa import checks
from fiqa.errors import InputError

__all__ = [
    "CLIB_FACTORS",
    "CRFIQA",
    "OBJECTIVES",
    "PFE",
    "ClibFiqa",
    "EDifFIQA",
    "FaceQnet",
    "LightQNet",
    "MagFace",
    "PCNet",
    "Settings",
]

CLIB_FACTORS = ("blur", "occlusion", "pose", "expression", "illumination")
"""The factors of CLIB-FIQA, in the order of its joint distribution."""


@dataclass(frozen=True)
class Settings:
    """The table of one objective.

    Attributes:
        FILES: names the keys that are files: a run is known by their bytes too.
        CONFIDENCE: says whether the objective uses data.confidence.
    """

    FILES: ClassVar[tuple[str, ...]] = ()
    CONFIDENCE: ClassVar[bool] = False


@dataclass(frozen=True)
class FaceQnet(Settings):
    """`hidden` is the width of a new layer between the backbone and the quality, 0 for none."""

    hidden: int = 256

    def __post_init__(self) -> None:
        checks.in_range(self.hidden, "faceqnet.hidden", 0, math.inf)


@dataclass(frozen=True)
class PCNet(Settings):
    """`embeddings` is a file of a recognizer's vectors of every image to train on, as `fiqa embed`
    writes it; `hidden` as in FaceQnet.
    """

    FILES: ClassVar[tuple[str, ...]] = ("embeddings",)
    embeddings: str
    hidden: int = 0

    def __post_init__(self) -> None:
        checks.in_range(self.hidden, "hidden", 0, math.inf)


@dataclass(frozen=True)
class LightQNet(PCNet):
    """`slope` and `middle` of the function of the similarity that the lower quality of two mates
    learns; the others as in PCNet.
    """

    slope: float = 16.0
    middle: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.in_range(self.slope, "lightqnet.slope", 0, math.inf, open_low=True)
        checks.in_range(self.middle, "lightqnet.middle", -1, 1)


@dataclass(frozen=True)
class PFE(PCNet):
    """`dim` is the length of the vectors in `embeddings`; the others as in PCNet."""

    dim: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.in_range(self.dim, "pfe.dim", 1, math.inf)


@dataclass(frozen=True)
class CRFIQA(Settings):
    """`margin` in radians and `scale` of ArcFace; `weight` and `beta` of the smooth L1 term of the
    quality.

    `dim` is the length of a new last layer, 0 for none. `embeddings`, a file of the recognizer's
    own vectors as in PCNet, starts the class centers at each person's mean and goes with `dim` 0;
    without it they start at random.
    """

    FILES: ClassVar[tuple[str, ...]] = ("embeddings",)
    dim: int = 0
    embeddings: str = ""
    margin: float = 0.5
    scale: float = 64.0
    weight: float = 10.0
    beta: float = 0.5

    def __post_init__(self) -> None:
        checks.in_range(self.dim, "cr_fiqa.dim", 0, math.inf)
        checks.in_range(self.margin, "cr_fiqa.margin", 0, math.pi)
        checks.in_range(self.weight, "cr_fiqa.weight", 0, math.inf)
        for name in ("scale", "beta"):
            checks.in_range(getattr(self, name), f"cr_fiqa.{name}", 0, math.inf, open_low=True)


@dataclass(frozen=True)
class MagFace(Settings):
    """`scale` of the softmax, `weight` of the penalty of short vectors.

    `dim` and `embeddings` as in CRFIQA.
    """

    FILES: ClassVar[tuple[str, ...]] = ("embeddings",)
    dim: int = 0
    embeddings: str = ""
    scale: float = 64.0
    weight: float = 35.0

    def __post_init__(self) -> None:
        checks.in_range(self.dim, "magface.dim", 0, math.inf)
        checks.in_range(self.scale, "magface.scale", 0, math.inf, open_low=True)
        checks.in_range(self.weight, "magface.weight", 0, math.inf)


@dataclass(frozen=True)
class EDifFIQA(Settings):
    """`embeddings` as in PCNet, `dim` as in CRFIQA; `share` of the loss is the vector's, the rest
    the quality's.

    `rule` "labels" learns the labels as they are, those of `fiqa label ediffiqa`. "published" takes
    them for the prior and lowers them as the student learns, by `strength` times the distance of
    the student's own vector from the center of its person's best images: those among the `best`
    share of all; a person with fewer than `least` of them does not count.
    """

    FILES: ClassVar[tuple[str, ...]] = ("embeddings",)
    embeddings: str
    dim: int = 0
    share: float = 0.5
    rule: Literal["labels", "published"] = "labels"
    best: float = 0.2
    strength: float = 0.5
    least: int = 10

    def __post_init__(self) -> None:
        checks.in_range(self.dim, "ediffiqa.dim", 0, math.inf)
        checks.in_range(self.share, "ediffiqa.share", 0, 1)
        checks.in_range(self.best, "ediffiqa.best", 0, 1, open_low=True)
        checks.in_range(self.strength, "ediffiqa.strength", 0, math.inf)
        checks.in_range(self.least, "ediffiqa.least", 1, math.inf)


@dataclass(frozen=True)
class ClibFiqa(Settings):
    """`tower` names a CLIP (see fiqa.methods.clib_fiqa.towers); "" is the offline form.

    Model.backbone, a projection to `dim`, a table of prompts.

    Attributes:
        hidden: is the width of a layer before that projection, 0 for none.
        scale: is 1 / temperature at the start of the offline form.
        beta, distance: make the soft labels, `weight` is that of the quality term (lambda in the
            paper), `factors` those that are learned, `gamma` and `focal` their loss (see
            fiqa.methods.clib_fiqa.losses.focal).
        factor_sum: adds the losses of the factors up, as the published code does; else their mean
            counts.
        dynamic: reweights the terms by dynamic weight average with `temperature`.
        stage1: epochs come before the confidence is computed, 0 is a run without stages.
        emd: is the distance of the quality term: "square" as the published code has it, "absolute"
            as printed, which is a few times larger, so that `weight` means less of it.
        softmax_again: is the published code's confidence. With data.confidence the run is in stage
            2 from the start.
    """

    CONFIDENCE: ClassVar[bool] = True
    tower: str = ""
    hidden: int = 0
    dim: int = 512
    scale: float = 100.0
    beta: float = 32.0
    distance: Literal["squared", "absolute"] = "squared"
    emd: Literal["square", "absolute"] = "square"
    weight: float = 10.0
    factors: tuple[str, ...] = CLIB_FACTORS
    gamma: float = 2.0
    focal: Literal["sample", "batch", "double-softmax"] = "sample"
    factor_sum: bool = False
    dynamic: bool = False
    temperature: float = 2.0
    stage1: int = 5
    softmax_again: bool = False

    def __post_init__(self) -> None:
        checks.in_range(self.dim, "clib_fiqa.dim", 1, math.inf)
        checks.in_range(self.hidden, "clib_fiqa.hidden", 0, math.inf)
        checks.in_range(self.stage1, "clib_fiqa.stage1", 0, math.inf)
        for name in ("scale", "beta", "weight", "temperature"):
            checks.in_range(getattr(self, name), f"clib_fiqa.{name}", 0, math.inf, open_low=True)
        checks.in_range(self.gamma, "clib_fiqa.gamma", 0, math.inf)
        for name in self.factors:
            checks.choice(name, "factor of clib_fiqa.factors", CLIB_FACTORS)
        if len(set(self.factors)) != len(self.factors):
            raise InputError(
                f"clib_fiqa.factors must name each factor once, got {', '.join(self.factors)}."
            )


OBJECTIVES: Mapping[str, type[Settings]] = MappingProxyType(
    {
        "clib_fiqa": ClibFiqa,
        "cr_fiqa": CRFIQA,
        "ediffiqa": EDifFIQA,
        "faceqnet": FaceQnet,
        "lightqnet": LightQNet,
        "magface": MagFace,
        "pcnet": PCNet,
        "pfe": PFE,
        "regression": Settings,
    }
)
"""Name in `loss.objective` -> its table.

The objective is OBJECTIVE in fiqa.training.objectives.NAME, the table is [NAME] in the recipe."""
