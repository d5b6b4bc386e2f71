"""`monitor`: is a fleet still what its reference was?"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fiqa.data.frames import Frame
from fiqa.data.guard import guard_outputs
from fiqa.data.store import hash_inputs, make_record
from fiqa.data.texts import write_numbers, write_text
from fiqa.monitoring.check import Setting, check, columns_of
from fiqa.monitoring.drives import Drives, drive_paths, of_devices, read_frames
from fiqa.monitoring.fit import UNIT, fit_reference
from fiqa.monitoring.health import Health
from fiqa.monitoring.prometheus import write_metrics
from fiqa.monitoring.reference import Reference, read_reference
from fiqa.monitoring.state import open_state, write_state
from fiqa.progress import Progress, teller
from fiqa.types import PathLike

__all__ = ["monitor"]


def monitor(
    scores: PathLike | Frame,
    *,
    reference: Reference | PathLike | Frame,
    by: Sequence[str] = (),
    unit: str | None = None,
    false_alarms_per_year: float = 1.0,
    drives_per_year: float = 10_000.0,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    state: PathLike | None = None,
    out: PathLike | None = None,
    html: PathLike | None = None,
    prometheus: PathLike | None = None,
    progress: Progress = False,
) -> Health:
    """Returns whether drives still score as those of a reference: collapse, drift, and changes that
    build up drive by drive; see docs/concepts/monitoring.md.

    The unit is the drive, never the frame. A cell with fewer than 20 drives on either side is "not
    enough", never "ok".

    Args:
        scores: a table with `raw`, the drive of each frame and the columns of the cells, in the
            order in which it was driven; or a folder of files that devices wrote.
        reference: what `fiqa monitor fit` wrote, or a table of scores to make one of.
        by: the columns that make the cells, each compared with the same cell of the reference; none
            are those of the reference. Regimes always stay apart.
        unit: the column that says which drive (or track) a frame is of; None is the reference's.
        false_alarms_per_year: of all charts together.
        drives_per_year: of the whole fleet.
        draws: resamples of drives.
        level: confidence of the bounds; 1 - level is the share of false reports of drift.
        seed: of everything random.
        state: keeps the charts from check to check in that file; None begins them anew.
        out: write every number there as JSON, with a sidecar.
        html: write a page with plots there, a file that ends in .html.
        prometheus: write the numbers there as Prometheus reads them.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: a value out of range, a frame without a drive, a state of another reference, one
            text instead of a list of columns.
        UnknownNameError: no such column.
        EvidenceError: a folder without drives, or a table that makes no reference.
        ReadError: a file cannot be read.
        WriteError: the disk refused.
    """
    from fiqa.report.monitor import health_page
    from fiqa.report.page import check_page

    if html is not None:
        check_page(html)
    how = Setting(false_alarms_per_year, drives_per_year, draws, level, seed)
    devices = drive_paths(scores)
    files = [*(devices or _files(scores)), *_files(reference)]
    guard_outputs([out, html, prometheus, state], files)
    known = _reference(reference, by, unit)
    columns, notes = columns_of(by, known)
    unit = unit or known.unit
    drives, models = _drives(scores, devices, columns, unit, known)
    if models and known.models and models != known.models:
        notes.append("warning: the scores are of another model than the reference's.")
    before = open_state(state, known.id, columns)
    health, after = check(drives, known, how, before, teller(progress))
    settings: dict[str, Any] = {
        "by": list(columns), "unit": unit, "false_alarms_per_year": false_alarms_per_year,
        "drives_per_year": drives_per_year, "draws": draws, "level": level, "seed": seed,
    }  # fmt: skip
    command = _command(scores, reference, columns, settings)
    health = replace(health, notes=(*notes, *health.notes), command=command)
    if html is not None:
        write_text(html, health_page(health))
    if prometheus is not None:
        write_metrics(health, prometheus)
    if out is not None:
        record = make_record("monitor", arguments=settings, inputs=hash_inputs(files), seed=seed)
        write_numbers(out, health.json(), record)
    # last: after a kill before this line the same drives are new once more, and give the same
    if state is not None:
        write_state(after, state)
    return health


def _files(source: object) -> list[PathLike]:
    return [source] if isinstance(source, str | os.PathLike) else []


def _reference(
    source: Reference | PathLike | Frame, by: Sequence[str], unit: str | None
) -> Reference:
    if isinstance(source, Reference):
        return source
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == ".json":
        return read_reference(source)
    return fit_reference(source, by=by or None, unit=unit or UNIT)


def _drives(
    scores: PathLike | Frame,
    devices: Sequence[Path],
    columns: Sequence[str],
    unit: str,
    known: Reference,
) -> tuple[Drives, tuple[str, ...]]:
    if devices:
        return of_devices(devices, columns, known.low, known.high, known.key), ()
    frames = read_frames(scores, columns, unit)
    return frames.drives(known.low, known.high, known.floor), frames.models


def _command(
    scores: object, reference: object, columns: Sequence[str], settings: Mapping[str, Any]
) -> str:
    """The command line of a call, "" where a table is in memory."""
    if not isinstance(scores, str | os.PathLike) or not isinstance(reference, str | os.PathLike):
        return ""
    words = ["fiqa", "monitor", "check", os.fspath(scores), "--reference", os.fspath(reference)]
    words += ["--by", ",".join(columns)] if columns else []
    usual = {
        "false_alarms_per_year": 1.0, "drives_per_year": 10_000.0, "draws": 1000, "level": 0.95,
        "seed": 0,
    }  # fmt: skip
    for name, value in usual.items():
        if settings[name] != value:
            words += [f"--{name.replace('_', '-')}", str(settings[name])]
    return shlex.join(words)
