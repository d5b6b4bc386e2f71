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
