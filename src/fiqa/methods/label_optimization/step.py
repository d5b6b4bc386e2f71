"""How far labels should move: the area of held-out people against theta, and the best theta.

Labels of held-out people cannot judge themselves. So a linear head on the recognizer's vectors
learns the labels of some people, optimized with each theta, and scores the others; the area under
their discard curve says what the labels were worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.functional.edc import discard_curve
from fiqa.functional.folds import folds_of
from fiqa.functional.identities import encode, groups
from fiqa.functional.similarity import normalize, pair_similarity
from fiqa.methods.label_optimization import LabelOptimizer
from fiqa.methods.label_optimization.priors import FOLDS, unit_ranks
from fiqa.progress import Told

__all__ = ["THETAS", "StepCurve", "step_curve"]

THETAS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Steps that are tried, on the scale of unit ranks."""

START_FNMR = 0.05
"""Share of the held-out mated pairs that fail at discard 0: easy data has errors too then."""
UPTO = 0.3
"""Discard fraction up to which the area is taken."""
_RIDGE = 1.0
_MATES = 100
"""Images of a person at most whose pairs are compared."""


@dataclass(frozen=True)
class StepCurve:
    """Area of held-out people against theta.

    Attributes:
        theta: (K,) steps in unit ranks, ascending from 0.
        area: (K,) area under the discard curve to UPTO, relative to discarding nothing; mean of the
            folds, lower is better.
        gain: (K,) area at theta 0 less this one.
        error: (K,) standard error of `gain` over the folds.
        folds: parts of the people.
    """

    theta: tuple[float, ...]
    area: tuple[float, ...]
    gain: tuple[float, ...]
    error: tuple[float, ...]
    folds: int = FOLDS

    @property
    def best(self) -> float:
        """The theta of the lowest area, the smaller one of equals."""
        return self.theta[int(np.argmin(self.area))]

    @property
    def beyond_chance(self) -> bool:
        """Whether the best step gains more than two standard errors over no step."""
        place = int(np.argmin(self.area))
        return self.gain[place] > 2 * self.error[place]

    def about(self) -> dict[str, Any]:
        """Returns the curve for a sidecar."""
        return {
            "theta": self.best,
            "theta_beyond_chance": self.beyond_chance,
            "theta_curve": [
                {"theta": theta, "area": area, "gain": gain, "error": error}
                for theta, area, gain, error in zip(
                    self.theta, self.area, self.gain, self.error, strict=True
                )
            ],
        }


def step_curve(
    optimizer: LabelOptimizer, *, thetas: Sequence[float] = THETAS, progress: Told | None = None
) -> StepCurve:
    """Returns what each step is worth to people who were held out.

    Args:
        optimizer: with theta 1 and unit ranks, all its repeats done; its labels stay as they are.
        thetas: steps to try, ascending from 0.
        progress: told (stage, done, total).

    Raises:
        EvidenceError: fewer people with several images than folds.
        InputError: an optimizer with another theta or scale, thetas that do not ascend from 0.
    """
    steps = tuple(float(theta) for theta in thetas)
    if not steps or steps[0] != 0 or any(b <= a for a, b in pairwise(steps)) or steps[-1] > 1:
        raise InputError(f"thetas must ascend from 0 to 1 at most, got {steps}.")
    rows = optimizer.taking_part
    who = np.asarray(optimizer.identities)[rows]
    fold = folds_of(who, FOLDS, seed=optimizer.seed)
    vectors = normalize(optimizer.embeddings[rows], "embeddings").astype(np.float64)
    wanted = np.stack([unit_ranks(optimizer.labels(theta)[rows]) for theta in steps], axis=1)
    area = np.empty((FOLDS, len(steps)))
    for part in range(FOLDS):
        out = fold == part
        score = _head(vectors[~out], wanted[~out], vectors[out])
        area[part] = _areas(vectors[out], who[out], score, optimizer.seed)
        if progress:
            progress("theta", part + 1, FOLDS)
    gain = area[:, :1] - area
    error = gain.std(axis=0, ddof=1) / np.sqrt(FOLDS)
    return StepCurve(
        steps,
        area=tuple(area.mean(axis=0).tolist()),
        gain=tuple(gain.mean(axis=0).tolist()),
        error=tuple(error.tolist()),
    )


def _head(
    vectors: NDArray[np.float64], wanted: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scores (n,K) of others by a ridge regression on vectors, a column for each target."""
    middle, mean = vectors.mean(axis=0), wanted.mean(axis=0)
    centered = vectors - middle
    gram = centered.T @ centered + _RIDGE * np.eye(vectors.shape[1])
    weight = np.linalg.solve(gram, centered.T @ (wanted - mean))
    return np.asarray((others - middle) @ weight + mean)


def _areas(
    vectors: NDArray[np.float64], who: NDArray[Any], score: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """(K,) area of each column of scores over the mated pairs of these people."""
    rng = np.random.default_rng(seed)
    first, second = [], []
    for rows in groups(encode(who, len(who))[0]):
        chosen = rng.permutation(rows)[:_MATES]
        i, j = np.triu_indices(len(chosen), 1)
        first.append(chosen[i])
        second.append(chosen[j])
    pair = np.stack([np.concatenate(first), np.concatenate(second)], axis=1)
    similarity = pair_similarity(vectors, pair)
    mated = np.ones(len(pair), bool)
    return np.array(
        [
            discard_curve(
                similarity, mated, column[pair], protocol="schlett2023", start_fnmr=START_FNMR
            ).area(UPTO, normalize="start")
            for column in score.T
        ]
    )
