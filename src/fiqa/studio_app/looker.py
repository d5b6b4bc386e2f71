"""What the page Look tells of a photograph: its face, its score, why, where, and what would raise
it."""

from __future__ import annotations

import base64
import io
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import Limits
from fiqa.faces.what_if import improved, sensitivity
from fiqa.languages import phrase, reason_name
from fiqa.report.heat import heat_picture
from fiqa.scoring.reader import FaceReader
from fiqa.types import Face
from fiqa.vocabulary import ADVICE, FACTORS, STATUSES

__all__ = ["FRAMES_PER_SECOND", "Looker"]

FRAMES_PER_SECOND = 8
"""At most so many frames of cameras are looked at, of all browsers together."""


class Looker:
    """Looks at photographs and frames, one after another; nothing is kept of them.

    Args:
        model: as in fiqa.score.
        limits: what a photograph may cost.
    """

    def __init__(self, model: str | None, limits: Limits) -> None:
        self._model, self._limits = model, limits
        self._reader: FaceReader | None = None
        self._opening, self._frames = threading.Lock(), threading.Lock()
        self._next = 0.0

    def photograph(self, content: bytes) -> dict[str, Any]:
        """Returns what there is to say of the largest face of a photograph, and how many others
        there are.

        Args:
            content: the file.

        Raises:
            DetectorError, MissingExtraError, WeightsError: nothing can be scored here.
        """
        faces = self._open().read(content, strict=False)
        told = _told(faces[0]) | {"others": len(faces) - 1}
        crop = faces[0].crop
        if crop is None:
            return told
        reader = self._open()
        heat = sensitivity(crop, reader.scores)
        changed = improved(crop)
        scores = np.round(100 * reader.scores(np.stack([crop, *changed.values()])))
        better = sorted(
            ((words, int(score), int(score - scores[0]))
             for words, score in zip(changed, scores[1:], strict=True) if score > scores[0]),
            key=lambda entry: -entry[1],
        )  # fmt: skip
        return told | {
            "crop": _encoded(crop, "jpeg"),
            "heat": _encoded(heat_picture(crop, heat), "png"),
            "needed": max(0, round(100 * float(heat.max()))),
            "hurts": max(0, round(-100 * float(heat.min()))),
            "better": [{"what": w, "score": s, "change": c} for w, s, c in better],
        }

    def frame(self, content: bytes) -> dict[str, Any] | None:
        """Returns what to do about a frame of a camera; None where it came too early.

        Args:
            content: the file.

        Raises:
            DetectorError, MissingExtraError, WeightsError: nothing can be scored here.
        """
        if not self._frames.acquire(blocking=False):
            return None
        try:
            now = time.monotonic()
            if now < self._next:
                return None
            self._next = now + 1 / FRAMES_PER_SECOND
            face = self._open().read(content, strict=False)[0]
            box = None if face.box is None else [round(float(v), 1) for v in face.box]
            return _told(face) | {"box": box}
        finally:
            self._frames.release()

    def _open(self) -> FaceReader:
        """The reader, made at the first look: a studio without looks needs no detector."""
        with self._opening:
            if self._reader is None:
                # a model of the user's own may have no reasons, and the measures always do
                self._reader = FaceReader(
                    faces="all",
                    model=self._model,
                    explain=True if self._model is None else "measures",
                    limits=self._limits,
                )
            return self._reader


def _told(face: Face) -> dict[str, Any]:
    if face.uqs is None:
        return {"status": face.status, "sentence": STATUSES.get(face.status, "")}
    factors = {
        phrase(name) if name in FACTORS else name: None if v is None else round(v, 3)
        for name, v in (face.factors or {}).items()
    }
    reasons = [{"words": reason_name(code), "advice": ADVICE[code]} for code in face.reasons]
    return {
        "status": "ok", "score": face.uqs, "level": face.level, "model": face.model,
        "reasons": reasons, "factors": factors,
    }  # fmt: skip


def _encoded(pixels: NDArray[np.uint8], form: str) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
