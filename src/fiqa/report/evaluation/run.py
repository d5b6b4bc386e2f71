"""An evaluation from its request to its report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from fiqa.data.store import make_record
from fiqa.errors import InputError
from fiqa.evaluation.counted import counted_result
from fiqa.evaluation.curves import recognizer_result
from fiqa.evaluation.evidence import COUNTED, STORED, Evidence
from fiqa.evaluation.passes import held_passes
from fiqa.evaluation.request import Request, plain
from fiqa.evaluation.result import Evaluation, RecognizerResult
from fiqa.evaluation.scales import scales_note
from fiqa.evaluation.setting import Setting
from fiqa.execute.engines import Where
from fiqa.progress import Told, counted
from fiqa.report.evaluation.folder import guard_report, report_is_current, write_report
from fiqa.report.evaluation.tables import evaluation_tables
from fiqa.types import PathLike

__all__ = ["EvaluationRun", "evaluate_evidence"]

_HERE = Where()


@dataclass(frozen=True, eq=False)
class EvaluationRun:
    """An evaluation that is decided and not begun.

    Attributes:
        request: about what.
        setting: the curves are made.
        thumbnails: folder with the faces that the report may show, None for none.
        where: the pairs are compared.

    Raises:
        InputError: an engine for a list of pairs.
    """

    request: Request
    setting: Setting
    thumbnails: PathLike | None = None
    where: Where = _HERE

    def __post_init__(self) -> None:
        if self.request.pairs is not None and (self.where != Where(workers=self.where.workers)):
            raise InputError(
                "An engine and a device are for all pairs, got a list of pairs.",
                hint="leave them out: the pairs of a list are few",
            )

    def make(self, *, told: Told, command: str = "") -> Evaluation:
        """Returns what it finds; `command` is the line that asked, for the report.

        Raises as fiqa.evaluate.
        """
        return replace(
            evaluate_evidence(
                self.request.evidence(count=self.setting.counts),
                self.setting,
                told=told,
                where=self.where,
            ),
            command=command,
        )

    def is_current(self, out: PathLike) -> bool:
        """Tells whether `out` holds the report of this run already.

        Raises InputError where an input lies there.
        """
        return report_is_current(out, self._record)

    def write(self, evaluation: Evaluation, out: PathLike) -> None:
        """Writes the report and its sidecar.

        Raises WriteError, and InputError before anything is written over an input.
        """
        guard_report(out, self._record["inputs"])
        write_report(evaluation, out, thumbnails=self.thumbnails, record=self._record)

    @cached_property
    def _record(self) -> dict[str, Any]:
        arguments = {**self.request.arguments(), "thumbnails": plain(self.thumbnails)}
        if self.where.device != "cpu":  # which rounds otherwise; who does the work changes nothing
            arguments["device"] = self.where.device
        return make_record(
            "evaluate",
            arguments=arguments | self.setting.record(),
            inputs=self.request.digests(),
            seed=self.setting.seed,
            protocol=self.setting.protocol,
        )


def evaluate_evidence(
    evidence: Evidence, setting: Setting, *, told: Told, where: Where = _HERE
) -> Evaluation:
    """Returns the evaluation of gathered evidence.

    Args:
        evidence: qualities, recognizers and pairs.
        setting: how curves are made.
        told: hears of each recognizer, and of the parts of long passes over pairs.
        where: all pairs are compared.

    Raises:
        EvidenceError: too few pairs for what is asked.
        InputError: a GPU for pairs that are not counted, or that is not there.
    """
    if where.device != "cpu" and not evidence.counted:
        raise InputError(
            f"The device {where.device} counts pairs, and these are held.",
            hint="--count counts them, or leave --device out",
        )
    result_of = counted_result if evidence.counted else recognizer_result
    with held_passes(where, told) as passes:
        results = [
            result_of(evidence, vectors, setting, passes)
            for vectors in counted(
                evidence.recognizers, told, "evaluate", len(evidence.recognizers)
            )
        ]
    notes = [
        *evidence.notes,
        scales_note(evidence.scores),
        *_notes(evidence, setting, results),
        *_worse_than_random(results, setting),
    ]
    settings = {
        "protocol": setting.protocol,
        "description": setting.rule.description,
        "fmr": setting.fmr if setting.start is None else None,
        "start_fnmr": setting.start,
        "limits": list(setting.limits),
        "draws": setting.draws,
        "level": setting.level,
        "seed": setting.seed,
        "pairs": "all pairs" if evidence.nonmated is None else "a list of pairs",
        "identity_from": evidence.identity_from,
        "counted": evidence.counted,
    }
    return evaluation_tables(Evaluation(settings, evidence.counts, evidence.scores, results, notes))


def _worse_than_random(results: Sequence[RecognizerResult], setting: Setting) -> list[str]:
    """A sentence for each quality whose area is above that of discarding at random (1, or the
    random curve's own where that is more) beyond its interval; without one, beyond two standard
    deviations of the count of errors."""
    notes = []
    for result in results:
        random = [
            curve.areas[setting.limits[0], "start"]
            for curve in result.curves
            if curve.role == "random"
        ]
        least = max([1.0, *(area.value for area in random if area is not None)])
        for curve in result.curves:
            area = curve.areas[setting.limits[0], "start"] if curve.role == "method" else None
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


def _counted_notes(evidence: Evidence, results: Sequence[RecognizerResult]) -> list[str]:
    """How the pairs were counted, and the largest error of it."""
    bounds = [curve.bounds for result in results for curve in result.curves if curve.bounds]
    fnmr = max(one.fnmr for one in bounds)
    area = max(high - low for one in bounds for low, high in one.area.values())
    return [
        f"{evidence.counts['mated']:,} mated pairs were counted and none was held (automatic above"
        f" {COUNTED:,}, or --count): an FNMR is within {fnmr:.2g} of that of the pairs, a raw area"
        f" within {area:.2g} (numbers.json: `bounds`). There are no bands, no table of"
        " verification and no worst pairs, and nobody looked for one picture under two names."
    ]


def _notes(evidence: Evidence, setting: Setting, results: Sequence[RecognizerResult]) -> list[str]:
    rule = setting.rule
    notes = [] if not evidence.counted else _counted_notes(evidence, results)
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
                f" the curves (seed {setting.seed})."
            )
    elif setting.draws and not evidence.counted and evidence.counts["identities"] < 2:
        notes.append(
            "All mated pairs are of one identity: there are no bands, which resample identities."
        )
    return notes
