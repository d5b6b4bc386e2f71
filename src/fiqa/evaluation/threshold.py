"""Where to cut, from qualities, embeddings and identities: one operating point for each wish, and
what a reader must know of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match
from fiqa.errors import InputError
from fiqa.evaluation.evidence import STORED, Evidence, gather
from fiqa.evaluation.groups import group_names, unnamed
from fiqa.evaluation.hundred import on_100
from fiqa.functional.cut_evidence import CutEffect, CutEvidence
from fiqa.functional.cut_groups import NO_GROUP, GroupCost
from fiqa.functional.safe_cut import CutCurve, SafeCut, cut_curve
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.table import Table
from fiqa.functional.threshold import CONFIDENCE, Cut, check_wanted, cut_of, typed_cut
from fiqa.progress import Told, counted
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["CutReport", "OperatingPoint", "Wish", "cut_report", "missing_sentence", "wishes"]

Rates = float | Sequence[float] | None


@dataclass(frozen=True)
class Wish:
    """What is wanted: an FNMR not to exceed among what is kept, or a share of images to keep."""

    fnmr: float | None = None
    coverage: float | None = None

    def __str__(self) -> str:
        return f"FNMR {self.fnmr:g}" if self.fnmr is not None else f"coverage {self.coverage:g}"


@dataclass(frozen=True)
class OperatingPoint:
    """A wish and its cuts.

    Attributes:
        wish: what was wanted.
        cut: the plain and the safe cut with every number.
        typed: the plain cut as a text that, typed back, keeps exactly what it keeps.
        safe_typed: the safe cut likewise, None where there is none.
    """

    wish: Wish
    cut: Cut
    typed: str
    safe_typed: str | None


@dataclass(frozen=True, eq=False)
class CutReport:
    """What `threshold` found.

    Attributes:
        points: one for each wish, in the order in which they were asked for.
        curve: what every cut does.
        method: the quality that is cut.
        recognizer: whose errors count.
        protocol: one line on how the numbers were made.
        notes: sentences that a reader must know.
        uqs_from: where the 0..100 scale came from, "" where it is not known.
        group: the column of the groups, None without.
        command: the line that made it, "" for nouns in memory.
    """

    points: tuple[OperatingPoint, ...]
    curve: CutCurve
    method: str
    recognizer: str
    protocol: str
    notes: tuple[str, ...]
    uqs_from: str
    group: str | None = None
    command: str = ""

    @property
    def cut(self) -> Cut:
        """The cut of the first wish."""
        return self.points[0].cut

    @property
    def uqs(self) -> int | None:
        """The plain cut of the first wish as an integer of 0..100, None where there is none."""
        hundred = self.cut.hundred
        return None if hundred is None or hundred.effect is None else round(hundred.effect.cut)

    def json(self) -> dict[str, Any]:
        """Returns every number as plain data; what is infinite or not known is None.

        `points` are all operating points, `cut` is that of the first.
        """
        curve = {
            name: getattr(self.curve, name).tolist()
            for name in ("cut", "coverage", "fnmr", "limit", "kept")
        }
        whole = {
            "method": self.method,
            "recognizer": self.recognizer,
            "protocol": self.protocol,
            "confidence": self.curve.confidence,
            "notes": list(self.notes),
            "uqs_from": self.uqs_from,
            "uqs": self.uqs,
            "cut": asdict(self.cut),
            "points": [asdict(point) for point in self.points],
            "curve": curve,
            "command": self.command,
        }
        plain: dict[str, Any] = json.loads(json.dumps(whole), parse_constant=lambda _: None)
        return plain

    def verdict(self, point: OperatingPoint) -> str:
        """Returns in one sentence where to cut for a wish."""
        safe, known = point.cut.safe, f"{self.curve.confidence:.0%} confidence"
        asked = f"{point.wish} at FMR {point.cut.fmr:g} under {self.recognizer}"
        if point.safe_typed is not None:
            return (
                f"reject below {point.safe_typed}{_integer(point.cut, safe=True)} for {asked}: "
                f"this holds for other people too ({known})."
            )
        return (
            f"reject below {point.typed}{_integer(point.cut)} for {asked}: on these images only. "
            f"{missing_sentence(safe, point.wish)}"
        )

    def text(self) -> str:
        """Returns the verdicts, what the cuts do, and what they do to each group, as lines."""
        parts = []
        for point in self.points:
            parts.append(f"{self.method}: {self.verdict(point)}")
            parts.append(self.effects_table(point).text())
            parts += [table.text() for table in self.group_tables(point)]
        parts.append("\n".join(f"note: {note}" for note in self.notes))
        return "\n\n".join(part for part in parts if part)

    def effects_table(self, point: OperatingPoint) -> Table:
        """Returns what no cut, the plain cut and the safe cut do, on each scale."""
        cut = point.cut
        start = CutEffect(
            float("nan"), 1.0, cut.fnmr_start, cut.mated, cut.errors,
            cut.matches / cut.nonmated, cut.nonmated, cut.matches,
        )  # fmt: skip
        rows = [_row("no cut", None, start, None), _row("plain", point.typed, cut.effect, None)]
        limit = cut.safe.limit if cut.safe.effect else None
        rows.append(_row("safe", point.safe_typed, cut.safe.effect, limit))
        if cut.hundred is not None:
            whole, safe = cut.hundred.effect, cut.hundred.safe
            rows.append(_row("plain, of 100", _whole(whole), whole, None))
            rows.append(
                _row(
                    "safe, of 100",
                    _whole(safe.effect),
                    safe.effect,
                    safe.limit if safe.effect else None,
                )
            )
        head = f"{'coverage' if point.wish.fnmr is None else 'FNMR'} of others"
        columns = ["", "cut", "images kept", "FNMR", "errors of mated pairs", head, "FMR"]
        return Table(
            f"cut_{point.wish}".replace(" ", "_"),
            f"What the cuts for {point.wish} do",
            columns,
            rows,
            self._note(point),
            4,
        )

    def _note(self, point: OperatingPoint) -> str:
        cut, safe = point.cut, point.cut.safe
        side = "at least" if point.wish.fnmr is None else "at most"
        level = f"{cut.cut.level:.0%}"
        lines = [
            (
                f"of others: {side} so much among as many other people, {safe.confidence:.0%}"
                " confidence"
            ),
            f"plain cut, {level} by people: cut [{cut.cut.low:.6g}, {cut.cut.high:.6g}], "
            f"images kept [{cut.coverage.low:.4f}, {cut.coverage.high:.4f}], "
            f"FNMR [{cut.fnmr.low:.4g}, {cut.fnmr.high:.4g}]"
            + (
                ""
                if cut.fmr_interval is None
                else ", FMR [{:.2g}, {:.2g}]".format(*cut.fmr_interval)
            ),
            f"{cut.images:,} images, {cut.mated:,} mated pairs of {cut.identities:,} identities",
            self.protocol,
        ]
        return ";\n  ".join(lines) + (f"; of 100 by {self.uqs_from}" if self.uqs_from else "") + "."

    def group_tables(self, point: OperatingPoint) -> list[Table]:
        """Returns what the cut (the safe one where there is one) does to each group: what it
        loses and the false non-matches left, then the false matches; none without groups."""
        cut = point.cut
        costs, cross, which = cut.groups, cut.cross, "plain"
        if cut.safe_groups:
            costs, cross, which = cut.safe_groups, cut.safe_cross, "safe"
        if cross is None:
            return []
        at = f"{self.group}, the {which} cut for {point.wish}"
        level = f"Intervals {cut.cut.level:.0%} by people"
        columns = [
            "group", "images", "discarded", "interval", "gap", "FNMR before", "FNMR", "interval ", "gap ",
            "errors of mated pairs kept",
        ]  # fmt: skip
        note = (
            "A gap is the group's number less that of everyone; groups are as given, never "
            f"inferred. A dash: no such pair of the group. {level}. In no group, because their "
            f"images are of two: {cross.mated:,} mated pairs kept ({cross.errors:,} errors) "
            f"and {cross.nonmated:,} non-mated ones ({cross.matches:,} false matches)."
        )
        name, rows = f"groups_{point.wish}".replace(" ", "_"), [_group_row(cost) for cost in costs]
        tables = [Table(name, f"Groups at this cut: {at}", columns, rows, note, 4)]
        columns = [
            "group",
            "FMR before",
            "FMR",
            "interval",
            "false matches of non-mated pairs kept",
        ]
        rows = [_match_row(cost) for cost in costs]
        return [
            *tables,
            Table(f"matches_{name}", f"False matches of groups: {at}", columns, rows, f"{level}."),
        ]


def missing_sentence(safe: SafeCut, wish: Wish) -> str:
    """Returns what the data lack for a safe cut, "" where there is one."""
    if safe.effect is not None:
        return ""
    best = f"the best limit is {safe.limit:.4g}"
    if safe.people_missing is None:
        return (
            f"No cut holds for other people at {safe.confidence:.0%} confidence, however many there"
            f" are ({best})."
        )
    return (
        f"A cut that holds for other people at {safe.confidence:.0%} confidence needs about "
        f"{safe.people_missing:,} more people like these {safe.people:,} ({best})."
    )


def wishes(fnmr: Rates, coverage: Rates) -> tuple[Wish, ...]:
    """Returns the wishes in their order, each once.

    Raises:
        InputError: neither is given, both are, or one is out of range.
    """
    wanted = [Wish(fnmr=rate) for rate in _rates(fnmr)] + [
        Wish(coverage=share) for share in _rates(coverage)
    ]
    if not wanted or (_rates(fnmr) and _rates(coverage)):
        raise InputError(
            f"Exactly one of fnmr and coverage must be given, got fnmr={fnmr} and"
            f" coverage={coverage}.",
            hint=(
                "--fnmr 0.01 asks what cut reaches it, --coverage 0.9 what cut keeps nine images"
                " of ten"
            ),
        )
    for wish in wanted:
        check_wanted(wish.fnmr, wish.coverage)
    return tuple(dict.fromkeys(wanted))


def _rates(value: Rates) -> list[float]:
    if value is None:
        return []
    return [float(value)] if isinstance(value, int | float) else [float(each) for each in value]


def cut_report(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    wanted: Sequence[Wish],
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    group: str | None = None,
    fmr: float = 1e-3,
    confidence: float = CONFIDENCE,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
    match: Match = "id",
    told: Told,
    command: str = "",
) -> CutReport:
    """Returns the cuts for each wish; Args and Raises as fiqa.threshold, `told` hears of each
    wish."""
    checks.in_range(confidence, "confidence", 0.5, 1.0, open_low=True, open_high=True)
    checks.in_range(level, "level", 0.0, 1.0, open_low=True, open_high=True)
    manifest = faces if faces is None or isinstance(faces, Manifest) else read_manifest(faces)
    missing = unnamed(faces, manifest, group)
    evidence = gather(quality, embeddings, pairs=pairs, faces=manifest, match=match)
    scores, vectors = evidence.scores[0], evidence.recognizers[0]
    groups = None if group is None else group_names(evidence, group, missing)
    other = evidence.stored_nonmated(seed)
    index = np.concatenate([evidence.mated, other])
    held = CutEvidence(
        pair_similarity(vectors.vector, index),
        np.arange(len(index)) < len(evidence.mated),
        index,
        scores.value,
        evidence.identity,
        fmr=fmr,
    )
    curve = cut_curve(held, confidence)
    hundred, source = on_100(quality, evidence, match)
    points = []
    for wish in counted(wanted, told, "threshold", len(wanted)):
        cut = cut_of(
            held, curve, fnmr=wish.fnmr, coverage=wish.coverage, groups=groups, hundred=hundred,
            draws=draws, level=level, seed=seed,
        )  # fmt: skip
        points.append(_point(wish, cut, scores.value))
    notes = [*evidence.notes, *_notes(evidence, len(other), seed, groups, group), *_losses(points)]
    line = (
        f"threshold {held.threshold:.4g} for FMR {fmr:g} on {len(other):,} non-mated pairs "
        f"(lowest they resolve {1 / len(other):.2g}); {draws} resamples of identities, seed {seed}"
    )
    return CutReport(
        tuple(points),
        curve,
        scores.name,
        vectors.recognizer,
        line,
        tuple(notes),
        source,
        group,
        command,
    )


def _point(wish: Wish, cut: Cut, values: NDArray[np.float64]) -> OperatingPoint:
    safe = cut.safe.effect
    return OperatingPoint(
        wish,
        cut,
        typed_cut(cut.cut.value, values),
        None if safe is None else typed_cut(safe.cut, values),
    )


def _notes(
    evidence: Evidence, stored: int, seed: int, groups: NDArray[np.str_] | None, group: str | None
) -> list[str]:
    notes = []
    if evidence.nonmated is None and evidence.nonmated_total > STORED:
        notes.append(
            f"{stored:,} of {evidence.nonmated_total:,} non-mated pairs were drawn at random (seed"
            f" {seed})."
        )
    if groups is not None and np.any(groups == NO_GROUP):
        count = int(np.count_nonzero(groups == NO_GROUP))
        notes.append(
            f"{count:,} of {len(groups):,} images have no {group}: they are the group {NO_GROUP}."
        )
    return notes


def _losses(points: Sequence[OperatingPoint]) -> list[str]:
    """Warnings of cuts that lose more than half of the images."""
    notes = []
    for point in points:
        for name, effect in (("plain", point.cut.effect), ("safe", point.cut.safe.effect)):
            if effect is not None and effect.coverage < 0.5:
                notes.append(
                    f"warning: the {name} cut for {point.wish} loses {1 - effect.coverage:.0%} of"
                    " the images. Better pictures, or another score, will do more than a stricter"
                    " cut."
                )
    return notes


def _integer(cut: Cut, *, safe: bool = False) -> str:
    """The cut on the scale of 0..100 as it stands behind the score's own, "" without one."""
    if cut.hundred is None:
        return ""
    effect = cut.hundred.safe.effect if safe else cut.hundred.effect
    return "" if effect is None else f" ({effect.cut:.0f} of 100)"


def _row(name: str, typed: str | None, effect: CutEffect | None, limit: float | None) -> list[Any]:
    if effect is None:
        return [name, *[None] * 6]
    errors = f"{effect.errors:,} of {effect.mated:,}"
    fmr = None if effect.fmr is None else f"{effect.fmr:.2g}"
    return [name, typed, effect.coverage, effect.fnmr, errors, limit, fmr]


def _whole(effect: CutEffect | None) -> str | None:
    return None if effect is None else f"{effect.cut:.0f}"


def _group_row(cost: GroupCost) -> list[Any]:
    return [
        cost.name, cost.images, cost.discarded, _limits(cost.discarded_interval, ".4f"), cost.discarded_gap,
        cost.fnmr_start, cost.fnmr, _limits(cost.fnmr_interval, ".4f"), cost.fnmr_gap,
        f"{cost.errors:,} of {cost.mated:,}",
    ]  # fmt: skip


def _match_row(cost: GroupCost) -> list[Any]:
    before, after = (None if rate is None else f"{rate:.2g}" for rate in (cost.fmr_start, cost.fmr))
    return [
        cost.name,
        before,
        after,
        _limits(cost.fmr_interval, ".2g"),
        f"{cost.matches:,} of {cost.nonmated:,}",
    ]


def _limits(pair: tuple[float, float] | None, form: str) -> str | None:
    return None if pair is None else f"[{pair[0]:{form}}, {pair[1]:{form}}]"
