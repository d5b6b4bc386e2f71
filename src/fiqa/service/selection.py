"""What the process of a job runs: the best shots of one video, with its progress asked for."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fiqa.data.video import VideoLimits
from fiqa.errors import FiqaError, ReadError
from fiqa.service.confinement import confine
from fiqa.types import BestShot, Track

__all__ = ["Asked", "Selection", "Step"]

_PAUSE = 0.2
"""Seconds after which the process tells how far it is."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of a video.

    Attributes:
        path: of its file.
        k, gap, language: as in fiqa.select.
        crops: whether the best shots are given as pictures too.
    """

    path: str
    k: int = 3
    gap: float = 1.0
    language: str = "en"
    crops: bool = False


@dataclass(frozen=True)
class Step:
    """How far it is.

    Attributes:
        done, total: frames; total is 0 where the file does not say.
        status: "" while it works, then ok, or why nothing could be read.
        tracks: of the whole video, as /v1/jobs/{id} gives them.
    """

    done: int = 0
    total: int = 0
    status: str = ""
    tracks: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Selection:
    """`selection([])` loads and shuts the process in; `[Asked]` begins a video, `[None]` tells how
    far it is.

    Attributes:
        model, detector, weights: as in fiqa.select.
        limits: of a video.
        memory: bytes that may be taken beyond what is there when all is loaded.
        recognizer: its file; a face that comes back is then known, where its card says at which
            cosine two faces are one person's. None: tracks have no person.
    """

    model: str | None
    detector: str
    weights: str | None
    limits: VideoLimits
    memory: int
    recognizer: str | None = None

    def __post_init__(self) -> None:
        self._engine: Any = None
        self._thread: threading.Thread | None = None
        self._step = Step()

    def __call__(self, items: Sequence[Asked | None]) -> list[Step]:
        """Returns how far each item is.

        Args:
            items: none, or one.
        """
        if not items:
            self._load()
            confine(self.memory)
            return []
        asked = items[0]
        if asked is not None:
            self._thread = threading.Thread(target=self._select, args=(asked,), daemon=True)
            self._thread.start()
        if self._thread is not None:
            self._thread.join(_PAUSE)
        return [self._step]

    def _load(self) -> None:
        from fiqa.diagnosis.drawn_faces import drawn_faces
        from fiqa.runtime.onnx import OnnxEmbedder
        from fiqa.runtime.weights import find
        from fiqa.streams.engine import Engine

        known = None if self.recognizer is None else OnnxEmbedder(find(self.recognizer))
        if known is not None and known.match_threshold is None:
            known = None  # nobody knows when two of its vectors are one person's
        self._engine = Engine.of(self.model, self.detector, self.weights, known, None, "en")
        drawn = drawn_faces(1)
        self._engine.detector.detect(drawn.crops[0])
        self._engine.scorer.assess(drawn)
        if known is not None:
            known.embed(drawn.crops)

    def _select(self, asked: Asked) -> None:
        from fiqa.streams.run import plan

        def told(_: str, done: int, total: int) -> None:
            self._step = Step(done, total)

        try:
            run = plan(
                asked.path,
                k=asked.k,
                gap=asked.gap,
                language=asked.language,
                model=self._engine.scorer,
                detector=self._engine.detector,
                recognizer=self._engine.recognizer,
                limits=self.limits,
            )
            result = run.play(run.clips[0], told)
        except ReadError as error:
            self._step = Step(self._step.done, self._step.total, error.status)
        except (FiqaError, MemoryError, OSError, ValueError, ArithmeticError, RuntimeError):
            # whatever a stranger's video does is told by its status, never by a message
            self._step = Step(self._step.done, self._step.total, "failed")
        else:
            tracks = [_plain(track, asked.crops) for track in result.tracks]
            self._step = Step(result.frames, result.frames, result.status, tracks)


def _plain(track: Track, crops: bool) -> dict[str, Any]:
    return {
        "id": track.id.rpartition("-")[2],
        "start": track.start,
        "end": track.end,
        "frames": len(track),
        "regime": track.regime,
        "person": track.person,
        "flags": list(track.flags),
        "best": [_shot(shot, crops) for shot in track.best],
    }


def _shot(shot: BestShot, crops: bool) -> dict[str, Any]:
    return {
        "frame": shot.frame,
        "time": shot.time,
        "score": shot.quality,
        "raw": shot.raw,
        "reasons": list(shot.reasons),
        "advice": list(shot.advice),
        "box": [float(value) for value in shot.box],
        "landmarks": shot.landmarks.tolist(),
        "crop": _png(shot) if crops else None,
    }


def _png(shot: BestShot) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(shot.crop).save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
