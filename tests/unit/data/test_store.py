"""Whole or absent: failures in the middle, a full disk, SIGKILL at any moment."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fiqa.data import store
from fiqa.data.store import (
    Parts,
    atomic_path,
    file_state,
    fingerprint,
    hash_rows,
    is_current,
    make_record,
    read_sidecar,
    sha256_file,
    write_sidecar,
)
from fiqa.data.tables import TableWriter
from fiqa.errors import ReadError, WriteError

KEY = "a" * 64


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_rows_and_the_state_of_their_files_decide_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    os.utime(file, ns=(5, 7))
    assert file_state(file) == (3, 7)
    assert file_state(tmp_path / "gone") is None
    assert file_state("a\0b") is None
    rows = [("a", (3, 7)), ("caf\udce9", None)]
    assert hash_rows(rows) == hash_rows(iter(rows))
    others = [rows[::-1], rows[:1], [("a", (3, 8)), rows[1]], []]
    assert len({hash_rows(rows), *map(hash_rows, others)}) == 5


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target) as aside:
        assert aside.parent == target.parent
        assert aside.suffix == ".txt"
        assert aside.name.startswith(".")
        aside.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(target.parent) == ["a.txt"]


@pytest.mark.parametrize(
    "error",
    [ValueError("own"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")],
)
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write() -> None:
        with atomic_path(target) as aside:
            aside.write_text("half")
            raise error

    kind = WriteError if isinstance(error, OSError) else type(error)
    with pytest.raises(
        kind,
        match=r"a\.txt' could not be written: No space left" if kind is WriteError else "own|^$",
    ):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WriteError, match="could not be written"),
        atomic_path(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.parametrize("name", ["", ".", "/", "..", "a\0b"])
def test_what_names_no_file_is_a_write_error(name: str) -> None:
    with pytest.raises(WriteError, match="must be a file, got"), atomic_path(name):
        pass


def test_long_and_odd_names(tmp_path: Path) -> None:
    for name in ("n" * 251 + ".txt", "-rf", "new\nline", "caf\udce9", "é" * 127):
        with atomic_path(tmp_path / name) as aside:
            aside.write_text(name.encode("utf-8", "replace").decode())
        assert (tmp_path / name).exists()
    assert len(names(tmp_path)) == 5


def test_a_full_disk_in_a_real_process(tmp_path: Path) -> None:
    script = """
import resource, sys
from fiqa.data.store import atomic_path
from fiqa.errors import WriteError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with atomic_path(sys.argv[1]) as aside:
        aside.write_bytes(bytes(50_000))
except WriteError as error:
    sys.exit(0 if "File too large" in str(error) and "hint:" in str(error) else 8)
sys.exit(9)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.bin")], timeout=60)
    assert done.returncode == 0
    assert names(tmp_path) == []


def test_regular_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="must be a regular file"):
        sha256_file(tmp_path / "pipe")
    with pytest.raises(ReadError, match="cannot be opened"):
        sha256_file(tmp_path / "none")
    (tmp_path / "a").write_bytes(b"abc")
    assert (
        sha256_file(tmp_path / "a")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    hashes = store.hash_inputs([tmp_path / "a", tmp_path / "pipe", tmp_path / "none"])
    assert [bool(h) for h in hashes.values()] == [True, False, False]


def test_a_sidecar_says_whether_an_artifact_is_current(tmp_path: Path) -> None:
    artifact = tmp_path / "scores.csv"
    record = make_record(
        "score", arguments={"model": "analytic"}, inputs={"a": "00"}, seed=3, protocol="iso"
    )
    key = fingerprint(record)
    assert {"numpy", "fiqa"} <= set(record["versions"])
    assert read_sidecar(artifact) is None
    assert not is_current(artifact, key)
    artifact.write_text("id\n")
    assert write_sidecar(artifact, record).name == "scores.csv.json"
    found = read_sidecar(artifact)
    assert found is not None
    assert (found["seed"], found["protocol"], found["inputs"]) == (3, "iso", {"a": "00"})
    assert is_current(artifact, key)
    for change in (
        {"arguments": {"model": "other"}},
        {"inputs": {"a": "01"}},
        {"seed": 4},
        {"protocol": "clib"},
    ):
        assert not is_current(artifact, fingerprint(record | change))
    artifact.write_text("id,\n")
    assert not is_current(artifact, key)
    artifact.unlink()
    assert not is_current(artifact, key)
    (tmp_path / "scores.csv.json").write_text("{not json")
    assert read_sidecar(artifact) is None


def test_a_folder_is_an_artifact_too(tmp_path: Path) -> None:
    crops = tmp_path / "crops"
    crops.mkdir()
    (crops / "a.jpg").write_bytes(b"1")
    record = make_record("align", arguments={}, inputs={})
    write_sidecar(f"{crops}/", record)
    assert json.loads((tmp_path / "crops.json").read_text())["verb"] == "align"
    assert is_current(crops, fingerprint(record))
    (crops / "b.jpg").write_bytes(b"1")
    assert not is_current(crops, fingerprint(record))


def test_parts_resume_and_forget(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "all", KEY, ".txt")
    for number in (0, 1, 3):
        with parts.writing(number) as aside:
            aside.write_text(str(number))
    again = Parts(tmp_path / "all", KEY, ".txt")
    assert again.done == 2
    assert [p.read_text() for p in again.paths()] == ["0", "1"]
    other = Parts(tmp_path / "all", "b" * 64, ".txt")
    assert other.done == 0
    assert names(other.folder) == ["fingerprint"]
    other.discard()
    assert names(tmp_path) == []


def work(target: Path, say: Callable[[int], object]) -> None:
    """A long job: twelve batches of rows, deterministic."""
    with TableWriter(target, fingerprint="f" * 64) as out:
        for batch in range(out.done, 12):
            say(batch)
            score = [i / 7 if batch % 3 else None for i in range(50)]
            out.write(
                [
                    {"id": f"{batch}-{i}", "score": score[i], "reasons": ["blurry"] * (i % 3)}
                    for i in range(50)
                ]
            )
        say(12)


CHILD = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("job", sys.argv[1])
job = importlib.util.module_from_spec(spec)
spec.loader.exec_module(job)
job.work(Path(sys.argv[2]), lambda batch: print(batch, flush=True))
"""


@pytest.mark.parametrize(("suffix", "moments"), [(".parquet", (4, 12)), (".csv", (12,))])
def test_killed_at_any_moment_and_run_again_ends_byte_identical(
    tmp_path: Path, suffix: str, moments: tuple[int, ...]
) -> None:
    whole, target = tmp_path / "whole" / f"t{suffix}", tmp_path / "killed" / f"t{suffix}"
    work(whole, lambda _: None)
    for moment in moments:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, __file__, str(target)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        with child.stdout:
            while child.stdout.readline().strip() != str(moment).encode():
                pass
            time.sleep(random.random() * 0.01)
            child.send_signal(signal.SIGKILL)
        child.wait(timeout=60)
        assert not target.exists() or target.read_bytes() == whole.read_bytes()
    resumed: list[int] = []
    work(target, resumed.append)
    assert len(resumed) < 13 or moments[-1] == 12
    assert target.read_bytes() == whole.read_bytes()
    assert names(target.parent) == [target.name]


def test_what_a_run_found_is_in_the_sidecar_and_not_in_its_fingerprint(tmp_path):
    artifact = tmp_path / "a.txt"
    artifact.write_text("x")
    record = make_record("label", arguments={}, inputs={})
    write_sidecar(artifact, record, learned={"images": 3})
    assert read_sidecar(artifact)["images"] == 3
    assert is_current(artifact, fingerprint(record))
