"""Reads the few pickles that face recognition exchanges, without ever unpickling.

A pickle is a program. This reader knows the words of it that hold plain data (numbers, text, bytes,
tuples, lists, dicts of text) and stand-ins for the numpy words that the field's files use. The
stand-ins only record and check; arrays are rebuilt here from their bytes. Every other word is
refused before anything runs, and so is every claim of more bytes than the file holds.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fiqa.data.formats.recorded import WORDS, RecordedArray, RecordedDtype, Word, refuse, text
from fiqa.errors import ReadError, UnsafeFileError

__all__ = ["Limits", "RecordedArray", "load"]

_DIGITS = 40  # characters of a number written as text; a 64-bit one has 20
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)
_ESCAPED = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True)
class Limits:
    """What a file may claim.

    Attributes:
        item_bytes: of one text, bytes or array.
        items: of one list.
        operations: of the whole program.
    """

    item_bytes: int = 64 << 20
    items: int = 4_000_000
    operations: int = 20_000_000


@dataclass(eq=False)
class _Machine:
    """The pickle machine.

    Attributes:
        data: the file's bytes.
        limits: what it may claim.
        place: the place in the bytes.
        stack: the values so far.
        marks: where the open groups begin on the stack.
        memo: number -> value that may be named again.
        encoded: bytes that stand-ins have made.
    """

    data: bytes
    limits: Limits
    place: int = 0
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    encoded: int = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.place:
            raise ReadError(
                f"The file claims {count} bytes at {self.place}, it has"
                f" {len(self.data) - self.place} left.",
                status="truncated",
            )
        self.place += count
        return self.data[self.place - count : self.place]

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.place)
        if end < 0:
            raise ReadError("The file ends within a line.", status="truncated")
        return self.take(end + 1 - self.place)[:-1]

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def counted(self, size: int) -> bytes:
        length = self.unsigned(size)
        if length > self.limits.item_bytes:
            raise UnsafeFileError(
                f"One item must have at most {self.limits.item_bytes} bytes, the file claims"
                f" {length}."
            )
        return self.take(length)

    def number(self) -> bytes:
        text = self.line()
        if len(text) > _DIGITS:
            raise UnsafeFileError(
                f"A number must have at most {_DIGITS} characters, got {len(text)}."
            )
        return text

    def spend(self, count: int) -> None:
        # One short text may be encoded again and again, so what is made is counted too.
        self.encoded += count
        if self.encoded > len(self.data):
            raise UnsafeFileError("The pickle makes more bytes than it holds.")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ReadError("The file takes a value that it never gave.")
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            raise ReadError("The file closes a group that it never opened.")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values


def load(data: bytes, *, limits: Limits | None = None) -> Any:
    """Returns the value that a pickle describes, of protocol 0 to 5, made by Python 2 or 3.

    Numbers, None, text (str), bytes (also Python-2 str), tuples, lists, dicts with text keys; numpy
    scalars as numpy scalars, numpy arrays as `RecordedArray`. Nothing of the file is imported,
    called or executed.

    Args:
        data: the whole file.
        limits: caps on what it may claim; the default suits the field's files.

    Raises:
        UnsafeFileError: a word (global, opcode, dtype) that is not plain data, or a claim over the
            limits.
        ReadError: truncated or malformed.

    >>> import pickle
    >>> load(pickle.dumps(([b"a", b"b"], [True])))
    ([b'a', b'b'], [True])
    """
    machine = _Machine(data, limits or Limits())
    for _ in range(machine.limits.operations):
        code = machine.take(1)
        if code == b".":
            return machine.pop()
        operation = _OPERATIONS.get(code)
        if operation is None:
            refuse(f"the operation {code!r}")
        try:
            operation(machine)
        except (ValueError, OverflowError, struct.error, IndexError, KeyError) as error:
            raise ReadError(
                f"The pickle is malformed near byte {machine.place}: {error}."
            ) from error
    raise UnsafeFileError(f"A pickle must have at most {machine.limits.operations} operations.")


# What the operations mean
# --------------------------------------------------------------------------------------------


def _find(module: str, name: str) -> Word:
    word = WORDS.get((module, name))
    if word is None:
        refuse(f"the global {module + '.' + name!r}")
    return word


def _global(m: _Machine) -> None:
    module, name = m.line().decode(), m.line().decode()
    m.stack.append(_find(module, name))


def _stack_global(m: _Machine) -> None:
    name, module = m.pop(), m.pop()
    m.stack.append(_find(text(module), text(name)))


def _reduce(m: _Machine) -> None:
    args, word = m.pop(), m.pop()
    if not isinstance(word, Word) or not isinstance(args, tuple):
        refuse("a call of something that is no known function")
    m.stack.append(word.build(m.spend, args))


def _build(m: _Machine) -> None:
    state, target = m.pop(), m.pop()
    if isinstance(target, RecordedArray) and isinstance(state, tuple) and len(state) == 5:
        target.fill(
            state[4], state[2], state[1], bool(state[3]) if isinstance(state[3], int) else False
        )
    elif isinstance(target, RecordedDtype) and isinstance(state, tuple) and len(state) >= 2:
        target.set_order(text(state[1]))
    else:
        refuse("a state for something that is no numpy array")
    m.stack.append(target)


def _append(m: _Machine, values: list[Any]) -> None:
    target = m.stack[-1] if m.stack else None
    if not isinstance(target, list) or len(target) + len(values) > m.limits.items:
        raise ReadError(f"Values must be appended to a list of at most {m.limits.items} items.")
    target.extend(values)


def _set(m: _Machine, values: list[Any]) -> None:
    target = m.stack[-1] if m.stack else None
    if (
        not isinstance(target, dict)
        or len(target) + len(values) // 2 > m.limits.items
        or len(values) % 2
    ):
        raise ReadError(
            f"Keys and values must be put into a dict of at most {m.limits.items} items."
        )
    if not all(isinstance(key, str | bytes) for key in values[::2]):
        refuse("a dict key that is no text")
    target.update(zip(values[::2], values[1::2], strict=True))


def _new(m: _Machine, kind: type[list[Any]] | type[dict[Any, Any]]) -> None:
    values = m.pop_mark()
    m.stack.append(kind())
    (_append if kind is list else _set)(m, values)


def _tuple(m: _Machine, count: int) -> None:
    values = [m.pop() for _ in range(count)]
    m.stack.append(tuple(reversed(values)))


def _long(m: _Machine, size: int) -> None:
    length = m.unsigned(size)
    # A number of 64 bits needs 9 bytes at most.
    if length > 16:
        raise UnsafeFileError(f"A number must have at most 16 bytes, the file claims {length}.")
    m.stack.append(int.from_bytes(m.take(length), "little", signed=True))


def _int(m: _Machine) -> None:
    text = m.number()
    # Protocol 0 writes truth values as the numbers 00 and 01.
    m.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))


def _string(m: _Machine) -> None:
    text = m.line()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ReadError("A text of Python 2 must stand in quotes.")

    def plain(match: re.Match[bytes]) -> bytes:
        escape = match.group(1)
        return bytes([int(escape[1:], 16)]) if len(escape) == 3 else _ESCAPED[escape]

    m.stack.append(_ESCAPE.sub(plain, text[1:-1]))


def _keep(m: _Machine, key: int) -> None:
    m.memo[key] = m.stack[-1]


def _frame(m: _Machine) -> None:
    length = m.unsigned(8)
    if length > len(m.data) - m.place:
        raise ReadError(
            f"The file claims a frame of {length} bytes, it has {len(m.data) - m.place}.",
            status="truncated",
        )


def _protocol(m: _Machine) -> None:
    if (version := m.unsigned(1)) > 5:
        refuse(f"protocol {version}")


_OPERATIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _protocol,
    b"\x95": _frame,
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"N": lambda m: m.stack.append(None),
    b"\x88": lambda m: m.stack.append(True),
    b"\x89": lambda m: m.stack.append(False),
    b"I": _int,
    b"J": lambda m: m.stack.append(int.from_bytes(m.take(4), "little", signed=True)),
    b"K": lambda m: m.stack.append(m.unsigned(1)),
    b"M": lambda m: m.stack.append(m.unsigned(2)),
    b"L": lambda m: m.stack.append(int(m.number().rstrip(b"L"))),
    b"\x8a": lambda m: _long(m, 1),
    b"\x8b": lambda m: _long(m, 4),
    b"F": lambda m: m.stack.append(float(m.number())),
    b"G": lambda m: m.stack.append(struct.unpack(">d", m.take(8))[0]),
    b"S": _string,
    b"T": lambda m: m.stack.append(m.counted(4)),
    b"U": lambda m: m.stack.append(m.counted(1)),
    b"V": lambda m: m.stack.append(m.line().decode("raw-unicode-escape")),
    b"X": lambda m: m.stack.append(m.counted(4).decode("utf-8", "surrogatepass")),
    b"\x8c": lambda m: m.stack.append(m.counted(1).decode("utf-8", "surrogatepass")),
    b"\x8d": lambda m: m.stack.append(m.counted(8).decode("utf-8", "surrogatepass")),
    b"B": lambda m: m.stack.append(m.counted(4)),
    b"C": lambda m: m.stack.append(m.counted(1)),
    b"\x8e": lambda m: m.stack.append(m.counted(8)),
    b"\x96": lambda m: m.stack.append(m.counted(8)),
    b"t": lambda m: m.stack.append(tuple(m.pop_mark())),
    b")": lambda m: m.stack.append(()),
    b"\x85": lambda m: _tuple(m, 1),
    b"\x86": lambda m: _tuple(m, 2),
    b"\x87": lambda m: _tuple(m, 3),
    b"]": lambda m: m.stack.append([]),
    b"l": lambda m: _new(m, list),
    b"a": lambda m: _append(m, [m.pop()]),
    b"e": lambda m: _append(m, m.pop_mark()),
    b"}": lambda m: m.stack.append({}),
    b"d": lambda m: _new(m, dict),
    b"s": lambda m: _set(m, [m.pop(), m.pop()][::-1]),
    b"u": lambda m: _set(m, m.pop_mark()),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"b": _build,
    b"p": lambda m: _keep(m, int(m.number())),
    b"q": lambda m: _keep(m, m.unsigned(1)),
    b"r": lambda m: _keep(m, m.unsigned(4)),
    b"\x94": lambda m: _keep(m, len(m.memo)),
    b"g": lambda m: m.stack.append(m.memo[int(m.number())]),
    b"h": lambda m: m.stack.append(m.memo[m.unsigned(1)]),
    b"j": lambda m: m.stack.append(m.memo[m.unsigned(4)]),
}
