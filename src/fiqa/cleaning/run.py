"""A run of cleaning: planned, made, written, found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fiqa.cleaning.findings import Findings
from fiqa.cleaning.limits import CleanLimits
from fiqa.cleaning.look import Looking, Seen, unseen
from fiqa.cleaning.pairs import PAIRS, pair_findings, splits_of
from fiqa.cleaning.people import leaking_people, people_findings
from fiqa.cleaning.singles import SINGLE, single_findings
from fiqa.data.embeddings import read_embeddings
from fiqa.data.frames import Frame
from fiqa.data.names import Match, find_ids, strangers
from fiqa.data.store import hash_rows
from fiqa.errors import InputError
from fiqa.evaluation.request import input_digests
from fiqa.execute.local import map_batches
from fiqa.faces.crops import Source, resizing, sources
from fiqa.progress import Told, counted
from fiqa.scoring.run import Scoring
from fiqa.types import Embeddings, Manifest, PathLike
from fiqa.vocabulary import ISSUES

__all__ = ["Cleaning", "Vectors"]

Vectors = Embeddings | PathLike | Frame | None
_PEOPLE = ("wrong_person", "two_names")
_UNCLEAR = ("no_face", "too_small", "blurred", "dark")
"""Issues with which an image is not asked who is on it."""


@dataclass(frozen=True, eq=False)
class Cleaning:
    """A run that is decided and not begun.

    Attributes:
        scoring: which images, and how their faces are found and scored.
        embeddings: of the images, None without.
        match: how the ids of the embeddings find those of the images.
        limits: from where something counts as wrong.
    """

    scoring: Scoring
    embeddings: Vectors
    match: Match
    limits: CleanLimits

    @property
    def manifest(self) -> Manifest:
        """The images."""
        return cast("Manifest", self.scoring.manifest)

    def record(self) -> dict[str, Any]:
        """Returns what decides the findings, for the sidecar."""
        record = self.scoring.record()
        record["verb"] = "clean"
        record["arguments"] |= {"match": self.match} | asdict(self.limits)
        facts = zip(self.manifest.identity.tolist(), self.manifest.split.tolist(), strict=True)
        record["inputs"]["people and splits"] = hash_rows(facts)
        if self.embeddings is not None:
            record["inputs"] |= input_digests([], [self.embeddings])
        return record

    def make(self, told: Told) -> Findings:
        """Returns what is wrong.

        Args:
            told: hears of each image.

        Raises: as fiqa.clean.
        """
        vectors = self._vectors()
        items = list(sources(self.manifest))
        seen = self._seen(items, told)
        split, origin = splits_of(self.manifest)
        aligned = self.scoring.how.aligned
        found = list(single_findings(items, seen, aligned=aligned, limits=self.limits))
        unclear = {finding.id for finding in found if finding.issue in _UNCLEAR}
        found += pair_findings(self.manifest, seen, vectors, split, self.limits)
        asked = self._asked(vectors, unclear)
        if len(asked) and vectors is not None:
            found += people_findings(self.manifest.take(asked), vectors[asked], self.limits)
        found += leaking_people(self.manifest, split)
        looked, skipped = self._looked(seen, vectors, asked, split)
        notes = [*self._notes(vectors, origin), *_sizes(seen)]
        return Findings(found, self.manifest, looked, skipped, notes)

    def _seen(self, items: Sequence[Source], told: Told) -> list[Seen]:
        looking = Looking(self.scoring.how)
        made = map_batches(looking, items, died=unseen, workers=self.scoring.workers)
        with closing(made):
            return list(counted(made, told, "look", len(items)))

    def _vectors(self) -> NDArray[np.float32] | None:
        """(N,D) of unit length, zeros for an image without."""
        if self.embeddings is None:
            return None
        given = self.embeddings
        read = given if isinstance(given, Embeddings) else read_embeddings(given)
        place = find_ids(read.id.tolist(), self.manifest.id.tolist(), match=self.match)
        here = np.flatnonzero(place >= 0)
        if not len(here):
            told = strangers(read.id, self.manifest.id, what="embeddings", match=self.match)
            raise InputError(f"embeddings must have vectors of these images, none fits: {told}.")
        table = np.zeros((len(self.manifest), read.vector.shape[1]), np.float32)
        table[place[here]] = read.vector[here]
        return table

    def _asked(self, vectors: NDArray[np.float32] | None, unclear: set[str]) -> NDArray[np.int64]:
        """The images whose person can be asked for: the vector of an unclear face says little."""
        if vectors is None:
            return np.empty(0, np.int64)
        clear = np.array([name not in unclear for name in self.manifest.id.tolist()], bool)
        return np.flatnonzero(vectors.any(axis=1) & (self.manifest.identity != "") & clear)

    def _looked(
        self,
        seen: Sequence[Seen],
        vectors: NDArray[np.float32] | None,
        asked: NDArray[np.int64],
        split: NDArray[np.str_],
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Returns issue -> images that were asked, and issue -> why it was not looked for."""
        readable = sum(bool(shown.width) for shown in seen)
        looked = dict.fromkeys((*SINGLE, *PAIRS), readable) | {"unreadable": len(seen)}
        skipped = {}
        if self.scoring.how.aligned:
            skipped["several_people"] = (
                "crops show one face each; without --aligned photographs are looked at"
            )
        people = len(set(self.manifest.identity[asked].tolist()))
        why = (
            "no embeddings were given (fiqa embed makes them)"
            if vectors is None
            else "no names are known" if not np.any(self.manifest.identity != "")
            else f"it takes two people with vectors, there are {people}" if people < 2
            else ""
        )  # fmt: skip
        for issue in _PEOPLE:
            if why:
                skipped[issue] = why
            else:
                looked[issue] = len(asked)
        no_splits = "no splits are known: no column split, and no folders train, val or test"
        for issue in ("leak_image", "leak_person"):
            if not np.any(split != ""):
                skipped[issue] = no_splits
            else:
                looked[issue] = int(np.count_nonzero(split != ""))
        kept = {issue: looked[issue] for issue in ISSUES if issue in looked}
        return {k: n for k, n in kept.items() if k not in skipped}, skipped

    def _notes(self, vectors: NDArray[np.float32] | None, origin: str) -> list[str]:
        notes = []
        if vectors is None:
            notes.append("Near duplicates were looked for by their hash alone: no embeddings.")
        else:
            without = int(np.count_nonzero(~vectors.any(axis=1)))
            if without:
                notes.append(f"{without:,} of {len(vectors):,} images have no vector.")
            notes.append(
                "Who is who was asked of clear pictures alone: the vector of a blurred, dark or"
                " tiny face says little."
            )
        if origin:
            notes.append(f"Splits are from {origin}.")
        if self.manifest.identity_from:
            notes.append(f"Names are from {self.manifest.identity_from}.")
        return notes


def _sizes(seen: Sequence[Seen]) -> list[str]:
    """What a reader must know of crops that were resized."""
    notes = Counter(row["notes"] for shown in seen for row in shown.rows if row["notes"])
    sentence = resizing(notes)
    return [sentence] if sentence else []
