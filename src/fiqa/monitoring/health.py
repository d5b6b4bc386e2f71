"""What a check found, as nouns: charts, cells, and the health of the whole fleet."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from fiqa.functional.domains import MEASURES, PSI_LEAST, RATIO_LEAST
from fiqa.functional.drift import Drift
from fiqa.functional.table import Table

__all__ = [
    "MEASURES", "PSI_LEAST", "RATIO_LEAST", "VERDICTS", "CellHealth", "Chart", "Health",
]  # fmt: skip

VERDICTS = ("alarm", "not enough", "no reference", "ok")
"""What a cell can be, in the order in which they decide the whole."""


@dataclass(frozen=True)
class Chart:
    """A one-sided cumulative sum over the drives of a cell.

    Attributes:
        name: "mean", or one of fiqa.monitoring.drives.SHARES.
        side: "lower" or "higher": what it looks for.
        path: the sum after each of the last drives.
        limit: h.
        run_length: the drives after which it alarms on average while nothing has changed.
        drives: how many it has seen.
        crossed: the number of the drive at which it first passed the limit, None where it has not.
    """

    name: str
    side: str
    path: tuple[float, ...]
    limit: float
    run_length: float
    drives: int
    crossed: int | None

    @property
    def label(self) -> str:
        """What it watches, in words; shares are watched upward only."""
        return f"mean {self.side}" if self.name == "mean" else self.name

    @property
    def alarm(self) -> bool:
        """Whether it has passed its limit since it was begun."""
        return self.crossed is not None


@dataclass(frozen=True)
class CellHealth:
    """The drives of one cell beside those of the same cell of the reference.

    Attributes:
        cell: column -> value.
        verdict: one of VERDICTS.
        drives: with a score.
        frames: with a score.
        reference_drives: with a score.
        ratios, bounds: of MEASURES to the reference's, and their upper bounds; None where not
            enough drives are there.
        shift: the mean score less the reference's, as a share of the range; None likewise.
        drift: None likewise.
        p_psi, p_ks: of the drift, adjusted over all cells; None likewise.
        charts: none without a reference.
        reasons: why it alarms or is not judged, a sentence each.
        counts, reference_counts: the histograms of all drives.
    """

    cell: dict[str, str]
    verdict: str
    drives: int
    frames: int
    reference_drives: int
    ratios: tuple[float, ...] | None
    bounds: tuple[float, ...] | None
    shift: float | None
    drift: Drift | None
    p_psi: float | None
    p_ks: float | None
    charts: tuple[Chart, ...]
    reasons: tuple[str, ...]
    counts: tuple[int, ...]
    reference_counts: tuple[int, ...]

    @property
    def name(self) -> str:
        """The cell in words."""
        return ", ".join(f"{column}={value}" for column, value in self.cell.items()) or "all"


@dataclass(frozen=True)
class Health:
    """What `monitor` found.

    Attributes:
        cells: one for each cell of the scores or the reference.
        unit: what the drives are called.
        low, high: the ends of the histograms.
        protocol: one line on how the numbers were made.
        notes: sentences that a reader must know.
        command: the line that made it, "" for tables in memory.
    """

    cells: tuple[CellHealth, ...]
    unit: str
    low: float
    high: float
    protocol: str
    notes: tuple[str, ...]
    command: str = ""

    @property
    def verdict(self) -> str:
        """The worst verdict of a cell: "ok" only where every cell is."""
        found = {cell.verdict for cell in self.cells}
        return next((verdict for verdict in VERDICTS if verdict in found), "not enough")

    @property
    def alarm(self) -> bool:
        """Whether any cell alarms."""
        return self.verdict == "alarm"

    def of(self, verdict: str) -> list[CellHealth]:
        """Returns the cells of one verdict.

        Args:
            verdict: one of VERDICTS.
        """
        return [cell for cell in self.cells if cell.verdict == verdict]

    def headline(self) -> str:
        """Returns the verdict in one line."""
        counts = [f"{len(self.of(v))} {v}" for v in VERDICTS if self.of(v)]
        return f"{self.verdict}: {', '.join(counts) or 'no cells'}"

    def table(self) -> Table:
        """Returns the cells as a table."""
        columns = (
            "cell", "verdict", "drives", "of reference", *MEASURES, "shift", "PSI", "KS", "p",
            "charts",
        )  # fmt: skip
        lines = (
            "Q90-Q10, std, entropy: ratio to the reference (upper bound by drives)",
            "shift: of the mean, in ranges of the reference; p: the smaller of PSI's and KS's,"
            " adjusted; charts: those over their limit",
            self.protocol,
        )
        note = ";\n  ".join(lines) + "."
        return Table("cells", "Cells", columns, [_row(cell) for cell in self.cells], note, 3)

    def text(self) -> str:
        """Returns the verdict, the reasons and the cells as lines."""
        lines = [self.headline()]
        for cell in self.cells:
            lines += [f"  {cell.name}: {reason}" for reason in cell.reasons]
        parts = ["\n".join(lines), self.table().text()]
        parts.append("\n".join(f"note: {note}" for note in self.notes))
        return "\n\n".join(part for part in parts if part)

    def json(self) -> dict[str, Any]:
        """Returns every number as plain data; what is infinite or not known is None."""
        content = {"verdict": self.verdict, **asdict(self)}
        # There and back turns tuples into lists and what JSON cannot say (NaN, infinity) into None.
        plain: dict[str, Any] = json.loads(json.dumps(content), parse_constant=lambda _: None)
        return plain


def _row(cell: CellHealth) -> list[Any]:
    pairs = zip(cell.ratios or (), cell.bounds or (), strict=True)
    spread: list[Any] = [f"{ratio:.2f} ({bound:.2f})" for ratio, bound in pairs]
    over = [chart.label for chart in cell.charts if chart.alarm]
    p = None if cell.p_psi is None or cell.p_ks is None else f"{min(cell.p_psi, cell.p_ks):.2g}"
    return [
        cell.name, cell.verdict, cell.drives, cell.reference_drives, *(spread or [None] * 3),
        cell.shift, *((None, None) if cell.drift is None else (cell.drift.psi, cell.drift.ks)), p,
        ", ".join(over) or ("none" if cell.charts else None),
    ]  # fmt: skip
