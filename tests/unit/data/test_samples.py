"""The range of samples: polarity, scale and depth, each against values worked out by hand."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fiqa.data.images import decode_image


def save(array: Any, form: str, **options: Any) -> bytes:
    picture = array if isinstance(array, PIL.Image.Image) else PIL.Image.fromarray(array)
    stream = io.BytesIO()
    picture.save(stream, format=form, **options)
    return stream.getvalue()


def tiff(values: Any, photometric: int, kind: int, order: str = "<") -> bytes:
    """A TIFF of one strip: (H,W) of its own type, SampleFormat `kind`."""
    raw = values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    tags = {
        0x100: width, 0x101: height, 0x102: values.dtype.itemsize * 8, 0x103: 1, 0x106: photometric,
        0x111: 8, 0x115: 1, 0x116: height, 0x117: len(raw), 0x153: kind,
    }  # fmt: skip
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(raw))
    return head + raw + struct.pack(order + "H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("values", [
    np.array([[0, 32768, 65535]], np.uint16),
    np.array([[0.0, 0.5, 1.0]], np.float32),
    np.array([[0, 128, 255]], np.uint8),
])  # fmt: skip
def test_white_is_zero_is_turned_over_at_any_depth(values: Any) -> None:
    kind = 3 if values.dtype == np.float32 else 1
    plain = decode_image(tiff(values, 1, kind)).pixels[0, :, 0].astype(int)
    turned = decode_image(tiff(values, 0, kind))
    assert plain.tolist() == [0, 128, 255]
    assert turned.pixels[0, :, 0].tolist() == (255 - plain).tolist()
    assert turned.grey


def test_one_sample_above_white_does_not_make_a_float_image_black() -> None:
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    values[3, 3] = 1.004
    image = decode_image(save(values, "TIFF"))
    assert image.pixels[0, 10, 0] == round(255 * float(values[0, 10]))
    assert image.pixels[3, 3, 0] == 255
    assert image.notes == ("samples_clipped=1",)


@pytest.mark.parametrize(
    ("values", "wanted", "notes"),
    [
        (np.linspace(0, 1, 256), np.arange(256), ()),
        (np.linspace(0, 255, 256), np.arange(256), ()),
        (np.append(np.linspace(0, 1, 240), np.full(16, 1.5)), None, ("samples_clipped=16",)),
        (np.append(np.linspace(0, 250, 255), 300.0), None, ("samples_clipped=1",)),
        (np.append(np.linspace(0, 1, 255), -0.001), None, ("samples_clipped=1",)),
        (np.linspace(0, 4095, 256), np.arange(256), ("samples_stretched=0..4095",)),
        (np.linspace(-1, 1, 256), np.arange(256), ("samples_stretched=-1..1",)),
    ],
)
def test_float_scales(values: Any, wanted: Any, notes: tuple[str, ...]) -> None:
    image = decode_image(save(values.reshape(16, 16).astype(np.float32), "TIFF"))
    assert image.notes == notes
    if wanted is not None:
        np.testing.assert_allclose(image.pixels[..., 0].ravel(), wanted, atol=1)
    else:
        assert np.median(image.pixels) > 90, "not black"


@pytest.mark.parametrize(("most", "used"), [(1023, 10), (4095, 12), (16383, 14)])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_a_sensor_s_depth_in_sixteen_bits_is_noted(most: int, used: int, form: str) -> None:
    deep = np.linspace(0, most, 64).astype(np.uint16).reshape(8, 8)
    assert decode_image(save(deep, form)).notes == (f"samples_narrow={used}",)
    assert decode_image(save(deep * (65535 // most), form)).notes == ()


def test_sixteen_bits_of_color_are_noted_too() -> None:
    """Pillow writes no 16-bit color; the file is put together here."""
    from zlib import compress, crc32

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))

    def png(most: int) -> bytes:
        row = b"\0" + np.linspace(0, most, 12).astype(">u2").tobytes()
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 16, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", compress(row)) + chunk(b"IEND", b"")

    assert decode_image(png(4095)).notes == ("samples_narrow=12",)
    assert decode_image(png(65535)).notes == ()
