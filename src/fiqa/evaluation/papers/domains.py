"""DmsFIQA's Figures 1 and 2: the scores of several methods on two sets or more, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match, find_ids
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.evaluation.data_set import DataSet
from fiqa.evaluation.groups import group_names
from fiqa.evaluation.scales import own_scale
from fiqa.evaluation.setting import Setting
from fiqa.evaluation.sources import named_qualities
from fiqa.functional.domains import (
    ENOUGH,
    MEASURES,
    PSI_LEAST,
    RATIO_LEAST,
    DomainGap,
    domain_gap,
    judged,
    unit_histograms,
)
from fiqa.functional.drift import needed_draws
from fiqa.functional.spread import ENDS
from fiqa.functional.table import Table

__all__ = ["DRAWS", "Domains", "MethodDomains", "compare_domains", "domain_table"]

DRAWS = 1000
"""Resamples where nobody says how many."""
_COLUMNS = (
    "method", "set", "images", "units", "mean",
    *(f"{name}{end}" for name in MEASURES for end in ("", " low", " high")),
    "shift", "spread left", "at most", "PSI", "KS", "p", "verdict",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class MethodDomains:
    """A method in the sets, the first of which is what the others are compared with.

    Attributes:
        name: of the method.
        scale: which scale the numbers are on, in words.
        ends: the ends of the histograms on that scale.
        counts: set -> (BINS,) images in each bin.
        units: set -> how many units.
        gaps: set -> how it differs from the first; none for the first.
    """

    name: str
    scale: str
    ends: tuple[float, float]
    counts: Mapping[str, NDArray[np.int64]]
    units: Mapping[str, int]
    gaps: Mapping[str, DomainGap]


@dataclass(frozen=True)
class Domains:
    """Methods in sets.

    Attributes:
        sets: names, the first is what the others are compared with.
        methods: those that every set has a file of.
        notes: sentences on what a unit is, and what was left out.
        draws: resamples and permutations.
        level: of intervals and verdicts.
    """

    sets: tuple[str, ...]
    methods: tuple[MethodDomains, ...]
    notes: tuple[str, ...]
    draws: int
    level: float


@dataclass(frozen=True, eq=False)
class _Side:
    """A method's scores of one set."""

    value: NDArray[np.float64]
    unit: NDArray[np.float64] | None
    scale: str
    who: NDArray[np.str_]


def compare_domains(
    sets: Sequence[DataSet],
    setting: Setting,
    *,
    unit: str | None = None,
    match: Match = "id",
    flip: Sequence[str] = (),
) -> Domains:
    """Returns how the scores of each method in the other sets differ from those in the first.

    Numbers are on the method's own scale (fiqa.evaluation.scales); where that is open, between the
    least and the greatest of the sets' 1st and 99th percentiles.

    Args:
        sets: two or more; methods are known by the stems of their files.
        setting: `draws`, `level` and `seed` are used.
        unit: column of the sets' faces that says what is drawn as one; None is the identity. A
            set without that column falls back to the identity, and a note says so.
        match: how names of a quality find those of the faces.
        flip: methods whose order is reversed.

    Raises:
        InputError: fewer than two sets, two of one name, no method that all have, or images that
            the faces do not know.
        UnknownNameError: a unit that no set has.
        EvidenceError: a method without a score in a set.
        ReadError: a file cannot be read.
    """
    names = [each.name for each in sets]
    if len(set(names)) < max(2, len(names)):
        raise InputError(
            "Two domains must be two data sets or more, each with a name of its own, got"
            f" {', '.join(names) or 'none'}."
        )
    common = [name for name in sets[0].quality if all(name in each.quality for each in sets)]
    if not common:
        raise InputError(
            "The sets must have files of the same methods (equal stems in quality/), got"
            f" {'; '.join(each.name + ': ' + ', '.join(each.quality) for each in sets)}."
        )
    notes = _left_out(sets, common)
    people = [_Units.of(each, unit, match) for each in sets]
    if unit is not None and all(each.column != unit for each in people):
        raise UnknownNameError("unit column", unit, sorted({c for p in people for c in p.known}))
    notes += [f"A unit of {each.name}: {p.what}." for each, p in zip(sets, people, strict=True)]
    sides = {
        name: [_side(each, name, p, flip) for each, p in zip(sets, people, strict=True)]
        for name in common
    }
    draws = setting.draws or DRAWS
    many = max(draws, needed_draws(2 * len(common) * (len(sets) - 1), setting.level))
    found = [_compared(name, names, each, setting, many) for name, each in sides.items()]
    gaps = judged([gap for each in found for gap in each.gaps.values()], level=setting.level)
    taken = iter(gaps)
    methods = [
        MethodDomains(
            each.name, each.scale, each.ends, each.counts, each.units,
            {name: next(taken) for name in each.gaps},
        )
        for each in found
    ]  # fmt: skip
    return Domains(tuple(names), tuple(methods), tuple(notes), many, setting.level)


def domain_table(domains: Domains) -> Table:
    """Returns the numbers: a row for each method and set, the verdict in those of other sets."""
    rows: list[list[Any]] = []
    for method in domains.methods:
        others = list(method.gaps.values())
        first = domains.sets[0]
        base = others[0]
        spread = zip(base.before, base.before_low, base.before_high, strict=True)
        rows.append([*_head(method, first), *_flat(spread), *([None] * 6), "reference"])
        for name, gap in method.gaps.items():
            spread = zip(gap.spread, gap.low, gap.high, strict=True)
            # the second least ratio decides: two measures must have shrunk
            left = None if gap.ratios is None else sorted(gap.ratios)[1]
            most = None if gap.bounds is None else sorted(gap.bounds)[1]
            moved = gap.drift
            rows.append(
                [
                    *_head(method, name), *_flat(spread), gap.shift, left, most,
                    None if moved is None else moved.psi, None if moved is None else moved.ks,
                    gap.p, gap.verdict,
                ]
            )  # fmt: skip
    note = (
        f"Compared with {domains.sets[0]}. Low and high: {100 * domains.level:g} % intervals over"
        f" units, {domains.draws} draws. Collapsed: at least two measures of spread are below"
        f" {RATIO_LEAST:g} of the reference's by their upper bound (spread left, at most: the"
        f" second least ratio and bound). Shifted: not collapsed, PSI from {PSI_LEAST:g} and p up"
        f" to {1 - domains.level:.2g} by permuting units, adjusted for all comparisons. Not enough:"
        f" fewer than {ENOUGH} units on a side. Scales: "
        + "; ".join(f"{method.name}: {method.scale}" for method in domains.methods)
        + "."
    )
    title = f"DmsFIQA Figures 1 and 2: scores in {', '.join(domains.sets)}"
    return Table("dms_domains", title, _COLUMNS, rows, note)


def _flat(triples: Any) -> list[float | None]:
    return [None if np.isnan(value) else value for triple in triples for value in triple]


def _head(method: MethodDomains, name: str) -> list[Any]:
    counts = method.counts[name]
    places = (np.arange(len(counts)) + 0.5) / len(counts)
    total = int(counts.sum())
    return [method.name, name, total, method.units[name], float(counts @ places / total)]


def _left_out(sets: Sequence[DataSet], common: Sequence[str]) -> list[str]:
    every = dict.fromkeys(name for each in sets for name in each.quality)
    lone = [name for name in every if name not in common]
    return [f"Not in every set, left out: {', '.join(lone)}."] if lone else []


@dataclass(frozen=True, eq=False)
class _Units:
    """What is drawn as one in a set.

    Attributes:
        ids: of the faces, None where the set has none.
        names: the unit of each.
        column: where they come from, None for the folder of an id.
        known: columns that could be asked for.
        match: how names of a quality find the ids.
    """

    ids: NDArray[np.str_] | None
    names: NDArray[np.str_]
    column: str | None
    known: tuple[str, ...]
    match: Match

    @classmethod
    def of(cls, each: DataSet, unit: str | None, match: Match) -> _Units:
        if each.faces is None:
            return cls(None, np.empty(0, np.str_), None, (), match)
        faces = read_manifest(each.faces)
        known = ("identity", *faces.columns)
        if unit in known and np.any((names := group_names(faces, str(unit), none="")) != ""):
            return cls(faces.id, names, unit, known, match)
        # an empty column says nothing: its images would each stand alone
        names = group_names(faces, "identity", none="")
        return cls(faces.id, names, "identity", known, match)

    @property
    def what(self) -> str:
        return "the folder part of each id" if self.column is None else f"column {self.column}"

    def at(self, ids: NDArray[np.str_], where: str) -> NDArray[np.str_]:
        """The unit of each id; an image that nobody's is stands for itself."""
        if self.ids is None:
            parts = [name.replace("\\", "/").rpartition("/")[0] for name in ids.tolist()]
            own = np.array(parts, np.str_)
        else:
            place = find_ids(ids, self.ids, match=self.match)
            if np.any(place < 0):
                raise InputError(
                    f"The faces of {where} must have every image that is scored, got none for"
                    f" {int((place < 0).sum())} of {len(ids)}, as {str(ids[place < 0][0])!r}."
                )
            own = self.names[place]
        return np.where(own == "", np.char.add("image ", ids), own)


def _side(each: DataSet, name: str, units: _Units, flip: Sequence[str]) -> _Side:
    flipped = [name] if name in flip else []
    part = named_qualities({name: each.quality[name]}, [], flipped)[0]
    value = part.quality.value
    if not len(value):
        raise EvidenceError(f"{name} has no score in {each.name}.")
    unit, scale = own_scale(part.quality, value)
    return _Side(value, unit, scale, units.at(part.quality.id, f"{each.name} ({name})"))


def _compared(
    name: str, sets: Sequence[str], sides: Sequence[_Side], setting: Setting, draws: int
) -> MethodDomains:
    units = [side.unit for side in sides if side.unit is not None]
    ends, scale, values = (0.0, 1.0), sides[0].scale, units
    if len(units) < len(sides):
        values = [side.value for side in sides]
        tails = np.array([np.quantile(value, ENDS) for value in values])
        low, high = float(tails[:, 0].min()), float(tails[:, 1].max())
        ends = (low, high if high > low else low + 1.0)
        scale = f"open, taken from {ends[0]:.4g} to {ends[1]:.4g} of these sets"
    counts = [
        unit_histograms(value, side.who, ends) for value, side in zip(values, sides, strict=True)
    ]
    gaps = {
        other: domain_gap(counts[0], counts[k], draws=draws, level=setting.level, seed=setting.seed)
        for k, other in enumerate(sets)
        if k
    }
    pooled = {other: each.sum(axis=0) for other, each in zip(sets, counts, strict=True)}
    sizes = {other: len(each) for other, each in zip(sets, counts, strict=True)}
    return MethodDomains(name, scale, ends, pooled, sizes, gaps)
