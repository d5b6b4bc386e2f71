"""Images inside of other things: AVIF, HEIC, camera raw, motion photos."""

from __future__ import annotations

import io
import struct
from types import ModuleType
from typing import Any

import numpy as np
import PIL.AvifImagePlugin
import PIL.Image
import pytest

from fiqa.data import boxes
from fiqa.data.images import FORMATS, Limits, decode_header, decode_image
from fiqa.data.refused import refused
from fiqa.errors import ReadError, UnsafeFileError


def save(array: Any, form: str, **options: Any) -> bytes:
    picture = array if isinstance(array, PIL.Image.Image) else PIL.Image.fromarray(array)
    stream = io.BytesIO()
    picture.save(stream, format=form, **options)
    return stream.getvalue()


@pytest.fixture
def smooth() -> Any:
    """A smooth picture, 40 high and 60 wide, bright at the upper left."""
    down, across = np.mgrid[0:40, 0:60]
    return np.stack([230 - 3 * across, 220 - 4 * down, 90 + across], axis=-1).astype(np.uint8)


class TestAvif:
    def test_it_is_read_as_it_was_written(self, smooth: Any) -> None:
        data = save(smooth, "AVIF", quality=95)
        image, header = decode_image(data), decode_header(data)
        assert (image.format, image.width, image.height, image.frames, image.grey) == (
            "AVIF",
            60,
            40,
            1,
            False,
        )
        assert (header.width, header.height, header.sha256) == (60, 40, image.sha256)
        assert np.abs(image.pixels.astype(int) - smooth).mean() < 3
        assert "AVIF" in FORMATS

    @pytest.mark.parametrize("turn", range(1, 9))
    def test_it_is_turned_once(self, smooth: Any, turn: int) -> None:
        exif = PIL.Image.Exif()
        exif[0x0112] = turn
        wanted = decode_image(
            save(smooth, "PNG", exif=exif)
        )  # first: AVIF takes the tag out of the block
        image = decode_image(save(smooth, "AVIF", exif=exif, quality=95))
        assert image.pixels.shape == wanted.pixels.shape
        assert np.abs(image.pixels.astype(int) - wanted.pixels).mean() < 3

    def test_the_limit_holds_before_decoding(
        self, smooth: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = save(smooth, "AVIF")
        assert 2400 in boxes.claimed_pixels(data)
        monkeypatch.setattr(
            PIL.AvifImagePlugin.AvifImageFile, "_open", lambda self: pytest.fail("it was opened")
        )
        with pytest.raises(UnsafeFileError, match="at most 2399 pixels, got 2400") as caught:
            decode_image(data, limits=Limits(max_pixels=2399))
        assert caught.value.status == "too_large"

    def test_frames_cuts_and_damage(self, hostile: ModuleType, smooth: Any) -> None:
        assert decode_image(hostile.animated("AVIF")).frames == 3
        data = save(smooth, "AVIF")
        for length in range(16, len(data), 37):
            with pytest.raises(ReadError) as caught:
                decode_image(data[:length])
            assert caught.value.status in ("truncated", "corrupt")

    def test_a_pillow_without_it_is_named(
        self, smooth: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = save(smooth, "AVIF")
        monkeypatch.setattr(PIL.AvifImagePlugin, "SUPPORTED", False)
        with pytest.raises(
            ReadError, match=r"AVIF image, and Pillow .*\n\nhint: .*pillow>=11.3"
        ) as caught:
            decode_image(data)
        assert caught.value.status == "unsupported_format"

    def test_color_by_numbers_is_noted(self, smooth: Any) -> None:
        data = save(smooth, "AVIF")
        place = data.index(b"nclx") + 4
        assert decode_image(data).notes == ()
        told = data[:place] + struct.pack(">HH", 12, 16) + data[place + 4 :]
        assert decode_image(told).notes == ("profile_ignored=primaries 12, transfer 16",)


@pytest.mark.parametrize(
    ("brand", "named"), [(b"heic", "HEIC"), (b"heix", "HEIC"), (b"crx ", "camera raw")]
)
@pytest.mark.parametrize("place", ["major", "compatible"])
def test_other_boxes_are_named(brand: bytes, named: str, place: str) -> None:
    major, other = (brand, b"miaf") if place == "major" else (b"mif1", brand)
    data = struct.pack(">I", 24) + b"ftyp" + major + bytes(4) + other + b"miaf" + bytes(100)
    with pytest.raises(ReadError, match=named) as caught:
        decode_image(data)
    assert caught.value.status == "unsupported_format"
    assert ("pillow-heif" in str(caught.value)) == (named == "HEIC")


def test_jpeg_xl_and_strange_boxes() -> None:
    with pytest.raises(ReadError, match="JPEG XL"):
        decode_image(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30))
    video = struct.pack(">I", 16) + b"ftypisom" + bytes(40)
    with pytest.raises(ReadError, match="This is a video, not an image") as caught:
        decode_image(video)
    assert caught.value.status == "unsupported_format"
    loop = (
        struct.pack(">I4s", 16, b"ftyp")
        + b"avif"
        + bytes(4)
        + struct.pack(">I4s", 8, b"meta") * 50_000
    )
    assert boxes.claimed_pixels(loop) == []


def ifd(order: str, entries: dict[int, tuple[int, int]], following: int = 0) -> bytes:
    """A TIFF directory of (type, value) entries with one value each, in file order."""
    body = b"".join(
        struct.pack(order + "HHI", tag, kind, 1)
        + (struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value))
        for tag, (kind, value) in sorted(entries.items())
    )
    return struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following)


def raw_like(
    order: str, photometric: int, *, below: bool, extra: dict[int, tuple[int, int]] | None = None
) -> bytes:
    """A TIFF whose first picture is a preview of 2 x 2 grey pixels, the main one of `photometric`
    in a directory below it or behind it."""
    head = (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(order + "I", 12)
        + bytes([9, 9, 9, 9])
    )
    preview = {
        0xFE: (4, 1), 0x100: (3, 2), 0x101: (3, 2), 0x102: (3, 8), 0x103: (3, 1), 0x106: (3, 1),
        0x111: (4, 8), 0x115: (3, 1), 0x116: (3, 2), 0x117: (4, 4), **(extra or {}),
    }  # fmt: skip
    if below:
        preview[0x14A] = (4, 0)
    place = 12 + len(ifd(order, preview))
    if below:
        preview[0x14A] = (4, place)
    main = {0xFE: (4, 0), 0x100: (3, 6000), 0x101: (3, 4000), 0x106: (3, photometric)}
    return head + ifd(order, preview, 0 if below else place) + ifd(order, main)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize("photometric", [32803, 34892])
def test_a_preview_in_front_of_a_mosaic_is_no_photograph(
    order: str, below: bool, photometric: int
) -> None:
    data = raw_like(order, photometric, below=below)
    with pytest.raises(ReadError, match=r"camera raw file .*preview") as caught:
        decode_image(data)
    assert caught.value.status == "unsupported_format"
    with pytest.raises(ReadError, match="camera raw"):
        decode_header(data)


def test_several_directories_below_are_all_looked_at() -> None:
    """As Nikon writes it: a large preview below the first directory, and the mosaic after that."""
    order, preview = "<", {0x100: (3, 2), 0x101: (3, 2), 0x106: (3, 6)}
    second = ifd(order, {0x100: (3, 6000), 0x106: (3, 32803)})
    first = 8 + 2 + 4 * 12 + 4
    places = first + 8
    body = struct.pack("<H", 4)
    for tag, kind, count, value in (
        (0x100, 3, 1, 2),
        (0x101, 3, 1, 2),
        (0x106, 3, 1, 2),
        (0x14A, 4, 2, first),
    ):
        body += struct.pack("<HHII", tag, kind, count, value)
    below = struct.pack("<II", places, places + len(ifd(order, preview)))
    data = b"II*\0" + struct.pack("<I", 8) + body + bytes(4) + below + ifd(order, preview) + second
    told = refused(data, "TIFF")
    assert told is not None
    assert "mosaic" in told[0]


def test_marked_raw_files_are_named() -> None:
    dng = raw_like("<", 2, below=False, extra={0xC612: (1, 1)})
    for data, maker in (
        (dng, "DNG"),
        (b"II*\0" + struct.pack("<I", 16) + b"CR\2\0" + bytes(60), "Canon"),
        (b"IIU\0" + bytes(60), "Panasonic"),
        (b"IIRO" + bytes(60), "Olympus"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(60), "Fujifilm"),
    ):
        with pytest.raises(ReadError, match=f"camera raw file .{maker}"):
            decode_image(data)


def test_a_tiff_with_a_thumbnail_is_still_a_photograph(hostile: ModuleType, smooth: Any) -> None:
    assert decode_image(hostile.animated("TIFF")).frames == 3
    data = raw_like("<", 2, below=True)
    assert decode_image(data).pixels[0, 0].tolist() == [9, 9, 9]
    for compression in ("raw", "tiff_lzw", "jpeg"):
        image = decode_image(save(smooth, "TIFF", compression=compression))
        assert np.abs(image.pixels.astype(int) - smooth).mean() < 4


class TestMotionPhotos:
    @pytest.fixture
    def still(self, smooth: Any) -> bytes:
        return save(smooth, "JPEG")

    def test_a_video_behind_the_image_has_no_scans(
        self, still: bytes, rng: np.random.Generator
    ) -> None:
        tail = rng.integers(0, 256, 2_000_000, np.uint8).tobytes() + b"\xff\xda" * 300
        image = decode_image(still + tail)
        np.testing.assert_array_equal(image.pixels, decode_image(still).pixels)

    def test_data_in_front_of_the_image_has_none_either(self, still: bytes) -> None:
        piece = b"\xff\xda\0\x0c" * 15_000
        segment = b"\xff\xe4" + struct.pack(">H", len(piece) + 2) + piece
        image = decode_image(still[:2] + segment * 9 + still[2:])
        np.testing.assert_array_equal(image.pixels, decode_image(still).pixels)

    def test_scans_of_the_image_itself_still_count(self, still: bytes) -> None:
        scan = still.rindex(b"\xff\xda")
        with pytest.raises(UnsafeFileError, match="at most 100 scans, got 151"):
            decode_image(still[:-2] + still[scan:-2] * 150 + still[-2:] + bytes(5000))

    def test_a_second_picture_is_not_the_first_one(self, hostile: ModuleType) -> None:
        pictures = [PIL.Image.new("RGB", (16, 16), (60 * i, 0, 0)) for i in (1, 2)]
        stream = io.BytesIO()
        pictures[0].save(stream, format="MPO", save_all=True, append_images=pictures[1:])
        assert abs(int(decode_image(stream.getvalue()).pixels[0, 0, 0]) - 60) < 4

    def test_a_cut_image_is_truncated_whatever_follows_it(self, still: bytes) -> None:
        assert decode_image(still).pixels.shape == (40, 60, 3)
        with pytest.raises(ReadError) as caught:
            decode_image(still[: len(still) // 2])
        assert caught.value.status == "truncated"
