"""The page Review."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fiqa.studio_app.desk import Desk

__all__ = ["routes"]


def routes(desk: Desk) -> list[Route]:
    """Returns the address /review.

    Args:
        desk: what the pages share.
    """

    async def show(request: Request) -> Response:
        return desk.page(request, "review.html", page="review", title="Review")

    return [Route("/review", show)]
