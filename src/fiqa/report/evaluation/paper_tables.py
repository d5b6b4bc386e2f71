"""The tables of a paper from their request to their folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from fiqa import checks
from fiqa.data.formats.source import write_whole
from fiqa.data.frames import Frame
from fiqa.data.store import hash_inputs, make_record
from fiqa.data.texts import write_text
from fiqa.data.times import read_times
from fiqa.errors import InputError
from fiqa.evaluation.data_set import DataSet, read_set
from fiqa.evaluation.groups import group_names
from fiqa.evaluation.papers.clib_fiqa import area_tables
from fiqa.evaluation.papers.dms_intervals import agreement_intervals
from fiqa.evaluation.papers.dmsfiqa import agreement_table, filter_table, target_of
from fiqa.evaluation.papers.domains import Domains, compare_domains, domain_table
from fiqa.evaluation.papers.label_optimization import optimization_pairs, optimization_tables
from fiqa.evaluation.papers.run_times import run_time_table
from fiqa.evaluation.request import Request, input_digests, plain
from fiqa.evaluation.result import Evaluation
from fiqa.evaluation.setting import Setting
from fiqa.functional.table import Table
from fiqa.progress import Told, counted
from fiqa.report.drawing import Plot
from fiqa.report.evaluation.curve_grid import curve_grid
from fiqa.report.evaluation.domains import domains_page, domains_plot, verdict_lines
from fiqa.report.evaluation.folder import guard_report, report_is_current, write_tables
from fiqa.report.evaluation.optimization import optimization_plot
from fiqa.report.evaluation.run import evaluate_evidence
from fiqa.report.evaluation.score_grid import score_grid
from fiqa.types import PathLike, Quality

__all__ = ["DEFAULT", "PAPERS", "Paper", "PaperTables", "TableRun"]

Paper = Literal["dms", "clib", "label-opt"]
PAPERS = ("dms", "clib", "label-opt")
"""The papers whose tables can be asked for: DmsFIQA, CLIB-FIQA, label optimization."""
DEFAULT = Setting(draws=0)
"""How areas are taken where nothing else is asked."""


@dataclass(frozen=True)
class PaperTables:
    """The tables of a paper.

    Attributes:
        tables: in the order of the paper.
        notes: sentences that a reader must know.
        command: that asked for them, "" for none.
        domains: what two domains differ in, where that was asked.
        plots: pictures of the paper that go with the tables.
    """

    tables: Sequence[Table]
    notes: Sequence[str]
    command: str = ""
    domains: Domains | None = None
    plots: Sequence[Plot] = ()

    def __repr__(self) -> str:
        names = ", ".join(table.name for table in self.tables)
        return f"PaperTables({names}; {len(self.notes)} notes)"

    def text(self) -> str:
        """Returns what a terminal shows."""
        notes = "\n".join(f"note: {note}" for note in self.notes)
        verdicts = [] if self.domains is None else ["\n".join(verdict_lines(self.domains))]
        return "\n\n".join([*verdicts, *(table.text() for table in self.tables), notes]).strip()


@dataclass(frozen=True, eq=False)
class TableRun:
    """The tables of a paper, decided and not begun.

    Attributes:
        paper: one of PAPERS.
        request: about what.
        setting: areas are taken.
        sets: whole data sets, in place of the request's data where there are any.
        target: labels to agree with.
        same: the recognizer that made the labels.
        rates: false match rates at which areas are taken, the setting's first.
        unit: column that says what is drawn as one where domains are compared.
        per: columns of the faces of which each value keeps its best K in Table 5.
        times: the table of run times of Table IV.
    """

    paper: str
    request: Request
    setting: Setting
    sets: Sequence[DataSet]
    target: Quality | PathLike | None
    same: str | None
    rates: Sequence[float] = ()
    unit: str | None = None
    per: Sequence[str] = ()
    times: PathLike | Frame | None = None

    @classmethod
    def of(
        cls,
        paper: str,
        request: Request,
        setting: Setting,
        data_set: Sequence[PathLike],
        target: Quality | PathLike | None,
        same: str | None,
        rates: Sequence[float] = (),
        unit: str | None = None,
        per: Sequence[str] = (),
        times: PathLike | Frame | None = None,
    ) -> TableRun:
        """Returns the run after refusing what would be passed over in silence; raises as
        fiqa.tables."""
        checks.choice(paper, "paper", PAPERS)
        areas = ("clib", "label-opt")
        owned: list[tuple[str, bool, tuple[str, ...]]] = [
            ("target", target is not None, ("dms",)),
            ("unit", unit is not None, ("dms",)),
            ("per", bool(per), ("dms",)),
            ("same", same is not None, ("label-opt",)),
            ("times", times is not None, ("label-opt",)),
            ("more than one fmr", len(set(rates)) > 1, ("clib",)),
        ]
        for name in ("fmr", "protocol", "start_fnmr", "limits"):
            owned.append((name, getattr(setting, name) != getattr(DEFAULT, name), areas))
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
        if unit is not None and not data_set:
            raise InputError("unit belongs to the comparison of data sets, got it without any.")
        for name, given in (("target", target is not None), ("per", bool(per))):
            if given and data_set:
                raise InputError(
                    f"{name} is for Tables 4 and 5, got it beside data sets, which make figures."
                )
        folders = [data_set] if isinstance(data_set, str) else data_set
        sets = [read_set(folder, vectors=paper != "dms") for folder in folders]
        once, columns = tuple(dict.fromkeys(rates)), (per,) if isinstance(per, str) else tuple(per)
        return cls(paper, request, setting, sets, target, same, once, unit, columns, times)

    def make(self, *, told: Told, command: str = "") -> PaperTables:
        """Returns what it finds; `command` is the line that asked for it. Raises as fiqa.tables."""
        return replace(
            self._areas(told)
            if self.paper != "dms"
            else self._domains()
            if self.sets
            else self._dms(told),
            command=command,
        )

    def _areas(self, told: Told) -> PaperTables:
        tables: list[Table] = []
        notes: list[str] = []
        drawn: list[Plot] = []
        rates = self.rates or (self.setting.fmr,)
        for rate in rates:
            sets = self._evaluated(replace(self.setting, fmr=rate), told)
            notes += [
                f"{name}: {note}" for name, evaluation in sets.items() for note in evaluation.notes
            ]
            if self.paper == "clib":
                made, grid = area_tables(sets, self.setting.limits), curve_grid(sets)
                # Scores are the same whatever the rate.
                drawn = drawn or [score_grid(name, each, list(sets)) for name, each in sets.items()]
                more = f"_fmr_{rate:g}" if len(rates) > 1 else ""
                drawn.append(replace(grid, name=f"{grid.name}{more}"))
            else:
                made = optimization_tables(sets, max(self.setting.limits), same=self.same)
                made += self._run_times(sets)
                drawn = [optimization_plot(name, each, list(sets)) for name, each in sets.items()]
            if len(rates) > 1:
                made = [
                    replace(
                        table,
                        name=f"{table.name}_fmr_{rate:g}",
                        title=f"FMR {rate:g}: {table.title}",
                    )
                    for table in made
                ]
            tables += made
        return PaperTables(tables, list(dict.fromkeys(notes)), plots=drawn)

    def _run_times(self, sets: Mapping[str, Evaluation]) -> list[Table]:
        """Table IV where there are run times."""
        if self.times is None:
            return []
        methods = dict.fromkeys(name for each in sets.values() for name in optimization_pairs(each))
        how = self.setting
        times = read_times(self.times)
        return [run_time_table(times, methods, draws=how.draws, level=how.level, seed=how.seed)]

    def is_current(self, out: PathLike) -> bool:
        """Tells whether `out` holds these tables already.

        Raises InputError where an input lies there.
        """
        return report_is_current(out, self._record)

    def write(self, made: PaperTables, out: PathLike) -> None:
        """Writes the tables and their sidecar.

        Raises WriteError, and InputError before anything is written over an input.
        """
        guard_report(out, self._record["inputs"])
        about = {
            "notes": list(made.notes),
            "tables": {table.name: table.note for table in made.tables},
            "plots": {plot.name: plot.caption for plot in made.plots},
        }
        for plot in made.plots:
            write_text(Path(out) / f"{plot.name}.svg", plot.svg)
            write_whole(Path(out) / f"{plot.name}.png", plot.png)
        if made.domains is not None:
            content = domains_page(made.domains, made.plots[0], command=made.command)
            write_text(Path(out) / "index.html", content)
        write_tables(
            made.tables,
            out,
            summary=made.text(),
            record=self._record,
            command=made.command,
            learned=about,
        )

    def _domains(self) -> PaperTables:
        asked = self.request
        domains = compare_domains(
            self.sets, self.setting, unit=self.unit, match=asked.match, flip=asked.flip
        )
        return PaperTables(
            [domain_table(domains)], domains.notes, domains=domains, plots=[domains_plot(domains)]
        )

    def _dms(self, told: Told) -> PaperTables:
        evidence = self.request.evidence()
        tables = []
        if self.target is not None:
            tables.append(agreement_table(evidence, self.target, match=self.request.match))
            if self.setting.draws:
                images = target_of(evidence, self.target, match=self.request.match)[1]
                tables.append(agreement_intervals(evidence, images, self.setting))
        groups = {name: group_names(evidence.manifest, name) for name in self.per}
        for vectors in counted(evidence.recognizers, told, "tables", len(evidence.recognizers)):
            tables.append(filter_table(evidence, vectors, self.setting, groups))
        missing = (
            []
            if self.target is not None
            else ["Table 4 (agreement) needs a target: labels in 0..1."]
        )
        return PaperTables(tables, [*evidence.notes, *missing])

    def _evaluated(self, setting: Setting, told: Told) -> Mapping[str, Evaluation]:
        """Set name -> evaluation; the files of a set are named by their stems, so that they mean
        the same in every set."""
        if not self.sets:
            return {"all": evaluate_evidence(self.request.evidence(), setting, told=told)}
        names = [each.name for each in self.sets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"Each data set must have its own name (that of its folder), got {twice[0]!r}"
                " twice."
            )
        evaluations = {}
        for each in counted(self.sets, told, "tables", len(self.sets)):
            asked = replace(
                self.request,
                quality=each.quality,
                embeddings=each.vectors(),
                pairs=each.pairs,
                faces=each.faces,
            )
            evaluations[each.name] = evaluate_evidence(asked.evidence(), setting, told=told)
        return evaluations

    @cached_property
    def _record(self) -> dict[str, Any]:
        own: dict[str, Any] = {"paper": self.paper, "target": plain(self.target), "same": self.same}
        if len(self.rates) > 1:
            own["rates"] = list(self.rates)
        if self.unit is not None:
            own["unit"] = self.unit
        if self.per:
            own["per"] = list(self.per)
        if self.times is not None:
            own["times"] = plain(self.times)
        own["data_set"] = [each.name for each in self.sets]
        inputs = hash_inputs([file for each in self.sets for file in each.files])
        inputs |= input_digests(
            self.request.quality,
            self.request.embeddings,
            self.request.pairs,
            self.request.faces,
            self.target,
            self.times,
        )
        return make_record(
            "tables",
            arguments={**self.request.arguments(), **self.setting.record(), **own},
            inputs=inputs,
            seed=self.setting.seed,
            protocol=self.setting.protocol,
        )


def _is_given(value: Any) -> bool:
    return value is not None and not (isinstance(value, list | tuple | dict) and not value)
