"""Requests as bytes on a socket: bounds, what is ambiguous, what comes in pieces and in a row."""

# ruff: noqa: E402 - the extra is asked for first
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import pytest

for package in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
    pytest.importorskip(package, reason="needs the extra service")

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse

from fiqa.service.guard import SECURITY_HEADERS
from fiqa.service.protocol import HEADER_BYTES, PIPELINED
from fiqa.service.server import listening, server_of

END = b"GET /end HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
HEAD = b"POST /a?b=1 HTTP/1.1\r\nhost: h\r\n"


async def echo(scope, receive, send) -> None:
    """Answers with what it got: method, address, number of headers, body; None where it broke."""
    if scope["type"] != "http":
        return
    request = Request(scope, receive)
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    asked = f"{request.method} {request.url.path}?{request.url.query}"
    await PlainTextResponse(f"{asked} {len(request.headers)} {body.decode()}")(scope, receive, send)


@contextmanager
def running(connections: int = 100) -> Iterator[tuple[Any, int]]:
    """A server of `echo`, and where it listens."""
    with listening("127.0.0.1", 0) as listener:
        server: Any = server_of(echo, connections=connections, seconds=5)
        server.config.lifespan = "off"
        server.capture_signals = nullcontext
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server, listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a server of `echo` listens."""
    with running() as (_, own):
        yield own


def answers(port: int, *parts: bytes) -> list[str]:
    """Sends parts with a pause in between, then a last request that ends the connection; returns
    status and last line of each response but the last one's."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):  # the server hung up: what it answered is still there
            for part in (*parts, END):
                connection.sendall(part)
                time.sleep(0.01)
        told = told_by(connection)
    each = told.split("HTTP/1.1 ")[1:]
    lines = [f"{text[:3]} {problem_of(text) or text.rpartition(chr(10))[2]}" for text in each]
    return lines[:-1] if lines[-1:] == ["200 GET /end? 2 "] else lines


def problem_of(text: str) -> str:
    """The kind of a problem; "" for a response that is none."""
    if "\ncontent-type: application/problem+json\r" not in text:
        return ""
    told = json.loads(text.rpartition("\n")[2])
    assert set(told) == {"type", "title", "status", "detail", "request_id"}
    assert f"x-request-id: {told['request_id']}\r" in text
    assert int(text[:3]) == told["status"]
    for name, value in SECURITY_HEADERS.items():
        assert f"\n{name}: {value}\r" in text
    return told["type"].rpartition(":")[2]


def told_by(connection: socket.socket) -> str:
    """What comes until the other side hangs up."""
    told = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65536):
            told += chunk
    return told.decode()


REFUSED = "400 bad-request"


def test_a_request_comes_whole_or_in_pieces_or_behind_another(port):
    one = HEAD + b"content-length: 3\r\n\r\nxyz"
    told = "200 POST /a?b=1 2 xyz"
    assert answers(port, one) == [told]
    assert answers(port, *(one[i : i + 1] for i in range(len(one)))) == [told]
    assert answers(port, one + one, one) == [told] * 3
    chunks = HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n"
    assert answers(port, chunks + one) == [told] * 2
    waits = HEAD + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    assert answers(port, waits, b"xyz") == ["100 ", "200 POST /a?b=1 3 xyz"]


def test_headers_have_a_bound_however_they_come(port):
    fits = b"a: " + b"x" * (HEADER_BYTES - 100) + b"\r\n"
    assert answers(port, HEAD + fits + b"\r\n") == ["200 POST /a?b=1 2 "]
    long = b"a: " + b"x" * HEADER_BYTES + b"\r\n\r\n"
    many = b"a: b\r\n" * (HEADER_BYTES // 6) + b"\r\n"
    for headers in (long, many):
        assert answers(port, HEAD + headers) == [REFUSED]
        pieces = (headers[i : i + 1000] for i in range(0, len(headers), 1000))
        assert answers(port, HEAD, *pieces) == [REFUSED]
    assert answers(port, HEAD.replace(b"/a", b"/a" * HEADER_BYTES) + b"\r\n") == [REFUSED]


def test_a_head_that_never_ends_is_cut_off(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(HEAD + b"a: ")
        sent = 0
        with suppress(OSError):
            while sent < 10 * HEADER_BYTES:
                connection.sendall(b"x" * 1024)
                sent += 1024
                time.sleep(0.01)
        assert HEADER_BYTES / 2 < sent < 10 * HEADER_BYTES, "it hung up on the way"


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"content-length: 3\r\ncontent-length: 4\r\n\r\nxyz", id="two lengths"),
        pytest.param(
            b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="both"
        ),
        pytest.param(
            b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n", id="both, turned"
        ),
        pytest.param(b"transfer-encoding: chunked, x\r\n\r\n0\r\n\r\n", id="not chunked at last"),
        pytest.param(b"content-length: +3\r\n\r\nxyz", id="signed"),
        pytest.param(b"content-length: 3,3\r\n\r\nxyz", id="a list"),
        pytest.param(b"content-length : 3\r\n\r\nxyz", id="a blank in the name"),
        pytest.param(b" a: b\r\n\r\n", id="a blank before the name"),
        pytest.param(b"a: b\n\r\n", id="a line end that is none"),
        pytest.param(b"a: b\rc: d\r\n\r\n", id="a return in a value"),
        pytest.param(b"a: \0\r\n\r\n", id="a zero byte"),
        pytest.param(b"host: other\r\n\r\n", id="two hosts"),
        pytest.param(b"transfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", id="negative"),
        pytest.param(b"transfer-encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n", id="too long"),
    ],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(port, rest):
    assert answers(port, HEAD + rest) == [REFUSED]


def test_a_request_names_its_host_and_a_method_that_there_is(port):
    assert answers(port, b"GET /a HTTP/1.1\r\n\r\n") == [REFUSED]
    assert answers(port, b"GET /a HTTP/2.0\r\n\r\n") == [REFUSED]
    assert answers(port, b"GET /a HTTP/1.0\r\n\r\n") == ["200 GET /a? 0 "]
    assert answers(port, b"FLY /a HTTP/1.1\r\nhost: h\r\n\r\n") == [REFUSED]
    assert answers(port, b"CONNECT a:1 HTTP/1.1\r\nhost: h\r\n\r\n") == [REFUSED]
    assert answers(port, b"\x16\x03\x01 no HTTP at all\r\n\r\n") == [REFUSED]


def test_what_comes_after_the_chunks_is_no_header(port):
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    told = "200 POST /a?b=1 2 x"
    assert answers(port, head + b"1\r\nx\r\n0\r\nauthorization: y\r\n\r\n") == [told]
    assert answers(port, head, b"1\r\nx\r\n", b"0\r\nauthorization: y\r\n\r\n") == [told]
    endless = [b"0\r\na: "] + [b"x" * 1000] * 20
    assert answers(port, head, b"1\r\nx\r\n", *endless) == [REFUSED]


def test_another_protocol_is_not_taken_up_and_the_request_is_answered(port):
    asks = b"connection: upgrade\r\nupgrade: h2c\r\n"
    one = HEAD + asks + b"content-length: 3\r\n\r\nxyz"
    told = "200 POST /a?b=1 3 xyz"
    assert answers(port, one) == [told]
    assert answers(port, *(one[i : i + 1] for i in range(len(one)))) == [told]
    assert answers(port, one + one) == [told] * 2
    assert answers(port, HEAD + asks + b"\r\n") == ["200 POST /a?b=1 2 "]


def test_few_requests_wait_on_one_connection(port):
    one = HEAD + b"content-length: 3\r\n\r\nxyz"
    told = answers(port, one * PIPELINED)
    assert told == ["200 POST /a?b=1 2 xyz"] * PIPELINED
    assert answers(port, one * 1000)[-1:] == [REFUSED]


def test_a_large_body_comes_whole(port):
    body = b"x" * 3_000_000
    (told,) = answers(port, HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
    assert told == "200 POST /a?b=1 2 " + body.decode()


ONE = HEAD + b"content-length: 3\r\n\r\nxyz"


@pytest.mark.parametrize(
    ("begun", "answered"),
    [
        pytest.param([b""], "", id="nothing"),
        pytest.param([b"POST"], "408", id="a word"),
        pytest.param([HEAD + b"a: b"], "408", id="a head without its end"),
        pytest.param([ONE, HEAD], "408", id="a second head without its end"),
    ],
)
def test_a_head_that_does_not_come_is_not_waited_for(port, monkeypatch, begun, answered):
    monkeypatch.setattr("fiqa.service.protocol.HEAD_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for part in begun[:-1]:
            connection.sendall(part)
            while b"xyz" not in connection.recv(65536):
                pass
        connection.sendall(begun[-1])
        each = told_by(connection).split("HTTP/1.1 ")[1:]
    assert " ".join(text[:3] for text in each) == answered
    assert [problem_of(text) for text in each] == ["slow-request"] * bool(answered)


def test_a_request_that_is_worked_on_has_its_own_time(port, monkeypatch):
    monkeypatch.setattr("fiqa.service.protocol.HEAD_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(HEAD + b"connection: close\r\ncontent-length: 3\r\n\r\nx")
        time.sleep(0.5)
        connection.sendall(b"yz")
        assert told_by(connection).endswith(" 3 xyz")


@pytest.mark.parametrize(
    ("parts", "answered"),
    [
        pytest.param([ONE], ["200"], id="a request"),
        pytest.param([ONE * 3], ["200"] * 3, id="three in a row"),
        pytest.param([HEAD + b"content-length: 9\r\n\r\nxyz"], ["400"], id="half a body"),
        pytest.param([HEAD], ["400"], id="half a head"),
        pytest.param([b""], [], id="nothing"),
    ],
)
def test_who_sends_no_more_still_has_an_answer(port, parts, answered):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        each = told_by(connection).split("HTTP/1.1 ")[1:]
    assert [text[:3] for text in each] == answered
    assert [problem_of(text) for text in each if text[:3] == "400"] == ["bad-request"] * (
        answered == ["400"]
    )


def test_more_connections_than_may_be_are_told_to_come_again():
    with running(connections=2) as (_, own):
        assert answers(own, ONE) == ["200 POST /a?b=1 2 xyz"]
        with socket.create_connection(("127.0.0.1", own), timeout=60):
            assert answers(own, ONE)[0] == "429 busy"


def test_a_connection_that_comes_while_the_server_stops_is_not_taken():
    with running() as (server, own):
        server.server_state.stopping = True
        with socket.create_connection(("127.0.0.1", own), timeout=60) as connection:
            assert told_by(connection) == ""


def test_a_server_that_stops_tells_its_connections():
    with running() as (server, _):
        assert not server.server_state.stopping
    assert server.server_state.stopping
