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
from collections.abc import Iterator
from typing import NamedTuple

from fiqa.data import boxes, tiff
from fiqa.errors import UnsafeFileError

__all__ = [
    "ends_early",
    "frame_count",
    "gif_profile",
    "guard",
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
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# APP1 holds EXIF, APP2 the index of further pictures (MPF).
_SEGMENTS_READ = _FRAMES | {0xE1, 0xE2}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""A marker that ends the coded data of a scan: no stuffed byte, no restart, no fill."""
_MAX_SCANS = 100
"""Scans of a JPEG: a progressive one has about ten, and each scan decodes the whole picture."""
_MAX_STEPS = 1_000_000
_SLACK = 1 << 16
"""Bytes that tags may claim beyond their block: some cameras count wrongly."""


def sniff(data: bytes) -> str | None:
    """Returns the name of the image format that the first bytes announce, or None.

    Formats are named as Pillow names them. The suffix of a file plays no part.

    Args:
        data: the file's bytes.

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
    # PNM: P, a digit (f for floats), and a white space.
    if len(data) > 2 and data[:1] == b"P" and data[1:2] in b"123456f" and data[2:3].isspace():
        return "PPM"
    return None


def frame_count(data: bytes, form: str) -> int | None:
    """Returns the number of frames of a GIF or pages of a TIFF; None for other formats.

    At most a million blocks are counted.

    Args:
        data: the file's bytes.
        form: as `sniff` names it.
    """
    if form == "TIFF":
        return max(1, len(tiff.pages(data)))
    return max(1, sum(kind == 0x2C for kind, _ in _gif_blocks(data))) if form == "GIF" else None


def _table_size(flags: int) -> int:
    return 3 * 2 << (flags & 7) if flags & 0x80 else 0


def _gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields (kind, place) of each image (0x2C) and extension (0x21) of a GIF."""
    if len(data) < 13:
        return
    # 13 bytes of header and screen, then the colors that all frames share.
    place = 13 + _table_size(data[10])
    for _ in range(_MAX_STEPS):
        if place + 10 > len(data) or data[place] not in b"\x21\x2c":
            return
        yield data[place], place
        place += 2 if data[place] == 0x21 else 11 + _table_size(data[place + 9])
        # Sub-blocks: a length and so many bytes, up to the length 0.
        for _ in range(_MAX_STEPS):
            if place >= len(data) or not data[place]:
                break
            place += data[place] + 1
        place += 1


def gif_profile(data: bytes) -> bytes | None:
    """Returns the color profile in a GIF, an extension of the ICC; None where there is none.

    Args:
        data: the file's bytes.
    """
    for kind, place in _gif_blocks(data):
        if kind != 0x21 or data[place + 1 : place + 14] != b"\xff\x0bICCRGBG1012":
            continue
        parts, place = [], place + 14
        while place < len(data) and data[place]:
            parts.append(data[place + 1 : place + 1 + data[place]])
            place += data[place] + 1
        return b"".join(parts)
    return None


class _Jpeg(NamedTuple):
    """What the segments of a JPEG say.

    Attributes:
        complete: whether the image ends.
        bits: per channel.
        scans: how many.
        blocks: the joined EXIF payload, and each MPF payload.
    """

    complete: bool
    bits: int
    scans: int
    blocks: tuple[bytes, ...]


def _jpeg(data: bytes) -> _Jpeg:
    """Walks the segments of the first image, as a decoder does.

    What stands in them or behind the image (the video of a motion photo, a second picture) is none
    of its scans.
    """
    exif: list[bytes] = []
    blocks: list[bytes] = []
    place, bits, scans, complete = 2, 8, 0, False
    while match := _NEXT_MARKER.search(data, place):
        place = match.start()
        marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xD9:
            complete = True
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
        # The start of an image has no length; a length counts its own two bytes.
        place += 2 if marker == 0xD8 else 2 + max(size, 2)
    return _Jpeg(complete and scans > 0, bits, scans, (b"".join(exif), *blocks))


def ends_early(data: bytes, form: str) -> bool:
    """Tells whether a file announces more bytes than it has.

    False also where its format does not let one know.

    Args:
        data: the file's bytes.
        form: as `sniff` names it.

    >>> ends_early(b"BM" + (100).to_bytes(4, "little"), "BMP")
    True
    """
    if form == "JPEG":
        return not _jpeg(data).complete
    if form == "PNG":
        place = 8
        while place + 8 <= len(data):
            if data[place + 4 : place + 8] == b"IEND":
                return False
            # 12: the length itself, the kind and the check sum.
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
        # Tags 0x0111 and 0x0144: where the strips and the tiles begin.
        first = tiff.directory(data)
        return first is None or any(
            first.tags.get(tag, (0, 0))[1] >= len(data) for tag in (0x0111, 0x0144)
        )
    if form == "AVIF":
        return boxes.ends_early(data)
    if form == "JPEG2000":
        # The end-of-code-stream marker.
        return not data.endswith(b"\xff\xd9")
    # GIF and PPM do not say how long they are.
    return len(data) < 16


def sums_agree(data: bytes, form: str) -> bool:
    """Tells whether the check sums of the pixel chunks of a PNG are right; True for other formats.

    The decoder passes over them.

    Args:
        data: the file's bytes.
        form: as `sniff` names it.
    """
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
    """Tells whether a file that the decoder does not know is well made all the same.

    Such are a TIFF of rare layout and a JPEG of 12 bits.

    Args:
        data: the file's bytes.
        form: as `sniff` names it.
    """
    if form == "TIFF":
        first = tiff.directory(data)
        return first is not None and 0x0100 in first.tags and 0x0101 in first.tags
    return form == "JPEG" and _jpeg(data).bits != 8


def guard(data: bytes, form: str, *, max_pixels: int) -> None:
    """Refuses what would make the decoder allocate or work far beyond the size of the image.

    Args:
        data: the file's bytes.
        form: as `sniff` names it.
        max_pixels: width times height that an image may have.

    Raises:
        UnsafeFileError: (status too_large) a WebP canvas, AVIF image, JPEG 2000 code stream or TIFF
            tile of more than `max_pixels`; TIFF or EXIF tags that claim more bytes than there are;
            a JPEG of more than 100 scans.
    """
    claims: list[int] = []
    blocks: tuple[bytes, ...] = ()
    if form == "WEBP" and data[12:16] == b"VP8X":
        # A canvas says its sides less one, in 24 bits each.
        claims = [
            (int.from_bytes(data[24:27], "little") + 1)
            * (int.from_bytes(data[27:30], "little") + 1)
        ]
    elif form == "JPEG2000":
        claims = _code_streams(data)
    elif form == "TIFF":
        blocks = (data,)
        claims = [_tile(page) for page in tiff.pages(data)[:1]]
    elif form == "JPEG":
        jpeg = _jpeg(data)
        blocks = jpeg.blocks
        if jpeg.scans > _MAX_SCANS:
            raise UnsafeFileError(
                f"A JPEG must have at most {_MAX_SCANS} scans, got {jpeg.scans}.",
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
        first = tiff.directory(block)
        if first is not None and first.claimed > len(block) + _SLACK:
            raise UnsafeFileError(
                f"Tags must claim at most the {len(block)} bytes of their block, got"
                f" {first.claimed}.",
                status="too_large",
            )


def _code_streams(data: bytes) -> list[int]:
    # A code stream begins with the markers SOC and SIZ and names its sides 8 bytes on.
    sizes, place = [0], data.find(b"\xff\x4f\xff\x51")
    while place >= 0 and len(sizes) < _MAX_STEPS:
        if place + 16 <= len(data):
            width, height = struct.unpack_from(">II", data, place + 8)
            sizes.append(width * height)
        place = data.find(b"\xff\x4f\xff\x51", place + 4)
    return sizes


def _tile(page: tiff.Directory) -> int:
    return page.tags.get(0x0142, (0, 0))[1] * page.tags.get(0x0143, (0, 0))[1]
