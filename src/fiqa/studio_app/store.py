"""What people decided: rows in a file of SQLite that are only ever added, each safe on the disk
before it is answered for."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fiqa.errors import FiqaError, InputError, WriteError
from fiqa.types import PathLike

__all__ = ["SHARED", "Decision", "StaleError", "Store"]

SHARED = ""
"""The scope of what all annotators decide together; else it is the name of one of them."""

_FORMAT = 1
_COLUMNS = "seq, at, annotator, kind, scope, subject, value, before, undoes"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS decisions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  annotator TEXT NOT NULL,
  kind TEXT NOT NULL,
  scope TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,
  before INTEGER NOT NULL,
  undoes INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS one_after_another
  ON decisions (kind, scope, subject, before);
CREATE INDEX IF NOT EXISTS by_annotator ON decisions (annotator, seq);
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON decisions
  BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TRIGGER IF NOT EXISTS never_deleted BEFORE DELETE ON decisions
  BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
PRAGMA user_version = {_FORMAT};
"""


@dataclass(frozen=True)
class Decision:
    """One row.

    Attributes:
        seq: its number; that of the newest row of a subject is the version of the subject.
        at: when, UTC.
        annotator: who.
        kind: what is decided, such as "template" or "level".
        scope: SHARED, or the annotator whose own it is.
        subject: of what: a person, a face, a finding, a track.
        value: what was decided, as JSON holds it; None takes back what was decided before.
        before: the version that it replaces, 0 for the first.
        undoes: the row that it takes back, None where it is no undoing.
    """

    seq: int
    at: str
    annotator: str
    kind: str
    scope: str
    subject: str
    value: Any
    before: int
    undoes: int | None = None


class StaleError(FiqaError):
    """Somebody else has decided in the meantime.

    Attributes:
        current: what holds now; None where nothing is decided.
    """

    def __init__(self, current: Decision | None) -> None:
        who = "nobody" if current is None else repr(current.annotator)
        super().__init__(
            f"A decision must replace the one that was seen; since then {who} has decided.",
            hint="load the page again",
        )
        self.current = current


class Store:
    """The decisions in a file.

    Attributes:
        path: of the file; beside it lie its -wal and -shm while it is open.

    Raises:
        WriteError: the file cannot be made or written.
        InputError: it is another kind of file, or of another version.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.fspath(path)
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(
                self.path, timeout=10, isolation_level=None, check_same_thread=False
            )
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version != _FORMAT and (version or tables):
                self._db.close()
                raise InputError(f"{self.path!r} must be a store of the studio, it is another.")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            if version != _FORMAT:
                self._db.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def add(
        self,
        annotator: str,
        kind: str,
        subject: str,
        value: Any,
        *,
        before: int,
        scope: str = SHARED,
    ) -> Decision:
        """Adds a decision and returns it when the disk has it.

        Args:
            annotator: who decides.
            kind: what is decided.
            subject: of what.
            value: as JSON holds it.
            before: the version that was seen; 0 where nothing was decided.
            scope: as in Decision.

        Raises:
            StaleError: another version holds by now.
            WriteError: the disk refused.
        """
        with self._writing():
            return self._add(annotator, kind, scope, subject, value, before, None)

    def undo(self, annotator: str, kinds: Sequence[str]) -> Decision | None:
        """Takes back the annotator's newest decision that is not taken back; returns the row that
        does, whose value is the one before; None where there is none.

        Args:
            annotator: whose.
            kinds: of which kinds.

        Raises:
            StaleError: somebody else has decided on the same since.
            WriteError: the disk refused.
        """
        marks = ",".join("?" * len(kinds))
        with self._writing():
            row = self._db.execute(
                f"SELECT {_COLUMNS} FROM decisions AS d WHERE annotator = ? AND undoes IS NULL"
                f" AND kind IN ({marks}) AND NOT EXISTS"
                " (SELECT 1 FROM decisions WHERE undoes = d.seq) ORDER BY seq DESC LIMIT 1",
                (annotator, *kinds),
            ).fetchone()
            if row is None:
                return None
            last = _decision(row)
            value = None if not last.before else self._row(last.before).value
            current = self._current(last.kind, last.scope, last.subject)
            # rows that undid later decisions of the same stand between; they changed nothing
            if current is None or self._origin(current) != last.seq:
                raise StaleError(current)
            return self._add(
                annotator, last.kind, last.scope, last.subject, value, current.seq, last.seq
            )

    def current(self, kind: str, *, scope: str = SHARED) -> dict[str, Decision]:
        """Returns subject -> what holds, without what was taken back.

        Args:
            kind: what is decided.
            scope: as in Decision.
        """
        rows = self._read(
            f"SELECT {_COLUMNS} FROM decisions WHERE seq IN"
            " (SELECT max(seq) FROM decisions WHERE kind = ? AND scope = ? GROUP BY subject)",
            (kind, scope),
        )
        return {row.subject: row for row in rows if row.value is not None}

    def newest(self, kind: str, subject: str, *, scope: str = SHARED) -> Decision | None:
        """Returns the newest row of a subject, one that takes back too; None where there is none.

        Args:
            kind: what is decided.
            subject: of what.
            scope: as in Decision.
        """
        with self._lock:
            return self._current(kind, scope, subject)

    def version(self, kind: str, subject: str, *, scope: str = SHARED) -> int:
        """Returns the version of a subject, 0 where nothing was decided.

        Args:
            kind: what is decided.
            subject: of what.
            scope: as in Decision.
        """
        row = self.newest(kind, subject, scope=scope)
        return 0 if row is None else row.seq

    def annotators(self, kind: str) -> list[str]:
        """Returns who has decided on something of a kind, sorted.

        Args:
            kind: what is decided.
        """
        with self._lock:
            found = self._db.execute(
                "SELECT DISTINCT annotator FROM decisions WHERE kind = ? ORDER BY 1", (kind,)
            )
            return [name for (name,) in found]

    def log(self, *, after: int = 0, most: int = -1, newest_first: bool = False) -> list[Decision]:
        """Returns the rows in their order.

        Args:
            after: rows beyond this number only.
            most: how many; -1 for all.
            newest_first: the other way round.
        """
        order = "DESC" if newest_first else "ASC"
        return self._read(
            f"SELECT {_COLUMNS} FROM decisions WHERE seq > ? ORDER BY seq {order} LIMIT ?",
            (after, most),
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The write lock of the file, and a commit at the end."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                raise _refused(self.path, error) from error

    def _add(
        self,
        annotator: str,
        kind: str,
        scope: str,
        subject: str,
        value: Any,
        before: int,
        undoes: int | None,
    ) -> Decision:
        current = self._current(kind, scope, subject)
        if before != (0 if current is None else current.seq):
            raise StaleError(current)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        text = json.dumps(value, sort_keys=True)
        added = self._db.execute(
            "INSERT INTO decisions (at, annotator, kind, scope, subject, value, before, undoes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (at, annotator, kind, scope, subject, text, before, undoes),
        )
        seq = int(added.lastrowid or 0)
        return Decision(seq, at, annotator, kind, scope, subject, value, before, undoes)

    def _current(self, kind: str, scope: str, subject: str) -> Decision | None:
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM decisions WHERE kind = ? AND scope = ? AND subject = ?"
            " ORDER BY seq DESC LIMIT 1",
            (kind, scope, subject),
        ).fetchone()
        return None if row is None else _decision(row)

    def _row(self, seq: int) -> Decision:
        found = self._db.execute(f"SELECT {_COLUMNS} FROM decisions WHERE seq = ?", (seq,))
        return _decision(found.fetchone())

    def _origin(self, row: Decision) -> int:
        """The decision that a row brought back, through every undoing: its own where it is none."""
        while row.undoes is not None:
            earlier = self._row(row.undoes).before
            if not earlier:
                return 0
            row = self._row(earlier)
        return row.seq

    def _read(self, sql: str, values: Sequence[Any]) -> list[Decision]:
        with self._lock:
            return [_decision(row) for row in self._db.execute(sql, values)]


def _decision(row: Sequence[Any]) -> Decision:
    seq, at, annotator, kind, scope, subject, value, before, undoes = row
    return Decision(seq, at, annotator, kind, scope, subject, json.loads(value), before, undoes)


def _refused(path: str, error: sqlite3.DatabaseError) -> FiqaError:
    if isinstance(error, sqlite3.OperationalError):
        return WriteError(f"The store {path!r} cannot be written: {error}.")
    return InputError(f"{path!r} must be a store of the studio: {error}.")
