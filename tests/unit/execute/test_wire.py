"""Messages between processes: whole, in bounds, and in time."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from fiqa.execute import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_messages_arrive_whole_and_in_order(pair):
    one, other = pair
    large = bytes(range(256)) * 20_000
    sender = threading.Thread(
        target=lambda: [wire.send(one, parts) for parts in ([], [b"a", b"", b"bc"], [large, large])]
    )
    sender.start()
    assert [wire.receive(other) for _ in range(3)] == [b"", b"abc", large * 2]
    sender.join(60)


def test_who_does_not_go_on_is_waited_for_until_then_alone(pair):
    one, other = pair
    one.sendall(struct.pack(">Q", 10) + b"123")
    with pytest.raises(TimeoutError):
        wire.receive(other, until=time.monotonic() + 0.1)
    with pytest.raises(TimeoutError):
        wire.send(one, [bytes(10_000_000)], until=time.monotonic() + 0.1)
    with pytest.raises(TimeoutError):
        wire.receive(one, until=time.monotonic() - 1)


def test_who_goes_on_and_on_is_waited_for_until_then_alone(pair):
    one, other = pair
    one.setblocking(False)

    class Dripping:
        """A socket whose other side sends a byte whenever one is read."""

        settimeout = other.settimeout

        def recv_into(self, buffer):
            one.send(b"x")
            return other.recv_into(buffer)

    one.sendall(struct.pack(">Q", 10**6))
    with pytest.raises(TimeoutError):
        wire.receive(Dripping(), until=time.monotonic() + 0.1)


def test_what_is_too_large_is_refused_before_it_is_there(pair):
    one, other = pair
    wire.send(one, [b"12345"])
    assert wire.receive(other, most=5) == b"12345"
    one.sendall(struct.pack(">Q", 2**60))
    with pytest.raises(OSError, match=r"at most 5 bytes, got 1152921504606846976"):
        wire.receive(other, most=5)


def test_a_message_that_ends_before_its_end_is_none(pair):
    one, other = pair
    one.sendall(struct.pack(">Q", 10) + b"123")
    one.close()
    with pytest.raises(EOFError):
        wire.receive(other)
