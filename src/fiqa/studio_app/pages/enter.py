"""The door: the link that works once, the form for the token, and the name of the annotator."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fiqa.errors import InputError
from fiqa.service.access import Tokens
from fiqa.studio_app.desk import MAX_FORM, Desk, body, session_of
from fiqa.studio_app.sessions import COOKIE, annotator_name

__all__ = ["routes"]


def routes(desk: Desk) -> list[Route]:
    """Returns the addresses /, /enter, /who and /leave.

    Args:
        desk: what the pages share.
    """
    tokens = Tokens(desk.tokens)

    async def home(_: Request) -> Response:
        return RedirectResponse("/templates", 303)

    async def enter(request: Request) -> Response:
        given = request.query_params.get("code", "")
        right = desk.sessions.spend(given) if given else not tokens
        told = "That link has been used, or is of another run." if given and not right else ""
        if request.method == "POST":
            token = (await _fields(request)).get("token", "")
            right = tokens.holder(f"Bearer {token}") is not None
            told = "" if right else "That is not the token."
        if not right:
            status = 403 if told else 401
            return desk.page(request, "enter.html", status, page="", title="Enter", told=told)
        answer = RedirectResponse("/templates" if desk.sessions.annotator else "/who", 303)
        cookie = desk.sessions.begin()
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=secure)
        return answer

    async def who(request: Request) -> Response:
        told, status = "", 200
        if request.method == "POST":
            try:
                session_of(request).annotator = annotator_name(
                    (await _fields(request)).get("name", "")
                )
                return RedirectResponse("/templates", 303)
            except InputError as error:
                told, status = error.message, 422
        known = desk.store.annotators("template")
        return desk.page(
            request, "who.html", status, page="", title="Who are you?", told=told, known=known
        )

    async def leave(request: Request) -> Response:
        desk.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/enter", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    return [
        Route("/", home),
        Route("/enter", enter, methods=["GET", "POST"]),
        Route("/who", who, methods=["GET", "POST"]),
        Route("/leave", leave, methods=["POST"]),
    ]


async def _fields(request: Request) -> dict[str, str]:
    text = (await body(request, MAX_FORM)).decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(text).items()}
