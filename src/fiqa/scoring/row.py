"""The columns of the table of scores."""

from __future__ import annotations

from typing import Any, TypedDict

__all__ = ["EmbeddedRow", "Row"]


class Row(TypedDict, total=False):
    """A row of the table of scores, or a part of one: a face, or an image without one.

    A whole row has every column, None where something is not known.

    Attributes:
        id: of the face.
        path: as it was given or found.
        face_index: which face of the file, 0 for the first.
        sha256: of the file.
        status: of fiqa.vocabulary.STATUSES.
        reasons: codes of fiqa.vocabulary, the costliest first; None where none were asked for.
        advice: what to do about each, in the language that the sidecar names; None likewise.
        raw: the method's own number, higher is better.
        score: the calibrated one in 0..1.
        uqs: in 0..100.
        level: in words.
        factors: in 0..1, None each where it cannot be measured.
        measures: in units, likewise.
        bbox: x, y, width, height in pixels of the upright image.
        landmarks: ten numbers, likewise.
        detector: that found the face, None for crops.
        turn: degrees clockwise by which the photograph was turned beyond its EXIF, None for crops.
        notes: what was converted or guessed, `;` between codes of fiqa.vocabulary.NOTES.
        identity: of the manifest.
        track: of the manifest.
        frame: of the manifest, else which frame of the file was read.
        split: of the manifest.
        model: what computed it.
        model_sha256: of its file, None for a method without one.
        preprocess: what became of the crop.
        match_chance: that a pair of images of one person matches in which this is the lesser one;
            a row has it only where a calibration is given.
    """

    id: str
    path: str
    face_index: int
    sha256: str | None
    status: str
    reasons: list[str] | None
    advice: list[str] | None
    raw: float | None
    score: float | None
    uqs: int | None
    level: str | None
    factors: dict[str, float | None] | None
    measures: dict[str, float | None] | None
    bbox: list[float] | None
    landmarks: list[float] | None
    detector: str | None
    turn: int | None
    notes: str | None
    identity: str | None
    track: Any
    frame: Any
    split: str | None
    model: str | None
    model_sha256: str | None
    preprocess: str | None
    match_chance: float | None


class EmbeddedRow(Row, total=False):
    """A row with a recognizer's vector.

    Attributes:
        vector: of unit length.
        norm: its length before.
    """

    vector: list[float]
    norm: float
