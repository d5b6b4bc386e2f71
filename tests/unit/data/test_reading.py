"""The guard around every reader: what goes in is any error, what comes out is a ReadError with a
name and a status."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import threading
import tokenize
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.reading import no_panics, read_at_most, reader, reading
from fiqa.errors import (
    ContentError,
    ContentNameError,
    ContentShapeError,
    EvidenceError,
    InputError,
    ReadError,
    ShapeError,
    UnknownNameError,
    UnsafeFileError,
    WriteError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (zlib.error("bad stream"), "corrupt"),
        (tokenize.TokenError("EOF"), "corrupt"),
        (RecursionError("deep"), "corrupt"),
        (AssertionError(), "corrupt"),
        (MemoryError(), "too_large"),
        (OSError(5, "Input/output error"), "unreadable"),
        (OSError(22, "Invalid argument"), "corrupt"),  # zipfile seeks where there is nothing
        (OSError("a library's own"), "corrupt"),
    ],
)
def test_any_error_becomes_a_read_error_with_name_and_status(error: Exception, status: str) -> None:
    with pytest.raises(ReadError, match=r"^'a\.npz' ") as caught, reading("a.npz"):
        raise error
    assert caught.value.status == status
    assert caught.value.__cause__ is error


def test_a_read_error_keeps_its_kind_status_and_hint_and_gets_the_name_once() -> None:
    with pytest.raises(UnsafeFileError, match=r"^'a': no") as caught, reading("a"), reading("a"):
        raise UnsafeFileError("no", status="corrupt", hint="go")
    assert (caught.value.status, caught.value.hint) == ("corrupt", "go")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InputError("n", hint="h"), ContentError),
        (ShapeError("n", hint="h"), ContentShapeError),
        (UnknownNameError("key", "siez", ["size"]), ContentNameError),
    ],
)
def test_an_error_of_content_is_both_kinds(error: InputError, kind: type[ContentError]) -> None:
    with pytest.raises(ReadError, match=r"^'card\.json': ") as caught, reading("card.json"):
        raise error
    assert type(caught.value) is kind
    assert isinstance(caught.value, type(error))
    assert caught.value.hint == error.hint
    assert getattr(caught.value, "closest", None) == getattr(error, "closest", None)


@pytest.mark.parametrize(
    "error", [EvidenceError("few"), WriteError("full"), KeyboardInterrupt(), SystemExit(3)]
)
def test_what_is_no_fault_of_the_file_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, reading("a"):
        raise error
    assert caught.value is error


def test_an_endless_message_is_cut() -> None:
    with pytest.raises(ReadError) as caught, reading("a"):
        raise InputError("got the columns " + "x" * 100_000)
    assert len(str(caught.value)) < 2500


def test_a_guarded_function_names_its_first_argument() -> None:
    @reader
    def size(path: str | None, *, of: str = "all") -> int:
        return {"a": 1}[of if path is None else path]

    assert size("a") == 1
    assert size(None, of="a") == 1
    for call in (lambda: size("b.csv"), lambda: size(path="b.csv")):
        with pytest.raises(ReadError, match=r"'b\.csv' cannot be read: KeyError"):
            call()
    with pytest.raises(KeyError):  # no file is to blame
        size(None, of="c")
    with pytest.raises(TypeError):
        size()  # type: ignore[call-arg]


def test_reading_takes_the_memory_of_the_file_not_of_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345")
    asked: list[int] = []

    class Counted(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
            asked.append(size or 0)
            return super().read(size) or b""

    with Counted(path) as file:
        assert read_at_most(file, 4 << 30) == b"12345"
    assert max(asked) <= 6
    with path.open("rb") as file:
        assert read_at_most(file, 3) == b"123"


def test_a_file_that_grows_is_read_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"ab")

    class Growing(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
            with open(path, "ab") as more:
                more.write(b"c" * 10)
            return super().read(size) or b""

    with Growing(path) as file:
        assert read_at_most(file, 20) == b"ab" + b"c" * 18


def test_a_panic_of_native_code_is_a_read_error() -> None:
    class PanicException(BaseException):
        pass

    with (
        pytest.raises(
            ReadError, match=r"'t\.parquet' is damaged: .*PanicException: called unwrap"
        ) as caught,
        reading("t.parquet"),
    ):
        raise PanicException("called unwrap\nmore")
    assert caught.value.status == "corrupt"


def test_what_others_write_to_stderr_meanwhile_is_not_lost(
    capfd: pytest.CaptureFixture[str],
) -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with no_panics:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with no_panics:
        thread.start()
        inside.wait(10)
        os.write(2, b"one\n")
    os.write(2, b"two\n")
    leave.set()
    thread.join()
    os.write(2, b"three\n")
    assert capfd.readouterr().err == "one\ntwo\nthree\n"


def test_only_the_report_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    report = (
        b"\nthread 'x' (7) panicked at crates/a.rs:1:2:\nwhy\nstack backtrace:\n   0: f\nnote: run"
        b" with it\n"
    )

    def fail() -> None:
        with no_panics:
            os.write(2, b"before\n" + report + b"after\n")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert capfd.readouterr().err == "before\nafter\n"
    with no_panics:  # nothing was raised: nothing is left out
        os.write(2, report)
    assert "panicked" in capfd.readouterr().err


def test_a_read_without_stderr_works(tmp_path: Path) -> None:
    """Descriptor 2 is then the table itself."""
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": np.arange(3)}).write_parquet(path)
    code = (
        "import sys; from fiqa.data.tables import read_table; print(len(read_table(sys.argv[1])))"
    )
    shell = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {shlex.quote(str(path))} 2>&-"
    done = subprocess.run(["sh", "-c", shell], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "3\n"
