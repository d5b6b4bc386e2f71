"""The judges of DmsFIQA's first stage: each gives a face six factor qualities in 0..1, or one.

The judge `table` alone (fiqa.methods.dmsfiqa.table_judge) sees no face: it knows them by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np

import fiqa
from fiqa import checks
from fiqa.errors import InputError, WeightsError
from fiqa.types import Faces, FloatArray, Scorer
from fiqa.vocabulary import FACTORS

__all__ = ["JUDGES", "AnalyticJudge", "FactorsJudge", "Judge", "ScoreJudge", "judge_of", "known"]

JUDGES = ("analytic", "fiqa", "clip", "siglip", "blip2", "table")
"""The judges of six factors. Beside them any method that scores, or model file, is a judge of the
whole face."""

_FILES = (".onnx", ".pb")


class Judge(Protocol):
    """Anything that judges faces.

    Attributes:
        name: that of the settings.
        parallel: False keeps it in one process.
        batch: how many faces it likes at once.
        columns: 6 for the factors, 1 for the whole face.
    """

    name: str
    parallel: bool
    batch: int
    columns: int

    def load(self) -> None:
        """Loads what it needs.

        Raises:
            WeightsError, MissingExtraError: that is not here.
        """
        ...

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,columns) float32 in 0..1, in the order of FACTORS; NaN: it cannot tell."""
        ...

    def describe(self) -> dict[str, Any]:
        """Returns everything that decides its answers: files with sha256, prompts, constants."""
        ...


class AnalyticJudge:
    """The six factors from landmarks and image statistics (fiqa.faces.factors).

    It needs no pretrained model; what it knows of the pose, it knows from landmarks.

    >>> import numpy as np
    >>> AnalyticJudge().judge(Faces(np.zeros((2, 112, 112, 3), np.uint8))).shape
    (2, 6)
    """

    name = "analytic"
    parallel = True
    batch = 32
    columns = len(FACTORS)

    def load(self) -> None:
        """Loads nothing."""

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,6) float32 in 0..1, NaN where a factor cannot be measured."""
        from fiqa.faces.factors import measure

        return measure(faces).matrix

    def describe(self) -> dict[str, Any]:
        """Returns the version of fiqa, whose code decides the answers."""
        return {"judge": self.name, "version": f"fiqa {fiqa.__version__}"}


class ScoreJudge:
    """Any scorer as a judge of the whole face: its score in 0..1, by its calibration.

    Args:
        name: of a method that scores and needs no settings, or a model file.
    """

    parallel = True
    batch = 32
    columns = 1

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _scorer(self) -> Scorer:
        from fiqa.methods import load

        return load(self.name)

    def load(self) -> None:
        """Loads the scorer.

        Raises: as fiqa.load.
        """
        _ = self._scorer

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,1) float32 in 0..1."""
        raw = self._scorer.score(faces)
        return np.asarray(self._scorer.calibration.unit(raw), np.float32)[:, None]

    def describe(self) -> dict[str, Any]:
        """Returns the scorer's name and version."""
        return {"judge": self.name, "version": self._scorer.version}


class FactorsJudge(ScoreJudge):
    """The six factors that a network gives beside its quality; by default the shipped one.

    Pose and crop are measured where landmarks or the detection are known, as `fiqa score` does.

    Args:
        model: `fiqa`, or a model file whose card has an output of factors.
    """

    columns = len(FACTORS)

    def __init__(self, *, model: str) -> None:
        super().__init__(model)
        self.name = "fiqa"
        self.model = model

    @cached_property
    def _scorer(self) -> Scorer:
        from fiqa.methods import load

        return load(self.model)

    def load(self) -> None:
        """Loads the network and asks it for factors once.

        Raises:
            WeightsError: the model has none; others as fiqa.load.
        """
        self.judge(Faces(np.zeros((1, 112, 112, 3), np.uint8)))

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,6) float32 in 0..1, NaN for a factor that the network does not give."""
        factors = self._scorer.assess(faces)[1]
        if factors is None:
            raise WeightsError(
                f"The model {self.model!r} must give factors, its card names no output of factors.",
                hint=f'judges = ["{self.model}"] takes its score as one quality of the whole face',
            )
        return np.asarray(factors.matrix, np.float32)

    def describe(self) -> dict[str, Any]:
        """Returns the model's name and version."""
        return {"judge": self.name, "model": self.model, "version": self._scorer.version}


def known(name: object) -> str:
    """Returns the name of a judge: one of JUDGES, a method that scores, or a model file.

    Raises:
        UnknownNameError: none of these.

    >>> known("laplacian")
    'laplacian'
    """
    text = str(name)
    if text.lower().endswith(_FILES):
        return text
    from fiqa.methods import card, names

    scorers = [method for method in names() if "score" in card(method).gives]
    return checks.choice(text, "judge", tuple(dict.fromkeys((*JUDGES, *scorers))))


def judge_of(name: str, config: Mapping[str, Any]) -> Judge:
    """Returns the judge of a name with its settings; nothing is loaded yet.

    Args:
        name: of the judge; not `table`, which knows no faces.
        config: see fiqa.methods.dmsfiqa.config.

    Raises:
        UnknownNameError: no such judge.
        InputError: `table`.

    >>> from fiqa.methods.dmsfiqa.config import read_config
    >>> judge_of("clip", read_config()).name
    'clip'
    """
    known(name)
    if name == "table":
        raise InputError("the judge table must be asked for ids, it cannot judge faces.")
    if name == "clip":
        from fiqa.methods.dmsfiqa.clip_judge import ClipJudge

        return ClipJudge(**config["clip"])
    if name == "siglip":
        from fiqa.methods.dmsfiqa.siglip_judge import SiglipJudge

        return SiglipJudge(**config["siglip"], prompts=config["clip"]["prompts"])
    if name == "blip2":
        from fiqa.methods.dmsfiqa.blip2_judge import Blip2Judge

        return Blip2Judge(**config["blip2"])
    if name == "fiqa":
        return FactorsJudge(**config["fiqa"])
    return AnalyticJudge() if name == "analytic" else ScoreJudge(name)
