"""Drives against a reference, cell by cell: collapse, drift, and cumulative sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fiqa import checks
from fiqa.errors import UnknownNameError
from fiqa.functional.cusum import allowance, cumulative, limit, normal_scores
from fiqa.functional.domains import shrunk
from fiqa.functional.drift import (
    benjamini_yekutieli,
    drift,
    needed_draws,
    spread_ratios,
)
from fiqa.monitoring.drives import SHARES, Cell, Drives, column_names
from fiqa.monitoring.health import MEASURES, PSI_LEAST, CellHealth, Chart, Health
from fiqa.monitoring.reference import ENOUGH, Reference
from fiqa.monitoring.state import KEPT, ChartState, State, mark
from fiqa.progress import Told, counted

__all__ = ["Setting", "check", "columns_of"]

_COLLAPSED = "the scores have collapsed"


@dataclass(frozen=True)
class Setting:
    """How a check is made.

    Attributes:
        false_alarms_per_year: of all charts together, above 0.
        drives_per_year: of the whole fleet, above 0.
        draws: resamples of drives, at least 100; more permutations where many cells need them.
        level: confidence of the bounds; 1 - level is the share of false reports of drift.
        seed: of all of them.

    Raises:
        InputError: a number out of range.
    """

    false_alarms_per_year: float = 1.0
    drives_per_year: float = 10_000.0
    draws: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("false_alarms_per_year", "drives_per_year"):
            checks.in_range(getattr(self, name), name, 0.0, math.inf, open_low=True, open_high=True)
        checks.in_range(self.draws, "draws", 100, 1e6)
        checks.in_range(self.level, "level", 0.5, 1.0, open_high=True)


class _Pair(NamedTuple):
    """The drives of a cell, now and in the reference."""

    cell: Cell
    now: Drives
    before: Drives

    @property
    def sides(self) -> tuple[int, int]:
        """The drives with a score, now and in the reference."""
        return int(self.now.scored().sum()), int(self.before.scored().sum())


def columns_of(by: Sequence[str], reference: Reference) -> tuple[tuple[str, ...], list[str]]:
    """Returns the columns of the cells of a check, and what must be said of them.

    Args:
        by: as the user wants them; none are those of the reference.
        reference: regimes are never compared with each other, so a reference by regime adds it.

    Raises:
        UnknownNameError: a column that the reference was not made by.
        InputError: one text instead of a list of columns.
    """
    by = column_names(by)
    for name in by:
        if name not in reference.by:
            error = UnknownNameError("column of the reference's cells", name, reference.by)
            error.hint = f"make the reference by it: fiqa monitor fit ... --by {','.join(by)}"
            raise error
    chosen = by or reference.by
    if "regime" in reference.by and "regime" not in chosen:
        return (*chosen, "regime"), [
            "regime was added: regimes are never compared with each other."
        ]
    return chosen, []


def check(
    drives: Drives, reference: Reference, how: Setting, state: State, told: Told
) -> tuple[Health, State]:
    """Returns the health of drives, and the state with the new ones of them in its charts.

    Args:
        drives: in the order in which they were driven, in cells of columns of the reference.
        reference: what they are compared with.
        how: the numbers to choose.
        state: of the charts so far; it is not changed.
        told: hears of each cell.
    """
    base = reference.drives.merged(drives.by)
    pairs = [
        _Pair(cell, drives.of(cell), base.of(cell))
        for cell in dict.fromkeys((*drives.cell, *base.cell))
    ]
    watched = [name for name in SHARES if name in base.known and name in drives.known]
    new = state.model_copy(deep=True)
    charts = _all_charts(pairs, watched, len(set(base.unit.tolist())), how, new)
    judged = sum(min(pair.sides) >= ENOUGH for pair in pairs)
    many = max(how.draws, needed_draws(2 * judged, how.level))
    cells = [
        _judged(pair, charts[pair.cell], how, many, number, drives.by)
        for number, pair in enumerate(counted(pairs, told, "monitor", len(pairs)))
    ]
    cells = _adjusted(cells, how)
    protocol = (
        f"at least {ENOUGH} {reference.unit}s on either side; {how.draws} resamples and {many}"
        f" permutations of {reference.unit}s, seed {how.seed};\n  p by Benjamini-Yekutieli over"
        f" {judged} cells, level {how.level:g}, drift from PSI {PSI_LEAST:g};\n  false alarms of"
        f" all charts a year: {how.false_alarms_per_year:g}, at {how.drives_per_year:,.0f}"
        f" {reference.unit}s a year"
    )
    health = Health(tuple(cells), reference.unit, reference.low, reference.high, protocol, ())
    return health, new


def _judged(
    pair: _Pair, charts: tuple[Chart, ...], how: Setting, many: int, number: int, by: Sequence[str]
) -> CellHealth:
    """A cell with its numbers; drift is judged when all cells are known."""
    now, before = (side.counts[side.scored()] for side in (pair.now, pair.before))
    found = CellHealth(
        dict(zip(by, pair.cell, strict=True)), "ok", len(now), int(now.sum()), len(before),
        None, None, None, None, None, None, charts, (),
        tuple(now.sum(axis=0).tolist()), tuple(before.sum(axis=0).tolist()),
    )  # fmt: skip
    reasons = [_crossed(chart) for chart in charts if chart.alarm]
    verdict = "alarm" if reasons else "ok"
    if min(pair.sides) < ENOUGH:
        other = "not enough" if len(before) else "no reference"
        lack = (
            f"{other}: {len(now)} drives with a score and {len(before)} in this cell of the"
            f" reference, of {ENOUGH} needed"
        )
        return replace(found, verdict=verdict if reasons else other, reasons=(*reasons, lack))
    seed = how.seed + number
    moved = drift(before, now, draws=many, seed=seed)
    shift = float(pair.now.means()[pair.now.scored()].mean())
    shift -= float(pair.before.means()[pair.before.scored()].mean())
    found = replace(found, drift=moved, shift=shift)
    if np.count_nonzero(before.sum(axis=0).reshape(20, -1).sum(axis=1)) < 2:
        lack = "not enough: the reference's scores do not differ in this cell"
        return replace(
            found, verdict=verdict if reasons else "not enough", reasons=(*reasons, lack)
        )
    ratios, bounds = spread_ratios(before, now, draws=how.draws, level=how.level, seed=seed)
    small = shrunk(bounds.tolist())
    if len(small) >= 2:
        named = ", ".join(f"{MEASURES[k]} {ratios[k]:.2f} (at most {bounds[k]:.2f})" for k in small)
        reasons.insert(0, f"{_COLLAPSED}: of the reference's spread are left {named}")
        verdict = "alarm"
    return replace(
        found, verdict=verdict, reasons=tuple(reasons),
        ratios=tuple(ratios.tolist()), bounds=tuple(bounds.tolist()),
    )  # fmt: skip


def _adjusted(cells: list[CellHealth], how: Setting) -> list[CellHealth]:
    """Judges the drift of all cells together."""
    tested = [k for k, cell in enumerate(cells) if cell.drift is not None]
    raw = [p for k in tested if (d := cells[k].drift) is not None for p in (d.p_psi, d.p_ks)]
    p = benjamini_yekutieli(np.array(raw, np.float64)).reshape(-1, 2).tolist()
    for k, (p_psi, p_ks) in zip(tested, p, strict=True):
        cell, moved = cells[k], cells[k].drift
        cells[k] = replace(cell, p_psi=p_psi, p_ks=p_ks)
        if moved is not None and moved.psi >= PSI_LEAST and min(p_psi, p_ks) <= 1 - how.level:
            side = "higher" if (cell.shift or 0.0) > 0 else "lower"
            said = (
                f"the scores have moved: PSI {moved.psi:.2f}, KS {moved.ks:.2f},"
                f" p {min(p_psi, p_ks):.2g}; the mean is {abs(cell.shift or 0.0):.2f} of the range"
                f" {side}"
            )
            first = [r for r in cell.reasons if r.startswith(_COLLAPSED)]
            others = [r for r in cell.reasons if r not in first]
            cells[k] = replace(cells[k], verdict="alarm", reasons=(*first, said, *others))
    return cells


def _crossed(chart: Chart) -> str:
    what = "the mean" if chart.name == "mean" else f"the share {chart.name}"
    return (
        f"{what} is {chart.side}: its sum passed {chart.limit:.2f} at drive {chart.crossed} of"
        f" {chart.drives}"
    )


def _all_charts(
    pairs: Sequence[_Pair], watched: Sequence[str], drives: int, how: Setting, state: State
) -> dict[Cell, tuple[Chart, ...]]:
    """The charts of every cell, the new drives taken into `state`.

    The false alarms of a year are shared by all charts alike.
    """
    charted = [pair for pair in pairs if pair.sides[1] >= ENOUGH]
    count = len(charted) * (2 + len(watched))
    made: dict[Cell, tuple[Chart, ...]] = {pair.cell: () for pair in pairs}
    for pair in charted:
        yearly = how.drives_per_year * len(pair.before.unit) / drives
        wanted = max(2.0, yearly * count / how.false_alarms_per_year)
        fresh = _fresh(pair, state)
        charts = [_chart(pair, fresh, "mean", side, wanted, state) for side in ("lower", "higher")]
        charts += [_chart(pair, fresh, name, "higher", wanted, state) for name in watched]
        made[pair.cell] = tuple(charts)
    return made


def _fresh(pair: _Pair, state: State) -> Drives:
    """The drives of a cell that its charts have not seen; they count as seen from now on."""
    key = "\t".join(pair.cell)
    known = set(seen := state.seen.setdefault(key, []))
    marks = [mark(unit) for unit in pair.now.unit.tolist()]
    rows = np.array([k for k, name in enumerate(marks) if name not in known], np.int64)
    seen += [marks[k] for k in rows]
    now = pair.now
    return replace(
        now, cell=(pair.cell,) * len(rows), unit=now.unit[rows], counts=now.counts[rows],
        counters=now.counters[rows],
    )  # fmt: skip


def _chart(pair: _Pair, fresh: Drives, name: str, side: str, wanted: float, state: State) -> Chart:
    before, now = (
        side_.means()[side_.scored()] if name == "mean" else side_.share(name)
        for side_ in (pair.before, fresh)
    )
    # a drive without a frame to take a share of says nothing
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    key = "\t".join((*pair.cell, name, side))
    kept = state.charts.setdefault(key, ChartState())
    k, height = allowance(max(1, len(before))), limit(wanted, max(1, len(before)))
    if len(before):
        scores = normal_scores(now, before) * (-1.0 if side == "lower" else 1.0)
        sums = cumulative(scores, k, kept.path[-1] if kept.path else 0.0)
        over = next((n for n, total in enumerate(sums, kept.drives + 1) if total > height), None)
        kept = ChartState(
            drives=kept.drives + len(sums), path=[*kept.path, *sums][-KEPT:],
            crossed=over if kept.crossed is None else kept.crossed,
        )  # fmt: skip
        state.charts[key] = kept
    return Chart(name, side, tuple(kept.path), height, wanted, kept.drives, kept.crossed)
