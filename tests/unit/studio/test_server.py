"""`fiqa studio` as a program: its link, a choice, a kill, and the same store again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

import fiqa
from fiqa.errors import InputError


def _program(folder: Path, store: Path) -> tuple[subprocess.Popen[str], str]:
    """A running studio and the link that it printed."""
    program = subprocess.Popen(
        [sys.executable, "-m", "fiqa", "studio", str(folder), "--port", "0", "--store", str(store),
         "--annotator", "Ada"],
        stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    assert program.stderr is not None
    for line in program.stderr:
        if found := re.search(r"open (http://127\.0\.0\.1:\d+)(/enter\?code=\S+)", line):
            return program, found[1] + found[2]
    raise AssertionError("it printed no link")


def _browser() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))


def _choose(browser: urllib.request.OpenerDirector, base: str) -> None:
    request = urllib.request.Request(
        f"{base}/templates/0/choose",
        json.dumps({"place": 1, "version": 0}).encode(),
        {"origin": base, "content-type": "application/json"},
    )
    with browser.open(request, timeout=30) as answer:
        assert json.load(answer)["places"] == [1]


@pytest.mark.slow
def test_a_kill_loses_no_choice_and_a_stop_is_clean(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra service")
    store = tmp_path / "studio.sqlite"
    program, link = _program(folder, store)
    base = link.partition("/enter")[0]
    browser = _browser()
    with browser.open(link, timeout=30) as page:
        assert "0 of 3 people decided" in page.read().decode()
    _choose(browser, base)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=30)

    program, link = _program(folder, store)
    with _browser().open(link, timeout=30) as page:
        assert "1 of 3 people decided" in page.read().decode()
    program.send_signal(signal.SIGTERM)
    _, told = program.communicate(timeout=30)
    assert program.returncode == 0
    assert f"the decisions are in {store}" in told


def test_wrong_arguments_are_told_before_anything_listens(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a token"):
        fiqa.studio(folder, host="0.0.0.0", token=False, store=tmp_path / "s.sqlite")
    with pytest.raises(InputError, match="name must be"):
        fiqa.studio(folder, annotator="a\nb", store=tmp_path / "s.sqlite")
    alien = tmp_path / "scores.csv"
    alien.write_text("id,score\nnobody,1\n")
    with pytest.raises(InputError, match="one of the faces"):
        fiqa.studio(folder, scores=alien, store=tmp_path / "s.sqlite", port=0)
    assert not (tmp_path / "s.sqlite").exists()
    assert callable(fiqa.studio)
