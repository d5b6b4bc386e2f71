"""`threshold`: the score to cut at, from the user's own images and recognizer, with what it costs
and how sure that is."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

from fiqa.data.frames import Frame
from fiqa.data.guard import guard_outputs
from fiqa.data.names import Match
from fiqa.data.store import hash_inputs, make_record
from fiqa.data.texts import write_numbers, write_text
from fiqa.evaluation.cut_report import CutReport
from fiqa.evaluation.sources import inputs
from fiqa.evaluation.threshold import Rates, cut_report, wishes
from fiqa.functional.threshold import CONFIDENCE
from fiqa.progress import Progress, teller
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["threshold"]


def threshold(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    group: str | None = None,
    fnmr: Rates = None,
    coverage: Rates = None,
    fmr: float = 1e-3,
    confidence: float = CONFIDENCE,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
    match: Match = "id",
    flip: bool = False,
    out: PathLike | None = None,
    html: PathLike | None = None,
    progress: Progress = False,
) -> CutReport:
    """Returns the quality below which to reject, for a wanted FNMR at a wanted FMR or for a wanted
    coverage: the cut that is right on these images, and the one that holds for other people too.

    The comparison threshold is set once, for `fmr` on all non-mated pairs, as a recognizer in use
    has one threshold. Where all pairs are more than 10 million non-mated ones, so many are drawn by
    `seed` (a note says so).

    Args:
        quality: a fiqa.Quality, a file, or "NAME=FILE".
        embeddings: fiqa.Embeddings or a file.
        pairs, faces, match: as fiqa.evaluate.
        group: a column of `faces` with text or whole numbers; its groups get their discard rate,
            FNMR and FMR. Images without a value are the group "(none)".
        fnmr: the FNMR to reach among kept pairs, in (0,1); several give an operating point each.
        coverage: instead of fnmr: the share of images to keep, in (0,1]; or several.
        fmr: the false match rate of the comparison threshold, in (0,1).
        confidence: that the safe cut keeps what is wanted for as many other people, in (0.5,1).
        draws, level, seed: of the intervals, as fiqa.functional.threshold.choose_cut.
        flip: lower is better in `quality`: its sign is turned, and so is that of the cuts.
        out: write every number there as JSON, with a sidecar.
        html: write a page with a plot there, a file that ends in .html.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        EvidenceError: the data cannot support the claim; the message has what is missing.
        InputError: both or neither of fnmr and coverage, a value out of range, `group` without
            `faces` or of numbers that are not whole.
        UnknownNameError: no such column.
        ReadError: a file cannot be read.
        WriteError: the disk refused.
    """
    from fiqa.report.page import check_page
    from fiqa.report.threshold import cut_page

    if html is not None:
        check_page(html)
    files = inputs(quality, embeddings, pairs, faces)
    guard_outputs([out, html], files)
    wanted = wishes(fnmr, coverage)
    settings: dict[str, Any] = {
        "fnmr": [wish.fnmr for wish in wanted if wish.fnmr is not None],
        "coverage": [wish.coverage for wish in wanted if wish.coverage is not None],
        "fmr": fmr, "confidence": confidence, "group": group, "draws": draws, "level": level,
        "seed": seed, "match": match, "flip": flip,
    }  # fmt: skip
    nouns = {"quality": quality, "embeddings": embeddings, "pairs": pairs, "faces": faces}
    report = cut_report(
        quality, embeddings, wanted, pairs=pairs, faces=faces, group=group, fmr=fmr,
        confidence=confidence, draws=draws, level=level, seed=seed, match=match, flip=flip,
        told=teller(progress), command=_command(nouns, settings),
    )  # fmt: skip
    if html is not None:
        write_text(html, cut_page(report))
    if out is not None:
        record = make_record("threshold", arguments=settings, inputs=hash_inputs(files), seed=seed)
        write_numbers(out, report.json(), record)
    return report


def _command(nouns: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """The command line of a call, "" where a noun is in memory; what is at its default is left
    out."""
    words = ["fiqa", "threshold"]
    for name, value in nouns.items():
        if value is None:
            continue
        try:
            words += [f"--{name}", os.fspath(value)]
        except TypeError:
            return ""
    usual = {
        "fmr": 1e-3,
        "confidence": CONFIDENCE,
        "group": None,
        "draws": 200,
        "level": 0.95,
        "seed": 0,
        "match": "id",
        "flip": False,
    }
    for name, value in settings.items():
        for each in value if isinstance(value, list) else [value]:
            if name not in usual or usual[name] != each:
                words += [f"--{name}"] if each is True else [f"--{name}", str(each)]
    return shlex.join(words)
