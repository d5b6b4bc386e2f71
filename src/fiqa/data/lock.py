"""One process at a time: for what several may begin to make at once, such as a shared cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fiqa.errors import WriteError
from fiqa.types import PathLike

__all__ = ["alone"]


@contextmanager
def alone(path: PathLike) -> Iterator[None]:
    """Waits until no other process of this machine is inside `alone` of the same path.

    A lock file stands beside the path and stays there; the system frees the lock of a process that
    was killed. Windows has no such lock: there the block runs at once.

    Args:
        path: of what is made.

    Raises:
        WriteError: the lock file cannot be written.
    """
    target = Path(path)
    lock = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise WriteError(f"{str(lock)!r} could not be written: {error.strerror}.") from error
    try:
        with suppress(ImportError):
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
