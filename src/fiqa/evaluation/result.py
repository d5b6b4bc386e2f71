"""What an evaluation found, as plain data: every number of the report, and the same as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.bootstrap import Difference
from fiqa.functional.curve import DiscardCurve
from fiqa.functional.spread import Spread
from fiqa.functional.table import Table
from fiqa.functional.verification import Accuracy, Verification

__all__ = [
    "FORMS",
    "Bounds",
    "Estimate",
    "Evaluation",
    "MethodCurve",
    "RecognizerResult",
    "Scores",
    "WorstPair",
]

FORMS = ("raw", "start", "best")
"""The three forms of an area: raw, relative to the FNMR at discard 0, and less the area under the
theoretical best."""

# As many as a plot can show; a curve of all pairs may have millions.
_POINTS = 400


@dataclass(frozen=True)
class Estimate:
    """A number and its interval.

    Attributes:
        value: the number.
        low, high: the ends of the interval, None where there is none.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Scores:
    """One quality on the common images.

    Attributes:
        name: of the method.
        value: (N,) on the method's own scale.
        kind: score or label.
        source: where it came from.
        unit: (N,) the same brought to 0..1, None where that scale is open.
        scale: which scale it is, and how that is known (fiqa.evaluation.scales).
        absent: images that it has no number for.
        unmatched: names in it that are no image here.
        spread: of `unit`, None without it.
    """

    name: str
    value: NDArray[np.float64]
    kind: str
    source: str
    unit: NDArray[np.float64] | None
    scale: str
    absent: int
    unmatched: int
    spread: Spread | None


@dataclass(frozen=True)
class Bounds:
    """How far a curve of counted pairs may be from that of the pairs themselves.

    Attributes:
        threshold: what the comparison threshold is at least and at most.
        fnmr: the most that the FNMR differs at a point of the curve up to the largest limit.
        area: limit -> what the raw area is at least and at most.
    """

    threshold: tuple[float, float]
    fnmr: float
    area: Mapping[float, tuple[float, float]]

    def json(self) -> dict[str, Any]:
        """Returns it as plain data."""
        areas = [
            {"upto": upto, "low": low, "high": high} for upto, (low, high) in self.area.items()
        ]
        return {"threshold": list(self.threshold), "fnmr": self.fnmr, "areas": areas}


@dataclass(frozen=True, eq=False)
class MethodCurve:
    """A method under one recognizer.

    Attributes:
        name: of the method.
        role: a method, or one of the two curves to compare with.
        curve: FNMR over what is discarded.
        areas: (limit, form) -> its area, None where it is relative to an error of 0.
        difference: to the first method at the first limit, None for that one.
        behind: the area of the best method less this one's there; None for the best one itself.
        cut: (K,) the lowest quality kept at each point of the curve, None for the oracle.
        images: (K,) share of the images below that cut, None where there is no cut.
        drawn: limit -> (R,) raw area in each draw of people, the same people for every curve; None
            without draws.
        bounds: of counted pairs, None where the pairs were held and the numbers are exact.
    """

    name: str
    role: Literal["method", "random", "oracle"]
    curve: DiscardCurve
    areas: Mapping[tuple[float, str], Estimate | None]
    difference: Difference | None = None
    behind: Difference | None = None
    cut: NDArray[np.float64] | None = None
    images: NDArray[np.float64] | None = None
    drawn: Mapping[float, NDArray[np.float64]] | None = None
    bounds: Bounds | None = None

    def place(self, discard: float) -> int:
        """Returns the first point of the curve at which a share of the pairs is discarded."""
        # A hair less: 0.3 asked for and 0.3 as a quotient of counts differ in the last bit.
        return min(int(np.searchsorted(self.curve.discard, discard - 1e-12)), len(self.curve) - 1)

    def errors_left(self, discard: float) -> tuple[int, int]:
        """Returns (errors, mated pairs) left when at least a share of the pairs is discarded.

        A tie goes as a whole.
        """
        place = self.place(discard)
        kept = int(self.curve.kept[place])
        return round(float(self.curve.fnmr[place]) * kept), kept


@dataclass(frozen=True, eq=False)
class WorstPair:
    """A mated pair that fails.

    Attributes:
        ids: of its images.
        similarity: of the two.
        quality: of each under the first method.
        thumbnails: pictures of both where asked for.
    """

    ids: tuple[str, str]
    similarity: float
    quality: tuple[float, float]
    thumbnails: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None] = (None, None)


@dataclass(frozen=True, eq=False)
class RecognizerResult:
    """One recognizer, and every method under it.

    Attributes:
        name: of the recognizer.
        threshold: at discard 0.
        fnmr: at discard 0.
        counts: mated, nonmated, errors, resolvable_fmr, at discard 0.
        verification: of all images, None without non-mated pairs.
        accuracy: over the list's folds, None without folds.
        roc: (2,K) FMR and FNMR.
        density: (3,B) similarity, share of mated, share of non-mated pairs.
        curves: of the methods, random and oracle.
        worst: failing pairs that the first method holds for good.
    """

    name: str
    threshold: float
    fnmr: float
    counts: Mapping[str, float]
    verification: Verification | None
    accuracy: Accuracy | None
    roc: NDArray[np.float64]
    density: NDArray[np.float64]
    curves: Sequence[MethodCurve]
    worst: Sequence[WorstPair] = ()

    def of_role(self, role: str) -> list[MethodCurve]:
        """Returns its curves of a role: method, random or oracle."""
        return [curve for curve in self.curves if curve.role == role]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that one run found.

    Attributes:
        settings: protocol, fmr, start_fnmr, limits, draws, level, seed.
        counts: images, identities, mated, nonmated, and what was left out.
        scores: the qualities.
        recognizers: each with the curves of all qualities.
        notes: sentences that a reader must know.
        tables: what is printed.
        command: the line that made it, "" for nouns in memory.
    """

    settings: Mapping[str, Any]
    counts: Mapping[str, int]
    scores: Sequence[Scores]
    recognizers: Sequence[RecognizerResult]
    notes: Sequence[str]
    tables: Sequence[Table] = field(default=())
    command: str = ""

    def __repr__(self) -> str:
        what = " and ".join(scores.name for scores in self.scores)
        under = ", ".join(result.name for result in self.recognizers)
        rate = self.settings.get("fmr")
        at = f"FMR {rate:g}" if rate is not None else "a starting FNMR"
        counts = f"{self.counts.get('images', 0):,} images, {self.counts.get('mated', 0):,} mated"
        head = f"{what} under {under}: {self.settings.get('protocol')}, {at}; {counts} pairs"
        return f"Evaluation({head if len(head) < 160 else head[:157] + '...'})"

    def curve(self, method: str, recognizer: str | None = None) -> MethodCurve:
        """Returns the curve of a method under a recognizer.

        Args:
            method: its name, or "random" or "oracle".
            recognizer: its name, None for the first.

        Raises:
            KeyError: there is none.
        """
        for result in self.recognizers:
            if recognizer in (None, result.name):
                return {curve.name: curve for curve in result.curves}[method]
        raise KeyError(recognizer)

    def text(self) -> str:
        """Returns what a terminal shows: areas, verification and notes; a report has more."""
        shown = [
            table.text()
            for table in self.tables
            if table.name.startswith(("areas_", "verification"))
        ]
        return "\n\n".join([*shown, "\n".join(f"note: {note}" for note in self.notes)]).strip()

    def json(self) -> dict[str, Any]:
        """Returns every number as plain data; longer curves are given at 400 of their points."""
        return {
            "command": self.command,
            "settings": _plain(dict(self.settings)),
            "counts": _plain(dict(self.counts)),
            "notes": list(self.notes),
            "scores": [_scores_json(scores) for scores in self.scores],
            "recognizers": [_recognizer_json(result) for result in self.recognizers],
            "tables": [table.json() for table in self.tables],
        }


def thinned(count: int, most: int = _POINTS) -> NDArray[np.int64]:
    """Returns at most `most` of the indexes 0..count-1, evenly spread, both ends among them.

    >>> thinned(5, 3).tolist()
    [0, 2, 4]
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _scores_json(scores: Scores) -> dict[str, Any]:
    share, edges = (
        np.histogram(scores.value, bins=40) if len(scores.value) else (np.empty(0), np.empty(0))
    )
    return {
        "name": scores.name, "kind": scores.kind, "source": scores.source, "scale": scores.scale,
        "absent": scores.absent, "unmatched": scores.unmatched,
        "count": len(scores.value), "histogram": {"edges": _plain(edges), "counts": _plain(share)},
        "spread": None if scores.spread is None else _plain(asdict(scores.spread)),
    }  # fmt: skip


def _recognizer_json(result: RecognizerResult) -> dict[str, Any]:
    accuracy = result.accuracy
    verification = result.verification
    return {
        "name": result.name,
        "threshold": _plain(result.threshold),
        "fnmr": _plain(result.fnmr),
        "counts": _plain(dict(result.counts)),
        "verification": (
            None
            if verification is None
            else _plain(
                asdict(verification)
                | {"tpr": {f"{far:g}": v for far, v in verification.tpr.items()}}
            )
        ),
        "accuracy": None if accuracy is None else _plain(asdict(accuracy)),
        "roc": {"fmr": _plain(result.roc[0]), "fnmr": _plain(result.roc[1])},
        "similarity": dict(
            zip(("center", "mated", "nonmated"), map(_plain, result.density), strict=True)
        ),
        "methods": [_curve_json(curve) for curve in result.curves],
        "worst": [
            {"ids": list(pair.ids), "similarity": pair.similarity, "quality": list(pair.quality)}
            for pair in result.worst
        ],
    }


def _curve_json(method: MethodCurve) -> dict[str, Any]:
    rows = thinned(len(method.curve))
    band = method.curve.band
    return {
        "name": method.name,
        "role": method.role,
        "areas": [
            {"upto": upto, "form": form}
            | (_plain(asdict(area)) if area else {"value": None, "low": None, "high": None})
            for (upto, form), area in method.areas.items()
        ],
        "difference": None if method.difference is None else _plain(asdict(method.difference)),
        "behind": None if method.behind is None else _plain(asdict(method.behind)),
        "cut": None if method.cut is None else _plain(method.cut[rows]),
        "images": None if method.images is None else _plain(method.images[rows]),
        "discard": _plain(method.curve.discard[rows]),
        "fnmr": _plain(method.curve.fnmr[rows]),
        "kept": _plain(method.curve.kept[rows]),
        "band": None if band is None else _plain(band[:, rows]),
    } | ({} if method.bounds is None else {"bounds": _plain(method.bounds.json())})


def _plain(value: Any) -> Any:
    """Numbers as JSON has them: numpy unwrapped, what is not finite None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [
            _plain(item) for item in (value.tolist() if isinstance(value, np.ndarray) else value)
        ]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
