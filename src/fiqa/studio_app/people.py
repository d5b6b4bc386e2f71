"""What the page Templates knows of each person: candidates, criteria, likeness; the choices of the
annotators and how well two of them agree."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.tables import encode_text
from fiqa.errors import EvidenceError, ReadError
from fiqa.faces.crops import aligned_face, read_source
from fiqa.faces.factors import measure
from fiqa.functional.agreement import cohen_kappa
from fiqa.methods.dmsfiqa.criteria import Criterion, conflicts, criteria, likeness_to_rest
from fiqa.methods.dmsfiqa.segments import apart
from fiqa.studio_app.collection import Collection
from fiqa.studio_app.store import Decision, Store
from fiqa.types import Faces

__all__ = ["MOST", "Agreement", "Candidate", "Proposals", "agreement", "exported"]

MOST = 9
"""Candidates of a person that keys can choose."""
_REMEMBERED = 256


@dataclass(frozen=True)
class Candidate:
    """One of the images that may be a template.

    Attributes:
        row: of the face.
        judge: the number that proposed it, None without.
        segment: which, in words, "" where it is not known.
        modality: likewise.
        criteria: the five; empty where the image cannot be read.
        likeness: recognizer -> mean cosine to the person's images of other segments, None where it
            cannot tell.
        conflict: whether recognizers disagree about it.
        score: of the first table of scores, None without.
    """

    row: int
    judge: float | None
    segment: str
    modality: str
    criteria: list[Criterion]
    likeness: Mapping[str, float | None]
    conflict: bool
    score: float | None


class Proposals:
    """The candidates of every person.

    Attributes:
        faces: the collection.
        segmented: whether a person may have a template of each segment.
        people: numbers of those who have candidates.
    """

    def __init__(self, faces: Collection) -> None:
        self.faces = faces
        self._of_person: OrderedDict[int, list[Candidate]] = OrderedDict()
        table = faces.candidates
        if table is None:
            self.segmented = faces.clips is not None and bool((faces.clips.segment >= 0).any())
        else:
            self.segmented = "segment" in table.columns and bool((table["segment"] != "").any())
        self.people = [n for n, name in enumerate(faces.people) if name and n in self.rows]

    @cached_property
    def rows(self) -> dict[int, list[int]]:
        """Number of a person -> rows of the candidates, best first, at most MOST."""
        table = self.faces.candidates
        found: dict[int, list[int]] = {}
        if table is not None:
            order = table.sort("rank", maintain_order=True) if "rank" in table.columns else table
            for row in order["row"].to_list():
                if row >= 0:
                    person = self.faces.person_of[str(self.faces.manifest.identity[row])]
                    found.setdefault(person, []).append(row)
        else:
            for person, rows in enumerate(self.faces.rows_of_person):
                own = rows[self.faces.manifest.status[rows] == "ok"]
                ranked = own[np.argsort(-self._ranking(own), kind="stable")]
                found[person] = (self._spread(ranked) if self.segmented else ranked).tolist()
        return {person: rows[:MOST] for person, rows in found.items() if rows}

    def _spread(self, ranked: NDArray[np.int64]) -> NDArray[np.int64]:
        """The best of each segment, so that every modality is there, then the next best of all.

        Faces of no segment are left out: fiqa label gives them no label.
        """
        clips = self.faces.clips
        if clips is None:
            return ranked
        ranked = ranked[clips.segment[ranked] >= 0]
        first = apart(ranked, clips.segment, clips.modality, MOST)
        return np.concatenate([first, ranked[~np.isin(ranked, first)]])

    @cached_property
    def table_row(self) -> dict[int, int]:
        """Row of a face -> its line in the table of candidates."""
        table = self.faces.candidates
        return {} if table is None else {row: k for k, row in enumerate(table["row"].to_list())}

    def places(self, person: int, decision: Decision | None) -> list[int]:
        """Returns where the images of a decision stand among the candidates, which may have been
        others, or in another order, when it was made.

        Args:
            person: its number.
            decision: of an annotator, None without.
        """
        chosen = set(_ids(decision))
        return [
            k for k, row in enumerate(self.rows.get(person, [])) if self.faces.ids[row] in chosen
        ]

    def elsewhere(self, person: int, decision: Decision | None) -> list[str]:
        """Returns the ids of a decision that are not among the candidates.

        Args:
            person: its number.
            decision: of an annotator, None without.
        """
        listed = {self.faces.ids[row] for row in self.rows.get(person, [])}
        return [name for name in _ids(decision) if name not in listed]

    def segment_of(self, row: int) -> str:
        """Returns the segment of a face, in words, "" where it is not known.

        Args:
            row: of the face.
        """
        return self._word(row, "segment")

    def modality_of(self, row: int) -> str:
        """Returns the kind of light of a face, in words, "" where it is not known.

        Args:
            row: of the face.
        """
        return self._word(row, "modality")

    def _word(self, row: int, name: str) -> str:
        if self.faces.candidates is None and self.faces.clips is not None:
            return str(self.faces.clips.names[name][row])
        return str(self.cell(row, name) or "")

    def of(self, person: int) -> list[Candidate]:
        """Returns the candidates of a person.

        Args:
            person: its number.
        """
        if person not in self._of_person:
            self._of_person[person] = self._made(person)
            while len(self._of_person) > _REMEMBERED:
                self._of_person.popitem(last=False)
        return self._of_person[person]

    def _ranking(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Higher is better: the score where there is one, else the likeness, else their order."""
        score = self.faces.score[rows]
        if np.isfinite(score).any():
            return np.nan_to_num(score, nan=-np.inf)
        if self.faces.vectors:
            like = self._alike(rows)[self.faces.vectors[0].name]
            return np.nan_to_num(like, nan=-np.inf)
        return np.zeros(len(rows))

    def _made(self, person: int) -> list[Candidate]:
        everyone = self.faces.rows_of_person[person]
        place = {row: k for k, row in enumerate(everyone.tolist())}
        alike = self._alike(everyone)
        torn = conflicts(list(alike.values())) if len(alike) > 1 else np.zeros(len(everyone), bool)
        return [
            Candidate(
                row,
                _number(self.cell(row, "judge")),
                self.segment_of(row),
                self.modality_of(row),
                self._criteria(row),
                {name: _number(values[place[row]]) for name, values in alike.items()},
                bool(torn[place[row]]),
                _number(self.faces.score[row]),
            )
            for row in self.rows[person]
        ]

    def _alike(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Recognizer -> likeness of each of a person's rows to those of other segments."""
        clips = self.faces.clips
        code = np.arange(len(rows))
        if clips is not None:
            # a face of no segment is one of its own
            code = np.where(clips.segment[rows] < 0, -1 - code, clips.segment[rows])
        return {v.name: likeness_to_rest(v.unit(rows), segments=code) for v in self.faces.vectors}

    def cell(self, row: int, name: str) -> Any:
        """Returns a cell of the table of candidates, None where there is none.

        Args:
            row: of the face.
            name: of the column.
        """
        table = self.faces.candidates
        if table is None or name not in table.columns or row not in self.table_row:
            return None
        return table[name][self.table_row[row]]

    def _criteria(self, row: int) -> list[Criterion]:
        source = self.faces.sources[row]
        try:
            face: Faces | None = aligned_face(source, read_source(source))
        except ReadError:
            face = None
        if face is None:
            return []
        factors = measure(face)
        return criteria(
            {name: float(values[0]) for name, values in factors.quality.items()},
            {name: float(values[0]) for name, values in factors.measures.items()},
        )


def _ids(decision: Decision | None) -> list[str]:
    return [] if decision is None or decision.value is None else decision.value["ids"]


def _number(value: Any) -> float | None:
    if value is None:
        return None
    return None if math.isnan(value) else float(value)


@dataclass(frozen=True)
class Agreement:
    """How well two annotators agree.

    Attributes:
        first, second: their names.
        both: people on whom both have decided.
        same: on whom they have decided alike.
        kappa: Cohen's; None where it cannot be told.
        apart: numbers of the people on whom they differ.
    """

    first: str
    second: str
    both: int
    same: int
    kappa: float | None
    apart: list[int]


def agreement(proposals: Proposals, store: Store, first: str, second: str) -> Agreement:
    """Returns how well two annotators agree, over the people on whom both have decided.

    What is compared is which of a person's images was chosen, by its place among the candidates;
    an image that is no candidate (any more) is an answer of its own.

    Args:
        proposals: the candidates.
        store: with their choices.
        first: the one.
        second: the other.
    """
    faces = proposals.faces
    one, two = (store.current("template", scope=name) for name in (first, second))
    both = sorted(person for person in one.keys() & two.keys() if person in faces.person_of)
    answers = [
        (_answer(proposals, person, one[person]), _answer(proposals, person, two[person]))
        for person in both
    ]
    kappa: float | None = None
    try:
        kappa = cohen_kappa(*zip(*answers, strict=True)) if answers else None
    except EvidenceError:
        kappa = None  # both always chose the same place: chance alone would agree too
    apart = [
        faces.person_of[p] for p in both if set(one[p].value["ids"]) != set(two[p].value["ids"])
    ]
    return Agreement(first, second, len(both), len(both) - len(apart), kappa, apart)


def _answer(proposals: Proposals, name: str, decision: Decision) -> tuple[str, ...]:
    person = proposals.faces.person_of[name]
    places = [str(place) for place in proposals.places(person, decision)]
    return (*places, *sorted(proposals.elsewhere(person, decision)))


def exported(proposals: Proposals, choices: Mapping[str, Decision]) -> pl.DataFrame:
    """Returns the table that fiqa label dmsfiqa --templates reads: every candidate, chosen 1 or 0,
    with who chose it and when. A chosen image that is no candidate any more comes after them.

    Args:
        proposals: the candidates.
        choices: person -> the annotator's decision.
    """
    faces, lines = proposals.faces, []
    for person in proposals.people:
        name = faces.people[person]
        decision = choices.get(name)
        ids = set(_ids(decision))
        others = [faces.row_of.get(name) for name in proposals.elsewhere(person, decision)]
        rows = [*proposals.rows[person], *(row for row in others if row is not None)]
        for rank, row in enumerate(rows, 1):
            lines.append(
                {
                    "identity": encode_text(name),
                    "rank": rank,
                    "id": encode_text(faces.ids[row]),
                    "judge": _number(proposals.cell(row, "judge")),
                    "chosen": int(faces.ids[row] in ids),
                    "segment": proposals.segment_of(row),
                    "modality": proposals.modality_of(row),
                    "annotator": "" if decision is None else decision.annotator,
                    "at": "" if decision is None else decision.at,
                }
            )
    kinds = {"rank": pl.Int64, "judge": pl.Float64, "chosen": pl.Int64}
    names = ("identity", "rank", "id", "judge", "chosen", "segment", "modality", "annotator", "at")
    table = pl.DataFrame(lines, schema={name: kinds.get(name, pl.String) for name in names})
    return table if proposals.segmented else table.drop("segment", "modality")
