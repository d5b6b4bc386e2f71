"""Score-range collapse: a model that gives nearly the same score to every face, whatever its scale
makes of it afterwards.

The spread of a score is measured on the scale of the labels that it was learned from, never on a
scale that was fitted on the score itself: such a scale makes any score fill its range.

    ratio = min(std(score) / std(labels), (Q90 - Q10)(score) / (Q90 - Q10)(labels))

A score is collapsed where the ratio is under LIMIT. Why: the best least-squares guess of a label is
its mean given the image, and Var(E[q|x]) = r^2 Var(q), with r the correlation of guess and label. A
student that has learned anything has therefore a spread of about r times that of its labels, and
one below a tenth explains less than one hundredth of their variance. The two measures stand for
each other's blind spots: a few outliers keep a standard deviation up, a coarse label may have no
Q90 - Q10.

Where no labels are known, a score on a scale of 0..1 is narrow when Q90 - Q10 is under one of the
20 bins of DmsFIQA's entropy: 8 in 10 faces have one score as far as that histogram can tell. It may
still order faces well, as some published methods do, so that it is collapsed only below a tenth of
a bin (.005), where a score with two digits is the same for them all. The limits are ours; the paper
names the collapse and its three measures, and no limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.spread import BINS, Spread, spread

__all__ = ["LIMIT", "Collapse", "on_scale"]

LIMIT = 0.1
"""Of the labels' spread: a score with less is collapsed."""


@dataclass(frozen=True)
class Collapse:
    """The spread of a score beside that of its labels, both on the labels' scale brought to 0..1.

    Attributes:
        score: the spread of the score.
        labels: the spread of the labels of the same faces, or of the faces that it was trained
            for; None where unknown.
    """

    score: Spread
    labels: Spread | None = None

    @classmethod
    def of(cls, score: ArrayLike, labels: ArrayLike | None, scale: tuple[float, float]) -> Collapse:
        """Returns the spread of scores beside that of their labels.

        Args:
            score: (N,) scores.
            labels: (M,) labels on the same scale, or None where unknown.
            scale: the low and high end of that scale.

        Raises:
            ShapeError, InputError: as `on_scale`.
            EvidenceError: no score, or labels without any.
        """
        label_spread = None if labels is None else spread(on_scale(labels, scale))
        return cls(spread(on_scale(score, scale)), label_spread)

    @property
    def ratio(self) -> float | None:
        """The lesser of the two ratios to the labels; None without labels that differ."""
        if self.labels is None:
            return None
        pairs = ((self.score.std, self.labels.std), (self.score.q90_q10, self.labels.q90_q10))
        return min((own / target for own, target in pairs if target > 0), default=None)

    @property
    def collapsed(self) -> bool:
        """True where the score says next to nothing; see this module's docstring."""
        # Without labels, a tenth of one bin of the entropy: the module's text says why.
        return self.score.q90_q10 < LIMIT / BINS if self.ratio is None else self.ratio < LIMIT

    @property
    def narrow(self) -> bool:
        """True where it is collapsed or, without labels, within one bin of the entropy."""
        return self.collapsed or (self.ratio is None and self.score.q90_q10 < 1 / BINS)

    def line(self) -> str:
        """Returns the numbers in one line.

        >>> Collapse.of([0.5, 0.5, 0.51, 0.51], [0.0, 0.2, 0.8, 1.0], (0, 1)).line()
        'std 0.005 (labels 0.412), ..., entropy 0 (labels 1.39): 0.0114 of the labels'
        """
        names = ("std", "Q90-Q10", "entropy")
        own = (self.score.std, self.score.q90_q10, self.score.entropy)
        if self.labels is None:
            return ", ".join(f"{name} {value:.3g}" for name, value in zip(names, own, strict=True))
        targets = (self.labels.std, self.labels.q90_q10, self.labels.entropy)
        parts = [
            f"{name} {a:.3g} (labels {b:.3g})"
            for name, a, b in zip(names, own, targets, strict=True)
        ]
        share = (
            "the labels do not differ" if self.ratio is None else f"{self.ratio:.3g} of the labels"
        )
        return f"{', '.join(parts)}: {share}"


def on_scale(values: ArrayLike, scale: tuple[float, float]) -> NDArray[np.float64]:
    """Returns values (N,) with `scale` brought to 0..1, what lies beyond at its ends.

    Args:
        values: finite, on any scale.
        scale: its low and high end, ascending.

    Raises:
        ShapeError: not one axis.
        InputError: NaN or infinity, or ends that do not ascend.

    >>> on_scale([10.0, 25.0, 60.0], (10, 50)).tolist()
    [0.0, 0.375, 1.0]
    """
    numbers = checks.finite(
        checks.array(values, "values", shape=("N",), dtype=np.float64), "values"
    )
    low, high = scale
    if not low < high:
        raise InputError(f"the ends of a scale must ascend, got {low} and {high}.")
    return np.clip((numbers - low) / (high - low), 0.0, 1.0)
