"""The page Look: a photograph or the camera of this browser, looked at and not kept."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fiqa.data.images import Limits
from fiqa.service.problems import ProblemError
from fiqa.studio_app.desk import Desk, body
from fiqa.studio_app.looker import Looker

__all__ = ["MAX_FRAME", "MAX_PHOTO", "routes"]

MAX_PHOTO = 20 * 2**20
"""Bytes of a photograph."""
MAX_FRAME = 2**20
"""Bytes of a frame of a camera."""


def routes(desk: Desk) -> list[Route]:
    """Returns the addresses /look, /look/photo and /look/frame.

    Args:
        desk: what the pages share.
    """
    looker = Looker(desk.options.get("model"), desk.options.get("limits") or Limits())

    async def show(request: Request) -> Response:
        return desk.page(request, "look.html", page="look", title="Look")

    async def photo(request: Request) -> Response:
        content = await body(request, MAX_PHOTO)
        return JSONResponse(await asyncio.to_thread(looker.photograph, content))

    async def frame(request: Request) -> Response:
        content = await body(request, MAX_FRAME)
        told = await asyncio.to_thread(looker.frame, content)
        if told is None:
            raise ProblemError("busy", "A frame came too early.", headers={"retry-after": "1"})
        return JSONResponse(told)

    return [
        Route("/look", show),
        Route("/look/photo", photo, methods=["POST"]),
        Route("/look/frame", frame, methods=["POST"]),
    ]
