"""`evaluate`: does a quality score help this recognizer?

Error-versus-discard curves of many qualities under many recognizers, and a report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.names import Match
from fiqa.data.store import fingerprint, is_current, make_record
from fiqa.errors import InputError
from fiqa.evaluation.curves import Setting, recognizer_result
from fiqa.evaluation.evidence import STORED, Evidence
from fiqa.evaluation.request import Request, plain
from fiqa.evaluation.result import Evaluation, RecognizerResult
from fiqa.evaluation.scales import scales_note
from fiqa.evaluation.sources import Qualities, Vectors
from fiqa.functional.protocols import protocol_of, starting_fnmr
from fiqa.progress import Progress, Told, counted, teller
from fiqa.report.evaluation.folder import guard_report, summary_path, write_report
from fiqa.report.evaluation.tables import evaluation_tables
from fiqa.types import Manifest, Pairs, PathLike

__all__ = ["Run", "evaluate", "evaluate_evidence", "setting"]


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
    out: PathLike | None = None,
    thumbnails: PathLike | None = None,
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
        embeddings: one or more of: fiqa.Embeddings, a file, a frame with columns id and vector.
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
        out: write the report there, with its sidecar: a folder with index.html, plots, tables and
            numbers.json. A report that is current is left alone.
        thumbnails: folder of images named like the ids; the report then shows the worst pairs.
            Faces of people go into the page: off by default.
        force: write the report again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: a value out of range, names that are not unique, ids that fit twice, a manifest
            whose column of people is not called identity.
        UnknownNameError: no such protocol, match, or quality to flip.
        EvidenceError: too few images, mated pairs or non-mated pairs for what is asked.
        ReadError: a file cannot be read.
        WriteError: the disk refused.
    """
    how = setting(fmr, protocol, start_fnmr, limits, draws, level, seed)
    run = Run(Request(quality, embeddings, pairs, faces, match, flip), how, thumbnails)
    found = run.make(told=teller(progress))
    if out is not None and (force or not run.is_current(out)):
        run.write(found, out)
    return found


@dataclass(frozen=True, eq=False)
class Run:
    """An evaluation that is decided and not begun: about what, how, and whose faces its report may
    show (a folder, None for none)."""

    request: Request
    how: Setting
    thumbnails: PathLike | None = None

    def make(self, *, told: Told, command: str = "") -> Evaluation:
        """Returns what it finds; `command` is the line that asked, for the report.

        Raises as `evaluate`.
        """
        return replace(
            evaluate_evidence(self.request.evidence(), self.how, told=told), command=command
        )

    def is_current(self, out: PathLike) -> bool:
        """Tells whether `out` holds the report of this run already.

        Raises InputError where an input lies there.
        """
        guard_report(out, self._record["inputs"])
        return is_current(out, fingerprint(self._record)) and summary_path(out).is_file()

    def write(self, found: Evaluation, out: PathLike) -> None:
        """Writes the report and its sidecar.

        Raises WriteError, and InputError before anything is written over an input.
        """
        guard_report(out, self._record["inputs"])
        write_report(found, out, thumbnails=self.thumbnails, record=self._record)

    @cached_property
    def _record(self) -> dict[str, Any]:
        how = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self.how).items()
        }
        return make_record(
            "evaluate",
            arguments={**self.request.arguments(), "thumbnails": plain(self.thumbnails), **how},
            inputs=self.request.digests(),
            seed=self.how.seed,
            protocol=self.how.protocol,
        )


def setting(
    fmr: float,
    protocol: str,
    start_fnmr: float | None,
    limits: Sequence[float],
    draws: int,
    level: float,
    seed: int,
) -> Setting:
    """Returns the checked setting of a run; raises as `evaluate`."""
    rule = protocol_of(protocol)
    starting_fnmr(rule, start_fnmr)
    checks.in_range(fmr, "fmr", 0.0, 1.0, open_low=True, open_high=True)
    checks.in_range(level, "level", 0.0, 1.0, open_low=True, open_high=True)
    if not limits:
        raise InputError("limits must have at least one discard fraction, got none.")
    for limit in limits:
        checks.in_range(limit, "limits", 0.0, 1.0, open_low=True)
    if draws < 0 or draws == 1:
        raise InputError(f"draws must be 0 (no bands) or at least 2, got {draws}.")
    return Setting(fmr, protocol, start_fnmr, tuple(dict.fromkeys(limits)), draws, level, seed)


def evaluate_evidence(evidence: Evidence, how: Setting, *, told: Told) -> Evaluation:
    """Returns the evaluation of gathered evidence; `told` hears of each recognizer.

    Raises EvidenceError.
    """
    results = [
        recognizer_result(evidence, vectors, how)
        for vectors in counted(evidence.recognizers, told, "evaluate", len(evidence.recognizers))
    ]
    notes = [
        *evidence.notes,
        scales_note(evidence.scores),
        *_notes(evidence, how),
        *_worse_than_random(results, how),
    ]
    settings = {
        "protocol": how.protocol,
        "description": protocol_of(how.protocol).description,
        "fmr": (
            how.fmr if starting_fnmr(protocol_of(how.protocol), how.start_fnmr) is None else None
        ),
        "start_fnmr": starting_fnmr(protocol_of(how.protocol), how.start_fnmr),
        "limits": list(how.limits),
        "draws": how.draws,
        "level": how.level,
        "seed": how.seed,
        "pairs": "all pairs" if evidence.nonmated is None else "a list of pairs",
        "identity_from": evidence.identity_from,
    }
    found = Evaluation(settings, evidence.counts, evidence.scores, results, notes)
    return evaluation_tables(found)


def _worse_than_random(results: Sequence[RecognizerResult], how: Setting) -> list[str]:
    """A sentence for each quality whose area is above that of discarding at random (1, or the
    random curve's own where that is more) beyond its interval; without one, beyond two standard
    deviations of the count of errors."""
    notes = []
    for result in results:
        random = [
            curve.areas[how.limits[0], "start"] for curve in result.curves if curve.role == "random"
        ]
        least = max([1.0, *(area.value for area in random if area is not None)])
        for curve in result.curves:
            area = curve.areas[how.limits[0], "start"] if curve.role == "method" else None
            if area is None:
                continue
            errors = max(result.counts.get("errors", 0), 1)
            low = area.value - 2 / math.sqrt(errors) if area.low is None else area.low
            if low > least:
                notes.append(
                    f"{curve.name} is worse than random under {result.name} (area {area.value:.3f}"
                    f" of 1): is lower better? `--flip {curve.name}` turns it."
                )
    return notes


def _notes(evidence: Evidence, how: Setting) -> list[str]:
    rule = protocol_of(how.protocol)
    notes = []
    if rule.discards == "all":
        notes.append(
            f"Protocol {rule.name} sets its threshold again at every step: no bootstrap bands, no"
            " differences with intervals."
        )
        stored = min(
            evidence.nonmated_total,
            STORED if evidence.nonmated is None else evidence.nonmated_total,
        )
        if stored < evidence.nonmated_total:
            notes.append(
                f"{stored} of {evidence.nonmated_total} non-mated pairs were drawn at random for"
                f" the curves (seed {how.seed})."
            )
    elif how.draws and evidence.counts["identities"] < 2:
        notes.append(
            "All mated pairs are of one identity: there are no bands, which resample identities."
        )
    return notes
