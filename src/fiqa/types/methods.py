"""What a method is, and what it must be able to do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.calibration import Calibration
from fiqa.functional.display import facts_html
from fiqa.functional.spread import Spread
from fiqa.types.faces import Faces, Factors
from fiqa.types.fields import FloatArray

__all__ = ["MethodCard", "Recognizer", "Scorer"]


@dataclass(frozen=True)
class MethodCard:
    """What a method is, as plain data; listing the methods imports nothing else.

    Attributes:
        name: what options and tables call it.
        paper: where it is published.
        year: of the paper.
        family: of methods that it belongs to.
        needs: what it computes from: crops, landmarks, embeddings, identities, prior, templates,
            recognizer.
        gives: any of score, label, train, probe.
        extras: the fiqa extras that it imports.
        preprocess: the crop that it sees.
        weights: where its weights come from and under which license.
        status: ready, external, or planned.
        summary: what it computes.
        equation: in plain text.
        use: when it is the one to take.
        limits: when it fails.
        cost: of one face.
        points: whether its score needs landmarks: crops without get those that a network sees.
    """

    name: str
    paper: str
    year: int
    family: str
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    preprocess: str = ""
    weights: str = ""
    status: str = "ready"
    summary: str = ""
    equation: str = ""
    use: str = ""
    limits: str = ""
    cost: str = ""
    points: bool = False

    def __repr__(self) -> str:
        gives, needs = ", ".join(self.gives), ", ".join(self.needs)
        return f"MethodCard({self.name}, {self.year}: gives {gives}; needs {needs})"

    def _repr_html_(self) -> str:
        facts = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return facts_html(
            self.name, [(n, ", ".join(v) if isinstance(v, tuple) else v) for n, v in facts]
        )


@runtime_checkable
class Recognizer(Protocol):
    """Anything that turns aligned crops into recognition vectors.

    Attributes:
        name: what tables of embeddings call it.
    """

    name: str

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Returns (N,D) float32 vectors as the network gives them, not normalized.

        Args:
            crops: (N,112,112,3) uint8 RGB.
        """
        ...


@runtime_checkable
class Scorer(Protocol):
    """Anything that turns aligned crops into a quality, higher is better.

    A class that inherits from it has `unified` and `explain`, and needs `assess` only where it can
    say why.

    Attributes:
        name: what the table of scores calls it.
        version: what exactly computed the score ("fiqa 0.1.0", the sha256 of a model file).
        sha256: of the model file; None where there is none.
        preprocess: one line on the crop that it sees.
        calibration: the way from raw scores to 0..1, 0..100 and five levels.
        raw_range: the ends of the scale of its raw scores, None where it is open or not known.
        label_spread: the spread of the labels that it learned, on that scale brought to 0..1; None
            where it learned none or does not know.
    """

    name: str
    version: str
    sha256: str | None = None
    preprocess: str
    calibration: Calibration
    raw_range: tuple[float, float] | None = None
    label_spread: Spread | None = None

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 raw quality.

        Args:
            crops: (N,112,112,3) uint8, or Faces, which know more.
            color, resize: as fiqa.runtime.inputs.as_faces.
        """
        ...

    def assess(self, faces: Faces) -> tuple[FloatArray, Factors | None]:
        """Returns the raw quality (N,), as `score`, and the factors behind it, from one pass.

        The factors are None where the method has none of its own.

        Args:
            faces: N aligned faces.
        """
        return self.score(faces), None

    def explain(self, faces: Faces) -> Factors | None:
        """Returns the factors behind the score, or None when the method has none of its own.

        Args:
            faces: N aligned faces.
        """
        return self.assess(faces)[1]

    def __repr__(self) -> str:
        model = f", sha256 {self.sha256[:12]}" if self.sha256 else f", {self.version}"
        scale = f"raw {self.calibration.x0:g} is 50 of 100"
        return f"<{type(self).__name__} {self.name}{model}; {self.preprocess}; {scale}>"

    def unified(self, raw: FloatArray) -> NDArray[np.int64]:
        """Returns (N,) int in 0..100, by the calibration.

        Args:
            raw: (N,) raw scores.
        """
        return self.calibration.unified(raw)
