"""The folder that `select` writes: tables, best shots, templates, events and a page.

Rows go to disk as they come, and a clip that is done is not done again after a kill:

    rows.parts/   rows of frames, in chunks, clip by clip
    clips.parts/  one JSON a clip that is done: its tracks, its events, how many chunks there are

Both are gone when the folder is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fiqa.data.embeddings import write_embeddings
from fiqa.data.guard import guard_outputs
from fiqa.data.images import write_image
from fiqa.data.store import Parts, fingerprint, is_current, read_sidecar, write_sidecar
from fiqa.data.tables import TableWriter, frame_of, write_table
from fiqa.errors import InputError
from fiqa.evaluation.match_chance import MatchChance
from fiqa.functional.geometry import similarity_transform, template, transform_points
from fiqa.progress import Told
from fiqa.streams.clips import Clip
from fiqa.streams.pages import write_page
from fiqa.streams.run import ClipResult, Selecting, Summary
from fiqa.streams.stream import Row
from fiqa.types import BestShot, Embeddings, PathLike, Track

__all__ = ["write_selection"]

_CHUNK = 2048
"""Rows of a chunk: what is held in memory."""
_BLANK: Row = {
    "id": None,
    "path": None,
    "status": None,
    "video": None,
    "frame": None,
    "pts": None,
    "time_s": None,
    "track": None,
    "identity": "",
    "bbox": None,
    "landmarks": None,
    "frame_landmarks": None,
    "quality": None,
    "raw": None,
    "regime": None,
    "state": None,
    "reasons": None,
    "advice": None,
}
"""The columns of the table of frames, in their order."""

Done = dict[str, Any]
"""What is kept of a clip: plain values, as its JSON has them."""


def write_selection(run: Selecting, out: PathLike, *, force: bool, told: Told) -> Summary:
    """Writes the folder of a run and returns its summary.

    A run whose folder is current does nothing; one that was killed goes on at the clip where it
    was, and ends with the same bytes.

    Args:
        run: what `select` decided.
        out: the folder.
        force: do it again although the folder is current.
        told: called with (stage, done, total).

    Raises:
        InputError: the folder would be written over what is read.
        WriteError: the disk refused.
    """
    folder = Path(out)
    sources = [str(clip.source) for clip in run.clips]
    guard_outputs([folder], [*sources, run.calibration], beside=folder.glob("best/*/*"))
    _refuse_sources(run, folder)
    record = run.record()
    key = fingerprint(record)
    live = any(clip.live for clip in run.clips)
    if not force and not live and is_current(folder, key):
        known = (read_sidecar(folder) or {})["found"]
        return Summary(**known, current=True)
    if live:
        # What a camera gave before is another recording.
        for name in ("rows", "clips"):
            Parts(folder / name, key, "").discard()
    rows, done = Parts(folder / "rows", key, ".parquet"), Parts(folder / "clips", key, ".json")
    if not done.done:
        for stale in folder.glob("best/*/*.png"):
            stale.unlink()
    clips = [json.loads(path.read_text(encoding="utf-8")) for path in done.paths()]
    results = []
    for number in range(done.done, len(run.clips)):
        result, clip = _play(run, run.clips[number], rows, clips, folder, told)
        with done.writing(number) as aside:
            aside.write_text(json.dumps(clip, sort_keys=True), encoding="ascii")
        clips.append(clip)
        results.append(result)
    _write_tables(run, clips, rows, folder, key)
    write_page(run, clips, folder)
    rows.discard()
    done.discard()
    _remove_empty(folder / "best")
    summary = _whole(Summary.of(results), clips)
    found = {name: getattr(summary, name) for name in ("clips", "failed", "tracks", "shots")}
    write_sidecar(folder, record, learned={"found": found})
    return summary


def _refuse_sources(run: Selecting, folder: Path) -> None:
    """Refuses a folder among the frames: its best shots would be frames of the next run."""
    target = folder.resolve()
    for clip in run.clips:
        if clip.images is not None and os.path.isdir(str(clip.source)):
            source = Path(str(clip.source)).resolve()
            if target == source or source in target.parents:
                raise InputError(
                    f"The output must not lie in a folder of frames, {os.fspath(folder)!r} lies in"
                    f" {clip.source!r}.",
                    hint="nothing was written; choose another folder",
                )


def _whole(summary: Summary, clips: Sequence[Done]) -> Summary:
    """The summary with the clips that an earlier run had done."""
    tracks = [track for clip in clips for track in clip["tracks"]]
    return replace(
        summary,
        clips=len(clips),
        failed=sum(clip["status"] != "ok" or clip["damaged"] for clip in clips),
        tracks=len(tracks),
        shots=sum(len(track["best"]) for track in tracks),
    )


def _remove_empty(best: Path) -> None:
    """Removes the folders of tracks that an earlier run had and this one has not."""
    for folder in best.glob("*"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


# -- one clip --------------------------------------------------------------------------------------


def _play(
    run: Selecting, clip: Clip, rows: Parts, before: Sequence[Done], folder: Path, told: Told
) -> tuple[ClipResult, Done]:
    """Plays a clip: its rows go into chunks and its best shots into the folder as they come."""
    chunks = _Chunks(rows, before[-1]["chunks"] if before else 0)
    kept: list[Done] = []

    def ended(track: Track) -> Track:
        for rank, shot in enumerate(track.best, 1):
            write_image(folder / "best" / track.id / f"{rank}.png", shot.crop)
        kept.append(_plain_track(track))
        # The crops are on disk now, and need not stay in memory.
        return replace(track, best=tuple(replace(s, crop=s.crop[:0]) for s in track.best))

    result = run.play(clip, told, rows=chunks.add, ended=ended)
    chunks.close()
    return result, {
        "name": clip.name,
        "source": str(clip.source),
        "status": result.status,
        "damaged": result.damaged,
        "seconds": result.seconds,
        "frames": result.frames,
        "chunks": chunks.number,
        "tracks": kept,
        "events": [
            [event.kind, event.frame, event.time, event.track, event.detail]
            for event in result.events
        ],
    }


class _Chunks:
    """Rows of frames on their way to disk; those that a killed run wrote are not written again."""

    def __init__(self, parts: Parts, number: int) -> None:
        self._parts, self.number = parts, number
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == _CHUNK:
            self._write()

    def close(self) -> None:
        if self._rows:
            self._write()

    def _write(self) -> None:
        if self.number >= self._parts.done:
            with self._parts.writing(self.number) as aside:
                frame_of(self._rows).write_parquet(aside)
        self.number += 1
        self._rows = []


def _plain_track(track: Track) -> Done:
    return {
        "id": track.id,
        "start": track.start,
        "end": track.end,
        "regime": track.regime,
        "person": track.person,
        "purity": track.purity,
        "flags": list(track.flags),
        "template": None if track.template is None else track.template.tolist(),
        "best": [_plain_shot(shot) for shot in track.best],
    }


def _plain_shot(shot: BestShot) -> Done:
    matrix = similarity_transform(shot.landmarks, template())
    return {
        "frame": shot.frame,
        "time": shot.time,
        "quality": shot.quality,
        "reasons": list(shot.reasons),
        # A manifest has the points in pixels of the crop.
        "landmarks": transform_points(matrix, shot.landmarks).ravel().tolist(),
    }


# -- all clips -------------------------------------------------------------------------------------


def _write_tables(
    run: Selecting, clips: Sequence[Done], rows: Parts, folder: Path, key: str
) -> None:
    counts: dict[str, int] = {}
    with TableWriter(folder / "frames.parquet", fingerprint=key) as table:
        for number, batch in enumerate(_rows(clips, rows, run.chance)):
            for row in batch:
                if row["track"] is not None:
                    counts[row["track"]] = counts.get(row["track"], 0) + 1
            if number >= table.done:
                table.write(batch)
    tracks = [
        _track_row(track, clip, counts.get(track["id"], 0))
        for clip in clips
        for track in clip["tracks"]
    ]
    write_table(_typed(frame_of(tracks), _TRACKS), folder / "tracks.parquet")
    names = ("kind", "frame", "time_s", "track", "detail")
    events = [
        {"video": clip["source"]} | dict(zip(names, event, strict=True))
        for clip in clips
        for event in clip["events"]
    ]
    write_table(_typed(frame_of(events), _EVENTS), folder / "events.csv")
    (folder / "templates.npz").unlink(missing_ok=True)
    if run.engine.recognizer is not None:
        known = [t for clip in clips for t in clip["tracks"] if t["template"] is not None]
        vectors = np.array([track["template"] for track in known], np.float32)
        write_embeddings(
            Embeddings(
                np.array([track["id"] for track in known], np.str_),
                vectors if known else np.empty((0, 1), np.float32),
                recognizer=run.engine.recognizer.name,
            ),
            folder / "templates.npz",
        )


_TRACKS: dict[str, Any] = {
    "video": pl.String(), "track": pl.String(), "start": pl.Float64(), "end": pl.Float64(),
    "frames": pl.Int64(), "shots": pl.Int64(), "regime": pl.String(), "person": pl.Int64(),
    "purity": pl.Float64(), "best": pl.Float64(), "below_floor": pl.Boolean(),
    "flags": pl.String(),
}  # fmt: skip
_EVENTS: dict[str, Any] = {
    "video": pl.String(), "kind": pl.String(), "frame": pl.Int64(), "time_s": pl.Float64(),
    "track": pl.String(), "detail": pl.String(),
}  # fmt: skip


def _typed(frame: pl.DataFrame, schema: dict[str, Any]) -> pl.DataFrame:
    """A frame with exactly these columns, in their types even where nothing is known."""
    if not frame.width:
        return pl.DataFrame(schema=schema)
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _track_row(track: Done, clip: Done, frames: int) -> Row:
    best = track["best"]
    return {
        "video": clip["source"],
        "track": track["id"],
        "start": track["start"],
        "end": track["end"],
        "frames": frames,
        "shots": len(best),
        "regime": track["regime"],
        "person": track["person"],
        "purity": track["purity"],
        "best": best[0]["quality"] if best else None,
        "below_floor": "below_floor" in track["flags"],
        "flags": " ".join(track["flags"]),
    }


def _rows(clips: Sequence[Done], rows: Parts, chance: MatchChance | None) -> Iterator[list[Row]]:
    """Yields the rows of the table of frames, a chunk at a time."""
    first = 0
    for clip in clips:
        if clip["status"] != "ok" and clip["chunks"] == first:
            row = _BLANK | {
                "id": clip["name"],
                "path": clip["source"],
                "status": clip["status"],
                "video": clip["source"],
                "state": "damaged",
            }
            yield _with_chance([row], chance)
        picks = {
            (track["id"], shot["frame"]): (rank, shot)
            for track in clip["tracks"]
            for rank, shot in enumerate(track["best"], 1)
        }
        for number in range(first, clip["chunks"]):
            chunk = pl.read_parquet(rows.path(number)).to_dicts()
            yield _with_chance([_frame_row(row, clip, picks) for row in chunk], chance)
        first = clip["chunks"]


def _with_chance(rows: list[Row], chance: MatchChance | None) -> list[Row]:
    """The rows with the chance of a correct match, where it is asked for."""
    if chance is None:
        return rows
    raw = [np.nan if row["raw"] is None else row["raw"] for row in rows]
    regimes = None if chance.by is None else [row["regime"] or "" for row in rows]
    value, _ = chance.of_rows(raw, regimes)
    return [
        row | {"match_chance": None if np.isnan(each) else each}
        for row, each in zip(rows, value.tolist(), strict=True)
    ]


def _frame_row(row: Row, clip: Done, picks: dict[tuple[Any, Any], tuple[int, Done]]) -> Row:
    """A row as the table has it: a manifest of the best shots, in which all else has a status."""
    track = row["track"]
    name = f"{clip['name']}@{row['frame']}" if track is None else f"{track}@{row['frame']}"
    full = {
        **_BLANK,
        **row,
        "id": name,
        "video": clip["source"],
        "path": os.path.abspath(clip["source"]),
        "status": "no_face" if track is None else "not_kept",
        "frame_landmarks": row.get("landmarks"),
        "landmarks": None,
    }
    pick = picks.get((track, row["frame"]))
    if pick is not None:
        rank, shot = pick
        full["path"] = f"best/{track}/{rank}.png"
        full["status"] = "ok"
        full["landmarks"] = shot["landmarks"]
    return full
