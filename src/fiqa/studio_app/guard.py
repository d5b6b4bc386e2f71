"""What stands before every page: the cookie or the token, where a form may come from, how often,
the headers of every response."""

from __future__ import annotations

import logging
import traceback
import uuid
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fiqa.service.access import Rate, Tokens
from fiqa.service.guard import SECURITY_HEADERS as OF_THE_SERVICE
from fiqa.service.guard import check_host
from fiqa.service.problems import ProblemError, response
from fiqa.studio_app.sessions import COOKIE, Session, Sessions

__all__ = ["OPEN", "SECURITY_HEADERS", "StudioGuard"]

OPEN = ("/enter", "/healthz")
"""Addresses without a session, besides /static/."""

SECURITY_HEADERS = {
    **OF_THE_SERVICE,
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
        " media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    # with no-referrer a browser sends the forms of these pages with the Origin "null"
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
"""Of every response. A route may say another cache-control."""

_log = logging.getLogger("fiqa.studio.access")


class StudioGuard:
    """An application that lets through whom it should.

    Attributes:
        app: the application behind it.
        sessions: the browsers that are in.
    """

    def __init__(
        self, app: ASGIApp, tokens: tuple[str, ...], sessions: Sessions, *, rate: float
    ) -> None:
        self.app, self.sessions = app, sessions
        self._tokens, self._rate, self._entering = Tokens(tokens), Rate(rate), Rate(5.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, codes = uuid.uuid4().hex, []
        scope.setdefault("state", {})["request_id"] = request_id

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                codes.append(message["status"])
                added = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    added.setdefault(name, value)
                added["x-request-id"] = request_id
            await send(message)

        try:
            await self._pass(scope, receive, answer, Headers(scope=scope))
        except ProblemError as problem:
            await response(problem, request_id)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - a fault of the studio, told without its data
            place = traceback.extract_tb(error.__traceback__)[-1]
            name = place.filename.rpartition("/")[2]
            _log.error(
                "id=%s fault %s at %s:%s", request_id, type(error).__name__, name, place.lineno
            )
            if not codes:
                fault = ProblemError("internal", "The log of the studio says more.")
                await response(fault, request_id)(scope, receive, answer)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        state: dict[str, Any] = scope["state"]
        if not self._tokens:
            check_host(headers.get("host", ""))
        session = self.sessions.of(_cookie(headers.get("cookie", "")))
        held = bool(self._tokens) and self._tokens.holder(headers.get("authorization")) is not None
        open_address = scope["path"] in OPEN or scope["path"].startswith("/static/")
        if session is None and not held and not open_address:
            if scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
                await RedirectResponse("/enter", 303)(scope, receive, send)
                return
            raise ProblemError("unauthorized", "Open the link that fiqa studio printed.")
        if scope["method"] not in ("GET", "HEAD") and not held:
            _check_origin(headers)
        rate = self._entering if scope["path"] == "/enter" else self._rate
        if seconds := rate.take(None):
            raise ProblemError("rate", "Ask less often.", headers={"retry-after": str(seconds)})
        # a program with the token says who decides in a header
        told = headers.get("x-annotator", "")
        state["session"] = session or Session(told or self.sessions.annotator)
        await self.app(scope, receive, send)


def _check_origin(headers: Headers) -> None:
    """A page of another site must not decide with the cookie of this one."""
    origin = headers.get("origin", "")
    if not origin or urlsplit(origin).netloc != headers.get("host", ""):
        raise ProblemError("host", "A form must come from a page of the studio.")


def _cookie(header: str) -> str | None:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    return cookies[COOKIE].value if COOKIE in cookies else None
