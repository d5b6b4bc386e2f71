"""The cuts of a threshold as nouns: a wish, its operating point, and the report of all of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from fiqa.functional.cut_evidence import CutEffect
from fiqa.functional.cut_groups import GroupCost
from fiqa.functional.safe_cut import CutCurve, SafeCut
from fiqa.functional.table import Table
from fiqa.functional.threshold import Cut

__all__ = ["CutReport", "OperatingPoint", "Wish", "missing_sentence"]

# A space at the end tells the second interval and gap from the first ones.
_GROUP_COLUMNS = (
    "group", "images", "discarded", "interval", "gap",
    "FNMR before", "FNMR", "interval ", "gap ", "errors of mated pairs kept",
)  # fmt: skip
_MATCH_COLUMNS = (
    "group", "FMR before", "FMR", "interval", "false matches of non-mated pairs kept",
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is wanted: one of two limits.

    Attributes:
        fnmr: not to be exceeded among what is kept.
        coverage: the share of images to keep.
    """

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

    def __repr__(self) -> str:
        points = "; ".join(f"{point.wish}: cut {point.typed}" for point in self.points[:3])
        more = f" and {len(self.points) - 3} more" if len(self.points) > 3 else ""
        return f"CutReport({self.method} under {self.recognizer}: {points}{more})"

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
        content = {
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
        # There and back turns tuples into lists and what JSON cannot say (NaN, infinity) into None.
        plain: dict[str, Any] = json.loads(json.dumps(content), parse_constant=lambda _: None)
        return plain

    def verdict(self, point: OperatingPoint) -> str:
        """Returns in one sentence where to cut for a wish."""
        safe, confidence = point.cut.safe, f"{self.curve.confidence:.0%} confidence"
        asked = f"{point.wish} at FMR {point.cut.fmr:g} under {self.recognizer}"
        if point.safe_typed is not None:
            return (
                f"reject below {point.safe_typed}{_integer(point.cut, safe=True)} for {asked}: "
                f"this holds for other people too ({confidence})."
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
        # No cut as a row like the others: everything is kept, at the numbers of the start.
        start = CutEffect(
            float("nan"), 1.0, cut.fnmr_start, cut.mated, cut.errors,
            cut.matches / cut.nonmated, cut.nonmated, cut.matches,
        )  # fmt: skip
        rows = [_row("no cut", None, start, None), _row("plain", point.typed, cut.effect, None)]
        limit = cut.safe.limit if cut.safe.effect else None
        rows.append(_row("safe", point.safe_typed, cut.safe.effect, limit))
        if cut.hundred is not None:
            plain, safe = cut.hundred.effect, cut.hundred.safe
            limit = safe.limit if safe.effect else None
            rows.append(_row("plain, of 100", _as_integer(plain), plain, None))
            rows.append(_row("safe, of 100", _as_integer(safe.effect), safe.effect, limit))
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
        fmr = cut.fmr_interval
        fmr_text = "" if fmr is None else f", FMR [{fmr[0]:.2g}, {fmr[1]:.2g}]"
        lines = [
            f"of others: {side} so much among as many other people, "
            f"{safe.confidence:.0%} confidence",
            f"plain cut, {level} by people: cut [{cut.cut.low:.6g}, {cut.cut.high:.6g}], "
            f"images kept [{cut.coverage.low:.4f}, {cut.coverage.high:.4f}], "
            f"FNMR [{cut.fnmr.low:.4g}, {cut.fnmr.high:.4g}]{fmr_text}",
            f"{cut.images:,} images, {cut.mated:,} mated pairs of {cut.identities:,} identities",
            self.protocol,
        ]
        return ";\n  ".join(lines) + (f"; of 100 by {self.uqs_from}" if self.uqs_from else "") + "."

    def group_tables(self, point: OperatingPoint) -> list[Table]:
        """Returns what the cut (the safe one where there is one) does to each group.

        First what a group loses and the false non-matches left, then the false matches; no table
        without groups.
        """
        cut = point.cut
        costs, cross, which = cut.groups, cut.cross, "plain"
        if cut.safe_groups:
            costs, cross, which = cut.safe_groups, cut.safe_cross, "safe"
        if cross is None:
            return []
        place = f"{self.group}, the {which} cut for {point.wish}"
        level = f"Intervals {cut.cut.level:.0%} by people"
        note = (
            "A gap is the group's number less that of everyone; groups are as given, never "
            f"inferred. A dash: no such pair of the group. {level}. In no group, because their "
            f"images are of two: {cross.mated:,} mated pairs kept ({cross.errors:,} errors) "
            f"and {cross.nonmated:,} non-mated ones ({cross.matches:,} false matches)."
        )
        name = f"groups_{point.wish}".replace(" ", "_")
        return [
            Table(
                name, f"Groups at this cut: {place}", _GROUP_COLUMNS,
                [_group_row(cost) for cost in costs], note, 4,
            ),
            Table(
                f"matches_{name}", f"False matches of groups: {place}", _MATCH_COLUMNS,
                [_match_row(cost) for cost in costs], f"{level}.",
            ),
        ]  # fmt: skip


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


def _as_integer(effect: CutEffect | None) -> str | None:
    return None if effect is None else f"{effect.cut:.0f}"


def _group_row(cost: GroupCost) -> list[Any]:
    return [
        cost.name, cost.images,
        cost.discarded, _limits(cost.discarded_interval, ".4f"), cost.discarded_gap,
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
