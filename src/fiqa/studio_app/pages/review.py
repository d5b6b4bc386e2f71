"""The page Review: faces from worst to best, findings and tracks, each with a decision."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fiqa import checks
from fiqa.data.manifest import to_frame
from fiqa.data.tables import write_rows
from fiqa.errors import InputError
from fiqa.service.problems import ProblemError
from fiqa.studio_app import corrections
from fiqa.studio_app.desk import Desk, number
from fiqa.studio_app.pages.paging import address, paged
from fiqa.studio_app.pages.tracks import tracks
from fiqa.studio_app.sessions import annotator_name
from fiqa.studio_app.store import Decision
from fiqa.vocabulary import ADVICE, LEVELS, REMEDIES

__all__ = ["routes"]

_PAGE = 48
_FINDINGS = 24
_LOG = 200
_VALUES = 500
"""Values of a column that a list offers."""


def routes(desk: Desk) -> list[Route]:
    """Returns the addresses under /review.

    Args:
        desk: what the pages share.
    """
    page = _Review(desk)
    return [
        Route("/review", page.listing),
        Route("/review/findings", page.findings),
        Route("/review/tracks", tracks(desk)),
        Route("/review/log", page.log),
        Route("/review/decide", page.decide, methods=["POST"]),
        Route("/review/undo", page.undo, methods=["POST"]),
        Route("/review/{table}.csv", page.export),
    ]


class _Review:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.faces, self.store = desk, desk.faces, desk.store
        score = self.faces.score
        if not np.isfinite(score).any():
            score = self.faces.about["label"].fill_null(np.nan).to_numpy()
        self.score = score
        # faces without a number stand at the worst end: something is wrong with each
        self.worst = np.argsort(np.nan_to_num(score, nan=-np.inf), kind="stable")
        groups = {name: self.faces.carried[name] for name in self.faces.carried.columns}
        self.groups = {
            name: values
            for name, column in groups.items()
            if not column.dtype.is_nested()
            and len(values := column.cast(pl.String).fill_null("").unique().sort()) <= _VALUES
        }

    async def listing(self, request: Request) -> Response:
        self.desk.annotator(request)
        asked = request.query_params
        person = self._choice(asked.get("person", ""), "person", len(self.faces.people))
        reason = asked.get("reason", "")
        group, value = asked.get("group", ""), asked.get("value", "")
        if reason:
            checks.choice(reason, "reason", ADVICE)
        if group:
            checks.choice(group, "group", self.groups)
        order = checks.choice(asked.get("order") or "worst", "order", ("worst", "best"))
        at_value = self._choice(value, "value", len(self.groups[group])) if group else None
        rows = await asyncio.to_thread(self._rows, person, reason, group, at_value, order)
        pages, at = paged(request, len(rows), _PAGE)
        return self.desk.page(
            request,
            "review.html",
            page="review",
            title="Review",
            cards=self._cards(rows[(at - 1) * _PAGE : at * _PAGE]),
            count=len(rows),
            scored=bool(np.isfinite(self.score).any()),
            at=at,
            pages=pages,
            here=address(request),
            asked={"person": person, "reason": reason, "group": group, "value": at_value,
                   "order": order},
            people=self.faces.people,
            reasons=ADVICE,
            levels=LEVELS,
            groups=self.groups,
        )  # fmt: skip

    async def findings(self, request: Request) -> Response:
        self.desk.annotator(request)
        decided = self.store.current("finding")
        pages, at = paged(request, len(self.faces.findings), _FINDINGS)
        found = list(enumerate(self.faces.findings))[(at - 1) * _FINDINGS : at * _FINDINGS]
        cards = [
            {
                "place": place,
                "row": row,
                "other": self.faces.row_of.get(finding.other_id),
                "finding": finding,
                "decision": decided.get(corrections.finding_key(finding)),
                "version": self.store.version("finding", corrections.finding_key(finding)),
            }
            for place, (row, finding) in found
        ]
        return self.desk.page(
            request, "review_findings.html", page="review", title="Findings", cards=cards, at=at,
            pages=pages, count=len(self.faces.findings), here=address(request),
            remedies=REMEDIES,
            decided=sum(corrections.finding_key(f) in decided for _, f in self.faces.findings),
        )  # fmt: skip

    async def log(self, request: Request) -> Response:
        self.desk.annotator(request)
        rows = await asyncio.to_thread(self.store.log, newest_first=True)
        apart = corrections.strangers(self.faces, rows)
        return self.desk.page(
            request, "review_log.html", page="review", title="Decisions", rows=rows[:_LOG],
            count=len(rows), apart=apart, words={row.seq: _in_words(row) for row in rows[:_LOG]},
        )  # fmt: skip

    async def decide(self, request: Request) -> Response:
        who, form = self.desk.annotator(request), await self.desk.form(request)
        kind = checks.choice(str(form.get("kind")), "kind", corrections.KINDS)
        version = number(form.get("version"), "version", 2**62)
        subject, value = self._asked(kind, form)
        added = await asyncio.to_thread(self.store.add, who, kind, subject, value, before=version)
        return JSONResponse({"version": added.seq, "value": value})

    async def undo(self, request: Request) -> Response:
        who = self.desk.annotator(request)
        undone = await asyncio.to_thread(self.store.undo, who, corrections.KINDS)
        if undone is None:
            raise ProblemError("invalid", "There is nothing to undo.")
        return JSONResponse({"version": undone.seq, "kind": undone.kind})

    async def export(self, request: Request) -> Response:
        name = request.path_params["table"]
        made = {
            "labels": lambda: corrections.person_labels(self.faces, self.store),
            "faces": lambda: to_frame(corrections.corrected_faces(self.faces, self.store)),
            "findings": lambda: corrections.decided_findings(self.faces, self.store),
            "decisions": lambda: corrections.decision_log(self.store.log()),
        }
        if name not in made:
            raise ProblemError("not-found", f"There are {', '.join(made)}.")
        stream = io.BytesIO()
        write_rows(await asyncio.to_thread(made[name]), stream, ".csv")
        saved = {"content-disposition": f'attachment; filename="{name}.csv"'}
        return Response(stream.getvalue(), media_type="text/csv", headers=saved)

    def _asked(self, kind: str, form: dict[str, Any]) -> tuple[str, Any]:
        """The subject and the value of a decision that a page asks for, both checked."""
        value = form.get("value")
        if kind == "finding":
            place = number(form.get("place"), "place", len(self.faces.findings))
            finding = self.faces.findings[place][1]
            checks.choice(str(value), "value", ("accepted", "rejected"))
            return corrections.finding_key(finding), value
        if kind in ("split", "merge"):
            return self._asked_of_track(kind, form)
        row = number(form.get("row"), "row", len(self.faces))
        if kind == "level":
            checks.choice(str(value), "level", LEVELS)
        elif kind == "identity":
            value = annotator_name(str(value))
        else:
            value = list(value) if isinstance(value, list) else [value]
            for code in value:
                checks.choice(str(code), "reason", ADVICE)
        return self.faces.ids[row], value

    def _asked_of_track(self, kind: str, form: dict[str, Any]) -> tuple[str, Any]:
        now = corrections.tracks_now(self.faces, self.store)
        if kind == "merge":
            names = sorted(set(now.tolist()) - {""})
            one, two = str(form.get("track")), str(form.get("value"))
            checks.choice(one, "track", names)
            checks.choice(two, "track", names)
            if one == two:
                raise InputError(f"A track must be merged into another one, got {one!r} twice.")
            return one, two
        row = number(form.get("row"), "row", len(self.faces))
        origin = str(self.faces.track[row]) if self.faces.track is not None else ""
        if not origin:
            raise InputError("Only a face of a track can begin a new one; this one has none.")
        before = self.store.current("split").get(origin)
        starts = [] if before is None else before.value
        return origin, sorted({*starts, self.faces.ids[row]})

    def _rows(
        self, person: int | None, reason: str, group: str, value: int | None, order: str
    ) -> NDArray[np.int64]:
        """The rows of a page's filter, in its order."""
        kept = np.ones(len(self.faces), bool)
        if person is not None:
            name = self.faces.people[person]
            kept &= self.faces.manifest.identity == name
            for subject, decision in self.store.current("identity").items():
                if subject in self.faces.row_of:
                    kept[self.faces.row_of[subject]] = decision.value == name
        if reason:
            named = self.faces.about["reasons"].list.contains(reason).to_numpy().copy()
            for subject, decision in self.store.current("reasons").items():
                if subject in self.faces.row_of:
                    named[self.faces.row_of[subject]] = reason in decision.value
            kept &= named
        if group and value is not None:
            words = self.faces.carried[group].cast(pl.String).fill_null("")
            kept &= (words == self.groups[group][value]).to_numpy()
        rows = self.worst[kept[self.worst]]
        return rows if order == "worst" else rows[::-1]

    def _cards(self, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
        cards = []
        for row in rows.tolist():
            name = self.faces.ids[row]
            newest = {k: self.store.newest(k, name) for k in ("level", "reasons", "identity")}
            said = {k: None if d is None else d.value for k, d in newest.items()}
            level = said["level"] or self.faces.about["level"][row]
            reasons = said["reasons"]
            score = float(self.score[row])
            cards.append(
                {
                    "row": row,
                    "id": name,
                    "score": score if np.isfinite(score) else None,
                    "status": str(self.faces.manifest.status[row]),
                    "level": level or self.faces.about["label_level"][row],
                    "reasons": self.faces.about["reasons"][row].to_list()
                    if reasons is None
                    else reasons,
                    "identity": said["identity"] or str(self.faces.manifest.identity[row]),
                    "corrected": [k for k, value in said.items() if value is not None],
                    "versions": {k: 0 if d is None else d.seq for k, d in newest.items()},
                }
            )
        return cards

    def _choice(self, text: str, name: str, below: int) -> int | None:
        return None if not text else number(text, name, below)


def _in_words(decision: Decision) -> tuple[str, str]:
    """What a decision is about, and its value, as a person reads them."""
    subject, value = decision.subject, decision.value
    if decision.kind == "finding":
        issue, name, other = json.loads(subject)
        subject = f"{issue.replace('_', ' ')}: {name}{f' = {other}' if other else ''}"
    if decision.kind == "template" and value is not None:
        return subject, ", ".join(value["ids"]) or "none fits"
    if isinstance(value, list):
        return subject, ", ".join(map(str, value)) or "none"
    return subject, "taken back" if value is None else str(value)
