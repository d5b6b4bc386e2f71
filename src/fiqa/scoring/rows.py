"""From image files to rows of scores, one batch of images at a time; what every worker process of
`score` runs.

A row never ends the run: what cannot be read, found, aligned or scored becomes a row with a status
and no numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from fiqa import checks
from fiqa.data.images import Image, Limits
from fiqa.errors import ContentShapeError, ReadError
from fiqa.faces.crops import (
    Source,
    aligned_face,
    alike,
    joined,
    note_of_size,
    read_source,
)
from fiqa.faces.notes import note_of_points
from fiqa.faces.points import points_record, points_version
from fiqa.failures import failed
from fiqa.functional.calibration import levels
from fiqa.languages import known_language
from fiqa.scoring.explanation import assessed, reasons
from fiqa.scoring.row import Row
from fiqa.stages import stage
from fiqa.types import Faces, Scorer
from fiqa.vocabulary import LEVELS

__all__ = [
    "FaceScoring",
    "blank_row",
    "scales",
]


def blank_row(source: Source, status: str) -> Row:
    """Returns the row of an image that has no numbers (yet): every column, in order."""
    return {
        "id": source.id,
        "path": source.path,
        "face_index": 0,
        "sha256": None,
        "status": status,
        "reasons": None,
        "advice": None,
        "raw": None,
        "score": None,
        "uqs": None,
        "level": None,
        "factors": None,
        "measures": None,
        "bbox": None,
        "landmarks": None,
        "detector": None,
        "turn": None,
        "notes": None,
        "identity": source.identity or None,
        "track": None,
        "frame": None,
        "split": source.split or None,
        "model": None,
        "model_sha256": None,
        "preprocess": None,
    }


def scales(scorer: Scorer) -> dict[str, Any]:
    """Returns what the sidecar of a table says of its columns of numbers: which scale each is on.

    `of` is "model" for the model's own scale and "calibration" for one that was laid over it;
    `range` its ends, None where it is open or not known; `labels` the spread of the labels that the
    model learned, on its own scale brought to 0..1, where its card has it.
    """
    ends = scorer.raw_range
    raw: dict[str, Any] = {"of": "model", "range": None if ends is None else list(ends)}
    if scorer.label_spread is not None:
        raw["labels"] = asdict(scorer.label_spread)
    calibrated = {"score": [0.0, 1.0], "uqs": [0.0, 100.0]}
    return {"raw": raw} | {
        name: {"of": "calibration", "range": ends} for name, ends in calibrated.items()
    }


@dataclass(frozen=True)
class FaceScoring:
    """How faces are scored: `score(images)` as an object that every process can load its own
    detector and scorer from.

    Attributes:
        model: name or path, None the default.
        aligned: whether the images are crops.
        detector, weights and faces: as in fiqa.score.
        explain: "" where no factors and reasons are wanted, else who gives them, one of EXPLAINERS.
        limits: of reading.
        recognizer: the file of the method's recognizer, None where it asks none.
        settings: of the method, name and value.
        orientation: as in fiqa.score.
        threads: of a network's pass, None as fiqa.runtime.onnx.open_session decides.
        told: as in fiqa.faces.turns.view.
        language: of the advice, one of fiqa.languages.LANGUAGES.
    """

    model: str | None
    aligned: bool
    detector: str
    faces: str
    explain: str
    weights: str | None
    limits: Limits
    recognizer: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    orientation: str = "exif"
    threads: int | None = None
    told: bool = True
    language: str = "en"

    def __post_init__(self) -> None:
        from fiqa.faces.detection import POLICIES
        from fiqa.faces.detectors import NAMES
        from fiqa.faces.turns import ORIENTATIONS

        checks.choice(self.orientation, "orientation", ORIENTATIONS)
        checks.choice(self.detector, "detector", NAMES)
        checks.choice(self.faces, "faces", POLICIES)
        known_language(self.language)

    def __getstate__(self) -> dict[str, Any]:
        """The settings without what was loaded: native objects do not travel to another process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def scorer(self) -> Scorer:
        """The method, loaded when first used."""
        from fiqa.methods import load
        from fiqa.runtime.onnx import session_threads

        given = (
            dict(self.settings)
            if self.recognizer is None
            else {"recognizer": self.recognizer, **dict(self.settings)}
        )
        with session_threads(self.threads):
            return load(self.model, **given)

    @property
    def points(self) -> bool:
        """Whether aligned crops without landmarks get those that a network sees in them."""
        # the model is not opened for it: a process that finds faces has none
        from fiqa.methods import sees_points

        return self.aligned and (self.explain in ("measures", "both") or sees_points(self.model))

    def points_record(self) -> dict[str, str]:
        """Returns what a record says of the network whose points are used, nothing where none
        is."""
        if self.aligned:
            return {"points": points_version()} if self.points else {}
        return points_record(self.finder)

    @cached_property
    def finder(self) -> Any:
        """The detector, loaded when first used; whoever detects with it borrows it (`lent`)."""
        return self._opened()

    def _opened(self) -> Any:
        from fiqa.faces.detectors import detector

        return detector(self.detector, weights=self.weights)

    @cached_property
    def _idle(self) -> deque[Any]:
        return deque([self.finder])

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """Yields a detector that no other thread has: as many are opened as are in use at once."""
        try:
            finder = self._idle.pop()
        except IndexError:
            finder = self._opened()
        try:
            yield finder
        finally:
            self._idle.append(finder)

    def __call__(self, batch: Sequence[Source]) -> list[list[Row]]:
        """Returns the rows of each image, at least one each; `[]` loads what is needed and returns
        `[]`."""
        with stage("start"):
            scorer = self.scorer
            if not self.aligned:
                _ = self._idle
        found = [self.tried(source) for source in batch]
        good = [(row, face) for rows in found for row, face in rows if face is not None]
        for part in alike([face for _, face in good]):
            self.fill(scorer, [good[i][0] for i in part], [good[i][1] for i in part])
        return [[row for row, _ in rows] for rows in found]

    def tried(self, source: Source) -> list[tuple[Row, Faces | None]]:
        """Returns as `found`, and whatever one image does is a status of its row.

        Args:
            source: the image.
        """
        if source.status != "ok":
            return [(blank_row(source, source.status), None)]
        try:
            return self.found(source)
        except ReadError as error:
            return [(blank_row(source, error.status), None)]
        except Exception as error:  # noqa: BLE001 - whatever one image does to a decoder or detector, the others are still scored
            failed(source.path, error)
            return [(blank_row(source, "failed"), None)]

    def found(self, source: Source) -> list[tuple[Row, Faces | None]]:
        """Returns the faces of one image with their rows, as yet without numbers, or one row whose
        status says why there is none.

        Args:
            source: the image.

        Raises:
            ReadError: it cannot be read.
        """
        with stage("decode"):
            image = read_source(source, limits=self.limits)
        return self._crop(source, image) if self.aligned else self._detect(source, image)

    def _crop(self, source: Source, image: Image) -> list[tuple[Row, Faces | None]]:
        face = aligned_face(source, image, points=self.points)
        row = blank_row(source, "wrong_size" if face is None else "ok")
        row["sha256"] = image.sha256 or None
        if face is not None:
            row |= _about(image, note_of_size(image.pixels.shape[1]), note_of_points(face))
            row["landmarks"] = list(source.landmarks) if source.landmarks else None
        return [(row, face)]

    def _detect(self, source: Source, image: Image) -> list[tuple[Row, Faces | None]]:
        from fiqa.faces.align import faces_from
        from fiqa.faces.turns import view

        with self.lent() as finder, stage("detect"):
            seen = view(
                finder,
                image.pixels,
                policy=self.faces,
                orientation=self.orientation,
                told=self.told,
            )
        about: Row = {"sha256": image.sha256 or None, "detector": finder.name, "turn": seen.turn}
        blank = blank_row(source, seen.status) | about | _about(image, *seen.notes)
        if seen.status != "ok":
            return [(blank, None)]
        with stage("align"):
            faces = faces_from(image, seen.faces, tilt=seen.tilt, lying=seen.better != 0)
        return [
            (
                blank
                | {
                    "id": source.id if i == 0 else f"{source.id}#{i}",
                    "face_index": i,
                    "bbox": detection.box.tolist(),
                    "landmarks": detection.landmarks.ravel().tolist(),
                },
                faces if len(faces) == 1 else faces.take(slice(i, i + 1)),
            )
            for i, detection in enumerate(seen.faces)
        ]

    def fill(self, scorer: Scorer, rows: list[Row], faces: list[Faces]) -> None:
        """Writes the numbers of all faces into their rows; face by face where the batch fails, so
        that only the culprit is lost. A model whose output has a wrong shape is no fault of a face,
        and ends the run.

        Args:
            scorer: the method.
            rows: as `found` returns them.
            faces: one for each row.
        """
        try:
            numbers = self.numbers(scorer, joined(faces))
        except ContentShapeError:
            raise
        except Exception as error:  # noqa: BLE001 - as in tried
            if len(rows) > 1:
                for row, face in zip(rows, faces, strict=True):
                    self.fill(scorer, [row], [face])
                return
            failed(rows[0]["path"], error)
            rows[0]["status"] = "failed"
            return
        for row, filled in zip(rows, numbers, strict=True):
            row.update(filled)
            if "raw" not in filled:
                failed(row["path"], ArithmeticError("the score is not a finite number"))

    def numbers(self, scorer: Scorer, faces: Faces) -> list[Row]:
        """Returns what the rows of the faces have of numbers and, where they are asked for, of
        reasons; a score that is not finite is a status.

        Args:
            scorer: the method.
            faces: at least one.
        """
        raw, why = assessed(scorer, self.explain, faces)
        finite = np.isfinite(raw)
        number = np.where(finite, raw, 0.0).astype(np.float64)
        scale = scorer.calibration
        uqs, share = scale.unified(number), scale.unit(number)
        level = levels(uqs, scale.level_cuts)
        source: Row = {
            "model": scorer.name,
            "model_sha256": scorer.sha256,
            "preprocess": scorer.preprocess,
        }
        return [
            (
                {
                    "raw": float(raw[i]),
                    "score": float(share[i]),
                    "uqs": int(uqs[i]),
                    "level": LEVELS[level[i]],
                    **reasons(why, i, faces, self.language),
                    **source,
                }
                if finite[i]
                else {"status": "failed"}
            )
            for i in range(len(faces))
        ]


def _about(image: Image, *more: str) -> Row:
    """Flags a file of several frames or pages (its first one, number 0, was read) and what was
    converted or guessed on the way to its pixels."""
    notes = filter(None, (*image.notes, *more))
    return {"frame": 0 if image.frames > 1 else None, "notes": ";".join(notes) or None}
