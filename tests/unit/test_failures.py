"""Failures of single images: one warning per cause, with a count."""

from __future__ import annotations

import logging

import pytest

from fiqa.failures import Failures, failed, telling


def meet(name: str) -> None:
    """One kind of failure, whose message names the image."""
    raise ValueError(f"{name} has a red corner\nand a second line")


def fail(*names: str) -> None:
    for name in names:
        try:
            meet(name)
        except ValueError as error:
            failed(name, error)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_a_cause_is_told_once_with_a_count_and_the_first(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "fiqa"):
        with telling():
            fail(*(f"{i}.png" for i in range(1200)))
            assert not caplog.records
        assert lines(caplog) == [
            "1200 failed with ValueError: 0.png has a red corner; the first is '0.png'"
        ]
    (trace,) = lines(caplog, logging.DEBUG)
    assert "in meet" in trace


def test_other_kinds_and_places_are_other_causes(caplog: pytest.LogCaptureFixture) -> None:
    with telling():
        fail("a", "b")
        for kind in (KeyError, OSError, KeyError):
            failed("c", kind())
        try:
            raise ValueError("elsewhere")
        except ValueError as error:
            failed("d", error)
    assert lines(caplog) == [
        "2 failed with ValueError: a has a red corner; the first is 'a'",
        "2 failed with KeyError; the first is 'c'",
        "1 failed with OSError; it is 'c'",
        "1 failed with ValueError: elsewhere; it is 'd'",
    ]


def test_an_error_of_the_run_does_not_swallow_them(caplog: pytest.LogCaptureFixture) -> None:
    @telling()
    def run() -> None:
        fail("a")
        raise KeyError("end")

    with pytest.raises(KeyError, match="end"):
        run()
    assert len(lines(caplog)) == 1


def test_outside_a_run_a_failure_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    fail("a", "b")
    assert len(lines(caplog)) == 2


def test_those_of_another_process_are_added(caplog: pytest.LogCaptureFixture) -> None:
    one, other = Failures(), Failures()
    for run, names in ((one, ("a", "b")), (other, ("c",))):
        with run.noting():
            fail(*names)
    one.merge(other)
    one.tell()
    one.tell()
    assert lines(caplog) == ["3 failed with ValueError: a has a red corner; the first is 'a'"]
