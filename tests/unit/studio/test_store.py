"""The store: rows only ever added, nothing lost to a kill, nobody overwritten."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from fiqa.errors import InputError, WriteError
from fiqa.studio_app.store import StaleError, Store


@pytest.fixture
def store(tmp_path: Path):
    made = Store(tmp_path / "s.sqlite")
    yield made
    made.close()


def test_a_decision_replaces_the_version_that_was_seen(store: Store) -> None:
    first = store.add("ada", "level", "f1", "good", before=0)
    second = store.add("bob", "level", "f1", "low", before=first.seq)
    assert store.current("level")["f1"] == second
    assert [row.value for row in store.log()] == ["good", "low"]


def test_two_at_once_do_not_overwrite_each_other(store: Store) -> None:
    seen = store.add("ada", "level", "f1", "good", before=0).seq
    theirs = store.add("bob", "level", "f1", "low", before=seen)
    with pytest.raises(StaleError) as caught:
        store.add("ada", "level", "f1", "perfect", before=seen)
    assert caught.value.current == theirs
    assert store.current("level")["f1"].value == "low"
    assert len(store.log()) == 2


def test_two_programs_on_one_file_do_not_either(store: Store) -> None:
    other = Store(store.path)
    other.add("bob", "level", "f1", "low", before=0)
    with pytest.raises(StaleError):
        store.add("ada", "level", "f1", "good", before=0)
    other.close()


def test_scopes_do_not_meet(store: Store) -> None:
    store.add("ada", "template", "p", ["1"], before=0, scope="ada")
    store.add("bob", "template", "p", ["2"], before=0, scope="bob")
    assert store.current("template", scope="ada")["p"].value == ["1"]
    assert store.current("template", scope="bob")["p"].value == ["2"]
    assert store.current("template") == {}


def test_undo_takes_back_one_after_another_and_only_ones_own(store: Store) -> None:
    a = store.add("ada", "level", "f1", "good", before=0)
    b = store.add("ada", "level", "f1", "low", before=a.seq)
    store.add("bob", "level", "f2", "low", before=0)
    assert store.undo("ada", ["level"]).value == "good"
    assert store.current("level")["f1"].value == "good"
    assert store.undo("ada", ["level"]).value is None
    assert set(store.current("level")) == {"f2"}
    assert store.undo("ada", ["level"]) is None
    version = store.version("level", "f1")
    store.add("ada", "level", "f1", "perfect", before=version)
    assert store.undo("ada", ["level"]).value is None
    assert [row.undoes for row in store.log()] == [None, None, None, b.seq, a.seq, None, 6]


def test_undo_does_not_take_back_what_somebody_else_replaced(store: Store) -> None:
    mine = store.add("ada", "level", "f1", "good", before=0)
    store.add("bob", "level", "f1", "low", before=mine.seq)
    with pytest.raises(StaleError):
        store.undo("ada", ["level"])
    assert store.current("level")["f1"].value == "low"


def test_rows_cannot_be_changed_or_deleted(store: Store) -> None:
    store.add("ada", "level", "f1", "good", before=0)
    with sqlite3.connect(store.path) as raw:
        for sql in ("UPDATE decisions SET value = '1'", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                raw.execute(sql)
    raw.close()


def test_text_of_any_kind_comes_back(store: Store) -> None:
    for k, text in enumerate(["'; DROP TABLE decisions; --", "é\u202e", "<b>", "a\x00b"]):
        store.add("ada", "identity", f"f{k}", text, before=0)
    assert store.log()[0].value.startswith("';")
    assert store.current("identity")["f3"].value == "a\x00b"


def _adds_and_is_killed(path: str, said) -> None:
    store = Store(path)
    for k in range(1000):
        store.add("ada", "level", f"f{k}", "good", before=0)
        said.put(k)
        if k == 20:
            said.close()
            said.join_thread()
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    path = tmp_path / "k.sqlite"
    worker = context.Process(target=_adds_and_is_killed, args=(str(path), said))
    worker.start()
    answered = [said.get(timeout=60) for _ in range(21)]
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    store = Store(path)
    assert set(store.current("level")) == {f"f{k}" for k in answered}
    store.close()


def test_another_file_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "x.sqlite"
    text.write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(InputError):
        Store(text)
    other = tmp_path / "y.sqlite"
    with sqlite3.connect(other) as raw:
        raw.execute("CREATE TABLE t (a)")
    raw.close()
    with pytest.raises(InputError, match="store of the studio"):
        Store(other)
    with pytest.raises(WriteError):
        Store(tmp_path / "no" / "such" / "folder.sqlite")
