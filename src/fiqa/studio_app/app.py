"""The application of the studio: its pages behind their guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fiqa.errors import FiqaError, ReadError
from fiqa.service.problems import ProblemError, response
from fiqa.studio_app import desk as handlers
from fiqa.studio_app.desk import Desk, NoNameError, number
from fiqa.studio_app.guard import StudioGuard
from fiqa.studio_app.pages import compare, enter, help_page, look, review, templates
from fiqa.studio_app.store import StaleError
from fiqa.studio_app.thumbnails import SIDES

__all__ = ["PAGES", "build"]

PAGES = (enter, templates, review, look, compare, help_page)
"""Modules with a function `routes(desk)` each."""

_UNREADABLE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 112 112"><rect width="112" height="112"'
    b' fill="#888"/><path d="M30 30 82 82M82 30 30 82" stroke="#fff" stroke-width="6"/></svg>'
)


def build(
    desk: Desk,
    *,
    rate: float = 500.0,
    ready: Callable[[], None] | None = None,
) -> StudioGuard:
    """Returns the studio.

    Args:
        desk: what the pages share; it is closed when the application stops.
        rate: requests a second.
        ready: called when it takes requests.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if ready is not None:
            ready()
        yield
        desk.store.close()
        desk.pictures.close()

    handled: dict[Any, Any] = {
        ProblemError: _problem,
        HTTPException: _problem,
        StaleError: handlers.stale,
        NoNameError: handlers.nameless,
        FiqaError: handlers.refused,
    }
    routes = [route for page in PAGES for route in page.routes(desk)]
    app = Starlette(routes=[*routes, *_files(desk)], lifespan=lifespan, exception_handlers=handled)
    return StudioGuard(app, desk.tokens, desk.sessions, rate=rate)


def _files(desk: Desk) -> list[Route]:
    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in desk.static:
            raise ProblemError("not-found", "There is no such file.")
        content, kind = desk.static[name]
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    async def thumb(request: Request) -> Response:
        row = number(request.path_params["row"], "row", len(desk.faces))
        side = request.path_params["side"]
        if side not in SIDES:
            raise ProblemError("invalid", f"side: it must be one of {SIDES}.")
        try:
            content = await asyncio.to_thread(desk.pictures.of, desk.faces.sources[row], side)
        except ReadError:
            return Response(_UNREADABLE, media_type="image/svg+xml")
        kept = {"cache-control": "private, max-age=3600"}
        return Response(content, media_type="image/jpeg", headers=kept)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    return [
        Route("/static/{name}", static),
        Route("/thumb/{row:int}/{side:int}", thumb),
        Route("/healthz", healthz),
    ]


async def _problem(request: Request, error: Exception) -> Response:
    if isinstance(error, ProblemError):
        return response(error, request.state.request_id)
    kind = (
        "method" if isinstance(error, HTTPException) and error.status_code == 405 else "not-found"
    )
    return response(ProblemError(kind, "There is no such page."), request.state.request_id)
