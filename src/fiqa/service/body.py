"""Bodies read from the stream, measured as they come, kept in memory alone.

The usual way of a web framework is not taken: it writes large parts to disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from starlette.requests import ClientDisconnect, Request

from fiqa.service.problems import ProblemError
from fiqa.service.settings import ServiceSettings

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["Bodies", "pictures_of"]

# what the parser says of a bad form would go to stderr, where nobody asks for it
logging.getLogger("python_multipart").addHandler(logging.NullHandler())
_HEADER_BYTES = 4096
"""Of the headers of one part."""


class Bodies:
    """The bodies that a service holds.

    Attributes:
        held: bytes of them all.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self.held = 0

    @asynccontextmanager
    async def read(self, request: Request, *, until: float) -> AsyncIterator[bytes]:
        """Yields the body of a request, and counts it as held meanwhile.

        Args:
            request: whose body was not read yet.
            until: when it must be there, on the clock of time.monotonic.

        Raises:
            ProblemError: too-large, slow-body, or busy where all bodies together are too large.
        """
        parts: list[bytes] = []
        try:
            await self._fill(parts, request, until)
            yield b"".join(parts)
        finally:
            self.held -= sum(map(len, parts))

    async def _fill(self, parts: list[bytes], request: Request, until: float) -> None:
        most, size = self._settings.max_body, 0
        large = ProblemError("too-large", f"A body has at most {most} bytes.")
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise large
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise large
                    if self.held + len(chunk) > self._settings.held:
                        raise ProblemError(
                            "busy", "Too many bytes wait already.", headers={"retry-after": "1"}
                        )
                    parts.append(chunk)
                    self.held += len(chunk)
        except TimeoutError as error:
            raise ProblemError("slow-body", "The whole body must come in time.") from error
        except ClientDisconnect as error:
            raise ProblemError("bad-body", "The client went away.") from error


def pictures_of(body: bytes, content_type: str, most: int) -> list[bytes]:
    """Returns the images of a body: itself, or the parts of a form.

    The file names of the parts are not read.

    Args:
        body: the whole of it.
        content_type: its header.
        most: images that a request may have.

    Raises:
        ProblemError: media-type, bad-body, too-large.
    """
    header = Message()
    header["content-type"] = content_type or "none"
    kind = header.get_content_type()
    if kind == "multipart/form-data":
        images = _parts(body, str(header.get_param("boundary", "")), most)
        if not images:
            raise ProblemError("bad-body", "A form must have at least one file.")
        return images
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [body]
    raise ProblemError(
        "media-type",
        "Content-Type must be image/*, application/octet-stream or multipart/form-data.",
    )


def _parts(body: bytes, boundary: str, most: int) -> list[bytes]:
    form = _Form(most)
    if not boundary or not boundary.isascii():
        raise ProblemError("bad-body", "multipart/form-data must have a boundary.")
    try:
        parser = MultipartParser(boundary.encode(), form.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise ProblemError("bad-body", "The form cannot be read.") from error
    if not form.ended:
        raise ProblemError("bad-body", "The form ends before its last boundary.")
    return form.images


class _Form:
    """Collects the parts of a form as the parser meets them."""

    def __init__(self, most: int) -> None:
        self.images: list[bytes] = []
        self.ended = False
        self._most, self._open = most, bytearray()
        self._header, self._is_file = bytearray(), False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._head,
            "on_header_value": self._head,
            "on_header_end": self._line,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.images) >= self._most:
            raise ProblemError("too-large", f"A request has at most {self._most} images.")
        self._open, self._header, self._is_file = bytearray(), bytearray(), False

    def _head(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end] + b" "
        if len(self._header) > _HEADER_BYTES:
            raise ProblemError("bad-body", "The headers of a part are too long.")

    def _line(self) -> None:
        line = bytes(self._header).lower()
        # a part without a file name is a field; its name and its file's name play no part
        self._is_file |= line.startswith(b"content-disposition") and b"filename" in line
        self._header = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._open += data[start:end]

    def _end(self) -> None:
        if not self._is_file:
            raise ProblemError(
                "bad-body", "Every part must be a file; options stand in the address."
            )
        self.images.append(bytes(self._open))

    def _finish(self) -> None:
        self.ended = True
