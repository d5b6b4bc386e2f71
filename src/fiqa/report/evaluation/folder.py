"""Writing an evaluation as a folder: index.html, plots, tables, numbers.json, summary.txt.

Plots are .svg and .png, tables .csv and .md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa.data.folders import IMAGE_SUFFIXES
from fiqa.data.formats.source import write_whole
from fiqa.data.guard import guard_outputs
from fiqa.data.images import read_image
from fiqa.data.store import fingerprint, is_current, write_sidecar
from fiqa.data.texts import write_text
from fiqa.errors import ReadError
from fiqa.evaluation.result import Evaluation, RecognizerResult, WorstPair
from fiqa.functional.table import Table
from fiqa.report.evaluation.page import evaluation_page
from fiqa.report.evaluation.plots import plots
from fiqa.types import PathLike

__all__ = ["guard_report", "report_is_current", "summary_path", "write_report", "write_tables"]

_THUMBNAIL = 112


def write_report(
    evaluation: Evaluation,
    out: PathLike,
    *,
    thumbnails: PathLike | None = None,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Writes the report and returns its folder.

    Every file is whole or absent; the sidecar `<out>.json`, where a `record` is given, comes last.


    Args:
        evaluation: what `evaluate` returned.
        out: the folder; files of the same names in it are written over.
        thumbnails: folder of images named like the ids, with or without suffix, for the worst
            pairs; None shows no faces.
        record: what made it; see fiqa.data.store.make_record.

    Raises:
        WriteError: the disk refused.
    """
    folder = Path(out)
    if thumbnails is not None:
        shown = [_with_thumbnails(result, Path(thumbnails)) for result in evaluation.recognizers]
        evaluation = replace(evaluation, recognizers=shown)
    drawn = plots(evaluation)
    for plot in drawn:
        write_text(folder / f"{plot.name}.svg", plot.svg)
        write_whole(folder / f"{plot.name}.png", plot.png)
    write_text(folder / "index.html", evaluation_page(evaluation, drawn, version=fiqa.__version__))
    write_text(
        folder / "numbers.json", json.dumps(evaluation.json(), indent=1, allow_nan=False) + "\n"
    )
    about = {
        "identity_from": evaluation.settings.get("identity_from", ""),
        "notes": list(evaluation.notes),
    }
    counted = {
        result.name: {
            curve.name: curve.bounds.json() for curve in result.curves if curve.bounds is not None
        }
        for result in evaluation.recognizers
    }
    if any(counted.values()):
        about["counted"] = counted
    write_tables(
        evaluation.tables,
        folder,
        summary=evaluation.text(),
        record=record,
        command=evaluation.command,
        learned=about,
    )
    return folder


def write_tables(
    tables: Sequence[Table],
    out: PathLike,
    *,
    summary: str,
    record: Mapping[str, Any] | None,
    command: str = "",
    learned: Mapping[str, Any] | None = None,
) -> Path:
    """Writes tables as .csv and .md, all of them as tables.json, and summary.txt; then the sidecar.

    Args:
        tables: to write.
        out: the folder.
        summary: what the terminal shows.
        record: what made it; None writes no sidecar.
        command: the line that made it, under each table.
        learned: what the run found, for the sidecar.

    Raises:
        WriteError: the disk refused.
    """
    folder = Path(out)
    for table in tables:
        write_text(folder / f"{table.name}.csv", table.csv())
        by = f"\n`{command}`\n" if command else ""
        write_text(folder / f"{table.name}.md", table.markdown() + by)
    content = {"command": command, "tables": [table.json() for table in tables]}
    write_text(folder / "tables.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    write_text(summary_path(folder), summary + "\n")
    if record is not None:
        write_sidecar(folder, record, learned=learned)
    return folder


def report_is_current(out: PathLike, record: Mapping[str, Any]) -> bool:
    """Tells whether `out` holds the report of a record already.

    Args:
        out: the folder.
        record: of the run.

    Raises:
        InputError: an input of the run lies there.
    """
    guard_report(out, record["inputs"])
    return is_current(out, fingerprint(record)) and summary_path(out).is_file()


def guard_report(out: PathLike, read: Iterable[PathLike]) -> None:
    """Refuses a folder in which a file that is read may be written over.

    That is a file directly in it, of a kind that reports have.

    Which tables and plots there will be is known only when they are made.

    Raises:
        InputError: such a file is there, or the sidecar of the folder is read.
    """
    kinds = (".csv", ".html", ".json", ".md", ".png", ".svg", ".txt")
    guard_outputs(
        [out], list(read), beside=[file for file in Path(out).glob("*") if file.suffix in kinds]
    )


def summary_path(out: PathLike) -> Path:
    """Returns where a report keeps what it printed.

    >>> summary_path("report").name
    'summary.txt'
    """
    return Path(out) / "summary.txt"


def _with_thumbnails(result: RecognizerResult, folder: Path) -> RecognizerResult:
    worst = [replace(pair, thumbnails=_pictures(pair, folder)) for pair in result.worst]
    return replace(result, worst=worst)


def _pictures(
    pair: WorstPair, folder: Path
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    first, second = (_picture(folder, name) for name in pair.ids)
    return first, second


def _picture(folder: Path, name: str) -> NDArray[np.uint8] | None:
    """The image of an id below the folder, None where there is none that can be read; an id cannot
    lead out of the folder."""
    import cv2

    inside = folder.resolve()
    for file in (folder / name, *(folder / f"{name}{suffix}" for suffix in sorted(IMAGE_SUFFIXES))):
        # Ids come from a table: one like ../../x must not show a file of the reader's disk.
        if not file.resolve().is_relative_to(inside) or not file.is_file():
            continue
        try:
            pixels = read_image(file).pixels
        except ReadError:
            return None
        scale = _THUMBNAIL / max(pixels.shape[:2])
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return None
