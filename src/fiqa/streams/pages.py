"""The page of a folder that `select` writes, from its tables; and its tracks read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image
from fiqa.data.texts import write_text
from fiqa.languages import reason_name
from fiqa.report.timeline import Lane, Pick, Timeline, timeline_page
from fiqa.streams.run import Selecting
from fiqa.types import BestShot, Track

__all__ = ["read_tracks", "write_page"]

_STEPS = 500
"""Steps of a timeline: what is finer cannot be seen."""
_SHOWN = 24
"""Clips on the page; the tables have all of them."""


def write_page(run: Selecting, clips: Sequence[dict[str, Any]], folder: Path) -> None:
    """Writes index.html of a folder whose tables are there.

    Args:
        run: what `select` decided.
        clips: of each clip what its JSON has.
        folder: where frames.parquet and best/ are.
    """
    tracks = sum(len(clip["tracks"]) for clip in clips)
    shots = sum(len(track["best"]) for clip in clips for track in clip["tracks"])
    seconds = sum(clip["seconds"] for clip in clips)
    lead = (
        f"{len(clips)} {'clip' if len(clips) == 1 else 'clips'}, {seconds:.1f} s:"
        f" {tracks} {'track' if tracks == 1 else 'tracks'}, {shots} best shots."
    )
    if len(clips) > _SHOWN:
        lead += f" The first {_SHOWN} clips are shown."
    engine = run.engine
    known = "no recognizer: identities are not verified"
    if engine.recognizer is not None:
        known = f"recognizer {engine.recognizer.name}, same person from a cosine of"
        known += f" {engine.threshold:.3f}"
    footer = (
        f"model {engine.scorer.name}, detector {engine.detector.name}, {known}; k {run.how.k},"
        f" floor {run.how.floor[0]:g}/{run.how.floor[1]:g}, gap {run.how.gap:g} s"
    )
    shown = [_timeline(run, clip, folder) for clip in clips[:_SHOWN]]
    write_text(folder / "index.html", timeline_page(shown, lead=lead, footer=footer))


def _timeline(run: Selecting, clip: dict[str, Any], folder: Path) -> Timeline:
    seconds = max(clip["seconds"], 1e-3)
    rows = pl.scan_parquet(folder / "frames.parquet").filter(
        (pl.col("video") == clip["source"]) & pl.col("time_s").is_not_null()
    )
    steps = (
        rows.filter(pl.col("quality").is_not_null())
        .with_columns((pl.col("time_s") / seconds * _STEPS).floor().alias("step"))
        .group_by("track", "step")
        .agg(
            pl.col("time_s").mean().alias("time"),
            pl.col("quality").mean().alias("middle"),
            pl.col("quality").min().alias("low"),
            pl.col("quality").max().alias("high"),
        )
        .sort("track", "step")
        .collect()
    )
    lanes = [
        _lane(track, steps.filter(pl.col("track") == track["id"]), folder, run.how.language)
        for track in clip["tracks"]
    ]
    failed = "" if clip["status"] == "ok" else f", not read: {clip['status'].replace('_', ' ')}"
    return Timeline(
        clip["name"],
        f"{clip['source']}: {clip['seconds']:.1f} s, {clip['frames']:,} frames,"
        f" {len(lanes)} {'track' if len(lanes) == 1 else 'tracks'}{failed}",
        seconds,
        run.how.floor,
        lanes,
        _stretches(rows),
    )


def _lane(track: dict[str, Any], steps: pl.DataFrame, folder: Path, language: str) -> Lane:
    picks = [
        Pick(
            shot["time"],
            shot["quality"],
            read_image(folder / "best" / track["id"] / f"{rank}.png").pixels,
            ", ".join(reason_name(code, language) for code in shot["reasons"][:2]),
        )
        for rank, shot in enumerate(track["best"], 1)
    ]
    words = f"{track['start']:.1f} to {track['end']:.1f} s, {track['regime']}"
    if track["person"] is not None:
        words += f", person {track['person']}, purity {track['purity']:.2f}"
    columns = (steps[name].to_numpy() for name in ("time", "middle", "low", "high"))
    times, middle, low, high = columns
    flags = [flag for flag in track["flags"] if flag not in ("open_at_end",)]
    return Lane(
        track["id"], track["start"], track["end"], times, middle, low, high, picks, words, flags
    )


def _stretches(rows: pl.LazyFrame) -> list[tuple[float, float, str]]:
    """The stretches of one state that is not ok, from its first frame to the next other one."""
    frames = (
        rows.group_by("frame")
        .agg(pl.col("time_s").first(), pl.col("state").first())
        .sort("frame")
        .with_columns(pl.col("state").rle_id().alias("run"))
        .group_by("run")
        .agg(pl.col("time_s").first(), pl.col("state").first())
        .sort("run")
        .collect()
    )
    starts, states = frames["time_s"].to_list(), frames["state"].to_list()
    ends = [*starts[1:], float("inf")][: len(starts)]
    return [
        (start, end, state)
        for start, end, state in zip(starts, ends, states, strict=True)
        if state != "ok"
    ]


def read_tracks(folder: Path) -> list[Track]:
    """Returns the tracks of a folder that `select` wrote, in their order.

    Args:
        folder: with tracks.parquet, frames.parquet and best/.
    """
    table = pl.read_parquet(folder / "tracks.parquet").to_dicts()
    rows = pl.read_parquet(folder / "frames.parquet").filter(pl.col("track").is_not_null())
    parts = {str(name[0]): part for name, part in rows.group_by("track", maintain_order=True)}
    templates: dict[str, Any] = {}
    if (folder / "templates.npz").is_file():
        known = read_embeddings(folder / "templates.npz")
        templates = dict(zip(known.id.tolist(), known.vector, strict=True))
    return [_track(row, parts[row["track"]], templates.get(row["track"]), folder) for row in table]


def _track(row: dict[str, Any], part: pl.DataFrame, vector: Any, folder: Path) -> Track:
    chosen = part.filter(pl.col("status") == "ok").to_dicts()
    chosen.sort(key=lambda shot: int(Path(shot["path"]).stem))
    best = [_shot(shot, folder) for shot in chosen]
    return Track(
        id=row["track"],
        video=row["video"],
        frames=part["frame"].to_numpy(),
        times=part["time_s"].to_numpy(),
        boxes=np.array(part["bbox"].to_list(), np.float64).reshape(-1, 4),
        quality=part["quality"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        best=tuple(best),
        regime=row["regime"],
        person=row["person"],
        purity=row["purity"],
        flags=tuple(row["flags"].split()),
        template=vector,
    )


def _shot(row: dict[str, Any], folder: Path) -> BestShot:
    path = folder / row["path"]
    return BestShot(
        frame=row["frame"],
        time=row["time_s"],
        quality=row["quality"],
        raw=row["raw"],
        box=np.array(row["bbox"], np.float64),
        landmarks=np.array(row["frame_landmarks"], np.float64).reshape(5, 2),
        crop=read_image(path).pixels,
        reasons=tuple(row["reasons"] or ()),
        advice=tuple(row["advice"] or ()),
        path=str(path),
    )
