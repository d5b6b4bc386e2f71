"""The folder of findings: table, page, and the tables that FiftyOne and cleanlab users read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.cleaning.findings import Finding, Findings, finding_of
from fiqa.data.formats import fiftyone
from fiqa.data.guard import guard_outputs
from fiqa.data.images import Limits, read_image
from fiqa.data.store import fingerprint, is_current, read_sidecar, write_sidecar
from fiqa.data.tables import decode_text, frame_of, read_table, write_table
from fiqa.data.texts import write_text
from fiqa.errors import InputError, ReadError
from fiqa.report.findings import THUMBNAIL, findings_page
from fiqa.types import Manifest, PathLike
from fiqa.vocabulary import ISSUES

__all__ = ["accepted_findings", "guard_findings", "read_findings", "write_findings"]

FILES = ("findings.parquet", "findings.csv", "fiftyone.csv", "cleanlab.csv", "index.html")


def guard_findings(out: PathLike | None, *read: Any) -> None:
    """Refuses a folder in which a file that is read would be written over.

    Args:
        out: the folder, None where nothing is written.
        read: as fiqa.data.guard.guard_outputs takes them.

    Raises:
        InputError: such a file is there.
    """
    if out is not None:
        guard_outputs([out], *read, beside=[Path(out) / name for name in FILES])


def read_findings(out: PathLike, manifest: Manifest, record: Mapping[str, Any]) -> Findings | None:
    """Returns the findings that a folder holds, None where they are not of this record.

    Args:
        out: the folder.
        manifest: the images.
        record: what decides the findings.
    """
    folder = Path(out)
    if not is_current(folder, fingerprint(record)):
        return None
    sidecar = read_sidecar(folder) or {}
    rows = read_table(folder / FILES[0]).to_dicts()
    return Findings(
        [finding_of(row) for row in rows],
        manifest,
        {issue: sidecar["looked"][issue] for issue in ISSUES if issue in sidecar["looked"]},
        {issue: sidecar["skipped"][issue] for issue in ISSUES if issue in sidecar["skipped"]},
        sidecar["notes"],
        current=True,
    )


def accepted_findings(found: Sequence[Finding], path: PathLike) -> list[Finding]:
    """Returns the findings that a person accepted.

    Args:
        found: what was found.
        path: of the table that fiqa studio gives, findings.csv.

    Raises:
        ReadError: it cannot be read.
        UnknownNameError: a column is missing.
        InputError: it has decided on none of these findings.
    """
    frame = read_table(path)
    for name in ("issue", "id", "decision"):
        checks.choice(name, f"column in {os.fspath(path)}", frame.columns)
    decided = {}
    for row in frame.iter_rows(named=True):
        if row["decision"]:
            name, other = (decode_text(str(row.get(key) or "")) for key in ("id", "other_id"))
            decided[str(row["issue"]), name, other] = row["decision"]
    answers = [decided.get((each.issue, each.id, each.other_id)) for each in found]
    if found and not any(answers):
        raise InputError(
            f"{os.fspath(path)!r} must decide on a finding of these images,"
            f" it decides on {len(decided)} others.",
            hint="give the findings.csv of fiqa studio that was begun with these findings",
        )
    pairs = zip(found, answers, strict=True)
    return [each for each, answer in pairs if answer == "accepted"]


def write_findings(
    findings: Findings,
    out: PathLike,
    record: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    footer: str = "",
) -> None:
    """Writes the folder, each file whole or absent, and its sidecar last.

    Args:
        findings: what was found.
        out: the folder.
        record: what decides the findings.
        limits: what an image may cost.
        footer: a line at the end of the page.

    Raises:
        WriteError: the disk refused.
    """
    folder = Path(out)
    frame = findings.frame()
    for name in FILES[:2]:
        write_table(frame, folder / name)
    by_image: dict[str, list[Finding]] = {}
    for finding in findings:
        by_image.setdefault(finding.id, []).append(finding)
    _write_fiftyone(findings.faces, by_image, folder / FILES[2])
    write_table(frame_of(_judged(findings, by_image)), folder / FILES[3])
    text = findings_page(
        [finding.row() for finding in findings],
        lambda path: _thumbnail(path, limits),
        verdict=findings.verdict(),
        skipped=findings.skipped,
        looked=findings.looked,
        notes=findings.notes,
        footer=footer,
    )
    write_text(folder / FILES[4], text)
    found = {
        "counts": findings.counts,
        "looked": dict(findings.looked),
        "skipped": dict(findings.skipped),
        "notes": list(findings.notes),
    }
    write_sidecar(folder, record, learned=found)


def _write_fiftyone(faces: Manifest, by_image: Mapping[str, list[Finding]], path: PathLike) -> None:
    """A row for every image; one without findings has empty cells."""
    found = [by_image.get(name, []) for name in faces.id.tolist()]
    fiftyone.write(
        path,
        [os.path.abspath(path) for path in faces.path.tolist()],
        {
            "ground_truth": [name or None for name in faces.identity.tolist()],
            "issues": [[finding.issue for finding in own] for own in found],
            "gravest": [max((finding.score for finding in own), default=None) for own in found],
            "evidence": ["; ".join(finding.evidence for finding in own) or None for own in found],
            "compared_with": [[f.other for f in own if f.other] for own in found],
        },
    )


def _judged(findings: Findings, by_image: Mapping[str, list[Finding]]) -> list[dict[str, Any]]:
    """A row for every image as cleanlab's Datalab tells issues: `is_KIND_issue`, and `KIND_score`
    where lower is worse."""
    rows = []
    faces = findings.faces
    columns = zip(faces.path.tolist(), faces.id.tolist(), faces.identity.tolist(), strict=True)
    for path, name, person in columns:
        row: dict[str, Any] = {"path": path, "id": name, "given_label": person or None}
        worst: dict[str, float] = {}
        for finding in by_image.get(name, []):
            worst[finding.issue] = max(finding.score, worst.get(finding.issue, 0.0))
        for issue in findings.looked:
            row[f"is_{issue}_issue"] = issue in worst
            row[f"{issue}_score"] = 1.0 - worst.get(issue, 0.0)
        rows.append(row)
    return rows


def _thumbnail(path: str, limits: Limits | None) -> NDArray[np.uint8] | None:
    """The picture, its longer side at THUMBNAIL at most; None where it cannot be read any more."""
    import cv2

    try:
        pixels = read_image(path, limits=limits).pixels
    except ReadError:
        return None
    scale = min(1.0, THUMBNAIL / max(pixels.shape[:2]))
    if scale == 1.0:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
