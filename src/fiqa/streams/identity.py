"""Whether a track is still of the same face: its frames are compared with what it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.types import FloatArray

__all__ = ["Identity", "cosine"]


def cosine(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> float:
    """Returns the cosine of two vectors of unit length.

    Args:
        first: (D,).
        second: (D,).
    """
    return float(np.dot(first.astype(np.float64), second.astype(np.float64)))


@dataclass
class Identity:
    """Whose face a track is, as its checks tell.

    Attributes:
        threshold: the cosine from which two faces are of one person.
        sure: the quality from which a face that disagrees is believed.
        agreed: how many checks agreed.
        disagreed: how many were confident and did not.
        doubts: (frame, quality, vector) of the confident disagreements since the last agreement.
    """

    threshold: float
    sure: float
    agreed: int = 0
    disagreed: int = 0
    doubts: list[tuple[int, float, FloatArray]] = field(default_factory=list)
    _sum: NDArray[np.float64] | None = None
    _proved: bool = False

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return self._sum is not None

    @property
    def template(self) -> FloatArray | None:
        """The quality-weighted mean of the vectors that agreed, of unit length."""
        if self._sum is None:
            return None
        length = float(np.linalg.norm(self._sum))
        return (self._sum / length).astype(np.float32) if length > 0 else None

    @property
    def purity(self) -> float | None:
        """Share of the decisive checks that agreed, None where there were none."""
        checks = self.agreed + self.disagreed
        return self.agreed / checks if checks else None

    def likeness(self, vector: FloatArray) -> float:
        """Returns the cosine of a face and this one, NaN where this one is not known.

        Args:
            vector: (D,) of unit length.
        """
        template = self.template
        return float("nan") if template is None else cosine(template, vector)

    def check(self, frame: int, quality: float, vector: FloatArray) -> str:
        """Returns what a new frame of the track says, and remembers it.

        Args:
            frame: its number.
            quality: 0..1.
            vector: (D,) of unit length.

        Returns:
            agree; disagree (confidently, once); split (for the second time on end); unsure (a bad
            frame that disagrees says nothing); anew (what was known came of bad frames only, and
            this better one is another face: the identity begins here).
        """
        like = self.likeness(vector)
        if self._sum is None or like >= self.threshold:
            self._agree(quality, vector)
            return "agree"
        if quality < self.sure:
            return "unsure"
        if not self._proved:
            self._sum, self.doubts = None, []
            self._agree(quality, vector)
            return "anew"
        self.disagreed += 1
        self.doubts.append((frame, quality, vector))
        return "split" if len(self.doubts) >= 2 else "disagree"

    def part(self) -> Identity:
        """Returns the identity of the face that the doubts were about, and forgets them."""
        other = Identity(self.threshold, self.sure)
        for _, quality, vector in self.doubts:
            other._agree(quality, vector)
        # They are the other's now: this face is as pure as its checks before.
        self.disagreed -= len(self.doubts)
        self.doubts = []
        return other

    def absorb(self, other: Identity) -> None:
        """Takes the checks of another track of the same face over.

        Args:
            other: its identity.
        """
        if other._sum is not None:
            self._sum = other._sum if self._sum is None else self._sum + other._sum
        self.agreed += other.agreed
        self.disagreed += other.disagreed
        self.doubts = list(other.doubts)
        self._proved |= other._proved

    def _agree(self, quality: float, vector: FloatArray) -> None:
        weighted = (max(quality, 1e-3) * vector).astype(np.float64)
        self._sum = weighted if self._sum is None else self._sum + weighted
        self.agreed += 1
        self.doubts = []
        self._proved |= quality >= self.sure
