"""The directories of a TIFF file, which EXIF blocks have too, read without a decoder."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Directory", "color_space", "directory", "orientation", "pages"]

_TYPE_SIZE = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
    17: 8, 18: 8,
}  # fmt: skip
"""Bytes of one value of each field type of TIFF 6.0 and BigTIFF."""
_MOST_BELOW = 16
"""Directories below one that are looked at; a raw file has four or so."""


class Directory(NamedTuple):
    """One TIFF directory.

    Attributes:
        tags: tag -> (count, first value).
        claimed: bytes that its values claim together.
        next: the place of the next directory, 0 where there is none.
        below: the places of the directories below it (SubIFDs).
    """

    tags: dict[int, tuple[int, int]]
    claimed: int
    next: int
    below: tuple[int, ...] = ()


def directory(data: bytes, offset: int | None = None) -> Directory | None:
    """Returns a TIFF directory of a file or an EXIF block, None where it is missing or cut off.

    Args:
        data: the file's or the block's bytes.
        offset: where it begins; None is the first one.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order or len(data) < 16:
        return None
    big = data[2:4] in (b"+\0", b"\0+")
    # Bytes of an entry, of its part before the value, of the count before all; BigTIFF or TIFF.
    width, step, head, number, place = (20, 12, 8, "Q", 16) if big else (12, 8, 2, "H", 8)
    word = "Q" if big else "I"
    try:
        begin = offset
        if begin is None:
            begin = int(struct.unpack_from(order + word, data, 8 if big else 4)[0])
        (entries,) = struct.unpack_from(order + number, data, begin)
        tags: dict[int, tuple[int, int]] = {}
        claimed = 0
        below: tuple[int, ...] = ()
        for start in range(begin + head, begin + head + min(entries, 1 << 16) * width, width):
            tag, kind, count = struct.unpack_from(order + "HH" + word, data, start)
            size = _TYPE_SIZE.get(kind, 1) * count
            claimed += min(size, len(data)) if size > width - step else 0
            entry = start + (12 if big else place)
            tags[tag] = (count, _first(data, order, kind, entry, size > width - step, word))
            # SubIFDs, as 32-bit or 64-bit places.
            if tag == 0x014A and kind in (4, 13, 16, 18):
                below = _offsets(
                    data,
                    order + ("I" if kind in (4, 13) else "Q"),
                    count,
                    entry,
                    size > width - step,
                    word,
                )
        (following,) = struct.unpack_from(order + word, data, begin + head + entries * width)
    except (struct.error, OverflowError):  # cut off, or an offset of 64 bits that leads nowhere
        return None
    return Directory(tags, claimed, following, below)


def _offsets(
    data: bytes, code: str, count: int, start: int, apart: bool, word: str
) -> tuple[int, ...]:
    """The first values of a tag that points to other directories, at most 16 of them."""
    if apart:
        (start,) = struct.unpack_from(code[0] + word, data, start)
    size = struct.calcsize(code)
    places = range(start, start + min(count, _MOST_BELOW) * size, size)
    return tuple(int(struct.unpack_from(code, data, place)[0]) for place in places)


def _first(data: bytes, order: str, kind: int, start: int, apart: bool, word: str) -> int:
    if apart:
        (start,) = struct.unpack_from(order + word, data, start)
    code = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q"}.get(kind)
    if code is None or start + struct.calcsize(code) > len(data):
        return 0
    return int(struct.unpack_from(order + code, data, start)[0])


def pages(data: bytes, *, below: bool = False) -> list[Directory]:
    """Returns the TIFF directories of a file in their order, each at most once.

    Args:
        data: the file's bytes.
        below: put those below a directory (SubIFDs) right after it; raw files keep the sensor's
            data
            there.
    """
    directories: list[Directory] = []
    visited: set[int] = set()
    page = directory(data)
    while page is not None and len(directories) < 10_000:
        directories.append(page)
        directories += [sub for place in page.below if below and (sub := directory(data, place))]
        # A hostile file may lead back to a directory that was read already.
        if not page.next or page.next in visited:
            break
        visited.add(page.next)
        page = directory(data, page.next)
    return directories


def orientation(exif: bytes) -> int:
    """Returns the EXIF orientation 1..8 in an EXIF block, 1 where there is none that makes sense.

    Args:
        exif: the block, with or without its `Exif` prefix.

    >>> entry = bytes([0x12, 1, 3, 0, 1, 0, 0, 0, 6])
    >>> orientation(b"Exif" + bytes(2) + b"II*" + bytes([0, 8, 0, 0, 0, 1, 0]) + entry + bytes(7))
    6
    """
    first = directory(exif.removeprefix(b"Exif\0\0"))
    value = first.tags.get(0x0112, (1, 1))[1] if first else 1
    return value if 1 <= value <= 8 else 1


def color_space(exif: bytes) -> str | None:
    """Returns the color space that an EXIF block names, None where it is sRGB or not said.

    Cameras name Adobe RGB (DCF 2.0) by color space 2, or by the interoperability index R03 beside
    "uncalibrated".

    Args:
        exif: the block, with or without its `Exif` prefix.
    """
    block = exif.removeprefix(b"Exif\0\0")
    main = directory(block)
    # 0x8769 leads to EXIF's own tags: 0xA001 is the color space, 0xA005 leads to the index.
    inner = directory(block, main.tags.get(0x8769, (1, 0))[1]) if main else None
    if inner is None:
        return None
    space, start = (inner.tags.get(tag, (1, 0))[1] for tag in (0xA001, 0xA005))
    if space == 2 or (start > 0 and block.find(b"R03", start, start + 64) >= 0):
        return "Adobe RGB by EXIF"
    return "uncalibrated by EXIF" if space == 0xFFFF else None
