"""The range of samples: polarity, scale and depth, each against values worked out by hand."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fiqa.data.images import decode_image
from fiqa.errors import ReadError
from fiqa.vocabulary import NOTES


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


RAMP = np.arange(256).reshape(16, 16)
"""A picture with all of 8 bits; multiples of it fill deeper ranges."""


@pytest.mark.parametrize(
    ("values", "kind", "notes"),
    [
        (RAMP.astype(np.int32), 2, ("samples_scaled=0..255",)),
        ((RAMP * 257).astype(np.int32), 2, ("samples_scaled=0..65535",)),
        ((RAMP.astype(np.int64) * ((2**31 - 1) // 255)).astype(np.int32), 2,
         ("samples_scaled=0..2147483647",)),
        (RAMP.astype(np.uint32), 1, ("samples_scaled=0..255",)),
        ((RAMP * 257).astype(np.uint32), 1, ("samples_scaled=0..65535",)),
        ((RAMP * 16).astype(np.uint32), 1, ("samples_scaled=0..4095",)),
        ((RAMP * 65793).astype(np.uint32), 1, ("samples_scaled=0..16777215",)),
        ((RAMP.astype(np.int64) * 16843009).astype(np.uint32), 1, ()),
        (RAMP.astype(np.int16), 2, ("samples_scaled=0..255",)),
        ((RAMP * 4).astype(np.int16), 2, ("samples_scaled=0..1023",)),
        ((RAMP * 128).astype(np.int16), 2, ("samples_scaled=0..32767",)),
        ((RAMP * 257 - 32768).astype(np.int16), 2, ("samples_scaled=-32768..32767",)),
        ((RAMP - 128).astype(np.int16), 2, ("samples_scaled=-128..127",)),
        ((RAMP * 16 - 1000).astype(np.int16), 2, ("samples_stretched=-1000..3080",)),
        ((RAMP * 257 - 5).astype(np.int32), 2, ("samples_stretched=-5..65530",)),
        ((RAMP - 128).astype(np.int8), 2, ("samples_scaled=-128..127",)),
        ((RAMP // 2).astype(np.int8), 2, ("samples_scaled=0..127",)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["<", ">"])
def test_integers_wider_than_a_picture_needs(
    values: Any, kind: int, notes: tuple[str, ...], order: str
) -> None:
    if values.dtype == np.uint32 and order == ">":
        with pytest.raises(ReadError, match="This kind of TIFF cannot be decoded"):
            decode_image(tiff(values, 1, kind, order))
        return
    image = decode_image(tiff(values, 1, kind, order))
    np.testing.assert_allclose(image.pixels[..., 0].astype(int), RAMP, atol=1)
    assert image.notes == notes


@pytest.mark.parametrize("hot", [2**32 - 1, 2**25])
def test_one_hot_sample_does_not_make_the_range_of_32_bits_evident(hot: int) -> None:
    values = (RAMP * 257).astype(np.uint32)
    values[0, 0] = hot
    assert decode_image(tiff(values, 1, 1)).notes == ("samples_scaled=0..4294967295",)


@pytest.mark.parametrize(
    ("most", "wanted", "notes"),
    [
        (100.0, 100, ("samples_scaled=0..255",)),
        (127.0, 127, ("samples_scaled=0..255",)),
        (200.0, 200, ()),
        (0.4, 102, ("samples_scaled=0..1",)),
        (0.0, 0, ("samples_scaled=0..1",)),
        (0.9, 230, ()),
        (65535.0, 255, ()),
        (60000.0, 233, ()),
        (20000.0, 78, ("samples_scaled=0..65535",)),
        (16000.0, 255, ("samples_stretched=0..16000",)),
        (1e6, 255, ("samples_stretched=0..1e+06",)),
    ],
)
def test_a_float_scale_that_is_not_evident_is_noted(
    most: float, wanted: int, notes: tuple[str, ...]
) -> None:
    values = np.where(RAMP > 100, most, 0.0).astype(np.float32)
    image = decode_image(save(values, "TIFF"))
    assert abs(int(image.pixels.max()) - wanted) <= 1
    assert image.notes == notes


def test_float_samples_that_are_no_number_are_counted() -> None:
    values = (RAMP / 255).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    image = decode_image(save(values, "TIFF"))
    assert image.notes == ("samples_missing=3",)
    assert image.pixels[0, :3, 0].tolist() == [3, 255, 3]
    np.testing.assert_array_equal(image.pixels[1:, :, 0], RAMP[1:])
    values[3] *= 2000
    assert [n.split("=")[0] for n in decode_image(save(values, "TIFF")).notes] == [
        "samples_stretched",
        "samples_missing",
    ]


def test_every_note_on_samples_has_its_words() -> None:
    for code in ("narrow", "clipped", "scaled", "missing", "stretched"):
        assert NOTES[f"samples_{code}"].endswith(".")
