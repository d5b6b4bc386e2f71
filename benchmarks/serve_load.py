"""The service under load, on loopback: what HTTP, queue and processes cost beside scoring itself.

`throughput` is the rate of fiqa.score over the same photographs and cores over that of the service,
in turns; 1.25 is .8 of the scorer's own rate. Both explain. On a busy machine look at the ratio of
processor time, which is printed too. `latency` has the times of a request at
1, 8 and 64 clients; what is bounded is the time of one client alone over that of fiqa.score's one
process for a photograph. `memory` is that of all processes of the service at the end of a long run
over that at its start, with broken, huge and malformed bodies mixed in. `restart` counts the
requests that are lost while the service is stopped and started again: none may be.

The load comes from threads of this process, so clients and service share the cores.

Usage: python benchmarks/serve_load.py [--part throughput] [--scale 0.1] [--data DATA]
"""

from __future__ import annotations

import os

# One thread to a process: as many processes as cores do the work.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import http.client
import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from bench import Result, Setting, Skip, main, ratio

TOKEN = "a-token-of-the-benchmark-0123456789"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
Answer = tuple[int, float, bytes]


def photographs(setting: Setting) -> list[str]:
    """Paths of photographs with a face, or the reason why there are none."""
    files = sorted(map(str, (setting.data / "photos").glob("*.jpg")))
    if not files or not detector(setting).is_file():
        raise Skip("photographs and yunet.onnx are needed under --data")
    return files


def detector(setting: Setting) -> Path:
    """The detector's file."""
    return setting.data / "models" / "yunet.onnx"


class Server:
    """A service in processes of its own.

    Attributes:
        port: where it listens.
        process: the one that takes requests.
    """

    def __init__(self, setting: Setting, folder: Path, port: int = 0) -> None:
        (folder / "tokens").write_text(TOKEN)
        log = folder / "log"
        options = ["--port", port, "--token-file", folder / "tokens", "--rate", 100_000]
        options += ["--workers", CORES, "--detector", "yunet", "--weights", detector(setting)]
        command = [sys.executable, "-m", "fiqa", "serve", "--quiet", *map(str, options)]
        with log.open("w") as stream:
            self.process = subprocess.Popen(command, stderr=stream)
        while not (found := re.search(r"ready at http://127.0.0.1:(\d+)", log.read_text())):
            if self.process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        self.port = int(found[1])

    def stop(self) -> None:
        """Tells it to stop and waits until it has."""
        self.process.send_signal(signal.SIGTERM)
        if code := self.process.wait(120):
            raise RuntimeError(f"the service ended with {code}")

    def _read(self, name: str) -> list[str]:
        """What /proc says under a name of each of its processes."""
        own = self.process.pid
        tasks = Path(f"/proc/{own}/task").iterdir()
        children = [pid for task in tasks for pid in (task / "children").read_text().split()]
        return [Path(f"/proc/{pid}/{name}").read_text() for pid in (own, *children)]

    def processor(self) -> tuple[float, float]:
        """Processor seconds so far of the process that takes requests, and of all."""
        times = [text.rpartition(")")[2].split()[11:13] for text in self._read("stat")]
        each = [(int(user) + int(system)) / os.sysconf("SC_CLK_TCK") for user, system in times]
        return each[0], sum(each)

    def mib(self) -> float:
        """Resident MiB of all its processes; pages that they share count once."""
        texts = self._read("smaps_rollup")
        return sum(int(re.findall(r"^Pss:\s+(\d+)", text, re.M)[0]) for text in texts) / 1024


@contextmanager
def served(setting: Setting) -> Iterator[Server]:
    """A service that is ready, and stopped in the end."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(setting, Path(folder))
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()


def load(port: int, bodies: list[bytes], count: int, clients: int) -> list[Answer]:
    """Sends `count` requests from `clients` connections, each as soon as its last is answered.

    Returns status, seconds and content of each.
    """
    answers: list[Answer] = []
    numbers = iter(range(count))
    lock = threading.Lock()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "image/jpeg"}
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            body = bodies[number % len(bodies)]
            start = time.perf_counter()
            try:
                connection.request("POST", "/v1/score?explain=true", body, headers)
                response = connection.getresponse()
                content = response.read()
                answer = (response.status, time.perf_counter() - start, content)
            except (OSError, http.client.HTTPException):
                # a body that is too large: the service answers and hangs up before it has it all
                connection.close()
                answer = (0, time.perf_counter() - start, b"")
            answers.append(answer)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def table(setting: Setting, files: list[str], workers: int) -> Callable[[], object]:
    """The scorer's own batch run over the photographs, loading left out of the measured rate."""
    from fiqa.scoring.run import plan

    weights = str(detector(setting))
    run = plan(files, detector="yunet", weights=weights, explain=True, workers=workers)
    return lambda: sum(1 for _ in run.rows())


def processor() -> float:
    """Processor seconds of this process and of those that it waited for."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, whose))


def more_seconds(
    call: Callable[[], object], few: Callable[[], object], items: int
) -> tuple[float, float]:
    """Seconds, and processor seconds, of one of `items` more: what starting costs is in both
    calls and goes out."""
    marks = [np.array([time.perf_counter(), processor()])]
    for run in (few, call):
        run()
        marks.append(np.array([time.perf_counter(), processor()]))
    each = (marks[2] - marks[1] - (marks[1] - marks[0])) / items
    return float(each[0]), float(each[1])


def throughput(setting: Setting) -> Result:
    """Seconds of a photograph through the service over seconds in fiqa.score."""
    files = photographs(setting)
    bodies = [Path(path).read_bytes() for path in files]
    count = setting.count(4000, 64)
    many = [files[i % len(files)] for i in range(count)]
    service, batch, ours, theirs, front = [], [], [], [], []
    few = many[:32]
    with served(setting) as server:
        load(server.port, bodies, 64, 8)
        for _ in range(setting.rounds(3)):
            short, long = table(setting, few, CORES), table(setting, few + many, CORES)
            took = more_seconds(long, short, count)
            batch.append(took[0])
            theirs.append(took[1])
            (first, start), began = server.processor(), time.perf_counter()
            answers = load(server.port, bodies, count, 4 * CORES)
            service.append((time.perf_counter() - began) / count)
            last, end = server.processor()
            ours.append((end - start) / count)
            front.append((last - first) / count)
            if any(status != 200 for status, _, _ in answers):
                raise RuntimeError("a request was refused")
    each = [1e3 * float(np.median(own)) for own in (theirs, ours, front)]
    details = (
        f"fiqa.score (baseline), {CORES} processes: {1 / np.median(batch):.1f} photographs/s,"
        f" {each[0]:.1f} ms of processor time for one",
        f"service, {4 * CORES} clients: {1 / np.median(service):.1f} photographs/s,"
        f" {each[1]:.1f} ms of processor time for one",
        f"service over fiqa.score, processor time of a photograph: {ratio(ours, theirs):.2f};"
        f" {each[2]:.1f} ms of it in the process that takes requests",
    )
    return Result(
        "service over fiqa.score, time of a photograph", ratio(service, batch), 1.25, details
    )


def latency(setting: Setting) -> Result:
    """The time of a request of one client over that of fiqa.score's one process."""
    files = photographs(setting)
    bodies = [Path(path).read_bytes() for path in files]
    details, alone = [], 0.0
    few, more = files[:16], [files[i % len(files)] for i in range(setting.count(400, 16))]
    single, _ = more_seconds(table(setting, few + more, 1), table(setting, few, 1), len(more))
    with served(setting) as server:
        load(server.port, bodies, 64, 8)
        for clients in (1, 8, 64):
            answers = load(server.port, bodies, max(setting.count(2000, 32), 2 * clients), clients)
            took = 1e3 * np.array([seconds for _, seconds, _ in answers])
            p50, p95, p99 = np.percentile(took, (50, 95, 99))
            alone = alone or p50 / 1e3
            statuses = dict(Counter(status for status, _, _ in answers))
            details.append(
                f"{clients:>3} clients: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms,"
                f" {len(answers):,} requests, statuses {statuses}"
            )
    details.append(f"fiqa.score, one process: {1e3 * single:.1f} ms a photograph")
    return Result("one client's request over a photograph", alone / single, 3.0, tuple(details))


def hostile() -> list[bytes]:
    """Bodies that nobody should send."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, 50_000, np.uint8).tobytes()
    bomb = b"P6 60000 60000 255\n" + bytes(100)
    return [b"", b"\xff\xd8\xff" + noise, noise, bomb, bytes(11 * 2**20), b"%!PS-Adobe-3.0"]


def small(files: list[str]) -> list[bytes]:
    """The middle of each photograph, 112 pixels high and wide, so that many go by in minutes."""
    import io

    from PIL import Image

    bodies = []
    for file in files:
        with Image.open(file) as image:
            width, height = image.size
            box = (width // 5, height // 5, 4 * width // 5, 4 * height // 5)
            stream = io.BytesIO()
            image.crop(box).resize((112, 112)).save(stream, format="JPEG", quality=92)
        bodies.append(stream.getvalue())
    return bodies


def memory(setting: Setting) -> Result:
    """Memory at the end over memory after the first tenth, bad bodies mixed in."""
    if not Path("/proc/self/smaps_rollup").is_file():
        raise Skip("memory is read from /proc")
    good, bad = small(photographs(setting)), hostile()
    bodies = [bad[(i // 8) % len(bad)] if i % 8 == 7 else good[i % len(good)] for i in range(480)]
    count = setting.count(10_000, 480)
    codes, told, sizes, loads = Counter[int](), Counter[str](), [], []
    start = time.perf_counter()
    with served(setting) as server:
        load(server.port, bodies, 480, 8)
        sizes.append(server.mib())
        for number in range(10):
            answers = load(server.port, bodies, count, 8)
            sizes.append(server.mib())
            loads.append(os.getloadavg()[0])
            codes.update(code for code, _, _ in answers)
            told.update(
                json.loads(content)["images"][0]["status"]
                for code, _, content in answers
                if code == 200
            )
            print(
                f"{(number + 1) * count:,} requests, {time.perf_counter() - start:.0f} s,"
                f" {sizes[-1]:.1f} MiB, load average {loads[-1]:.1f}",
                file=sys.stderr,
                flush=True,
            )
    took = time.perf_counter() - start
    if any(code >= 500 for code in codes):
        raise RuntimeError(f"the service failed: {codes}")
    details = (
        f"{10 * count:,} requests in {took:.0f} s, 1 in 8 hostile,"
        f" load average {min(loads):.1f} to {max(loads):.1f}",
        "MiB before, and after each tenth: " + " ".join(f"{size:.0f}" for size in sizes),
        f"statuses of responses {dict(codes)} (0: it hung up on a body too large), of images"
        f" {dict(told)}",
    )
    return Result("memory after the run over after a tenth", sizes[-1] / sizes[1], 1.05, details)


def restart(setting: Setting) -> Result:
    """Requests lost over requests sent, the service stopped and started again in between."""
    from fiqa import Client

    bodies = [Path(path).read_bytes() for path in photographs(setting)]
    sent, lost = Counter[str](), Counter[str]()
    ending = threading.Event()

    def ask(number: int) -> None:
        with Client(f"http://127.0.0.1:{port}", token=TOKEN, seconds=120) as client:
            while not ending.is_set():
                sent["all"] += 1
                try:
                    client.score(bodies[number % len(bodies)])
                except OSError as error:
                    lost[str(error)] += 1

    with tempfile.TemporaryDirectory() as folder:
        server = Server(setting, Path(folder))
        port = server.port
        threads = [threading.Thread(target=ask, args=[i]) for i in range(8)]
        for thread in threads:
            thread.start()
        times = setting.count(10, 2)
        for _ in range(times):
            time.sleep(1.0)
            server.stop()
            server = Server(setting, Path(folder), port)
        ending.set()
        for thread in threads:
            thread.join()
        server.stop()
    details = (f"{sent['all']:,} requests over {times} restarts, {sum(lost.values())} lost", *lost)
    return Result("requests lost", sum(lost.values()) / sent["all"], 0.0, details)


PARTS = {"throughput": throughput, "latency": latency, "memory": memory, "restart": restart}

if __name__ == "__main__":
    main(__doc__, PARTS)
