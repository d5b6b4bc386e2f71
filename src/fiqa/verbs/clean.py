"""`clean`: what is wrong with a folder of faces, and putting it aside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from fiqa import checks
from fiqa.cleaning.findings import Finding, Findings
from fiqa.cleaning.folder import accepted_findings, guard_findings, read_findings, write_findings
from fiqa.cleaning.limits import CleanLimits
from fiqa.cleaning.quarantine import check_quarantine, quarantine
from fiqa.cleaning.run import Cleaning, Vectors
from fiqa.data.images import Limits
from fiqa.data.names import Match
from fiqa.errors import InputError
from fiqa.progress import Progress, teller
from fiqa.scoring.run import Paths, plan
from fiqa.types import PathLike
from fiqa.vocabulary import ISSUES

__all__ = ["clean"]


def clean(
    faces: Paths,
    embeddings: Vectors = None,
    *,
    aligned: bool = False,
    detector: str = "auto",
    weights: str | None = None,
    match: Match = "id",
    settings: Mapping[str, Any] | None = None,
    apply: Literal["copy", "move"] | None = None,
    to: PathLike | None = None,
    only: Sequence[str] = (),
    reviewed: PathLike | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    out: PathLike | None = None,
    force: bool = False,
    progress: Progress = False,
) -> Findings:
    """Returns what is wrong with a folder of faces: the kinds of fiqa.vocabulary.ISSUES.

    Nothing is changed unless `apply` says so. What cannot be looked for is named, with the reason,
    in `Findings.skipped`. Who is who comes from the folders `person/image` or a column `identity`,
    splits from a column `split` or from folders called train, val, test and the like.

    Args:
        faces: an image, a folder, a list file, a manifest (file, frame or fiqa.Manifest), or
            several of these.
        embeddings: vectors of a recognizer (fiqa.Embeddings, a file, a frame), for wrong people,
            two names of one person, and near duplicates beyond their pixels; None looks for none of
            the first two, and says so.
        aligned: the images are aligned crops; otherwise faces are detected first.
        detector, weights: as fiqa.score.
        match: how ids of the embeddings find those of the images: "id", "name" or "stem".
        settings: limits by name, as fiqa.cleaning.limits.CleanLimits has them.
        apply: "copy" or "move" what was found to the folder `to`; nothing is deleted, nothing is
            written over, and a journal there says what went where.
        to: the quarantine.
        only: the issues for which images are put aside; none for all of them.
        reviewed: the findings.csv of fiqa studio; only what was accepted there is put aside.
        limits: what an image may cost.
        workers: processes, at least 1; None is one per core. The result is the same.
        out: write a folder there: findings.csv and .parquet, index.html, fiftyone.csv,
            cleanlab.csv, and the sidecar beside it. A folder that is current is left alone.
        force: do it again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: no image, embeddings of other images, a limit out of range, `apply` without
            `to`, `reviewed` without `apply` or of other findings, a quarantine among the images, an
            output that would be written over an input.
        UnknownNameError: no such detector, match, limit, issue or `apply`.
        DetectorError, WeightsError, MissingExtraError: what is asked for cannot be used here.
        ReadError: a list file, manifest or file of embeddings cannot be read.
        WriteError: the disk refused.
    """
    if (apply is None) != (to is None):
        raise InputError(
            f"apply and to must be given together, got apply={apply!r} and to={to!r}.",
            hint='apply="copy", to="quarantine/"',
        )
    if reviewed is not None and apply is None:
        raise InputError(
            f"reviewed must go with apply, which puts aside, got {os.fspath(reviewed)!r} alone."
        )
    for issue in only:
        checks.choice(issue, "issue", ISSUES)
    if apply is not None:
        checks.choice(apply, "apply", ("copy", "move"))
    scoring = plan(
        faces, aligned=aligned, detector=detector, faces="largest" if aligned else "all",
        explain="both", weights=weights, limits=limits, workers=workers,
    )  # fmt: skip
    run = Cleaning(scoring, embeddings, match, CleanLimits.of(settings))
    guard_findings(out, faces, run.manifest, embeddings, weights, reviewed)
    if to is not None:
        check_quarantine(to, run.manifest.path.tolist(), _folders(faces))
    record = None if out is None else run.record()
    findings = None
    if out is not None and record is not None and not force:
        findings = read_findings(out, run.manifest, record)
    if findings is None:
        findings = run.make(teller(progress))
        if out is not None and record is not None:
            write_findings(findings, out, record, limits=limits)
    if apply is not None and to is not None:
        aside: Sequence[Finding] = findings.findings
        if reviewed is not None:
            aside = accepted_findings(aside, reviewed)
        moved = quarantine(aside, to, how=apply, only=only)
        findings = replace(findings, moved=moved)
    return findings


def _folders(faces: Paths) -> list[str]:
    """The folders among what was given."""
    listed = [faces] if isinstance(faces, str | os.PathLike) else faces
    if not isinstance(listed, Sequence):
        return []
    paths = [os.fspath(path) for path in listed if isinstance(path, str | os.PathLike)]
    return [path for path in paths if os.path.isdir(path)]
