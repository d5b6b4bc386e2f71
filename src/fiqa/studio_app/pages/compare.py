"""The page Compare: two scores of the same faces, and the faces that they dispute."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fiqa.service.problems import ProblemError
from fiqa.studio_app.comparison import Comparison, compared
from fiqa.studio_app.desk import Desk

__all__ = ["routes"]

_SHOWN = 12
"""Disputed faces of each side."""


def routes(desk: Desk) -> list[Route]:
    """Returns the address /compare.

    Args:
        desk: what the pages share.
    """

    async def show(request: Request) -> Response:
        names = list(desk.faces.scores)
        told: dict[str, Any] = {"names": names, "found": None}
        if len(names) > 1:
            first = _chosen(request, "first", names, names[0])
            second = _chosen(request, "second", names, names[1])
            scores = desk.faces.scores
            found = compared(scores[first], scores[second])
            told |= {"found": found, "first": first, "second": second}
            told |= {"sides": _sides(desk, found, first, second), "marks": found.marks()}
        return desk.page(request, "compare.html", page="compare", title="Compare", **told)

    return [Route("/compare", show)]


def _chosen(request: Request, name: str, names: list[str], usual: str) -> str:
    """A score of the address; names come from the user's own tables, so a place is what is sent."""
    text = request.query_params.get(name, "")
    if not text:
        return usual
    if not text.isdecimal() or int(text) >= len(names):
        raise ProblemError("invalid", f"{name}: it must be a number below {len(names)}.")
    return names[int(text)]


def _sides(desk: Desk, found: Comparison, first: str, second: str) -> list[dict[str, Any]]:
    faces = desk.faces
    titles = (f"Better by {first} than by {second}", f"Better by {second} than by {first}")
    return [
        {
            "title": title,
            "faces": [
                {
                    "row": int(found.rows[place]), "name": faces.shown(int(found.rows[place])),
                    "shares": (float(found.first[place]), float(found.second[place])),
                    "values": tuple(
                        float(faces.scores[score][found.rows[place]]) for score in (first, second)
                    ),
                }
                for place in places.tolist()
            ],
        }
        for title, places in zip(titles, found.disputed(_SHOWN), strict=True)
    ]  # fmt: skip
