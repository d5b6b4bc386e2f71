"""`tables`: the tables of the papers, from anybody's qualities and recognizers."""

from __future__ import annotations

from collections.abc import Sequence

from fiqa.data.frames import Frame
from fiqa.data.names import Match
from fiqa.errors import InputError
from fiqa.evaluation.request import Request
from fiqa.evaluation.setting import Setting
from fiqa.evaluation.sources import Qualities, Vectors
from fiqa.progress import Progress, teller
from fiqa.report.evaluation.paper_tables import DEFAULT, Paper, PaperTables, TableRun
from fiqa.types import Manifest, Pairs, PathLike, Quality

__all__ = ["tables"]


def tables(
    paper: Paper,
    quality: Qualities = (),
    embeddings: Vectors = (),
    *,
    data_set: Sequence[PathLike] = (),
    target: Quality | PathLike | None = None,
    same: str | None = None,
    times: PathLike | Frame | None = None,
    unit: str | None = None,
    per: Sequence[str] = (),
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    fmr: float | Sequence[float] = DEFAULT.fmr,
    protocol: str = DEFAULT.protocol,
    start_fnmr: float | None = None,
    limits: Sequence[float] = DEFAULT.limits,
    draws: int = DEFAULT.draws,
    level: float = DEFAULT.level,
    seed: int = 0,
    match: Match = "id",
    flip: Sequence[str] = (),
    out: PathLike | None = None,
    force: bool = False,
    progress: Progress = False,
) -> PaperTables:
    """Returns the tables of a paper, made of these qualities and recognizers.

    Args:
        paper: "dms" is DmsFIQA's Table 4 (agreement with `target`, spread) and 5 (verification
            under filtering), or of `data_set` Figures 1 and 2 (do scores hold in another domain?);
            "clib" CLIB-FIQA's Tables 1 to 3 (areas, methods by data sets) and Figures 3 and 5
            (curves; how qualities lie and agree);
            "label-opt" those of label optimization (I to III: METHOD.baseline, METHOD.optimized,
            METHOD.prior; IV with `times`).
        quality: as in fiqa.evaluate.
        embeddings: as in fiqa.evaluate.
        data_set: folders, each a data set (fiqa.evaluation.data_set), in place of quality,
            embeddings, pairs and faces. dms: the others are compared with the first; they need no
            embeddings.
        target: dms: labels in 0..1 to agree with; without them there is no Table 4.
        same: label-opt: the recognizer that made the labels; None is the first.
        times: label-opt: run times with the columns method (METHOD.baseline, METHOD.optimized), id
            (of the image, again for each round) and ms, for Table IV.
        unit: dms with data sets: column of their faces that says what is drawn as one (drive,
            segment); None, and a set without that column: the identity.
        per: dms: columns of `faces` (track, drive) of which each value keeps its best K in Table 5,
            beside the best K of each identity.
        pairs: as in fiqa.evaluate.
        faces: as in fiqa.evaluate.
        fmr: clib and label-opt: as in fiqa.evaluate; clib: several give the tables of each.
        protocol: clib and label-opt: as in fiqa.evaluate.
        start_fnmr: clib and label-opt: as in fiqa.evaluate.
        limits: clib: up to which discard fractions areas are taken; label-opt takes the largest.
        draws: resamples of identities for intervals; 0 for none. Domains are always compared with
            intervals, of 1,000 draws where none are asked.
        level: confidence of the intervals.
        seed: of resamples, and of the pairs that are drawn where a protocol cannot store all.
        match: as in fiqa.evaluate.
        flip: as in fiqa.evaluate.
        out: write the tables there, with a sidecar: a folder of .csv, .md, tables.json and
            summary.txt. What is current is left alone.
        force: write them again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        UnknownNameError: no such paper, protocol, match or recognizer.
        InputError: an argument that the paper's tables have no use for, or data named twice or not
            at all.
        ReadError: a file or a data set cannot be read.
        EvidenceError: too few images or pairs.
        WriteError: the disk refused.
    """
    rates = (fmr,) if isinstance(fmr, int | float) else tuple(fmr)
    if not rates:
        raise InputError("fmr must be one false match rate or more, got none.")
    setting = Setting(rates[0], protocol, start_fnmr, limits, draws, level, seed)
    request = Request(quality, embeddings, pairs, faces, match, flip)
    run = TableRun.of(paper, request, setting, data_set, target, same, rates, unit, per, times)
    made = run.make(told=teller(progress))
    if out is not None and (force or not run.is_current(out)):
        run.write(made, out)
    return made
