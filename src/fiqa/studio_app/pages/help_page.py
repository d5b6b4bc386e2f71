"""The page Help: the keys of every page, and what the criteria mean."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fiqa.methods.dmsfiqa.criteria import FRONTAL, MET
from fiqa.studio_app.desk import Desk

__all__ = ["routes"]


def routes(desk: Desk) -> list[Route]:
    """Returns the address /help.

    Args:
        desk: what the pages share.
    """

    async def show(request: Request) -> Response:
        return desk.page(request, "help.html", page="help", title="Help", met=MET, frontal=FRONTAL)

    return [Route("/help", show)]
