"""From image files to rows of scores, one batch of images at a time; what every worker process of `score` runs.

A row never ends the run: what cannot be read, found, aligned or scored becomes a row with a status and no numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.images import Image, Limits, read_image
from fiqa.errors import ReadError
from fiqa.functional.calibration import levels, unit_score
from fiqa.types import Faces, Factors, FloatArray, Manifest, Scorer
from fiqa.vocabulary import LEVELS

__all__ = [
    "ALIGNED_SIZE",
    "SMALLEST_CROP",
    "FaceScoring",
    "Row",
    "Source",
    "aligned_face",
    "alike",
    "blank_row",
    "joined",
    "resized",
    "sources",
]

Row = dict[str, Any]
ALIGNED_SIZE = 112
"""Side of an aligned crop, pixels."""
SMALLEST_CROP = 26
"""The shortest side of an aligned crop that is scored: its eyes are then 8 pixels apart (fiqa.faces.detect.MIN_EYE_DISTANCE)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One image to score: a row of a manifest. `landmarks` (ten crop coordinates), `eye_distance` (source pixels) and `inside` (share of the crop that came
    from the frame) where it lists crops that know them."""

    id: str
    path: str
    identity: str = ""
    split: str = ""
    status: str = "ok"
    landmarks: tuple[float, ...] | None = None
    eye_distance: float | None = None
    inside: float | None = None


def sources(manifest: Manifest) -> Iterator[Source]:
    """Yields the rows of a manifest as they will be scored."""
    landmarks, eyes, inside = (manifest.columns.get(name) for name in ("landmarks", "eye_distance", "inside"))
    for i in range(len(manifest)):
        known = None if landmarks is None or landmarks[i] is None else tuple(map(float, landmarks[i]))
        yield Source(
            str(manifest.id[i]),
            str(manifest.path[i]),
            str(manifest.identity[i]),
            str(manifest.split[i]),
            str(manifest.status[i]),
            known,
            None if eyes is None else float(eyes[i]),
            None if inside is None else float(inside[i]),
        )


def blank_row(source: Source, status: str) -> Row:
    """Returns the row of an image that has no numbers (yet): every column of the table of scores, in order."""
    return {
        "id": source.id,
        "path": source.path,
        "face_index": 0,
        "sha256": None,
        "status": status,
        "reasons": None,
        "raw": None,
        "score": None,
        "uqs": None,
        "level": None,
        "factors": None,
        "measures": None,
        "bbox": None,
        "landmarks": None,
        "identity": source.identity or None,
        "track": None,
        "frame": None,
        "split": source.split or None,
        "model": None,
        "model_sha256": None,
        "preprocess": None,
    }


@dataclass(frozen=True)
class FaceScoring:
    """How faces are scored: `score(images)` as an object that every process can load its own detector and scorer from.

    Fields: `model` name or path, None the default; `aligned` whether the images are crops; `detector`, `weights` and `faces` as in fiqa.score; `explain`
    whether factors and reasons are wanted; `limits` of reading; `recognizer` the file of the method's recognizer, None where it asks none; `settings` of the
    method, name and value.
    """

    model: str | None
    aligned: bool
    detector: str
    faces: str
    explain: bool
    weights: str | None
    limits: Limits
    recognizer: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        from fiqa.faces.detect import NAMES, POLICIES

        checks.choice(self.detector, "detector", NAMES)
        checks.choice(self.faces, "faces", POLICIES)

    def __getstate__(self) -> dict[str, Any]:
        """The settings without what was loaded: native objects do not travel to another process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def scorer(self) -> Scorer:
        """The method, loaded when first used."""
        from fiqa.methods import load

        given = (
            dict(self.settings) if self.recognizer is None else {"recognizer": self.recognizer, **dict(self.settings)}
        )
        return load(self.model, **given)

    @cached_property
    def finder(self) -> Any:
        """The detector, loaded when first used."""
        from fiqa.faces.detect import detector

        return detector(self.detector, weights=self.weights)

    def __call__(self, batch: Sequence[Source]) -> list[list[Row]]:
        """Returns the rows of each image, at least one each; `[]` loads what is needed and returns `[]`."""
        scorer = self.scorer
        if not self.aligned:
            _ = self.finder
        found = [self._find(source) for source in batch]
        good = [(row, face) for rows in found for row, face in rows if face is not None]
        for part in alike([face for _, face in good]):
            self._fill(scorer, [good[i][0] for i in part], [good[i][1] for i in part])
        return [[row for row, _ in rows] for rows in found]

    def _find(self, source: Source) -> list[tuple[Row, Faces | None]]:
        """Returns the faces of one image with their rows, or one row that says why there is none."""
        if source.status != "ok":
            return [(blank_row(source, source.status), None)]
        try:
            image = read_image(source.path, limits=self.limits)
            return self._crop(source, image) if self.aligned else self._detect(source, image)
        except ReadError as error:
            return [(blank_row(source, error.status), None)]
        except Exception:  # noqa: BLE001 - whatever one image does to a decoder or detector, the others are still scored
            _log.warning("%r failed", source.path, exc_info=True)
            return [(blank_row(source, "failed"), None)]

    def _crop(self, source: Source, image: Image) -> list[tuple[Row, Faces | None]]:
        face = aligned_face(source, image)
        row = blank_row(source, "wrong_size" if face is None else "ok") | {"sha256": image.sha256}
        if face is not None:
            row |= _frame(image) | {"landmarks": source.landmarks and list(source.landmarks)}
        return [(row, face)]

    def _detect(self, source: Source, image: Image) -> list[tuple[Row, Faces | None]]:
        from fiqa.faces.align import faces_from
        from fiqa.faces.detect import choose

        chosen, status = choose(self.finder.detect(image.pixels), self.faces)
        blank = blank_row(source, status) | {"sha256": image.sha256} | _frame(image)
        if status != "ok":
            return [(blank, None)]
        faces = faces_from(image, chosen)
        return [
            (
                blank
                | {
                    "id": source.id if i == 0 else f"{source.id}#{i}",
                    "face_index": i,
                    "bbox": detection.box.tolist(),
                    "landmarks": detection.landmarks.ravel().tolist(),
                },
                faces.take(slice(i, i + 1)),
            )
            for i, detection in enumerate(chosen)
        ]

    def _fill(self, scorer: Scorer, rows: list[Row], faces: list[Faces]) -> None:
        """Writes the numbers of all faces into their rows; face by face where the batch fails, so that only the culprit is lost."""
        try:
            numbers = self._numbers(scorer, joined(faces))
        except Exception:  # noqa: BLE001 - as in _find
            if len(rows) > 1:
                for row, face in zip(rows, faces, strict=True):
                    self._fill(scorer, [row], [face])
                return
            _log.warning("%r failed", rows[0]["path"], exc_info=True)
            numbers = [{"status": "failed"}]
        for row, filled in zip(rows, numbers, strict=True):
            row.update(filled)

    def _numbers(self, scorer: Scorer, faces: Faces) -> list[Row]:
        raw = scorer.score(faces)
        finite = np.isfinite(raw)
        known = np.where(finite, raw, 0.0).astype(np.float32)
        uqs = scorer.unified(known)
        level = levels(uqs, scorer.level_cuts)
        share = unit_score(known, x0=scorer.calibration[0], w=scorer.calibration[1]).astype(np.float32)
        why = scorer.explain(faces) if self.explain else None
        sha = scorer.version if len(scorer.version) == 64 else None
        told = {"model": scorer.name, "model_sha256": sha, "preprocess": scorer.preprocess}
        return [
            {
                "raw": float(raw[i]),
                "score": float(share[i]),
                "uqs": int(uqs[i]),
                "level": LEVELS[level[i]],
                **_reasons(why, i),
                **told,
            }
            if finite[i]
            else {"status": "failed"}
            for i in range(len(faces))
        ]


def _frame(image: Image) -> Row:
    """Flags a file of several frames or pages: its first one, number 0, was read."""
    return {"frame": 0} if image.frames > 1 else {}


def _reasons(why: Factors | None, i: int) -> Row:
    """The factors, measures and reasons of face `i`; what cannot be measured is null."""
    if why is None:
        return {}
    return {"reasons": list(why.reasons[i]), "factors": _known(why.quality, i), "measures": _known(why.measures, i)}


def _known(columns: Mapping[str, FloatArray], i: int) -> Row | None:
    values = {name: float(column[i]) for name, column in columns.items()}
    return {name: value if np.isfinite(value) else None for name, value in values.items()} or None


def aligned_face(source: Source, image: Image) -> Faces | None:
    """Returns an image that is an aligned crop, at 112x112 and with what its manifest knows of it; None when it is not square or under SMALLEST_CROP."""
    height, width = image.pixels.shape[:2]
    if height != width or width < SMALLEST_CROP:
        return None
    known: dict[str, Any] = {"grey": np.array([image.grey])}
    if source.landmarks is not None:
        known["landmarks"] = np.asarray(source.landmarks, np.float32).reshape(1, 5, 2) * (ALIGNED_SIZE / width)
    if source.eye_distance is not None:
        known["eye_distance"] = np.array([source.eye_distance], np.float32)
    if source.inside == 1.0:  # with less, which pixels are outside is read from the constant fill
        known["inside"] = np.ones((1, ALIGNED_SIZE, ALIGNED_SIZE), bool)
    return Faces(resized(image.pixels)[None], **known)


def resized(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a square crop (S,S,3) at 112 x 112: averaged when it shrinks, bilinear when it grows, as it is when it fits."""
    import cv2

    if len(pixels) == ALIGNED_SIZE:
        return pixels
    method = cv2.INTER_AREA if len(pixels) > ALIGNED_SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (ALIGNED_SIZE, ALIGNED_SIZE), interpolation=method), np.uint8)


def alike(faces: Sequence[Faces]) -> list[list[int]]:
    """Returns the places of the faces that may be joined: those whose frame's mask is known, and those where it is not (which are measured otherwise).

    >>> one = Faces(np.zeros((1, 112, 112, 3), np.uint8))
    >>> alike([one, Faces(one.crops, inside=np.ones((1, 112, 112), bool)), one])
    [[0, 2], [1]]
    """
    unknown = [face.inside is None for face in faces]
    parts = [[i for i, value in enumerate(unknown) if value is wanted] for wanted in (True, False)]
    return [part for part in parts if part]


def joined(faces: Sequence[Faces]) -> Faces:
    """Returns one Faces of many that are `alike`; landmarks and eye distances that only some have are NaN for the others."""
    whole: dict[str, Any] = {}
    for field in fields(Faces):
        values = [getattr(face, field.name) for face in faces]
        shape = next((value.shape[1:] for value in values if value is not None), None)
        if shape is not None:
            whole[field.name] = np.concatenate(
                [np.full((len(f), *shape), np.nan) if v is None else v for f, v in zip(faces, values, strict=True)]
            )
    return Faces(**whole)
