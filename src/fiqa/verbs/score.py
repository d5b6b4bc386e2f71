"""`score`: how useful each face is for recognition, from 0 to 100, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fiqa.data.images import Limits
from fiqa.data.tables import read_table
from fiqa.errors import InputError
from fiqa.execute.dataset import for_shards, is_dataset, write_dataset
from fiqa.progress import Progress, counted, teller
from fiqa.scoring.chances import refuse_calibration
from fiqa.scoring.dataset import ShardScoring
from fiqa.scoring.explanation import Explain
from fiqa.scoring.rows import FaceScoring
from fiqa.scoring.run import Paths, Scoring, plan, scoring_of, write_scores
from fiqa.scoring.sheet import write_sheet
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["score"]


def score(
    paths: Paths,
    *,
    model: str | None = None,
    recognizer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    aligned: bool = False,
    detector: str = "auto",
    faces: str = "largest",
    explain: Explain = False,
    weights: str | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    out: PathLike | None = None,
    html: PathLike | None = None,
    maps: bool = False,
    force: bool = False,
    orientation: str = "exif",
    language: str = "en",
    color: str | None = None,
    calibration: PathLike | None = None,
    progress: Progress = False,
    profile: bool = False,
    engine: str = "local",
    address: str | None = None,
    gpus: float = 0,
) -> pl.DataFrame:
    """Returns the table of scores: one row per face, and one per image that has none, in the order
    of the images.

    One picture after another, in milliseconds: fiqa.FaceReader. Aligned crops that are in memory
    need no table: `fiqa.load().score(crops)`.

    Args:
        paths: an image, a folder, a list file, a manifest (file, frame or fiqa.Manifest), or
            several of these. Or pictures in memory: (H,W,3) or (N,H,W,3) uint8, the bytes of a
            file, or a list of (H,W,3) and bytes; their ids are their numbers, their paths "".
        model: a method's name, or the path of an .onnx file with its card; None is the default.
        recognizer: for a method that asks one: the path of its file, .onnx or torch weights, with
            its card.
        settings: of the method, by name; fiqa.methods.settings_of lists them.
        aligned: the images are aligned crops, square, brought to 112x112; otherwise faces are
            detected and aligned first.
        detector: auto, yunet, dlib, or none (the same as `aligned`).
        faces: which faces of an image count: largest, all, or one (more than one is a failure).
        explain: fill `factors` (0..1, null where not measurable), `measures` (in units) and
            `reasons` with their `advice`; otherwise they are null. True or "model" takes those of
            the method, and warns once where it has none; "measures" those of the analytic measures,
            whatever the method; "both" those of the method, with all measures: without it the
            bundled model fills only the measures behind a factor that is bad.
        weights: path of the detector's model file.
        limits: what an image may cost.
        workers: processes, at least 1; None is one per core. The result is the same.
        out: write the table there too (.parquet, .csv or .jsonl) with its sidecar, in bounded
            memory; a rerun of the same does nothing, an interrupted one goes on and ends with the
            same bytes. A folder of Parquet parts where it ends with "/" or is in a store: then
            paths are shards (fiqa.execute.dataset); for more rows than memory holds, the command.
        html: write a contact sheet there: crops, scores, what to do. It turns `explain` on.
        maps: draw there, under each score below 60, what the score comes from; about 65 crops more
            go through the method for each.
        force: do it again although `out` is current.
        orientation: exif (photographs are turned as their EXIF says), or auto: then also to where
            their faces are best seen, for photographs that lie and do not say so.
        language: of `advice` and of all that the sheet says: en, de, zh or es.
        color: the order of the channels of arrays, which must say it: RGB, or BGR as OpenCV has it.
        calibration: a file that fiqa.calibrate wrote for the scores of this model: the column
            `match_chance` has the chance of a correct match, by the curve of the image's own regime
            where there are several; null where its regime has none. Where the file has curves of
            factors, `match_chance_blur` and so on have that of each factor; null without `explain`.
        progress: True reports on stderr; a callable is told (stage, done, total).
        profile: print on stderr where the time went: stage, seconds, share.
        engine: local (the processes of this machine), or ray; the rows are the same.
        address: of the Ray cluster, None starts one here.
        gpus: reserved for each actor of Ray, >= 0, over shards; 0.5 lets two share one. Nothing
            that this verb runs computes on a GPU yet.

    Returns:
        A polars frame with the columns of fiqa.scoring.rows.blank_row, and behind them those of the
        manifest that the table does not know (camera, drive, timestamp, ...). A row whose status is
        not "ok" has no numbers.

    Raises:
        UnknownNameError: no such method, detector, policy or language; the images lack the column
            by which the calibration has its curves.
        DetectorError, WeightsError, MissingExtraError: what is asked for cannot be used here.
        WriteError: the disk refused.
        ReadError: a list file or manifest cannot be read (an image that cannot is a row).
        InputError: there is no image at all, an array without its color, or something that is
            neither; a calibration of another model, or with a folder of parts; maps without html.
    """
    if maps and html is None:
        raise InputError("Maps are drawn on a contact sheet, got maps without html.")
    if is_dataset(out):
        refuse_calibration(out, calibration)
        return _dataset(
            paths,
            scoring_of(
                model=model,
                recognizer=recognizer,
                settings=settings,
                aligned=aligned,
                detector=detector,
                faces=faces,
                explain=explain,
                weights=weights,
                limits=limits,
                orientation=orientation,
                language=language,
            ),
            str(out),
            html,
            profile,
            engine=engine,
            address=address,
            gpus=gpus,
            workers=workers,
            force=force,
            progress=progress,
        )
    for_shards("local", None, gpus=gpus)
    run = plan(
        paths,
        model=model,
        recognizer=recognizer,
        settings=settings,
        aligned=aligned,
        detector=detector,
        faces=faces,
        explain=explain or html is not None,
        weights=weights,
        limits=limits,
        workers=workers,
        orientation=orientation,
        language=language,
        color=color,
        calibration=calibration,
        engine=engine,
        address=address,
        profile=profile,
        piecewise=True,
    )
    run.guard(out, html)
    table = _table(run, out, force, progress)
    if html is not None:
        _sheet(run, table, html, maps)
    return table


def _sheet(run: Scoring, table: pl.DataFrame, html: PathLike, maps: bool) -> None:
    write_sheet(
        table.to_dicts(),
        html,
        limits=run.how.limits,
        images=run.sources(),
        language=run.how.language,
        mapped=run.how.scorer if maps else None,
    )


def _dataset(
    paths: Paths, how: FaceScoring, out: str, html: PathLike | None, profile: bool, **rest: Any
) -> pl.DataFrame:
    if profile:
        raise InputError(f"A profile is of a table in one file, got profile with out={out!r}.")
    if html is not None:
        raise InputError(
            f"A contact sheet is of a table in one file, got html={html!r} with out={out!r}."
        )
    write_dataset(cast("Any", paths), ShardScoring(how), out, **rest)
    return read_table(out)


def _table(run: Scoring, out: PathLike | None, force: bool, progress: Progress) -> pl.DataFrame:
    if out is None:
        rows = counted(run.rows(), teller(progress), "score", len(run))
        table = run.frame(list(rows))
    else:
        write_scores(run, out, force=force, progress=progress)
        table = read_table(out)
    if run.profile is not None:
        run.profile.tell()
    return table
