"""Ways to damage a file, each decided by a seed alone, so that a number names an input for good."""

from __future__ import annotations

import random
import struct

HUGE = [
    b"99999999999999999999999999",
    b"-1",
    b"1e309",
    b"nan",
    b"-inf",
    b"n/a",
    b"",
    b"0x1f",
    b"1_0",
    b"\xd9\xa3",
    b"[]",
]
ODD = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b'"',
    b";",
    b",",
    b"\t",
    b"\n\n",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"\x80",
]
WIDTHS = [
    struct.pack("<I", 0xFFFFFFFF),
    struct.pack("<Q", 1 << 62),
    struct.pack(">I", 0x7FFFFFFF),
    bytes(8),
    b"\xff" * 10,
]


def flipped(rng: random.Random, data: bytes) -> bytes:
    """Some bits turned."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        result[rng.randrange(len(result))] ^= 1 << rng.randrange(8)
    return bytes(result)


def cut(rng: random.Random, data: bytes) -> bytes:
    """The end missing, or a piece of the middle."""
    start = rng.randrange(len(data))
    return (
        data[:start] if rng.random() < 0.6 else data[:start] + data[start + rng.randrange(1, 64) :]
    )


def spliced(rng: random.Random, data: bytes) -> bytes:
    """A piece of the file written over, or put into, another place of it."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    piece, place = data[start : min(end, start + 256)], rng.randrange(len(data))
    return data[:place] + piece + data[place + (len(piece) if rng.random() < 0.5 else 0) :]


def widened(rng: random.Random, data: bytes) -> bytes:
    """A number that claims far more than there is, over some bytes."""
    wide, place = rng.choice(WIDTHS), rng.randrange(len(data))
    return data[:place] + wide + data[place + len(wide) :]


def headed(rng: random.Random, data: bytes) -> bytes:
    """The first bytes as they must be, then anything."""
    return data[: rng.choice((2, 4, 8, 16, 64, len(data) // 2 + 1))] + rng.randbytes(
        rng.choice((0, 1, 40, 400))
    )


def dotted(rng: random.Random, data: bytes) -> bytes:
    """Odd bytes put in: a NUL, a mark of another encoding, a lone separator."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(ODD) + data[place:]


def _cells(data: bytes) -> tuple[list[list[bytes]], bytes]:
    mark = max((b",", b"\t", b";", b" "), key=data.count)
    return [line.split(mark) for line in data.split(b"\n")], mark


def swapped(rng: random.Random, data: bytes) -> bytes:
    """Two cells of a text exchanged, lines too."""
    rows, mark = _cells(data)
    for _ in range(rng.choice((1, 3))):
        one, other = rng.choice(rows), rng.choice(rows)
        i, j = rng.randrange(len(one)), rng.randrange(len(other))
        one[i], other[j] = other[j], one[i]
    if rng.random() < 0.2:
        rng.shuffle(rows)
    return b"\n".join(mark.join(row) for row in rows)


def replaced(rng: random.Random, data: bytes) -> bytes:
    """Cells of a text that are no number where one was, or a huge one."""
    rows, mark = _cells(data)
    for _ in range(rng.choice((1, 1, 5))):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(HUGE)
    return b"\n".join(mark.join(row) for row in rows)


def numbered(rng: random.Random, data: bytes) -> bytes:
    """One number of a text replaced, wherever it stands."""
    places = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return dotted(rng, data)
    start = end = rng.choice(places)
    while end < len(data) and data[end] in b"0123456789.":
        end += 1
    values = [
        *HUGE,
        b'"x"',
        b"null",
        b"[1, 2]",
        b"{}",
        b"true",
        b'"' + b"9" * 400 + b'"',
        b"9" * 5000,
    ]
    return data[:start] + rng.choice(values) + data[end:]


def nested(rng: random.Random, data: bytes) -> bytes:
    """JSON nested deeper than any reader goes, alone or where a value stood."""
    depth = rng.choice((10, 200, 900, 100_000))
    deep = rng.choice(
        (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth)
    )
    if rng.random() < 0.3 or b":" not in data:
        return deep
    place = rng.choice([i for i, byte in enumerate(data) if byte == 58])
    end = min(
        (i for i in (data.find(b",", place), data.find(b"}", place)) if i > 0), default=len(data)
    )
    return data[: place + 1] + deep + data[end:]


BINARY = (flipped, flipped, cut, spliced, widened, headed)
TEXT = (
    flipped,
    cut,
    spliced,
    headed,
    dotted,
    swapped,
    swapped,
    replaced,
    replaced,
    numbered,
    numbered,
    nested,
)


def mutated(data: bytes, seed: int, *, text: bool) -> bytes:
    """The input number `seed` made of `data`: one to three damages, one after the other."""
    rng = random.Random(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(TEXT if text else BINARY)(rng, data or b"\n")
    return data
