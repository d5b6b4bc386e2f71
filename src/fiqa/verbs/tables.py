"""`tables`: the tables of the papers, from anybody's qualities and recognizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.names import Match
from fiqa.data.store import fingerprint, hash_inputs, is_current, make_record
from fiqa.errors import InputError
from fiqa.evaluation.curves import Setting
from fiqa.evaluation.data_set import DataSet, read_set
from fiqa.evaluation.papers.clib_fiqa import area_tables
from fiqa.evaluation.papers.dmsfiqa import agreement_table, filter_table
from fiqa.evaluation.papers.label_optimization import optimization_tables
from fiqa.evaluation.request import Request, input_digests, plain
from fiqa.evaluation.result import Evaluation
from fiqa.evaluation.sources import Qualities, Vectors
from fiqa.functional.table import Table
from fiqa.progress import Progress, Told, counted, teller
from fiqa.report.evaluation.folder import guard_report, summary_path, write_tables
from fiqa.types import Manifest, Pairs, PathLike, Quality
from fiqa.verbs.evaluate import evaluate_evidence, setting

__all__ = ["PAPERS", "PaperTables", "TableRun", "tables"]

Paper = Literal["dms", "clib", "label-opt"]
PAPERS = ("dms", "clib", "label-opt")
"""The papers whose tables can be asked for: DmsFIQA, CLIB-FIQA, label optimization."""
_DEFAULT = Setting(draws=0)


@dataclass(frozen=True)
class PaperTables:
    """The `tables` of a paper, `notes`: sentences that a reader must know, and the `command` that
    asked for them."""

    tables: Sequence[Table]
    notes: Sequence[str]
    command: str = ""

    def text(self) -> str:
        """Returns what a terminal shows."""
        notes = "\n".join(f"note: {note}" for note in self.notes)
        return "\n\n".join([*(table.text() for table in self.tables), notes]).strip()


def tables(
    paper: Paper,
    quality: Qualities = (),
    embeddings: Vectors = (),
    *,
    data_set: Sequence[PathLike] = (),
    target: Quality | PathLike | None = None,
    same: str | None = None,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    fmr: float = _DEFAULT.fmr,
    protocol: str = _DEFAULT.protocol,
    start_fnmr: float | None = None,
    limits: Sequence[float] = _DEFAULT.limits,
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
            under filtering); "clib" CLIB-FIQA's Tables 1 to 3 (areas, methods by data sets);
            "label-opt" those of label optimization (I to III: METHOD.baseline, METHOD.optimized,
            METHOD.prior).
        quality: as in fiqa.evaluate.
        embeddings: as in fiqa.evaluate.
        data_set: clib and label-opt: folders, each a data set (fiqa.evaluation.data_set), in place
            of quality, embeddings, pairs and faces.
        target: dms: labels in 0..1 to agree with; without them there is no Table 4.
        same: label-opt: the recognizer that made the labels; None is the first.
        pairs: as in fiqa.evaluate.
        faces: as in fiqa.evaluate.
        fmr: clib and label-opt: as in fiqa.evaluate.
        protocol: clib and label-opt: as in fiqa.evaluate.
        start_fnmr: clib and label-opt: as in fiqa.evaluate.
        limits: clib: up to which discard fractions areas are taken; label-opt takes the largest.
        seed: of the pairs that are drawn where a protocol cannot store all.
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
    how = setting(fmr, protocol, start_fnmr, limits, 0, _DEFAULT.level, seed)
    request = Request(quality, embeddings, pairs, faces, match, flip)
    run = TableRun.of(paper, request, how, data_set, target, same)
    found = run.make(told=teller(progress))
    if out is not None and (force or not run.is_current(out)):
        run.write(found, out)
    return found


@dataclass(frozen=True, eq=False)
class TableRun:
    """The tables of a paper, decided and not begun; `sets` in place of the request's data where
    there are any."""

    paper: str
    request: Request
    how: Setting
    sets: Sequence[DataSet]
    target: Quality | PathLike | None
    same: str | None

    @classmethod
    def of(
        cls,
        paper: str,
        request: Request,
        how: Setting,
        data_set: Sequence[PathLike],
        target: Quality | PathLike | None,
        same: str | None,
    ) -> TableRun:
        """Returns the run after refusing what would be passed over in silence; raises as
        `tables`."""
        checks.choice(paper, "paper", PAPERS)
        areas = ("clib", "label-opt")
        owned: list[tuple[str, bool, tuple[str, ...]]] = [
            ("target", target is not None, ("dms",)),
            ("data_set", _is_given(data_set), areas),
            ("same", same is not None, ("label-opt",)),
        ]
        for name in ("fmr", "protocol", "start_fnmr", "limits", "seed"):
            owned.append((name, getattr(how, name) != getattr(_DEFAULT, name), areas))
        for name, given, papers in owned:
            if given and paper not in papers:
                raise InputError(
                    f"{name} belongs to the tables of {' and '.join(papers)}, got it for {paper}."
                )
        named = {
            part: value
            for part, value in vars(request).items()
            if part not in ("match", "flip") and _is_given(value)
        }
        if data_set and named:
            raise InputError(
                f"data_set names whole data sets; it must not stand beside {', '.join(named)}."
            )
        if not data_set and not {"quality", "embeddings"} <= set(named):
            raise InputError(
                "The tables need at least one quality and one file of embeddings.",
                hint="see the examples of fiqa tables --help",
            )
        folders = [data_set] if isinstance(data_set, str) else data_set
        return cls(paper, request, how, [read_set(folder) for folder in folders], target, same)

    def make(self, *, told: Told, command: str = "") -> PaperTables:
        """Returns what it finds; `command` is the line that asked for it. Raises as `tables`."""
        return replace(
            self._dms(told) if self.paper == "dms" else self._areas(told), command=command
        )

    def _areas(self, told: Told) -> PaperTables:
        sets = self._evaluated(told)
        notes = [
            f"{name}: {note}" for name, evaluation in sets.items() for note in evaluation.notes
        ]
        if self.paper == "clib":
            return PaperTables(area_tables(sets, self.how.limits), notes)
        return PaperTables(optimization_tables(sets, max(self.how.limits), same=self.same), notes)

    def is_current(self, out: PathLike) -> bool:
        """Tells whether `out` holds these tables already.

        Raises InputError where an input lies there.
        """
        guard_report(out, self._record["inputs"])
        return is_current(out, fingerprint(self._record)) and summary_path(out).is_file()

    def write(self, found: PaperTables, out: PathLike) -> None:
        """Writes the tables and their sidecar.

        Raises WriteError, and InputError before anything is written over an input.
        """
        guard_report(out, self._record["inputs"])
        about = {
            "notes": list(found.notes),
            "tables": {table.name: table.note for table in found.tables},
        }
        write_tables(
            found.tables,
            out,
            summary=found.text(),
            record=self._record,
            command=found.command,
            found=about,
        )

    def _dms(self, told: Told) -> PaperTables:
        evidence = self.request.evidence()
        found = []
        if self.target is not None:
            found.append(agreement_table(evidence, self.target, match=self.request.match))
        for vectors in counted(evidence.recognizers, told, "tables", len(evidence.recognizers)):
            found.append(filter_table(evidence, vectors, self.how))
        missing = (
            []
            if self.target is not None
            else ["Table 4 (agreement) needs a target: labels in 0..1."]
        )
        return PaperTables(found, [*evidence.notes, *missing])

    def _evaluated(self, told: Told) -> Mapping[str, Evaluation]:
        """Set name -> evaluation; the files of a set are named by their stems, so that they mean
        the same in every set."""
        if not self.sets:
            return {"all": evaluate_evidence(self.request.evidence(), self.how, told=told)}
        names = [each.name for each in self.sets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"Each data set must have its own name (that of its folder), got {twice[0]!r}"
                " twice."
            )
        found = {}
        for each in counted(self.sets, told, "tables", len(self.sets)):
            asked = replace(
                self.request,
                quality=each.quality,
                embeddings=each.vectors(),
                pairs=each.pairs,
                faces=each.faces,
            )
            found[each.name] = evaluate_evidence(asked.evidence(), self.how, told=told)
        return found

    @cached_property
    def _record(self) -> dict[str, Any]:
        how = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self.how).items()
        }
        own = {"paper": self.paper, "target": plain(self.target), "same": self.same}
        own["data_set"] = [each.name for each in self.sets]
        inputs = hash_inputs([file for each in self.sets for file in each.files])
        inputs |= input_digests(
            self.request.quality,
            self.request.embeddings,
            self.request.pairs,
            self.request.faces,
            self.target,
        )
        return make_record(
            "tables",
            arguments={**self.request.arguments(), **how, **own},
            inputs=inputs,
            seed=self.how.seed,
            protocol=self.how.protocol,
        )


def _is_given(value: Any) -> bool:
    return value is not None and not (isinstance(value, list | tuple | dict) and not value)
