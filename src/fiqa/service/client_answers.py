"""Images that the service answered for, as its client sees them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

__all__ = ["EmbeddedFace", "EmbeddedImage", "ScoredFace", "ScoredImage", "image_of"]

Image = TypeVar("Image", "ScoredImage", "EmbeddedImage")


@dataclass(frozen=True)
class ScoredFace:
    """One face.

    Attributes:
        status: ok, or why it has no numbers.
        score: in 0..1, higher is better; None where it has none, as the next ones.
        uqs: the same in 0..100.
        level: the same in a word.
        raw: the method's own number.
        reasons, advice: what is wrong and what to do, where it was asked to explain.
        factors, measures: in 0..1, and in units; None where it was not.
        box: x, y, width, height in upright pixels.
        landmarks: five points.
    """

    status: str
    score: float | None
    uqs: int | None
    level: str | None
    raw: float | None
    reasons: list[str]
    advice: list[str]
    factors: dict[str, float | None] | None
    measures: dict[str, float | None] | None
    box: list[float] | None
    landmarks: list[list[float]] | None


@dataclass(frozen=True)
class ScoredImage:
    """One image.

    Attributes:
        index: which of the request.
        status: ok, or why there is no number.
        meaning: that in a sentence.
        notes: what was converted or guessed while reading it.
        faces: that were found.
        accepted: by the review; None without one.
        review_reasons: why not.
    """

    index: int
    status: str
    meaning: str
    notes: list[str]
    faces: list[ScoredFace]
    accepted: bool | None
    review_reasons: list[str]


@dataclass(frozen=True)
class EmbeddedFace:
    """One face and its vector.

    Attributes:
        status: ok, or why it has none.
        vector: of length 1; None where it has none.
        norm: the length that it had.
        box: x, y, width, height in upright pixels.
        landmarks: five points.
    """

    status: str
    vector: list[float] | None
    norm: float | None
    box: list[float] | None
    landmarks: list[list[float]] | None


@dataclass(frozen=True)
class EmbeddedImage:
    """One image and the vectors of its faces.

    Attributes:
        index: which of the request.
        status: ok, or why there is no vector.
        meaning: that in a sentence.
        faces: that were found.
    """

    index: int
    status: str
    meaning: str
    faces: list[EmbeddedFace]


def image_of(image: type[Image], face: type[Any], told: dict[str, Any]) -> Image:
    """Returns the image that an answer tells; what a later version adds is left out.

    Args:
        image: what it is.
        face: what each of its faces is.
        told: its JSON.
    """
    own = {field.name: told[field.name] for field in fields(image)}
    names = [field.name for field in fields(face)]
    own["faces"] = [face(**{name: each[name] for name in names}) for each in told["faces"]]
    return image(**own)
