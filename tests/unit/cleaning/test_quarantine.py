"""The quarantine: nothing is lost and nothing written over, whenever the work is cut off."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fiqa.cleaning import quarantine as room
from fiqa.cleaning.findings import Finding
from fiqa.cleaning.quarantine import check_quarantine, quarantine, undo
from fiqa.errors import InputError, ReadError, UnknownNameError, WriteError

NAMES = ("a.jpg", "b c.jpg", "-rf.jpg", "ümläut.jpg", "x'; drop.jpg", "..hidden.jpg")


@pytest.fixture
def folder(tmp_path):
    """Three people with files of the same names, each with its own bytes."""
    for person in ("ann", "bob", "cai"):
        (tmp_path / "in" / person).mkdir(parents=True)
        for name in NAMES:
            (tmp_path / "in" / person / name).write_bytes(f"{person} {name}".encode())
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def found(folder: Path, issue: str = "blurred") -> list[Finding]:
    files = sorted((folder / "in").rglob("*.jpg"))
    return [Finding(str(file), str(k), issue, 0.5) for k, file in enumerate(files)]


@pytest.mark.parametrize("how", ["copy", "move"])
def test_every_file_is_there_once_and_comes_back(folder, how):
    before = content(folder / "in")
    moved = quarantine(found(folder), folder / "out", how=how)
    aside = {Path(to).read_bytes() for _, to in moved.done}
    assert aside == set(before.values())
    assert content(folder / "in") == (before if how == "copy" else {})
    assert "/blurred/ann/a.jpg" in moved.done[-0][1] or "/blurred/ann/" in moved.done[0][1]
    back = undo(moved.journal)
    assert content(folder / "in") == before
    assert len(back.done) == (0 if how == "copy" else len(before))
    assert len(back.left) == (len(before) if how == "copy" else 0)
    assert undo(moved.journal).done == []


def test_names_that_are_taken_get_a_number_and_nothing_is_written_over(folder):
    first = quarantine(found(folder), folder / "out", how="copy")
    second = quarantine(found(folder), folder / "out", how="copy")
    targets = [to for _, to in (*first.done, *second.done)]
    assert len(set(targets)) == 2 * len(first.done)
    assert all(Path(to).is_file() for to in targets)
    assert first.journal != second.journal
    assert any(to.endswith("a~2.jpg") for _, to in second.done)


def test_people_of_the_same_folder_name_do_not_collide(tmp_path):
    for side in ("x", "y"):
        (tmp_path / side / "ann").mkdir(parents=True)
        (tmp_path / side / "ann" / "1.jpg").write_text(side)
    listed = [Finding(str(tmp_path / s / "ann/1.jpg"), s, "dark", 0.5) for s in "xy"]
    done = quarantine(listed, tmp_path / "out", how="move").done
    assert sorted(Path(to).read_text() for _, to in done) == ["x", "y"]


def test_an_image_goes_once_by_its_gravest_issue_and_people_do_not_go(folder):
    path = str(folder / "in/ann/a.jpg")
    listed = [Finding(path, "1", issue, 0.5) for issue in ("two_names", "no_face", "blurred")]
    listed.append(Finding(str(folder / "in/bob/a.jpg"), "2", "leak_person", 1.0))
    done = quarantine(listed, folder / "out").done
    assert [os.path.basename(os.path.dirname(os.path.dirname(to))) for _, to in done] == ["no_face"]


def test_a_file_that_is_gone_is_told(folder):
    listed = found(folder)
    os.unlink(listed[0].path)
    moved = quarantine(listed, folder / "out", how="move")
    assert moved.left == [(listed[0].path, "there is no such file")]
    assert "left: " in "\n".join(moved.lines())


@pytest.mark.parametrize("crossing", [False, True])
def test_links_are_moved_as_links(folder, crossing, monkeypatch):
    link = folder / "in/ann/link.jpg"
    link.symlink_to("a.jpg")
    if crossing:
        monkeypatch.setattr(os, "link", _cross)
    moved = quarantine([Finding(str(link), "l", "dark", 0.5)], folder / "out", how="move")
    assert os.readlink(moved.done[0][1]) == "a.jpg"
    undo(moved.journal)
    assert os.readlink(link) == "a.jpg"
    assert link.read_bytes() == b"ann a.jpg"


def _cross(*_, **__):
    raise OSError(errno.EXDEV, "another device")


def test_another_device_is_copied_to_and_back(folder, monkeypatch):
    before = content(folder / "in")
    monkeypatch.setattr(os, "link", _cross)
    moved = quarantine(found(folder), folder / "out", how="move")
    assert content(folder / "in") == {}
    assert len(undo(moved.journal).done) == len(before)
    assert content(folder / "in") == before


@pytest.mark.parametrize("crossing", [False, True])
@pytest.mark.parametrize("step", range(1, 9))
def test_cut_off_anywhere_the_journal_brings_everything_back(folder, monkeypatch, step, crossing):
    """The process is stopped at each system call that changes a file."""
    before, calls = content(folder / "in"), 0

    def stopping(real):
        def call(*args, **named):
            nonlocal calls
            calls += 1
            if calls == step:
                raise KeyboardInterrupt
            return real(*args, **named)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", _cross if crossing else stopping(os.link))
        patch.setattr(os, "unlink", stopping(os.unlink))
        patch.setattr(os, "fsync", stopping(os.fsync))
        patch.setattr(room, "_copy", stopping(room._copy))
        with pytest.raises(KeyboardInterrupt):
            quarantine(found(folder), folder / "out", how="move")
    here = content(folder)
    assert set(before.values()) <= set(here.values()), "every file is somewhere"
    undo(folder / "out/journal-1.jsonl")
    assert {k: v for k, v in content(folder / "in").items() if k in before} == before
    assert undo(folder / "out/journal-1.jsonl").done == []


def test_killed_in_the_middle(folder):
    before = content(folder / "in")
    code = f"""
        import os, signal
        from pathlib import Path
        from fiqa.cleaning.findings import Finding
        from fiqa.cleaning.quarantine import quarantine
        real, count = os.unlink, 0
        def unlink(path):
            global count
            count += 1
            if count == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            real(path)
        os.unlink = unlink
        files = sorted(Path({str(folder / "in")!r}).rglob("*.jpg"))
        listed = [Finding(str(f), str(k), "dark", 0.5) for k, f in enumerate(files)]
        quarantine(listed, {str(folder / "out")!r}, how="move")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -9
    lines = [json.loads(line) for line in (folder / "out/journal-1.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == ["begun", "done"] * 4 + ["begun"]
    assert len(content(folder / "in")) == len(before) - 4
    assert len(undo(folder / "out/journal-1.jsonl").done) == 5
    assert content(folder / "in") == before


def test_a_cut_last_line_is_passed_over_and_another_is_not(folder):
    moved = quarantine(found(folder), folder / "out", how="move")
    journal = Path(moved.journal)
    journal.write_text(journal.read_text() + '{"state": "beg')
    assert len(undo(journal).done) == 18
    journal.write_text("no journal\n{}\n")
    with pytest.raises(ReadError, match="must be a journal of fiqa clean; line 1"):
        undo(journal)
    with pytest.raises(ReadError, match=r"none\.jsonl"):
        undo(folder / "none.jsonl")


def test_undo_writes_over_nothing(folder):
    listed = found(folder)
    moved = quarantine(listed, folder / "out", how="move")
    Path(listed[0].path).write_text("new")
    back = undo(moved.journal)
    assert len(back.done) == len(listed) - 1
    assert back.left[0][1].startswith("something else is at")
    assert Path(listed[0].path).read_text() == "new"
    assert Path(back.left[0][0]).read_bytes() == b"ann -rf.jpg"


def test_names_that_are_no_text_come_back(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(raw, "wb") as file:
        file.write(b"x")
    moved = quarantine([Finding(os.fsdecode(raw), "1", "dark", 0.5)], tmp_path / "out", how="move")
    assert not os.path.exists(raw)
    undo(moved.journal)
    assert os.path.exists(raw)


def test_a_quarantine_that_cannot_be_is_refused(folder):
    paths = [finding.path for finding in found(folder)]
    (folder / "file").touch()
    for to, words in (
        (folder / "file", "is a file"),
        (folder, "must not hold images"),
        (folder / "in", "must not hold images"),
        (folder / "in/aside", "must lie outside"),
    ):
        with pytest.raises(InputError, match=words):
            check_quarantine(to, paths, [str(folder / "in")])
    check_quarantine(folder / "out", paths, [str(folder / "in")])
    with pytest.raises(UnknownNameError, match="apply"):
        quarantine(found(folder), folder / "out", how="delete")  # type: ignore[arg-type]
    with pytest.raises(WriteError, match="could not be filled"):
        quarantine(found(folder), folder / "file")
