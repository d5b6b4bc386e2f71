"""What was found: one noun for each finding, and one for all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from fiqa import checks
from fiqa.functional.display import columns_html
from fiqa.functional.table import printable
from fiqa.types import Manifest
from fiqa.vocabulary import ISSUES, REMEDIES

if TYPE_CHECKING:
    import polars as pl

    from fiqa.cleaning.quarantine import Moved

__all__ = ["COLUMNS", "Finding", "Findings", "finding_of"]

_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one image.

    Attributes:
        path: of the image, as it was given or found.
        id: of the image.
        issue: one of fiqa.vocabulary.ISSUES.
        score: 0..1, higher is graver; 0.5 is at the limit.
        measured: the number that was measured, None where there is none.
        limit: from where on it counts, None where there is none.
        evidence: in plain words.
        other: path of the image that it is compared with, "" where there is none.
        other_id: of that image.

    Raises:
        UnknownNameError: another issue.
        InputError: a score outside 0..1.
    """

    path: str
    id: str
    issue: str
    score: float
    measured: float | None = None
    limit: float | None = None
    evidence: str = ""
    other: str = ""
    other_id: str = ""

    def __post_init__(self) -> None:
        checks.choice(self.issue, "issue", ISSUES)
        checks.in_range(self.score, "score", 0.0, 1.0)

    @property
    def action(self) -> str:
        """What to do about it, in plain words."""
        return REMEDIES[self.issue]

    def row(self) -> dict[str, Any]:
        """Returns the finding as a row of the table: its fields, and the action."""
        return asdict(self) | {"action": self.action}


COLUMNS = (*(each.name for each in fields(Finding)), "action")


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that was found in a folder of faces.

    Attributes:
        findings: the gravest kinds first (the order of fiqa.vocabulary.ISSUES), in each the gravest
            first.
        faces: the images that were looked at.
        looked: issue -> how many images were asked.
        skipped: issue -> why it was not looked for.
        notes: what else a reader must know, in sentences.
        current: True where they were there already and nothing was done.
        moved: what was put aside, None where nothing was.
    """

    findings: Sequence[Finding]
    faces: Manifest
    looked: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    current: bool = False
    moved: Moved | None = None

    def __post_init__(self) -> None:
        rank = {issue: place for place, issue in enumerate(ISSUES)}
        ordered = sorted(self.findings, key=lambda f: (rank[f.issue], -f.score, f.id))
        object.__setattr__(self, "findings", tuple(ordered))

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __repr__(self) -> str:
        return f"Findings({self.verdict()})"

    def _repr_html_(self) -> str:
        names = ("issue", "id", "score", "other_id", "evidence")
        rows = [[getattr(finding, name) for name in names] for finding in self.findings[:12]]
        return columns_html(self.verdict(), names, rows)

    def of(self, issue: str) -> list[Finding]:
        """Returns the findings of one kind.

        Args:
            issue: one of fiqa.vocabulary.ISSUES.

        Raises:
            UnknownNameError: another one.
        """
        checks.choice(issue, "issue", ISSUES)
        return [finding for finding in self.findings if finding.issue == issue]

    @property
    def counts(self) -> dict[str, int]:
        """Issue -> how many findings, those that were found alone."""
        found = Counter(finding.issue for finding in self.findings)
        return {issue: found[issue] for issue in ISSUES if found[issue]}

    @property
    def paths(self) -> list[str]:
        """Every image with a finding, once, in the order of the findings."""
        return list(dict.fromkeys(finding.path for finding in self.findings))

    def frame(self) -> pl.DataFrame:
        """Returns the table: the fields of Finding and `action`, one row a finding."""
        from fiqa.data.tables import frame_of

        if self.findings:
            return frame_of(finding.row() for finding in self.findings)
        import polars as pl

        numbers = {"score", "measured", "limit"}
        schema = {name: pl.Float64 if name in numbers else pl.String for name in COLUMNS}
        return pl.DataFrame(schema=schema)

    def verdict(self) -> str:
        """Returns the answer in one sentence."""
        images = len(self.faces)
        if not self.findings:
            return f"Nothing wrong was found in {images:,} image{'s' * (images != 1)}."
        kinds = ", ".join(
            f"{count:,} {issue.replace('_', ' ')}" for issue, count in self.counts.items()
        )
        wrong = len(self.paths)
        verb = "has" if wrong == 1 else "have"
        return f"{wrong:,} of {images:,} images {verb} something wrong: {kinds}."

    def lines(self) -> list[str]:
        """Returns the findings as lines of text; of each kind the five gravest are shown."""
        text = [self.verdict()]
        for issue, count in self.counts.items():
            text += ["", f"{issue}: {ISSUES[issue]} {REMEDIES[issue]}"]
            text += [f"  {_line(finding)}" for finding in self.of(issue)[:_SHOWN]]
            if count > _SHOWN:
                text.append(f"  ... and {count - _SHOWN:,} more")
        text += [""] if self.skipped or self.notes else []
        text += [f"not looked for: {issue}: {why}" for issue, why in self.skipped.items()]
        return [*text, *self.notes, *([] if self.moved is None else ["", *self.moved.lines()])]


def _line(finding: Finding) -> str:
    told = f"  = {finding.other}" if finding.other else ""
    evidence = f"  ({finding.evidence})" if finding.evidence else ""
    return printable(f"{finding.score:.2f}  {finding.path}{told}{evidence}")


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Returns the finding of a row of the table, text decoded."""
    from fiqa.data.tables import decode_text

    values: dict[str, Any] = {}
    for each in fields(Finding):
        value = row[each.name]
        values[each.name] = decode_text(value) if isinstance(value, str) else value
    for name in ("evidence", "other", "other_id"):
        values[name] = values[name] or ""
    for name in ("measured", "limit"):
        number = values[name]
        values[name] = None if number is None or math.isnan(number) else number
    return Finding(**values)
