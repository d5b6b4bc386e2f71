"""`evaluate`: does a quality score help this recognizer?

Error-versus-discard curves of many qualities under many recognizers, and a report.
"""

from __future__ import annotations

from collections.abc import Sequence

from fiqa.data.frames import Frame
from fiqa.data.names import Match
from fiqa.evaluation.request import Request
from fiqa.evaluation.result import Evaluation
from fiqa.evaluation.setting import Setting
from fiqa.evaluation.sources import Qualities, Vectors
from fiqa.execute.engines import Where
from fiqa.progress import Progress, teller
from fiqa.report.evaluation.run import EvaluationRun
from fiqa.types import Manifest, Pairs, PathLike

__all__ = ["evaluate"]


def evaluate(
    quality: Qualities,
    embeddings: Vectors,
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    fmr: float = 1e-3,
    protocol: str = "iso",
    start_fnmr: float | None = None,
    limits: Sequence[float] = (0.3, 0.95),
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
    match: Match = "id",
    flip: Sequence[str] = (),
    across: str | None = None,
    count: bool | None = None,
    out: PathLike | None = None,
    thumbnails: PathLike | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    device: str = "cpu",
    force: bool = False,
    progress: Progress = False,
) -> Evaluation:
    """Returns the discard curves of every quality under every recognizer, their areas with
    intervals, and the recognizers' verification accuracy.

    All numbers are of the images that every quality and every recognizer has; what is left out is
    counted in `notes`. Curves of a random quality and of an oracle are always there. Non-mated
    pairs of all-pairs runs stream by in bounded memory, except under `crfiqa` and `magface`, which
    must store them: at most 10 million, drawn by `seed` where there are more (a note says so).

    Args:
        quality: one or more of: a fiqa.Quality, a file, a frame (as fiqa.score returns it),
            "NAME=FILE", or "norm" for the embedding norm of each recognizer; or a mapping name ->
            quality.
        embeddings: one or more of: fiqa.Embeddings, a file, a frame with columns id and vector; or
            a mapping name -> embeddings.
        pairs: the pairs to compare (a fiqa.Pairs, or a file or frame that fiqa.data.pairs reads);
            None is all pairs. Pairs that cannot be (fiqa.data.sound) are left out, and `notes`
            count them.
        faces: a manifest; only its images count. Its `identity` says who is who (without it the
            folder part of an id does, or the list of pairs), and images with equal `sha256` make no
            mated pair. The first of `notes` says where the identities are from.
        fmr, protocol, start_fnmr: as fiqa.functional.edc.discard_curve.
        limits: discard fractions up to which areas are taken, each in (0,1]; differences to the
            first quality are at the first of them.
        draws: identity resamples of bands and intervals, 0 for none; level: their confidence; seed:
            of everything random.
        match: how names of one file find the ids of another: "id", "name" or "stem"; see
            fiqa.data.names.
        flip: names of qualities of which lower is better; their sign is turned.
        across: a column of `faces` with text or whole numbers (drive, segment, day): mated pairs
            are only those of two of its values, so that near-copies of one clip do not count.
            Images without a value are in no mated pair, and `notes` name and count them. Non-mated
            pairs stay.
        count: True counts the mated pairs of all-pairs runs under `iso` in cells and holds none, so
            that memory does not grow with their number; each curve has its `bounds`, and there are
            no bands, no verification and no worst pairs. None does so above 20 million mated pairs,
            and a note says so; False never.
        out: write the report there, with its sidecar: a folder with index.html, plots, tables and
            numbers.json. A report that is current is left alone.
        thumbnails: folder of images named like the ids; the report then shows the worst pairs.
            Faces of people go into the page: off by default.
        workers: processes or actors that compare all pairs, where these are more than 134 million
            (fewer are not worth them); None is one per core. The numbers are the same to the bit.
        engine: "local", or "ray" for the actors of a Ray cluster; not with a list of pairs.
        address: of the Ray cluster, "auto" for the one that this machine is part of; None starts
            one here for the time of the run.
        device: "cuda" compares the non-mated pairs by torch on a GPU, where pairs are counted: on
            this machine's, or on one for each actor of Ray. Its similarities are rounded otherwise,
            by less than 1e-6; the bounds hold.
        force: write the report again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: an engine or a device that does not fit, a value out of range, names that are
            not unique, ids that fit twice, a manifest whose column of people is not called
            identity.
        UnknownNameError: no such engine, device, protocol, match, column, or quality to flip.
        EvidenceError: too few images, mated pairs or non-mated pairs for what is asked.
        ReadError: a file cannot be read.
        WriteError: the disk refused.
        MissingExtraError: Ray or torch is not installed.
        WorkerError: a process ended again and again.
    """
    where = Where(engine, address, workers, device)
    setting = Setting(fmr, protocol, start_fnmr, limits, draws, level, seed, count=count)
    request = Request(quality, embeddings, pairs, faces, match, flip, across)
    run = EvaluationRun(request, setting, thumbnails, where)
    evaluation = run.make(told=teller(progress))
    if out is not None and (force or not run.is_current(out)):
        run.write(evaluation, out)
    return evaluation
