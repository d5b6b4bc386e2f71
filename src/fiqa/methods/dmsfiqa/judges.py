"""The judges of DmsFIQA's first stage: each gives a face six factor qualities in 0..1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import fiqa
from fiqa import checks
from fiqa.types import Faces, FloatArray

__all__ = ["AnalyticJudge", "Judge", "judge_of"]


class Judge(Protocol):
    """Anything that judges faces.

    Attributes:
        name: that of the settings.
        parallel: False keeps it in one process.
        batch: how many faces it likes at once.
    """

    name: str
    parallel: bool
    batch: int

    def load(self) -> None:
        """Loads what it needs.

        Raises:
            WeightsError, MissingExtraError: that is not here.
        """
        ...

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,6) float32 in 0..1 in the order of FACTORS, NaN where it cannot tell."""
        ...

    def describe(self) -> dict[str, Any]:
        """Returns everything that decides its answers: files with sha256, prompts, constants."""
        ...


class AnalyticJudge:
    """The six factors from landmarks and image statistics (fiqa.faces.factors).

    It needs no pretrained model, and knows no pose without landmarks.

    >>> import numpy as np
    >>> AnalyticJudge().judge(Faces(np.zeros((2, 112, 112, 3), np.uint8))).shape
    (2, 6)
    """

    name = "analytic"
    parallel = True
    batch = 32

    def load(self) -> None:
        """Loads nothing."""

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,6) float32 in 0..1, NaN where a factor cannot be measured."""
        from fiqa.faces.factors import measure

        return measure(faces).matrix

    def describe(self) -> dict[str, Any]:
        """Returns the version of fiqa, whose code decides the answers."""
        return {"judge": self.name, "version": f"fiqa {fiqa.__version__}"}


def judge_of(name: str, config: Mapping[str, Any]) -> Judge:
    """Returns the judge of a name with its settings; nothing is loaded yet.

    Args:
        name: of the judge.
        config: see fiqa.methods.dmsfiqa.config.

    Raises:
        UnknownNameError: no such judge.

    >>> from fiqa.methods.dmsfiqa.config import read_config
    >>> judge_of("clip", read_config()).name
    'clip'
    """
    checks.choice(name, "judge", ("analytic", "clip", "blip2"))
    if name == "clip":
        from fiqa.methods.dmsfiqa.clip_judge import ClipJudge

        return ClipJudge(**config["clip"])
    if name == "blip2":
        from fiqa.methods.dmsfiqa.blip2_judge import Blip2Judge

        return Blip2Judge(**config["blip2"])
    return AnalyticJudge()
