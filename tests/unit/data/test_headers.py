"""What headers claim: hand-made bytes with known answers, and lies that must be refused."""

from __future__ import annotations

import io
import struct
from types import ModuleType

import numpy as np
import PIL.Image
import pytest

from fiqa.data import headers, tiff
from fiqa.data.images import decode_image
from fiqa.errors import ReadError, UnsafeFileError


def ifd(entries: list[tuple[int, int, int, int]], following: int = 0, order: str = "<") -> bytes:
    body = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following)


def test_sniff_knows_each_format_and_nothing_else(hostile: ModuleType) -> None:
    for form in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"):
        assert headers.sniff(hostile.encoded(form)) == form
    for data in (b"", b"P", b"P9 ", b"P5", b"RIFF1234WAVE", b"%PDF", b"<svg", b"\x00\x00\x01\x00"):
        assert headers.sniff(data) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_in_either_byte_order(order: str) -> None:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for value in (1, 6, 8):
        entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
        block = head + struct.pack(order + "H", 1) + entry + bytes(4)
        assert tiff.orientation(block) == tiff.orientation(b"Exif\0\0" + block) == value
    assert tiff.orientation(head + ifd([(0x0112, 3, 1, 99)], order=order)) == 1
    for broken in (b"", b"II", b"Exif\0\0", head, head + b"\xff\xff"):
        assert tiff.orientation(broken) == 1


def test_big_tiff_directories_are_read() -> None:
    entry = struct.pack("<HHQQ", 0x0100, 3, 1, 77)
    data = (
        b"II+\0"
        + struct.pack("<HHQ", 8, 0, 16)
        + struct.pack("<Q", 1)
        + entry
        + struct.pack("<Q", 0)
    )
    found = tiff.directory(data)
    assert found is not None
    assert found.tags == {0x0100: (1, 77)}
    assert found.next == 0


def test_an_offset_beyond_any_file_is_no_directory() -> None:
    far = struct.pack("<HHQ", 8, 0, 2**63)
    assert tiff.directory(b"II+\0" + far) is None
    with pytest.raises(ReadError) as caught:
        decode_image(b"II+\0" + far)
    assert caught.value.status == "truncated"


def test_frames_are_counted_and_loops_end(hostile: ModuleType) -> None:
    assert headers.frame_count(hostile.animated("GIF", 5), "GIF") == 5
    assert headers.frame_count(hostile.animated("TIFF", 4), "TIFF") == 4
    assert headers.frame_count(hostile.encoded("GIF"), "GIF") == 1
    assert headers.frame_count(b"", "PNG") is None
    loop = b"II*\0" + struct.pack("<I", 8) + ifd([(0x0100, 3, 1, 1)], following=8)
    assert headers.frame_count(loop, "TIFF") <= 2
    assert headers.frame_count(b"GIF89a", "GIF") == 1


def test_tags_that_share_one_payload_are_refused() -> None:
    payload = bytes(4096)
    entries = [(0x8000 + i, 1, len(payload), 8) for i in range(200)]
    data = b"II*\0" + struct.pack("<I", 8 + len(payload)) + payload + ifd(entries)
    with pytest.raises(UnsafeFileError, match="Tags must claim at most") as caught:
        headers.guard(data, "TIFF", max_pixels=10**6)
    assert caught.value.status == "too_large"
    jpeg = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(jpeg, "JPEG", exif=b"Exif\0\0" + data)
    with pytest.raises(UnsafeFileError, match="Tags must claim at most"):
        decode_image(jpeg.getvalue())


def test_exif_spread_over_segments_is_judged_as_one() -> None:
    whole = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(whole, "JPEG")
    payload = 60_000
    first = (
        b"II*\0" + struct.pack("<I", 8) + ifd([(0x8000 + i, 1, 5 * payload, 8) for i in range(100)])
    )
    blocks = [first, *[bytes(payload)] * 6]
    parts = [
        b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block for block in blocks
    ]
    with pytest.raises(UnsafeFileError, match="Tags must claim at most"):
        decode_image(whole.getvalue()[:2] + b"".join(parts) + whole.getvalue()[2:])


def test_a_tile_beyond_the_image_is_refused() -> None:
    entries = [(0x0100, 3, 1, 8), (0x0101, 3, 1, 8), (0x0142, 4, 1, 60_000), (0x0143, 4, 1, 60_000)]
    data = b"II*\0" + struct.pack("<I", 8) + ifd(entries)
    with pytest.raises(
        UnsafeFileError, match="TIFF file must claim at most 1000000 pixels, got 3600000000"
    ):
        headers.guard(data, "TIFF", max_pixels=10**6)


def test_a_code_stream_beyond_its_box_is_refused(hostile: ModuleType) -> None:
    data = bytearray(hostile.encoded("JPEG2000"))
    place = data.find(b"\xff\x4f\xff\x51")
    assert place > 0
    data[place + 8 : place + 16] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(UnsafeFileError, match="JPEG2000 file must claim"):
        decode_image(bytes(data))


def test_a_jpeg_of_too_many_scans_is_refused(hostile: ModuleType) -> None:
    whole = hostile.encoded("JPEG", progressive=True)
    scan = whole.rfind(b"\xff\xda")
    assert decode_image(whole).pixels.shape == (40, 48, 3)
    with pytest.raises(UnsafeFileError, match="at most 100 scans, got 310"):
        decode_image(whole[:-2] + whole[scan:-2] * 300 + whole[-2:])


def test_a_jpeg_of_twelve_bits_is_unsupported(hostile: ModuleType) -> None:
    data = bytearray(hostile.encoded("JPEG"))
    data[data.find(b"\xff\xc0") + 4] = 12
    with pytest.raises(ReadError, match="This kind of JPEG cannot be decoded") as caught:
        decode_image(bytes(data))
    assert caught.value.status == "unsupported_format"


def test_a_tiff_of_rare_layout_is_unsupported() -> None:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.zeros((4, 4), np.uint16)).save(stream, "TIFF")
    data = stream.getvalue().replace(
        struct.pack("<HHIHH", 0x0102, 3, 1, 16, 0), struct.pack("<HHIHH", 0x0102, 3, 1, 11, 0)
    )
    with pytest.raises(ReadError, match="This kind of TIFF") as caught:
        decode_image(data)
    assert caught.value.status == "unsupported_format"
