"""Where the bodies of jobs lie meanwhile: a private folder, files with random names.

A folder belongs to one running service, which holds a lock in it; one whose lock nobody holds was
left by a service that was killed, and is removed when the next one starts.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from fiqa.errors import WriteError

__all__ = ["Shelf"]


class Shelf:
    """The folder of one service; made when it is first needed.

    Attributes:
        parent: the folder of every service of this user.
    """

    def __init__(self, place: str | None = None) -> None:
        """Args:
        place: where it lies; None is the system's folder of temporary files.
        """
        user = os.getuid() if hasattr(os, "getuid") else 0
        self.parent = Path(place or tempfile.gettempdir()) / f"fiqa-serve-{user}"
        self._own: Path | None = None
        self._lock = -1

    def sweep(self) -> int:
        """Removes what services left that were killed; returns how many folders that were.

        Raises:
            WriteError: the parent is not this user's alone.
        """
        if not self.parent.is_symlink() and not self.parent.exists():
            return 0
        self._check()
        removed = 0
        for folder in self.parent.iterdir():
            lock = _locked(folder / "lock")
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
                removed += 1
        return removed

    def file(self) -> Path:
        """Returns a new, empty file that nobody else can read.

        Raises:
            WriteError: the disk refused.
        """
        try:
            path = self._folder() / secrets.token_hex(16)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except WriteError:
            raise
        except OSError as error:
            raise WriteError(f"A job's file cannot be made: {error.strerror}.") from error
        return path

    def close(self) -> None:
        """Removes the folder and whatever is in it."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = None
        with suppress(OSError):
            self.parent.rmdir()

    def _folder(self) -> Path:
        if self._own is None:
            self.parent.mkdir(mode=0o700, exist_ok=True)
            self._check()
            own = Path(tempfile.mkdtemp(dir=self.parent))
            lock = _locked(own / "lock", create=True)
            if lock is None:
                raise OSError(0, "its lock is held")
            self._own, self._lock = own, lock
        return self._own

    def _check(self) -> None:
        told = self.parent.lstat()
        owned = not hasattr(os, "getuid") or told.st_uid == os.getuid()
        if (
            not stat.S_ISDIR(told.st_mode)
            or not owned
            or (os.name == "posix" and told.st_mode & 0o77)
        ):
            raise WriteError(
                f"{str(self.parent)!r} must be a folder of this user alone.", hint="remove it"
            )


def _locked(path: Path, *, create: bool = False) -> int | None:
    """The open lock of a folder; None where another process holds it, or it is not there yet."""
    try:
        import fcntl
    except ImportError:  # Windows: nothing is swept, what is open cannot be removed there
        return os.open(path, os.O_CREAT | os.O_RDWR, 0o600) if create else None
    try:
        lock = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
