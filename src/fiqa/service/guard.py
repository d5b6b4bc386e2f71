"""What stands before every address: the request's id, the token, the rate, the headers of every
response, one line of log."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
import uuid
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fiqa.service.access import Rate, Tokens
from fiqa.service.metrics import Metrics
from fiqa.service.problems import ProblemError, response
from fiqa.service.settings import LOOPBACK, ServiceSettings

__all__ = ["OPEN", "ROUTES", "SECURITY_HEADERS", "Guard", "check_host", "check_once"]

OPEN = ("/healthz", "/readyz")
"""Addresses that need no token: a load balancer has none."""
JOB = "/v1/jobs/{id}"
ROUTES = (
    *OPEN,
    "/metrics",
    "/openapi.json",
    "/v1/embed",
    JOB,
    "/v1/models",
    "/v1/score",
    "/v1/select",
)
SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Of every response, errors too."""
_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_REQUEST_ID = b"x-request-id"
_NAMES = {_REQUEST_ID, *(name for name, _ in _HEADERS)}

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("fiqa.service.access")


class Guard:
    """An application that lets through whom it should.

    Attributes:
        app: the application behind it.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: Metrics) -> None:
        self.app = app
        self._tokens, self._rate = Tokens(settings.tokens), Rate(settings.rate)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, headers = time.monotonic(), Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        state: dict[str, Any] = scope.setdefault("state", {})
        state |= {"request_id": request_id, "began": began}
        codes: list[int] = []

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                codes.append(message["status"])
                own = [pair for pair in message["headers"] if pair[0] not in _NAMES]
                message["headers"] = [*own, *_HEADERS, (_REQUEST_ID, request_id.encode())]
            await send(message)

        try:
            await self._pass(scope, receive, answer, headers)
        except ProblemError as problem:
            await response(problem, request_id)(scope, receive, answer)
        except asyncio.CancelledError:  # it stops, and this one did not end in time
            if not codes:
                told = ProblemError("stopping", "Ask again.", headers={"retry-after": "2"})
                await response(told, request_id)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - a fault of the service, told without its data
            _tell(error, request_id)
            if not codes:
                fault = ProblemError("internal", "The log of the service says more.")
                await response(fault, request_id)(scope, receive, answer)
        finally:
            self._told(scope, state, codes[0] if codes else 499, time.monotonic() - began)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        holder = None
        if scope["path"] not in OPEN:
            if self._tokens:
                holder = self._tokens.holder(headers.get("authorization"))
                if holder is None:
                    raise ProblemError(
                        "unauthorized",
                        "Send Authorization: Bearer TOKEN with the service's token.",
                        headers={"www-authenticate": "Bearer"},
                    )
            else:
                check_host(headers.get("host", ""))
            if seconds := self._rate.take(holder):
                raise ProblemError("rate", "Ask less often.", headers={"retry-after": str(seconds)})
        scope["state"]["holder"] = holder
        check_once(scope["query_string"])
        await self.app(scope, receive, send)

    def _told(self, scope: Scope, state: dict[str, Any], code: int, seconds: float) -> None:
        path = JOB if re.fullmatch(r"/v1/jobs/[^/]+", scope["path"]) else scope["path"]
        route = path if path in ROUTES else "other"
        self._metrics.request(route, code, seconds)
        method = (
            scope["method"] if scope["method"] in ("GET", "POST", "DELETE", "HEAD") else "other"
        )
        _log.info(
            "id=%s %s %s %d %.1fms images=%d",
            *(state["request_id"], method, route, code, 1000 * seconds, state.get("images", 0)),
        )


def check_host(host: str) -> None:
    """Refuses another Host than this machine's: without a token a page of another site must not get
    in by a name that it made lead here.

    Args:
        host: the header.

    Raises:
        ProblemError: it names another machine.
    """
    name = host.rpartition(":")[0] if re.search(r":\d*$", host) else host
    if name.strip("[]") not in LOOPBACK:
        raise ProblemError("host", f"Without a token Host must be one of: {', '.join(LOOPBACK)}.")


def check_once(query: bytes) -> None:
    """Refuses an option that is given twice: who reads the first and who reads the last would
    differ.

    Args:
        query: of the address.

    Raises:
        ProblemError: one is.
    """
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)] if b"&" in query else []
    if len(set(names)) < len(names):
        raise ProblemError("invalid", "Each option may be given once.")


def _tell(error: Exception, request_id: str) -> None:
    """Logs where a fault is; its message stays out, for it may repeat what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in reversed(frames[-4:]))
    _log.error("id=%s fault %s at %s", request_id, type(error).__name__, place)
