"""What the bytes of an image file say of themselves, read without a decoder: format, orientation,
frames, lies, and whether the end is there.

The decoder behind fiqa.data.images refuses most hostile files by itself. This file closes what it
leaves open: sizes that are only acted on (a WebP canvas, a JPEG 2000 code stream, a TIFF tile),
metadata that is copied many times over (TIFF and EXIF tags that share one payload), JPEG files with
thousands of scans.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

from fiqa.data import boxes
from fiqa.errors import UnsafeFileError

__all__ = [
    "Directory",
    "directory",
    "ends_early",
    "frame_count",
    "guard",
    "is_adobe_rgb",
    "orientation",
    "pages",
    "sniff",
    "sums_agree",
    "unsupported",
]

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
_TYPE_SIZE = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEGMENTS_READ = _FRAMES | {0xE1, 0xE2}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""A marker that ends the coded data of a scan: no stuffed byte, no restart, no fill."""
_MAX_SCANS = 100
_MAX_STEPS = 1_000_000
_MOST_BELOW = 16
_SLACK = 1 << 16


def sniff(data: bytes) -> str | None:
    """Returns the name of the image format that the first bytes announce (as Pillow spells it), or
    None. The suffix of a file plays no part.

    >>> sniff(b"GIF89a..."), sniff(b"hello")
    ('GIF', None)
    """
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if boxes.brands(data) & {b"avif", b"avis"}:
        return "AVIF"
    if len(data) > 2 and data[:1] == b"P" and data[1:2] in b"123456f" and data[2:3].isspace():
        return "PPM"
    return None


class Directory(NamedTuple):
    """One TIFF directory: tag -> (count, first value), the bytes its values claim together, the
    place of the next one (0: none), and the places of those below it (SubIFDs)."""

    tags: dict[int, tuple[int, int]]
    claimed: int
    next: int
    below: tuple[int, ...] = ()


def directory(data: bytes, offset: int | None = None) -> Directory | None:
    """Returns the TIFF directory at `offset` (default: the first), of a TIFF file or an EXIF block;
    None where there is none or it is cut off."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order or len(data) < 16:
        return None
    big = data[2:4] in (b"+\0", b"\0+")
    width, step, head, number, place = (20, 12, 8, "Q", 16) if big else (12, 8, 2, "H", 8)
    word = "Q" if big else "I"
    try:
        place_of_first = 8 if big else 4
        begin = (
            struct.unpack_from(order + word, data, place_of_first)[0] if offset is None else offset
        )
        (entries,) = struct.unpack_from(order + number, data, begin)
        tags: dict[int, tuple[int, int]] = {}
        claimed = 0
        below: tuple[int, ...] = ()
        for start in range(begin + head, begin + head + min(entries, 1 << 16) * width, width):
            tag, kind, count = struct.unpack_from(order + "HH" + word, data, start)
            size = _TYPE_SIZE.get(kind, 1) * count
            claimed += min(size, len(data)) if size > width - step else 0
            at = start + (12 if big else place)
            tags[tag] = (count, _first(data, order, kind, at, size > width - step, word))
            if tag == 0x014A and kind in (4, 13, 16, 18):
                below = _offsets(
                    data,
                    order + ("I" if kind in (4, 13) else "Q"),
                    count,
                    at,
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


def orientation(exif: bytes) -> int:
    """Returns the EXIF orientation 1..8 in an EXIF block (with or without its `Exif` prefix); 1
    where there is none or it makes no sense.

    >>> orientation(b"Exif" + bytes(2) + b"II*" + bytes([0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6]) + bytes(7))
    6
    """
    found = directory(exif.removeprefix(b"Exif\0\0"))
    value = found.tags.get(0x0112, (1, 1))[1] if found else 1
    return value if 1 <= value <= 8 else 1


def is_adobe_rgb(exif: bytes) -> bool:
    """Tells whether an EXIF block says that its picture is Adobe RGB, as cameras do (DCF 2.0):
    color space 2, or the interoperability index R03."""
    block = exif.removeprefix(b"Exif\0\0")
    main = directory(block)
    inner = directory(block, main.tags.get(0x8769, (1, 0))[1]) if main else None
    if inner is None:
        return False
    start = inner.tags.get(0xA005, (1, 0))[1]
    return inner.tags.get(0xA001, (1, 1))[1] == 2 or (
        start > 0 and block.find(b"R03", start, start + 64) >= 0
    )


def frame_count(data: bytes, form: str) -> int | None:
    """Returns the number of frames of a GIF or pages of a TIFF, counted over at most a million
    blocks; None for formats whose header says it."""
    if form == "TIFF":
        return max(1, len(pages(data)))
    return max(1, _gif_frames(data)) if form == "GIF" else None


def pages(data: bytes, *, below: bool = False) -> list[Directory]:
    """Returns the TIFF directories of a file in their order, each at most once; with those `below`
    them (SubIFDs) right after each, where raw files keep the sensor's data."""
    found: list[Directory] = []
    seen: set[int] = set()
    page = directory(data)
    while page is not None and len(found) < 10_000:
        found.append(page)
        found += [sub for place in page.below if below and (sub := directory(data, place))]
        if not page.next or page.next in seen:
            break
        seen.add(page.next)
        page = directory(data, page.next)
    return found


def _table_size(flags: int) -> int:
    return 3 * 2 << (flags & 7) if flags & 0x80 else 0


def _gif_frames(data: bytes) -> int:
    if len(data) < 13:
        return 0
    place, frames = 13 + _table_size(data[10]), 0
    for _ in range(_MAX_STEPS):
        if place + 10 > len(data) or data[place] not in b"\x21\x2c":
            break
        frames += data[place] == 0x2C
        place += 2 if data[place] == 0x21 else 11 + _table_size(data[place + 9])
        for _ in range(_MAX_STEPS):
            if place >= len(data) or not data[place]:
                break
            place += data[place] + 1
        place += 1
    return frames


class _Jpeg(NamedTuple):
    whole: bool
    bits: int
    scans: int
    blocks: tuple[bytes, ...]


def _jpeg(data: bytes) -> _Jpeg:
    """Walks the segments of the first image, as a decoder does; what stands in them or behind the
    image (the video of a motion photo, a second picture) is none of its scans.

    `blocks` are the joined EXIF payload and each MPF payload.
    """
    exif: list[bytes] = []
    blocks: list[bytes] = []
    place, bits, scans, whole = 2, 8, 0, False
    while match := _NEXT_MARKER.search(data, place):
        place = match.start()
        marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xD9:
            whole = True
            break
        body = data[place + 4 : place + 2 + size] if marker in _SEGMENTS_READ else b""
        if marker == 0xDA:
            scans += 1
        elif marker in _FRAMES and body:
            bits = body[0]
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif.append(body[6:])
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            blocks.append(body[4:])
        place += 2 if marker == 0xD8 else 2 + max(size, 2)
    return _Jpeg(whole and scans > 0, bits, scans, (b"".join(exif), *blocks))


def ends_early(data: bytes, form: str) -> bool:
    """Tells whether the file announces more bytes than it has; False also where its format does not
    let one know.

    >>> ends_early(b"BM" + (100).to_bytes(4, "little"), "BMP")
    True
    """
    if form == "JPEG":
        return not _jpeg(data).whole
    if form == "PNG":
        place = 8
        while place + 8 <= len(data):
            if data[place + 4 : place + 8] == b"IEND":
                return False
            place += 12 + int.from_bytes(data[place : place + 4], "big")
        return True
    if form in ("WEBP", "BMP"):
        size = (
            int.from_bytes(data[4:8], "little") + 8
            if form == "WEBP"
            else int.from_bytes(data[2:6], "little")
        )
        return size > len(data)
    if form == "TIFF":
        first = directory(data)
        return first is None or any(
            first.tags.get(tag, (0, 0))[1] >= len(data) for tag in (0x0111, 0x0144)
        )
    if form == "AVIF":
        return boxes.ends_early(data)
    if form == "JPEG2000":
        return not data.endswith(b"\xff\xd9")
    return len(data) < 16


def sums_agree(data: bytes, form: str) -> bool:
    """Tells whether the check sums of the pixel chunks of a PNG are right (the decoder passes over
    them); True for formats without."""
    view, place = memoryview(data), 8
    while form == "PNG" and place + 12 <= len(data):
        end = place + 8 + int.from_bytes(view[place : place + 4], "big")
        written = view[end : end + 4]
        pixels = data[place + 4 : place + 8] == b"IDAT" and len(written) == 4
        if pixels and zlib.crc32(view[place + 4 : end]) != int.from_bytes(written, "big"):
            return False
        place = end + 4
    return True


def unsupported(data: bytes, form: str) -> bool:
    """Tells whether a file that the decoder does not know is well made all the same: a TIFF of rare
    layout, a JPEG of 12 bits."""
    if form == "TIFF":
        first = directory(data)
        return first is not None and 0x0100 in first.tags and 0x0101 in first.tags
    return form == "JPEG" and _jpeg(data).bits != 8


def guard(data: bytes, form: str, *, max_pixels: int) -> None:
    """Refuses what would make the decoder allocate or work far beyond the size of the image.

    Raises:
        UnsafeFileError: (status too_large) a WebP canvas, AVIF image, JPEG 2000 code stream or TIFF
            tile of more than `max_pixels`; TIFF or EXIF tags that claim more bytes than there are;
            a JPEG of more than 100 scans.
    """
    claims: list[int] = []
    blocks: tuple[bytes, ...] = ()
    if form == "WEBP" and data[12:16] == b"VP8X":
        claims = [
            (int.from_bytes(data[24:27], "little") + 1)
            * (int.from_bytes(data[27:30], "little") + 1)
        ]
    elif form == "JPEG2000":
        claims = _code_streams(data)
    elif form == "TIFF":
        blocks = (data,)
        claims = [_tile(page) for page in pages(data)[:1]]
    elif form == "JPEG":
        walked = _jpeg(data)
        blocks = walked.blocks
        if walked.scans > _MAX_SCANS:
            raise UnsafeFileError(
                f"A JPEG must have at most {_MAX_SCANS} scans, got {walked.scans}.",
                status="too_large",
            )
    elif form == "AVIF":
        claims = boxes.claimed_pixels(data)
    if claims and max(claims) > max_pixels:
        raise UnsafeFileError(
            f"The {form} file must claim at most {max_pixels} pixels, got {max(claims)}.",
            status="too_large",
        )
    for block in blocks:
        found = directory(block)
        if found is not None and found.claimed > len(block) + _SLACK:
            raise UnsafeFileError(
                f"Tags must claim at most the {len(block)} bytes of their block, got"
                f" {found.claimed}.",
                status="too_large",
            )


def _code_streams(data: bytes) -> list[int]:
    sizes, place = [0], data.find(b"\xff\x4f\xff\x51")
    while place >= 0 and len(sizes) < _MAX_STEPS:
        if place + 16 <= len(data):
            width, height = struct.unpack_from(">II", data, place + 8)
            sizes.append(width * height)
        place = data.find(b"\xff\x4f\xff\x51", place + 4)
    return sizes


def _tile(page: Directory) -> int:
    return page.tags.get(0x0142, (0, 0))[1] * page.tags.get(0x0143, (0, 0))[1]
