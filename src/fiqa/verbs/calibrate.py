"""`calibrate`: from a score to the chance of a correct match, by regime."""

from __future__ import annotations

from fiqa.data.frames import Frame
from fiqa.data.guard import guard_outputs
from fiqa.data.names import Match
from fiqa.data.store import hash_inputs, make_record
from fiqa.data.texts import write_numbers
from fiqa.evaluation.match_chance import MatchChance, match_chance
from fiqa.evaluation.sources import inputs
from fiqa.types import Embeddings, Manifest, PathLike, Quality

__all__ = ["calibrate"]


def calibrate(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    *,
    faces: Manifest | PathLike | Frame | None = None,
    by: str | None = None,
    across: str | None = None,
    factors: PathLike | Frame | None = None,
    fmr: float = 1e-3,
    seed: int = 0,
    match: Match = "id",
    out: PathLike | None = None,
) -> MatchChance:
    """Returns the chance of a correct match by score: a curve for each regime that never falls.

    It is the isotonic regression of mated pairs on their lesser score, each person with the same
    weight; the errors are those of people whom the curve has not seen. A regime with mated pairs of
    fewer than 10 people has none.

    Args:
        quality: a fiqa.Quality, a file, or "NAME=FILE".
        embeddings: fiqa.Embeddings or a file.
        faces: which images count, who is on them, and the column `by`.
        by: a column of `faces`, such as regime: a curve for each of its values. None: one for all.
        across: a column of `faces`, such as drive: only pairs across its values count; two frames
            of one drive are near-copies, which match whatever their quality.
        factors: a table that `fiqa score --explain` wrote: a curve for each factor too.
        fmr: the false match rate of the comparison threshold, in (0,1), of all non-mated pairs.
        seed: of the draw where there are more than 10 million non-mated pairs.
        match: as fiqa.evaluate.
        out: write every number there as JSON, with a sidecar.

    Raises:
        EvidenceError: no regime has 10 people, or too few non-mated pairs for `fmr`.
        InputError: a value out of range, factors that are none, `by` or `across` without `faces`.
        UnknownNameError: no such column.
        ReadError: a file cannot be read.
        WriteError: the disk refused.
    """
    files = inputs(quality, embeddings, None, faces, factors)
    guard_outputs([out], files)
    found = match_chance(
        quality,
        embeddings,
        faces=faces,
        by=by,
        across=across,
        factors=factors,
        fmr=fmr,
        seed=seed,
        match=match,
    )
    if out is not None:
        settings = {"by": by, "across": across, "fmr": fmr, "match": match}
        record = make_record("calibrate", arguments=settings, inputs=hash_inputs(files), seed=seed)
        write_numbers(out, found.json(), record)
    return found
