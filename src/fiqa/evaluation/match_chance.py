"""From scores to the chance of a correct match: one curve for each regime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match
from fiqa.errors import EvidenceError
from fiqa.evaluation.evidence import gather
from fiqa.evaluation.groups import group_names
from fiqa.functional.match_chance import (
    FEWEST,
    ChanceCurve,
    Reliability,
    chance_curve,
    left_out_chance,
    reliability,
)
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.verification import threshold_at_fmr
from fiqa.types import Embeddings, Manifest, PathLike, Quality

__all__ = ["Cell", "MatchChance", "match_chance"]


@dataclass(frozen=True)
class Cell:
    """The curve of one regime.

    Attributes:
        people: who have a mated pair in it.
        pairs: how many mated pairs.
        matched: share of them that match, people weighted alike.
        curve: from score to chance.
        error: of chances of people whom the curve has not seen.
    """

    people: int
    pairs: int
    matched: float
    curve: ChanceCurve
    error: Reliability


@dataclass(frozen=True)
class MatchChance:
    """The chance of a correct match, by score and regime.

    Attributes:
        quality: name of the score.
        recognizer: whose matches they are.
        by: the column of the regimes, None where there is one curve for all.
        fmr: false match rate of the threshold.
        threshold: the cosine above which a pair matches.
        cells: regime -> its curve; "" for all.
        refused: regime -> why it has none.
    """

    quality: str
    recognizer: str
    by: str | None
    fmr: float
    threshold: float
    cells: Mapping[str, Cell]
    refused: Mapping[str, str]

    def chance(self, raw: ArrayLike, regime: str = "") -> NDArray[np.float64]:
        """Returns the chance (N,) that an image of each score matches another of its person.

        Args:
            raw: (N,) scores of the same method.
            regime: of the images; "" where there is one curve for all.

        Raises:
            UnknownNameError: the regime has no curve.
        """
        checks.choice(regime, "regime", self.cells)
        return self.cells[regime].curve.at(raw)

    def json(self) -> dict[str, Any]:
        """Returns every number as JSON holds it."""
        return {"format": "fiqa match chance 1", **asdict(self)}

    def text(self) -> str:
        """Returns the outcome in lines."""
        lines = [f"a pair matches above {self.threshold:.3f} (FMR {self.fmr:g})"]
        for name, cell in self.cells.items():
            lines.append(
                f"{name or 'all'}: {cell.people} people, {cell.pairs:,} pairs,"
                f" {cell.matched:.1%} match; Brier {cell.error.brier:.4f} for people left out,"
                f" {cell.error.base:.4f} without the score"
            )
        return "\n".join(
            [*lines, *(f"{name or 'all'}: refused: {why}" for name, why in self.refused.items())]
        )


def match_chance(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    *,
    faces: Manifest | PathLike | Frame | None = None,
    by: str | None = None,
    fmr: float = 1e-3,
    seed: int = 0,
    match: Match = "id",
) -> MatchChance:
    """Returns the curves; see fiqa.calibrate for arguments and errors."""
    manifest = faces if faces is None or isinstance(faces, Manifest) else read_manifest(faces)
    evidence = gather(quality, embeddings, pairs=None, faces=manifest, match=match)
    scores, vectors = evidence.scores[0], evidence.recognizers[0]
    other = pair_similarity(vectors.vector, evidence.stored_nonmated(seed))
    threshold = threshold_at_fmr(other, fmr)
    mated = evidence.mated
    matches = pair_similarity(vectors.vector, mated) > threshold
    value = np.asarray(scores.value, np.float64)
    # a pair is as good as its lesser image, and of that image's regime
    lesser = np.where(value[mated[:, 0]] <= value[mated[:, 1]], mated[:, 0], mated[:, 1])
    regime = np.full(len(value), "") if by is None else group_names(evidence.manifest, by)
    cells: dict[str, Cell] = {}
    refused: dict[str, str] = {}
    for name in sorted({str(one) for one in regime}):
        rows = regime[lesser] == name
        raw, good, who = value[lesser[rows]], matches[rows], evidence.identity[lesser[rows]]
        people, code = np.unique(who, return_inverse=True)
        if len(people) < FEWEST:
            refused[name] = f"mated pairs of {len(people)} people, {FEWEST} are needed"
            continue
        error = reliability(left_out_chance(raw, good, who), good, who)
        share = float(np.average(good, weights=1.0 / np.bincount(code)[code]))
        cells[name] = Cell(len(people), int(rows.sum()), share, chance_curve(raw, good, who), error)
    if not cells:
        told = "; ".join(f"{name or 'all'}: {why}" for name, why in refused.items())
        raise EvidenceError(
            f"A calibration must have mated pairs of at least {FEWEST} people, got {told}.",
            hint="more people, or fewer regimes",
        )
    return MatchChance(scores.name, vectors.recognizer, by, fmr, threshold, cells, refused)
