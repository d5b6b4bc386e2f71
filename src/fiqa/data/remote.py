"""Files in object stores and on disk under one set of names: `s3://`, `gs://`, `az://` through
fsspec, `file://` and plain paths without it.

What is written is whole or absent: a disk renames a file, a store puts an object at once. `create`
is the one step that two writers cannot both take: on a disk a hard link, in a store a put on the
condition that nothing is there.
"""

from __future__ import annotations

import errno
import io
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from fiqa.data.store import atomic_path, open_regular
from fiqa.errors import ReadError, WriteError
from fiqa.extras import require

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Place", "is_remote"]

STORES = {"s3": "s3", "gs": "gs", "az": "az"}
"""The scheme of each kind of store, and the extra that reads it."""
_BLOCK = 1 << 22
"""Bytes that are read ahead from a store."""


def is_remote(path: object) -> bool:
    """Tells whether a path names something in an object store.

    Args:
        path: anything.

    >>> is_remote("s3://bucket/a.tar"), is_remote("file:///a.tar"), is_remote("a.tar")
    (True, False, False)
    """
    return isinstance(path, str) and path.partition("://")[0] in STORES and "://" in path


def _local(path: str) -> str:
    return unquote(urlsplit(path).path) if path.startswith("file://") else path


def _state(about: Mapping[str, Any]) -> str:
    """What a store says of a file: its size, and its tag or the time of change."""
    marks = (about.get(name) for name in ("ETag", "etag", "content_md5", "generation"))
    return f"{about['size']} {next(filter(None, marks), about.get('LastModified', ''))}"


@contextmanager
def _told() -> Iterator[None]:
    """What a store's library raises of its own (no credentials, no such host, the answer 500)
    becomes an OSError with a number: without one it would be taken for the fault of the bytes.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        kind = "" if type(error) is OSError else f"{type(error).__name__}: "
        refused = OSError(f"{kind}{str(error).rstrip('.')}")
        refused.errno = errno.EIO
        raise refused from error


class _Opened(io.RawIOBase):
    """A file of a store, opened for reading; a store that refuses in the middle is an OSError."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        into = memoryview(buffer).cast("B")
        with _told():
            content = self._file.read(len(into))
        into[: len(content)] = content
        return len(content)

    def read(self, size: int = -1, /) -> bytes:
        # RawIOBase would allocate `size` bytes first; a store allocates those that there are
        with _told():
            return self._file.read(size)

    def readall(self) -> bytes:
        return self.read()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class Place:
    """A file or folder, on a disk or in a store.

    Args:
        path: a path, or an address that begins with file://, s3://, gs:// or az://.

    Attributes:
        name: the path as a store or the system knows it, without `/` at the end.

    Raises:
        MissingExtraError: the store's extra is not installed.

    >>> Place("file:///data/shards/").name
    '/data/shards'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        plain = _local(os.fspath(path))
        self.name = plain.rstrip("/") or "/"
        self._remote = is_remote(plain)

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.name}/{name}")

    def __str__(self) -> str:
        return self.name

    @property
    def _store(self) -> Any:
        """The store's file system of fsspec; made once per process, and never its old listing."""
        scheme = self.name.partition("://")[0]
        fsspec = require("fsspec", extra=STORES[scheme])
        try:
            store = fsspec.filesystem(scheme, use_listings_cache=False)
        except ImportError:
            require({"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}[scheme], extra=STORES[scheme])
            raise
        return store

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """Yields the store, as _told."""
        store = self._store
        with _told():
            yield store

    def files(self) -> list[str]:
        """Returns the files in and under a folder, sorted; of a file, itself; [] where there is
        nothing.

        Raises:
            ReadError: the store refused.
        """
        if not self._remote:
            root = Path(self.name)
            found = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
            return [str(path) for path in found]
        scheme = self.name.partition("://")[0]
        try:
            with self._asked() as store:
                return sorted(f"{scheme}://{name}" for name in store.find(self.name))
        except OSError as error:
            raise ReadError(
                f"{self.name!r} cannot be listed: {error}.", status="unreadable"
            ) from error

    def states(self) -> dict[str, str]:
        """Returns the files in and under a folder, as `files`, each with its `state`; a store is
        asked once.

        Raises:
            ReadError: the store refused.
        """
        if not self._remote:
            return {name: Place(name).state() for name in self.files()}
        scheme = self.name.partition("://")[0]
        try:
            with self._asked() as store:
                # adlfs gives a list for a single file, with details or without
                found = store.find(self.name, detail=True) or {}
                if not isinstance(found, dict):
                    found = {name: store.info(name) for name in found}
        except OSError as error:
            raise ReadError(
                f"{self.name!r} cannot be listed: {error}.", status="unreadable"
            ) from error
        return {f"{scheme}://{name}": _state(about) for name, about in sorted(found.items())}

    def state(self) -> str:
        """Returns what tells without reading that the file is another one: its size, and the
        store's tag or the time of change; "" where it cannot be seen."""
        if not self._remote:
            with suppress(OSError):
                found = os.stat(self.name)
                return f"{found.st_size} {found.st_mtime_ns}"
            return ""
        with suppress(OSError), self._asked() as store:
            return _state(store.info(self.name))
        return ""

    def exists(self) -> bool:
        """Tells whether there is a file.

        Raises:
            ReadError: the store refused.
        """
        if not self._remote:
            return os.path.isfile(self.name)
        try:
            with self._asked() as store:
                # not isfile, which says no where the store refused
                return bool(store.info(self.name)["type"] == "file")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ReadError(
                f"{self.name!r} cannot be looked at: {error}.", status="unreadable"
            ) from error

    def open(self) -> IO[bytes]:
        """Returns the file opened for reading bytes; a store is read ahead in blocks, never whole.

        Raises:
            ReadError: not_found, or unreadable.
        """
        if not self._remote:
            return open_regular(self.name)
        try:
            with self._asked() as store:
                opened = store.open(self.name, "rb", block_size=_BLOCK, cache_type="readahead")
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise ReadError(
                f"{self.name!r} cannot be opened: {error}.",
                status="not_found" if missing else "unreadable",
            ) from error
        return cast("IO[bytes]", _Opened(opened))

    def read(self) -> bytes:
        """Returns the bytes of a small file.

        Raises:
            ReadError: as open.
        """
        with self.open() as file:
            return file.read()

    def write(self, content: bytes) -> None:
        """Writes the file, whole or not at all, over what was there.

        Args:
            content: its bytes.

        Raises:
            WriteError: the disk or the store refused.
        """
        if not self._remote:
            with atomic_path(self.name) as aside:
                aside.write_bytes(content)
            return
        try:
            with self._asked() as store:
                store.pipe_file(self.name, content)
        except OSError as error:
            raise WriteError(f"{self.name!r} could not be written: {error}.") from error

    def create(self, content: bytes) -> bool:
        """Writes the file if there is none; of several who try at once, one does.

        Args:
            content: its bytes.

        Returns:
            Whether it was this call that wrote it.

        Raises:
            WriteError: the disk or the store refused.
        """
        try:
            if self._remote:
                with self._asked() as store:
                    store.pipe_file(self.name, content, mode="create")
                return True
            target = Path(self.name)
            aside = target.with_name(f".new-{uuid.uuid4().hex}")
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(aside, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(aside, target)
            finally:
                aside.unlink(missing_ok=True)
        except FileExistsError:
            return False
        except OSError as error:
            with suppress(ReadError):
                if self._remote and self.exists():
                    return False
            raise WriteError(f"{self.name!r} could not be written: {error}.") from error
        return True

    def remove(self) -> None:
        """Removes a file, or a folder with all that is in it.

        Raises:
            WriteError: the disk or the store refused.
        """
        try:
            if self._remote:
                names = self.files()
                with self._asked() as store:
                    for name in names:
                        store.rm_file(name)
                return
            for name in self.files():
                os.unlink(name)
        except OSError as error:
            raise WriteError(
                f"{self.name!r} could not be removed: {str(error).rstrip('.')}."
            ) from error
