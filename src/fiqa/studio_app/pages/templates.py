"""The page Templates: each person's candidates side by side, one key to choose."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fiqa.data.tables import write_rows
from fiqa.service.problems import ProblemError
from fiqa.studio_app.desk import Desk, number
from fiqa.studio_app.people import Proposals, agreement, exported
from fiqa.studio_app.store import Decision

__all__ = ["routes"]

_PAGE = 100
_KIND = "template"


def routes(desk: Desk) -> list[Route]:
    """Returns the addresses under /templates.

    Args:
        desk: what the pages share.
    """
    page = _Templates(desk)
    return [
        Route("/templates", page.listing),
        Route("/templates/export.csv", page.export),
        Route("/templates/undo", page.undo, methods=["POST"]),
        Route("/templates/{person:int}", page.person),
        Route("/templates/{person:int}/choose", page.choose, methods=["POST"]),
    ]


class _Templates:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.proposals = desk, Proposals(desk.faces)
        self.place = {person: k for k, person in enumerate(self.proposals.people)}

    async def listing(self, request: Request) -> Response:
        name = self.desk.annotator(request)
        people, faces = self.proposals.people, self.desk.faces
        own = self.desk.store.current(_KIND, scope=name)
        pages = max(1, -(-len(people) // _PAGE))
        at = number(request.query_params.get("page", "1"), "page", pages + 1, least=1)
        rows = [
            (person, faces.people[person], own.get(faces.people[person]), self._first(person))
            for person in people[(at - 1) * _PAGE : at * _PAGE]
        ]
        others = [who for who in self.desk.store.annotators(_KIND) if who != name]
        return self.desk.page(
            request,
            "templates_list.html",
            page="templates",
            title="Templates",
            rows=rows,
            at=at,
            pages=pages,
            done=self._done(own),
            total=len(people),
            following=self._undecided(own, -1),
            agreements=[agreement(self.proposals, self.desk.store, name, who) for who in others],
            people=faces.people,
        )

    async def person(self, request: Request) -> Response:
        name, person = self.desk.annotator(request), self._known(request)
        faces, place = self.desk.faces, self.place[person]
        own = self.desk.store.current(_KIND, scope=name)
        newest = self.desk.store.newest(_KIND, faces.people[person], scope=name)
        decision = own.get(faces.people[person])
        around = self.proposals.people
        return self.desk.page(
            request,
            "templates.html",
            page="templates",
            title=f"Templates of {faces.people[person]}",
            person=person,
            name=faces.people[person],
            candidates=await asyncio.to_thread(self.proposals.of, person),
            ids=faces.ids,
            chosen=set() if decision is None else set(decision.value["ids"]),
            elsewhere=self.proposals.elsewhere(person, decision),
            decided=decision is not None,
            version=0 if newest is None else newest.seq,
            images=len(faces.rows_of_person[person]),
            segmented=self.proposals.segmented,
            before=around[place - 1] if place else None,
            after=around[place + 1] if place + 1 < len(around) else None,
            following=self._undecided(own, place),
            number=place + 1,
            done=self._done(own),
            total=len(around),
        )

    async def choose(self, request: Request) -> Response:
        name, person = self.desk.annotator(request), self._known(request)
        form, faces = await self.desk.form(request), self.desk.faces
        rows = self.proposals.rows[person]
        version = number(form.get("version"), "version", 2**62)
        subject = faces.people[person]
        ids: list[str] = []
        if form.get("place") is not None:
            row = rows[number(form["place"], "place", len(rows))]
            ids = self._with(name, subject, row) if self.proposals.segmented else [faces.ids[row]]
        place_of = {faces.ids[row]: place for place, row in enumerate(rows)}
        ids = sorted(ids, key=lambda chosen: place_of.get(chosen, len(rows)))
        value = {"ids": ids, "places": [place_of[k] for k in ids if k in place_of]}
        added = await asyncio.to_thread(
            self.desk.store.add, name, _KIND, subject, value, before=version, scope=name
        )
        return JSONResponse(self._told(name, person, added))

    async def undo(self, request: Request) -> Response:
        name = self.desk.annotator(request)
        undone = await asyncio.to_thread(self.desk.store.undo, name, [_KIND])
        if undone is None:
            raise ProblemError("invalid", "There is nothing to undo.")
        person = self.desk.faces.person_of.get(undone.subject, -1)
        told = self._told(name, person, undone)
        return JSONResponse({**told, "person": person if person in self.place else None})

    async def export(self, request: Request) -> Response:
        name = request.query_params.get("annotator") or self.desk.annotator(request)
        table = exported(self.proposals, self.desk.store.current(_KIND, scope=name))
        stream = io.BytesIO()
        write_rows(table, stream, ".csv")
        saved = {"content-disposition": 'attachment; filename="templates.csv"'}
        return Response(stream.getvalue(), media_type="text/csv", headers=saved)

    def _known(self, request: Request) -> int:
        person = number(request.path_params["person"], "person", len(self.desk.faces.people))
        if person not in self.place:
            raise ProblemError("not-found", "This person has no candidates.")
        return person

    def _with(self, name: str, subject: str, row: int) -> list[str]:
        """The ids that are chosen when a key of one is pressed: of each segment one, a second
        press takes it away."""
        faces, segment_of = self.desk.faces, self.proposals.segment_of
        decision = self.desk.store.current(_KIND, scope=name).get(subject)
        before: list[str] = [] if decision is None else decision.value["ids"]
        if faces.ids[row] in before:
            return [chosen for chosen in before if chosen != faces.ids[row]]
        kept = [
            chosen
            for chosen in before
            if chosen not in faces.row_of or segment_of(faces.row_of[chosen]) != segment_of(row)
        ]
        return [*kept, faces.ids[row]]

    def _told(self, name: str, person: int, decision: Decision) -> dict[str, Any]:
        own, known = self.desk.store.current(_KIND, scope=name), person in self.place
        return {
            "version": decision.seq,
            "places": self.proposals.places(person, decision) if known else [],
            "elsewhere": self.proposals.elsewhere(person, decision) if known else [],
            "done": self._done(own),
        }

    def _done(self, own: Any) -> int:
        return sum(self.desk.faces.people[person] in own for person in self.proposals.people)

    def _undecided(self, own: Any, place: int) -> int | None:
        """The next person without a decision after a place, from the beginning again."""
        people = self.proposals.people
        order = [*people[place + 1 :], *people[: place + 1]]
        return next((n for n in order if self.desk.faces.people[n] not in own), None)

    def _first(self, person: int) -> int:
        return self.proposals.rows[person][0]
