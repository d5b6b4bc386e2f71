"""Whole messages between two processes, each within a size and a time; what they hold is not looked
at here.

The pipes of the standard library wait for ever for the rest of a message that began, and for who
does not read: a process that means harm could hold up the one that waits for it.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["Buffer", "receive", "send"]

Buffer: TypeAlias = bytes | bytearray | memoryview
_LENGTH = struct.Struct(">Q")
_SMALL = 2**20
"""Bytes below which one copy is cheaper than waking the other side for each part."""


def send(wire: socket.socket, parts: Sequence[Buffer], *, until: float | None = None) -> None:
    """Sends one message.

    Args:
        wire: a stream to the other process.
        parts: bytes that make up the message, one after another.
        until: when all must be gone, on the clock of time.monotonic; None waits.

    Raises:
        TimeoutError: the other side did not take it in time.
        OSError: there is nobody any more.
    """
    size = sum(memoryview(part).nbytes for part in parts)
    message: list[Buffer] = [_LENGTH.pack(size), *parts]
    if size < _SMALL:
        message = [b"".join(message)]
    for part in message:
        wire.settimeout(_left(until))
        wire.sendall(part)


def receive(
    wire: socket.socket, *, most: int | None = None, until: float | None = None
) -> bytearray:
    """Returns the next message.

    Args:
        wire: as in send.
        most: bytes that it may have; None is any number.
        until: when all of it must be there; None waits.

    Raises:
        TimeoutError: it did not come in time.
        OSError: it is larger than it may be, or ends before its end.
        EOFError: there is nobody any more.
    """
    (size,) = _LENGTH.unpack(_exactly(wire, _LENGTH.size, until))
    if most is not None and size > most:
        raise OSError(f"A message must have at most {most} bytes, got {size}.")
    return _exactly(wire, size, until)


def _exactly(wire: socket.socket, size: int, until: float | None) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        wire.settimeout(_left(until))
        count = wire.recv_into(view[done:])
        if count == 0:
            raise EOFError("the other process is gone")
        done += count
    return data


def _left(until: float | None) -> float | None:
    """Seconds until then; raises TimeoutError where it is past, however much comes still."""
    left = None if until is None else until - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError("a message must be whole in time")
    return left
