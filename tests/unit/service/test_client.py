"""The client: what it sends, what it makes of the answers, when it asks again."""

from __future__ import annotations

import http.server
import json
import socket
import threading

import pytest

from fiqa import Client
from fiqa.errors import InputError
from fiqa.service.client import EmbeddedFace, EmbeddedImage, ServiceError

FACE = dict.fromkeys(("raw", "factors", "measures", "box", "landmarks"))
FACE |= {"status": "ok", "score": 0.5, "uqs": 50, "level": "medium", "reasons": [], "advice": []}
IMAGE = {"index": 0, "status": "ok", "meaning": "", "notes": [], "faces": [FACE | {"new": 1}]}
IMAGE |= {"accepted": None, "review_reasons": [], "added later": 1}
GOOD = (200, {}, {"images": [IMAGE]})


@pytest.fixture
def stand_in():
    """Makes a server that gives the answers of a list, one a request, and keeps what came."""
    servers = []

    def make(*answers):
        left, seen = list(answers), []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                seen.append((self.path, dict(self.headers), body))
                answer = left.pop(0)
                if answer is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                status, headers, told = answer
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", seen

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_what_is_sent_and_what_comes_back(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("FIQA_TOKEN", "from-the-environment")
    address, seen = stand_in(GOOD, GOOD)
    path = tmp_path / "secret-name.jpg"
    path.write_bytes(b"of a file")
    options = {"explain": True, "min_score": 0.5, "review": "strict"}
    with Client(address) as client:
        told = client.score(b"in memory", path, **options)
    assert told[0].faces[0].score == 0.5
    url, headers, body = seen[0]
    assert url == "/v1/score?explain=true&faces=largest&min_score=0.5&review=strict"
    assert headers["authorization"] == "Bearer from-the-environment"
    assert b"in memory" in body
    assert b"of a file" in body
    assert b"secret-name" not in body
    with Client(address, token="given") as client:
        client.score(b"x")
    assert seen[1][1]["authorization"] == "Bearer given"
    assert seen[1][0] == "/v1/score?faces=largest"


def test_vectors_come_back_typed(stand_in):
    face = {"status": "ok", "vector": [0.6, 0.8], "norm": 2.0, "box": None, "landmarks": None}
    image = {"index": 0, "status": "ok", "meaning": "", "faces": [face | {"new": 1}]}
    address, seen = stand_in((200, {}, {"images": [image], "recognizer": "tiny"}))
    with Client(address) as client:
        told = client.embed(b"x", faces="all")
    assert told == [EmbeddedImage(0, "ok", "", [EmbeddedFace("ok", [0.6, 0.8], 2.0, None, None)])]
    assert seen[0][0] == "/v1/embed?faces=all"


def test_a_video_is_sent_piece_by_piece_and_whole_again(stand_in, tmp_path, monkeypatch):
    job = {"id": "j", "state": "queued", "frames_done": 0, "frames_total": 0, "status": None}
    job |= {"meaning": None, "tracks": []}
    address, seen = stand_in((429, {"retry-after": "0"}, {}), (202, {}, job))
    video = tmp_path / "secret-name.mp4"
    content = bytes(range(256)) * 9000
    video.write_bytes(content)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: pytest.fail("read into memory"))
    with Client(address) as client:
        assert client.select(video, k=2).id == "j"
    assert [body == content for _, _, body in seen] == [True, True]
    assert seen[0][1]["content-length"] == str(len(content))
    assert "secret-name" not in str(seen[0][:2])


def test_it_asks_again_where_that_helps(stand_in):
    wait = {"retry-after": "0"}
    answers = [(429, wait, {}), (503, {}, b"not json"), None, GOOD]
    address, seen = stand_in(*answers)
    with Client(address) as client:
        assert client.score(b"x")[0].status == "ok"
    assert len(seen) == 4
    assert len({body.split(b"\r\n")[0] for _, _, body in seen}) == 1, "the same request"


def test_it_does_not_ask_again_where_that_does_not(stand_in):
    told = {"type": "urn:fiqa:problem:invalid", "title": "Wrong", "detail": "x: no", "status": 422}
    address, seen = stand_in((422, {}, told), (500, {}, b"<html>"))
    with Client(address) as client:
        with pytest.raises(ServiceError, match=r"Wrong: x: no") as caught:
            client.score(b"x")
        assert (caught.value.status, caught.value.kind) == (422, "invalid")
        with pytest.raises(ServiceError, match=r"status 500"):
            client.score(b"x")
    assert len(seen) == 2


def test_it_gives_up_in_the_end(stand_in):
    address, _ = stand_in(*[(503, {"retry-after": "1"}, {})] * 9)
    with Client(address, seconds=0.5) as client, pytest.raises(ServiceError) as caught:
        client.score(b"x")
    assert caught.value.status == 503
    with pytest.raises(ServiceError, match=r"does not answer") as caught:
        Client("http://127.0.0.1:1", seconds=0.3).score(b"x")
    assert caught.value.status is None


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://x", "http://", "http://x/path"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(InputError, match=r"address must be"):
        Client(address)


def test_no_image_is_refused():
    with pytest.raises(InputError, match=r"at least one"):
        Client().score()


def test_a_video_is_not_sent_twice_where_nobody_knows_whether_it_came(monkeypatch):
    tries: list[str] = []

    def broken(self, method, path, body, headers):
        tries.append(path)
        raise ConnectionResetError("gone")

    monkeypatch.setattr(Client, "_once", broken)
    with Client(seconds=0.5) as client:
        with pytest.raises(ServiceError, match="does not answer"):
            client.select(b"a video")
        assert len(tries) == 1
        with pytest.raises(ServiceError):
            client.job("../x")
    assert len(tries) > 2, "what changes nothing is asked again"
    assert tries[-1] == "/v1/jobs/..%2Fx"
