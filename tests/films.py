"""Small videos made on the spot: of uneven times, lying on their side, damaged, cut off.

OpenCV writes neither uneven times nor a rotation, so both are written into the boxes of its MP4.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def pictures(count: int, size: tuple[int, int] = (64, 48)) -> list[Pixels]:
    """Pictures with a red upper left corner, a grey bar that moves to the right, and some noise."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 40, (height, width, 1), dtype=np.uint8)
    made = []
    for i in range(count):
        image = np.full((height, width, 3), 40, np.uint8)
        image[: height // 4, : width // 4] = (230, 30, 30)
        place = width // 4 + i * 3 % (width // 2)
        image[height // 2 :, place : place + width // 6] = 120 + i % 100
        made.append(image + noise)
    return made


def write(path: Path, images: Sequence[Pixels], code: str = "mp4v", fps: float = 25.0) -> Path:
    """Writes pictures with OpenCV; `.mp4`, `.avi`, `.mkv`, `.ts` by the suffix."""
    import cv2

    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), fps, (width, height)
    )
    if not writer.isOpened():
        raise OSError(f"OpenCV writes no {code} into {path.name}")
    for image in images:
        writer.write(np.ascontiguousarray(image[:, :, ::-1]))
    writer.release()
    return path


def _find(data: bytes, *names: bytes) -> list[tuple[int, int]]:
    """(start, end) of each box on the way to the last of `names`, one in another."""
    found, place, end = [], 0, len(data)
    for name in names:
        while True:
            size, kind = struct.unpack_from(">I4s", data, place)
            if kind == name:
                found.append((place, place + size))
                place, end = place + 8, place + size
                break
            place += size
            if place >= end:
                raise KeyError(name)
    return found


def with_times(path: Path, ticks: Sequence[int], scale: int = 1000) -> Path:
    """Gives each frame of an MP4 its own length in `1/scale` seconds."""
    data = path.read_bytes()
    table = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts")
    way = _find(data, *table)
    start, end = way[-1]
    content = struct.pack(">II", 0, len(ticks)) + b"".join(
        struct.pack(">II", 1, tick) for tick in ticks
    )
    box = struct.pack(">I4s", 8 + len(content), b"stts") + content
    more = len(box) - (end - start)
    changed = bytearray(data[:start] + box + data[end:])
    for place, _ in way[:-1]:
        struct.pack_into(">I", changed, place, struct.unpack_from(">I", changed, place)[0] + more)
    for names in ((b"moov", b"mvhd"), (b"moov", b"trak", b"mdia", b"mdhd")):
        place, _ = _find(bytes(changed), *names)[-1]
        struct.pack_into(">II", changed, place + 20, scale, sum(ticks))
    place, _ = _find(bytes(changed), b"moov", b"trak", b"tkhd")[-1]
    struct.pack_into(">I", changed, place + 28, sum(ticks))
    # What the list of edits says of the length is of the old times.
    edits, _ = _find(bytes(changed), b"moov", b"trak", b"edts")[-1]
    changed[edits + 4 : edits + 8] = b"free"
    path.write_bytes(changed)
    return path


def on_its_side(path: Path, turns: int) -> Path:
    """Says in an MP4 that its pictures must be turned by `turns` quarters clockwise to be seen."""
    data = bytearray(path.read_bytes())
    place, _ = _find(bytes(data), b"moov", b"trak", b"tkhd")[-1]
    one = 1 << 16
    a, b = ((one, 0), (0, one), (-one, 0), (0, -one))[turns % 4]
    struct.pack_into(">9i", data, place + 48, a, b, 0, -b, a, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def header_first(path: Path) -> Path:
    """Moves the table of an MP4 in front of its frames, so that a part of the file can be read."""
    data = path.read_bytes()
    start, end = _find(data, b"moov")[-1]
    place, _ = _find(data, b"mdat")[-1]
    table = bytearray(data[start:end])
    spots, _ = _find(bytes(table[8:]), b"trak", b"mdia", b"minf", b"stbl", b"stco")[-1]
    spots += 8 + 12
    for i in range(struct.unpack_from(">I", table, spots)[0]):
        at = spots + 4 + 4 * i
        struct.pack_into(">I", table, at, struct.unpack_from(">I", table, at)[0] + len(table))
    path.write_bytes(data[:place] + table + data[place:start] + data[end:])
    return path


def packets(path: Path) -> list[tuple[int, int]]:
    """(place, size) of each coded frame of an MP4 with one stream."""
    data = path.read_bytes()
    start, _ = _find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")[-1]
    same, count = struct.unpack_from(">II", data, start + 12)
    sizes = [same] * count if same else struct.unpack_from(f">{count}I", data, start + 20)
    place = _find(data, b"mdat")[-1][0] + 8
    found = []
    for size in sizes:
        found.append((place, size))
        place += size
    return found


def damaged(path: Path, spots: int, seed: int = 0) -> Path:
    """Overwrites three bytes in each of `spots` coded frames."""
    rng = np.random.default_rng(seed)
    coded = packets(path)
    data = bytearray(path.read_bytes())
    for number in rng.choice(len(coded), spots, replace=False):
        place, size = coded[number]
        # Behind the header of the frame: without that it is no frame at all.
        spot = place + size // 4 + int(rng.integers(0, size // 2))
        data[spot : spot + 3] = rng.bytes(3)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Keeps the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def coded(
    path: Path,
    images: Sequence[Pixels],
    ticks: Sequence[int],
    codec: str = "libx264",
    **options: str,
) -> Path:
    """Writes pictures with PyAV: each at its own time in milliseconds.

    The same bytes on every machine: x264 on several threads writes other ones each time.
    """
    from fractions import Fraction

    import av

    height, width = images[0].shape[:2]
    if codec == "libx264":
        options = {"x264-params": "slices=3", **options}
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=30, options=options)
        stream.codec_context.thread_count = 1
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for image, tick in zip(images, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path
