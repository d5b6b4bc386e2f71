"""One drive as a device writes it: a histogram of scores and counters of frames, 504 bytes; no
image, no identity, no time. `examples/fiqa_drive.h` writes it in C.

Little-endian, in this order:

    offset  bytes  content
         0      4  "FIQD"
         4      2  version, 1
         6      2  bins, 100
         8      8  first 8 bytes of the reference's id
        16      8  number of the drive, drawn at random on the device
        24      4  float: where the first bin begins
        28      4  float: where the last bin ends
        32     16  camera, ASCII, filled up with zeros
        48     16  regime, likewise
        64     36  counters, 9 unsigned: see COUNTERS
       100    400  histogram, 100 unsigned: frames with a score in each bin
       500      4  CRC-32 (as zlib's) of the 500 bytes before

A score below the first bin counts in the first, one above the last in the last.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from fiqa.data.formats.source import read_bytes, write_whole
from fiqa.data.reading import reader
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["COUNTERS", "SIZE", "SUFFIX", "DriveFile", "read_drive", "write_drive"]

COUNTERS = (
    "frames", "scored", "no_face", "covered", "damaged", "too_dark", "too_bright", "no_number",
    "below_floor",
)  # fmt: skip
"""What is counted, in its order: all frames, those with a score, those in a state, those that
should have a score and have no number, and those with a score below the floor."""

SUFFIX = ".fiqd"
_HEAD = struct.Struct("<4sHH8sQff16s16s")
_NUMBERS = struct.Struct("<109I")
_CHECK = struct.Struct("<I")
SIZE = _HEAD.size + _NUMBERS.size + _CHECK.size
"""Bytes of a file."""
_MAGIC, _VERSION, _BINS = b"FIQD", 1, 100


@dataclass(frozen=True)
class DriveFile:
    """What a file holds.

    Attributes:
        reference: the first 8 bytes of the id of the reference that the device counts for.
        drive: a number of 64 bits.
        low, high: the ends of the histogram.
        camera, regime: the cell, at most 16 ASCII characters each.
        counters: one for each of COUNTERS.
        counts: 100, the histogram.
    """

    reference: bytes
    drive: int
    low: float
    high: float
    camera: str
    regime: str
    counters: tuple[int, ...]
    counts: tuple[int, ...]


@reader
def read_drive(path: PathLike) -> DriveFile:
    """Returns the drive in a file.

    Args:
        path: the file.

    Raises:
        ReadError: no such file, another size, version or checksum, or counts that contradict each
            other.
    """
    data = read_bytes(path, limit=SIZE)
    if len(data) != SIZE or data[:4] != _MAGIC:
        raise ReadError(
            f"A drive must have {SIZE} bytes that begin with FIQD, got {len(data)} that begin with"
            f" {data[:4]!r}.",
            status="unsupported_format",
        )
    if _CHECK.unpack_from(data, SIZE - 4)[0] != zlib.crc32(data[:-4]):
        raise ReadError(
            "A drive must have the checksum of its bytes, it is another.", status="corrupt"
        )
    _, version, bins, reference, drive, low, high, camera, regime = _HEAD.unpack_from(data)
    if (version, bins) != (_VERSION, _BINS):
        raise ReadError(
            f"A drive must be of version {_VERSION} with {_BINS} bins, got {version} with {bins}.",
            status="unsupported_format",
        )
    numbers = _NUMBERS.unpack_from(data, _HEAD.size)
    counters, counts = numbers[: len(COUNTERS)], numbers[len(COUNTERS) :]
    named = dict(zip(COUNTERS, counters, strict=True))
    if (
        sum(counts) != named["scored"]
        or max(counters) > named["frames"]
        or named["below_floor"] > named["scored"]
        or not low < high
    ):
        raise ReadError(
            "A drive must count each scored frame in one bin, and no more than all frames in"
            " anything.",
            status="corrupt",
        )
    camera, regime = (text.rstrip(b"\0").decode("ascii") for text in (camera, regime))
    return DriveFile(reference, drive, low, high, camera, regime, counters, counts)


def write_drive(drive: DriveFile, path: PathLike) -> None:
    """Writes a drive, whole or not at all.

    Args:
        drive: what the file is to hold.
        path: the file.

    Raises:
        InputError: a text of more than 16 ASCII characters, or another count of numbers.
        WriteError: the disk refused.
    """
    texts = []
    for name in ("camera", "regime"):
        text = getattr(drive, name)
        if not text.isascii() or len(text) > 16:
            raise InputError(f"{name} must have at most 16 ASCII characters, got {text!r}.")
        texts.append(text.encode("ascii"))
    numbers = (*drive.counters, *drive.counts)
    if len(drive.counters) != len(COUNTERS) or len(drive.counts) != _BINS:
        raise InputError(
            f"A drive must have {len(COUNTERS)} counters and {_BINS} bins, got"
            f" {len(drive.counters)} and {len(drive.counts)}."
        )
    head = _HEAD.pack(
        _MAGIC, _VERSION, _BINS, drive.reference, drive.drive, drive.low, drive.high, *texts
    )
    data = head + _NUMBERS.pack(*numbers)
    write_whole(path, data + _CHECK.pack(zlib.crc32(data)))
