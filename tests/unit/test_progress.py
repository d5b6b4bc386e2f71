"""Progress: what is told, and what a terminal and a log show of it."""

from __future__ import annotations

import inspect
import io
import re

import pytest

import fiqa
from fiqa import progress
from fiqa.progress import Reporter, counted, teller


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    return clock


def run(reporter: Reporter, clock: Clock, seconds: list[float], stage: str = "score") -> None:
    for number, at in enumerate(seconds, 1):
        clock.now = at
        reporter(stage, number, len(seconds))


def test_a_log_gets_a_line_every_few_seconds_and_nothing_of_short_work(clock):
    stream = io.StringIO()
    run(Reporter(stream), clock, [0, 2, 4, 10, 12, 22, 24])
    assert stream.getvalue() == (
        "score: 4 of 7, 3.3 s each, 10 s left\nscore: 6 of 7, 4.4 s each, 4 s left\n"
    )
    short = io.StringIO()
    run(Reporter(short), clock, [20, 21, 22])
    assert short.getvalue() == ""


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("gap", [0, 1e-9, 30, 3000])
def test_slow_work_is_never_told_as_a_standstill(clock, kind, total, gap):
    stream = kind()
    run(Reporter(stream, every=0.0), clock, [gap * (i + 1) for i in range(total)])
    assert not re.search(r"\b0 per second", stream.getvalue())
    assert f"{total} of {total}" not in stream.getvalue()


def test_the_pace_counts_from_where_the_stage_began(clock):
    stream, reporter = io.StringIO(), None
    reporter = Reporter(stream)
    reporter("score", 500, 1000)
    clock.now = 10
    reporter("score", 520, 1000)
    assert stream.getvalue() == "score: 520 of 1,000, 2 per second, 4 min left\n"


def test_a_terminal_has_one_line_that_ends_clean(clock):
    stream = Terminal()
    run(Reporter(stream), clock, [0, 1, 2])
    text = stream.getvalue()
    assert "\n" not in text
    assert text.startswith("\r[#############.......] score: 2 of 3, 1 per second, 1 s left")
    assert text.endswith(" \r")


def test_a_new_stage_begins_anew(clock):
    stream, told = io.StringIO(), None
    told = Reporter(stream)
    run(told, clock, [0, 12, 14], "align")
    run(told, clock, [16, 18, 28, 30], "score")
    assert stream.getvalue() == (
        "align: 2 of 3, 12.0 s each, 12 s left\nscore: 3 of 4, 6.0 s each, 6 s left\n"
    )


def test_true_is_stderr_false_is_silence_and_a_callable_is_told(capsys, monkeypatch):
    calls = []
    told = teller(lambda *at: calls.append(at))
    assert list(counted([7, 8], told, "embed", 5, done=3)) == [7, 8]
    assert calls == [("embed", 4, 5), ("embed", 5, 5)]
    teller(False)("embed", 1, 2)
    assert isinstance(teller(True), Reporter)
    monkeypatch.setattr("sys.stderr", None)
    teller(True)("embed", 1, 2)
    assert capsys.readouterr().err == ""


def test_nothing_to_do_tells_nothing():
    assert list(counted([], lambda *at: pytest.fail("told"), "embed", 0)) == []


LONG = (
    "score", "align", "embed", "label", "train", "evaluate", "clean", "select", "scan", "export",
    "tables", "convert", "threshold", "doctor", "enroll",
)  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_every_long_verb_takes_progress(name):
    parameter = inspect.signature(getattr(fiqa, name)).parameters["progress"]
    assert parameter.default is False
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (99, "99 s"), (180, "3 min"), (7500, "2 h 5 min")]
)
def test_a_duration(seconds, text):
    assert progress._duration(seconds) == text
