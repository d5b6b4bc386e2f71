"""`fiqa select`: the typer spelling of fiqa.select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fiqa.cli import options

if TYPE_CHECKING:
    from fiqa.data.video import VideoLimits
    from fiqa.progress import Told
    from fiqa.streams.run import Selecting, Summary

Videos = Annotated[
    list[str],
    typer.Argument(
        metavar="VIDEO...",
        help="Videos, cameras (camera:0), folders of videos or of frames, list files (.txt).",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        metavar="DIR",
        help="Folder of tables, best shots and page. Without it: tracks on stdout.",
    ),
]
K = Annotated[int, typer.Option("--k", metavar="N", min=1, help="Best shots of a track.")]
DetectEvery = Annotated[
    int,
    typer.Option(
        "--detect-every", metavar="N", min=1, help="Look for faces in every so manieth frame."
    ),
]
EmbedEvery = Annotated[
    int,
    typer.Option(
        "--embed-every", metavar="N", min=1, help="Check the identity every so many frames."
    ),
]
Recognizer = Annotated[
    str | None,
    typer.Option(
        "--recognizer",
        metavar="NAME|FILE",
        help="Checks that the face stays the same one; dlib, or an .onnx file with a card.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        metavar="COSINE",
        help="From which two faces are of one person. Default: the recognizer's card.",
    ),
]
Regime = Annotated[str, typer.Option("--regime", metavar="NAME", help="auto, rgb or nir.")]
Floor = Annotated[
    str,
    typer.Option("--floor", metavar="ON/OFF", help="Quality at which a track counts, 0..1."),
]
Gap = Annotated[
    float,
    typer.Option("--gap", metavar="SECONDS", min=0.0, help="Time between two best shots."),
]
MaxTracks = Annotated[int, typer.Option("--max-tracks", metavar="N", min=1, help="Tracks at once.")]
Realtime = Annotated[
    bool,
    typer.Option("--realtime", help="Leave out detections where the work falls behind the clock."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME|FILE", help="A method's name, or an .onnx file with a card."
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend", metavar="NAME", help="auto, opencv, or pyav, which goes on behind damage."
    ),
]
Rate = Annotated[
    float,
    typer.Option("--rate", metavar="FPS", min=0.001, help="Frames a second of a folder of images."),
]

Calibration = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        help="From fiqa calibrate: adds match_chance to frames.parquet.",
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        metavar="S",
        min=0.001,
        help="Stop a camera after so long; refuse files that say they are longer. Default: a day.",
    ),
]


def command(
    video: Videos,
    k: K = 3,
    detect_every: DetectEvery = 3,
    embed_every: EmbedEvery = 10,
    recognizer: Recognizer = None,
    threshold: Threshold = None,
    regime: Regime = "auto",
    floor: Floor = "0.5/0.4",
    gap: Gap = 1.0,
    max_tracks: MaxTracks = 16,
    realtime: Realtime = False,
    language: options.Language = "en",
    model: Model = None,
    detector: options.Detector = "auto",
    weights: options.Weights = None,
    backend: Backend = "auto",
    rate: Rate = 30.0,
    calibration: Calibration = None,
    max_seconds: MaxSeconds = None,
    max_pixels: options.MaxPixels = None,
    out: Out = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Follow every face through videos and keep its best frames.

    DIR gets tracks.parquet, frames.parquet (a manifest of the best shots for every other command),
    events.csv, best/TRACK/RANK.png, templates.npz where there is a recognizer, and index.html. Exit
    code 3 means that a video could not be read, or is damaged.

    Example:
      fiqa select drive.mp4 --recognizer recognizer.onnx -o drive/
      fiqa select videos/ --k 5 --gap 10 --floor 0.6/0.5 -o shots/
    """
    from fiqa.progress import teller
    from fiqa.streams.run import plan

    run = plan(
        video,
        k=k,
        detect_every=detect_every,
        embed_every=embed_every,
        recognizer=recognizer,
        threshold=threshold,
        regime=regime,
        floor=_floor(floor),
        gap=gap,
        max_tracks=max_tracks,
        realtime=realtime,
        language=language,
        model=model,
        detector=detector,
        weights=weights,
        backend=backend,
        limits=_limits(max_seconds, max_pixels),
        rate=rate,
        calibration=calibration,
    )
    told = teller(not quiet)
    if out is None:
        run.refuse_calibration()
        summary = _to_stdout(run, told)
    else:
        from fiqa.streams.folder import write_selection

        summary = write_selection(run, out, force=force, told=told)
    if not quiet:
        if summary.current:
            typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
        typer.echo(summary.line(), err=True)
    raise typer.Exit(options.SOME_FAILED if summary.failed else options.OK)


def _to_stdout(run: Selecting, told: Told) -> Summary:
    """Prints a row of each track when its clip is done."""
    import sys

    from fiqa.data.tables import frame_of, write_rows
    from fiqa.streams.run import Summary

    results = []
    header = True
    for clip in run.clips:
        results.append(run.play(clip, told))
        rows = [
            {
                "video": track.video,
                "track": track.id,
                "start": track.start,
                "end": track.end,
                "frames": len(track),
                "best": track.best[0].quality if track.best else None,
                "best_frames": " ".join(str(shot.frame) for shot in track.best),
                "flags": " ".join(track.flags),
            }
            for track in results[-1].tracks
        ]
        if rows:
            write_rows(frame_of(rows), sys.stdout.buffer, ".csv", header=header)
            sys.stdout.buffer.flush()
            header = False
    return Summary.of(results)


def _limits(max_seconds: float | None, max_pixels: int | None) -> VideoLimits:
    """Returns the limits that the two options give; defaults where they were not used."""
    from fiqa.data.video import VideoLimits

    usual = VideoLimits()
    return VideoLimits(
        max_seconds=usual.max_seconds if max_seconds is None else max_seconds,
        max_pixels=usual.max_pixels if max_pixels is None else max_pixels,
    )


def _floor(text: str) -> tuple[float, float]:
    """Returns ON/OFF as two numbers; one number is both. Raises InputError."""
    from fiqa.errors import InputError

    parts = text.split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise InputError(f"--floor must be ON/OFF, such as 0.5/0.4, got {text!r}.")
    return numbers[0], numbers[-1]
