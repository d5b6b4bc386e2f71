"""map_batches: order, boundedness, equal results, and survival of what kills a process."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fiqa.errors import InputError, UnknownNameError, WorkerError
from fiqa.execute.local import cores, map_batches
from fiqa.execute.worker import compute

FUNCTIONS = """
import os, time
from fiqa.errors import UnknownNameError

def square(items):
    return [i * i for i in items]

def slow_when_even(items):
    time.sleep(0.05 if items and items[0] % 2 == 0 else 0)
    return items

def deadly(items):
    for i in items:
        if i in (5, 17, 18):
            os._exit(9)
    return [10 * i for i in items]

def unknown(items):
    if items:
        raise UnknownNameError("color", "rde", ["red", "blue"])
    return []

def dead_at_birth(items):
    os._exit(3)

def first_is_slow(items):
    time.sleep(0.5 if 0 in items else 0)
    return items

def threads(items):
    import cv2
    return [(os.environ["OMP_NUM_THREADS"], cv2.getNumThreads()) for _ in items]

def process(items):
    return [os.getpid() for _ in items]

def failing(items):
    from fiqa.failures import failed
    for item in items:
        try:
            raise ValueError(f"{item} is bad")
        except ValueError as error:
            failed(str(item), error)
    return items

def inside(queue):
    import logging
    from fiqa.execute.local import map_batches
    told = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logging.getLogger("fiqa").addHandler(handler)
    results = list(map_batches(process, range(9), died=repr, workers=2, batch=2))
    queue.put((results, told, os.getpid()))
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("importable")
    (folder / "functions_for_workers.py").write_text(FUNCTIONS)
    sys.path.insert(0, str(folder))
    import functions_for_workers

    yield functions_for_workers
    sys.path.remove(str(folder))


def no_death(item):
    raise AssertionError(f"nothing should die, {item} did")


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_inline_gives_every_result_in_order(count):
    got = map_batches(
        lambda xs: [x + 1 for x in xs], range(count), died=no_death, workers=1, batch=3
    )
    assert list(got) == list(range(1, count + 1))


@pytest.mark.parametrize("batch", [1, 8, 64])
def test_two_processes_give_the_same_in_the_same_order(functions, batch):
    got = list(map_batches(functions.square, range(100), died=no_death, workers=2, batch=batch))
    assert got == [i * i for i in range(100)]


def test_order_holds_when_batches_finish_out_of_order(functions):
    got = list(map_batches(functions.slow_when_even, range(20), died=no_death, workers=2, batch=1))
    assert got == list(range(20))


def test_one_batch_stays_in_this_process(functions):
    assert set(map_batches(functions.process, range(3), died=no_death, workers=2, batch=3)) == {
        os.getpid()
    }
    assert os.getpid() not in set(
        map_batches(functions.process, range(4), died=no_death, workers=2, batch=3)
    )


def test_reads_ahead_no_further_than_the_window(functions):
    read = itertools.count()

    def source():
        for i in range(1000):
            next(read)
            yield i

    results = map_batches(functions.square, source(), died=no_death, workers=2, batch=5, window=3)
    assert next(results) == 0
    assert next(read) <= 5 * (3 + 2)
    results.close()


def test_an_item_that_kills_its_process_is_one_failed_result(functions, caplog):
    got = list(map_batches(functions.deadly, range(40), died=lambda i: -i, workers=2, batch=8))
    assert got == [-i if i in (5, 17, 18) else 10 * i for i in range(40)]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("3 failed with WorkerError: A worker process ended without an answer")


def test_an_error_of_the_function_reaches_the_caller_whole(functions):
    with pytest.raises(
        UnknownNameError, match=r"Unknown color 'rde'; must be one of: blue, red"
    ) as caught:
        list(map_batches(functions.unknown, range(10), died=no_death, workers=2, batch=2))
    assert caught.value.closest == "red"
    assert "unknown" in caught.value.__notes__[0]


def test_a_function_that_cannot_load_stops_the_run(functions):
    with pytest.raises(WorkerError, match=r"must start.*exit code 3") as caught:
        list(map_batches(functions.dead_at_birth, range(10), died=no_death, workers=2, batch=2))
    assert "workers=1" in caught.value.hint


def test_a_slow_batch_holds_the_others_up_at_the_window(functions):
    read = itertools.count()
    source = (next(read) for _ in range(1000))
    results = map_batches(
        functions.first_is_slow, source, died=no_death, workers=2, batch=1, window=4
    )
    assert next(results) == 0
    assert next(read) <= 4
    results.close()


def test_never_more_processes_than_batches(functions):
    before = set(multiprocessing.active_children())  # other tests may keep theirs
    results = map_batches(functions.square, range(6), died=no_death, workers=50, batch=2)
    assert next(results) == 0
    assert len(set(multiprocessing.active_children()) - before) == 3
    assert list(results) == [1, 4, 9, 16, 25]


def test_workers_use_one_thread_each(functions, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set(map_batches(functions.threads, range(4), died=no_death, workers=2, batch=2)) == {
        ("1", 1)
    }


def test_leaves_no_process_behind(functions):
    before = set(multiprocessing.active_children())  # other tests may keep theirs
    results = map_batches(functions.square, range(1000), died=no_death, workers=2, batch=2)
    next(results)
    assert len(set(multiprocessing.active_children()) - before) == 2
    results.close()
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("argument", ["workers", "batch", "window"])
def test_refuses_numbers_below_one(functions, argument):
    with pytest.raises(InputError, match=rf"{argument} must be in \[1, inf\], got 0"):
        map_batches(functions.square, [1], died=no_death, **{argument: 0})


def test_refuses_a_function_that_loses_results():
    with pytest.raises(InputError, match=r"one result per item \(2\), got 1"):
        compute(lambda xs: xs[:1], [1, 2])


def test_default_is_one_worker_per_core(functions):
    seen = set(map_batches(functions.process, range(40), died=no_death, batch=1))
    assert 1 <= len(seen) <= cores()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_fails_is_told_once_whichever_process_it_was_in(functions, caplog, workers):
    results = map_batches(functions.failing, range(20), died=no_death, workers=workers, batch=3)
    assert next(results) == 0
    assert not caplog.records
    assert list(results) == list(range(1, 20))
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("20 failed with ValueError: ")


def test_what_failed_before_the_end_is_told_where_the_caller_stops(functions, caplog):
    results = map_batches(functions.failing, range(20), died=no_death, workers=1, batch=3)
    next(results)
    results.close()
    assert [r.getMessage() for r in caplog.records] == [
        "3 failed with ValueError: 0 is bad; the first is '0'"
    ]


def test_a_daemonic_process_does_it_alone_and_says_so(functions):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=functions.inside, args=(queue,), daemon=True)
    child.start()
    results, told, pid = queue.get(timeout=60)
    child.join()
    assert results == [pid] * 9
    assert len(told) == 1
    assert "daemonic and may start no others" in told[0]


def run(script: str, tmp_path: Path) -> subprocess.Popen[str]:
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )


def test_a_script_needs_no_main_guard(tmp_path):
    (tmp_path / "helper.py").write_text("def double(xs):\n    return [2 * x for x in xs]\n")
    script = """
        print("once")
        from helper import double
        from fiqa.execute.local import map_batches
        print(list(map_batches(double, range(4), died=repr, workers=2, batch=1)))
    """
    out, err = run(script, tmp_path).communicate(timeout=60)
    assert (out, err) == ("once\n[0, 2, 4, 6]\n", "")


def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "helper.py").write_text(
        "import os, time\ndef slow(xs):\n    time.sleep(0.2 if xs else 0)\n    return [os.getpid()"
        " for _ in xs]\n"
    )
    script = """
        from helper import slow
        from fiqa.execute.local import map_batches
        for pid in map_batches(slow, range(1000), died=repr, workers=2, batch=1):
            print(pid, flush=True)
    """
    process = run(script, tmp_path)
    workers = {int(process.stdout.readline()) for _ in range(6)}
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    end = time.monotonic() + 10
    while (
        alive := [pid for pid in workers if Path(f"/proc/{pid}/cmdline").exists()]
    ) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive
