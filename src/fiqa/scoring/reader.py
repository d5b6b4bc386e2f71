"""One picture after another, in memory: what is loaded once and then answers in milliseconds."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa.checks import choice
from fiqa.data.images import Limits
from fiqa.data.memory import Content, checked, refuse_color
from fiqa.errors import InputError, ReadError
from fiqa.faces.crops import ALIGNED_SIZE, Source, joined
from fiqa.runtime.onnx import OnnxScorer
from fiqa.scoring.chances import curves_of
from fiqa.scoring.explanation import Explain, by_method, explained, reasons, unexplained
from fiqa.scoring.row import Row
from fiqa.scoring.rows import FaceScoring
from fiqa.scoring.run import scoring_of
from fiqa.types import Face, Faces, PathLike, Why
from fiqa.vocabulary import STATUSES

if TYPE_CHECKING:
    from fiqa.evaluation.match_chance import MatchChance

__all__ = ["FaceReader"]

Found = list[tuple[Row, Faces | None]]
_log = logging.getLogger(__name__)


class FaceReader:
    """Finds, aligns and scores the faces of one picture after another; everything is loaded once.

    The numbers are those of fiqa.score for the same file. One reader may be used by any number of
    threads: each call runs in the thread that makes it. A reader can be copied, pickled and used
    after a fork.

    Args:
        model: a method's name, or the path of an .onnx file with its card; None is the default.
        recognizer: for a method that asks one: the path of its file.
        settings: of the method, by name; fiqa.methods.settings_of lists them.
        detector: auto, yunet, dlib, or none: the pictures are aligned crops.
        faces: which faces of a picture count: largest, all, or one (more than one is a failure).
        explain: whether a Face can say why. True or "model": by the method's own factors;
            "measures": by the analytic measures; "both": by the method, with all measures beside
            its own; False: not, and a photograph that seems to lie is not looked at from its other
            sides.
        weights: path of the detector's model file.
        limits: what a picture may cost.
        orientation: as in fiqa.score.
        language: of the advice of a Face: en, de, zh or es.
        calibration: a file that fiqa.calibrate wrote for the scores of this model: a Face has a
            `match_chance`.

    Raises:
        UnknownNameError, InputError: as fiqa.score.
        ReadError: the calibration cannot be read.
        DetectorError, WeightsError, MissingExtraError: what is asked for cannot be used here.
    """

    def __init__(
        self,
        *,
        model: str | None = None,
        recognizer: str | None = None,
        settings: Mapping[str, Any] | None = None,
        detector: str = "auto",
        faces: str = "largest",
        explain: Explain = True,
        weights: str | None = None,
        limits: Limits | None = None,
        orientation: str = "exif",
        language: str = "en",
        calibration: PathLike | None = None,
    ) -> None:
        how = scoring_of(
            model=model,
            recognizer=recognizer,
            settings=settings,
            detector=detector,
            faces=faces,
            explain=explain,
            weights=weights,
            limits=limits,
            orientation=orientation,
            language=language,
        )
        self._open(how, None if calibration is None else curves_of(calibration))

    def _open(self, how: FaceScoring, chance: MatchChance | None) -> None:
        self._chance = chance
        self._asked, self._explain = how, how.explain
        # Reasons are made when a face is asked for them; one thread is the caller's own.
        self._how = replace(how, explain="", threads=1, told=bool(how.explain))
        self._how([])
        self._scorer = self._how.scorer
        if chance is not None:
            chance.check(self._scorer.name)
        self._lock, self._process = threading.Lock(), os.getpid()
        nobody = Faces(np.empty((0, ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8))
        if by_method(self._explain) and self._scorer.explain(nobody) is None:
            _log.warning("%s", unexplained(self._scorer.name))

    def read(
        self,
        image: PathLike | Content,
        *,
        strict: bool = True,
        color: str | None = None,
        regime: str | None = None,
    ) -> list[Face]:
        """Returns the faces of a picture that count, largest first, at least one.

        Args:
            image: a path, the bytes of a file, a picture of Pillow, or (H,W,3) uint8.
            strict: a picture that cannot be read, or has no face that can be scored, is an error;
                otherwise it is one Face without numbers, whose `status` says why.
            color: of an array, which must say it: RGB, or BGR as OpenCV has it.
            regime: of the picture: whose curve of the calibration counts. Without it, a calibration
                that has a curve for each regime gives no chance.

        Raises:
            InputError, ShapeError, UnknownNameError: no picture, an array without its color, or a
                regime without a curve.
            ReadError: with `strict`: `.status` is what the Face's would have been.
        """
        source = self._source(image, color)
        if regime is not None:
            self._check_regime(regime)
        rows = self._strict(source) if strict else self._lenient(source)
        return [self._face(row, face, regime) for row, face in rows]

    def _check_regime(self, regime: str) -> None:
        if self._chance is None or self._chance.by is None:
            raise InputError(
                f"regime must come with a calibration that has a curve for each, got {regime!r}.",
                hint="fiqa calibrate --by COLUMN makes one",
            )
        choice(regime, "regime", self._chance.cells)

    def _chance_of(self, raw: float | None, regime: str | None) -> float | None:
        if self._chance is None or raw is None or (self._chance.by is not None and regime is None):
            return None
        return float(self._chance.chance([raw], regime or "")[0])

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Returns the calibrated scores (N,) of aligned crops, 0..1, from one batch.

        Args:
            crops: (N,112,112,3) uint8 RGB, as Face.crop has them.

        Raises:
            ShapeError: no such crops.
        """
        with self._turn():
            raw = self._scorer.score(crops)
        return self._scorer.calibration.unit(np.asarray(raw, np.float64))

    def _strict(self, source: Source) -> Found:
        found = self._how.found(source)
        rows, faces = [row for row, _ in found], [face for _, face in found if face is not None]
        if faces:
            with self._turn():
                numbers = self._how.numbers(self._scorer, joined(faces))
            for row, filled in zip(rows, numbers, strict=True):
                row.update(filled)
        _refuse(source, rows)
        return found

    def _lenient(self, source: Source) -> Found:
        found = self._how.tried(source)
        faces = [face for _, face in found if face is not None]
        if faces:
            with self._turn():
                self._how.fill(self._scorer, [row for row, _ in found], faces)
        return found

    def _source(self, image: PathLike | Content, color: str | None) -> Source:
        if isinstance(image, (str, os.PathLike)):
            refuse_color(color)
            return Source("", os.fspath(image))
        content = checked(image, color)
        if self._how.aligned and isinstance(content, np.ndarray):
            # The crop is the array itself, and the caller may write the next frame into it.
            content = content.copy()
        return Source("", "", content=content, color=color)

    def _turn(self) -> AbstractContextManager[object]:
        """One thread at a time, where the method is not known to bear several."""
        if isinstance(self._scorer, OnnxScorer):
            return nullcontext()
        if self._process != os.getpid():
            # Another thread of the parent may have held it at the fork, and is not here to let go.
            self._lock, self._process = threading.Lock(), os.getpid()
        return self._lock

    def _face(self, row: Row, faces: Faces | None, regime: str | None) -> Face:
        if faces is None or row["status"] != "ok":
            return Face(row["status"], name=row["path"], language=self._how.language)
        box, points = row["bbox"], row["landmarks"]
        return Face(
            raw=row["raw"],
            score=row["score"],
            uqs=row["uqs"],
            level=row["level"],
            match_chance=self._chance_of(row["raw"], regime),
            index=row["face_index"],
            box=None if box is None else np.array(box, np.float32),
            landmarks=None if points is None else np.array(points, np.float32).reshape(5, 2),
            crop=faces.crops[0],
            name=row["path"],
            model=row["model"],
            language=self._how.language,
            why=partial(self._why, faces),
        )

    def _why(self, faces: Faces) -> Why:
        with self._turn():
            told = reasons(
                explained(self._scorer, self._explain, faces), 0, faces, self._how.language
            )
        if not told:
            return Why()
        return Why(tuple(told["reasons"] or ()), told["factors"], told["measures"])

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._asked, self._chance)

    def __repr__(self) -> str:
        finder = "aligned crops" if self._how.aligned else f"{self._how.finder.name} finds"
        return f"<FaceReader: {finder}, {self._scorer.name} scores>"


def _reopened(how: FaceScoring, chance: MatchChance | None) -> FaceReader:
    """A copy opens its own: native objects do not travel."""
    reader = FaceReader.__new__(FaceReader)
    reader._open(how, chance)
    return reader


def _refuse(source: Source, rows: list[Row]) -> None:
    status = next((row["status"] for row in rows if row["status"] != "ok"), "ok")
    if status != "ok":
        raise ReadError(
            f"{source.path or 'The picture'} must show a face that can be scored: {status}."
            f" {STATUSES[status]}",
            status=status,
            hint="strict=False gives a Face with this status",
        )
