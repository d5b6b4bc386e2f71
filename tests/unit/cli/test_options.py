"""Progress on stderr, and the shared options."""

from __future__ import annotations

import io
import sys
import time

import pytest

from fiqa.cli.options import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_passes_every_item_on_and_is_silent_when_short(capsys):
    assert list(progress(iter("abc"), total=3, label="score")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_progress_writes_lines_to_stderr_where_it_is_no_terminal(capsys):
    for _ in progress(range(3), total=3, label="score", every=0.01):
        time.sleep(0.02)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0].startswith("score: 1 of 3, ")


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_is_quiet(capsys, monkeypatch, terminal):
    if terminal:
        monkeypatch.setattr(sys, "stderr", Terminal())
    for _ in progress(range(3), total=3, label="score", every=0.0, quiet=True):
        time.sleep(0.01)
    assert (sys.stderr.getvalue() if terminal else capsys.readouterr().err) == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress(range(3), total=3, label="score")) == [0, 1, 2]
    assert "score" in sys.stderr.getvalue()
    assert capsys.readouterr().out == ""
