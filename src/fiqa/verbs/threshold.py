"""`threshold`: the score to cut at, from the user's own images and recognizer, with what it costs and how sure that is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.frames import Frame
from fiqa.data.names import Match
from fiqa.data.quality import read_quality
from fiqa.data.store import atomic_path, hash_inputs, make_record, write_sidecar
from fiqa.errors import InputError, UnknownNameError
from fiqa.evaluation.evidence import STORED, Evidence, gather, inputs
from fiqa.functional.calibration import Calibration
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.table import Table
from fiqa.functional.threshold import Cut, choose_cut
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["CutReport", "threshold", "write_cut"]


@dataclass(frozen=True)
class CutReport:
    """A `cut` on the score's own scale, the same on the 0..100 scale (`uqs` value, low, high, or None where that scale is not known), and how it was found.

    `method`, `recognizer`, `protocol` (one line), `notes` sentences that a reader must know, `uqs_from` where the 0..100 scale came from.
    """

    cut: Cut
    uqs: tuple[int, int | None, int | None] | None
    uqs_from: str
    method: str
    recognizer: str
    protocol: str
    notes: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Returns every number as plain data; what is infinite or not known is None."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)), parse_constant=lambda _: None)
        return plain

    def text(self) -> str:
        """Returns the cut, what it does, and what it does to each group, as lines."""
        cut = self.cut
        level = f"{cut.cut.level:.0%}"
        wanted = f"FNMR {cut.wanted_fnmr:g}" if cut.wanted_fnmr is not None else f"coverage {cut.wanted_coverage:g}"
        lines = [
            f"{self.method}: reject below {cut.cut.value:.6g} for {wanted} at FMR {cut.fmr:g} under {self.recognizer}",
            f"  cut        {cut.cut.value:.6g}  {level} interval [{cut.cut.low:.6g}, {cut.cut.high:.6g}]",
        ]
        if self.uqs is not None:
            value, low, high = self.uqs
            lines.append(f"  of 100     {value}  interval [{_or_dash(low)}, {_or_dash(high)}] ({self.uqs_from})")
        lines += [
            f"  coverage   {cut.coverage.value:.4f}  interval [{cut.coverage.low:.4f}, {cut.coverage.high:.4f}], {cut.images:,} images",
            f"  FNMR       {cut.fnmr.value:.4g}  interval [{cut.fnmr.low:.4g}, {cut.fnmr.high:.4g}], {cut.errors_kept:,} errors of {cut.mated_kept:,} pairs",
            f"  before     {cut.fnmr_start:.4g}, {cut.errors:,} errors of {cut.mated:,} mated pairs of {cut.identities:,} identities",
            f"  protocol   {self.protocol}",
        ]
        parts = ["\n".join(lines)]
        if cut.groups:
            parts.append(self.groups_table().text())
        if self.notes:
            parts.append("\n".join(f"note: {note}" for note in self.notes))
        return "\n\n".join(parts)

    def groups_table(self) -> Table:
        """Returns what the cut does to each group."""
        columns = ["group", "images", "discarded", "gap", "FNMR before", "FNMR", "gap ", "errors of mated pairs kept"]
        rows: list[list[Any]] = [
            [
                g.name,
                g.images,
                g.discarded,
                g.discarded_gap,
                g.fnmr_start,
                g.fnmr,
                g.fnmr_gap,
                f"{g.errors:,} of {g.mated:,}",
            ]
            for g in self.cut.groups
        ]
        note = "A gap is the group's number less that of everyone; groups are as given, never inferred. A dash: no mated pair of the group."
        return Table("groups", "Groups at this cut", columns, rows, note, 4)


def threshold(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    group: str | None = None,
    fnmr: float | None = None,
    coverage: float | None = None,
    fmr: float = 1e-3,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
    match: Match = "id",
) -> CutReport:
    """Returns the quality below which to reject, for a wanted FNMR at a wanted FMR or for a wanted coverage, with intervals by identity.

    The comparison threshold is set once, for `fmr` on all non-mated pairs, as a recognizer in use has one threshold. Where all pairs are more than 10 million
    non-mated ones, so many are drawn by `seed` (a note says so).

    Args:
        quality: a fiqa.Quality, a file, a frame, or "NAME=FILE". embeddings: fiqa.Embeddings, a file, or a frame.
        pairs, faces, match: as fiqa.evaluate.
        group: a column of `faces`; its groups get their discard rate and FNMR gap.
        fnmr, coverage: exactly one: the FNMR to reach among kept pairs, in (0,1), or the share of images to keep, in (0,1].
        fmr, draws, level, seed: as fiqa.functional.threshold.choose_cut.

    Raises:
        EvidenceError: the data cannot support the claim; the message has the numbers that are missing.
        InputError: both or neither of fnmr and coverage, a value out of range, `group` without `faces`. UnknownNameError: no such column.
        ReadError: a file cannot be read.
    """
    if (fnmr is None) == (coverage is None):
        raise InputError(
            f"Exactly one of fnmr and coverage must be given, got fnmr={fnmr} and coverage={coverage}.",
            hint="--fnmr 0.01 asks what cut reaches it, --coverage 0.9 what cut keeps nine images of ten",
        )
    evidence = gather(quality, embeddings, pairs=pairs, faces=faces, match=match)
    scores, vectors = evidence.scores[0], evidence.recognizers[0]
    groups = None if group is None else _groups(evidence, group)
    other = evidence.stored_nonmated(seed)
    index = np.concatenate([evidence.mated, other])
    cut = choose_cut(
        pair_similarity(vectors.vector, index),
        np.arange(len(index)) < len(evidence.mated),
        index,
        scores.value,
        evidence.identity,
        fnmr=fnmr,
        coverage=coverage,
        fmr=fmr,
        groups=groups,
        draws=draws,
        level=level,
        seed=seed,
    )
    uqs, source = _on_100(cut, quality, scores.name, evidence)
    notes = list(evidence.notes)
    if evidence.nonmated is None and evidence.nonmated_total > STORED:
        notes.append(
            f"{len(other):,} of {evidence.nonmated_total:,} non-mated pairs were drawn at random (seed {seed})."
        )
    line = (
        f"threshold {cut.threshold:.4g} for FMR {fmr:g} on {cut.nonmated:,} non-mated pairs (lowest they resolve {1 / cut.nonmated:.2g}); intervals by "
        f"{draws} resamples of identities, seed {seed}"
    )
    return CutReport(cut, uqs, source, scores.name, vectors.recognizer, line, tuple(notes))


def write_cut(
    report: CutReport, out: PathLike, *, arguments: Mapping[str, Any], files: list[str], command: str
) -> Path:
    """Writes the cut as JSON, whole or not at all, and its sidecar. Raises WriteError."""
    with atomic_path(out) as aside:
        aside.write_text(
            json.dumps(report.json() | {"command": command}, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
    write_sidecar(
        out,
        make_record("threshold", arguments=arguments, inputs=hash_inputs(files), seed=arguments.get("seed")),
        found={"notes": list(report.notes)},
    )
    return Path(out)


def files_of(quality: str, embeddings: str, *others: str | None) -> list[str]:
    """Returns the files that a cut is made from."""
    return inputs(quality, embeddings, *others)


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _groups(evidence: Evidence, column: str) -> NDArray[np.str_]:
    if evidence.manifest is None:
        raise InputError(
            "A group column must come from a manifest, got none.", hint="--faces MANIFEST with that column"
        )
    known = {"identity": evidence.manifest.identity, "split": evidence.manifest.split, **evidence.manifest.columns}
    if column not in known:
        raise UnknownNameError("group column", column, known)
    return np.asarray(known[column]).astype(np.str_)


def _on_100(
    cut: Cut, quality: Quality | PathLike | Frame, method: str, evidence: Evidence
) -> tuple[tuple[int, int | None, int | None] | None, str]:
    """The cut and its interval on the 0..100 scale: by the file's own `uqs` at images of that score, else by the method's calibration where it is known."""
    raws = (cut.cut.value, cut.cut.low, cut.cut.high)
    column = None if isinstance(quality, Quality) else _uqs_column(quality)
    if column is not None:
        rows = {float(value): number for value, number in zip(column[0], column[1], strict=True)}
        found = [rows.get(raw) if np.isfinite(raw) else None for raw in raws]
        if found[0] is not None:
            return (found[0], found[1], found[2]), "column uqs of the file"
    calibration = _calibration(method)
    if calibration is None:
        return None, ""
    numbers = [int(calibration.unified([raw])[0]) if np.isfinite(raw) else None for raw in raws]
    return (numbers[0] or 0, numbers[1], numbers[2]), f"calibration of {method}"


def _uqs_column(quality: PathLike | Frame) -> tuple[list[float], list[int]] | None:
    """(raw, uqs) of a table of ours that has both."""
    path: str | Frame
    if isinstance(quality, str | os.PathLike):
        name, mark, file = os.fspath(quality).partition("=")
        path = file if mark and name and not os.path.exists(quality) else os.fspath(quality)
    else:
        path = quality
    try:
        raw, uqs = read_quality(path), read_quality(path, column="uqs")
    except InputError:  # the table has no such column
        return None
    if raw.provenance.get("column") == "uqs" or len(raw) != len(uqs):
        return None
    return raw.value.tolist(), [round(float(v)) for v in uqs.at(raw.id)]


def _calibration(method: str) -> Calibration | None:
    from fiqa.methods import TABLE, load

    if method not in TABLE:
        return None
    try:
        return load(method).calibration
    except InputError:  # a method that makes labels has none
        return None
