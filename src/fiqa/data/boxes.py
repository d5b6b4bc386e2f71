"""The boxes that AVIF, HEIC and JPEG 2000 files are made of, read without a decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["brands", "claimed_pixels", "color_box", "ends_early", "named_color", "numbered_color"]

_PARENTS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"jp2h": 0}
"""Boxes that are looked into, and the bytes of their own before their children."""
_MOST_BOXES = 10_000
"""Boxes that are looked at: a phone's picture has a few hundred, a hostile file millions."""
_PRIMARIES = {1, 2}
_TRANSFERS = {1, 2, 4, 6, 13}
"""Color primaries and transfers (ITU-T H.273) that are those of sRGB, near to it, or not said."""


def brands(data: bytes) -> set[bytes]:
    """Returns the brands of the first box, empty where the file has no boxes.

    Args:
        data: the file's bytes.
    """
    if data[4:8] != b"ftyp":
        return set()
    # The list of brands is short; 1024 bytes bound what a hostile size makes of it.
    end = min(int.from_bytes(data[:4], "big"), len(data), 1024)
    return {data[8:12], *(data[i : i + 4] for i in range(16, end - 3, 4))}


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields (kind, start, end) of the content of each box.

    Those in _PARENTS come before their children.
    """
    stack, left = [(0, len(data))], _MOST_BOXES
    while stack and left:
        place, end = stack.pop()
        left -= 1
        if place + 8 > end:
            continue
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1 and place + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, place + 8)
            head = 16
        stop = end if size == 0 else place + size
        # A size smaller than its own head would walk backwards, forever.
        if stop < place + head:
            continue
        yield kind, place + head, stop
        stack.append((stop, end))
        if kind in _PARENTS:
            stack.append((place + head + _PARENTS[kind], min(stop, end)))


def claimed_pixels(data: bytes) -> list[int]:
    """Returns the width times height that each `ispe` box of an AVIF claims, tiles included.

    Args:
        data: the file's bytes.
    """
    sizes = []
    for kind, start, end in _boxes(data):
        if kind == b"ispe" and start + 12 <= min(end, len(data)):
            width, height = struct.unpack_from(">II", data, start + 4)
            sizes.append(width * height)
    return sizes


def ends_early(data: bytes) -> bool:
    """Tells whether a box reaches beyond the file.

    Args:
        data: the file's bytes.
    """
    return any(end > len(data) for _, _, end in _boxes(data))


def color_box(data: bytes) -> bytes:
    """Returns the content of the first color box of a JPEG 2000 file; readers pass over others.

    Args:
        data: the file's bytes, or those of a bare code stream, which has no boxes: empty.
    """
    if data[4:8] != b"jP  ":
        return b""
    return next((data[start:end] for kind, start, end in _boxes(data) if kind == b"colr"), b"")


def numbered_color(data: bytes) -> str | None:
    """Returns the color that an AVIF declares by numbers, None where it is sRGB's or not said.

    Args:
        data: the file's bytes.
    """
    for kind, start, _ in _boxes(data):
        if kind == b"colr" and data[start : start + 4] == b"nclx" and start + 8 <= len(data):
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
            return named_color(primaries, transfer)
    return None


def named_color(primaries: int, transfer: int) -> str | None:
    """Returns a color of ITU-T H.273 in words, None where it is sRGB's, near to it, or not said.

    Args:
        primaries: the number of its primaries.
        transfer: the number of its transfer.
    """
    if primaries in _PRIMARIES and transfer in _TRANSFERS:
        return None
    return f"primaries {primaries}, transfer {transfer}"
