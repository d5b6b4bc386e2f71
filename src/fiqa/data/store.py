"""Artifacts that are whole or absent, and reruns that do only what is missing.

An artifact is a file or a folder. Beside it stands `<artifact>.json`, its sidecar, written last:
what it was made from. Long work leaves finished chunks in `<artifact>.parts/` until the artifact is
whole. One process at a time writes an artifact (what several may make at once, such as a cache, is
made inside `fiqa.data.lock.alone`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from io import BufferedReader
from pathlib import Path
from typing import Any

from fiqa.errors import ReadError, WriteError
from fiqa.types import PathLike

__all__ = [
    "Parts",
    "atomic_path",
    "file_state",
    "fingerprint",
    "hash_inputs",
    "hash_rows",
    "is_current",
    "make_record",
    "open_regular",
    "read_sidecar",
    "sha256_file",
    "sidecar_path",
    "write_sidecar",
]

_log = logging.getLogger(__name__)
_PACKAGES = ("numpy", "pillow", "opencv-python-headless", "onnxruntime", "polars", "scipy", "torch")


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Yields a path to write to, which becomes `path` when the block ends well.

    It is synced and renamed to `path`; on any failure it is removed and `path` is as it was. The
    aside name is hidden, keeps the suffix and depends on `path` alone, so a rerun after a kill
    writes over what the kill left.

    Args:
        path: the file to write.

    Raises:
        WriteError: the operating system refused (disk full, permission, ...).
    """
    target = Path(path)
    if target.name in ("", "..") or "\0" in target.name:
        raise WriteError(
            f"An output must be a file, got {os.fspath(path)!r}.",
            hint="name a file, such as sheet.html",
        )
    aside = _aside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        # Synced before it is renamed: after a power cut the name must not lead to an empty file.
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if (
            isinstance(error, OSError)
            and not isinstance(error, WriteError)
            and error.errno is not None
        ):
            raise WriteError(
                f"{str(target)!r} could not be written: {error.strerror or error}.",
                hint=(
                    "nothing was left behind; free some space or choose another place, then run it"
                    " again"
                ),
            ) from error
        raise


def _aside(target: Path) -> Path:
    name = f".partial-{target.name}"
    # File systems allow names of 255 bytes; `target` may have nearly as many.
    if len(os.fsencode(name)) > 255:
        digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]
        name = f".partial-{digest}{target.suffix[:16]}"
    return target.with_name(name)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every file system can sync a folder, and the rename is done
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_regular(path: PathLike) -> BufferedReader:
    """Returns a regular file opened for reading bytes; never blocks on a FIFO.

    Args:
        path: the file.

    Raises:
        ReadError: `.status` not_found, or unreadable (permission, a folder, a FIFO, a socket, a
            device).
    """
    name = os.fspath(path)
    # Opening a FIFO would wait for a writer; O_NONBLOCK opens it, and it is refused below.
    try:
        handle = os.open(
            name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        )
    except (OSError, ValueError) as error:
        missing = isinstance(error, ValueError) or error.errno in (errno.ENOENT, errno.ENOTDIR)
        raise ReadError(
            f"{name!r} cannot be opened: {error}.", status="not_found" if missing else "unreadable"
        ) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ReadError(f"{name!r} must be a regular file.", status="unreadable")
    return os.fdopen(handle, "rb")


def sha256_file(path: PathLike) -> str:
    """Returns the sha256 of a file's bytes, read in pieces, as 64 hex digits.

    Args:
        path: the file.

    Raises:
        ReadError: as open_regular.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_inputs(paths: Iterable[PathLike]) -> dict[str, str]:
    """Returns path -> sha256 of each input file, for a record; "" for one that cannot be read.

    Args:
        paths: the files, and folders of parts.
    """
    from fiqa.data.parts import is_parts, parts_digest

    hashes = {}
    for path in paths:
        hashes[os.fspath(path)] = ""
        with suppress(OSError, ReadError):
            hashes[os.fspath(path)] = (parts_digest if is_parts(path) else sha256_file)(path)
    return hashes


def file_state(path: PathLike) -> tuple[int, int] | None:
    """Returns size and time of change (ns) of a file, None where it cannot be seen.

    They tell without reading that it is another one.

    Args:
        path: the file.
    """
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns


def hash_rows(rows: Iterable[object]) -> str:
    """Returns the sha256 over the printed form of rows of plain values, in order.

    Args:
        rows: plain values.

    >>> hash_rows([("a", 1)]) == hash_rows([("a", 1)])
    True
    >>> hash_rows([("a", 1)]) == hash_rows([("a", 2)])
    False
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row!r}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def make_record(
    verb: str,
    *,
    arguments: Mapping[str, Any],
    inputs: Mapping[str, str],
    seed: int | None = None,
    protocol: str | None = None,
) -> dict[str, Any]:
    """Returns what a sidecar says, package versions among it.

    Args:
        verb: what made the artifact.
        arguments: name -> value.
        inputs: name -> sha256.
        seed: of all that was drawn, None where nothing was.
        protocol: of evaluation, None where there is none.
    """
    versions = {}
    for name in ("fiqa", *_PACKAGES):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "verb": verb,
        "arguments": dict(arguments),
        "inputs": dict(inputs),
        "seed": seed,
        "protocol": protocol,
        "versions": versions,
    }


def fingerprint(record: Mapping[str, Any]) -> str:
    """Returns the sha256 of a record in canonical JSON.

    Equal records, whatever the order of their keys, give equal fingerprints.

    Args:
        record: plain data.

    >>> fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    True
    """
    # NaN is refused: it is no JSON, and equal to nothing.
    return hashlib.sha256(json.dumps(record, sort_keys=True, allow_nan=False).encode()).hexdigest()


def sidecar_path(artifact: PathLike) -> Path:
    """Returns where the sidecar of an artifact is: its name and `.json`.

    Args:
        artifact: a file or a folder.
    """
    target = Path(artifact)
    return target.with_name(target.name + ".json")


def _digest(artifact: Path) -> str:
    """sha256 of a file; of a folder, the sha256 over its file names and sizes."""
    if not artifact.is_dir():
        return sha256_file(artifact)
    # Names and sizes: hashing the content would read a whole tree of crops again.
    names = sorted(
        (os.fsencode(p.relative_to(artifact)), p.stat().st_size)
        for p in artifact.rglob("*")
        if p.is_file()
    )
    return hashlib.sha256(repr(names).encode()).hexdigest()


def write_sidecar(
    artifact: PathLike, record: Mapping[str, Any], *, learned: Mapping[str, Any] | None = None
) -> Path:
    """Writes `<artifact>.json`; call it last. Returns its path.

    It holds the record, its fingerprint and the artifact's own digest.

    Args:
        artifact: a file or a folder.
        record: what it was made from.
        learned: what the run learned; it goes into the file, not into the fingerprint.

    Raises:
        WriteError: the disk refused.
    """
    content = {
        **record,
        **(learned or {}),
        "fingerprint": fingerprint(record),
        "output": _digest(Path(artifact)),
    }
    with atomic_path(sidecar_path(artifact)) as aside:
        aside.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="ascii")
    return sidecar_path(artifact)


def read_sidecar(artifact: PathLike) -> dict[str, Any] | None:
    """Returns what `<artifact>.json` holds, or None where there is none.

    One that cannot be read counts as none, with a word on the log.

    Args:
        artifact: a file or a folder.
    """
    file = sidecar_path(artifact)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        content = error
    if isinstance(content, dict):
        return content
    _log.warning(
        "%s is no sidecar that can be read and counts as stale (%s)", file, type(content).__name__
    )
    return None


def is_current(artifact: PathLike, expected: str) -> bool:
    """Tells whether an artifact is there as it was made from a record.

    Args:
        artifact: a file or a folder.
        expected: the fingerprint of the record.
    """
    record = read_sidecar(artifact)
    target = Path(artifact)
    return bool(
        record
        and record.get("fingerprint") == expected
        and target.exists()
        and record.get("output") == _digest(target)
    )


class Parts:
    """Finished chunks of an artifact in `<artifact>.parts/`, kept across a kill.

    Chunks of another fingerprint are discarded when this is made.

    Args:
        artifact: the file that the chunks will make.
        key: the fingerprint of what it is made from.
        suffix: of the chunks.

    Attributes:
        folder: where the chunks are.
        done: how many are finished, from 0 on.

    >>> import tempfile
    >>> parts = Parts(Path(tempfile.mkdtemp()) / "all.txt", "f" * 64, ".txt")
    >>> with parts.writing(0) as aside:
    ...     _ = aside.write_text("one")
    >>> parts.done, [p.name for p in parts.paths()]
    (1, ['00000000.txt'])
    """

    def __init__(self, artifact: PathLike, key: str, suffix: str) -> None:
        self.folder = Path(artifact).with_name(Path(artifact).name + ".parts")
        self.suffix = suffix
        mark = self.folder / "fingerprint"
        if not mark.is_file() or mark.read_bytes() != key.encode("ascii"):
            self.discard()
            with atomic_path(mark) as aside:
                aside.write_text(key, encoding="ascii")
        self.done = 0
        while self.path(self.done).is_file():
            self.done += 1

    def path(self, number: int) -> Path:
        """Returns where chunk `number` is or will be.

        Args:
            number: of the chunk, from 0.
        """
        return self.folder / f"{number:08d}{self.suffix}"

    @contextmanager
    def writing(self, number: int) -> Iterator[Path]:
        """Yields the path to write a chunk to; it counts as done when the block ends well.

        Args:
            number: of the chunk, from 0.

        Raises:
            WriteError: the disk refused.
        """
        with atomic_path(self.path(number)) as aside:
            yield aside
        # A chunk behind a gap does not count until the gap is closed.
        self.done = max(self.done, number + 1) if number <= self.done else self.done

    def paths(self) -> list[Path]:
        """Returns the finished chunks from 0 up to the first that is missing (`done` of them)."""
        return [self.path(number) for number in range(self.done)]

    def discard(self) -> None:
        """Removes the folder; call it when the artifact is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)
