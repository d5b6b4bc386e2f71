"""From scores to the chance of a correct match: one curve for each regime."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.data.factor_tables import factors_of
from fiqa.data.frames import Frame
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match
from fiqa.data.reading import reader
from fiqa.data.store import open_regular
from fiqa.errors import EvidenceError, InputError, ReadError, UnknownNameError
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
from fiqa.vocabulary import FACTORS

__all__ = ["Cell", "MatchChance", "match_chance", "read_match_chance"]

_FORMAT = "fiqa match chance 1"
_LARGEST = 1 << 24
"""Bytes of a file of curves."""


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
        across: the column within whose values no pair was made, None where all were.
        factors: factor -> regime -> its curve from the factor to the chance; empty where no factors
            were given.
    """

    quality: str
    recognizer: str
    by: str | None
    fmr: float
    threshold: float
    cells: Mapping[str, Cell]
    refused: Mapping[str, str]
    across: str | None = None
    factors: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)

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

    def of_rows(
        self, raw: ArrayLike, regimes: ArrayLike | None = None, *, factor: str = ""
    ) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Returns the chance (N,) of each score by the curve of its own regime, and the regimes
        that have none: their chance is NaN.

        Args:
            raw: (N,) scores of the same method, NaN where there is none.
            regimes: (N,) of the images, "" where it is not known; None with one curve for all.
            factor: whose values `raw` are; "" for the score.
        """
        cells = self.factors[factor] if factor else self.cells
        value = np.asarray(raw, np.float64)
        names = np.full(len(value), "") if regimes is None else np.asarray(regimes)
        chance = np.full(len(value), np.nan)
        absent = []
        for name in sorted(set(map(str, names.tolist()))):
            rows = names == name
            if name in cells:
                chance[rows] = cells[name].curve.at(value[rows])
            else:
                absent.append(name)
        return chance, tuple(absent)

    def check(self, method: str) -> None:
        """Refuses scores of another method than those that the curves were made from.

        Args:
            method: whose scores.

        Raises:
            InputError: it is another one.
        """
        if method != self.quality:
            raise InputError(
                f"A calibration must be of the scores that it is used on, those of {method!r}; it"
                f" is of {self.quality!r}.",
                hint="fiqa calibrate with the table of fiqa score of this model, without NAME=",
            )

    def json(self) -> dict[str, Any]:
        """Returns every number as JSON holds it."""
        return {"format": _FORMAT, **asdict(self)}

    def text(self) -> str:
        """Returns the outcome in lines."""
        lines = [f"a pair matches above {self.threshold:.3f} (FMR {self.fmr:g})"]
        for what, cells in {"the score": self.cells, **self.factors}.items():
            for name, cell in cells.items():
                of = "" if cells is self.cells else f", {what}"
                lines.append(
                    f"{name or 'all'}{of}: {cell.people} people, {cell.pairs:,} pairs,"
                    f" {cell.matched:.1%} match; Brier {cell.error.brier:.4f} for people left out,"
                    f" {cell.error.base:.4f} without {what}"
                )
        return "\n".join(
            [*lines, *(f"{name or 'all'}: refused: {why}" for name, why in self.refused.items())]
        )


@reader
def read_match_chance(path: PathLike) -> MatchChance:
    """Returns the curves that fiqa.calibrate wrote.

    Args:
        path: the JSON file.

    Raises:
        ReadError: it cannot be read, or is no such file.
    """
    where = os.fspath(path)
    with open_regular(path) as file:
        content = file.read(_LARGEST + 1)
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST} bytes")
        known = json.loads(content)
        if known.pop("format", None) != _FORMAT:
            raise ValueError(f"its format is not {_FORMAT!r}")
        cells = {str(name): _cell(cell) for name, cell in known["cells"].items()}
        by = known["by"]
        if not cells or (by is None) != (set(cells) == {""}) or not isinstance(by, str | None):
            raise ValueError("its regimes do not fit its column `by`")
        return MatchChance(
            str(known["quality"]),
            str(known["recognizer"]),
            by,
            float(known["fmr"]),
            float(known["threshold"]),
            cells,
            {str(name): str(why) for name, why in known["refused"].items()},
            None if known["across"] is None else str(known["across"]),
            {
                checks.choice(factor, "factor", FACTORS): {
                    str(name): _cell(cell) for name, cell in curves.items()
                }
                for factor, curves in known["factors"].items()
            },
        )
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        UnknownNameError,
    ) as error:
        raise ReadError(
            f"{where!r} must be a calibration as fiqa calibrate writes it, it is none: {error}.",
            status="corrupt",
        ) from error


def _cell(known: Mapping[str, Any]) -> Cell:
    """A regime as JSON has it; raises ValueError where the curve is none."""
    quality = np.array(known["curve"]["quality"], np.float64)
    chance = np.array(known["curve"]["chance"], np.float64)
    if quality.ndim != 1 or quality.shape != chance.shape or not len(quality):
        raise ValueError("a curve must have as many chances as places")
    if not (np.isfinite(quality).all() and np.all(np.diff(quality) > 0)):
        raise ValueError("the places of a curve must ascend")
    if not (np.all((chance >= 0) & (chance <= 1)) and np.all(np.diff(chance) >= 0)):
        raise ValueError("a chance must lie in 0..1 and never fall")
    error = known["error"]
    return Cell(
        int(known["people"]),
        int(known["pairs"]),
        float(known["matched"]),
        ChanceCurve(tuple(quality.tolist()), tuple(chance.tolist())),
        Reliability(
            float(error["brier"]),
            float(error["base"]),
            tuple(map(float, error["told"])),
            tuple(map(float, error["seen"])),
        ),
    )


def match_chance(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    *,
    faces: Manifest | PathLike | Frame | None = None,
    by: str | None = None,
    across: str | None = None,
    factors: PathLike | Frame | None = None,
    fmr: float = 1e-3,
    seed: int = 0,
    match: Match = "id",
) -> MatchChance:
    """Returns the curves; see fiqa.calibrate for arguments and errors."""
    manifest = faces if faces is None or isinstance(faces, Manifest) else read_manifest(faces)
    evidence = gather(quality, embeddings, faces=manifest, match=match, across=across)
    scores, vectors = evidence.scores[0], evidence.recognizers[0]
    other = pair_similarity(vectors.vector, evidence.stored_nonmated(seed))
    threshold = threshold_at_fmr(other, fmr)
    mated = evidence.mated
    pairs = _Pairs(
        mated,
        pair_similarity(vectors.vector, mated) > threshold,
        evidence.identity,
        np.full(len(scores.value), "") if by is None else group_names(evidence.manifest, by),
    )
    cells, refused = pairs.cells(np.asarray(scores.value, np.float64), "")
    of_factors: dict[str, dict[str, Cell]] = {}
    if factors is not None:
        known = factors_of(factors, evidence.ids, FACTORS)
        for column, name in enumerate(FACTORS):
            of_factors[name], few = pairs.cells(known[:, column].astype(np.float64), name)
            refused |= few
    if not cells:
        told = "; ".join(f"{name or 'all'}: {why}" for name, why in refused.items())
        raise EvidenceError(
            f"A calibration must have mated pairs of at least {FEWEST} people, got {told}.",
            hint="more people, or fewer regimes",
        )
    return MatchChance(
        scores.name, vectors.recognizer, by, fmr, threshold, cells, refused, across, of_factors
    )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Mated pairs (P,2), which of them match, and who and in which regime each of N images is."""

    mated: NDArray[np.int64]
    matches: NDArray[np.bool_]
    identity: NDArray[Any]
    regime: NDArray[np.str_]

    def cells(
        self, value: NDArray[np.float64], factor: str
    ) -> tuple[dict[str, Cell], dict[str, str]]:
        """Regime -> the curve of (N,) values, and why which has none."""
        # a pair is as good as its lesser image, and of that image's regime
        first, second = self.mated.T
        lesser = np.where(value[first] <= value[second], first, second)
        told = np.isfinite(value[first]) & np.isfinite(value[second])
        cells: dict[str, Cell] = {}
        refused: dict[str, str] = {}
        for name in sorted({str(one) for one in self.regime}):
            rows = told & (self.regime[lesser] == name)
            raw, good = value[lesser[rows]], self.matches[rows]
            who = self.identity[lesser[rows]]
            people, code = np.unique(who, return_inverse=True)
            if len(people) < FEWEST:
                place = " ".join(filter(None, (name, factor)))
                refused[place] = f"mated pairs of {len(people)} people, {FEWEST} are needed"
                continue
            error = reliability(left_out_chance(raw, good, who), good, who)
            share = float(np.average(good, weights=1.0 / np.bincount(code)[code]))
            curve = chance_curve(raw, good, who)
            cells[name] = Cell(len(people), int(rows.sum()), share, curve, error)
        return cells, refused
