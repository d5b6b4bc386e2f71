"""`select`: the best shots of every face in videos, cameras, and folders of frames."""

from __future__ import annotations

from pathlib import Path

from fiqa.data.video import VideoLimits
from fiqa.faces.detection import Detector
from fiqa.progress import Progress, teller
from fiqa.streams.clips import Sources
from fiqa.streams.folder import write_selection
from fiqa.streams.pages import read_tracks
from fiqa.streams.run import plan
from fiqa.types import PathLike, Recognizer, Scorer, Track

__all__ = ["select"]


def select(
    video: Sources,
    *,
    k: int = 3,
    detect_every: int = 3,
    embed_every: int = 10,
    recognizer: PathLike | Recognizer | None = None,
    threshold: float | None = None,
    regime: str = "auto",
    floor: tuple[float, float] = (0.5, 0.4),
    gap: float = 1.0,
    max_tracks: int = 16,
    realtime: bool = False,
    language: str = "en",
    model: str | Scorer | None = None,
    detector: str | Detector = "auto",
    weights: str | None = None,
    backend: str = "auto",
    limits: VideoLimits | None = None,
    rate: float = 30.0,
    calibration: PathLike | None = None,
    out: PathLike | None = None,
    force: bool = False,
    progress: Progress = False,
) -> list[Track]:
    """Returns the tracks of every face with their best shots, clip by clip.

    A camera is read until it gives no more frames; fiqa.Stream takes frames one by one.

    Args:
        video: a video, a camera (its number, or "camera:0"), a folder of videos or of frames, a
            list file (.txt) of either; or several of these.
        k: best shots of a track, at least 1.
        detect_every: faces are looked for in every so manieth frame; between, boxes go on with
            constant velocity.
        embed_every: a face is compared with its track's at least every so many frames.
        recognizer: dlib, an .onnx file with its card, a name in FIQA_HOME, or any object with
            `name` and `embed(crops)`. None: tracks hold by the overlap of boxes alone and have
            the flag identity_unverified.
        threshold: the cosine from which two faces are of one person; None is the recognizer's own
            at a false match rate of 1e-3, from its card.
        regime: auto, rgb or nir; auto takes frames without color for nir.
        floor: (on, off) quality at which a track comes to be above the floor, and below which it
            falls again, 0..1. Where nothing is above it the one best frame is the best shot, and
            the track has the flag below_floor.
        gap: seconds from which two best shots are fully apart.
        max_tracks: tracks that are open or may be resumed at once.
        realtime: leave out detections where the work falls behind the clock.
        language: of the advice of best shots and of the page's reasons: en, de, zh or es.
        model: a quality method's name, the path of an .onnx file with its card, or a scorer.
        detector: auto, yunet or dlib, or any object with `name` and `detect(image)`, whose points
            are taken as they are; fiqa.faces.points.RefiningDetector(it) looks at them again.
        weights: path of the detector's model file.
        backend: auto and opencv: OpenCV reads videos; pyav: PyAV, which goes on behind damage.
        limits: what a video may cost.
        rate: frames a second of images, which have no times.
        calibration: a file that fiqa.calibrate wrote for the scores of this model, for all images
            or by the column `regime`: frames.parquet of `out` has the column `match_chance`, the
            chance of a correct match; null where the regime has no curve.
        out: write tracks.parquet, frames.parquet (a manifest of the best shots), events.csv, best/,
            templates.npz and index.html into this folder, its sidecar beside it; a rerun of the
            same does nothing, an interrupted one goes on at the clip where it was. A camera is
            recorded anew each time.
        force: do it again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        UnknownNameError: no such method, detector, regime, backend or language.
        InputError: a number out of range, no video at all, a recognizer whose threshold nobody
            tells, a calibration of another model or by another column, or without `out`.
        DetectorError, WeightsError, MissingExtraError: what is asked for cannot be used here.
        ReadError: a list cannot be read (a video that cannot is a row).
        WriteError: the disk refused.
    """
    run = plan(
        video,
        k=k,
        detect_every=detect_every,
        embed_every=embed_every,
        recognizer=recognizer,
        threshold=threshold,
        regime=regime,
        floor=floor,
        gap=gap,
        max_tracks=max_tracks,
        realtime=realtime,
        language=language,
        model=model,
        detector=detector,
        weights=weights,
        backend=backend,
        limits=limits,
        rate=rate,
        calibration=calibration,
    )
    told = teller(progress)
    if out is None:
        run.refuse_calibration()
        return [track for clip in run.clips for track in run.play(clip, told).tracks]
    write_selection(run, out, force=force, told=told)
    return read_tracks(Path(out))
