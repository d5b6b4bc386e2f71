"""What the processes of a service run: finding faces in bytes that nobody vouches for, and scoring
the crops that came of it.

The two never share a process: what decodes a stranger's bytes holds no model and no other image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.faces.crops import Source, alike, joined
from fiqa.faces.detection import POLICIES
from fiqa.scoring.row import EmbeddedRow, Row
from fiqa.scoring.rows import FaceScoring
from fiqa.service.confinement import confine
from fiqa.types import Faces, Recognizer

__all__ = ["Assessor", "Finder", "Found", "Picture", "Work"]


@dataclass(frozen=True)
class Picture:
    """One image as it came.

    Attributes:
        data: its bytes.
        faces: which of its faces count, one of fiqa.faces.detection.POLICIES.
        told: whether it is looked at from its other sides too, for the note that it seems to lie.
    """

    data: bytes = field(repr=False)
    faces: str = "largest"
    told: bool = False


@dataclass(frozen=True)
class Found:
    """The faces of one image, or one row that says why there is none.

    Attributes:
        rows: as fiqa.scoring.rows.blank_row, without numbers.
        faces: of each row that is ok.
    """

    rows: list[Row]
    faces: list[Faces] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Work:
    """Faces that wait for numbers.

    Attributes:
        kind: score, explain, embed, or about for what is loaded.
        rows: their rows.
        faces: one to a row.
    """

    kind: str
    rows: list[Row] = field(default_factory=list)
    faces: list[Faces] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Finder:
    """Finds faces in bytes; `finder([])` loads the detector and shuts the process in.

    Attributes:
        scoring: how faces are found.
        memory: bytes that may be taken beyond what is there when all is loaded.
    """

    scoring: FaceScoring
    memory: int

    @cached_property
    def _ways(self) -> dict[tuple[str, bool], FaceScoring]:
        """One for each way to look at a picture, all with one detector."""
        every = {
            (policy, told): replace(self.scoring, faces=policy, told=told)
            for policy in POLICIES
            for told in (True, False)
        }
        for scoring in every.values():
            scoring.__dict__["finder"] = self.scoring.finder
        return every

    def __call__(self, pictures: Sequence[Picture]) -> list[Found]:
        """Returns what was found in each picture.

        Args:
            pictures: any; none is the call that loads.
        """
        if not pictures:
            self._ways["largest", False].finder.detect(drawn_faces(1).crops[0])
            confine(self.memory)
        return [self._find(picture) for picture in pictures]

    def _find(self, picture: Picture) -> Found:
        source = Source("image", "image", content=picture.data)
        pairs = self._ways[picture.faces, picture.told].tried(source)
        return Found([row for row, _ in pairs], [face for _, face in pairs if face is not None])


@dataclass(frozen=True)
class Assessor:
    """Scores faces and computes their vectors; `assessor([])` loads the models.

    Attributes:
        scoring: how faces are scored.
        recognizer: its file, None where there is none.
    """

    scoring: FaceScoring
    recognizer: str | None = None

    @cached_property
    def _embedder(self) -> Recognizer | None:
        from fiqa.runtime.recognizers import named_recognizer

        return None if self.recognizer is None else named_recognizer(self.recognizer)

    @cached_property
    def _by_kind(self) -> dict[str, FaceScoring]:
        """One that explains and one that does not, with one model."""
        kinds = {"score": replace(self.scoring, explain="")}
        kinds["explain"] = replace(self.scoring, explain=self.scoring.explain or "model")
        for scoring in kinds.values():
            scoring.__dict__["scorer"] = self.scoring.scorer
        return kinds

    def __call__(self, works: Sequence[Work]) -> list[Any]:
        """Returns the rows of each work with their numbers; its vectors where these were asked for.

        What has one kind goes through the model together.

        Args:
            works: any; none is the call that loads.
        """
        if not works:
            self._warm()
        answers: list[Any] = [work.rows for work in works]
        for kind in dict.fromkeys(work.kind for work in works):
            places = [i for i, work in enumerate(works) if work.kind == kind]
            if kind == "about":
                answers = [self._about() if i in places else a for i, a in enumerate(answers)]
                continue
            rows = [row for i in places for row in works[i].rows]
            faces = [face for i in places for face in works[i].faces]
            self._fill(kind, rows, faces)
        return answers

    def _fill(self, kind: str, rows: list[Row], faces: list[Faces]) -> None:
        for part in alike(faces):
            chosen = [rows[i] for i in part]
            if kind == "embed":
                self._embed(chosen, joined([faces[i] for i in part]))
            else:
                scoring = self._by_kind[kind]
                scoring.fill(scoring.scorer, chosen, [faces[i] for i in part])

    def _embed(self, rows: list[Row], faces: Faces) -> None:
        if self._embedder is None:
            raise TypeError("the vectors of a service without a recognizer")
        for row, vector in zip(rows, self._embedder.embed(faces.crops), strict=True):
            length = float(np.linalg.norm(vector.astype(np.float64)))
            if not np.isfinite(length) or length == 0:
                row["status"] = "invalid_embedding"
            else:
                embedded = cast("EmbeddedRow", row)
                embedded["norm"], embedded["vector"] = length, (vector / length).tolist()

    def _warm(self) -> None:
        faces = drawn_faces(1)
        for scoring in self._by_kind.values():
            scoring.numbers(scoring.scorer, faces)
        if self._embedder is not None:
            self._embedder.embed(faces.crops)

    def _about(self) -> dict[str, Any]:
        """What is loaded, in words."""
        scorer, embedder = self.scoring.scorer, self._embedder
        return {
            "scorer": {
                "name": scorer.name,
                "version": scorer.version,
                "sha256": scorer.sha256,
                "preprocess": scorer.preprocess,
            },
            "recognizer": None
            if embedder is None
            else {"name": embedder.name, "version": str(getattr(embedder, "version", ""))},
        }
