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
from fiqa.scoring.reader import FaceReader
from fiqa.types import Face
from fiqa.vocabulary import ADVICE, STATUSES

__all__ = ["FRAMES_PER_SECOND", "Looker", "heat_picture"]

FRAMES_PER_SECOND = 8
"""At most so many frames of cameras are looked at, of all browsers together."""
_SHOWN = 336
_NEEDED, _HURTS = (194, 65, 12), (30, 92, 171)
_LEAST = 0.02
"""A change of the score, 0..1, under which a picture of changes stays gray."""


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
    factors = {k: None if v is None else round(v, 3) for k, v in (face.factors or {}).items()}
    reasons = [{"words": code.replace("_", " "), "advice": ADVICE[code]} for code in face.reasons]
    return {
        "status": "ok", "score": face.uqs, "level": face.level, "model": face.model,
        "reasons": reasons, "factors": factors,
    }  # fmt: skip


def heat_picture(crop: NDArray[np.uint8], heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Returns a crop in gray, (336,336,3), orange where the score needs what is there and blue
    where it is better without.

    Args:
        crop: (S,S,3) uint8 RGB.
        heat: (S,S) as fiqa.faces.what_if.sensitivity has it, of a score in 0..1.
    """
    import cv2

    size = (_SHOWN, _SHOWN)
    large = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    gray = (large @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    # the squares leave edges that mean nothing
    smooth = cv2.GaussianBlur(heat.astype(np.float32), (0, 0), len(heat) / 18)
    smooth = cv2.resize(smooth, size, interpolation=cv2.INTER_LINEAR)
    strength = smooth / max(float(np.abs(smooth).max()), _LEAST)
    color = np.where(
        strength[..., None] > 0, np.array(_NEEDED, np.float32), np.array(_HURTS, np.float32)
    )
    share = 0.75 * np.abs(strength)[..., None]
    return np.clip(gray * (1 - share) + color * share, 0, 255).astype(np.uint8)


def _encoded(pixels: NDArray[np.uint8], form: str) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
