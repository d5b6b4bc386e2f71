"""A store that refuses in the words of its own library is told as fiqa tells it."""

import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest

from fiqa.data.images import Limits
from fiqa.data.remote import Place
from fiqa.data.shards import members
from fiqa.errors import ReadError, WriteError

pytest.importorskip("s3fs", reason="the extra s3 is not installed")

from fsspec.spec import AbstractBufferedFile


class NoCredentialsError(Exception):
    """As botocore's: no OSError."""


class Locked:
    """A store that knows nobody."""

    def _refuse(self, *_: object, **__: object) -> None:
        raise NoCredentialsError("Unable to locate credentials.")

    find = info = open = pipe_file = rm_file = _refuse


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: Locked())
    return Place("s3://faces/a.tar")


@pytest.mark.parametrize("reads", ["files", "states", "exists", "open", "read"])
def test_who_may_not_read_is_told_why(place: Place, reads: str) -> None:
    with pytest.raises(ReadError, match=r"s3://faces/a.tar.*NoCredentialsError: Unable to locate"):
        getattr(place, reads)()


@pytest.mark.parametrize("writes", ["write", "create"])
def test_who_may_not_write_is_told_why(place: Place, writes: str) -> None:
    with pytest.raises(WriteError, match="NoCredentialsError: Unable to locate credentials"):
        getattr(place, writes)(b"bytes")


def test_what_cannot_be_listed_is_not_removed(place: Place) -> None:
    with pytest.raises(
        WriteError, match=r"could not be removed: .* Unable to locate credentials\.$"
    ):
        place.remove()


def test_a_state_that_cannot_be_seen_is_empty(place: Place) -> None:
    assert place.state() == ""


class Breaking:
    """A store that opens a file and does not give its bytes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def open(self, *_: object, **__: object) -> Any:
        return self

    def seek(self, *_: object) -> int:
        return 4096

    def read(self, *_: object) -> bytes:
        raise self.error

    def tell(self) -> int:
        return 0

    def close(self) -> None:
        """Has nothing to close."""


@pytest.mark.parametrize("suffix", ["tar", "rec", "bin", "parquet"])
@pytest.mark.parametrize(
    "error",
    [NoCredentialsError("Unable to locate credentials."), OSError("Forbidden: a"), TimeoutError()],
    ids=["its own error", "no number", "no answer"],
)
def test_a_store_that_refuses_in_the_middle_is_not_taken_for_a_broken_shard(
    monkeypatch: pytest.MonkeyPatch, suffix: str, error: Exception
) -> None:
    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: Breaking(error))
    with pytest.raises(ReadError, match=f"s3://faces/a.{suffix}") as refused:
        list(members(f"s3://faces/a.{suffix}", Limits()))
    assert refused.value.status == "unreadable"


class Fetched(AbstractBufferedFile):
    """A file of a store, of which each range that is asked for is noted."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, []
        super().__init__(SimpleNamespace(), "a", size=len(content), block_size=64)

    def _fetch_range(self, start: int, end: int) -> bytes:
        self.asked.append((start, end))
        return self.content[start:end]


def test_a_small_file_takes_little_memory_however_much_may_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = bytes(range(200))
    file = Fetched(content)
    monkeypatch.setattr(
        "fsspec.filesystem", lambda *_, **__: SimpleNamespace(open=lambda *_, **__: file)
    )
    with Place("s3://faces/a.jpg").open() as opened:
        assert opened.read(10) == content[:10], "no more than was asked for"
        tracemalloc.start()
        try:
            assert opened.read(1 << 28) == content[10:]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1 << 20
        assert opened.read(1 << 28) == opened.read() == b""
        opened.seek(150)
        assert opened.read() == content[150:]
    assert file.asked == [(0, 74), (74, 200)], "one request for a read, with a block ahead"
