"""Videos as jobs: their life, whose they are, what bounds them, and that nothing is left."""

# ruff: noqa: E402 - the extra is asked for first
from __future__ import annotations

import base64
import io
import json
import multiprocessing
import os
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(package, reason="needs the extra service")

from starlette.testclient import TestClient

from fiqa.errors import WriteError
from fiqa.languages import advice
from fiqa.meanings import meaning
from fiqa.service.app import build
from fiqa.service.engine import Engine
from fiqa.service.jobs import ENDED, Jobs
from fiqa.service.selection import Asked, Step
from fiqa.service.settings import ServiceSettings
from fiqa.service.shelf import Shelf

MINE, OTHER = "a-token-of-the-tests-1", "a-token-of-the-tests-2"
VIDEO = {"content-type": "video/mp4"}
SECONDS = 120


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def film(tmp_path_factory, films) -> bytes:
    """A face that is seen for 12 frames, and gets darker."""
    data = pytest.importorskip("skimage.data")
    face = np.asarray(Image.fromarray(data.astronaut()).resize((256, 256)))
    frames = [(face * (1 - i / 16)).astype(np.uint8) for i in range(12)]
    return films.write(tmp_path_factory.mktemp("film") / "f.mp4", frames).read_bytes()


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Makes services whose files lie in a folder of the test."""
    pytest.importorskip("dlib")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made: list[TestClient] = []

    def make(**changes) -> TestClient:
        settings = ServiceSettings(
            tokens=(MINE, OTHER), detector="dlib", rate=10_000, **{"workers": 1} | changes
        )
        client = TestClient(build(settings), headers=bearer(MINE))
        client.__enter__()
        made.append(client)
        end = time.monotonic() + SECONDS
        while client.get("/readyz").status_code != 200 and time.monotonic() < end:
            time.sleep(0.05)
        return client

    yield make
    for one in made:
        one.__exit__(None, None, None)
    assert not [p for p in tmp_path.rglob("*") if "fiqa-serve" in str(p)], "something was left"


def ended(client: TestClient, name: str) -> dict:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        told = client.get(f"/v1/jobs/{name}").json()
        if told["state"] in ENDED:
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def kept(folder: Path) -> list[Path]:
    return [p for p in folder.glob("fiqa-serve-*/*/*") if p.name != "lock"]


@pytest.mark.slow
def test_the_life_of_a_video(serve, film, tmp_path):
    client = serve()
    response = client.post("/v1/select?k=2&gap=0&language=es&crops=true", content=film,
                           headers=VIDEO)  # fmt: skip
    assert response.status_code == 202
    made = response.json()
    assert response.headers["location"] == f"/v1/jobs/{made['id']}"
    assert made["state"] in ("queued", "running")
    told = ended(client, made["id"])
    assert (told["state"], told["status"], told["frames_done"]) == ("done", "ok", 12)
    (track,) = told["tracks"]
    shots = track["best"]
    assert len(shots) == 2
    assert shots[0]["score"] >= shots[1]["score"]
    for shot in shots:
        assert shot["advice"] == list(advice(shot["reasons"], "es"))
        with Image.open(io.BytesIO(base64.b64decode(shot["crop"]))) as crop:
            assert crop.size == (112, 112)
    assert kept(tmp_path) == []
    assert "fiqa_jobs_done 1.0" in client.get("/metrics").text
    # of another token it is not told, nor ended
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v1/jobs/{made['id']}", headers=bearer(OTHER))
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:fiqa:problem:not-found"
    assert client.delete(f"/v1/jobs/{made['id']}").json()["state"] == "done"
    assert client.get(f"/v1/jobs/{made['id']}").status_code == 404


@pytest.mark.slow
def test_who_comes_back_is_known_where_a_recognizer_is(serve, film, tiny_recognizer):
    known = serve(recognizer=str(tiny_recognizer("known", match_threshold=-1.0)))
    made = known.post("/v1/select", content=film, headers=VIDEO).json()
    (track,) = ended(known, made["id"])["tracks"]
    assert track["person"] == 1
    unknown = serve(recognizer=str(tiny_recognizer("unknown")))
    made = unknown.post("/v1/select", content=film, headers=VIDEO).json()
    (track,) = ended(unknown, made["id"])["tracks"]
    assert track["person"] is None, "its card does not say when two vectors are one person's"


@pytest.mark.slow
def test_a_meaning_is_in_the_language_of_the_request(serve):
    client = serve()
    made = client.post("/v1/select?language=de", content=b"x" * 999, headers=VIDEO).json()
    told = ended(client, made["id"])
    assert told["meaning"] == meaning(told["status"], "de")


@pytest.mark.slow
def test_what_is_no_video_fails_with_a_status_and_the_next_one_is_worked_on(serve, film, tmp_path):
    client = serve(job_seconds=SECONDS)
    bad = client.post("/v1/select", content=b"secret" * 1000, headers=VIDEO).json()
    good = client.post("/v1/select", content=film, headers=VIDEO).json()
    told = ended(client, bad["id"])
    assert told["state"] == "failed"
    assert told["status"] in ("unsupported_format", "corrupt", "truncated", "unreadable")
    assert told["meaning"]
    assert "secret" not in json.dumps(told)
    assert str(tmp_path) not in json.dumps(told)
    assert ended(client, good["id"])["state"] == "done"


@pytest.mark.slow
def test_a_video_that_takes_too_long_is_ended(serve, film, tmp_path):
    client = serve(job_seconds=0.001)
    made = client.post("/v1/select", content=film, headers=VIDEO).json()
    told = ended(client, made["id"])
    assert (told["state"], told["status"], told["tracks"]) == ("failed", "timed_out", [])
    assert kept(tmp_path) == []


@pytest.mark.slow
def test_a_job_can_be_cancelled_and_more_than_the_queue_is_refused(serve, film, tmp_path):
    client = serve(jobs=2)
    names = [client.post("/v1/select", content=film, headers=VIDEO).json()["id"] for _ in range(2)]
    third = client.post("/v1/select", content=film, headers=VIDEO)
    if third.status_code != 202:  # the first may be done already
        assert (third.status_code, third.json()["type"]) == (429, "urn:fiqa:problem:busy")
        assert int(third.headers["retry-after"]) >= 1
    told = client.delete(f"/v1/jobs/{names[1]}").json()
    assert told["state"] in ("cancelled", "done")
    ended(client, names[0])


def test_bodies_are_bounded_and_of_a_kind_and_none_is_left(serve, film, tmp_path):
    client = serve(max_video=len(film) - 1)

    def chunks():
        yield film

    for body in (film, chunks()):
        answer = client.post("/v1/select", content=body, headers=VIDEO)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:fiqa:problem:too-large")
    answer = client.post("/v1/select", json={"url": "http://127.0.0.1/"})
    assert answer.status_code == 415
    assert client.post("/v1/select?k=0", content=b"", headers=VIDEO).status_code == 422
    assert client.post("/v1/select?language=fr", content=b"", headers=VIDEO).status_code == 422
    assert kept(tmp_path) == []


def test_a_service_of_crops_says_that_it_takes_no_video(service):
    answer = service.post("/v1/select", content=b"x", headers=VIDEO)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:fiqa:problem:crops")


@pytest.fixture
def jobs(tmp_path):
    """Makes jobs; their function takes no Asked, so whatever is begun fails."""
    made: list[Jobs] = []

    def make(clock=time.monotonic, function=None, **changes) -> Jobs:
        settings = ServiceSettings(detector="none", **changes)
        made.append(
            Jobs(settings, function or partial(map, eval), shelf=Shelf(str(tmp_path)), clock=clock)
        )
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_a_process_that_fails_is_a_failed_job(jobs):
    own = jobs()
    own.start()
    job = own.add(Asked(str(own.shelf.file())), None)
    end = time.monotonic() + SECONDS
    while job.state not in ENDED and time.monotonic() < end:
        time.sleep(0.01)
    assert (job.state, job.step.status) == ("failed", "failed")
    assert not Path(job.asked.path).exists()
    assert own.ends["failed"] == 1


def test_a_process_that_answers_at_once_is_asked_no_more_often(jobs, monkeypatch):
    class Hasty:
        asked = 0

        def ready(self, until):
            pass

        def send(self, items, until):
            self.asked += 1

        def receive(self, until):
            return [Step(self.asked, 9, "ok" if self.asked == 6 else "", [{"track": 1}])]

    slept: list[float] = []
    monkeypatch.setattr("fiqa.service.jobs.time.sleep", slept.append)
    own = jobs()
    job = own.add(Asked(str(own.shelf.file())), None)
    job.state = "running"
    last = own._followed(job, Hasty())
    assert (last.status, last.done, last.tracks) == ("ok", 6, [{"track": 1}])
    assert job.step == Step(5, 9), "no tracks before the end"
    assert len(slept) == 5
    assert min(slept) > 0.05
    job.state = "cancelled"


def test_the_end_may_come_while_the_thread_begins(jobs, monkeypatch):
    own = jobs()

    class Stopping(threading.Thread):
        def start(self):
            own.stop()
            super().start()
            self.join(SECONDS)

    monkeypatch.setattr("fiqa.service.jobs.threading.Thread", Stopping)
    own.start()
    assert own.add(Asked(str(own.shelf.file())), None).state == "cancelled"


def test_nobody_waits_for_a_job_that_is_cancelled_or_whose_service_stops(jobs, monkeypatch):
    monkeypatch.setattr("fiqa.service.jobs._STARTING_SECONDS", 1e6)
    own = jobs(function=partial(iter, partial(time.sleep, 0.1)))  # it sleeps while it loads
    own.start()

    def working(wanted: bool) -> bool:
        end = time.monotonic() + SECONDS
        while (own._working is not None) is not wanted and time.monotonic() < end:
            time.sleep(0.01)
        return (own._working is not None) is wanted

    first = own.add(Asked(str(own.shelf.file())), None)
    assert working(True)
    own.cancel(first)
    assert working(False)
    second = own.add(Asked(str(own.shelf.file())), None)
    assert working(True)
    thread = threading.Thread(target=own.stop, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert [job.state for job in (first, second)] == ["cancelled"] * 2
    assert own.ends == {"done": 0, "failed": 0, "cancelled": 2}


def test_results_are_kept_for_a_time_and_a_number(jobs):
    now = [0.0]
    own = jobs(lambda: now[0], job_results=2, job_keep=10.0)
    made = []
    for second in range(3):
        now[0] = float(second)
        made.append(own.add(Asked(str(own.shelf.file())), None))
        own.cancel(made[-1])
    assert [own.get(job.id, None) for job in made] == [None, *made[1:]]
    assert own.get(made[2].id, 7) is None
    now[0] = 11.5
    assert [own.get(job.id, None) for job in made] == [None, None, made[2]]
    own.cancel(made[2])
    assert own.get(made[2].id, None) is None


def track(size: int) -> dict:
    """A track of which the id has so many letters, and nothing else is long."""
    told = {"start": 0.0, "end": 1.0, "frames": 9, "regime": "rgb", "person": None, "flags": []}
    return {"id": "x" * size, **told, "best": []}


def finish(own: Jobs, *tracks: dict, status: str = "ok"):
    """A job that the thread of a service would have worked on, and its end."""
    job = own.add(Asked(str(own.shelf.file())), None)
    job.state = "running"
    own._run = lambda _: Step(9, 9, status, list(tracks))
    own._work(job)
    return job


def test_the_oldest_results_make_room_for_newer_ones(jobs):
    own = jobs(job_bytes=2500)
    first, failed, second = (
        finish(own, track(1000)),
        finish(own, status="corrupt"),
        finish(own, track(1000)),
    )
    assert 2000 < own.held == len(first.tracks) + len(second.tracks) < 2500
    third = finish(own, track(1000))
    assert [job.gone for job in (first, failed, second, third)] == [True, False, False, False]
    assert own.held == len(second.tracks) + len(third.tracks)
    assert [job.state for job in (first, failed)] == ["done", "failed"]
    assert own.get(first.id, None) is first, "the job itself is still known"
    huge = finish(own, track(2500))
    assert [job.gone for job in (second, third, huge)] == [False, False, True]
    assert own.held == len(second.tracks) + len(third.tracks), "one too large goes alone"
    last = finish(own, track(10))
    assert own.held == sum(len(job.tracks) for job in (second, third, last) if not job.gone)
    assert not last.gone
    assert first.gone, "what is gone does not come back"


def test_what_was_read_of_a_broken_video_is_kept_and_of_a_cancelled_one_nothing(jobs):
    own = jobs(job_bytes=1500)
    broken = finish(own, track(1000), status="truncated")
    assert (broken.state, json.loads(broken.tracks)) == ("failed", [track(1000)])
    faceless = finish(own)
    cancelled = own.add(Asked(str(own.shelf.file())), None)
    own._run = lambda job: own.cancel(job) or Step(9, 9, "ok", [track(1000)])
    own._work(cancelled)
    assert (cancelled.state, cancelled.tracks) == ("cancelled", b"")
    finish(own, track(1000))
    assert [job.gone for job in (broken, faceless, cancelled)] == [True, False, False]


def test_no_result_is_held_but_as_the_bytes_that_are_counted(jobs):
    job = finish(jobs(), track(7))
    assert job.step == Step(9, 9, "ok")
    assert json.loads(job.tracks) == [track(7)]


def test_a_job_whose_result_had_to_go_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = ServiceSettings(detector="none", job_bytes=1500)
    engine = Engine(settings)
    own = engine.jobs
    # it is not entered, so no process is started
    client = TestClient(build(settings, engine=engine), base_url="http://127.0.0.1")
    first = f"/v1/jobs/{finish(own, track(1000)).id}"
    told = client.get(first)
    assert (told.status_code, told.json()["tracks"]) == (200, [track(1000)])
    second = f"/v1/jobs/{finish(own, track(1000)).id}"
    assert client.get(second).json()["tracks"] == [track(1000)]
    gone = client.get(first)
    assert (gone.status_code, gone.json()["type"]) == (410, "urn:fiqa:problem:gone")
    assert gone.json()["title"] == "The result of this job is not kept any more"
    assert "at most 1500 bytes, and the oldest go first: send" in gone.json()["detail"]
    assert f"fiqa_results_bytes {own.held}.0" in client.get("/metrics").text
    assert client.delete(first).status_code == 410, "now the job is forgotten too"
    assert client.get(first).status_code == 404
    assert client.delete(second).json()["tracks"] == [track(1000)]
    assert own.held == 0
    own.stop()


def test_places_are_kept_for_what_is_coming(jobs):
    own = jobs(jobs=1)
    with own.reserved() as first, own.reserved() as second:
        assert (first, second) == (True, False)
    with own.reserved() as again:
        assert again
        own.add(Asked(str(own.shelf.file())), None)
    with own.reserved() as full:
        assert not full


def test_the_end_of_the_service_cancels_what_waits(jobs, tmp_path):
    own = jobs()
    job = own.add(Asked(str(own.shelf.file())), None)
    own.stop()
    assert job.state == "cancelled"
    assert list(tmp_path.iterdir()) == []


def _left(place: str) -> None:
    Shelf(place).file()
    os._exit(0)


@pytest.mark.skipif(os.name != "posix", reason="locks and modes are those of POSIX")
def test_what_a_killed_service_left_is_removed_and_a_living_one_keeps_its_own(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_left, args=(str(tmp_path),))
    process.start()
    process.join()
    living = Shelf(str(tmp_path))
    own = living.file()
    assert len(list(living.parent.glob("*/lock"))) == 2
    assert Shelf(str(tmp_path)).sweep() == 1
    assert own.is_file()
    assert own.stat().st_mode & 0o777 == 0o600
    assert living.parent.stat().st_mode & 0o777 == 0o700
    assert len(own.name) == 32
    living.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="locks and modes are those of POSIX")
def test_a_folder_that_others_made_is_refused(tmp_path):
    shelf = Shelf(str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    shelf.parent.symlink_to(tmp_path / "elsewhere")
    for call in (shelf.sweep, shelf.file):
        with pytest.raises(WriteError, match="of this user alone"):
            call()
    shelf.parent.unlink()
    shelf.parent.mkdir()
    shelf.parent.chmod(0o777)
    with pytest.raises(WriteError, match="of this user alone"):
        shelf.file()
    assert list(shelf.parent.iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_is_a_problem(serve, film, monkeypatch):
    client = serve()

    def full(_: Shelf) -> Path:
        raise WriteError("no room")

    monkeypatch.setattr(Shelf, "file", full)
    answer = client.post("/v1/select", content=film, headers=VIDEO)
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:fiqa:problem:storage")


def test_the_process_of_a_job_is_under_the_limits_of_the_settings():
    settings = ServiceSettings(detector="none", max_video=7, memory=2**28)
    function = Engine(settings).jobs._function
    assert (function.memory, function.limits.max_bytes) == (2**28, 7)
    assert function.limits.max_pixels == settings.limits.max_pixels
