"""RecordIO (train.rec with train.idx), the form of the field's training sets, read and written
without mxnet.

A record is two little-endian uint32 (the magic 0xced7230a; 3 bits of part flag over 29 bits of
length), the payload, and padding to 4 bytes. A payload that holds the magic is cut there into parts
(flag 1 first, 2 middle, 3 last; 0 is whole) and the reader puts the 4 bytes back. An image's
payload is a header `<IfQQ` (flag, label, id, id2), `flag` float32 labels when flag > 0, then the
encoded image. Key 0 with flag 2 holds [A, B]: images are the keys 1..A-1, and A..B-1 hold the range
of images of each identity.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fiqa.data.formats.source import check_file, opened, read_text, write_whole
from fiqa.data.reading import reading
from fiqa.data.remote import Place
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["ITEM_LIMIT", "MAGIC", "Record", "RecordFile", "write"]

MAGIC = struct.pack("<I", 0xCED7230A)
ITEM_LIMIT = 64 << 20
"""Bytes that one record may have."""

_REC_LIMIT = 1 << 42
"""Bytes that a .rec may have: it is read in place, so it only bounds nonsense."""
_HEADER = struct.Struct("<IfQQ")
_LENGTH_BITS = 29


class Record(NamedTuple):
    """One image.

    Attributes:
        key: in the file.
        label: float32 row; the first is the identity's number.
        content: the encoded image.
    """

    key: int
    label: NDArray[np.float32]
    content: bytes


class RecordFile:
    """A .rec file, read by key through its .idx or from front to back without one.

    A context manager; iterating yields the images in order of key. A file in a store is read in
    blocks of 4 MiB, forward as long as its index goes forward.

    Args:
        path: the .rec file, or its address in a store.
        index: the .idx file, lines of `key<TAB>offset`; None looks beside `path`, and where there
            is none keys are the places of the records.
        item_limit: bytes that one record may have.

    Raises:
        ReadError: no such file, or an index that is not one.
    """

    def __init__(
        self,
        path: PathLike,
        index: PathLike | None = None,
        *,
        item_limit: int = ITEM_LIMIT,
    ) -> None:
        self.path = os.fspath(path)
        self._size = check_file(path, limit=_REC_LIMIT)
        self._limit = item_limit
        beside = f"{os.path.splitext(self.path)[0]}.idx"
        place = index if index is not None else (beside if Place(beside).exists() else None)
        self._offsets = None if place is None else _read_index(place)
        self._file = opened(path)
        try:
            self._meta = self._read_meta()
        except ReadError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @property
    def keys(self) -> NDArray[np.int64] | None:
        """The keys of the images, ascending.

        None without an index and without meta, when only reading to the end tells.
        """
        if self._meta is not None and (
            self._offsets is None or self._meta - 1 <= len(self._offsets)
        ):
            return np.arange(1, self._meta, dtype=np.int64)
        return None if self._offsets is None else np.array(sorted(self._offsets), dtype=np.int64)

    def read(self, key: int) -> Record:
        """Returns the image of `key`.

        Args:
            key: of an image.

        Raises:
            InputError: the file was opened without an index, or `key` is not in it.
            ReadError: the record is truncated or malformed.
        """
        if self._offsets is None or key not in self._offsets:
            raise InputError(
                f"key must be in the index of {self.path!r}, got {key}.",
                hint="iterate to read without .idx",
            )
        return self._record(key, self._payload(self._offsets[key])[0])

    def __iter__(self) -> Iterator[Record]:
        with reading(self.path):
            yield from self._images()

    def _images(self) -> Iterator[Record]:
        if self._offsets is not None and self.keys is not None:
            yield from (self.read(int(key)) for key in self.keys)
            return
        place, key = 0, 0
        while place < self._size and (self._meta is None or key < self._meta):
            payload, place = self._payload(place)
            if key > 0 or self._meta is None:
                yield self._record(key, payload)
            key += 1
        if self._meta is not None and key < self._meta:
            raise self._bad(
                f"it must hold {self._meta - 1} images, it ends after {key - 1}", status="truncated"
            )

    def _read_meta(self) -> int | None:
        start = 0 if self._offsets is None else self._offsets.get(0)
        if start is None:
            return None
        first = self._record(0, self._payload(start)[0])
        # Only the meta record has two labels and no image.
        if len(first.label) != 2 or first.content:
            return None
        end = float(first.label[0])
        if not math.isfinite(end) or end < 1 or end != int(end) or end > self._size:
            raise self._bad(f"the first record must tell how many images there are, it tells {end}")
        return int(end)

    def _payload(self, place: int) -> tuple[bytes, int]:
        """Returns (payload with the magic put back, place of the next record)."""
        parts: list[bytes] = []
        while True:
            flag, part, place = self._part(place, sum(map(len, parts)))
            if flag not in ((0, 1) if not parts else (2, 3)):
                raise self._bad(f"a part with flag {flag} before byte {place} has no place there")
            parts.append(part)
            if flag in (0, 3):
                return MAGIC.join(parts), place

    def _part(self, place: int, already: int) -> tuple[int, bytes, int]:
        head = self._bytes(place, 8)
        if head[:4] != MAGIC:
            raise self._bad(f"there is no record at byte {place}")
        word = int.from_bytes(head[4:], "little")
        length = word & ((1 << _LENGTH_BITS) - 1)
        if already + length > self._limit:
            raise self._bad(
                f"the record at byte {place} claims {already + length} bytes, at most {self._limit}"
                " are read"
            )
        # A record is padded to a multiple of 4 bytes.
        return (
            word >> _LENGTH_BITS,
            self._bytes(place + 8, length),
            place + 8 + (length + 3) // 4 * 4,
        )

    def _bytes(self, place: int, count: int) -> bytes:
        if place < 0 or place + count > self._size:
            raise self._bad(
                f"it has {self._size} bytes and a record claims byte {place + count}",
                status="truncated",
            )
        try:
            self._file.seek(place)
            data = self._file.read(count)
        except OSError as error:
            raise self._bad(str(error), status="unreadable") from error
        if len(data) != count:
            raise self._bad("it became shorter while it was read", status="truncated")
        return data

    def _record(self, key: int, payload: bytes) -> Record:
        if len(payload) < _HEADER.size:
            raise self._bad(
                f"the record {key} has {len(payload)} bytes, its header alone has {_HEADER.size}"
            )
        flag, label, _, _ = _HEADER.unpack_from(payload)
        body = payload[_HEADER.size :]
        # Without labels of its own a record has the one of its header.
        if flag == 0:
            return Record(key, np.array([label], np.float32), body)
        if 4 * flag > len(body):
            raise self._bad(f"the record {key} claims {flag} labels and has {len(body)} bytes")
        return Record(key, np.frombuffer(body, "<f4", flag), body[4 * flag :])

    def _bad(self, why: str, *, status: str = "corrupt") -> ReadError:
        return ReadError(f"{self.path!r} is not a whole RecordIO file: {why}.", status=status)


def _read_index(path: PathLike) -> dict[int, int]:
    offsets: dict[int, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            key, offset = map(int, line.split())
        except ValueError as error:
            raise ReadError(
                f"{os.fspath(path)!r} line {number} must be `key<TAB>offset`, got {line[:40]!r}."
            ) from error
        offsets[key] = offset
    return offsets


def write(path: PathLike, images: Iterable[tuple[int, bytes]]) -> int:
    """Writes images as path (.rec) and the .idx beside it.

    The meta record and the identity ranges that training code expects are written too.

    Args:
        path: the .rec file.
        images: (identity number, encoded image) in order of identity.

    Returns:
        How many images were written.

    Raises:
        InputError: an identity that comes back after another one.
    """
    payloads, ranges = _payloads(images)
    count = len(payloads)
    # The ranges of the identities stand behind the images, one record each.
    bounds = [
        _HEADER.pack(2, 0.0, count + 1 + i, 0) + struct.pack("<2f", *span)
        for i, span in enumerate(ranges.values())
    ]
    meta = _HEADER.pack(2, 0.0, 0, 0) + struct.pack("<2f", count + 1, count + 1 + len(ranges))
    body = bytearray()
    index = []
    for key, payload in enumerate([meta, *payloads, *bounds]):
        index.append(f"{key}\t{len(body)}\n")
        body += _encode(payload)
    write_whole(path, bytes(body))
    write_whole(Path(path).with_suffix(".idx"), "".join(index).encode())
    return count


def _payloads(
    images: Iterable[tuple[int, bytes]],
) -> tuple[list[bytes], dict[int, tuple[int, int]]]:
    payloads: list[bytes] = []
    ranges: dict[int, tuple[int, int]] = {}
    for key, (identity, content) in enumerate(images, 1):
        start, end = ranges.get(identity, (key, key))
        if end != key:
            raise InputError(
                f"images must come in order of identity, {identity} comes back at image {key}."
            )
        ranges[identity] = (start, key + 1)
        payloads.append(_HEADER.pack(0, float(identity), key, 0) + content)
    return payloads, ranges


def _encode(payload: bytes) -> bytes:
    """Returns a payload as one record, cut wherever the magic stands at a multiple of 4."""
    # Readers look for the magic at multiples of 4 only, as records are padded to 4.
    cuts = [i for i in _places(payload) if i % 4 == 0]
    starts, ends = [0, *(c + 4 for c in cuts)], [*cuts, len(payload)]
    out = bytearray()
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        flag = 0 if not cuts else 1 if i == 0 else 3 if i == len(cuts) else 2
        out += (
            MAGIC
            + struct.pack("<I", flag << _LENGTH_BITS | (end - start))
            + payload[start:end]
            + b"\0" * (-(end - start) % 4)
        )
    return bytes(out)


def _places(payload: bytes) -> Iterator[int]:
    place = payload.find(MAGIC)
    while place >= 0:
        yield place
        place = payload.find(MAGIC, place + 1)
