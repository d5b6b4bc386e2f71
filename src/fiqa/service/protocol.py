"""HTTP/1.1 on one connection: uvicorn's protocol over llhttp, with bounds of its own.

llhttp refuses what is ambiguous (a length beside chunks, two lengths, line ends that are none), but
it neither bounds what it collects nor looks at Host. That is done here. One response is one write.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEADER_BYTES", "PIPELINED", "Protocol"]

HEADER_BYTES = 16 * 1024
"""Of the first line and the headers of a request, and of whatever else comes without a body."""
PIPELINED = 8
"""Requests that may wait on a connection behind the one that is answered."""
_WRITTEN = 64 * 1024
"""Bytes from which on a write does not wait for what follows it."""


class Protocol(HttpToolsProtocol):
    """One connection. What breaks a bound is answered with 400, and the connection is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins.

        Args:
            transport: of the connection.
        """
        joined = _Joined(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(cast("asyncio.Transport", joined))
        self._in_head = self._heard = False
        self._silent = self._size = self._hosts = 0

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
        self.send_400_response("Invalid HTTP request received.")

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
