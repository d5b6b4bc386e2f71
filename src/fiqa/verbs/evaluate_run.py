"""`fiqa evaluate` as a run: its arguments checked, a rerun of equal inputs left alone, the report or the tables written, the text to print returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fiqa import checks
from fiqa.data.names import Match
from fiqa.data.store import fingerprint, hash_inputs, is_current, make_record
from fiqa.errors import InputError
from fiqa.evaluation.curves import Setting
from fiqa.evaluation.evidence import gather, inputs
from fiqa.evaluation.papers.clib_fiqa import DataSet, area_tables, optimization_tables, read_set
from fiqa.evaluation.papers.dmsfiqa import agreement_table, filter_table
from fiqa.evaluation.result import Evaluation
from fiqa.functional.table import Table
from fiqa.progress import Progress, Told, counted, teller
from fiqa.report.evaluation.folder import guard_report, summary_path, write_report, write_tables
from fiqa.verbs.evaluate import evaluate_evidence

__all__ = ["TABLES", "Request", "Run", "run"]

TABLES = ("dms", "clib", "label-opt")
"""The papers whose tables can be asked for."""


@dataclass(frozen=True)
class Request:
    """What to evaluate, as the command line gives it; see fiqa.evaluate. `table`, `target`, `sets` and `same` belong to the papers' tables."""

    quality: Sequence[str] = ()
    embeddings: Sequence[str] = ()
    pairs: str | None = None
    faces: str | None = None
    match: Match = "id"
    table: str | None = None
    target: str | None = None
    sets: Sequence[str] = ()
    same: str | None = None
    thumbnails: str | None = None
    flip: Sequence[str] = ()


@dataclass(frozen=True)
class Run:
    """What to print, and whether the output was there already (`current`)."""

    text: str
    current: bool = False


def run(
    request: Request,
    how: Setting,
    *,
    out: str | None = None,
    force: bool = False,
    command: str = "",
    progress: Progress = False,
) -> Run:
    """Returns what to print, after writing the report (or the table) to `out`; does nothing where that is current.

    Raises:
        As fiqa.evaluate; UnknownNameError: no such table; InputError: options that do not belong together.
    """
    told = teller(progress)
    data = _checked(request)
    record = _record(request, data, how)
    if out is not None:
        guard_report(out, record["inputs"])
    if out is not None and not force and is_current(out, fingerprint(record)) and summary_path(out).is_file():
        return Run(summary_path(out).read_text(encoding="utf-8").rstrip("\n"), current=True)
    if request.table is None:
        evidence = gather(
            request.quality,
            request.embeddings,
            pairs=request.pairs,
            faces=request.faces,
            match=request.match,
            flip=request.flip,
        )
        found = replace(evaluate_evidence(evidence, how, told=told), command=command)
        if out is not None:
            write_report(found, out, thumbnails=request.thumbnails, record=record)
        return Run(found.text())
    tables, notes = _tables(request, data, how, told)
    text = "\n\n".join([*(table.text() for table in tables), "\n".join(f"note: {note}" for note in notes)]).strip()
    if out is not None:
        write_tables(tables, out, summary=text, record=record, command=command)
    return Run(text)


def _checked(request: Request) -> list[DataSet]:
    """Returns the sets that are named, after refusing options that would be passed over in silence."""
    if request.table is not None:
        checks.choice(request.table, "table", TABLES)
    only = {"target": ("dms",), "sets": ("clib", "label-opt"), "same": ("label-opt",)}
    for option, tables in only.items():
        if getattr(request, option) and request.table not in tables:
            flag = "--set" if option == "sets" else f"--{option}"
            raise InputError(f"{flag} belongs to --table {' and --table '.join(tables)}, got --table {request.table}.")
    if request.thumbnails and request.table is not None:
        raise InputError("--thumbnails belongs to the report, not to a table.")
    if request.sets and (request.quality or request.embeddings or request.pairs or request.faces):
        raise InputError(
            "--set names whole data sets; it must not stand beside --quality, --embeddings, --pairs or --faces."
        )
    if not request.sets and not (request.quality and request.embeddings):
        raise InputError(
            "Evaluation needs at least one --quality and one --embeddings.",
            hint="see the example of fiqa evaluate --help",
        )
    return [read_set(folder) for folder in request.sets]


def _record(request: Request, data: Sequence[DataSet], how: Setting) -> dict[str, Any]:
    files = inputs(request.quality, request.embeddings, request.pairs, request.faces, request.target)
    for one in data:
        files += [*one.quality.values(), *one.embeddings.values(), *(name for name in (one.pairs, one.faces) if name)]
    arguments = asdict(request) | {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(how).items()
    }
    return make_record("evaluate", arguments=arguments, inputs=hash_inputs(files), seed=how.seed, protocol=how.protocol)


def _tables(request: Request, data: Sequence[DataSet], how: Setting, told: Told) -> tuple[list[Table], list[str]]:
    if request.table == "dms":
        return _dms(request, how, told)
    sets = _evaluated(request, data, replace(how, draws=0), told)
    notes = [f"{name}: {note}" for name, evaluation in sets.items() for note in evaluation.notes]
    if request.table == "clib":
        return area_tables(sets, how.limits), notes
    return optimization_tables(sets, max(how.limits), same=request.same), notes


def _dms(request: Request, how: Setting, told: Told) -> tuple[list[Table], list[str]]:
    evidence = gather(
        request.quality,
        request.embeddings,
        pairs=request.pairs,
        faces=request.faces,
        match=request.match,
        flip=request.flip,
    )
    tables = [] if request.target is None else [agreement_table(evidence, request.target, match=request.match)]
    tables += [
        filter_table(evidence, vectors, how)
        for vectors in counted(evidence.recognizers, told, "tables", len(evidence.recognizers))
    ]
    missing = [] if request.target else ["Table 4 (agreement) needs --target LABELS."]
    return tables, [*evidence.notes, *missing]


def _evaluated(request: Request, data: Sequence[DataSet], how: Setting, told: Told) -> dict[str, Evaluation]:
    """Set name -> evaluation; the files of a set are named by their stems, so that they mean the same in every set."""
    if not data:
        evidence = gather(
            request.quality,
            request.embeddings,
            pairs=request.pairs,
            faces=request.faces,
            match=request.match,
            flip=request.flip,
        )
        return {"all": evaluate_evidence(evidence, how, told=told)}
    twice = {one.name for one in data if sum(other.name == one.name for other in data) > 1}
    if twice:
        raise InputError(f"Each set must have its own name (that of its folder), got {sorted(twice)[0]!r} twice.")
    found = {}
    for one in counted(data, told, "tables", len(data)):
        evidence = gather(
            one.quality,
            one.vectors(),
            pairs=one.pairs,
            faces=one.faces,
            match=request.match,
            flip=request.flip,
        )
        found[one.name] = evaluate_evidence(evidence, how, told=told)
    return found
