"""Color profiles: against the colorimetry of a profile worked out by hand, and what cannot be
used."""

from __future__ import annotations

import io
import re
import struct
import zlib
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from fiqa.data.images import decode_image
from fiqa.vocabulary import NOTES

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
D50 = (0.3457, 0.3585)


def save(array: Any, form: str, **options: Any) -> bytes:
    picture = array if isinstance(array, PIL.Image.Image) else PIL.Image.fromarray(array)
    stream = io.BytesIO()
    picture.save(stream, format=form, **options)
    return stream.getvalue()


def as_srgb(values: Any, matrix: Any, gamma: float, srgb: Any) -> Any:
    """Colors (N,3) 0..255 of a matrix profile in sRGB, by the book."""
    linear = (values / 255.0) ** gamma @ matrix.T @ np.linalg.inv(srgb).T
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.fixture
def skin(rng: np.random.Generator) -> Any:
    """Colors (10,10,3) well inside of every gamut here."""
    return (rng.uniform(0.6, 1.0, (10, 10, 1)) * np.array([190, 150, 125])).astype(np.uint8)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "AVIF", "JPEG"])
@pytest.mark.parametrize(
    ("primaries", "white", "gamma", "name"),
    [
        (P3, (0.3127, 0.3290), 2.2, "Display P3"),
        (ADOBE, (0.3127, 0.3290), 2.2, "Adobe RGB (1998)"),
        (PROPHOTO, D50, 1.8, "ProPhoto"),
        (((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), (0.3127, 0.3290), 1.0, "linear"),
    ],
)
def test_profiles_come_out_as_srgb(
    hostile: ModuleType, skin: Any, form: str, primaries: Any, white: Any, gamma: float, name: str
) -> None:
    profile = hostile.profile(primaries, gamma, white=white, name=name)
    options: dict[str, Any] = {"WEBP": {"lossless": True}}.get(form, {})
    lossy = form in ("AVIF", "JPEG")
    pixels = np.full_like(skin, (170, 140, 115)) if lossy else skin
    image = decode_image(save(pixels, form, icc_profile=profile, **options))
    wanted = as_srgb(
        pixels.reshape(-1, 3),
        hostile.colorants(primaries, white),
        round(gamma * 256) / 256,
        hostile.colorants(hostile.SRGB),
    )
    np.testing.assert_allclose(image.pixels.reshape(-1, 3), wanted, atol=6 if lossy else 1.6)
    assert image.notes == (f"profile_converted={name}",)
    assert np.abs(wanted - pixels.reshape(-1, 3)).max() > 5, "the profile does something"


def test_srgb_is_left_alone_to_the_bit(hostile: ModuleType, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (9, 9, 3), np.uint8)
    known = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    image = decode_image(save(pixels, "PNG", icc_profile=known))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.notes == ()


def test_a_grey_profile_and_alpha(hostile: ModuleType) -> None:
    linear = hostile.profile(None, 1.0, grey=True, name="linear grey")
    image = decode_image(save(np.full((3, 3), 55, np.uint8), "PNG", icc_profile=linear))
    assert image.grey
    assert image.pixels[0, 0].tolist() == [128] * 3  # 55/255 is 21.6 % of the light
    assert image.notes == ("profile_converted=linear grey",)
    clear = np.zeros((3, 3, 4), np.uint8)
    profile = hostile.profile(hostile.SRGB, 1.0, name="linear")
    assert decode_image(save(clear, "PNG", icc_profile=profile)).pixels[0, 0].tolist() == [128] * 3


@pytest.mark.parametrize("how", ["noise", "cut", "black", "lab"])
def test_a_broken_profile_is_ignored_with_a_note(hostile: ModuleType, skin: Any, how: str) -> None:
    whole = hostile.profile(P3, 2.2)
    bad = {
        "noise": bytes(range(1, 200)),
        "cut": whole[:200],
        "black": re.sub(rb"XYZ \0{4}(?!\0\0\xf6).{12}", b"XYZ " + bytes(16), whole, flags=re.S),
        "lab": PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("LAB")).tobytes(),
    }[how]
    image = decode_image(save(skin, "PNG", icc_profile=bad))
    np.testing.assert_array_equal(image.pixels, skin)
    (note,) = image.notes
    assert note == "profile_ignored=" + ("of Lab samples" if how == "lab" else "broken")
    assert note.split("=")[0] in NOTES


def test_a_profile_of_light_on_ink_is_ignored(hostile: ModuleType) -> None:
    ink = PIL.Image.new("CMYK", (4, 4), (0, 128, 128, 0))
    plain = decode_image(save(ink, "TIFF"))
    wrong = decode_image(save(ink, "TIFF", icc_profile=hostile.profile(P3, 2.2)))
    np.testing.assert_array_equal(wrong.pixels, plain.pixels)
    assert plain.notes == ()
    assert wrong.notes[0].startswith("profile_ignored=")


def ink_profile() -> bytes:
    """An ICC profile of CMYK by a table of its 16 corners: paper white, full cyan a middle grey,
    any other ink black."""
    corners = {(0, 0, 0, 0): 255, (1, 0, 0, 0): 128}
    lab = bytes(
        v for c in range(2) for m in range(2) for y in range(2) for k in range(2)
        for v in (corners.get((c, m, y, k), 0), 128, 128)
    )  # fmt: skip
    ramp = bytes(range(256))
    unit = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + 4 * ramp + lab + 3 * ramp
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", 4) + b"ink\0" + bytes(78)),
        (b"wtpt", b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)),
        (b"A2B0", table),
    ]
    index, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for kind, content in tags:
        content += bytes(-len(content) % 4)
        index += kind + struct.pack(">II", start + len(body), len(content))
        body += content
    whole = struct.pack(">I", len(tags)) + index + body
    head = struct.pack(">I4sI4s4s4s", 128 + len(whole), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += (
        struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
        + bytes(28)
        + struct.pack(">3i", 63190, 65536, 54061)
    )
    return head + bytes(128 - len(head)) + whole


def test_ink_is_converted_by_its_own_profile() -> None:
    profile = ink_profile()
    for form in ("TIFF", "JPEG"):
        cyan = decode_image(
            save(PIL.Image.new("CMYK", (8, 8), (255, 0, 0, 0)), form, icc_profile=profile)
        )
        np.testing.assert_allclose(cyan.pixels, 119, atol=3)  # L* 50 is 119 in sRGB
        assert cyan.notes == ("profile_converted=ink",)
    paper = decode_image(save(PIL.Image.new("CMYK", (8, 8)), "TIFF", icc_profile=profile))
    assert paper.pixels.min() >= 254
    ink_on_light = decode_image(save(np.full((4, 4, 3), 90, np.uint8), "PNG", icc_profile=profile))
    assert ink_on_light.pixels[0, 0].tolist() == [90] * 3
    assert ink_on_light.notes == ("profile_ignored=of ink, not of light",)


def boxed(profile: bytes, pixels: Any, method: int = 2) -> bytes:
    """A JPEG 2000 file with `profile` in its color box instead of a number."""
    data = save(pixels, "JPEG2000", irreversible=False)
    color, header = data.find(b"colr") - 4, data.find(b"jp2h") - 4
    size, outer = (struct.unpack_from(">I", data, place)[0] for place in (color, header))
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", method, 0, 0) + profile
    data = data[:color] + box + data[color + size :]
    return data[:header] + struct.pack(">I", outer + len(box) - size) + data[header + 4 :]


def extended(profile: bytes, pixels: Any) -> bytes:
    """A GIF with `profile` in the ICC's extension."""
    data = save(PIL.Image.fromarray(pixels).quantize(256), "GIF")
    place = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    parts = [profile[i : i + 255] for i in range(0, len(profile), 255)]
    body = b"".join(bytes([len(part)]) + part for part in parts)
    return data[:place] + b"\x21\xff\x0bICCRGBG1012" + body + b"\0" + data[place:]


def fifth(profile: bytes, pixels: Any, kind: bytes = b"DEBM", gamma: int = 0) -> bytes:
    """A BMP of version 5 with `profile` behind its pixels."""
    plain = save(pixels, "BMP")
    rows = plain[54:]
    head = bytearray(plain[14:54] + bytes(84))
    struct.pack_into("<I", head, 0, 124)
    head[56:60] = kind
    struct.pack_into("<3I", head, 96, gamma, gamma, gamma)
    struct.pack_into("<II", head, 112, 124 + len(rows), len(profile))
    whole = bytes(head) + rows + profile
    return b"BM" + struct.pack("<IHHI", 14 + len(whole), 0, 0, 138) + whole


@pytest.mark.parametrize("wrap", [boxed, extended, fifth])
def test_profiles_that_the_decoder_passes_over_are_converted_too(
    hostile: ModuleType, skin: Any, wrap: Any
) -> None:
    linear = hostile.profile(hostile.SRGB, 1.0, name="linear")
    plain = {boxed: "JPEG2000", fifth: "BMP"}.get(wrap)
    source = save(skin, plain) if plain else save(PIL.Image.fromarray(skin).quantize(256), "GIF")
    before = decode_image(source)
    assert before.notes == ()
    image = decode_image(wrap(linear, skin))
    wanted = as_srgb(before.pixels.reshape(-1, 3), np.eye(3), 1.0, np.eye(3))
    np.testing.assert_allclose(image.pixels.reshape(-1, 3), wanted, atol=1.6)
    assert image.notes == ("profile_converted=linear",)
    cut = decode_image(wrap(linear[:150], skin))
    np.testing.assert_array_equal(cut.pixels, before.pixels)
    assert cut.notes == ("profile_ignored=broken",)


def test_a_color_box_that_is_no_profile(skin: Any) -> None:
    def notes(method: int, space: int) -> tuple[str, ...]:
        return decode_image(boxed(struct.pack(">I", space), skin, method)).notes

    assert notes(1, 16) == notes(1, 18) == ()
    assert notes(1, 21) == ("profile_ignored=color space 21",)
    assert notes(5, 0) == ("profile_ignored=color by method 5",)
    stream = save(skin, "JPEG2000", no_jp2=True)
    assert stream[:2] == b"\xff\x4f"
    assert decode_image(stream).notes == ()


def test_a_bmp_that_is_calibrated_or_names_a_profile(skin: Any) -> None:
    def notes(kind: bytes, gamma: int = 0) -> tuple[str, ...]:
        return decode_image(fifth(b"", skin, kind, gamma)).notes

    assert notes(b"BGRs") == notes(bytes(4)) == ()
    assert notes(bytes(4), 65536) == ("profile_ignored=calibrated",)
    assert notes(b"KNIL") == ("profile_ignored=a profile outside the file",)


@pytest.mark.parametrize("space", ["grey", "color", "ink"])
@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "RGB", "RGBA", "P", "CMYK"])
def test_a_profile_is_used_for_its_own_kind_of_samples(
    hostile: ModuleType, mode: str, space: str
) -> None:
    profile = {
        "grey": hostile.profile(None, 1.0, grey=True),
        "color": hostile.profile(hostile.SRGB, 1.0),
        "ink": ink_profile(),
    }[space]
    values = np.full((4, 4), 20_000, np.uint16) if mode == "I;16" else None
    light = PIL.Image.new("RGB", (4, 4), (120, 70, 60))
    picture = light.convert(mode) if values is None else PIL.Image.fromarray(values)
    form = "TIFF" if mode == "CMYK" else "PNG"
    plain = decode_image(save(picture, form))
    image = decode_image(save(picture, form, icc_profile=profile))
    own = "grey" if mode in ("L", "LA", "I;16") else "ink" if mode == "CMYK" else "color"
    (note,) = image.notes
    assert note.startswith("profile_converted=" if space == own else "profile_ignored=of ")
    assert np.array_equal(image.pixels, plain.pixels) == (space != own)


def test_a_profile_of_the_wrong_kind_that_changes_nothing_is_no_matter(skin: Any) -> None:
    known = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    assert decode_image(save(skin[..., 0], "JPEG", icc_profile=known)).notes == ()


def test_a_profile_that_is_not_whole_or_too_large(hostile: ModuleType, skin: Any) -> None:
    profile = hostile.profile(P3, 2.2) + bytes(140_000)
    whole = save(skin, "JPEG", icc_profile=profile)
    last = whole.rfind(b"\xff\xe2")
    lacking = whole[:last] + whole[last + 2 + int.from_bytes(whole[last + 2 : last + 4], "big") :]
    assert decode_image(lacking).notes == ("profile_ignored=broken",)
    large = save(skin, "TIFF", icc_profile=profile + bytes(8 * 2**20))
    assert decode_image(large).notes == ("profile_ignored=above 8 MiB",)


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]


def test_a_png_that_tells_its_color_by_number_or_primaries(skin: Any) -> None:
    png = save(skin, "PNG")
    p3 = with_chunk(png, b"cICP", bytes([12, 13, 0, 1]))
    assert decode_image(p3).notes == ("profile_ignored=primaries 12, transfer 13",)
    assert decode_image(with_chunk(png, b"cICP", bytes([1, 13, 0, 1]))).notes == ()
    usual = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    wide = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    assert decode_image(with_chunk(png, b"cHRM", usual)).notes == ()
    told = with_chunk(png, b"cHRM", wide)
    assert decode_image(told).notes == ("profile_ignored=primaries of its own",)
    assert decode_image(with_chunk(told, b"sRGB", b"\0")).notes == ()


def test_color_of_exif_without_an_index_is_noted(skin: Any) -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif[0x0131] = "a program"  # without a tag outside of EXIF's own, Pillow writes none
    for form in ("JPEG", "PNG", "WEBP", "AVIF"):
        image = decode_image(save(skin, form, exif=exif))
        assert image.notes == ("profile_ignored=uncalibrated by EXIF",)


def test_color_of_a_tiff_s_own_exif_is_noted() -> None:
    def grey(space: int) -> bytes:
        tags = (
            (0x100, 4), (0x101, 4), (0x102, 8), (0x103, 1), (0x106, 1), (0x111, 8), (0x115, 1),
            (0x116, 4), (0x117, 16), (0x8769, 24 + 2 + 10 * 12 + 4),
        )  # fmt: skip
        main, inner = (
            struct.pack("<H", len(entries))
            + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
            + bytes(4)
            for entries in (tags, ((0xA001, space),))
        )
        return b"II*\0" + struct.pack("<I", 24) + bytes(16) + main + inner

    assert decode_image(grey(1)).notes == ()
    assert decode_image(grey(2)).notes == ("profile_ignored=Adobe RGB by EXIF",)


def test_color_that_is_told_without_a_profile_is_noted(skin: Any) -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 2
    assert decode_image(save(skin, "JPEG", exif=exif)).notes == (
        "profile_ignored=Adobe RGB by EXIF",
    )
    camera = PIL.Image.Exif()
    camera.get_ifd(0x8769)[0xA001] = 65535
    camera.get_ifd(0x8769)[0xA005] = {1: "R03"}
    assert decode_image(save(skin, "JPEG", exif=camera)).notes == (
        "profile_ignored=Adobe RGB by EXIF",
    )
    usual = PIL.Image.Exif()
    usual.get_ifd(0x8769)[0xA001] = 1
    assert decode_image(save(skin, "JPEG", exif=usual)).notes == ()
    png = save(skin, "PNG")
    head = 8 + 25
    for gamma, notes in ((100_000, ("profile_ignored=gamma 1",)), (45_455, ())):
        chunk = b"gAMA" + struct.pack(">I", gamma)
        told = (
            png[:head]
            + struct.pack(">I", 4)
            + chunk
            + struct.pack(">I", zlib.crc32(chunk))
            + png[head:]
        )
        assert decode_image(told).notes == notes
