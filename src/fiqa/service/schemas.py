"""What the service takes and answers, as OpenAPI describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from fiqa.languages import advice
from fiqa.meanings import meaning
from fiqa.scoring.row import EmbeddedRow, Row
from fiqa.service.review import verdict

if TYPE_CHECKING:
    from fiqa.service.jobs import Job

__all__ = [
    "EmbedQuery",
    "EmbedResponse",
    "EmbeddedFace",
    "EmbeddedImage",
    "FaceResult",
    "ImageResult",
    "JobResponse",
    "Loaded",
    "ModelsResponse",
    "ScoreQuery",
    "ScoreResponse",
    "SelectQuery",
    "State",
    "embedded_image",
    "job_response",
    "scored_image",
]


class EmbedQuery(BaseModel):
    """The options of /v1/embed."""

    model_config = ConfigDict(extra="forbid")
    faces: Literal["largest", "all", "one"] = Field(
        "largest", description="which faces of an image count; with one, more is a failure"
    )
    language: Literal["en", "de", "zh", "es"] = Field("en", description="of advice and meanings")


class ScoreQuery(EmbedQuery):
    """The options of /v1/score."""

    explain: bool = Field(
        False,
        description="add factors, measures, reasons and advice; a strict review does it always",
    )
    min_score: float | None = Field(
        None, ge=0, le=1, description="the least score, in 0..1, instead of the review's own"
    )
    review: Literal["off", "standard", "strict"] | None = Field(
        None, description="accept or refuse each image; the default is the service's own"
    )


class SelectQuery(BaseModel):
    """The options of /v1/select."""

    model_config = ConfigDict(extra="forbid")
    k: int = Field(3, ge=1, le=20, description="best shots of a track")
    gap: float = Field(
        1.0, ge=0, le=3600, description="seconds from which two best shots are fully apart"
    )
    language: Literal["en", "de", "zh", "es"] = Field("en", description="of advice and meanings")
    crops: bool = Field(False, description="give the best shots as PNG in base64 too")


class Place(BaseModel):
    """A face of an image and where it is."""

    status: str = Field(description="ok, or why this face has no numbers")
    box: list[float] | None = Field(description="x, y, width, height in upright pixels")
    landmarks: list[list[float]] | None = Field(
        description="left eye, right eye, nose, left and right mouth corner, image-left first"
    )


class FaceResult(Place):
    """One face with its score."""

    score: float | None = Field(description="quality in 0..1, higher is better")
    uqs: int | None = Field(description="the same as an integer in 0..100")
    level: str | None = Field(description="the same in a word")
    raw: float | None = Field(description="the method's own number")
    reasons: list[str] = Field(description="what is wrong, the costliest first; see explain")
    advice: list[str] = Field(description="what to do about each reason")
    factors: dict[str, float | None] | None = Field(description="qualities in 0..1")
    measures: dict[str, float | None] | None = Field(description="in units")


class EmbeddedFace(Place):
    """One face with its vector."""

    vector: list[float] | None = Field(description="of length 1")
    norm: float | None = Field(description="the length that it had")


class _Image(BaseModel):
    index: int = Field(description="which image of the request, from 0")
    status: str = Field(description="ok, or why there is no number")
    meaning: str = Field(description="the status in a sentence")


class ImageResult(_Image):
    """One image with its faces and its review."""

    notes: list[str] = Field(description="what was converted or guessed while reading it")
    faces: list[FaceResult]
    accepted: bool | None = Field(description="null without a review")
    review_reasons: list[str] = Field(description="why it was not accepted")


class EmbeddedImage(_Image):
    """One image with the vectors of its faces."""

    faces: list[EmbeddedFace]


class ScoreResponse(BaseModel):
    """A result for every image of a request, in order."""

    request_id: str
    model: str = Field(description="the method that scored")
    review: str = Field(description="off, standard or strict")
    language: str = Field(description="of advice and meanings")
    images: list[ImageResult]


class EmbedResponse(BaseModel):
    """Vectors for every image of a request, in order."""

    request_id: str
    recognizer: str
    images: list[EmbeddedImage]


class Loaded(BaseModel):
    """A model that is loaded."""

    name: str
    version: str
    sha256: str | None = None
    preprocess: str | None = None


class ModelsResponse(BaseModel):
    """What is loaded."""

    scorer: Loaded
    recognizer: Loaded | None
    detector: str


class Shot(BaseModel):
    """One chosen frame of a face."""

    model_config = ConfigDict(allow_inf_nan=False)
    frame: int = Field(description="its number in the video, from 0")
    time: float = Field(description="seconds")
    score: float = Field(description="quality in 0..1, higher is better")
    raw: float = Field(description="the method's own number")
    reasons: list[str] = Field(description="what is wrong, the costliest first")
    advice: list[str] = Field(description="what to do about each reason")
    box: list[float] = Field(description="x, y, width, height in pixels of the frame")
    landmarks: list[list[float]] = Field(description="five points")
    crop: str | None = Field(description="the aligned face, PNG in base64, where asked for")


class Followed(BaseModel):
    """One face over time."""

    model_config = ConfigDict(allow_inf_nan=False)
    id: str = Field(description="which face of the video")
    start: float = Field(description="seconds")
    end: float = Field(description="seconds")
    frames: int = Field(description="in how many it was seen")
    regime: str = Field(description="rgb or nir")
    person: int | None = Field(
        description="number of the person in the video, from 1; null without a recognizer"
    )
    flags: list[str] = Field(description="what there is to know of it")
    best: list[Shot] = Field(description="the best first")


class JobResponse(BaseModel):
    """A video and what became of it."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    frames_done: int = Field(description="frames that were looked at")
    frames_total: int = Field(description="0 where the file does not say")
    status: str | None = Field(description="ok, or why nothing could be had of it")
    meaning: str | None = Field(description="the status in a sentence")
    tracks: list[Followed] = Field(description="the faces, where the job is done")


class State(BaseModel):
    """How the service is."""

    status: Literal["ok", "starting", "failed"]


def scored_image(
    index: int, rows: list[Row], *, review: str, min_score: float | None, language: str = "en"
) -> ImageResult:
    """Returns the result of one image.

    Args:
        index: of the image in its request.
        rows: of its faces, or one that says why there is none.
        review, min_score: as fiqa.service.review.verdict.
        language: of advice and meanings.
    """
    faces = [_scored(row, language) for row in rows if _shows(row)]
    status = _status(rows)
    good = [{"score": f.score, "reasons": f.reasons} for f in faces if f.status == "ok"]
    accepted, reasons = verdict(review, status, good, min_score=min_score)
    notes = str(rows[0]["notes"] or "")
    return ImageResult(
        index=index,
        status=status,
        meaning=meaning(status, language),
        notes=notes.split(";") if notes else [],
        faces=faces,
        accepted=accepted,
        review_reasons=reasons,
    )


def embedded_image(index: int, rows: list[Row], language: str = "en") -> EmbeddedImage:
    """Returns the vectors of one image.

    Args:
        index: of the image in its request.
        rows: of its faces, or one that says why there is none.
        language: of the meaning.
    """
    embedded = [cast("EmbeddedRow", row) for row in rows if _shows(row)]
    faces = [
        EmbeddedFace(**_place(row), vector=row.get("vector"), norm=row.get("norm"))
        for row in embedded
    ]
    status = _status(rows)
    told = meaning(status, language)
    return EmbeddedImage(index=index, status=status, meaning=told, faces=faces)


def job_response(job: Job) -> JobResponse:
    """Returns what is told of a job.

    Args:
        job: one whose result is not gone.
    """
    step = job.step
    return JobResponse(
        id=job.id,
        state=cast("Any", job.state),
        frames_done=step.done,
        frames_total=step.total,
        status=step.status or None,
        meaning=meaning(step.status, job.asked.language) if step.status else None,
        tracks=[Followed(**track) for track in from_json(job.tracks or "[]")],
    )


def _shows(row: Row) -> bool:
    """Whether a row is a face, not the reason why there is none."""
    return bool(row["status"] == "ok" or row["bbox"] is not None)


def _status(rows: list[Row]) -> str:
    """Of an image: ok where one of its faces is, else that of its first row."""
    return "ok" if any(row["status"] == "ok" for row in rows) else str(rows[0]["status"])


def _place(row: Row) -> dict[str, Any]:
    points = row["landmarks"]
    pairs = None if points is None else [points[i : i + 2] for i in range(0, len(points), 2)]
    return {"status": row["status"], "box": row["bbox"], "landmarks": pairs}


def _scored(row: Row, language: str) -> FaceResult:
    reasons: list[str] = list(row["reasons"] or ())
    return FaceResult(
        **_place(row),
        score=row["score"],
        uqs=row["uqs"],
        level=row["level"],
        raw=row["raw"],
        factors=row["factors"],
        measures=row["measures"],
        reasons=reasons,
        advice=list(advice(reasons, language)),
    )
