"""HTTP/1.1 on one connection: uvicorn's protocol over llhttp, with bounds of its own.

llhttp refuses what is ambiguous (a length beside chunks, two lengths, line ends that are none), but
it neither bounds what it collects, nor the time that it takes, nor looks at Host. That is done
here. One response is one write.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, cast

import httptools
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from fiqa.service.guard import SECURITY_HEADERS
from fiqa.service.problems import ProblemError, response

__all__ = ["HEADER_BYTES", "HEAD_SECONDS", "PIPELINED", "Protocol", "State"]

HEADER_BYTES = 16 * 1024
"""Of the first line and the headers of a request, and of whatever else comes without a body."""
HEAD_SECONDS = 30.0
"""In which the head of a request must come, while no other is worked on."""
PIPELINED = 8
"""Requests that may wait on a connection behind the one that is answered."""
_WRITTEN = 64 * 1024
"""Bytes from which on a write does not wait for what follows it."""


class State(ServerState):
    """What the connections of a server share.

    Attributes:
        stopping: whether no new one is taken any more.
    """

    stopping = False


class Protocol(HttpToolsProtocol):
    """One connection. What breaks a bound is answered with a problem, and the connection is
    closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins.

        Args:
            transport: of the connection.
        """
        joined = _Joined(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(cast("asyncio.Transport", joined))
        self._in_head = self._heard = False
        self._silent = self._size = self._hosts = 0
        self._most, self.limit_concurrency = self.limit_concurrency, None
        self._clock: asyncio.TimerHandle | None = None
        self._wind()
        if getattr(self.server_state, "stopping", False):
            # it came while the server closed its door, and would be told of no stop
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends.

        Args:
            exc: why, None where one side closed it.
        """
        self._unwind()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came.

        Args:
            data: any part of any number of requests.
        """
        rest: bytes | None = data
        while rest is not None:
            rest = self._feed(rest)
        # what a parser collects without giving it on is bounded, whatever it may be
        self._silent = 0 if self._heard else self._silent + len(data)
        if self._silent > HEADER_BYTES and not self.transport.is_closing():
            self._refuse()
        if self._rests() and self._clock is None:
            self._wind()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; it may still read. Returns True: what it asked is answered, and
        it is this side that hangs up."""
        if self._in_head if self._rests() else self.cycle.more_body:
            self._refuse()  # it ends before its end
        elif self._rests():
            self.transport.close()
        else:
            self.cycle.keep_alive = False
        return True

    def _rests(self) -> bool:
        """Whether no request is worked on."""
        return self.cycle is None or self.cycle.response_complete

    def _wind(self) -> None:
        self._clock = self.loop.call_later(HEAD_SECONDS, self._late)

    def _unwind(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        self._clock = None
        if self._in_head and not self.transport.is_closing():
            self._tell("slow-request", f"The headers must come in {HEAD_SECONDS:g} seconds.")
        self.transport.close()

    def _feed(self, data: bytes) -> bytes | None:
        """Gives data to the parser; returns what is left to be read where it was the request for
        another protocol. There is none, so the request is read again as if it had not asked."""
        self._unset_keepalive_if_required()
        self._heard = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse()
        except httptools.HttpParserUpgrade as upgrade:
            version = self.parser.get_http_version().encode()
            head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
            for name, value in self.headers:
                if name != b"upgrade":
                    head += [name, b": ", value, b"\r\n"]
            self.parser = httptools.HttpRequestParser(self)
            return b"".join([*head, b"\r\n", data[upgrade.args[0] :]])
        return None

    def _refuse(self) -> None:
        self._tell("bad-request", "It must be HTTP, within the bounds of this service.")

    def _tell(self, kind: str, detail: str) -> None:
        """Answers what no application sees, and hangs up."""
        told = _problem(ProblemError(kind, detail, headers={"connection": "close"}))
        fields = [*self.server_state.default_headers, *told.raw_headers]
        head = b"".join(b"%b: %b\r\n" % pair for pair in fields)
        self.transport.write(STATUS_LINE[told.status_code] + head + b"\r\n" + bytes(told.body))
        self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._size, self._hosts = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """Takes a part of the first line.

        Args:
            url: it.
        """
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header; what comes after the body is none.

        Args:
            name: as it was written.
            value: as it was written.
        """
        self._count(len(name) + len(value) + 4)
        if self._in_head:
            self._hosts += name.lower() == b"host"
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers are there: the request goes to the application."""
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("this is no proxy")
        if self.parser.should_upgrade():
            return
        needed = self.parser.get_http_version() != "1.0"
        if not needed <= self._hosts <= 1:
            raise ValueError("a request must name one host")
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests wait on one connection")
        self._in_head, self._heard = False, True
        self._unwind()
        many = self._most is not None and max(len(self.connections), len(self.tasks)) >= self._most
        self.app = _full if many else self.config.loaded_app
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body.

        Args:
            body: it.
        """
        self._heard = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request ends."""
        if not self.parser.should_upgrade():
            self._heard = True
            super().on_message_complete()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > HEADER_BYTES:
            raise ValueError("the headers are too long")


def _problem(error: ProblemError) -> Response:
    """The response to what no guard sees."""
    request_id = uuid.uuid4().hex
    told = response(error, request_id)
    told.headers.update(SECURITY_HEADERS | {"x-request-id": request_id})
    return told


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a server that has as many connections as it may."""
    wait = {"retry-after": "1"}
    await _problem(ProblemError("busy", "Too many connections.", headers=wait))(
        scope, receive, send
    )


class _Joined:
    """A transport that sends at once what is written without a pause in between."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _WRITTEN:
            self._send()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
