"""Reading images: every conversion against a hand-made oracle, every bad file against its status,
random bytes against the promise."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqa.data.images import (
    Image,
    Limits,
    decode_header,
    decode_image,
    read_bytes,
    read_image,
    upright,
    write_image,
)
from fiqa.errors import InputError, ReadError, ShapeError, UnknownNameError, UnsafeFileError
from fiqa.vocabulary import STATUSES


def save(array: Any, form: str, **options: Any) -> bytes:
    picture = array if isinstance(array, PIL.Image.Image) else PIL.Image.fromarray(array)
    stream = io.BytesIO()
    picture.save(stream, format=form, **options)
    return stream.getvalue()


@pytest.fixture
def rgb(rng: np.random.Generator) -> Any:
    return rng.integers(0, 256, (7, 9, 3), np.uint8)


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF"])
def test_lossless_rgb_comes_back_exactly(rgb: Any, form: str) -> None:
    data = save(rgb, form)
    image = decode_image(data)
    np.testing.assert_array_equal(image.pixels, rgb)
    assert (image.format, image.bits, image.frames, image.grey, image.orientation) == (
        form,
        8,
        1,
        False,
        1,
    )
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.pixels.flags["C_CONTIGUOUS"]
    assert image.pixels.dtype == np.uint8


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_and_never_clipped(form: str) -> None:
    deep = np.linspace(0, 65535, 300).round().astype(np.uint16).reshape(3, 100)
    image = decode_image(save(deep, form))
    assert image.grey
    assert image.bits == 16
    np.testing.assert_allclose(image.pixels[..., 0], deep / 257.0, atol=0.51)
    assert (image.pixels == image.pixels[..., :1]).all()


def tiff(tags: dict[int, tuple[int, int, int]], body: bytes, order: str = "<") -> bytes:
    """A minimal TIFF: tag -> (type, count, value); the strip stands right behind the header."""
    start = 8 + len(body)
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, count)
        + (struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value))
        for tag, (kind, count, value) in sorted(tags.items())
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def grey_tiff(
    values: Any, bits: int, body: bytes | None = None, **more: tuple[int, int, int]
) -> bytes:
    height, width = values.shape
    raw = values.tobytes() if body is None else body
    tags = {
        0x100: (3, 1, width),
        0x101: (3, 1, height),
        0x102: (3, 1, bits),
        0x103: (3, 1, 1),
        0x106: (3, 1, 1),
        0x111: (4, 1, 8),
        0x115: (3, 1, 1),
        0x116: (3, 1, height),
        0x117: (4, 1, len(raw)),
    }
    return tiff(tags | {int(k[1:], 16): v for k, v in more.items()}, raw)


def test_twelve_bits_are_scaled_by_twelve() -> None:
    body = bytes([0xFF, 0xF8, 0x00, 0x00, 0x0F, 0xFF])  # 4095 2048 0 4095, packed
    image = decode_image(grey_tiff(np.zeros((1, 4)), 12, body))
    assert image.bits == 12
    assert image.pixels[0, :, 0].tolist() == [255, 128, 0, 255]


def test_a_declared_maximum_narrows_the_depth_and_a_lie_does_not_clip() -> None:
    values = np.array([[0, 512, 1023]], np.uint16)
    narrow = decode_image(grey_tiff(values, 16, x119=(3, 1, 1023)))
    assert narrow.bits == 10
    assert narrow.pixels[0, :, 0].tolist() == [0, 128, 255]
    assert decode_image(grey_tiff(values, 16)).pixels[0, :, 0].tolist() == [0, 2, 4]
    brighter = decode_image(grey_tiff(np.array([[0, 2047]], np.uint16), 16, x119=(3, 1, 1023)))
    assert brighter.pixels[0, :, 0].tolist() == [0, 255]


def test_integers_of_32_bits_follow_their_sign() -> None:
    unsigned = grey_tiff(np.array([[0, 2**31, 2**32 - 1]], np.uint32), 32)
    assert decode_image(unsigned).pixels[0, :, 0].tolist() == [0, 128, 255]
    signed = grey_tiff(np.array([[-(2**31), 0, 2**31 - 1]], np.int32), 32, x153=(3, 1, 2))
    assert decode_image(signed).pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.4, 254.0], [0, 100, 254]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([np.nan, 0.5, 1.0], [128, 128, 255]),
        ([0.0, 1000.0, np.inf], [0, 255, 255]),
        ([-3.0, -3.0, -3.0], [128, 128, 128]),
    ],
)
def test_floats(values: list[float], wanted: list[int]) -> None:
    assert (
        decode_image(save(np.array([values], np.float32), "TIFF")).pixels[0, :, 0].tolist()
        == wanted
    )


def test_a_float_image_of_nothing_finite_is_corrupt() -> None:
    with pytest.raises(ReadError, match="no finite value") as caught:
        decode_image(save(np.full((2, 2), np.nan, np.float32), "TIFF"))
    assert caught.value.status == "corrupt"


@pytest.mark.parametrize(
    ("alpha", "wanted"), [(255, [200, 10, 60]), (0, [128, 128, 128]), (128, [164, 69, 94])]
)
def test_alpha_lies_on_mid_grey(alpha: int, wanted: list[int]) -> None:
    pixels = np.full((2, 2, 4), [200, 10, 60, alpha], np.uint8)
    for form in ("PNG", "TIFF"):
        assert decode_image(save(pixels, form)).pixels[0, 0].tolist() == wanted
    assert (
        abs(
            int(
                decode_image(save(PIL.Image.fromarray(pixels).convert("LA"), "PNG")).pixels[0, 0, 0]
            )
            - 128
        )
        <= 68
    )


def test_palette_and_its_transparency() -> None:
    picture = PIL.Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    assert decode_image(save(picture, "PNG")).pixels[0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert decode_image(save(picture, "PNG", transparency=0)).pixels[0].tolist() == [
        [128] * 3,
        [0, 0, 255],
    ]
    assert decode_image(save(picture, "GIF")).pixels[0].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_one_bit_and_transparent_color_key() -> None:
    bits = PIL.Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode_image(save(bits, "PNG")).pixels[0, :, 0].tolist() == [0, 255]
    assert decode_image(
        save(np.array([[[1, 2, 3], [9, 9, 9]]], np.uint8), "PNG", transparency=(1, 2, 3))
    ).pixels[0].tolist() == [[128] * 3, [9, 9, 9]]


def test_cmyk_and_inverted_adobe_jpeg_look_alike(hostile: ModuleType) -> None:
    plain = decode_image(hostile.encoded("JPEG"))
    cmyk = decode_image(hostile.encoded("JPEG", "CMYK"))
    assert cmyk.mode == "CMYK"
    assert np.abs(plain.pixels.astype(int) - cmyk.pixels).mean() < 4
    flat = save(PIL.Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "TIFF")
    assert decode_image(flat).pixels[0, 0].tolist() == [255, 0, 0]


def test_a_mode_without_conversion_is_unsupported() -> None:
    with pytest.raises(ReadError, match="no conversion from LAB") as caught:
        decode_image(save(PIL.Image.new("LAB", (2, 2)), "TIFF"))
    assert caught.value.status == "unsupported_format"


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "TIFF-LZW", "WEBP"])
def test_orientation_is_applied_once(rgb: Any, value: int, form: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = value
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    if form.endswith("LZW"):
        options["compression"] = "tiff_lzw"
    data = save(rgb, form.removesuffix("-LZW"), exif=exif, **options)
    oracle = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.transpose(1, 0, 2),
        6: np.rot90(rgb, -1),
        7: np.rot90(rgb, 2).transpose(1, 0, 2),
        8: np.rot90(rgb),
    }[value]
    image, header = decode_image(data), decode_header(data)
    np.testing.assert_array_equal(image.pixels, oracle)
    assert image.orientation == header.orientation == value
    assert (header.height, header.width) == (image.height, image.width) == oracle.shape[:2]
    np.testing.assert_array_equal(upright(rgb, value), oracle)


def test_a_jpeg_with_orientation_is_upright(hostile: ModuleType) -> None:
    for value in range(1, 9):
        image = decode_image(hostile.with_orientation(value))
        assert image.orientation == value
        assert image.pixels.shape == ((40, 48, 3) if value < 5 else (48, 40, 3))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_of_many_frames_is_used_and_flagged(hostile: ModuleType, form: str) -> None:
    image = decode_image(hostile.animated(form))
    assert image.frames == 3
    assert np.abs(image.pixels.astype(int) - 60).max() <= 2


def test_grey_is_seen_in_color_files(rng: np.random.Generator) -> None:
    plane = rng.integers(0, 256, (200, 300), np.uint8)
    assert decode_image(save(plane, "JPEG")).grey
    three = np.repeat(plane[..., None], 3, axis=2)
    assert decode_image(save(three, "JPEG", quality=50)).grey
    stamped = three.copy()
    stamped[:10, :40] = [255, 255, 0]
    assert decode_image(save(stamped, "PNG")).grey
    stamped[:40, :100] = [255, 255, 0]
    assert not decode_image(save(stamped, "PNG")).grey
    tinted = three + np.array([0, 0, 12])
    assert not decode_image(save(tinted.clip(0, 255).astype(np.uint8), "PNG")).grey


def test_every_hostile_file_has_its_status(hostile_folder: dict[Path, str]) -> None:
    assert len(hostile_folder) == 40
    for path, wanted in hostile_folder.items():
        start = time.perf_counter()
        try:
            got = "ok" if isinstance(read_image(path), Image) else "?"
        except ReadError as error:
            got = error.status
        assert (path.name, got) == (path.name, wanted)
        assert time.perf_counter() - start < 2


def test_permission_denied_is_unreadable(tmp_path: Path, hostile: ModuleType) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(hostile.encoded("JPEG"))
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(ReadError, match=r"cannot be opened: .*Permission denied") as caught:
            read_image(path)
    finally:
        os.seteuid(user)
    assert caught.value.status == "unreadable"


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for path, status in [
        (tmp_path, "unreadable"),
        (tmp_path / "no", "not_found"),
        ("a\0b", "not_found"),
    ]:
        with pytest.raises(ReadError) as caught:
            read_image(path)
        assert caught.value.status == status
    file = tmp_path / "f"
    file.write_bytes(b"x")
    with pytest.raises(ReadError) as caught:
        read_image(file / "below.jpg")
    assert caught.value.status == "not_found"
    with pytest.raises(ReadError, match="must be a regular file") as caught:
        read_image("/dev/null")
    assert caught.value.status == "unreadable"


def test_a_vanished_file_is_not_found(tmp_path: Path, hostile: ModuleType) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(hostile.encoded("JPEG"))
    read_image(path)
    path.unlink()
    with pytest.raises(ReadError) as caught:
        read_image(path)
    assert caught.value.status == "not_found"


def test_limits_decide(hostile: ModuleType, tmp_path: Path) -> None:
    data = hostile.encoded("PNG", size=(50, 40))
    decode_image(data, limits=Limits(max_pixels=2000, max_bytes=len(data)))
    with pytest.raises(UnsafeFileError, match="at most 1999 pixels, got 50 x 40") as caught:
        decode_image(data, limits=Limits(max_pixels=1999))
    assert caught.value.status == "too_large"
    with pytest.raises(UnsafeFileError, match=f"at most {len(data) - 1} bytes"):
        decode_image(data, limits=Limits(max_bytes=len(data) - 1))
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert read_bytes(path, limits=Limits(max_bytes=len(data))) == data
    with pytest.raises(UnsafeFileError, match=f"at most {len(data) - 1} bytes, got {len(data)}"):
        read_image(path, limits=Limits(max_bytes=len(data) - 1))
    with pytest.raises(InputError, match="max_pixels must be in"):
        Limits(max_pixels=0)
    with pytest.raises(InputError, match="max_bytes must be in"):
        Limits(max_bytes=0)


def test_a_bomb_is_refused_before_memory_is_taken(tmp_path: Path, hostile: ModuleType) -> None:
    flat = save(np.zeros((6400, 6300), np.uint8), "PNG")
    (tmp_path / "large.png").write_bytes(flat)
    (tmp_path / "text.png").write_bytes(hostile.text_bomb())
    (tmp_path / "bomb.webp").write_bytes(hostile.webp_bomb())
    script = """
import resource, sys
from fiqa.data.images import read_image
from fiqa.errors import ReadError
import PIL.Image, PIL.PngImagePlugin, PIL.WebPImagePlugin
PIL.Image.init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_image(path)
        sys.exit(9)
    except ReadError as error:
        if error.status != "too_large":
            raise
sys.exit(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > 20_000)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, sorted(tmp_path.iterdir()))], timeout=60
    )
    assert done.returncode == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"])
def test_a_file_cut_anywhere_is_truncated_or_corrupt(form: str, rng: np.random.Generator) -> None:
    data = save(rng.integers(0, 256, (40, 40, 3), np.uint8), form)
    seen = set()
    for length in range(20, len(data) // 2, max(1, len(data) // 40)):
        with pytest.raises(ReadError) as caught:
            decode_image(data[:length])
        seen.add(caught.value.status)
    assert "truncated" in seen
    assert seen <= {"truncated", "corrupt"}


def test_one_flipped_bit_in_the_pixels_of_a_png_is_corrupt(hostile: ModuleType) -> None:
    data = bytearray(hostile.encoded("PNG", size=(300, 300)))
    data[data.find(b"IDAT") + 600] ^= 1
    with pytest.raises(ReadError) as caught:
        decode_image(bytes(data))
    assert caught.value.status == "corrupt"


def test_no_warning_escapes_and_other_filters_return(hostile: ModuleType) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\xff" * 40
    data = save(np.zeros((8, 8, 3), np.uint8), "JPEG", exif=exif)
    cut = save(np.zeros((8, 8), np.uint8), "TIFF")
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode_image(data)
        for length in range(8, len(cut), 7):
            try:
                decode_image(cut[:length])
            except ReadError:
                continue
        warnings.warn("still heard", UserWarning, stacklevel=1)
    assert [str(w.message) for w in caught] == ["still heard"]
    assert list(warnings.filters) == before


def test_threads_decode_together(hostile: ModuleType) -> None:
    data, failures = hostile.encoded("PNG", "P", transparency=3), []

    def work() -> None:
        for _ in range(50):
            try:
                decode_image(data)
            except Exception as error:  # noqa: BLE001 - whatever a thread meets, the test reports it
                failures.append(error)

    before = list(warnings.filters)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(warnings.filters) == before


def test_writing_comes_back(tmp_path: Path, rgb: Any) -> None:
    write_image(tmp_path / "deep" / "a.png", rgb)
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "a.png").pixels, rgb)
    write_image(tmp_path / "a.jpg", rgb, quality=95)
    write_image(tmp_path / "b.jpg", rgb, quality=20)
    assert (tmp_path / "b.jpg").stat().st_size < (tmp_path / "a.jpg").stat().st_size
    assert read_image(tmp_path / "a.jpg").format == "JPEG"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg", "b.jpg", "deep"]


def test_writing_refuses(tmp_path: Path, rgb: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown image suffix '\.jpgg'"):
        write_image(tmp_path / "a.jpgg", rgb)
    with pytest.raises(ShapeError, match=r"pixels must be \(H, W, 3\) uint8"):
        write_image(tmp_path / "a.jpg", rgb.astype(np.float32))
    with pytest.raises(InputError, match="quality must be in"):
        write_image(tmp_path / "a.jpg", rgb, quality=101)
    assert not list(tmp_path.iterdir())


def check_promise(data: bytes) -> None:
    """Only an image or a ReadError with a known status, quickly."""
    start = time.perf_counter()
    statuses = []
    for read in (decode_image, decode_header):
        try:
            read(data, limits=Limits(max_pixels=4_000_000))
        except ReadError as error:
            statuses.append(error.status)
    assert set(statuses) <= set(STATUSES)
    assert time.perf_counter() - start < 5


SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MAGIC = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"P5 ",
    b"P6\n",
]
MAGIC += [b"RIFF\x40\0\0\0WEBPVP8X", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"]


@SLOW
@given(magic=st.sampled_from(MAGIC), body=st.binary(max_size=400))
def test_random_bytes_give_an_image_or_a_status(magic: bytes, body: bytes) -> None:
    check_promise(magic + body)


@SLOW
@given(
    kind=st.sampled_from(
        [
            "JPEG",
            "PNG",
            "WEBP",
            "BMP",
            "GIF",
            "TIFF",
            "PPM",
            "JPEG2000",
            "P",
            "I;16",
            "GIF3",
            "TIFF3",
        ]
    ),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=6),
    cut=st.floats(0, 1) | st.none(),
)
def test_mutated_files_give_an_image_or_a_status(
    hostile: ModuleType, kind: str, edits: Any, cut: float | None
) -> None:
    if kind.endswith("3"):
        data = bytearray(hostile.animated(kind[:-1]))
    elif kind in ("P", "I;16"):
        data = bytearray(hostile.encoded("TIFF" if kind == "I;16" else "PNG", kind))
    else:
        data = bytearray(hostile.encoded(kind))
    for place, patch in edits:
        start = int(place * (len(data) - 1))
        data[start : start + len(patch)] = patch
    check_promise(bytes(data[: int(cut * len(data))] if cut is not None else data))
