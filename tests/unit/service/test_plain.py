"""What the processes of a service send back: nothing in it runs, whatever took them over."""

# ruff: noqa: E402 - the extra is asked for first
from __future__ import annotations

import json
import pickle
import struct
import sys
import time
import tracemalloc

import numpy as np
import pytest

for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(package, reason="needs the extra service")

from starlette.testclient import TestClient

from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import MissingExtraError, ReadError, WorkerError
from fiqa.failures import Failures
from fiqa.scoring.run import scoring_of
from fiqa.service.answers import _FACE, FOUND, ROWS, STEPS, UNSEEN
from fiqa.service.app import build
from fiqa.service.engine import Engine
from fiqa.service.selection import Step
from fiqa.service.settings import ServiceSettings
from fiqa.service.stages import Finder, Found, Picture
from fiqa.types import Faces


def carried(form, results: list, error: Exception | None = None) -> list:
    """What arrives of results, or of an error."""
    data = bytearray(b"".join(form.pack((error, results, Failures()))))
    assert len(data) <= form.most
    told, arrived, _ = form.unpack(data)
    if told is not None:
        raise told
    return arrived


def same(one: Found, other: Found) -> None:
    assert one.rows == other.rows
    assert [list(row) for row in one.rows] == [list(row) for row in other.rows]
    assert len(one.faces) == len(other.faces)
    for mine, yours in zip(one.faces, other.faces, strict=True):
        for name in ("crops", "landmarks", "inside", "eye_distance", "grey", "roll"):
            a, b = getattr(mine, name), getattr(yours, name)
            assert (a is None) == (b is None), name
            if a is not None:
                assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), name


def test_what_was_found_arrives_as_it_was(crop):
    pytest.importorskip("dlib")
    portrait = pytest.importorskip("skimage.data").astronaut()
    import cv2

    whole = cv2.imencode(".png", portrait[..., ::-1])[1].tobytes()
    crops = Finder(scoring_of(detector="none"), memory=2**30)
    faces = Finder(scoring_of(detector="dlib"), memory=2**30)
    found = [crops._find(Picture(data)) for data in (crop, b"x", b"")]
    found += [faces._find(Picture(whole, policy)) for policy in ("largest", "all")]
    assert [len(one.faces) for one in found][:4] == [1, 0, 0, 1]
    for mine, yours in zip(carried(FOUND, found), found, strict=True):
        same(mine, yours)


def test_numbers_arrive_to_the_last_bit():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**64, 5000, np.uint64).view(np.float64)
    values = bits[np.isfinite(bits)].tolist()
    row = {"status": "ok", "raw": 0.1, "score": None, "reasons": ["dark"], "vector": values}
    assert carried(ROWS, [[row], {"scorer": {"name": "é"}}]) == [[row], {"scorer": {"name": "é"}}]
    step = Step(3, 9, "ok", [])
    assert carried(STEPS, [step, Step()]) == [step, Step()]


def test_errors_of_loading_arrive_with_their_remedy():
    with pytest.raises(MissingExtraError) as caught:
        carried(FOUND, [], MissingExtraError("no dlib", hint="pip install it"))
    assert (caught.value.message, caught.value.hint) == ("no dlib", "pip install it")
    with pytest.raises(ReadError) as read:
        carried(FOUND, [], ReadError("no file", status="not_found"))
    assert read.value.status == "not_found"
    with pytest.raises(Exception, match="ZeroDivisionError: why") as other:
        carried(FOUND, [], ZeroDivisionError("why"))
    assert other.value.hint is None


def message(text: object, rest: bytes = b"") -> bytes:
    """A message with a text and bytes of one's own choice."""
    told = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack(">Q", len(told)) + told + rest


def answer(rows: object, faces: object = 0, tail: bytes = b"") -> bytes:
    return message([None, [[rows, faces]]], tail)


def face(known: tuple[int, ...] = (1, 0, 0, 0, 0, 0), fill: int = 0) -> bytes:
    """The bytes of a face; `fill` is every byte of its fields."""
    whole = bytearray([fill] * _FACE.itemsize)
    begin = _FACE.fields["known"][1]
    whole[begin : begin + 6] = bytes(known)
    return bytes(whole)


OK = {"status": "ok"}
GOOD = face()


def test_a_message_that_is_right_is_read_however_it_was_written():
    _, (found,), _ = FOUND.unpack(bytearray(answer([OK], 1, GOOD)))
    assert found.rows[0]["id"] == UNSEEN.id
    assert found.faces[0].crops.shape == (1, 112, 112, 3)
    assert found.faces[0].inside is None
    _, (found,), _ = FOUND.unpack(bytearray(answer([OK], 1, face((1, 0, 1, 0, 1, 0), 2))))
    for value in (found.faces[0].inside, found.faces[0].grey):
        assert value.dtype == bool
        assert value.view(np.uint8).max() == 1, "a bool is 0 or 1"


WRONG = {
    "nothing": b"",
    "no length": b"\0\0",
    "a pickle": pickle.dumps([1]),
    "a pickle for a text": message(pickle.dumps([1])),
    "a length that lies": struct.pack(">Q", 2**63) + b"{}",
    "no text": message(b"\xff\xfe"),
    "a list": message([]),
    "a number": message(7),
    "a table": message({}),
    "deep": message(b"[null," + b"[" * 100_000),
    "a long text": message(b" " * FOUND.text + b"[null,[]]"),
    "many values": message(b"[null,[" + b"[]," * 2**20 + b"[]]]"),
    "a huge number": message(b"[null,[" + b"9" * 10_000 + b"]]"),
    "an error of no kind": message([["os", "x", {}], []]),
    "an error without words": message([["FiqaError"], []]),
    "an error of numbers": message([["FiqaError", 1, {}], []]),
    "no row": answer([]),
    "two rows and no face": answer([{"status": "no_face"}] * 2),
    "a row that is none": answer(["ok"]),
    "good without a face": answer([OK]),
    "a face without a row": answer([OK], 2, GOOD * 2),
    "a face of a bad row": answer([{"status": "no_face"}], 1, GOOD),
    "another status": answer([{"status": "<script>"}]),
    "another column": answer([OK | {"score": 1.0}], 1, GOOD),
    "an endless box": answer([OK | {"bbox": [1e999, 0, 1, 1]}], 1, GOOD),
    "a short box": answer([OK | {"bbox": [0, 1, 1]}], 1, GOOD),
    "a box of words": answer([OK | {"bbox": ["1"] * 4}], 1, GOOD),
    "a long note": answer([{"status": "no_face", "notes": "x" * 1001}]),
    "another hash": answer([{"status": "no_face", "sha256": "x" * 64}]),
    "a face without a crop": answer([OK], 1, face((0, 1, 1, 1, 1, 1))),
    "faces that are no number": answer([OK], "1", GOOD),
    "faces of a fraction": answer([OK], 1.0, GOOD),
    "faces below none": answer([{"status": "no_face"}], -1, b""),
    "a face that is not there": answer([OK], 1),
    "a face that is nobody's": answer([{"status": "no_face"}], 0, GOOD),
    "many faces": answer([OK], 2**60, GOOD),
    "too few bytes": answer([OK], 1, GOOD[:-1]),
    "too many bytes": answer([OK], 1, GOOD + b"\0"),
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_whatever_else_comes_is_refused_without_being_told(data):
    with pytest.raises(WorkerError, match=r"\AA worker process must answer in its form\.\Z"):
        FOUND.unpack(bytearray(data))


def test_damaged_messages_are_refused_or_read():
    rng = np.random.default_rng(0)
    faces = drawn_faces(1)
    whole = b"".join(FOUND.pack((None, [Found([OK], [Faces(faces.crops)])], Failures())))
    refused = 0
    for _ in range(2000):
        damaged = bytearray(whole)
        for place in rng.integers(0, 40, rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        try:
            FOUND.unpack(damaged)
        except WorkerError:
            refused += 1
    assert refused > 1000


def test_a_long_word_for_an_error_takes_no_more_than_its_letters():
    data = bytearray(message(["x" * 1_000_000, []]))
    tracemalloc.start()
    try:
        with pytest.raises(WorkerError, match="in its form"):
            FOUND.unpack(data)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "step",
    [
        {"done": -1},
        {"done": "1"},
        {"total": 1.5},
        {"status": "<script>"},
        {"tracks": [{"id": "1"}]},
        {"tracks": 1},
        {"more": 1},
        [],
    ],
)
def test_a_step_that_is_none_is_refused(step):
    told = [None, [step]]
    with pytest.raises(WorkerError, match="in its form"):
        STEPS.unpack(bytearray(message(told)))


def test_a_status_of_a_row_is_one_of_the_vocabulary():
    told = [None, [[{"status": "<script>"}]]]
    with pytest.raises(WorkerError, match="in its form"):
        ROWS.unpack(bytearray(message(told)))


TAKEN_OVER = """
import os, pickle, signal, struct, sys, time
from dataclasses import dataclass
from fiqa.execute import wire

@dataclass
class Bomb:
    path: str
    def __reduce__(self):
        return os.mkdir, (self.path,)

@dataclass
class Decoder:
    '''A decoder that a picture can take over: one that begins with # is run.'''
    honest: object
    def __call__(self, pictures):
        if not any(p.data.startswith(b"#") for p in pictures):
            return self.honest(pictures)
        frame = sys._getframe()
        while "pipe" not in frame.f_locals:
            frame = frame.f_back
        pipe = frame.f_locals["pipe"]
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        exec(pictures[0].data.decode())
        time.sleep(600)
"""


@pytest.fixture
def taken_over(tmp_path, monkeypatch):
    (tmp_path / "taken_over_by_a_picture.py").write_text(TAKEN_OVER)
    monkeypatch.syspath_prepend(str(tmp_path))
    import taken_over_by_a_picture

    yield taken_over_by_a_picture
    del sys.modules["taken_over_by_a_picture"]


@pytest.mark.slow
def test_a_decoder_that_was_taken_over_takes_over_nothing(taken_over, crop, tmp_path):
    settings = ServiceSettings(detector="none", workers=1, image_seconds=3.0, deadline=120)
    engine = Engine(settings)
    engine.finders._function = taken_over.Decoder(engine.finders._function)
    bombed = tmp_path / "bombed"
    header = {"content-type": "image/png"}
    attacks = {
        f"wire.send(pipe, [pickle.dumps(Bomb({str(bombed)!r}))])": "failed",
        f"wire.send(pipe, [pickle.dumps((None, [Bomb({str(bombed)!r})], None))])": "failed",
        "wire.send(pipe, [b'x' * 1000])": "failed",
        "pipe.sendall(struct.pack('>Q', 2 ** 40))": "failed",
        "pipe.sendall(b'xyz')": "timed_out",
        "pipe.close()": "failed",
        "os.kill(os.getpid(), signal.SIGSTOP)": "timed_out",
    }
    with TestClient(build(settings, engine=engine), base_url="http://localhost") as client:
        end = time.monotonic() + 120
        while client.get("/readyz").status_code != 200 and time.monotonic() < end:
            time.sleep(0.05)

        def status(body: bytes) -> str:
            told = client.post("/v1/score", content=body, headers=header)
            assert told.status_code == 200, told.text
            return told.json()["images"][0]["status"]

        assert status(crop) == "ok"
        for number, (attack, wanted) in enumerate(attacks.items(), 1):
            assert status(f"#\n{attack}".encode()) == wanted, attack
            assert status(crop) == "ok", attack
            assert engine.finders.replaced == number
        # one that answers and then reads no more: the next, large one cannot be given to it
        right = f"wire.send(pipe, [{answer([{'status': 'no_face'}])!r}])"
        assert status(f"#\n{right}".encode()) == "no_face"
        assert status(bytes(5_000_000)) == "timed_out"
        assert status(crop) == "ok"
    assert not bombed.exists()


UNPICKLED: list | None = None
"""What pickles asked for, while a list is here."""


def _watch(event: str, arguments: tuple) -> None:
    if UNPICKLED is not None and event == "pickle.find_class":
        UNPICKLED.append(arguments)


sys.addaudithook(_watch)


@pytest.mark.slow
def test_nothing_is_unpickled_in_the_process_that_answers(crop, monkeypatch):
    settings = ServiceSettings(detector="none", workers=1)
    monkeypatch.setattr(sys.modules[__name__], "UNPICKLED", [])
    pickle.loads(pickle.dumps(Found([])))
    assert len(UNPICKLED) == 1, "it is seen"
    with TestClient(build(settings), base_url="http://localhost") as client:
        end = time.monotonic() + 120
        while client.get("/readyz").status_code != 200 and time.monotonic() < end:
            time.sleep(0.05)
        told = client.post("/v1/score", content=crop, headers={"content-type": "image/png"})
    assert told.json()["images"][0]["status"] == "ok"
    assert len(UNPICKLED) == 1
