"""Processes that die, hang and raise lose their own item and no other."""

from __future__ import annotations

import math
import os
import threading
import time
from functools import partial

import pytest

from fiqa.errors import WorkerError
from fiqa.execute.worker import PICKLED
from fiqa.service.pool import LostError, Pool

DIES = "__import__('os')._exit(3)"
HANGS = "__import__('time').sleep(600)"
NEVER_LOADED = partial(iter, partial(time.sleep, 0.1))
"""A function that sleeps until sleeping returns something."""


@pytest.fixture
def pool():
    """Makes a pool that is stopped in the end; its items are expressions."""
    made: list[Pool] = []

    def make(**options) -> Pool:
        options = {"name": "test", "form": PICKLED, "count": 1, "seconds": 60.0} | options
        pool = Pool(partial(map, eval), **options)
        made.append(pool)
        pool.start()
        return pool

    yield make
    for one in made:
        one.stop()


def test_results_come_back_each_to_its_item(pool):
    own = pool(count=2, batch=4)
    futures = [own.submit(f"{i} * {i}") for i in range(20)]
    assert [future.result(60) for future in futures] == [i * i for i in range(20)]
    assert own.replaced == 0


def lost(future) -> str:
    with pytest.raises(LostError) as caught:
        future.result(60)
    return caught.value.status


def test_an_item_that_kills_its_process_is_lost_alone(pool):
    own = pool(batch=3, wait=0.5)
    with own.expecting():
        before, culprit, after = [own.submit(text) for text in ("1 + 1", DIES, "2 + 2")]
    assert (before.result(60), after.result(60)) == (2, 4)
    assert lost(culprit) == "failed"
    assert own.replaced >= 1


def test_an_item_that_hangs_is_ended_and_lost_alone(pool):
    own = pool(seconds=1.0)
    culprit, after = own.submit(HANGS), own.submit("2 + 2")
    assert lost(culprit) == "timed_out"
    assert after.result(60) == 4
    assert own.replaced == 1


def test_an_item_that_raises_costs_no_process(pool):
    own = pool(batch=2, wait=0.5)
    with own.expecting():
        culprit, after = own.submit("1 / 0"), own.submit("2 + 2")
    assert lost(culprit) == "failed"
    assert after.result(60) == 4
    assert own.replaced == 0


def test_a_cancelled_item_is_not_computed(pool):
    own = pool()
    first = own.submit("__import__('time').sleep(0.5)")
    second, third = own.submit(DIES), own.submit("3")
    assert second.cancel()
    assert (first.result(60), third.result(60)) == (None, 3)
    assert own.replaced == 0


def test_stop_waits_for_nothing_and_tells_who_waits(pool):
    own = pool(count=2)
    waiting = [own.submit(HANGS) for _ in range(4)]
    while own._busy < 2:
        time.sleep(0.01)
    own.stop()  # its items would take ten minutes
    assert [lost(future) for future in waiting] == ["failed"] * 4
    assert lost(own.submit("1")) == "failed"
    assert own.replaced == 0, "nobody needs another process"
    assert own.broken is None


def test_stop_does_not_wait_for_what_still_loads():
    own = Pool(NEVER_LOADED, name="test", form=PICKLED, count=1, seconds=60)
    told: list[Exception] = []

    def start() -> None:
        try:
            own.start()
        except WorkerError as error:
            told.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    while not own._workers:
        time.sleep(0.01)
    own.stop()
    thread.join(60)
    assert len(told) == 1


def test_stop_may_come_while_the_threads_begin(monkeypatch):
    own = roots(count=1, seconds=60)

    class Stopping(threading.Thread):
        def start(self):
            own.stop()
            super().start()
            self.join(60)

    monkeypatch.setattr("fiqa.service.pool.threading.Thread", Stopping)
    own.start()
    assert own._workers == set()


def test_what_cannot_be_loaded_says_why():
    own = Pool(os.fspath, name="test", form=PICKLED, count=1, seconds=60)
    with pytest.raises(TypeError):
        own.start()


def roots(**options) -> Pool:
    """A pool that is not started."""
    return Pool(partial(map, math.sqrt), name="test", form=PICKLED, **options)


def test_a_batch_is_a_fair_share_and_bounded():
    own = roots(count=2, seconds=1, batch=4)
    for i in range(11):
        own.submit(i)
    sizes = []
    while own._waiting:
        sizes.append([item.value for item in own._take()])
    assert sizes == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [10]]


def taken(own: Pool) -> tuple[list, float]:
    """The values of the next batch, and the seconds that it took to come."""
    began = time.monotonic()
    return [item.value for item in own._take()], time.monotonic() - began


def test_what_waits_is_held_back_only_while_every_core_has_work():
    own = Pool(
        partial(map, math.sqrt), name="test", form=PICKLED, count=2, seconds=1, batch=4, wait=0.3
    )
    own.submit(1)
    with own.expecting():
        values, seconds = taken(own)
        assert values == [1]
        assert seconds < 0.3, "one is on its way, and there are two cores"
    with own.expecting(), own.expecting():
        own.submit(2)
        values, seconds = taken(own)
        assert values == [2]
        assert seconds > 0.25, "as long as wait says, counted from its coming"
        for value in (3, 4, 5, 6, 7):
            own.submit(value)
        values, seconds = taken(own)
        assert values == [3, 4, 5, 6], "a full batch, no share: no core is idle"
        assert seconds < 0.3
    own.submit(8)
    assert [taken(own)[0] for _ in range(2)] == [[7], [8]], "shares of what is there"


def test_what_waits_goes_when_no_more_is_expected():
    own = Pool(
        partial(map, math.sqrt), name="test", form=PICKLED, count=1, seconds=1, batch=4, wait=600
    )
    with own.expecting():
        own.submit(1)
        thread = threading.Thread(target=lambda: sizes.append(taken(own)[0]))
        sizes: list[list] = []
        thread.start()
        own.submit(2)
        time.sleep(0.05)
        assert sizes == []
    thread.join(60)
    assert sizes == [[1, 2]]


def test_a_core_that_is_busy_gets_no_share():
    own = roots(count=2, seconds=1, batch=4)
    for value in range(4):
        own.submit(value)
    with own._working():
        assert taken(own)[0] == [0, 1, 2, 3]


def test_a_pool_whose_processes_do_not_start_again_tells_everyone(pool, monkeypatch):
    own = pool()

    def refuse():
        raise OSError("no more processes")

    monkeypatch.setattr(own, "_spawn", refuse)
    futures = [own.submit(DIES), own.submit("1")]
    assert [lost(future) for future in futures] == ["failed", "failed"]
    assert isinstance(own.broken, OSError)
    assert lost(own.submit("1")) == "failed"
