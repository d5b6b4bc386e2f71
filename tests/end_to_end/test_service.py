"""The service as a process: the guide's own commands, order at its end, nothing left behind."""

# ruff: noqa: E402 - the extra is asked for first
from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(package, reason="needs the extra service")

from fiqa import Client
from fiqa.service.client import ServiceError

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "service.md"
TOKEN = "a-token-of-the-tests-0123456789"


class Running:
    """A service in a process of its own.

    Attributes:
        process: it.
        address: where it listens.
    """

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        self.folder = folder
        (folder / "tokens").write_text(TOKEN + "\n")
        command = [sys.executable, "-m", "fiqa", "serve", "--workers", "1", "--rate", "10000"]
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*command, *options], stderr=log, cwd=folder, env=os.environ | variables
            )
        self.address = self._ready()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _ready(self) -> str:
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(r"ready at (\S+)", self.log):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(self.log)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start(tmp_path):
    """Starts services that end with the test."""
    running: list[Running] = []

    def make(*options: str, **variables: str) -> Running:
        folder = tmp_path / f"service {len(running)}"
        folder.mkdir()
        options = options or ("--port", "0", "--token-file", "tokens", "--detector", "none")
        running.append(Running(folder, *options, **variables))
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture
def client():
    """Makes clients that are closed with the test."""
    made: list[Client] = []

    def make(address: str, token: str = TOKEN) -> Client:
        made.append(Client(address, token=token))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def crop() -> bytes:
    import io

    from PIL import Image

    from fiqa.diagnosis.drawn_faces import drawn_faces

    stream = io.BytesIO()
    Image.fromarray(drawn_faces(1).crops[0]).save(stream, format="PNG")
    return stream.getvalue()


@pytest.mark.slow
def test_the_curl_commands_of_the_guide(start, photo_folder):
    pytest.importorskip("dlib")
    block = next(
        b for b in re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), re.S) if "curl" in b
    )
    running = start("--port", "0", "--token-file", "tokens", "--detector", "dlib")
    script = block.replace("http://127.0.0.1:8000", running.address).replace(
        "curl -s", "curl -sS -f"
    )
    lines = [c for c in re.sub(r"\\\n\s*", "", script).splitlines() if c.startswith("curl")]
    answers = [
        subprocess.run(
            ["bash", "-c", line], cwd=photo_folder, env=os.environ | {"FIQA_TOKEN": TOKEN},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for line in lines
    ]  # fmt: skip
    assert len(lines) == block.count("curl ") == 7
    first, second = json.loads(answers[0])["images"], json.loads(answers[1])["images"]
    assert first[0]["faces"][0]["factors"]
    assert [image["accepted"] for image in second] == [True, True]
    assert json.loads(answers[2])["scorer"]["name"] == "fiqa"
    assert 'fiqa_images_total{status="ok"} 3.0' in answers[3]
    made = json.loads((photo_folder / "job.json").read_text())
    assert json.loads(answers[5])["id"] == made["id"]
    assert json.loads(answers[6]) == {"status": "ok"}
    with Client(running.address, token=TOKEN) as own:
        told = own.wait(own.job(made["id"]), every=0.05)
        again = own.wait(own.select(photo_folder / "drive.mp4", crops=True), every=0.05)
        assert own.cancel(again.id).state == "done"
        with pytest.raises(ServiceError) as caught:
            own.job(again.id)
    assert (told.state, told.frames_done, told.tracks) == ("done", 12, again.tracks)
    assert caught.value.kind == "not-found"


@pytest.mark.slow
def test_a_token_that_it_makes_is_told_once_and_lets_in(start, client, crop):
    running = start("--port", "0", "--detector", "none")
    token = re.search(r"told this once: (\S+)", running.log)[1]
    assert client(running.address, token).score(crop)[0].status == "ok"
    with pytest.raises(ServiceError) as caught:
        client(running.address, "another").score(crop)
    assert caught.value.kind == "unauthorized"
    assert running.stop() == 0
    assert running.log.count(token) == 1


@pytest.mark.slow
def test_what_is_under_way_ends_and_so_does_the_service(start, client, crop):
    running = start()
    answers, threads = [], []
    for _ in range(8):
        own = client(running.address)
        threads.append(threading.Thread(target=lambda c=own: answers.append(c.score(*[crop] * 20))))
    for thread in threads:
        thread.start()
    while "images=20" not in running.log and any(thread.is_alive() for thread in threads):
        time.sleep(0.005)
    assert running.stop() == 0
    under_way = running.log.count("images=20")
    assert running.log.count("/v1/score 200") == under_way >= 1
    assert "stopped; every request had its answer" in running.log
    running.close()
    again = start(
        "--port", running.address.rpartition(":")[2], "--token-file", "tokens", "--detector", "none"
    )
    for thread in threads:
        thread.join(60)
    assert again.stop() == 0
    assert [len(answer) for answer in answers] == [20] * 8, "those that came too late asked again"


@pytest.mark.slow
def test_a_restart_loses_no_request(start, client, crop):
    running = start()
    answered, ending = [], threading.Event()

    def ask(own: Client) -> None:
        while not ending.is_set():
            answered.append(own.score(crop)[0].status)

    threads = [threading.Thread(target=ask, args=[client(running.address)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    port = running.address.rpartition(":")[2]
    for _ in range(2):
        before = len(answered)
        while len(answered) < before + 10:
            time.sleep(0.01)
        assert running.stop() == 0
        running = start("--port", port, "--token-file", "tokens", "--detector", "none")
    before = len(answered)
    while len(answered) < before + 10:
        time.sleep(0.01)
    ending.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert set(answered) == {"ok"}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.slow
def test_nothing_is_kept(start, client, crop, tmp_path, hostile_folder):
    places = {"TMPDIR": "tmp", "HOME": "home", "FIQA_HOME": "models"}
    for name in places.values():
        (tmp_path / name).mkdir()
    running = start(**{k: str(tmp_path / v) for k, v in places.items()})
    large = b"\xff\xd8\xff" + bytes(3_000_000)
    own = client(running.address)
    assert [i.status for i in own.score(crop, large, large)] == ["ok", "truncated", "truncated"]
    small = [p for p in hostile_folder if p.is_file() and p.stat().st_size < 2**20]
    assert len(own.score(*small[:20])) == len(small[:20]) == 20
    assert running.stop() == 0
    assert files(running.folder) == {"log", "tokens"}
    for name in places.values():
        assert files(tmp_path / name) == set(), name
    assert "hostile" not in running.log


def children(pid: int) -> list[int]:
    return [
        int(own)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for own in (task / "children").read_text().split()
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
def test_a_process_that_is_killed_is_replaced(start, client, crop):
    running = start()
    own = client(running.address)
    assert own.score(crop)[0].status == "ok"
    before = children(running.process.pid)
    for pid in before:
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    statuses = [own.score(crop)[0].status for _ in range(4)]
    assert statuses[-1] == "ok"
    assert set(statuses) <= {"ok", "failed"}
    assert set(children(running.process.pid)) != set(before)
    assert running.stop() == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
def test_a_service_that_is_killed_in_the_middle_of_a_job_leaves_nothing(
    start, client, films, tmp_path
):
    pytest.importorskip("dlib")
    astronaut = pytest.importorskip("skimage.data").astronaut()
    (tmp_path / "tmp").mkdir()
    options = ("--port", "0", "--token-file", "tokens", "--detector", "dlib")
    running = start(*options, TMPDIR=str(tmp_path / "tmp"))
    film = films.write(tmp_path / "f.mp4", [astronaut] * 600)
    own = client(running.address)
    job = own.select(film)
    end = time.monotonic() + 120
    while own.job(job.id).frames_done == 0 and time.monotonic() < end:
        time.sleep(0.05)
    assert own.job(job.id).state == "running"
    left = [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
    assert {path.stat().st_size for path in left} == {0, film.stat().st_size}
    workers = children(running.process.pid)
    assert workers
    running.close()
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):
        assert time.monotonic() < end, "a process outlives its service"
        time.sleep(0.05)

    again = start(*options, TMPDIR=str(tmp_path / "tmp"))
    assert not [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
    own = client(again.address)
    with pytest.raises(ServiceError) as caught:
        own.job(job.id)
    assert caught.value.kind == "not-found"
    short = films.write(tmp_path / "short.mp4", [astronaut] * 6)
    assert own.wait(own.select(short)).state == "done"
    assert again.stop() == 0


@pytest.mark.slow
def test_the_kernel_holds_the_decoding_process(start, client, crop):
    if sys.platform != "linux":
        pytest.skip("limits are read from /proc")
    running = start()
    limits = [Path(f"/proc/{pid}/limits").read_text() for pid in children(running.process.pid)]
    assert sum(bool(re.search(r"Max file size +0 +0 ", text)) for text in limits) == 1
    assert running.stop() == 0


def ends(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fiqa", "serve", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_what_cannot_be_served_ends_at_once_with_a_clean_error(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = ends("--port", str(taken.getsockname()[1]), "--detector", "none")
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "--port takes another port" in done.stderr
    done = ends("--host", "0.0.0.0", "--no-token", "--detector", "none")
    assert done.returncode == 2
    assert "without a token" in done.stderr
    done = ends("--port", "0", "--detector", "none", "--recognizer", str(tmp_path / "none.onnx"))
    assert done.returncode == 1
    assert "none.onnx" in done.stderr
    assert "Traceback" not in done.stderr
