"""What looks at the faces of a frame: detector, quality model and recognizer, loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.faces.align import Aligned, align
from fiqa.faces.detection import Detection, Detector, choose
from fiqa.functional.similarity import normalize
from fiqa.languages import advice
from fiqa.types import BestShot, Faces, FloatArray, PathLike, Recognizer, Scorer

__all__ = ["Engine", "Found"]


@dataclass(eq=False)
class Found:
    """A face in a frame.

    Attributes:
        detection: where it is.
        aligned: its crop.
        raw: the method's own number, NaN before it is scored and where that failed.
        quality: calibrated, 0..1.
        reasons: reason codes, the costliest first.
        advice: what to do about each, in words.
        vector: (D,) of unit length, None before it is asked for.
    """

    detection: Detection
    aligned: Aligned
    raw: float = float("nan")
    quality: float = float("nan")
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    vector: FloatArray | None = None

    @property
    def box(self) -> NDArray[np.float64]:
        """(4,) x, y, width, height in pixels of the frame."""
        return self.detection.box.astype(np.float64)

    @property
    def scored(self) -> bool:
        """Whether it has a number."""
        return bool(np.isfinite(self.raw))

    @property
    def known_vector(self) -> FloatArray:
        """The vector, which was asked for before. Raises InputError where it was not."""
        if self.vector is None:
            raise InputError("A face must be embedded before its vector is used.")
        return self.vector

    def shot(self, frame: int, time: float) -> BestShot:
        """Returns what the face would be as a best shot.

        Args:
            frame: number of the frame.
            time: seconds.
        """
        points = self.detection.landmarks.astype(np.float64)
        return BestShot(
            frame,
            time,
            self.quality,
            self.raw,
            self.box,
            points,
            self.aligned.crop,
            self.reasons,
            advice=self.advice,
        )

    def numbers(self) -> dict[str, Any]:
        """Returns its columns in the table of frames."""
        columns: dict[str, Any] = {"landmarks": self.detection.landmarks.ravel().tolist()}
        if self.scored:
            columns |= {
                "quality": self.quality,
                "raw": self.raw,
                "reasons": list(self.reasons),
                "advice": list(self.advice),
            }
        return columns


@dataclass(frozen=True, eq=False)
class Engine:
    """Detector, quality model and recognizer.

    Attributes:
        scorer: the quality model.
        detector: finds faces.
        recognizer: None where there is none.
        threshold: the cosine from which two faces are of one person, None without a recognizer.
        language: of the advice.
    """

    scorer: Scorer
    detector: Detector
    recognizer: Recognizer | None = None
    threshold: float | None = None
    language: str = "en"

    @classmethod
    def of(
        cls,
        model: str | Scorer | None,
        detector: str | Detector,
        weights: str | None,
        recognizer: PathLike | Recognizer | None,
        threshold: float | None,
        language: str,
    ) -> Engine:
        """Returns an engine, everything loaded; see fiqa.Stream.

        Args:
            model: a name, a path or a scorer.
            detector: a name or a detector.
            weights: of the detector.
            recognizer: a path, a name or a recognizer.
            threshold: None is the recognizer's own.
            language: of the advice.
        """
        from fiqa.faces.detectors import detector as opened
        from fiqa.methods import load

        finder = opened(detector, weights=weights) if isinstance(detector, str) else detector
        scorer = model if isinstance(model, Scorer) else load(model)
        known = _recognizer(recognizer)
        if known is None:
            if threshold is not None:
                raise InputError(f"threshold must come with a recognizer, got {threshold} alone.")
            return cls(scorer, finder, language=language)
        own = getattr(known, "match_threshold", None) if threshold is None else threshold
        if own is None:
            raise InputError(
                f"The recognizer {known.name} must say at which cosine its false match rate is"
                " 1e-3; its card has no match_threshold.",
                hint=(
                    "fiqa weights card --match-threshold writes it into the card; fiqa threshold"
                    " prints it for your data; or give threshold="
                ),
            )
        cosine = checks.in_range(float(own), "threshold", -1.0, 1.0)
        return cls(scorer, finder, known, cosine, language)

    def find(self, image: NDArray[np.uint8]) -> list[Found]:
        """Returns the faces of a frame, the largest first.

        Args:
            image: (H,W,3) uint8 RGB, upright.
        """
        detections, _ = choose(self.detector.detect(image), "all")
        return [Found(face, align(image, face.landmarks)) for face in detections]

    def score(self, faces: Sequence[Found], *, grey: bool) -> None:
        """Writes the numbers of faces into them; what has no finite number stays NaN.

        Args:
            faces: of one frame.
            grey: whether the frame has no color.
        """
        if not faces:
            return
        raw, why = self.scorer.assess(_faces(faces, grey))
        finite = np.isfinite(raw)
        share = self.scorer.calibration.unit(np.where(finite, raw, 0.0).astype(np.float64))
        for i, face in enumerate(faces):
            if finite[i]:
                face.raw, face.quality = float(raw[i]), float(share[i])
                face.reasons = tuple(why.reasons[i]) if why is not None else ()
                face.advice = advice(face.reasons, self.language)

    def embed(self, faces: Sequence[Found]) -> None:
        """Writes the vectors of faces into them, where they are not there yet.

        Args:
            faces: of one frame.
        """
        missing = [face for face in faces if face.vector is None]
        if missing:
            for face, vector in zip(
                missing, self.vectors([face.aligned.crop for face in missing]), strict=True
            ):
                face.vector = vector

    def vectors(self, crops: Sequence[NDArray[np.uint8]]) -> FloatArray:
        """Returns the vectors of crops, (N,D) of unit length.

        Args:
            crops: N of (112,112,3).

        Raises:
            InputError: there is no recognizer, or a vector is NaN or of length zero.
        """
        if self.recognizer is None:
            raise InputError("Vectors must come from a recognizer, and there is none.")
        return normalize(self.recognizer.embed(np.stack(crops)), "the recognizer's vectors")


def _recognizer(given: PathLike | Recognizer | None) -> Recognizer | None:
    if given is None or isinstance(given, Recognizer):
        return given
    from fiqa.runtime.recognizers import named_recognizer

    return named_recognizer(given)


def _faces(faces: Sequence[Found], grey: bool) -> Faces:
    """The crops with what their alignment knew."""
    points = [
        face.aligned.landmarks
        if face.detection.points == "measured"
        else np.full((5, 2), np.nan, np.float32)
        for face in faces
    ]
    return Faces(
        np.stack([face.aligned.crop for face in faces]),
        landmarks=np.stack(points),
        inside=np.stack([face.aligned.inside for face in faces]),
        eye_distance=np.array([face.aligned.eye_distance for face in faces], np.float32),
        grey=np.full(len(faces), grey),
        roll=np.array([face.aligned.roll for face in faces], np.float32),
    )
